#include "sim/traffic/street_checkpoint.h"

#include <string.h>

#include "engine/base/hash.h"
#include "sim/traffic/closures.h"
#include "sim/traffic/stops.h"
#include "sim/traffic/street_place.h"

#define STREET_FORMAT 2

// Records are written as they lie, so their sizes are part of the format.
static int64_t records_layout(void)
{
    const size_t sizes[] = { sizeof(struct trip), sizeof(struct leg), sizeof(struct vehicle), sizeof(struct crosser),
        sizeof(struct head_memory), sizeof(struct street_counts), sizeof(struct passage_sum) };
    uint64_t hash = hash_number(HASH_SEED, STREET_FORMAT);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        hash = hash_number(hash, (int64_t)sizes[i]);
    }
    return (int64_t)hash;
}

static int64_t types_hash(const struct street *street)
{
    const struct type_table *types = &street->types;
    const float *columns[] = { types->acceleration, types->deceleration, types->emergency, types->headway, types->gap,
        types->length, types->imperfection, types->speed_max, types->turn_way };
    uint64_t hash = hash_number(HASH_SEED, street->type_count);
    size_t count = (size_t)street->type_count;
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++) {
        hash = hash_bytes(hash, columns[i], count * sizeof(float));
    }
    hash = hash_bytes(hash, types->krauss, count * sizeof *types->krauss);
    hash = hash_bytes(hash, types->user, count * sizeof *types->user);
    hash = hash_bytes(hash, types->factor, count * sizeof *types->factor);
    hash = hash_bytes(hash, types->deviation, count * sizeof *types->deviation);
    return (int64_t)hash_bytes(hash, types->start_loss, count * sizeof *types->start_loss);
}

// ---- save ----------------------------------------------------------------------------------------------------------

static void trip_save(const struct street *street, int32_t index, struct byte_sink *sink)
{
    struct trip trip = street->trips[index];
    const struct leg *legs = &street->legs[trip.first_leg];
    trip.first_leg = trip.next = INDEX_NONE;   // where it lies is not its state
    sink_put(sink, &trip, sizeof trip);
    sink_put(sink, legs, trip.leg_count * sizeof *legs);
    stops_save(street, index, sink);
}

static void list_save(const struct street *street, int32_t first, struct byte_sink *sink)
{
    int64_t count = 0;
    for (int32_t i = first; i != INDEX_NONE; i = street->trips[i].next) {
        count++;
    }
    sink_number(sink, count);
    for (int32_t i = first; i != INDEX_NONE; i = street->trips[i].next) {
        trip_save(street, i, sink);
    }
}

static void lane_save(const struct street *street, int32_t lane, struct byte_sink *sink)
{
    int32_t cell = street->cell_of_lane[lane];
    int column = cell % WIDE;
    int32_t count = cell_group(street, cell)->count[column];
    struct head_memory memory;
    memset(&memory, 0, sizeof memory);   // the padding too: the same state is the same bytes
    struct head_memory read = place_head_read(street, cell);
    memory.entered = read.entered;
    memory.yielding = read.yielding;
    memory.held = read.held;
    memory.clear = read.clear;
    memory.entry_busy = read.entry_busy;
    memory.over = read.over;
    memory.over_rear = read.over_rear;
    memory.over_mps = read.over_mps;
    sink_put(sink, &memory, sizeof memory);
    sink_number(sink, count);
    for (int32_t k = 0; k < count; k++) {
        struct vehicle vehicle = column_get(cell_rows(street, cell), k, column);
        int32_t trip = vehicle.trip;
        vehicle.trip = INDEX_NONE;
        sink_put(sink, &vehicle, sizeof vehicle);
        trip_save(street, trip, sink);
    }
}

static void path_save(const struct street *street, int32_t path, struct byte_sink *sink)
{
    const struct inside *inside = &street->inside[path];
    sink_number(sink, inside->count);
    for (int32_t k = 0; k < inside->count; k++) {
        struct crosser crosser = street->now[inside->first + k];
        int32_t trip = crosser.trip;
        crosser.trip = INDEX_NONE;
        sink_put(sink, &crosser, sizeof crosser);
        trip_save(street, trip, sink);
    }
}

// The columns that are kept as they are, in one order for both ways.
struct kept_column { void *at; size_t bytes; };

#define KEPT_COLUMN_COUNT 9

static void columns_kept(const struct street *street, struct kept_column *ret)
{
    const struct network *network = street->network;
    size_t groups = (size_t)network->group_count;
    const struct kept_column columns[KEPT_COLUMN_COUNT] = {
        { street->aspects, groups * sizeof *street->aspects },
        { street->aspects_before, groups * sizeof *street->aspects_before },
        { street->green_since_ms, groups * sizeof *street->green_since_ms },
        { street->passage_sums, (size_t)network->connection_count * sizeof *street->passage_sums },
        { street->turned, (size_t)network->lane_count * sizeof *street->turned },
        { street->turned_read, (size_t)network->camera_count * sizeof *street->turned_read },
        { (void *)&street->counts, sizeof street->counts },
        { (void *)&street->cameras_read_ms, sizeof street->cameras_read_ms },
        { (void *)&street->depart_last_ms, sizeof street->depart_last_ms },
    };
    memcpy(ret, columns, sizeof columns);
}

