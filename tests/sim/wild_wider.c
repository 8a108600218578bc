#include "tests/sim/wild_wider.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>

#include "engine/base/memory.h"
#include "engine/base/random.h"
#include "tests/sim/grid_town.h"

#define LEGS_MAX 12
#define INTERSECTIONS_MAX 8
#define OUT_MS 40000               // signals that fail are looked at in spans of this
#define STREAM_ROADS 78
#define STREAM_TYPES 79
#define STREAM_TRIPS 80
#define STREAM_LAMPS 81

struct wider {
    uint64_t seed, draws, stream;
};

static uint64_t draw(struct wider *wider, uint64_t below)
{
    return random_bits(wider->seed, RANDOM_TEST, wider->draws++, wider->stream) % below;
}

static bool chance(struct wider *wider, int percent)
{
    return (int)draw(wider, 100) < percent;
}

static double between(struct wider *wider, double low, double high)
{
    return low + (high - low) * (double)draw(wider, 1000) / 1000.0;
}

// ---- roads ---------------------------------------------------------------------------------------------------------

static void lanes_change(struct network *network, struct wider *wider)
{
    bool bicycles = chance(wider, 50);
    for (int32_t i = 0; i < network->link_count; i++) {
        struct link *link = &network->links[i];
        if (chance(wider, 8)) {
            link->length_m = between(wider, 0.2, 1.0);
        }
        for (int32_t k = 0; k < link->lane_count; k++) {
            struct lane *lane = &network->lanes[link->first_lane + k];
            lane->length_m = link->length_m;
            lane->users |= bicycles ? (uint32_t)USER_BICYCLE : 0u;
            if (link->lane_count > 1 && chance(wider, k == 0 ? 20 : 5)) {
                static const uint32_t USERS[] = { USER_BICYCLE, USER_BUS | USER_TAXI | USER_EMERGENCY,
                    USER_MOTOR & ~USER_TRUCK, USER_BICYCLE };
                lane->users = USERS[draw(wider, 4)];
            }
        }
    }
}

// Longer than straight, or next to nothing: with all areas on it.
static void path_stretch(struct network *network, struct connection *connection, double factor)
{
    connection->length_m *= factor;
    for (int32_t k = 0; k < connection->foe_count; k++) {
        struct foe *foe = &network->foes[connection->first_foe + k];
        foe->leave_m = fmin(foe->leave_m * factor, connection->length_m);
        foe->enter_m = fmin(foe->enter_m * factor, foe->leave_m);
    }
}

static void paths_change(struct network *network, struct wider *wider)
{
    bool no_inner = chance(wider, 5), stretched = chance(wider, 50);
    for (int32_t i = 0; i < network->connection_count; i++) {
        struct connection *connection = &network->connections[i];
        double factor = stretched && chance(wider, 40) ? between(wider, 1.0, 2.0) : 1.0;
        path_stretch(network, connection, no_inner ? between(wider, 0.1, 1.0) / connection->length_m : factor);
    }
}

// An all-way stop, or a matrix that nobody would draw by hand.
static void rules_change(struct network *network, struct wider *wider)
{
    for (int32_t j = 0; j < network->junction_count; j++) {
        struct junction *junction = &network->junctions[j];
        bool signs = junction->kind != JUNCTION_SIGNAL && junction->kind != JUNCTION_DEAD_END;
        bool all_way = signs && chance(wider, 25), drawn = !all_way && chance(wider, 20);
        junction->kind = all_way ? JUNCTION_ALL_WAY_STOP : junction->kind;
        for (int32_t i = 0; i < network->connection_count && (all_way || drawn); i++) {
            struct connection *connection = &network->connections[i];
            for (int32_t k = 0; k < connection->foe_count && connection->junction == j; k++) {
                network->foes[connection->first_foe + k].yields = all_way || chance(wider, 50);
            }
        }
    }
}

static void loop_add(struct network *network, int32_t lane, int32_t intersection, double to_stop_m)
{
    int32_t at = network->detector_count;
    char name[32];
    (void)snprintf(name, sizeof name, "d%d", at);
    if (to_stop_m + 2.0 >= network->lanes[lane].length_m) {
        return;
    }
    network->detectors[network->detector_count++] = (struct detector){ .name = names_add(&network->names, name),
        .lane = lane, .intersection = intersection, .to_stop_m = to_stop_m, .length_m = 2.0,
        .place = to_stop_m > 5.0 ? DETECTOR_ADVANCE : DETECTOR_STOP_LINE };
}

static void signals_change(struct network *network, struct wider *wider)
{
    network->detectors = memory_take((size_t)network->lane_count * 2, sizeof *network->detectors);
    for (int32_t i = 0; i < network->lane_count; i++) {
        int32_t at = network->junctions[network->links[network->lanes[i].link].to_junction].intersection;
        if (at >= 0 && chance(wider, 80)) {
            loop_add(network, i, at, between(wider, 0.0, 3.0));
        }
        if (at >= 0 && chance(wider, 60)) {
            loop_add(network, i, at, between(wider, 15.0, 40.0));
        }
    }
    for (int32_t i = 0; i < network->intersection_count; i++) {
        network->intersections[i].falls_back_to_actuated = chance(wider, 50);
        network->intersections[i].stages_in_turn = chance(wider, 30);
    }
    for (int32_t i = 0; i < network->group_count; i++) {
        network->groups[i].on_call = chance(wider, 15);
        network->groups[i].yellow_ms = 1000 * (2 + (int32_t)draw(wider, 2));
    }
}

