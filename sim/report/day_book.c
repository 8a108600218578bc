#include "sim/report/day_book.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"
#include "engine/model/units.h"

#define QUEUED_MPS 1.39               // 5 km/h
#define REACH_M 60.0                  // before a stop line: there the Purdue diagram's detector stands
#define LOOK_MS 1000
#define TRACK_MS 2000                 // between two points of a vehicle's way

static void approaches_find(struct day_book *book)
{
    const struct network *network = book->network;
    book->approach_of_link = memory_take((size_t)network->link_count, sizeof *book->approach_of_link);
    book->approach_link = memory_take((size_t)network->link_count, sizeof *book->approach_link);
    for (int32_t l = 0; l < network->link_count; l++) {
        const struct link *link = &network->links[l];
        bool signal = false;
        for (int32_t lane = link->first_lane; lane < link->first_lane + link->lane_count; lane++) {
            const struct lane *from = &network->lanes[lane];
            for (int32_t c = from->first_connection; c < from->first_connection + from->connection_count; c++) {
                signal = signal || network->connections[c].group != INDEX_NONE;
            }
        }
        book->approach_of_link[l] = signal ? book->approach_count : INDEX_NONE;
        if (signal) {
            book->approach_link[book->approach_count++] = l;
        }
    }
}

struct day_book *day_book_create(const struct network *network, int64_t begin_ms, int64_t end_ms,
                                 const struct corridor *corridors, int32_t corridor_count)
{
    assert(end_ms > begin_ms);
    struct day_book *book = memory_take(1, sizeof *book);
    book->network = network;
    book->begin_ms = begin_ms;
    book->end_ms = end_ms;
    int64_t span_ms = end_ms - begin_ms, minute_ms = DAY_PERIOD_S_MIN * MS_PER_S;
    book->period_ms = quantum_ceil((span_ms + DAY_PERIOD_COUNT_MAX - 1) / DAY_PERIOD_COUNT_MAX, minute_ms);
    book->period_count = (int32_t)((span_ms + book->period_ms - 1) / book->period_ms);
    book->window_ms = begin_ms + (span_ms > WINDOW_S * MS_PER_S ? (span_ms - WINDOW_S * MS_PER_S) / 2 : 0);
    approaches_find(book);
    book->approaches = memory_take((size_t)book->approach_count * (size_t)book->period_count,
                                   sizeof *book->approaches);
    book->periods = memory_take((size_t)book->period_count, sizeof *book->periods);
    book->groups = memory_take((size_t)network->group_count, sizeof *book->groups);
    book->sensors = memory_take((size_t)network->detector_count + (size_t)network->camera_count,
                                sizeof *book->sensors);
    for (int32_t i = 0; i < network->detector_count + network->camera_count; i++) {
        book->sensors[i].last_ms = begin_ms;
    }
    book->first_of_lane = memory_take((size_t)network->lane_count + 1, sizeof *book->first_of_lane);
    book->aspects_before = memory_take((size_t)network->group_count, 1);
    book->since_ms = memory_take((size_t)network->group_count, sizeof *book->since_ms);
    book->last_in_queue = memory_take((size_t)network->lane_count, sizeof *book->last_in_queue);
    book->passages_before = memory_take((size_t)network->connection_count, sizeof *book->passages_before);
    for (int32_t g = 0; g < network->group_count; g++) {
        book->since_ms[g] = begin_ms;
    }
    for (int32_t l = 0; l < network->lane_count; l++) {
        book->last_in_queue[l] = INDEX_NONE;
    }
    for (int32_t c = 0; c < corridor_count; c++) {
        book->corridors[c].corridor = corridors[c];
    }
    book->corridor_count = corridor_count > 0 ? corridor_count : 0;
    book->corridors_wanted = corridor_count == 0;
    return book;
}

void day_book_release(struct day_book *book)
{
    if (book == NULL) {
        return;
    }
    for (int32_t c = 0; c < CORRIDOR_COUNT_MAX; c++) {
        free(book->corridors[c].tracks.at);
        free(book->corridors[c].greens.at);
        free(book->corridors[c].reached.at);
        free(book->was_before[c].at);
    }
    free(book->approach_of_link);
    free(book->approach_link);
    free(book->approaches);
    free(book->periods);
    free(book->groups);
    free(book->sensors);
    free(book->window_greens.at);
    free(book->views);
    free(book->first_of_lane);
    free(book->aspects_before);
    free(book->since_ms);
    free(book->last_in_queue);
    free(book->passages_before);
    free(book);
}

static struct approach_period *approach_now(struct day_book *book, int32_t approach, int32_t period)
{
    return &book->approaches[(size_t)approach * (size_t)book->period_count + (size_t)period];
}

