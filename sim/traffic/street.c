#include "sim/traffic/street.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"
#include "engine/model/units.h"
#include "engine/team/team.h"
#include "sim/traffic/closures.h"
#include "sim/traffic/moving.h"
#include "sim/traffic/settling.h"
#include "sim/traffic/sharing.h"
#include "sim/traffic/stops.h"
#include "sim/traffic/street_kernel.h"
#include "sim/traffic/street_layout.h"
#include "sim/traffic/street_state.h"
#include "sim/traffic/trips.h"

// Under way: with fewer, a step is done before several threads have met (decision 0053).
#define TEAM_VEHICLES_MIN 1000
// But not where so many groups hold them, as at night in a large city: then there is enough to do (decision 0054).
#define TEAM_GROUPS_MIN 200
#define GROUPS_COUNT_STEPS 64      // from one count of them to the next

static bool within(double value, double least, double most)
{
    return value >= least && value <= most;   // NaN fails
}

// What a type must be for the models to make sense.
static bool type_valid(const struct vehicle_type *type)
{
    return within(type->length_m, 0.2, 50.0) && within(type->gap_m, 0.2, 20.0)
        && within(type->acceleration_mps2, 0.1, 20.0) && within(type->deceleration_mps2, 0.2, 20.0)
        && within(type->emergency_mps2, type->deceleration_mps2, 30.0) && within(type->headway_s, 0.1, 10.0)
        && within(type->imperfection, 0.0, 1.0) && within(type->speed_mps_max, 0.5, 200.0)
        && within(type->speed_factor, 0.2, 3.0) && within(type->speed_deviation, 0.0, 1.0)
        && within(type->start_loss_s, 0.0, 10.0) && within(type->turn_way_m, 0.0, 1000.0)
        && __builtin_popcount((unsigned)type->user) == 1
        && (type->following == FOLLOW_IDM || type->following == FOLLOW_KRAUSS);
}

static enum status types_check(const struct vehicle_type *types, int32_t count, struct problem *problem)
{
    if (count < 1 || count > TYPE_COUNT_MAX) {
        return problem_report(problem, STATUS_LIMIT, "street", NULL, NULL, "%d vehicle types; 1 to %d are possible",
            count, TYPE_COUNT_MAX);
    }
    for (int32_t i = 0; i < count; i++) {
        if (!type_valid(&types[i])) {
            return problem_report(problem, STATUS_RANGE, "street", types[i].name, "see street.h for the ranges",
                "a parameter of this vehicle type makes no sense");
        }
    }
    return STATUS_OK;
}

static void types_create(struct street *street, const struct vehicle_type *types, int32_t count)
{
    struct type_table *table = &street->types;
    size_t n = (size_t)count;
    float **columns[] = { &table->acceleration, &table->deceleration, &table->emergency, &table->headway, &table->gap,
        &table->length, &table->imperfection, &table->speed_max, &table->closing, &table->turn_way };
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++) {
        *columns[i] = memory_take(n, sizeof(float));
    }
    table->krauss = memory_take(n, sizeof *table->krauss);
    table->user = memory_take(n, sizeof *table->user);
    table->factor = memory_take(n, sizeof *table->factor);
    table->deviation = memory_take(n, sizeof *table->deviation);
    table->start_loss = memory_take(n, sizeof *table->start_loss);
    street->type_count = count;
    street->only_idm = true;
    street->length_min = INFINITY;
    street->length_usual = (float)types[0].length_m;
    for (int32_t i = 0; i < count; i++) {
        const struct vehicle_type *type = &types[i];
        table->acceleration[i] = (float)type->acceleration_mps2;
        table->deceleration[i] = (float)type->deceleration_mps2;
        table->emergency[i] = (float)type->emergency_mps2;
        table->headway[i] = (float)type->headway_s;
        table->gap[i] = (float)type->gap_m;
        table->length[i] = (float)type->length_m;
        table->imperfection[i] = (float)type->imperfection;
        table->speed_max[i] = (float)type->speed_mps_max;
        table->turn_way[i] = (float)type->turn_way_m;
        table->closing[i] = (float)(0.5 / sqrt(type->acceleration_mps2 * type->deceleration_mps2));
        table->krauss[i] = type->following == FOLLOW_KRAUSS;
        table->user[i] = (uint32_t)type->user;
        table->factor[i] = type->speed_factor;
        table->deviation[i] = type->speed_deviation;
        table->start_loss[i] = type->start_loss_s;
        street->sirens = street->sirens || type->user == USER_EMERGENCY;
        street->only_idm = street->only_idm && type->following == FOLLOW_IDM;
        street->length_min = fminf(street->length_min, table->length[i]);
        street->length_max = fmaxf(street->length_max, table->length[i]);
        street->acceleration_max = fmaxf(street->acceleration_max, table->acceleration[i]);
    }
    for (int c = 0; c < WIDE; c++) {
        struct wide_types *first = &street->first_type;
        first->acceleration[c] = table->acceleration[0];
        first->deceleration[c] = table->deceleration[0];
        first->emergency[c] = table->emergency[0];
        first->headway[c] = table->headway[0];
        first->gap[c] = table->gap[0];
        first->length[c] = table->length[0];
        first->closing[c] = table->closing[0];
        first->imperfection[c] = table->imperfection[0];
        first->krauss[c] = table->krauss[0];
    }
}