static void loop_columns(struct street *street, int32_t detector, int32_t **ret)
{
    struct loop_layer *layer = &street->loops[street->loop_layer_of_detector[detector]];
    int c = street->loop_column_of_detector[detector];
    int32_t *columns[] = { &layer->occupied_ms[c], &layer->count[c], &layer->speed_mmps[c], &layer->behind_ms[c],
        &layer->behind_count[c], &layer->behind_mmps[c], &layer->last_ms[c] };
    memcpy(ret, columns, sizeof columns);
}

#define LOOP_COLUMN_COUNT 7

// A loop's times and counts; those of the last look are told as of it: others where it was touched since.
static int32_t loop_sum(const struct street *street, int32_t detector)
{
    const struct loop_layer *layer = &street->loops[street->loop_layer_of_detector[detector]];
    int c = street->loop_column_of_detector[detector];
    return layer->occupied_ms[c] + layer->count[c] + layer->behind_ms[c] + layer->behind_count[c];
}

static uint32_t loop_touched(const struct street *street, int32_t detector)
{
    const struct loops_met *met = &street->loops_met[street->loop_layer_of_detector[detector]];
    return loops_touched(met) >> street->loop_column_of_detector[detector] & 1u;
}

void street_save(const struct street *street, struct byte_sink *sink)
{
    const struct network *network = street->network;
    sink_number(sink, records_layout());
    sink_number(sink, (int64_t)network->hash);
    sink_number(sink, types_hash(street));
    sink_number(sink, (int64_t)closures_hash(street));
    sink_number(sink, (int64_t)street->options.seed);
    sink_number(sink, street->options.step_ms);
    sink_number(sink, street->options.begin_ms);
    sink_number(sink, street->now_ms);
    sink_number(sink, street->insert_first);
    struct kept_column kept[KEPT_COLUMN_COUNT];
    columns_kept(street, kept);
    for (int i = 0; i < KEPT_COLUMN_COUNT; i++) {
        sink_put(sink, kept[i].at, kept[i].bytes);
    }
    for (int32_t i = 0; i < network->detector_count; i++) {
        int32_t *columns[LOOP_COLUMN_COUNT];
        loop_columns((struct street *)street, i, columns);
        for (int k = 0; k < LOOP_COLUMN_COUNT; k++) {
            sink_put(sink, columns[k], sizeof *columns[k]);
        }
        int32_t looked = loop_sum(street, i) - (int32_t)loop_touched(street, i);
        sink_put(sink, &looked, sizeof looked);
    }
    for (int32_t i = 0; i < street->crossroads_count; i++) {
        sink_number(sink, street->crossroads[i].vehicles_before);
    }
    for (int32_t i = 0; i < network->lane_count; i++) {
        lane_save(street, i, sink);
    }
    for (int32_t i = 0; i < street->path_count; i++) {
        path_save(street, i, sink);
    }
    for (int32_t i = 0; i < network->link_count; i++) {
        list_save(street, street->queue_first[i], sink);
    }
    for (int32_t i = 0; i < street->block_count; i++) {
        list_save(street, street->blocks[i].parked, sink);
    }
    list_save(street, street->scheduled_first, sink);
    list_save(street, street->arrived_first, sink);
}

// ---- load ----------------------------------------------------------------------------------------------------------

// A trip as it was saved; INDEX_NONE when there is none that could have been.
static int32_t trip_load(struct street *street, struct byte_source *source)
{
    struct trip trip;
    source_take(source, &trip, sizeof trip);
    const uint8_t *bytes = source_skip(source, trip.leg_count * sizeof(struct leg));
    if (source->failed || trip.leg_count < 1 || trip.leg >= trip.leg_count || trip.type >= street->type_count
        || trip.piece_size < 1 || trip.piece_size >= PIECE_SIZE_COUNT
        || trip.leg_count > trip.piece_size * PIECE_LEGS) {
        source->failed = true;
        return INDEX_NONE;
    }
    place_room(street, 1, (int64_t)trip.piece_size * PIECE_LEGS);
    int32_t index = place_trip(street, &trip, (const struct leg *)bytes);
    if (!stops_load(street, index, source)) {
        source->failed = true;
        return INDEX_NONE;
    }
    return index;
}

static bool column_has_room(const struct street *street, int32_t cell)
{
    const struct group *group = cell_group(street, cell);
    return group->count[cell % WIDE] < group->row_count_max;
}