struct approach_period day_book_approach(const struct day_book *book, int32_t approach)
{
    struct approach_period sum = { 0 };
    for (int32_t p = 0; p < book->period_count; p++) {
        const struct approach_period *at =
            &book->approaches[(size_t)approach * (size_t)book->period_count + (size_t)p];
        sum.passages += at->passages;
        sum.queue_max = at->queue_max > sum.queue_max ? at->queue_max : sum.queue_max;
        sum.greens += at->greens;
        sum.failures += at->failures;
        sum.delay_s += at->delay_s;
        sum.queue_s += at->queue_s;
        sum.green_s += at->green_s;
    }
    return sum;
}

// ---- vehicles ---------------------------------------------------------------------------------------------------

static void vehicles_list(struct day_book *book, const struct street *street)
{
    int64_t under_way = street_counts(street)->under_way;
    if (under_way > book->view_capacity) {
        free(book->views);
        book->view_capacity = (int32_t)under_way + (int32_t)(under_way / 2);
        book->views = memory_take((size_t)book->view_capacity, sizeof *book->views);
    }
    book->view_count = street_list_vehicles(street, book->views, book->view_capacity);
    int32_t at = 0;
    for (int32_t lane = 0; lane <= book->network->lane_count; lane++) {
        while (at < book->view_count && book->views[at].lane < lane) {
            at++;
        }
        book->first_of_lane[lane] = at;
    }
}

static bool on_lane(const struct vehicle_view *view)
{
    return view->connection == INDEX_NONE;
}

static void period_look(struct day_book *book, const struct street *street, int32_t period, double dt_s)
{
    const struct street_counts *counts = street_counts(street);
    struct day_period *now = &book->periods[period];
    double speed = 0.0;
    int64_t queued = 0;
    for (int32_t i = 0; i < book->view_count; i++) {
        speed += book->views[i].speed_mps;
        queued += book->views[i].speed_mps < QUEUED_MPS;
    }
    double share = dt_s / s_from_ms(book->period_ms);
    now->under_way += share * (double)counts->under_way;
    now->waiting += share * (double)counts->waiting;
    now->queued += share * (double)queued;
    now->speed_mps += share * (book->view_count > 0 ? speed / book->view_count : 0.0);
    now->arrived = counts->arrived;
}

static void queues_look(struct day_book *book, int32_t period, double dt_s)
{
    for (int32_t a = 0; a < book->approach_count; a++) {
        const struct link *link = &book->network->links[book->approach_link[a]];
        int32_t queue = 0;
        int32_t first = book->first_of_lane[link->first_lane];
        for (int32_t i = first; i < book->first_of_lane[link->first_lane + link->lane_count]; i++) {
            queue += on_lane(&book->views[i]) && book->views[i].speed_mps < QUEUED_MPS;
        }
        struct approach_period *now = approach_now(book, a, period);
        now->queue_max = queue > now->queue_max ? queue : now->queue_max;
        now->queue_s += queue * dt_s;
    }
}

static void passages_look(struct day_book *book, const struct street *street, int32_t period)
{
    const struct network *network = book->network;
    const struct passage_totals *passages = street_passages(street);
    for (int32_t c = 0; c < network->connection_count; c++) {
        int32_t approach = book->approach_of_link[network->lanes[network->connections[c].from_lane].link];
        struct passage_totals *before = &book->passages_before[c];
        if (approach != INDEX_NONE && passages[c].passages != before->passages) {
            struct approach_period *now = approach_now(book, approach, period);
            now->passages += (int32_t)(passages[c].passages - before->passages);
            now->delay_s += passages[c].loss_s - before->loss_s;
        }
        *before = passages[c];
    }
}

// ---- lamps ------------------------------------------------------------------------------------------------------

// The last vehicle of a lane that stands, or INDEX_NONE.
static int32_t tail_of_queue(const struct day_book *book, int32_t lane)
{
    int32_t last = INDEX_NONE;
    for (int32_t i = book->first_of_lane[lane]; i < book->first_of_lane[lane + 1]; i++) {
        if (on_lane(&book->views[i]) && book->views[i].speed_mps < QUEUED_MPS) {
            last = book->views[i].number;
        }
    }
    return last;
}

static bool still_there(const struct day_book *book, int32_t lane, int32_t number)
{
    for (int32_t i = book->first_of_lane[lane]; i < book->first_of_lane[lane + 1]; i++) {
        if (book->views[i].number == number && on_lane(&book->views[i])) {
            return true;
        }
    }
    return false;
}