void wider_roads(struct network *network, uint64_t seed)
{
    struct wider wider = { .seed = seed, .stream = STREAM_ROADS };
    network->left_hand = chance(&wider, 15);
    lanes_change(network, &wider);
    paths_change(network, &wider);
    rules_change(network, &wider);
    signals_change(network, &wider);
}

// ---- drivers -------------------------------------------------------------------------------------------------------

void wider_types(uint64_t seed, struct vehicle_type ret[WIDER_TYPES])
{
    static const enum user_class USERS[WIDER_TYPES] = { USER_CAR, USER_CAR, USER_TRUCK, USER_MOTORCYCLE, USER_BUS,
        USER_BICYCLE, USER_CAR, USER_DELIVERY };
    static const double LENGTHS_M[WIDER_TYPES] = { 5.0, 4.3, 25.0, 2.2, 12.0, 1.6, 5.0, 6.5 };
    struct wider wider = { .seed = seed, .stream = STREAM_TYPES };
    for (int i = 0; i < WIDER_TYPES; i++) {
        struct vehicle_type *type = &ret[i];
        *type = town_car();
        type->user = USERS[i];
        type->length_m = LENGTHS_M[i];
        type->following = chance(&wider, 50) ? FOLLOW_KRAUSS : FOLLOW_IDM;
        type->imperfection = chance(&wider, 50) ? between(&wider, 0.0, 1.0) : 0.0;
        type->gap_m = chance(&wider, 30) ? between(&wider, 0.2, 4.0) : 2.5;
        type->headway_s = chance(&wider, 30) ? between(&wider, 0.3, 2.5) : 1.0;
        type->acceleration_mps2 = chance(&wider, 30) ? between(&wider, 0.5, 5.0) : type->acceleration_mps2;
        type->deceleration_mps2 = chance(&wider, 30) ? between(&wider, 1.5, 6.0) : type->deceleration_mps2;
        type->emergency_mps2 = chance(&wider, 20) ? type->deceleration_mps2 : 9.0;
        type->speed_factor = chance(&wider, 30) ? between(&wider, 0.6, 1.4) : 1.0;
        type->speed_deviation = chance(&wider, 30) ? between(&wider, 0.0, 0.2) : 0.0;
        type->start_loss_s = chance(&wider, 20) ? between(&wider, 0.0, 4.0) : 0.0;
    }
    ret[2].acceleration_mps2 = 0.8;
    ret[2].speed_mps_max = 12.0;
    ret[5].speed_mps_max = 5.5;
    ret[6].turn_way_m = chance(&wider, 50) ? between(&wider, 5.0, 40.0) : 0.0;
    ret[7].user = chance(&wider, 30) ? USER_EMERGENCY : USER_DELIVERY;
}

// ---- trips ---------------------------------------------------------------------------------------------------------

// The open lanes of a link from which `user` may drive on to some lane of `to`; all that it may use where to is none.
static uint32_t lanes_to(const struct network *network, int32_t link, int32_t to, uint32_t user)
{
    uint32_t found = 0;
    const struct link *at = &network->links[link];
    for (int32_t i = 0; i < at->lane_count; i++) {
        const struct lane *lane = &network->lanes[at->first_lane + i];
        bool leads = to < 0;
        for (int32_t k = 0; k < lane->connection_count && !leads; k++) {
            const struct lane *beyond = &network->lanes[network->connections[lane->first_connection + k].to_lane];
            leads = beyond->link == to && (beyond->users & user) != 0;
        }
        found |= leads && (lane->users & user) != 0 ? 1u << i : 0u;
    }
    return found;
}

static int32_t route_draw(const struct network *network, struct wider *wider, uint32_t user, int32_t ret[LEGS_MAX])
{
    int32_t count = 0, link = (int32_t)draw(wider, (uint64_t)network->link_count);
    int32_t legs = 1 + (int32_t)draw(wider, LEGS_MAX);
    if (lanes_to(network, link, -1, user) == 0) {
        return 0;
    }
    while (link >= 0 && count < legs) {
        ret[count++] = link;
        int32_t next = -1, found = 0;
        for (int32_t to = 0; to < network->link_count; to++) {
            if (lanes_to(network, link, to, user) != 0 && draw(wider, (uint64_t)++found) == 0) {
                next = to;
            }
        }
        link = next;
    }
    return count;
}

static int8_t lane_draw(struct wider *wider, uint32_t lanes)
{
    int8_t lane = (int8_t)draw(wider, 4);
    return ((lanes >> lane) & 1) != 0 ? lane : -1;
}

