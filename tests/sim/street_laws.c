#include "tests/sim/street_laws.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"
#include "engine/base/status.h"

#define VEHICLES_MAX 20000

static const double ROOM_M = 0.05;             // between two vehicles: the street keeps 0.1
static const int64_t TOO_NEAR_MS = 15000;      // so long one who could not stop any more may take to drive in
static const float BLOCKER_S = 20.0f;          // whoever stands inside for longer may be driven round
static const double EPSILON = 0.02;            // floats of a lane of kilometres
static const double ROUNDING = 1.0 - 1e-4;     // of the street's floats, at the border of who can stop

struct laws {
    const struct network *network;
    const struct street *street;
    const struct vehicle_type *types;
    double step_s, speed_max;
    struct vehicle_view *now, *before;
    int32_t now_count, before_count;
    int32_t *row_before;               // by number: its row in before, or -1
    int32_t *came_by;                  // by number: the last connection it was on, or INDEX_NONE
    int32_t *lane_first, *lane_last;   // rows in now of the vehicles on each lane, or -1: first from the front
    int32_t *path_first, *path_last;   // the same of each connection
    uint8_t *aspects;
    int64_t *red_since_ms;             // by group: when it turned red
    float *stood_s;                    // by number: for how long it has stood
    int64_t *late_ms;                  // by number: when a signal of its lane turned red too late for it to stop
    int32_t number_count;
    const struct lane_closure *closures;
    int32_t closure_count;
    uint64_t *inside;                  // by number: bit i: on a path into closure i's lane when nobody may begin one
    struct laws_counts counts;
    char text[512];
};

struct laws *laws_create(const struct network *network, const struct street *street, const struct vehicle_type *types,
                         int32_t type_count, double step_s, int32_t number_count)
{
    struct laws *laws = memory_take(1, sizeof *laws);
    *laws = (struct laws){ .network = network, .street = street, .types = types, .step_s = step_s,
        .number_count = number_count };
    laws->now = memory_take(VEHICLES_MAX, sizeof *laws->now);
    laws->before = memory_take(VEHICLES_MAX, sizeof *laws->before);
    laws->row_before = memory_take((size_t)number_count, sizeof(int32_t));
    laws->came_by = memory_take((size_t)number_count, sizeof(int32_t));
    laws->lane_first = memory_take((size_t)network->lane_count, sizeof(int32_t));
    laws->lane_last = memory_take((size_t)network->lane_count, sizeof(int32_t));
    laws->path_first = memory_take((size_t)network->connection_count, sizeof(int32_t));
    laws->path_last = memory_take((size_t)network->connection_count, sizeof(int32_t));
    laws->aspects = memory_take((size_t)network->group_count, 1);
    laws->inside = memory_take((size_t)number_count, sizeof *laws->inside);
    laws->red_since_ms = memory_take((size_t)network->group_count, sizeof(int64_t));
    laws->stood_s = memory_take((size_t)number_count, sizeof(float));
    laws->late_ms = memory_take((size_t)number_count, sizeof(int64_t));
    memset(laws->late_ms, 0xff, (size_t)number_count * sizeof(int64_t));
    memset(laws->came_by, 0xff, (size_t)number_count * sizeof(int32_t));
    double factor_max = 0.0, limit_max = 0.0;
    for (int32_t i = 0; i < type_count; i++) {
        factor_max = fmax(factor_max, types[i].speed_factor + 2.0 * types[i].speed_deviation);
    }
    for (int32_t i = 0; i < network->lane_count; i++) {
        limit_max = fmax(limit_max, network->lanes[i].speed_mps);
    }
    for (int32_t i = 0; i < network->connection_count; i++) {
        limit_max = fmax(limit_max, network->connections[i].speed_mps);
    }
    laws->speed_max = limit_max * factor_max + EPSILON;
    return laws;
}