enum status street_create(const struct network *network, const struct vehicle_type *types, int32_t type_count,
                          const struct street_options *options, struct street **ret, struct problem *problem)
{
    assert(network != NULL);
    assert(ret != NULL);
    enum status status = types_check(types, type_count, problem);
    if (status != STATUS_OK) {
        return status;
    }
    if (options->step_ms < 100 || options->step_ms > 1000 || 1000 % options->step_ms != 0) {
        return problem_report(problem, STATUS_RANGE, "street", "step", "use 100, 200, 250, 500 or 1000 ms",
            "a step of %d ms does not divide a second", options->step_ms);
    }
    const struct street_kernel *kernel;
    status = kernel_choose(&kernel, problem);
    if (status != STATUS_OK) {
        return status;
    }
    struct street *street = memory_take_aligned(1, sizeof *street);
    street->kernel = kernel;
    street->network = network;
    street->options = *options;
    street->now_ms = options->begin_ms;
    street->step_s = (float)options->step_ms * 0.001f;
    street->substeps = options->step_ms <= 250 ? 1 : options->step_ms <= 500 ? 2 : 4;
    street->trip_free = INDEX_NONE;
    street->depart_last_ms = INT64_MIN;
    street->cameras_read_ms = options->begin_ms;
    street->scheduled_first = street->scheduled_last = INDEX_NONE;
    street->arrived_first = street->arrived_last = INDEX_NONE;
    memset(street->piece_free, 0xff, sizeof street->piece_free);
    stops_clear(street);
    types_create(street, types, type_count);
    status = layout_create(street, problem);
    street->options.closures = NULL;
    status = status != STATUS_OK ? status : closures_create(street, options, problem);
    if (status != STATUS_OK) {
        street_release(street);
        return status;
    }
    for (int32_t i = 0; i < network->group_count; i++) {
        street->green_since_ms[i] = options->begin_ms;
    }
    *ret = street;
    return STATUS_OK;
}

void street_release(struct street *street)
{
    if (street == NULL) {
        return;
    }
    struct type_table *table = &street->types;
    void *taken[] = { table->acceleration, table->deceleration, table->emergency, table->headway, table->gap,
        table->length, table->imperfection, table->speed_max, table->closing, table->krauss, table->user,
        table->factor, table->deviation, table->start_loss, table->turn_way };
    for (size_t i = 0; i < sizeof taken / sizeof *taken; i++) {
        free(taken[i]);
    }
    team_release(street->team);
    closures_release(street);
    trips_release(street);
    layout_release(street);
    free(street);
}

static void greens_note_some(struct street *street, int32_t first, int32_t end)
{
    for (int32_t i = first; i < end; i++) {
        if (street->aspects[i] == ASPECT_GREEN && street->aspects_before[i] != ASPECT_GREEN) {
            street->green_since_ms[i] = street->now_ms;
        }
        street->aspects_before[i] = street->aspects[i];
    }
}

// Few lamps change in a step: they are compared by words.
static void greens_note(struct street *street)
{
    int32_t count = street->network->group_count, together = (int32_t)sizeof(uint64_t), first = 0;
    for (; first + together <= count; first += together) {
        uint64_t now, before;
        memcpy(&now, &street->aspects[first], sizeof now);
        memcpy(&before, &street->aspects_before[first], sizeof before);
        if (now != before) {
            greens_note_some(street, first, first + together);
        }
    }
    greens_note_some(street, first, count);
}