// Each lane that a group lets go: once, although it may have several connections there.
static void green_turned(struct day_book *book, int32_t group, int32_t period, bool begins)
{
    const struct network *network = book->network;
    const struct signal_group *at = &network->groups[group];
    int32_t lane_before = INDEX_NONE;
    for (int32_t m = at->first_member; m < at->first_member + at->member_count; m++) {
        int32_t lane = network->connections[network->group_members[m]].from_lane;
        int32_t approach = book->approach_of_link[network->lanes[lane].link];
        if (lane == lane_before || approach == INDEX_NONE) {
            continue;
        }
        lane_before = lane;
        if (begins) {
            book->last_in_queue[lane] = tail_of_queue(book, lane);
        } else {
            struct approach_period *now = approach_now(book, approach, period);
            now->greens++;
            now->failures += book->last_in_queue[lane] != INDEX_NONE
                && still_there(book, lane, book->last_in_queue[lane]);
            book->last_in_queue[lane] = INDEX_NONE;
        }
    }
}

static bool is_green(uint8_t aspect)
{
    return aspect == ASPECT_GREEN;
}

static void corridor_green(struct day_book *book, int32_t group, int64_t start_ms, int64_t end_ms)
{
    double from_s = s_from_ms(start_ms - book->window_ms), to_s = s_from_ms(end_ms - book->window_ms);
    if (to_s <= 0.0 || from_s >= WINDOW_S) {
        return;
    }
    for (int32_t c = 0; c < book->corridor_count; c++) {
        struct corridor_book *at = &book->corridors[c];
        for (int32_t s = 0; s < at->corridor.signal_count; s++) {
            if (at->corridor.signals[s].group == group) {
                *GROW(at->greens) = (struct shown_green){ .signal = s, .start_s = from_s, .end_s = to_s };
            }
        }
    }
}

static void window_green(struct day_book *book, int32_t group, int64_t start_ms, int64_t end_ms)
{
    double from_s = s_from_ms(start_ms - book->window_ms), to_s = s_from_ms(end_ms - book->window_ms);
    if (to_s > 0.0 && from_s < WINDOW_S) {
        *GROW(book->window_greens) = (struct group_green){ .group = group, .start_s = (float)from_s,
            .end_s = (float)to_s };
    }
}

static void groups_look(struct day_book *book, const uint8_t *aspects, int64_t now_ms, int32_t period)
{
    for (int32_t g = 0; g < book->network->group_count; g++) {
        bool green = is_green(aspects[g]), was = is_green(book->aspects_before[g]);
        if (green == was) {
            continue;
        }
        double lasted_s = s_from_ms(now_ms - book->since_ms[g]);
        struct group_book *at = &book->groups[g];
        if (was) {
            at->greens++;
            at->green_s += lasted_s;
            corridor_green(book, g, book->since_ms[g], now_ms);
            window_green(book, g, book->since_ms[g], now_ms);
        } else {
            at->red_s_max = fmax(at->red_s_max, lasted_s);
            at->red_squares_s2 += lasted_s * lasted_s;
        }
        green_turned(book, g, period, green);
        book->since_ms[g] = now_ms;
        book->aspects_before[g] = aspects[g];
    }
}

// Lane-seconds of green: a lane is open while any of its groups is green.
static void open_lanes_look(struct day_book *book, const uint8_t *aspects, int32_t period, double dt_s)
{
    const struct network *network = book->network;
    for (int32_t a = 0; a < book->approach_count; a++) {
        const struct link *link = &network->links[book->approach_link[a]];
        int32_t open = 0;
        for (int32_t l = link->first_lane; l < link->first_lane + link->lane_count; l++) {
            const struct lane *lane = &network->lanes[l];
            bool any = false;
            for (int32_t c = lane->first_connection; c < lane->first_connection + lane->connection_count; c++) {
                int32_t group = network->connections[c].group;
                any = any || (group != INDEX_NONE && is_green(aspects[group]));
            }
            open += any;
        }
        approach_now(book, a, period)->green_s += open * dt_s;
    }
}

// ---- corridors --------------------------------------------------------------------------------------------------

// A number of the look before that is here again: it did not come just now.
static bool was_there(const struct day_book *book, int32_t corridor, int32_t number)
{
    for (int32_t i = 0; i < book->was_before[corridor].count; i++) {
        if (book->was_before[corridor].at[i] == number) {
            return true;
        }
    }
    return false;
}

static void tracks_look(struct day_book *book, int32_t c, double t_s)
{
    struct corridor_book *at = &book->corridors[c];
    const struct corridor *corridor = &at->corridor;
    for (int32_t l = 0; l < corridor->link_count; l++) {
        const struct link *link = &book->network->links[corridor->link[l]];
        int32_t end = book->first_of_lane[link->first_lane + link->lane_count];
        for (int32_t i = book->first_of_lane[link->first_lane]; i < end; i++) {
            if (on_lane(&book->views[i])) {
                *GROW(at->tracks) = (struct track_point){ .number = book->views[i].number, .t_s = (float)t_s,
                    .x_m = (float)(corridor->from_m[l] + book->views[i].front_m) };
            }
        }
    }
}