void laws_release(struct laws *laws)
{
    if (laws == NULL) {
        return;
    }
    void *taken[] = { laws->now, laws->before, laws->row_before, laws->came_by, laws->lane_first, laws->lane_last,
        laws->path_first, laws->path_last, laws->aspects, laws->red_since_ms, laws->late_ms, laws->inside,
        laws->stood_s };
    for (size_t i = 0; i < sizeof taken / sizeof *taken; i++) {
        free(taken[i]);
    }
    free(laws);
}

void laws_closures(struct laws *laws, const struct lane_closure *closures, int32_t count)
{
    laws->closures = closures;
    laws->closure_count = count;
}

static PRINTF_LIKE(3, 4) const char *breach(struct laws *laws, const struct vehicle_view *who, const char *format, ...)
{
    char what[256];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    (void)snprintf(laws->text, sizeof laws->text,
        "t %.1f s, vehicle %d (lane %d, connection %d, front %.2f, %.2f m/s): %s",
        (double)street_now_ms(laws->street) / 1000.0, who->number, who->lane, who->connection, who->front_m,
        who->speed_mps, what);
    return laws->text;
}

// Whether some way on from the vehicle's lane has turned red just now.
static bool reddens(const struct laws *laws, const struct vehicle_view *view)
{
    const struct lane *lane = &laws->network->lanes[view->lane];
    for (int32_t i = 0; i < lane->connection_count && view->connection < 0; i++) {
        int32_t group = laws->network->connections[lane->first_connection + i].group;
        if (group >= 0 && laws->aspects[group] == ASPECT_RED
            && laws->red_since_ms[group] == street_now_ms(laws->street)) {
            return true;
        }
    }
    return false;
}

static bool stops_before_line(const struct laws *laws, const struct vehicle_view *view)
{
    const struct vehicle_type *type = &laws->types[view->type];
    double saved = type->following == FOLLOW_KRAUSS ? 0.5 * view->speed_mps * laws->step_s : 0.0;   // right_of_way.c
    double to_line = laws->network->lanes[view->lane].length_m - view->front_m;
    return view->speed_mps * view->speed_mps <= 2.0 * type->emergency_mps2 * (to_line + saved) * ROUNDING;
}

void laws_before_step(struct laws *laws, const uint8_t *aspects)
{
    for (int32_t i = 0; i < laws->network->group_count; i++) {
        if (aspects[i] == ASPECT_RED && laws->aspects[i] != ASPECT_RED) {
            laws->red_since_ms[i] = street_now_ms(laws->street);
        }
    }
    memcpy(laws->aspects, aspects, (size_t)laws->network->group_count);
    struct vehicle_view *views = laws->before;
    laws->before = laws->now;
    laws->now = views;
    laws->before_count = street_list_vehicles(laws->street, laws->before, VEHICLES_MAX);
    memset(laws->row_before, 0xff, (size_t)laws->number_count * sizeof(int32_t));
    for (int32_t i = 0; i < laws->before_count; i++) {
        const struct vehicle_view *view = &laws->before[i];
        laws->row_before[view->number] = i;
        if (reddens(laws, view) && !stops_before_line(laws, view)) {
            laws->late_ms[view->number] = street_now_ms(laws->street);
        }
    }
}

// The connection over which it came to where it is: seen on it, or passed within the step; INDEX_NONE if not known.
static int32_t came_by_of(const struct laws *laws, const struct vehicle_view *now)
{
    int32_t row = laws->row_before[now->number];
    if (now->connection >= 0 || row < 0) {
        return now->connection;
    }
    const struct vehicle_view *then = &laws->before[row];
    if (then->connection < 0 && then->lane == now->lane) {
        return laws->came_by[now->number];
    }
    const struct lane *lane = &laws->network->lanes[then->lane];
    for (int32_t i = 0; i < lane->connection_count; i++) {
        int32_t connection = lane->first_connection + i;
        if (laws->network->connections[connection].to_lane == now->lane) {
            return connection;
        }
    }
    return INDEX_NONE;   // it changed lanes, or passed a whole link
}

