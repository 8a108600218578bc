#include "engine/wire/observation_codec.h"

#include <assert.h>
#include <string.h>

#include "engine/wire/fields.h"
#include "engine/wire/unpack.h"

// Fields of ObservationBatch, as its comments number them.
enum {
    FIELD_SEQUENCE = 1, FIELD_BASE = 2,
    FIELD_LOOP_DETECTOR = 3, FIELD_LOOP_END, FIELD_LOOP_LENGTH, FIELD_LOOP_VEHICLES, FIELD_LOOP_OCCUPIED,
    FIELD_LOOP_SPEED,
    FIELD_EDGE_DETECTOR = 9, FIELD_EDGE_AT, FIELD_EDGE_ON,
    FIELD_CAMERA = 12, FIELD_CAMERA_END, FIELD_CAMERA_LENGTH, FIELD_CAMERA_IN_VIEW, FIELD_CAMERA_QUEUED,
    FIELD_CAMERA_TAIL, FIELD_CAMERA_SPEED, FIELD_CAMERA_THROUGH, FIELD_CAMERA_LEFT, FIELD_CAMERA_RIGHT,
    FIELD_CAMERA_U_TURN, FIELD_CAMERA_BIN_COUNT, FIELD_CAMERA_BIN_VEHICLES, FIELD_CAMERA_BIN_SPEED,
    FIELD_END,
};

static const char *const FIELD_NAMES[FIELD_END] = { "", "sequence", "base_ms", "loop_detector", "loop_end_ms",
    "loop_length_ms", "loop_vehicles", "loop_occupied_ms", "loop_speed_mmps", "edge_detector", "edge_at_ms", "edge_on",
    "camera", "camera_end_ms", "camera_length_ms", "camera_in_view", "camera_queued", "camera_tail_mm",
    "camera_speed_mmps", "camera_through", "camera_left", "camera_right", "camera_u_turn", "camera_bin_count",
    "camera_bin_vehicles", "camera_bin_speed_mmps" };

// A batch taken apart: its columns, counted.
struct batch {
    uint64_t sequence;
    int64_t base_ms;
    struct cursor column[FIELD_END];
    int32_t loops, edges, cameras, bins;
};

// ---- taking a batch apart ----

static bool optional_column(int field)
{
    return field == FIELD_LOOP_SPEED || field == FIELD_CAMERA_SPEED || field == FIELD_CAMERA_BIN_COUNT;
}

// All columns from `first` to `last` have the rows of the first, or none where optional.
static const char *columns_count(struct batch *batch, const struct fields *fields, int first, int last, int32_t *ret)
{
    int64_t rows = 0;
    for (int f = first; f <= last; f++) {
        if (!fields_column(fields, (uint32_t)f, &batch->column[f])) {
            return FIELD_NAMES[f];
        }
        int64_t count = column_count(batch->column[f]);
        if (f == first) {
            rows = count;
        }
        if (count < 0 || count > INT32_MAX || (count != rows && !(count == 0 && optional_column(f)))) {
            return FIELD_NAMES[f];
        }
    }
    *ret = (int32_t)rows;
    return NULL;
}

// The bins of all rows together: what camera_bin_count adds up to.
static const char *bins_count(struct batch *batch, const struct fields *fields)
{
    int64_t total = 0;
    struct cursor counts = batch->column[FIELD_CAMERA_BIN_COUNT];
    while (counts.at < counts.end) {
        uint64_t count;
        if (!varint_read(&counts, &count) || count > INT32_MAX) {
            return FIELD_NAMES[FIELD_CAMERA_BIN_COUNT];
        }
        total += (int64_t)count;
    }
    for (int f = FIELD_CAMERA_BIN_VEHICLES; f <= FIELD_CAMERA_BIN_SPEED; f++) {
        if (!fields_column(fields, (uint32_t)f, &batch->column[f]) || column_count(batch->column[f]) != total) {
            return FIELD_NAMES[f];
        }
    }
    batch->bins = (int32_t)total;   // At most the bytes of the frame.
    return NULL;
}

