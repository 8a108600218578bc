#include "sim/demand/demand.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"
#include "engine/import/import.h"
#include "sim/demand/demand_cityflow.h"
#include "sim/demand/demand_file.h"
#include "sim/demand/demand_rows.h"
#include "sim/demand/demand_sumo.h"
#include "sim/demand/sumo_types.h"

enum { BATCH_TRIPS = 4096, SCALE_UNIT = 1000 };   // SUMO, too, takes its --scale in thousandths

struct demand {
    const struct network *network;
    struct demand_rows rows;           // of a file that is read whole; else only types, counts and notes
    struct demand_file *file;          // of our own form, or NULL
    int64_t scale;                     // in 1 / SCALE_UNIT
    int32_t next_row;                  // of rows
    int64_t taken;                     // trips taken from the file so far, begin and errors being past
    bool done;

    bool held;                         // `trip` waits for its departure
    struct demand_trip trip;
    int32_t row;                       // it comes from; INDEX_NONE: from our own file
    int64_t copies;                    // of it, yet to be given

    LIST_OF(int64_t) depart_ms;        // the batch
    LIST_OF(int32_t) number, type, first_link, speed_mmps, front_mm;
    LIST_OF(int8_t) lane;
    struct link_list links;
    LIST_OF(int32_t) first_stop;
    LIST_OF(struct trip_stop) stops;
};

// Copies of trips 0 .. taken - 1: each floor(X), and once more whenever the sum of the fractions reaches the next
// whole; the first trip has it at once, as with SUMO.
static int64_t copies_before(const struct demand *demand, int64_t taken)
{
    int64_t whole = demand->scale / SCALE_UNIT, rest = demand->scale % SCALE_UNIT;
    return taken * whole + (rest > 0 && taken > 0 ? (taken - 1) * rest / SCALE_UNIT + 1 : 0);
}

static enum status read_whole(struct demand *demand, enum file_kind kind, const char *path)
{
    struct demand_rows *rows = &demand->rows;
    enum status status = STATUS_OK;
    switch (kind) {
    case FILE_SUMO_CONFIG:
        status = demand_sumo_config(path, rows);
        break;
    case FILE_SUMO_DEMAND:
    case FILE_SUMO_ADDITIONAL:
        status = demand_sumo_routes(path, rows);
        break;
    case FILE_CITYFLOW_DEMAND:
        status = demand_cityflow(path, rows);
        break;
    case FILE_UNKNOWN:
    case FILE_SUMO_NETWORK:
    case FILE_CITYFLOW_NETWORK:
    case FILE_INTERGREEN_NETWORK:
    case FILE_INTERGREEN_DEMAND:
        return problem_report(rows->problem, STATUS_SYNTAX, path, NULL,
                              "name a SUMO route file or .sumocfg, a CityFlow "
                              "flow.json, or a demand file of `intergreen generate`",
                              "holds no trips");
    }
    struct vehicle_type usual;
    if (status == STATUS_OK && rows->types.count == 0 && sumo_class_type("passenger", &usual)) {
        (void)snprintf(usual.name, sizeof usual.name, "DEFAULT_VEHTYPE");   // of a demand without any vehicle
        *GROW(rows->types) = usual;
    }
    return status == STATUS_OK ? rows_finish(rows) : status;
}

// Takes the next trip of our own file that departs from begin on and may drive, into demand->trip.
static enum status take_streamed(struct demand *demand, struct problem *problem)
{
    struct demand_rows *rows = &demand->rows;
    for (;;) {
        const struct demand_trip *trip;
        bool forbidden = false;
        rows->problem = problem;
        enum status status = demand_file_next(demand->file, &trip, &forbidden, problem);
        if (status != STATUS_OK) {
            return status;
        }
        if (trip == NULL) {
            demand->done = true;
            return STATUS_OK;
        }
        rows->counts.read++;
        if (rows->begin_ms != DEMAND_TIME_NONE && trip->depart_ms < rows->begin_ms) {
            rows->counts.before_begin++;
            continue;
        }
        if (!forbidden) {
            demand->trip = *trip;
            demand->held = true;
            return STATUS_OK;
        }
        const struct link *link = &demand->network->links[trip->links[0]];
        status = rows_refuse(rows, STATUS_RANGE, 0, (int32_t)demand_file_trip_index(demand->file),
                             "a vehicle of type \"%s\" may not drive its route from \"%s\"",
                             rows->types.at[trip->type].name, network_name(demand->network, link->name));
        if (status != STATUS_OK) {
            return status;
        }
    }
}

static void take_row(struct demand *demand)
{
    const struct demand_rows *rows = &demand->rows;
    if (demand->next_row == rows->rows.count) {
        demand->done = true;
        return;
    }
    demand->row = demand->next_row;
    const struct demand_row *row = &rows->rows.at[demand->next_row++];
    const struct route_request *route = &rows->routes.at[row->route];
    demand->trip = (struct demand_trip){ .depart_ms = row->depart_ms,
                                         .type = row->type,
                                         .link_count = route->found_count,
                                         .links = rows->links.at + route->found_first,
                                         .depart_lane = row->depart_lane,
                                         .depart_speed_mmps = row->depart_speed_mmps,
                                         .depart_front_mm = row->depart_front_mm };
    demand->held = true;
}