static bool may_insert(const struct street *street)
{
    return street->options.vehicle_count_max == 0 || street->counts.under_way < street->options.vehicle_count_max;
}

static void entered_count(struct street *street)
{
    for (int32_t i = 0; i < street->worker_count; i++) {
        street->counts.under_way += street->workers[i].entered;
        street->counts.waiting -= street->workers[i].entered;
    }
}

// From so many vehicles under way on several threads move them.
static int32_t team_least(struct street *street)
{
    if (street->options.team_vehicles_min > 0) {
        return street->options.team_vehicles_min;
    }
    if (street->counts.steps % GROUPS_COUNT_STEPS == 0) {
        street->groups_held = 0;
        for (int32_t i = 0; i < street->group_count; i++) {
            street->groups_held += street->groups[i].count_max > 0 ? 1 : 0;
        }
    }
    return street->groups_held >= TEAM_GROUPS_MIN ? 0 : TEAM_VEHICLES_MIN;
}

static void move_some(void *of, int32_t member)
{
    struct street *street = of;
    street->kernel->move_worker(street, &street->workers[member]);
}

static void settle_some(void *of, int32_t member)
{
    struct street *street = of;
    street->kernel->settle_worker(street, &street->workers[member]);
}

// Where there is too little to do for several to meet over it, one does all shares.
static void phases_run(struct street *street)
{
    share_begin(street);
    bool team_pays = street->worker_count > 1 && street->options.sharing_seed == 0
        && street->counts.under_way >= team_least(street);
    if (!team_pays) {
        move_some(street, 0);
        settle_some(street, 0);
        return;
    }
    if (street->team == NULL) {
        street->team = team_create(street->worker_count - 1);
    }
    team_run(street->team, move_some, street);
    team_run(street->team, settle_some, street);
}

// Of this step.
static void counts_begin(struct street *street)
{
    for (int32_t i = 0; i < street->worker_count; i++) {
        struct worker *worker = &street->workers[i];
        worker->updates = worker->queued = worker->entered = worker->detours = worker->parked = 0;
    }
}

void street_step(struct street *street)
{
    counts_begin(street);
    greens_note(street);
    closures_step(street);
    bool inserting = may_insert(street);
    if (street->insert_first) {
        // Trips that are due at once enter before anything moves.
        street->insert_first = false;
        if (trips_release_due(street) && inserting) {
            settle_insert(street, street->now_ms);
        }
    }
    int64_t before_ms = street->now_ms;
    street->now_ms += street->options.step_ms;
    (void)trips_release_due(street);   // they enter at the end of this step
    street->now_ms = before_ms;
    for (int32_t i = 0; i < street->worker_count; i++) {
        street->workers[i].inserting = inserting;
    }
    phases_run(street);
    struct crosser *crossers = street->now;
    street->now = street->next;
    street->next = crossers;
    struct inside *inside = street->inside;
    street->inside = street->inside_next;
    street->inside_next = inside;
    street->now_ms += street->options.step_ms;
    for (int32_t i = 0; i < street->worker_count; i++) {
        street->counts.vehicle_updates += street->workers[i].updates;
        street->counts.queue_vehicle_steps += street->workers[i].queued;
        street->counts.detours += street->workers[i].detours;
        street->counts.parked += street->workers[i].parked;
    }
    entered_count(street);
    trips_arrive(street);
    street->counts.queue_vehicle_steps += street->counts.waiting;
    street->counts.steps++;
}

int64_t street_now_ms(const struct street *street)
{
    return street->now_ms;
}

uint8_t *street_aspects(struct street *street)
{
    return street->aspects;
}

const struct street_counts *street_counts(const struct street *street)
{
    return &street->counts;
}

const struct passage_totals *street_passages(const struct street *street)
{
    for (int32_t i = 0; i < street->network->connection_count; i++) {
        const struct passage_sum *sum = &street->passage_sums[i];
        street->passages[i] = (struct passage_totals){ sum->passages, s_from_ms(sum->loss_ms) };
    }
    return street->passages;
}