static void reached_look(struct day_book *book, int32_t c, const uint8_t *aspects, double t_s)
{
    struct corridor_book *at = &book->corridors[c];
    LIST_OF(int32_t) now = { 0 };
    for (int32_t s = 0; s < at->corridor.signal_count; s++) {
        const struct corridor_signal *signal = &at->corridor.signals[s];
        const struct link *link = &book->network->links[signal->link];
        int32_t end = book->first_of_lane[link->first_lane + link->lane_count];
        for (int32_t i = book->first_of_lane[link->first_lane]; i < end; i++) {
            const struct vehicle_view *view = &book->views[i];
            if (!on_lane(view) || view->front_m < book->network->lanes[view->lane].length_m - REACH_M) {
                continue;
            }
            *GROW(now) = view->number;
            if (!was_there(book, c, view->number)) {
                *GROW(at->reached) = (struct reached){ .signal = s, .t_s = t_s,
                    .green = is_green(aspects[signal->group]) };
            }
        }
    }
    free(book->was_before[c].at);
    book->was_before[c].at = now.at;
    book->was_before[c].count = now.count;
    book->was_before[c].capacity = now.capacity;
}

static void corridors_look(struct day_book *book, const struct street *street, const uint8_t *aspects, int64_t now_ms)
{
    if (now_ms < book->window_ms || now_ms >= book->window_ms + WINDOW_S * MS_PER_S) {
        return;
    }
    if (book->corridors_wanted && now_ms - book->window_ms < LOOK_MS) {
        struct corridor found[CORRIDOR_COUNT_MAX];
        book->corridor_count = corridors_find(book->network, street_passages(street), found);
        for (int32_t c = 0; c < book->corridor_count; c++) {
            book->corridors[c].corridor = found[c];
        }
    }
    double t_s = s_from_ms(now_ms - book->window_ms);
    for (int32_t c = 0; c < book->corridor_count; c++) {
        if ((now_ms - book->window_ms) % TRACK_MS < LOOK_MS) {
            tracks_look(book, c, t_s);
        }
        reached_look(book, c, aspects, t_s);
    }
}

// ---- sensors ----------------------------------------------------------------------------------------------------

static void sensor_hear(struct sensor_book *at, int64_t end_ms, int64_t length_ms, int64_t vehicles)
{
    int64_t silent_ms = end_ms - length_ms - at->last_ms;
    at->silent_ms_max = silent_ms > at->silent_ms_max ? silent_ms : at->silent_ms_max;
    at->last_ms = end_ms > at->last_ms ? end_ms : at->last_ms;
    at->heard_ms += length_ms;
    at->vehicles += vehicles;
}

static void sensors_look(struct day_book *book, const struct observation_columns *told)
{
    if (told == NULL) {
        return;
    }
    for (int32_t i = 0; i < told->loops.count; i++) {
        sensor_hear(&book->sensors[told->loops.detector[i]], told->loops.end_ms[i], told->loops.length_ms[i],
                    told->loops.vehicles[i]);
    }
    for (int32_t i = 0; i < told->cameras.count; i++) {
        int64_t vehicles = 0;
        for (int t = 0; t < TURN_COUNT; t++) {
            vehicles += told->cameras.turned[t][i];
        }
        sensor_hear(&book->sensors[book->network->detector_count + told->cameras.camera[i]], told->cameras.end_ms[i],
                    told->cameras.length_ms[i], vehicles);
    }
}

void day_book_look(struct day_book *book, const struct closed_loop *loop)
{
    int64_t now_ms = closed_loop_now_ms(loop);
    if ((now_ms - book->begin_ms) % LOOK_MS != 0 || now_ms <= book->begin_ms) {
        return;
    }
    const struct street *street = closed_loop_street(loop);
    const uint8_t *aspects = closed_loop_aspects(loop);
    int32_t period = (int32_t)((now_ms - book->begin_ms - 1) / book->period_ms);
    period = period < book->period_count ? period : book->period_count - 1;
    double dt_s = s_from_ms(LOOK_MS);
    vehicles_list(book, street);
    period_look(book, street, period, dt_s);
    queues_look(book, period, dt_s);
    passages_look(book, street, period);
    groups_look(book, aspects, now_ms, period);
    open_lanes_look(book, aspects, period, dt_s);
    corridors_look(book, street, aspects, now_ms);
    sensors_look(book, closed_loop_told(loop));
    book->seconds += dt_s;
}

int64_t day_book_passed(const struct day_book *book, int32_t lane)
{
    const struct lane *at = &book->network->lanes[lane];
    int64_t passed = 0;
    for (int32_t c = at->first_connection; c < at->first_connection + at->connection_count; c++) {
        passed += book->passages_before[c].passages;
    }
    return passed;
}