static void places_note(struct laws *laws)
{
    memset(laws->lane_first, 0xff, (size_t)laws->network->lane_count * sizeof(int32_t));
    memset(laws->lane_last, 0xff, (size_t)laws->network->lane_count * sizeof(int32_t));
    memset(laws->path_first, 0xff, (size_t)laws->network->connection_count * sizeof(int32_t));
    memset(laws->path_last, 0xff, (size_t)laws->network->connection_count * sizeof(int32_t));
    for (int32_t i = 0; i < laws->now_count; i++) {
        const struct vehicle_view *view = &laws->now[i];
        int32_t *first = view->connection >= 0 ? &laws->path_first[view->connection] : &laws->lane_first[view->lane];
        int32_t *last = view->connection >= 0 ? &laws->path_last[view->connection] : &laws->lane_last[view->lane];
        *first = *first < 0 ? i : *first;
        *last = i;
        laws->came_by[view->number] = came_by_of(laws, view);
    }
}

// The head of a lane must stay behind a rear that reaches `back_m` before the lane's end.
static const char *head_room(struct laws *laws, const struct vehicle_view *leader, int32_t lane, double back_m)
{
    int32_t row = laws->lane_first[lane];
    if (row >= 0 && laws->now[row].front_m > laws->network->lanes[lane].length_m - back_m - ROOM_M) {
        return breach(laws, &laws->now[row], "stands in vehicle %d, whose rear is %.2f m before the stop line still",
                      leader->number, back_m);
    }
    return NULL;
}

static const char *room_of(struct laws *laws, int32_t i)
{
    const struct vehicle_view *view = &laws->now[i], *ahead = view - 1;
    double rear = view->front_m - view->length_m;
    if (i > 0 && ahead->lane == view->lane && ahead->connection == view->connection
        && view->front_m > ahead->front_m - ahead->length_m - ROOM_M) {
        return breach(laws, view, "stands in vehicle %d, whose rear is at %.2f", ahead->number,
                      ahead->front_m - ahead->length_m);
    }
    if (rear >= 0.0) {
        return NULL;
    }
    if (view->connection >= 0) {
        return head_room(laws, view, view->lane, -rear);
    }
    int32_t came_by = laws->came_by[view->number];
    if (came_by < 0 || laws->network->connections[came_by].to_lane != view->lane) {
        return NULL;   // inserted here, or it changed lanes since
    }
    const struct connection *path = &laws->network->connections[came_by];
    int32_t row = laws->path_first[came_by];
    if (row >= 0 && laws->now[row].front_m > path->length_m + rear - ROOM_M) {
        return breach(laws, &laws->now[row], "stands in vehicle %d, whose rear is %.2f m before this path's end still",
                      view->number, -rear);
    }
    return -rear > path->length_m ? head_room(laws, view, path->from_lane, -rear - path->length_m) : NULL;
}

static const char *motion_of(struct laws *laws, const struct vehicle_view *now)
{
    const struct vehicle_type *type = &laws->types[now->type];
    if (!(now->speed_mps >= 0.0 && now->speed_mps <= laws->speed_max)) {
        return breach(laws, now, "its speed is out of bounds (%.2f m/s)", laws->speed_max);
    }
    int32_t row = laws->row_before[now->number];
    if (row < 0) {
        return NULL;
    }
    const struct vehicle_view *then = &laws->before[row];
    double gain = now->speed_mps - then->speed_mps;
    if (gain > type->acceleration_mps2 * laws->step_s + EPSILON) {
        return breach(laws, now, "accelerated from %.2f m/s", then->speed_mps);
    }
    if (gain < -type->emergency_mps2 * laws->step_s - EPSILON) {
        laws->counts.hard_brakes++;
    }
    bool same_link = then->connection < 0 && now->connection < 0
        && laws->network->lanes[then->lane].link == laws->network->lanes[now->lane].link;
    double way = now->front_m - then->front_m;
    double most = (then->speed_mps + type->acceleration_mps2 * laws->step_s) * laws->step_s + EPSILON;
    if ((same_link || (then->connection == now->connection && then->lane == now->lane))
        && (way < -EPSILON || way > most)) {
        return breach(laws, now, "moved by %.2f m at %.2f m/s before", way, then->speed_mps);
    }
    return NULL;
}