static const char *batch_open(const struct fields *fields, struct batch *ret)
{
    if ((fields->numbers >> FIELD_SEQUENCE & 1) == 0
        || !fields_uint(fields, FIELD_SEQUENCE, UINT64_MAX, 0, &ret->sequence)) {
        return FIELD_NAMES[FIELD_SEQUENCE];
    }
    if ((fields->numbers >> FIELD_BASE & 1) == 0
        || !fields_sint(fields, FIELD_BASE, -WIRE_TIME_MS_MAX, WIRE_TIME_MS_MAX, 0, &ret->base_ms)) {
        return FIELD_NAMES[FIELD_BASE];
    }
    const char *fault = columns_count(ret, fields, FIELD_LOOP_DETECTOR, FIELD_LOOP_SPEED, &ret->loops);
    if (fault == NULL) {
        fault = columns_count(ret, fields, FIELD_EDGE_DETECTOR, FIELD_EDGE_ON, &ret->edges);
    }
    if (fault == NULL) {
        fault = columns_count(ret, fields, FIELD_CAMERA, FIELD_CAMERA_BIN_COUNT, &ret->cameras);
    }
    return fault != NULL ? fault : bins_count(ret, fields);
}

// ---- decoding columns behind the rows that are there ----

static bool uints(struct batch *batch, int field, int32_t count, int32_t *ret)
{
    return column_uints(batch->column[field], count, ret);
}

// A signed column; one that was left out reads -1.
static bool sints(struct batch *batch, int field, int32_t count, int32_t *ret)
{
    if (cursor_bytes(&batch->column[field]) == 0) {
        for (int32_t i = 0; i < count; i++) {
            ret[i] = -1;
        }
        return true;
    }
    return column_sints(batch->column[field], count, ret);
}

#define TIMES_CHUNK 256

static bool times(struct batch *batch, int field, int32_t count, int64_t *ret)
{
    int32_t after_ms[TIMES_CHUNK];
    struct cursor column = batch->column[field];
    for (int32_t done = 0; done < count; done += TIMES_CHUNK) {
        int32_t run = count - done < TIMES_CHUNK ? count - done : TIMES_CHUNK;
        struct cursor part = column_split(&column, run);
        if (!column_sints(part, run, after_ms)) {
            return false;
        }
        for (int32_t i = 0; i < run; i++) {
            ret[done + i] = batch->base_ms + after_ms[i];
        }
    }
    return true;
}

static const char *loops_decode(struct batch *batch, struct loop_columns *to)
{
    int32_t at = to->count;
    int32_t count = batch->loops;
    if (!uints(batch, FIELD_LOOP_DETECTOR, count, to->detector + at)) {
        return FIELD_NAMES[FIELD_LOOP_DETECTOR];
    }
    if (!times(batch, FIELD_LOOP_END, count, to->end_ms + at)) {
        return FIELD_NAMES[FIELD_LOOP_END];
    }
    if (!uints(batch, FIELD_LOOP_LENGTH, count, to->length_ms + at)) {
        return FIELD_NAMES[FIELD_LOOP_LENGTH];
    }
    if (!uints(batch, FIELD_LOOP_VEHICLES, count, to->vehicles + at)) {
        return FIELD_NAMES[FIELD_LOOP_VEHICLES];
    }
    if (!uints(batch, FIELD_LOOP_OCCUPIED, count, to->occupied_ms + at)) {
        return FIELD_NAMES[FIELD_LOOP_OCCUPIED];
    }
    if (!sints(batch, FIELD_LOOP_SPEED, count, to->speed_mmps + at)) {
        return FIELD_NAMES[FIELD_LOOP_SPEED];
    }
    return NULL;
}

static const char *edges_decode(struct batch *batch, struct edge_columns *to)
{
    int32_t at = to->count;
    int32_t count = batch->edges;
    if (!uints(batch, FIELD_EDGE_DETECTOR, count, to->detector + at)) {
        return FIELD_NAMES[FIELD_EDGE_DETECTOR];
    }
    if (!times(batch, FIELD_EDGE_AT, count, to->at_ms + at)) {
        return FIELD_NAMES[FIELD_EDGE_AT];
    }
    if (!uints(batch, FIELD_EDGE_ON, count, to->on + at)) {
        return FIELD_NAMES[FIELD_EDGE_ON];
    }
    return NULL;
}

