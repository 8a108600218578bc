#include "sim/traffic/calibration.h"

#include <math.h>
#include <stdlib.h>

#include "engine/base/memory.h"
#include "engine/model/units.h"

enum { QUEUE_COUNT = 24, FIRST_COUNTED = 4, LAST_COUNTED = 20, QUEUES = 6 };

static const double APPROACH_M = 300.0, APART_M = 5.3;
static const double LIMIT_MPS = 50.0 / 3.6;
static const int64_t FILL_MS = 600 * MS_PER_S, EMPTY_MS = 200 * MS_PER_S;
static const double HEADWAY_S_LEAST = 0.2, HEADWAY_S_MOST = 3.5, GAP_M_LEAST = 1.0, ACCELERATION_MOST = 8.0;
static const double HEADWAY_STEPS_LEAST = 0.82;   // below so many steps a queue's flow falls again: it begins to swing
static const double FLOW_SHARE = 0.002, LOST_S = 0.01;
#define HALVINGS_MAX 24

// Two links and a signal between them.
static enum status lane_create(double length_m, struct network *ret, struct problem *problem)
{
    network_create(ret);
    ret->points = memory_take(4, sizeof *ret->points);
    ret->junctions = memory_take(3, sizeof *ret->junctions);
    ret->links = memory_take(2, sizeof *ret->links);
    ret->lanes = memory_take(2, sizeof *ret->lanes);
    ret->connections = memory_take(1, sizeof *ret->connections);
    ret->intersections = memory_take(1, sizeof *ret->intersections);
    ret->groups = memory_take(1, sizeof *ret->groups);
    ret->group_members = memory_take(1, sizeof *ret->group_members);
    ret->stages = memory_take(1, sizeof *ret->stages);
    ret->intergreen_ms = memory_take(1, sizeof *ret->intergreen_ms);
    ret->program_greens = memory_take(1, sizeof *ret->program_greens);
    (void)names_add(&ret->regions, "calibration");
    ret->junction_count = 3;
    ret->point_count = 4;
    ret->link_count = ret->lane_count = 2;
    static const char *const NAMES[] = { "begin", "line", "end" };
    static const char *const LINKS[] = { "before", "after" };
    for (int32_t i = 0; i < 3; i++) {
        ret->junctions[i] = (struct junction){ .name = names_add(&ret->names, NAMES[i]),
            .kind = i == 1 ? JUNCTION_SIGNAL : JUNCTION_DEAD_END, .intersection = i == 1 ? 0 : INDEX_NONE,
            .at = { length_m * i, 0.0 } };
    }
    for (int32_t i = 0; i < 2; i++) {
        ret->points[2 * i] = ret->junctions[i].at;
        ret->points[2 * i + 1] = ret->junctions[i + 1].at;
        ret->links[i] = (struct link){ .name = names_add(&ret->names, LINKS[i]), .from_junction = i,
            .to_junction = i + 1, .first_lane = i, .lane_count = 1, .first_point = 2 * i, .point_count = 2,
            .length_m = length_m, .speed_mps = LIMIT_MPS };
        ret->lanes[i] = (struct lane){ .link = i, .first_connection = i, .connection_count = i == 0 ? 1 : 0,
            .users = ~0u, .length_m = length_m, .speed_mps = LIMIT_MPS, .width_m = 3.2 };
    }
    ret->connection_count = ret->intersection_count = ret->group_count = ret->group_member_count = 1;
    ret->stage_count = ret->intergreen_count = ret->program_green_count = 1;
    ret->connections[0] = (struct connection){ .from_lane = 0, .to_lane = 1, .junction = 1, .group = 0,
        .link_index = 0, .length_m = 15.0, .speed_mps = LIMIT_MPS };
    ret->groups[0] = (struct signal_group){ .name = names_add(&ret->names, "group"), .kind = GROUP_VEHICLE,
        .member_count = 1, .green_ms_max = GREEN_MS_MAX_DEFAULT, .red_ms_max = RED_MS_MAX_DEFAULT,
        .red_ms_max_emergency = RED_MS_MAX_DEFAULT, .yellow_ms = 3000 };
    ret->stages[0] = (struct stage){ .name = names_add(&ret->names, "stage"), .groups = 1, .program_phase = 0,
        .green_ms_max = GREEN_MS_MAX_DEFAULT };
    ret->intergreen_ms[0] = -1;
    ret->program_greens[0] = (struct program_green){ .end_ms = 30000 };
    ret->intersections[0] = (struct intersection){ .name = names_add(&ret->names, "intersection"), .group_count = 1,
        .stage_count = 1, .green_count = 1, .cycle_ms = 60000, .cycle_ms_min = 30000, .cycle_ms_max = 120000,
        .quantum_ms = 100 };
    return network_finish(ret, "calibration", problem);
}