// A signal that it passed in this step from its lane; the one of its path, as far as it is seen there.
static const char *signal_of(struct laws *laws, const struct vehicle_view *now)
{
    int32_t row = laws->row_before[now->number];
    if (row < 0 || laws->before[row].connection >= 0 || now->connection < 0 || laws->before[row].lane != now->lane) {
        return NULL;
    }
    const struct connection *path = &laws->network->connections[now->connection];
    if (path->group < 0) {
        return NULL;
    }
    enum aspect aspect = (enum aspect)laws->aspects[path->group];
    if (aspect == ASPECT_RED && laws->late_ms[now->number] == laws->red_since_ms[path->group]) {
        laws->counts.late_passages++;
        return NULL;
    }
    if (aspect == ASPECT_RED_YELLOW || (aspect == ASPECT_RED && !path->right_on_red)) {
        return breach(laws, now, "passed a red signal from %.2f m before the line at %.2f m/s",
                      laws->network->lanes[now->lane].length_m - laws->before[row].front_m,
                      laws->before[row].speed_mps);
    }
    return NULL;
}

// Nobody comes onto a closed lane. The state before the step was that of now less a step.
static const char *closure_of(struct laws *laws, const struct vehicle_view *now)
{
    int64_t then_ms = street_now_ms(laws->street) - (int64_t)(laws->step_s * 1000.0 + 0.5);
    uint32_t user = (uint32_t)laws->types[now->type].user;
    int32_t row = laws->row_before[now->number];
    const struct network *network = laws->network;
    for (int32_t i = 0; i < laws->closure_count; i++) {
        const struct lane_closure *closure = &laws->closures[i];
        bool shut = closure->from_ms <= then_ms && then_ms < closure->to_ms && (closure->users & user) != 0;
        int32_t into = now->connection >= 0 ? network->connections[now->connection].to_lane : now->lane;
        if (!shut) {
            laws->inside[now->number] &= ~(UINT64_C(1) << i);
            continue;
        }
        laws->counts.closed_steps += network->lanes[now->lane].link == network->lanes[closure->lane].link;
        if (into != closure->lane) {
            continue;
        }
        bool near = then_ms < closure->from_ms + TOO_NEAR_MS;
        if (now->connection >= 0 && near) {
            laws->inside[now->number] |= UINT64_C(1) << i;
            continue;
        }
        bool was_there = row >= 0 && laws->before[row].connection < 0 && laws->before[row].lane == closure->lane;
        bool was_inside = (laws->inside[now->number] >> i) & 1;
        bool changed = row >= 0 && laws->before[row].connection < 0 && laws->before[row].lane != closure->lane
            && network->lanes[laws->before[row].lane].link == network->lanes[closure->lane].link;
        if (row < 0 || changed || (!was_there && !was_inside && !near)) {
            return breach(laws, now, "came onto lane %d, which is closed since %.1f s", closure->lane,
                          (double)closure->from_ms / 1000.0);
        }
    }
    return NULL;
}

static bool within_area(const struct vehicle_view *view, double enter_m, double leave_m)
{
    return view->front_m > enter_m + EPSILON && view->front_m - view->length_m < leave_m - EPSILON;
}

// Whether others may drive round it by now, as they do round one that stands inside for long (right_of_way.h).
static bool blocks(const struct laws *laws, const struct vehicle_view *view)
{
    return laws->stood_s[view->number] > BLOCKER_S;
}