int32_t street_list_vehicles(const struct street *street, struct vehicle_view *ret, int32_t count_max)
{
    int32_t count = 0;
    for (int32_t lane = 0; lane < street->network->lane_count; lane++) {
        int32_t cell = street->cell_of_lane[lane];
        const struct group *group = cell_group(street, cell);
        const struct row *rows = cell_rows(street, cell);
        int c = cell % WIDE;
        for (int32_t k = 0; k < group->count[c] && count < count_max; k++) {
            uint32_t type = rows[k].kind[c] & KIND_TYPE;
            ret[count++] = (struct vehicle_view){ street->trips[rows[k].trip[c]].number, (int32_t)type, lane,
                INDEX_NONE, (double)rows[k].front[c], (double)rows[k].speed[c],
                (double)street->types.length[type] };
        }
        for (int32_t i = 0; i < group->path_count[c]; i++) {
            int32_t path = group->first_path[c] + i;
            for (int32_t k = 0; k < street->inside[path].count && count < count_max; k++) {
                const struct crosser *crosser = &street->now[street->inside[path].first + k];
                ret[count++] = (struct vehicle_view){ street->trips[crosser->trip].number,
                    (int32_t)(crosser->kind & KIND_TYPE), lane, street->paths[path].connection,
                    (double)crosser->front, (double)crosser->speed, (double)crosser->length };
            }
        }
    }
    return count;
}

int32_t street_list_bound(const struct street *street, uint32_t users, struct bound_view *ret, int32_t count_max)
{
    int32_t count = 0;
    for (int32_t lane = 0; lane < street->network->lane_count; lane++) {
        int32_t cell = street->cell_of_lane[lane];
        const struct group *group = cell_group(street, cell);
        const struct row *rows = cell_rows(street, cell);
        int c = cell % WIDE;
        for (int32_t k = 0; k < group->count[c] && count < count_max; k++) {
            uint32_t type = rows[k].kind[c] & KIND_TYPE;
            if ((street->types.user[type] & users) == 0) {
                continue;
            }
            const struct trip *trip = &street->trips[rows[k].trip[c]];
            struct bound_view *view = &ret[count++];
            *view = (struct bound_view){ .number = trip->number, .type = (int32_t)type, .lane = lane,
                .to_stop_m = fmax(0.0, (double)(group->length[c] - rows[k].front[c])),
                .speed_mps = (double)rows[k].speed[c],
                .lost_s = stops_late_s(street, trip) };
            view->route_count = trip_links_ahead(street, trip, street->network->lanes[lane].link, view->route,
                                                 BOUND_LINK_COUNT_MAX);
        }
    }
    return count;
}

static void due_add(const struct street *street, int32_t index, uint32_t users, struct bound_view *ret, int32_t *count,
                    int32_t count_max)
{
    const struct trip *trip = &street->trips[index];
    if ((street->types.user[trip->type] & users) == 0 || *count == count_max) {
        return;
    }
    const struct link *link = &street->network->links[trip->first_link];
    int32_t wait_ms = trip->depart_ms - street_elapsed_ms(street);
    struct bound_view *view = &ret[(*count)++];
    *view = (struct bound_view){ .number = trip->number, .type = trip->type,
        .lane = link->first_lane + (trip->depart_lane >= 0 ? trip->depart_lane : 0), .to_stop_m = link->length_m,
        .departs_in_ms = wait_ms > 0 ? wait_ms : 0 };
    view->route_count = trip_links_ahead(street, trip, trip->first_link, view->route, BOUND_LINK_COUNT_MAX);
}

int32_t street_list_due(const struct street *street, uint32_t users, int32_t within_ms, struct bound_view *ret,
                        int32_t count_max)
{
    int32_t count = 0;
    for (int32_t link = 0; link < street->network->link_count && street->counts.waiting > 0; link++) {
        for (int32_t i = street->queue_first[link]; i != INDEX_NONE; i = street->trips[i].next) {
            due_add(street, i, users, ret, &count, count_max);
        }
    }
    int32_t until_ms = street_elapsed_ms(street) + within_ms;
    for (int32_t i = street->scheduled_first; i != INDEX_NONE && street->trips[i].depart_ms <= until_ms;
         i = street->trips[i].next) {
        due_add(street, i, users, ret, &count, count_max);
    }
    return count;
}