static enum status queue_enter(struct street *street, struct problem *problem)
{
    int64_t depart_ms[QUEUE_COUNT] = { 0 };
    int32_t number[QUEUE_COUNT], type[QUEUE_COUNT] = { 0 }, first_link[QUEUE_COUNT + 1], links[2 * QUEUE_COUNT];
    int32_t speed[QUEUE_COUNT], row;
    int8_t lane[QUEUE_COUNT];
    for (int32_t i = 0; i < QUEUE_COUNT; i++) {
        number[i] = i;
        first_link[i] = 2 * i;
        links[2 * i] = 0;
        links[2 * i + 1] = 1;
        speed[i] = -1;
        lane[i] = -1;
    }
    first_link[QUEUE_COUNT] = 2 * QUEUE_COUNT;
    struct trip_columns trips = { .count = QUEUE_COUNT, .depart_ms = depart_ms, .number = number, .type = type,
        .first_link = first_link, .links = links, .depart_lane = lane, .depart_speed_mmps = speed };
    return street_enter(street, &trips, &row, problem);
}

static bool all_stand(const struct vehicle_view *views, int32_t count)
{
    for (int32_t i = 0; i < count; i++) {
        if (views[i].speed_mps > 0.01) {
            return false;
        }
    }
    return count == QUEUE_COUNT;
}

// Passage times of the line after green began. Returns how many passed.
static int32_t queue_release(struct street *street, int32_t step_ms, double ret_passed_s[QUEUE_COUNT])
{
    struct vehicle_view views[QUEUE_COUNT];
    bool passed[QUEUE_COUNT] = { false };
    int32_t passed_count = 0;
    uint8_t *aspect = street_aspects(street);
    *aspect = ASPECT_RED;
    int64_t end_ms = FILL_MS;
    while (street_now_ms(street) < end_ms && !all_stand(views, street_list_vehicles(street, views, QUEUE_COUNT))) {
        street_step(street);
    }
    // A whole second, whatever the step: then the lamps of a run change.
    while (street_now_ms(street) % MS_PER_S != 0) {
        street_step(street);
    }
    int64_t green_ms = street_now_ms(street);
    *aspect = ASPECT_GREEN;
    while (street_now_ms(street) < green_ms + EMPTY_MS && passed_count < LAST_COUNTED) {
        street_step(street);
        int32_t count = street_list_vehicles(street, views, QUEUE_COUNT);
        for (int32_t i = count - 1; i >= 0; i--) {
            const struct vehicle_view *view = &views[i];
            bool beyond = view->connection >= 0 || view->lane == 1;
            if (beyond && !passed[view->number] && passed_count < QUEUE_COUNT) {
                double since_s = view->speed_mps > 0.01 ? view->front_m / view->speed_mps : 0.0;
                double now_s = s_from_ms(street_now_ms(street) - green_ms);
                passed[view->number] = true;
                ret_passed_s[passed_count++] = now_s - fmin(since_s, s_from_ms(step_ms));
            }
        }
    }
    return passed_count;
}

// One queue: where its vehicles come to stand depends a little on where they come from.
static enum status queue_measure(const struct vehicle_type *type, int32_t step_ms, int number, struct discharge *ret,
                                 struct problem *problem)
{
    struct network network;
    struct street *street = NULL;
    double passed_s[QUEUE_COUNT] = { 0.0 };
    double length_m = (QUEUE_COUNT + 2) * (type->length_m + type->gap_m) + APPROACH_M + number * APART_M;
    struct street_options options = { .step_ms = step_ms, .threads = 1, .seed = (uint64_t)number };
    enum status status = lane_create(length_m, &network, problem);
    status = status != STATUS_OK ? status : street_create(&network, type, 1, &options, &street, problem);
    status = status != STATUS_OK ? status : queue_enter(street, problem);
    if (status == STATUS_OK && queue_release(street, step_ms, passed_s) < LAST_COUNTED) {
        status = problem_report(problem, STATUS_RANGE, "vehicle type", type->name, NULL, "its queue does not clear");
    }
    double headway_s = (passed_s[LAST_COUNTED - 1] - passed_s[FIRST_COUNTED - 1]) / (LAST_COUNTED - FIRST_COUNTED);
    *ret = (struct discharge){ headway_s, passed_s[FIRST_COUNTED - 1] - FIRST_COUNTED * headway_s };
    street_release(street);
    network_release(&network);
    return status;
}

enum status calibration_measure(const struct vehicle_type *type, int32_t step_ms, struct discharge *ret,
                                struct problem *problem)
{
    struct vehicle_type even = *type;
    even.speed_deviation = 0.0;
    double headway_s = 0.0, lost_s = 0.0;
    for (int i = 0; i < QUEUES; i++) {
        struct discharge queue;
        enum status status = queue_measure(&even, step_ms, i, &queue, problem);
        if (status != STATUS_OK) {
            return status;
        }
        headway_s += queue.flow_vph / QUEUES;   // as yet its headway
        lost_s += queue.lost_s / QUEUES;
    }
    *ret = (struct discharge){ 3600.0 / headway_s, lost_s };
    return STATUS_OK;
}

