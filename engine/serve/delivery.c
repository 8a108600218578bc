#include "engine/serve/delivery.h"

#include <stdlib.h>

#include "engine/base/memory.h"
#include "engine/serve/fallback.h"
#include "engine/serve/journal.h"

void delivery_unsubscribe(struct channel *channel)
{
    for (int32_t i = 0; i < channel->subscription_count; i++) {
        struct subscription *one = &channel->subscriptions[i];
        if (one->back != NULL) {
            *one->back = one->next;
            if (one->next != NULL) {
                one->next->back = one->back;
            }
        }
    }
    free(channel->subscriptions);
    channel->subscriptions = NULL;
    channel->subscription_count = 0;
    if (channel->all) {
        *channel->all_back = channel->all_next;
        if (channel->all_next != NULL) {
            channel->all_next->all_back = channel->all_back;
        }
        channel->all = false;
    }
}

// Where the intersection stands among those that a controller plays, or INDEX_NONE.
static int32_t position_of(const struct indices *played, int32_t intersection)
{
    for (int32_t i = 0; i < played->count; i++) {
        if (played->at[i] == intersection) {
            return i;
        }
    }
    return INDEX_NONE;
}

// The plan as it is kept, but with the fallback table that this controller has loaded. false: send it as it is.
static bool send_plan_with_fallback(struct channel *channel, const struct plan_entry *entry)
{
    struct green greens[PLAN_GREEN_COUNT_MAX];
    struct plan plan;
    const char *field = NULL;
    const uint8_t *end = channel->loop->plan_frame + entry->frame_bytes;
    if (wire_get_plan((struct cursor){ end - entry->message_bytes, end }, greens, &plan, &field) != STATUS_OK) {
        return false;
    }
    int32_t position = position_of(&channel->session.intersections, plan.intersection);
    if (position == INDEX_NONE || !channel->fallback_loaded[position]) {
        return false;
    }
    plan.fallback = fallback_id(channel->loop->service->network, plan.intersection);
    struct frame_writer out = loop_out(channel->loop);
    if (wire_put_plan(&out, &plan) != STATUS_OK) {
        return false;
    }
    channel_send_out(channel, &out);
    return true;
}

bool delivery_send_plan(struct channel *channel, int32_t intersection)
{
    struct plan_entry entry;
    struct loop *loop = channel->loop;
    if (channel->clock_off || !plan_table_get(loop->service->table, intersection, &entry, loop->plan_frame)) {
        return false;
    }
    if (channel->fallback_loaded == NULL || !send_plan_with_fallback(channel, &entry)) {
        channel_send(channel, loop->plan_frame, entry.frame_bytes);
    }
    return true;
}

// Sends a controller the next of its fallback tables, as long as few are on their way.
void delivery_offer_fallbacks(struct channel *channel, int32_t count)
{
    const struct indices *played = &channel->session.intersections;
    const struct network *network = channel->loop->service->network;
    while (count > 0 && channel->fallback_offered < played->count) {
        int32_t intersection = played->at[channel->fallback_offered++];
        struct fallback_room room;
        struct fallback_table table;
        struct frame_writer out = loop_out(channel->loop);
        if (intersection == INDEX_NONE || network->intersections[intersection].cycle_ms <= 0) {
            continue;
        }
        fallback_table_make(network, intersection, &room, &table);
        if (wire_put_fallback_table(&out, &table) == STATUS_OK) {
            channel_send_out(channel, &out);
            count--;
        }
    }
}

void delivery_fallback_acknowledged(struct channel *channel, const struct fallback_acknowledgement *answer)
{
    struct loop *loop = channel->loop;
    const struct network *network = loop->service->network;
    const struct indices *played = &channel->session.intersections;
    int32_t position = position_of(played, answer->intersection);
    bool ours = position != INDEX_NONE && answer->fallback == fallback_id(network, answer->intersection);
    if (ours && answer->accepted) {
        if (channel->fallback_loaded == NULL) {
            channel->fallback_loaded = memory_take((size_t)played->count, sizeof *channel->fallback_loaded);
        }
        channel->fallback_loaded[position] = true;
        count_up(&loop->counts.fallbacks_loaded, 1);
    } else if (ours) {
        count_up(&loop->counts.fallbacks_refused, 1);
        if (loop_may_say(loop)) {
            journal(JOURNAL_WARNING, "%s refused the fallback table of %s: %s", channel_who(channel),
                    network_name(network, network->intersections[answer->intersection].name),
                    answer->text != NULL ? answer->text : "it does not say why");
        }
    }
    delivery_offer_fallbacks(channel, 1);
}

void delivery_push(struct channel *channel, int32_t intersection)
{
    if (channel->state == CHANNEL_OPEN && delivery_send_plan(channel, intersection)) {
        count_up(&channel->loop->counts.plans_pushed, 1);
        channel_flush(channel);
    }
}

void delivery_answer_request(struct channel *channel, const struct plan_request *request)
{
    struct loop *loop = channel->loop;
    struct plan_version version = plan_table_version(loop->service->table, request->intersection);
    // What a daemon that has just taken over read back may be older than what was sent last: that is no change either.
    if (version.epoch != 0 && plan_version_compare(version, request->held) <= 0) {
        struct plan_not_changed answer = { .request = request->request, .intersection = request->intersection,
            .version = request->held };
        struct frame_writer out = loop_out(loop);
        if (wire_put_plan_not_changed(&out, &answer) == STATUS_OK) {
            channel_send_out(channel, &out);
        }
        count_up(&loop->counts.plans_not_changed, 1);
        return;
    }
    if (delivery_send_plan(channel, request->intersection)) {
        count_up(&loop->counts.plans_pulled, 1);
        return;
    }
    channel_send_error(channel, ERROR_NO_PLAN, FRAME_PLAN_REQUEST, request->request,
               channel->clock_off ? "your clock is more than 1 s off: set it; play the fallback until then"
                                     : "there is no plan for this intersection now: play the fallback");
}

void delivery_subscribe(struct channel *channel, const struct plan_subscription *wish)
{
    struct loop *loop = channel->loop;
    const struct indices *wanted = &wish->intersections;
    delivery_unsubscribe(channel);
    if (wish->end || channel->session.role == ROLE_SIMULATOR) {
        return;   // A simulator gets every plan with each ClockReached.
    }
    if (wish->all && channel->session.role == ROLE_CONTROLLER) {
        wanted = &channel->session.intersections;
    } else if (wish->all) {
        channel->all = true;
        channel->all_next = loop->all_first;
        channel->all_back = &loop->all_first;
        if (loop->all_first != NULL) {
            loop->all_first->all_back = &channel->all_next;
        }
        loop->all_first = channel;
        for (int32_t i = 0; i < loop->service->network->intersection_count; i++) {
            delivery_send_plan(channel, i);
        }
        return;
    }
    channel->subscriptions = memory_take((size_t)wanted->count, sizeof *channel->subscriptions);
    channel->subscription_count = wanted->count;
    for (int32_t i = 0; i < wanted->count; i++) {
        if (wanted->at[i] == INDEX_NONE) {
            continue;
        }
        struct subscription *one = &channel->subscriptions[i];
        struct subscription **head = &loop->subscribers[wanted->at[i]];
        *one = (struct subscription){ .channel = channel, .next = *head, .back = head };
        if (*head != NULL) {
            (*head)->back = &one->next;
        }
        *head = one;
        delivery_send_plan(channel, wanted->at[i]);
    }
}