// The bins go behind those that are there; first_bin[row + 1] holds the row's own count until cameras_judge adds it up.
static const char *cameras_decode(struct batch *batch, struct camera_columns *to)
{
    int32_t at = to->count;
    int32_t count = batch->cameras;
    int32_t *columns[FIELD_CAMERA_U_TURN + 1] = {
        [FIELD_CAMERA] = to->camera, [FIELD_CAMERA_LENGTH] = to->length_ms, [FIELD_CAMERA_IN_VIEW] = to->in_view,
        [FIELD_CAMERA_QUEUED] = to->queued, [FIELD_CAMERA_TAIL] = to->tail_mm, [FIELD_CAMERA_THROUGH] = to->turned[0],
        [FIELD_CAMERA_LEFT] = to->turned[1], [FIELD_CAMERA_RIGHT] = to->turned[2],
        [FIELD_CAMERA_U_TURN] = to->turned[3],
    };
    for (int f = FIELD_CAMERA; f <= FIELD_CAMERA_U_TURN; f++) {
        if (columns[f] != NULL && !uints(batch, f, count, columns[f] + at)) {
            return FIELD_NAMES[f];
        }
    }
    if (!times(batch, FIELD_CAMERA_END, count, to->end_ms + at)) {
        return FIELD_NAMES[FIELD_CAMERA_END];
    }
    if (!sints(batch, FIELD_CAMERA_SPEED, count, to->speed_mmps + at)) {
        return FIELD_NAMES[FIELD_CAMERA_SPEED];
    }
    int32_t *bin_counts = to->first_bin + at + 1;
    if (cursor_bytes(&batch->column[FIELD_CAMERA_BIN_COUNT]) == 0) {
        memset(bin_counts, 0, (size_t)count * sizeof *bin_counts);
    } else if (!uints(batch, FIELD_CAMERA_BIN_COUNT, count, bin_counts)) {
        return FIELD_NAMES[FIELD_CAMERA_BIN_COUNT];
    }
    int32_t first_bin = to->first_bin[at];
    if (!uints(batch, FIELD_CAMERA_BIN_VEHICLES, batch->bins, to->bin_vehicles + first_bin)) {
        return FIELD_NAMES[FIELD_CAMERA_BIN_VEHICLES];
    }
    if (!sints(batch, FIELD_CAMERA_BIN_SPEED, batch->bins, to->bin_speed_mmps + first_bin)) {
        return FIELD_NAMES[FIELD_CAMERA_BIN_SPEED];
    }
    return NULL;
}

// ---- judging rows ----