// Holds the next trip that has copies to give, or finds that there is none.
static enum status hold(struct demand *demand, struct problem *problem)
{
    while (!demand->held && !demand->done) {
        enum status status = STATUS_OK;
        if (demand->file != NULL) {
            status = take_streamed(demand, problem);
        } else {
            take_row(demand);
        }
        if (status != STATUS_OK) {
            return status;
        }
        if (demand->held) {
            demand->copies = copies_before(demand, demand->taken + 1) - copies_before(demand, demand->taken);
            demand->taken++;
            demand->held = demand->copies > 0;
        }
    }
    return STATUS_OK;
}

static enum status open_streamed(struct demand *demand, const char *path, struct problem *problem)
{
    struct demand_rows *rows = &demand->rows;
    enum status status = demand_file_open(demand->network, path, &demand->file, problem);
    if (status != STATUS_OK) {
        return status;
    }
    (void)names_add(&rows->files, path);
    rows->entry_word = "trip";
    int32_t count;
    const struct vehicle_type *types = demand_file_types(demand->file, &count);
    for (int32_t i = 0; i < count; i++) {
        *GROW(rows->types) = types[i];
    }
    rows->end_ms = demand_file_end_ms(demand->file);
    rows->begin_ms = rows->options.begin_ms != DEMAND_TIME_NONE ? rows->options.begin_ms
        : demand_file_begin_ms(demand->file);
    status = hold(demand, problem);
    if (status == STATUS_OK && rows->begin_ms == DEMAND_TIME_NONE) {
        rows->begin_ms = demand->held ? demand->trip.depart_ms : 0;
    }
    return status;
}

enum status demand_open(const struct network *network, const char *path, const struct demand_options *options,
                        struct demand **ret, struct problem *problem)
{
    assert(network != NULL);
    assert(path != NULL);
    if (!(options->scale >= 0.0 && options->scale <= DEMAND_SCALE_MAX)) {
        return problem_report(problem, STATUS_RANGE, "--demand-scale", NULL, "1 takes the demand as it is",
                              "%g is not between 0 and %g", options->scale, DEMAND_SCALE_MAX);
    }
    enum file_kind kind = FILE_SUMO_DEMAND;      // of a list: only SUMO's are many
    enum status status = demand_is_list(path) ? STATUS_OK : import_sniff(path, &kind, problem);
    if (status != STATUS_OK) {
        return status;
    }
    struct demand *demand = memory_take(1, sizeof *demand);
    demand->network = network;
    demand->row = INDEX_NONE;
    rows_create(&demand->rows, network, options, problem);
    demand->scale = (int64_t)(options->scale * SCALE_UNIT + 0.5);
    status = kind == FILE_INTERGREEN_DEMAND ? open_streamed(demand, path, problem) : read_whole(demand, kind, path);
    if (status == STATUS_OK && demand->file == NULL) {
        demand->scale = (int64_t)(fmin(options->scale * demand->rows.scale, DEMAND_SCALE_MAX) * SCALE_UNIT + 0.5);
    }
    if (status != STATUS_OK) {
        demand_release(demand);
        return status;
    }
    demand->rows.problem = NULL;
    demand->rows.options.additional = NULL;
    demand->rows.options.config = NULL;
    if (demand->file == NULL && copies_before(demand, demand->rows.rows.count) > INT32_MAX) {
        demand_release(demand);
        return problem_report(problem, STATUS_LIMIT, path, NULL, "lower the scale", "more than %d trips", INT32_MAX);
    }
    *ret = demand;
    return STATUS_OK;
}

void demand_release(struct demand *demand)
{
    if (demand == NULL) {
        return;
    }
    rows_release(&demand->rows);
    demand_file_close(demand->file);
    void *owned[] = { demand->depart_ms.at, demand->number.at, demand->type.at, demand->first_link.at,
        demand->speed_mmps.at, demand->front_mm.at, demand->lane.at, demand->links.at, demand->first_stop.at,
        demand->stops.at, demand };
    for (size_t i = 0; i < sizeof owned / sizeof *owned; i++) {
        free(owned[i]);
    }
}

const struct vehicle_type *demand_types(const struct demand *demand, int32_t *ret_count)
{
    *ret_count = demand->rows.types.count;
    return demand->rows.types.at;
}

const struct lane_closure *demand_closures(const struct demand *demand, int32_t *ret_count)
{
    *ret_count = demand->rows.closures.count;
    return demand->rows.closures.at;
}

int64_t demand_begin_ms(const struct demand *demand)
{
    return demand->rows.begin_ms;
}

int64_t demand_end_ms(const struct demand *demand)
{
    return demand->rows.end_ms;
}

int64_t demand_open_end_ms(const struct demand *demand)
{
    const struct demand_rows *rows = &demand->rows;
    return !rows->open_end || rows->rows.count == 0 ? DEMAND_TIME_NONE : rows->rows.at[rows->rows.count - 1].depart_ms;
}