// Halves [low, high] of a parameter of *type that lessens the flow as it grows, until the flow is as wished.
static enum status halve(struct vehicle_type *type, double *parameter, double low, double high, int32_t step_ms,
                         double flow_vph, struct discharge *ret, struct problem *problem)
{
    for (int i = 0; i < HALVINGS_MAX; i++) {
        *parameter = i == 0 ? low : 0.5 * (low + high);
        enum status status = calibration_measure(type, step_ms, ret, problem);
        if (status != STATUS_OK) {
            return status;
        }
        if (fabs(ret->flow_vph - flow_vph) < FLOW_SHARE * flow_vph || (i == 0 && ret->flow_vph < flow_vph)) {
            break;   // as wished, or out of reach
        }
        *(ret->flow_vph > flow_vph ? &low : &high) = *parameter;
    }
    return STATUS_OK;
}

// The time gap that gives the flow; where the least stable one gives too little, the standing gap is lessened too.
static enum status headway_find(struct vehicle_type *type, double gap_m, int32_t step_ms, double flow_vph,
                                struct discharge *ret, struct problem *problem)
{
    double least_s = fmax(HEADWAY_S_LEAST, HEADWAY_STEPS_LEAST * s_from_ms(step_ms));
    type->gap_m = gap_m;
    enum status status =
        halve(type, &type->headway_s, least_s, HEADWAY_S_MOST, step_ms, flow_vph, ret, problem);
    if (status == STATUS_OK && ret->flow_vph < flow_vph * (1.0 - FLOW_SHARE) && type->headway_s <= least_s) {
        status = halve(type, &type->gap_m, fmin(GAP_M_LEAST, gap_m), gap_m, step_ms, flow_vph, ret, problem);
    }
    return status;
}

// The delay of the head, or the acceleration, that gives the lost time; each trial keeps the flow.
static enum status lost_find(struct vehicle_type *type, int32_t step_ms, struct discharge wish, struct discharge *ret,
                             struct problem *problem)
{
    type->start_loss_s = 0.0;
    double flow_vph = wish.flow_vph, gap_m = type->gap_m;
    enum status status = headway_find(type, gap_m, step_ms, flow_vph, ret, problem);
    bool slow = status == STATUS_OK && ret->lost_s > wish.lost_s;
    double *parameter = slow ? &type->acceleration_mps2 : &type->start_loss_s;
    double low = slow ? type->acceleration_mps2 : 0.0, high = slow ? ACCELERATION_MOST : wish.lost_s + 2.0;
    for (int i = 0; i < HALVINGS_MAX && status == STATUS_OK && fabs(ret->lost_s - wish.lost_s) > LOST_S; i++) {
        *parameter = 0.5 * (low + high);
        status = headway_find(type, gap_m, step_ms, flow_vph, ret, problem);
        *((ret->lost_s > wish.lost_s) == slow ? &low : &high) = *parameter;
    }
    return status;
}

enum status calibration_find(const struct vehicle_type *type, int32_t step_ms, struct discharge wish,
                             struct vehicle_type *ret, struct problem *problem)
{
    struct vehicle_type found = *type;
    struct discharge measured;
    enum status status = calibration_measure(&found, step_ms, &measured, problem);
    if (status == STATUS_OK && wish.flow_vph <= 0.0) {
        wish.flow_vph = measured.flow_vph;
    }
    status = status != STATUS_OK ? status
        : wish.lost_s >= 0.0 ? lost_find(&found, step_ms, wish, &measured, problem)
        : headway_find(&found, type->gap_m, step_ms, wish.flow_vph, &measured, problem);
    if (status != STATUS_OK) {
        return status;
    }
    bool reached = fabs(measured.flow_vph - wish.flow_vph) <= 0.01 * wish.flow_vph
        && (wish.lost_s < 0.0 || fabs(measured.lost_s - wish.lost_s) <= 0.03);
    if (!reached) {
        return problem_report(problem, STATUS_RANGE, "vehicle type", type->name,
            "wish for less flow or more lost time, or change the type",
            "%.0f veh/h with %.2f s lost cannot be reached; nearest are %.0f veh/h with %.2f s", wish.flow_vph,
            wish.lost_s, measured.flow_vph, measured.lost_s);
    }
    *ret = found;
    return STATUS_OK;
}

enum status calibration_grant(struct vehicle_type *types, int32_t count, int32_t step_ms, const char *source,
                              struct problem *problem)
{
    for (int32_t i = 0; i < count; i++) {
        struct discharge wish = { (types[i].wishes & WISH_FLOW) ? types[i].wished_flow_vph : 0.0,
            (types[i].wishes & WISH_LOST) ? types[i].wished_lost_s : -1.0 };
        if (types[i].wishes != 0) {
            struct problem found = { { 0 } };
            enum status status = calibration_find(&types[i], step_ms, wish, &types[i], &found);
            if (status != STATUS_OK) {
                return problem_report(problem, status, source, NULL, NULL, "%s", found.text);
            }
        }
    }
    return STATUS_OK;
}