// Whether a sorted list holds the index. Readings mostly come in the order of the list, so the place behind the last
// hit is looked at first.
static bool owned(const struct indices *list, int32_t index, int32_t *hint)
{
    if (*hint < list->count && list->at[*hint] == index) {
        *hint += 1;
        return true;
    }
    int32_t low = 0;
    int32_t high = list->count;
    while (low < high) {
        int32_t middle = low + (high - low) / 2;
        if (list->at[middle] < index) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    *hint = low + 1;
    return low < list->count && list->at[low] == index;
}

static inline enum reading_refusal judge_index(const struct reading_rules *rules, const struct indices *list,
                                               int32_t count, int32_t index, int32_t *hint)
{
    if (index >= count) {
        return READING_UNKNOWN;
    }
    return rules->all || owned(list, index, hint) ? READING_TAKEN : READING_FOREIGN;
}

static inline enum reading_refusal judge_time(const struct reading_rules *rules, int64_t at_ms)
{
    return at_ms > rules->end_ms_max ? READING_FUTURE : at_ms < rules->end_ms_min ? READING_OLD : READING_TAKEN;
}

static inline int32_t vehicles_max(int32_t length_ms)
{
    return 2 + length_ms / READING_VEHICLE_MS_MIN;   // One under way at either end of the interval.
}

static inline bool speed_possible(int32_t speed_mmps)
{
    return speed_mmps >= -1 && speed_mmps <= READING_SPEED_MMPS_MAX;
}

static inline bool length_possible(int32_t length_ms)
{
    return length_ms > 0 && length_ms <= READING_LENGTH_MS_MAX;
}

static void refuse(struct reading_result *result, enum reading_kind kind, int32_t row, enum reading_refusal reason)
{
    if (result->refused_listed < WIRE_REFUSED_MAX) {
        result->refused[result->refused_listed++] = (struct refused_reading){ kind, row, reason };
    }
    result->refused_count++;
}

static enum reading_refusal judge_loop(const struct reading_rules *rules, const struct loop_columns *rows, int32_t i,
                                       int32_t *hint)
{
    enum reading_refusal refusal =
        judge_index(rules, &rules->detectors, rules->detector_count, rows->detector[i], hint);
    if (refusal == READING_TAKEN) {
        refusal = judge_time(rules, rows->end_ms[i]);
    }
    if (refusal != READING_TAKEN) {
        return refusal;
    }
    if (!length_possible(rows->length_ms[i])) {
        return READING_LENGTH;
    }
    if (rows->vehicles[i] > vehicles_max(rows->length_ms[i])) {
        return READING_VEHICLES;
    }
    if (rows->occupied_ms[i] > rows->length_ms[i]) {
        return READING_OCCUPANCY;
    }
    return speed_possible(rows->speed_mmps[i]) ? READING_TAKEN : READING_SPEED;
}

static void loops_judge(const struct reading_rules *rules, struct loop_columns *rows, int32_t count,
                        struct reading_result *result)
{
    int32_t begin = rows->count;
    int32_t kept = begin;
    int32_t hint = 0;
    for (int32_t i = begin; i < begin + count; i++) {
        enum reading_refusal refusal = judge_loop(rules, rows, i, &hint);
        if (refusal != READING_TAKEN) {
            refuse(result, READING_OF_LOOP, i - begin, refusal);
            continue;
        }
        if (kept != i) {
            rows->detector[kept] = rows->detector[i];
            rows->end_ms[kept] = rows->end_ms[i];
            rows->length_ms[kept] = rows->length_ms[i];
            rows->vehicles[kept] = rows->vehicles[i];
            rows->occupied_ms[kept] = rows->occupied_ms[i];
            rows->speed_mmps[kept] = rows->speed_mmps[i];
        }
        kept++;
    }
    result->loops = kept - begin;
    rows->count = kept;
}

static void edges_judge(const struct reading_rules *rules, struct edge_columns *rows, int32_t count,
                        struct reading_result *result)
{
    int32_t begin = rows->count;
    int32_t kept = begin;
    int32_t hint = 0;
    for (int32_t i = begin; i < begin + count; i++) {
        enum reading_refusal refusal =
            judge_index(rules, &rules->detectors, rules->detector_count, rows->detector[i], &hint);
        if (refusal == READING_TAKEN) {
            refusal = judge_time(rules, rows->at_ms[i]);
        }
        if (refusal == READING_TAKEN && rows->on[i] > 1) {
            refusal = READING_EDGE;
        }
        if (refusal != READING_TAKEN) {
            refuse(result, READING_OF_EDGE, i - begin, refusal);
            continue;
        }
        rows->detector[kept] = rows->detector[i];
        rows->at_ms[kept] = rows->at_ms[i];
        rows->on[kept] = rows->on[i];
        kept++;
    }
    result->edges = kept - begin;
    rows->count = kept;
}

static enum reading_refusal judge_camera(const struct reading_rules *rules, const struct camera_columns *rows,
                                         int32_t i, int32_t *hint)
{
    enum reading_refusal refusal = judge_index(rules, &rules->cameras, rules->camera_count, rows->camera[i], hint);
    if (refusal == READING_TAKEN) {
        refusal = judge_time(rules, rows->end_ms[i]);
    }
    if (refusal != READING_TAKEN) {
        return refusal;
    }
    if (!length_possible(rows->length_ms[i])) {
        return READING_LENGTH;
    }
    if (rows->in_view[i] > READING_IN_VIEW_MAX) {
        return READING_VEHICLES;
    }
    for (int turn = 0; turn < 4; turn++) {
        if (rows->turned[turn][i] > vehicles_max(rows->length_ms[i])) {
            return READING_VEHICLES;
        }
    }
    if (rows->queued[i] > rows->in_view[i] || rows->tail_mm[i] > READING_TAIL_MM_MAX) {
        return READING_QUEUE;
    }
    return speed_possible(rows->speed_mmps[i]) ? READING_TAKEN : READING_SPEED;
}

static bool bins_possible(const struct camera_columns *rows, int64_t first, int32_t count)
{
    if (count > CAMERA_BIN_COUNT_MAX) {
        return false;
    }
    for (int64_t b = first; b < first + count; b++) {
        if (rows->bin_vehicles[b] > READING_BIN_VEHICLES_MAX || !speed_possible(rows->bin_speed_mmps[b])) {
            return false;
        }
    }
    return true;
}

static void camera_move(struct camera_columns *rows, int32_t from, int32_t to)
{
    rows->camera[to] = rows->camera[from];
    rows->end_ms[to] = rows->end_ms[from];
    rows->length_ms[to] = rows->length_ms[from];
    rows->in_view[to] = rows->in_view[from];
    rows->queued[to] = rows->queued[from];
    rows->tail_mm[to] = rows->tail_mm[from];
    rows->speed_mmps[to] = rows->speed_mmps[from];
    for (int turn = 0; turn < 4; turn++) {
        rows->turned[turn][to] = rows->turned[turn][from];
    }
}

static void cameras_judge(const struct reading_rules *rules, struct camera_columns *rows, int32_t count,
                          struct reading_result *result)
{
    int32_t begin = rows->count;
    int32_t kept = begin;
    int32_t hint = 0;
    int32_t bin = rows->first_bin[begin];   // First bin of the row that is judged.
    for (int32_t i = begin; i < begin + count; i++) {
        int32_t bin_count = rows->first_bin[i + 1];
        enum reading_refusal refusal = judge_camera(rules, rows, i, &hint);
        if (refusal == READING_TAKEN && !bins_possible(rows, bin, bin_count)) {
            refusal = READING_BINS;
        }
        if (refusal != READING_TAKEN) {
            refuse(result, READING_OF_CAMERA, i - begin, refusal);
        } else {
            int32_t to_bin = rows->first_bin[kept];
            if (kept != i) {
                camera_move(rows, i, kept);
            }
            for (int32_t b = 0; b < bin_count && to_bin != bin; b++) {
                rows->bin_vehicles[to_bin + b] = rows->bin_vehicles[bin + b];
                rows->bin_speed_mmps[to_bin + b] = rows->bin_speed_mmps[bin + b];
            }
            kept++;
            rows->first_bin[kept] = to_bin + bin_count;
        }
        bin += bin_count;
    }
    result->cameras = kept - begin;
    rows->count = kept;
}

static bool room_for(const struct observation_buffer *buffer, const struct batch *batch)
{
    const struct observation_columns *rows = &buffer->rows;
    return batch->loops <= buffer->loop_count_max - rows->loops.count
        && batch->edges <= buffer->edge_count_max - rows->edges.count
        && batch->cameras <= buffer->camera_count_max - rows->cameras.count
        && batch->bins <= buffer->bin_count_max - rows->cameras.first_bin[rows->cameras.count];
}

enum status wire_get_observations(struct cursor message, const struct reading_rules *rules, uint64_t sequence_after,
                                  struct observation_buffer *buffer, struct reading_result *ret,
                                  const char **ret_field)
{
    struct fields fields;
    if (fields_read(message, &fields) != STATUS_OK) {
        return STATUS_SYNTAX;
    }
    struct batch batch;
    const char *fault = batch_open(&fields, &batch);
    if (fault != NULL) {
        return field_fault(ret_field, fault);
    }
    *ret = (struct reading_result){ .sequence = batch.sequence };
    if (batch.sequence <= sequence_after) {
        return STATUS_STALE;
    }
    ret->offered = (int64_t)batch.loops + batch.edges + batch.cameras;
    if (buffer == NULL || !room_for(buffer, &batch)) {
        return STATUS_LIMIT;
    }
    fault = loops_decode(&batch, &buffer->rows.loops);
    if (fault == NULL) {
        fault = edges_decode(&batch, &buffer->rows.edges);
    }
    if (fault == NULL) {
        fault = cameras_decode(&batch, &buffer->rows.cameras);
    }
    if (fault != NULL) {
        return field_fault(ret_field, fault);
    }
    loops_judge(rules, &buffer->rows.loops, batch.loops, ret);
    edges_judge(rules, &buffer->rows.edges, batch.edges, ret);
    cameras_judge(rules, &buffer->rows.cameras, batch.cameras, ret);
    return STATUS_OK;
}

// ---- writing ----

#define BATCH_HEAD_BYTES_MAX 256      // frame, sequence, base, tags and lengths of 23 columns
#define LOOP_BYTES_MAX (6 * 5)        // six columns of one 32-bit number each
#define EDGE_BYTES_MAX (3 * 5)
#define CAMERA_BYTES_MAX (12 * 5)
#define BIN_BYTES_MAX (2 * 5)

struct slice { int32_t loops, edges, cameras, bins; };   // rows of each kind that go into one frame

static int32_t rows_for(size_t *budget, size_t row_bytes, int32_t wanted)
{
    size_t fit = *budget / row_bytes;
    int32_t rows = fit < (size_t)wanted ? (int32_t)fit : wanted;
    *budget -= (size_t)rows * row_bytes;
    return rows;
}

// How many rows from the position on are sure to fit into a frame.
static struct slice slice_choose(const struct observation_columns *rows, const struct observation_position *at,
                                 uint32_t frame_bytes_max)
{
    size_t budget = frame_bytes_max > BATCH_HEAD_BYTES_MAX ? frame_bytes_max - BATCH_HEAD_BYTES_MAX : 0;
    struct slice slice = { 0 };
    slice.loops = rows_for(&budget, LOOP_BYTES_MAX, rows->loops.count - at->loop);
    slice.edges = rows_for(&budget, EDGE_BYTES_MAX, rows->edges.count - at->edge);
    const struct camera_columns *cameras = &rows->cameras;
    while (at->camera + slice.cameras < cameras->count) {
        int32_t row = at->camera + slice.cameras;
        int32_t bins = cameras->first_bin[row + 1] - cameras->first_bin[row];
        size_t bytes = CAMERA_BYTES_MAX + (size_t)bins * BIN_BYTES_MAX;
        if (bytes > budget) {
            break;
        }
        budget -= bytes;
        slice.cameras++;
        slice.bins += bins;
    }
    return slice;
}

static bool times_near(const int64_t *times_ms, int32_t count, int64_t base_ms)
{
    for (int32_t i = 0; i < count; i++) {
        int64_t at_ms = times_ms[i];
        if (at_ms < -WIRE_TIME_MS_MAX || at_ms > WIRE_TIME_MS_MAX || at_ms - base_ms < INT32_MIN
            || at_ms - base_ms > INT32_MAX) {
            return false;
        }
    }
    return true;
}

#define PUT_UINTS(field, from, count) PUT_COLUMN(out, field, count, i, (uint32_t)(from)[i])
#define PUT_SINTS(field, from, count) PUT_COLUMN(out, field, count, i, zigzag_encode((from)[i]))
#define PUT_TIMES(field, from, count) PUT_COLUMN(out, field, count, i, zigzag_encode((from)[i] - base_ms))

static void loops_write(struct frame_writer *out, const struct loop_columns *rows, int32_t first, int32_t count,
                        int64_t base_ms)
{
    PUT_UINTS(FIELD_LOOP_DETECTOR, rows->detector + first, count);
    PUT_TIMES(FIELD_LOOP_END, rows->end_ms + first, count);
    PUT_UINTS(FIELD_LOOP_LENGTH, rows->length_ms + first, count);
    PUT_UINTS(FIELD_LOOP_VEHICLES, rows->vehicles + first, count);
    PUT_UINTS(FIELD_LOOP_OCCUPIED, rows->occupied_ms + first, count);
    PUT_SINTS(FIELD_LOOP_SPEED, rows->speed_mmps + first, count);
}

static void edges_write(struct frame_writer *out, const struct edge_columns *rows, int32_t first, int32_t count,
                        int64_t base_ms)
{
    PUT_UINTS(FIELD_EDGE_DETECTOR, rows->detector + first, count);
    PUT_TIMES(FIELD_EDGE_AT, rows->at_ms + first, count);
    PUT_UINTS(FIELD_EDGE_ON, rows->on + first, count);
}

static void cameras_write(struct frame_writer *out, const struct camera_columns *rows, int32_t first,
                          const struct slice *slice, int64_t base_ms)
{
    int32_t count = slice->cameras;
    PUT_UINTS(FIELD_CAMERA, rows->camera + first, count);
    PUT_TIMES(FIELD_CAMERA_END, rows->end_ms + first, count);
    PUT_UINTS(FIELD_CAMERA_LENGTH, rows->length_ms + first, count);
    PUT_UINTS(FIELD_CAMERA_IN_VIEW, rows->in_view + first, count);
    PUT_UINTS(FIELD_CAMERA_QUEUED, rows->queued + first, count);
    PUT_UINTS(FIELD_CAMERA_TAIL, rows->tail_mm + first, count);
    PUT_SINTS(FIELD_CAMERA_SPEED, rows->speed_mmps + first, count);
    for (int turn = 0; turn < 4; turn++) {
        PUT_UINTS((uint32_t)(FIELD_CAMERA_THROUGH + turn), rows->turned[turn] + first, count);
    }
    if (slice->bins > 0) {
        const int32_t *first_bin = rows->first_bin + first;
        PUT_COLUMN(out, FIELD_CAMERA_BIN_COUNT, count, i, (uint32_t)(first_bin[i + 1] - first_bin[i]));
        PUT_UINTS(FIELD_CAMERA_BIN_VEHICLES, rows->bin_vehicles + first_bin[0], slice->bins);
        PUT_SINTS(FIELD_CAMERA_BIN_SPEED, rows->bin_speed_mmps + first_bin[0], slice->bins);
    }
}

enum status wire_put_observations(struct frame_writer *out, uint64_t sequence, const struct observation_columns *rows,
                                  uint32_t frame_bytes_max, struct observation_position *position)
{
    assert(position->loop <= rows->loops.count && position->edge <= rows->edges.count);
    assert(position->camera <= rows->cameras.count);
    struct slice slice = slice_choose(rows, position, frame_bytes_max);
    if (slice.loops + slice.edges + slice.cameras == 0 && !observation_position_done(position, rows)) {
        return STATUS_LIMIT;   // Not even one row fits into such a frame.
    }
    int64_t base_ms = slice.loops > 0 ? rows->loops.end_ms[position->loop]
        : slice.edges > 0 ? rows->edges.at_ms[position->edge]
        : slice.cameras > 0 ? rows->cameras.end_ms[position->camera] : 0;
    if (!times_near(rows->loops.end_ms + position->loop, slice.loops, base_ms)
        || !times_near(rows->edges.at_ms + position->edge, slice.edges, base_ms)
        || !times_near(rows->cameras.end_ms + position->camera, slice.cameras, base_ms)) {
        return STATUS_RANGE;
    }
    struct frame_mark mark = frame_begin(out);
    put_uint(out, FIELD_SEQUENCE, sequence);
    put_sint(out, FIELD_BASE, base_ms);
    loops_write(out, &rows->loops, position->loop, slice.loops, base_ms);
    edges_write(out, &rows->edges, position->edge, slice.edges, base_ms);
    cameras_write(out, &rows->cameras, position->camera, &slice, base_ms);
    enum status status = frame_end(out, mark, FRAME_OBSERVATIONS);
    if (status == STATUS_OK) {
        position->loop += slice.loops;
        position->edge += slice.edges;
        position->camera += slice.cameras;
    }
    return status;
}

bool observation_position_done(const struct observation_position *position, const struct observation_columns *rows)
{
    return position->loop == rows->loops.count && position->edge == rows->edges.count
        && position->camera == rows->cameras.count;
}