int64_t demand_step_ms(const struct demand *demand)
{
    return demand->rows.step_ms;
}

// Its stops, where its way passes them.
static void give_stops(struct demand *demand)
{
    const struct demand_rows *rows = &demand->rows;
    *GROW(demand->first_stop) = demand->stops.count;
    const struct demand_row *row = demand->row != INDEX_NONE ? &rows->rows.at[demand->row] : NULL;
    int32_t leg = 0, end_mm = 0;
    for (int32_t i = 0; row != NULL && i < row->stop_count; i++) {
        struct trip_stop stop;
        if (rows_stop_find(rows, row, &rows->stops.at[row->first_stop + i], &leg, &end_mm, &stop)) {
            *GROW(demand->stops) = stop;
        }
    }
}

static void give(struct demand *demand)
{
    const struct demand_trip *trip = &demand->trip;
    *GROW(demand->depart_ms) = trip->depart_ms;
    *GROW(demand->number) = (int32_t)demand->rows.counts.given++;
    *GROW(demand->type) = trip->type;
    *GROW(demand->first_link) = demand->links.count;
    *GROW(demand->lane) = trip->depart_lane;
    *GROW(demand->speed_mmps) = trip->depart_speed_mmps;
    *GROW(demand->front_mm) = trip->depart_front_mm;
    int32_t first = demand->links.count;
    memory_grow((void **)&demand->links.at, &demand->links.capacity, first + trip->link_count, sizeof *trip->links);
    memcpy(demand->links.at + first, trip->links, (size_t)trip->link_count * sizeof *trip->links);
    demand->links.count += trip->link_count;
    give_stops(demand);
    demand->copies--;
    demand->held = demand->copies > 0;
}

enum status demand_next(struct demand *demand, int64_t until_ms, struct trip_columns *ret, struct problem *problem)
{
    demand->depart_ms.count = demand->number.count = demand->type.count = demand->first_link.count = 0;
    demand->speed_mmps.count = demand->front_mm.count = demand->lane.count = demand->links.count = 0;
    demand->first_stop.count = demand->stops.count = 0;
    while (demand->depart_ms.count < BATCH_TRIPS) {
        enum status status = hold(demand, problem);
        if (status != STATUS_OK) {
            return status;
        }
        if (!demand->held || demand->trip.depart_ms >= until_ms) {
            break;
        }
        if (demand->rows.counts.given == INT32_MAX) {
            return problem_report(problem, STATUS_LIMIT, "demand", NULL, "lower the scale", "more than %d trips",
                                  INT32_MAX);
        }
        give(demand);
    }
    int32_t count = demand->depart_ms.count;
    *GROW(demand->first_link) = demand->links.count;
    *GROW(demand->first_stop) = demand->stops.count;
    *ret = (struct trip_columns){ .count = count, .depart_ms = demand->depart_ms.at, .number = demand->number.at,
        .type = demand->type.at, .first_link = demand->first_link.at, .links = demand->links.at,
        .depart_lane = demand->lane.at, .depart_speed_mmps = demand->speed_mmps.at,
        .first_stop = demand->stops.count > 0 ? demand->first_stop.at : NULL, .stops = demand->stops.at,
        .depart_front_mm = demand->front_mm.at };
    return STATUS_OK;
}

bool demand_done(const struct demand *demand)
{
    return !demand->held && (demand->done || (demand->file == NULL && demand->next_row == demand->rows.rows.count));
}

const struct demand_counts *demand_counts(const struct demand *demand)
{
    return &demand->rows.counts;
}

int32_t demand_note_count(const struct demand *demand)
{
    return demand->rows.notes.count;
}

const char *demand_note(const struct demand *demand, int32_t index)
{
    assert(index >= 0);
    assert(index < demand->rows.notes.count);
    return demand->rows.notes.at[index];
}

void demand_trip_name(const struct demand *demand, int32_t number, char *text, int32_t text_bytes)
{
    const struct demand_rows *rows = &demand->rows;
    if (demand->file != NULL || number < 0 || rows->rows.count == 0) {
        (void)snprintf(text, (size_t)text_bytes, "%d", number);
        return;
    }
    // The last row whose first copy is not after the number.
    int32_t low = 0, high = rows->rows.count - 1;
    while (low < high) {
        int32_t middle = low + (high - low + 1) / 2;
        if (copies_before(demand, middle) <= number) {
            low = middle;
        } else {
            high = middle - 1;
        }
    }
    const struct demand_row *row = &rows->rows.at[low];
    int64_t copy = number - copies_before(demand, low);
    char instance[16] = "", copied[24] = "";
    if (row->instance != INDEX_NONE) {
        (void)snprintf(instance, sizeof instance, "%c%d", rows->instance_mark, row->instance);
    }
    if (copy > 0) {
        (void)snprintf(copied, sizeof copied, ".%lld", (long long)copy);
    }
    (void)snprintf(text, (size_t)text_bytes, "%s%s%s", rows->text.at + row->name, instance, copied);
}