void wider_trips(const struct network *network, uint64_t seed, const struct vehicle_type *types, int32_t count,
                 int64_t duration_ms, struct trip_columns *ret)
{
    struct wider wider = { .seed = seed, .stream = STREAM_TRIPS };
    LIST_OF(int32_t) links = { 0 };
    size_t n = (size_t)count;
    *ret = (struct trip_columns){ .depart_ms = memory_take(n, sizeof(int64_t)),
        .number = memory_take(n, sizeof(int32_t)), .type = memory_take(n, sizeof(int32_t)),
        .first_link = memory_take(n + 1, sizeof(int32_t)), .depart_lane = memory_take(n, 1),
        .depart_speed_mmps = memory_take(n, sizeof(int32_t)), .depart_front_mm = memory_take(n, sizeof(int32_t)) };
    bool at_once = chance(&wider, 30);   // in three rushes
    int32_t kept = 0;
    for (int32_t i = 0; i < count; i++) {
        int32_t route[LEGS_MAX], type = (int32_t)draw(&wider, WIDER_TYPES);
        int32_t legs = route_draw(network, &wider, (uint32_t)types[type].user, route);
        if (legs == 0) {
            continue;
        }
        ret->depart_ms[kept] = at_once ? i * 3 / count * (duration_ms / 3) : duration_ms * i / count / 100 * 100;
        ret->number[kept] = kept;
        ret->type[kept] = type;
        uint32_t lanes = lanes_to(network, route[0], legs > 1 ? route[1] : -1, (uint32_t)types[type].user);
        ret->depart_lane[kept] = chance(&wider, 70) ? -1 : lane_draw(&wider, lanes);
        ret->depart_speed_mmps[kept] = chance(&wider, 70) ? -1 : (int32_t)draw(&wider, 20000);
        int32_t length_mm = (int32_t)(network->links[route[0]].length_m * 1000.0);
        ret->depart_front_mm[kept] = chance(&wider, 70) ? DEPART_AT_START
            : chance(&wider, 50) ? DEPART_BEHIND_LAST : (int32_t)draw(&wider, (uint64_t)length_mm + 1);
        ret->first_link[kept++] = links.count;
        for (int32_t k = 0; k < legs; k++) {
            *GROW(links) = route[k];
        }
    }
    ret->count = kept;
    ret->first_link[kept] = links.count;
    ret->links = links.at;
}

int32_t wider_vehicles_max(uint64_t seed)
{
    struct wider wider = { .seed = seed, .draws = 1u << 20, .stream = STREAM_TRIPS };
    return chance(&wider, 15) ? 5 + (int32_t)draw(&wider, 40) : 0;
}

// ---- signals -------------------------------------------------------------------------------------------------------

struct signals *wider_signals(const struct network *network, uint64_t seed)
{
    struct wider wider = { .seed = seed, .stream = STREAM_LAMPS };
    struct signals *signals = signals_create(network, 0);
    if (chance(&wider, 50)) {
        signals_fall_back_to(signals, SIGNALS_ACTUATED);
    }
    return signals;
}

// One signal in eight is out of order in each span; its lamps then show the same to all, or the half of them yield.
static void lamps_fail(const struct network *network, uint64_t seed, int64_t now_ms, uint8_t *aspects)
{
    static const enum aspect SHOWN[] = { ASPECT_DARK, ASPECT_DARK, ASPECT_FLASHING_YELLOW, ASPECT_FLASHING_RED };
    for (int32_t i = 0; i < network->intersection_count; i++) {
        const struct intersection *at = &network->intersections[i];
        struct wider wider = { .seed = seed, .draws = (uint64_t)(1000 + now_ms / OUT_MS * 100 + i * 4),
            .stream = STREAM_LAMPS };
        if (draw(&wider, 8) != 0) {
            continue;
        }
        enum aspect aspect = SHOWN[draw(&wider, 4)];
        bool halves = chance(&wider, 50);
        for (int32_t g = 0; g < at->group_count; g++) {
            bool other = halves && aspect == ASPECT_FLASHING_RED && g % 2 == 0;
            aspects[at->first_group + g] = (uint8_t)(other ? ASPECT_FLASHING_YELLOW : aspect);
        }
    }
}

void wider_show(struct signals *signals, const struct network *network, uint64_t seed, struct street *street,
                struct street *second)
{
    int64_t now_ms = street_now_ms(street);
    struct actuation_touch touches[INTERSECTIONS_MAX], ignored[INTERSECTIONS_MAX];
    uint64_t calls[INTERSECTIONS_MAX];
    assert(network->intersection_count <= INTERSECTIONS_MAX);
    if (signals_want_touches(signals)) {
        street_look_touches(street, touches);
        if (second != NULL) {
            street_look_touches(second, ignored);
        }
        for (int32_t i = 0; i < network->intersection_count; i++) {
            calls[i] = random_bits(seed, RANDOM_TEST, (uint64_t)(now_ms / 5000 + 7919 * i), STREAM_LAMPS + 1);
        }
        signals_call(signals, calls);
        signals_touch(signals, touches, now_ms);
    }
    signals_show(signals, now_ms, street_aspects(street));
    if (seed % 3 == 0) {
        lamps_fail(network, seed, now_ms, street_aspects(street));
    }
}