static void lane_load(struct street *street, int32_t lane, struct byte_source *source)
{
    int32_t cell = street->cell_of_lane[lane];
    struct head_memory memory;
    source_take(source, &memory, sizeof memory);
    int64_t count = source_number(source);
    for (int64_t k = 0; k < count && !source->failed; k++) {
        struct vehicle vehicle;
        source_take(source, &vehicle, sizeof vehicle);
        vehicle.trip = trip_load(street, source);
        if (vehicle.trip == INDEX_NONE || !column_has_room(street, cell) || vehicle.path < PATH_END
            || vehicle.path >= street->path_count || (int32_t)(vehicle.kind & KIND_TYPE) >= street->type_count) {
            source->failed = true;
            return;
        }
        place_in_cell(street, cell, &vehicle);
    }
    if (memory.entered < PATH_END || memory.entered >= street->path_count) {
        source->failed = true;
        return;
    }
    place_head(street, cell, &memory);
}

static void path_load(struct street *street, int32_t path, int32_t *slot, struct byte_source *source)
{
    int64_t count = source_number(source);
    for (int64_t k = 0; k < count && !source->failed; k++) {
        struct crosser crosser;
        source_take(source, &crosser, sizeof crosser);
        crosser.trip = trip_load(street, source);
        if (crosser.trip == INDEX_NONE || (int32_t)(crosser.kind & KIND_TYPE) >= street->type_count
            || !place_on_path(street, path, &crosser, slot)) {
            source->failed = true;
        }
    }
}

static void list_load(struct street *street, int32_t link, void (*place)(struct street *, int32_t, int32_t),
                      struct byte_source *source)
{
    int64_t count = source_number(source);
    for (int64_t i = 0; i < count && !source->failed; i++) {
        int32_t trip = trip_load(street, source);
        if (trip != INDEX_NONE) {
            place(street, trip, link);
        }
    }
}

static void place_scheduled_at(struct street *street, int32_t trip, int32_t link)
{
    (void)link;
    place_scheduled(street, trip);
}

static void place_arrived_at(struct street *street, int32_t trip, int32_t link)
{
    (void)link;
    place_arrived(street, trip);
}

static enum status head_load(struct street *street, struct byte_source *source, struct problem *problem)
{
    const struct { int64_t own; const char *what; } known[] = {
        { records_layout(), "another version of the program" }, { (int64_t)street->network->hash, "another network" },
        { types_hash(street), "other vehicle types" }, { (int64_t)closures_hash(street), "other incidents" },
        { (int64_t)street->options.seed, "another seed" },
        { street->options.step_ms, "another step" }, { street->options.begin_ms, "another begin" },
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (source_number(source) != known[i].own && !source->failed) {
            return problem_report(problem, STATUS_VERSION, "checkpoint", NULL,
                                  "load it with the options and the files that it was saved with", "it is of %s",
                                  known[i].what);
        }
    }
    int64_t now_ms = source_number(source);
    street->now_ms = now_ms;
    street->insert_first = source_number(source) != 0;
    return STATUS_OK;
}

static void columns_load(struct street *street, struct byte_source *source)
{
    struct kept_column kept[KEPT_COLUMN_COUNT];
    columns_kept(street, kept);
    for (int i = 0; i < KEPT_COLUMN_COUNT; i++) {
        source_take(source, kept[i].at, kept[i].bytes);
    }
    for (int32_t i = 0; i < street->network->detector_count; i++) {
        int32_t *columns[LOOP_COLUMN_COUNT];
        loop_columns(street, i, columns);
        for (int k = 0; k < LOOP_COLUMN_COUNT; k++) {
            source_take(source, columns[k], sizeof *columns[k]);
        }
        int32_t looked = 0;
        source_take(source, &looked, sizeof looked);
        struct loops_met *met = &street->loops_met[street->loop_layer_of_detector[i]];
        met->covered |= (uint16_t)((looked != loop_sum(street, i)) << street->loop_column_of_detector[i]);
    }
    for (int32_t i = 0; i < street->crossroads_count; i++) {
        street->crossroads[i].vehicles_before = (int32_t)source_number(source);
    }
}

enum status street_load(struct street *street, struct byte_source *source, struct problem *problem)
{
    const struct network *network = street->network;
    enum status status = head_load(street, source, problem);
    if (status != STATUS_OK) {
        return status;
    }
    columns_load(street, source);
    closures_set(street);
    for (int32_t i = 0; i < network->lane_count && !source->failed; i++) {
        lane_load(street, i, source);
    }
    int32_t slot = 0;
    for (int32_t i = 0; i < street->path_count && !source->failed; i++) {
        path_load(street, i, &slot, source);
    }
    for (int32_t i = 0; i < network->link_count && !source->failed; i++) {
        list_load(street, i, place_waiting, source);
    }
    for (int32_t i = 0; i < street->block_count && !source->failed; i++) {
        list_load(street, i, place_parked, source);
    }
    list_load(street, INDEX_NONE, place_scheduled_at, source);
    list_load(street, INDEX_NONE, place_arrived_at, source);
    if (source->failed) {
        return problem_report(problem, STATUS_RANGE, "checkpoint", "street", "save it anew",
                              "it does not hold a whole street");
    }
    place_done(street);
    return STATUS_OK;
}