static double side_of(const struct point *a, const struct point *b, const struct point *at)
{
    return (b->x_m - a->x_m) * (at->y_m - a->y_m) - (b->y_m - a->y_m) * (at->x_m - a->x_m);
}

// Two that turn across the opposite traffic and may come up inside, where the lines from begin to end of their paths do
// not cross, pass each other in front: their common area is none.
static bool pass_in_front(const struct network *network, const struct connection *one, const struct connection *other)
{
    enum turn wide = network->left_hand ? TURN_RIGHT : TURN_LEFT;
    if (one->turn != wide || other->turn != wide || !one->wait_inside || !other->wait_inside
        || one->point_count < 2 || other->point_count < 2) {
        return false;
    }
    const struct point *a = &network->points[one->first_point], *b = &network->points[other->first_point];
    const struct point *a_end = a + one->point_count - 1, *b_end = b + other->point_count - 1;
    return side_of(a, a_end, b) * side_of(a, a_end, b_end) > 0.0
        && side_of(b, b_end, a) * side_of(b, b_end, a_end) > 0.0;
}

static void crossing_count(struct laws *laws, const struct vehicle_view *now)
{
    const struct network *network = laws->network;
    const struct connection *path = &network->connections[now->connection];
    for (int32_t k = 0; k < path->foe_count; k++) {
        const struct foe *foe = &network->foes[path->first_foe + k];
        if (foe->merges || laws->path_first[foe->connection] < 0 || !within_area(now, foe->enter_m, foe->leave_m)) {
            continue;
        }
        const struct connection *other = &network->connections[foe->connection];
        if (pass_in_front(network, path, other)) {
            continue;
        }
        for (int32_t b = 0; b < other->foe_count; b++) {
            const struct foe *back = &network->foes[other->first_foe + b];
            for (int32_t i = laws->path_first[foe->connection];
                 back->connection == now->connection && i <= laws->path_last[foe->connection]; i++) {
                bool blocker = blocks(laws, now) || blocks(laws, &laws->now[i]);
                int64_t *count = blocker ? &laws->counts.round_blockers : &laws->counts.shared_areas;
                *count += within_area(&laws->now[i], back->enter_m, back->leave_m);
            }
        }
    }
}

const char *laws_after_step(struct laws *laws)
{
    laws->now_count = street_list_vehicles(laws->street, laws->now, VEHICLES_MAX);
    places_note(laws);
    const struct street_counts *counts = street_counts(laws->street);
    if (counts->scheduled != counts->waiting + counts->under_way + counts->arrived
        || counts->under_way != laws->now_count + counts->parked) {
        (void)snprintf(laws->text, sizeof laws->text,
                       "books: %lld scheduled, %lld waiting, %lld under way, %lld arrived, %d seen, %lld parked",
                       (long long)counts->scheduled, (long long)counts->waiting, (long long)counts->under_way,
                       (long long)counts->arrived, laws->now_count,
                       (long long)counts->parked);
        return laws->text;
    }
    const char *found = NULL;
    for (int32_t i = 0; i < laws->now_count; i++) {
        float *stood_s = &laws->stood_s[laws->now[i].number];
        *stood_s = laws->now[i].speed_mps < EPSILON ? *stood_s + (float)laws->step_s : 0.0f;
    }
    for (int32_t i = 0; i < laws->now_count && found == NULL; i++) {
        found = room_of(laws, i);
        found = found != NULL ? found : motion_of(laws, &laws->now[i]);
        found = found != NULL ? found : signal_of(laws, &laws->now[i]);
        found = found != NULL ? found : closure_of(laws, &laws->now[i]);
        if (laws->now[i].connection >= 0) {
            crossing_count(laws, &laws->now[i]);
        }
    }
    laws->counts.vehicle_steps += laws->now_count;
    laws->counts.parked_steps += counts->parked;
    return found;
}

struct laws_counts laws_counted(const struct laws *laws)
{
    return laws->counts;
}
