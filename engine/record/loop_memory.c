#include "engine/record/loop_memory.h"

#include <assert.h>
#include <string.h>

#include "engine/wire/frame.h"

void loop_memory_create(struct loop_memory *memory)
{
    *memory = (struct loop_memory){ .known = false };
    observation_buffer_create(&memory->last, 1, 0, 0, 0);
}

void loop_memory_release(struct loop_memory *memory)
{
    observation_buffer_release(&memory->last);
    memory->known = false;
}

void loop_memory_forget(struct loop_memory *memory)
{
    memory->known = false;
}

static void rows_copy(const struct loop_columns *from, struct loop_columns *to)
{
    size_t count = (size_t)from->count;
    to->count = from->count;
    if (count > 0) {
        memcpy(to->detector, from->detector, count * sizeof *to->detector);
        memcpy(to->end_ms, from->end_ms, count * sizeof *to->end_ms);
        memcpy(to->length_ms, from->length_ms, count * sizeof *to->length_ms);
        memcpy(to->vehicles, from->vehicles, count * sizeof *to->vehicles);
        memcpy(to->occupied_ms, from->occupied_ms, count * sizeof *to->occupied_ms);
        memcpy(to->speed_mmps, from->speed_mmps, count * sizeof *to->speed_mmps);
    }
}

static void room_make(struct observation_buffer *buffer, int32_t rows)
{
    if (buffer->loop_count_max < rows) {
        int32_t edges = buffer->edge_count_max, cameras = buffer->camera_count_max, bins = buffer->bin_count_max;
        observation_buffer_release(buffer);
        observation_buffer_create(buffer, rows, edges, cameras, bins);
    }
}

void loop_memory_keep(struct loop_memory *memory, const struct loop_columns *rows)
{
    room_make(&memory->last, rows->count);
    rows_copy(rows, &memory->last.rows.loops);
    memory->known = true;
}

bool loop_memory_follows(const struct loop_memory *memory, const struct loop_columns *rows)
{
    const struct loop_columns *last = &memory->last.rows.loops;
    size_t count = (size_t)rows->count;
    if (!memory->known || rows->count == 0 || last->count != rows->count
        || memcmp(last->detector, rows->detector, count * sizeof *rows->detector) != 0
        || memcmp(last->length_ms, rows->length_ms, count * sizeof *rows->length_ms) != 0) {
        return false;
    }
    int64_t later_ms = rows->end_ms[0] - last->end_ms[0], other = 0;
    for (int32_t i = 0; i < rows->count; i++) {
        other |= (rows->end_ms[i] - last->end_ms[i]) ^ later_ms;
    }
    return other == 0;
}

size_t loop_memory_bound(const struct loop_columns *rows)
{
    return 128 + (size_t)rows->count * 20;
}

static bool stays(const struct loop_columns *last, int32_t i)
{
    return last->vehicles[i] == 0 && (last->occupied_ms[i] == 0 || last->occupied_ms[i] == last->length_ms[i]);
}

static bool foreseen(const struct loop_columns *last, const struct loop_columns *rows, int32_t i)
{
    bool same = stays(last, i);
    return rows->vehicles[i] == 0 && rows->occupied_ms[i] == (same ? last->occupied_ms[i] : 0)
        && rows->speed_mmps[i] == (same ? last->speed_mmps[i] : -1);
}

void loop_memory_write(const struct loop_memory *memory, const struct loop_columns *rows, struct frame_writer *out)
{
    const struct loop_columns *last = &memory->last.rows.loops;
    // Columns of four numbers a row, each behind the other: room for them is taken at the end of the writer's.
    size_t bytes[4] = { 0 };
    int32_t before = -1;
    for (int32_t i = 0; i < rows->count; i++) {
        if (!foreseen(last, rows, i)) {
            bytes[0] += varint_size((uint64_t)(i - before - 1));
            bytes[1] += varint_size((uint64_t)rows->vehicles[i]);
            bytes[2] += varint_size((uint64_t)rows->occupied_ms[i]);
            bytes[3] += varint_size(zigzag_encode(rows->speed_mmps[i]));
            before = i;
        }
    }
    put_sint(out, 1, rows->end_ms[0] - last->end_ms[0]);
    for (uint32_t column = 0; column < 4; column++) {
        put_tag(out, 2 + column, WIRE_BYTES);
        put_varint(out, bytes[column]);
        assert(!out->full && out->capacity - out->used >= bytes[column]);
        uint8_t *at = out->at + out->used;
        before = -1;
        for (int32_t i = 0; i < rows->count; i++) {
            if (!foreseen(last, rows, i)) {
                uint64_t value = column == 0 ? (uint64_t)(i - before - 1) : column == 1 ? (uint64_t)rows->vehicles[i]
                    : column == 2 ? (uint64_t)rows->occupied_ms[i] : zigzag_encode(rows->speed_mmps[i]);
                at = varint_write(at, value);
                before = i;
            }
        }
        out->used += bytes[column];
    }
}

// Makes of the rows what follows from them.
static void rows_foresee(struct loop_columns *rows, int64_t later_ms)
{
    int64_t *restrict end_ms = rows->end_ms;
    for (int32_t i = 0; i < rows->count; i++) {
        end_ms[i] += later_ms;
    }
    int32_t *restrict vehicles = rows->vehicles, *restrict occupied_ms = rows->occupied_ms;
    int32_t *restrict speed_mmps = rows->speed_mmps;
    const int32_t *restrict length_ms = rows->length_ms;
    for (int32_t i = 0; i < rows->count; i++) {   // As in stays, without a branch: several rows at once.
        int32_t empty = occupied_ms[i] == 0, full = occupied_ms[i] == length_ms[i], nobody = vehicles[i] == 0;
        int32_t same = -(nobody & (empty | full));
        vehicles[i] = 0;
        occupied_ms[i] &= same;
        speed_mmps[i] = (speed_mmps[i] & same) | ~same;
    }
}

static enum status rows_read(struct loop_memory *memory, struct cursor body)
{
    struct fields fields;
    struct cursor skips, vehicles, occupied, speeds;
    int64_t later_ms, last_ms = memory->known && memory->last.rows.loops.count > 0
        ? memory->last.rows.loops.end_ms[0] : 0;
    if (!memory->known || fields_read(body, &fields) != STATUS_OK
        || !fields_sint(&fields, 1, -WIRE_TIME_MS_MAX, WIRE_TIME_MS_MAX, 0, &later_ms)
        || last_ms + later_ms > WIRE_TIME_MS_MAX || last_ms + later_ms < -WIRE_TIME_MS_MAX
        || !fields_column(&fields, 2, &skips) || !fields_column(&fields, 3, &vehicles)
        || !fields_column(&fields, 4, &occupied) || !fields_column(&fields, 5, &speeds)) {
        return STATUS_SYNTAX;
    }
    struct loop_columns *rows = &memory->last.rows.loops;
    rows_foresee(rows, later_ms);
    int64_t row = -1;
    while (skips.at < skips.end) {
        uint64_t skip, passed, covered, speed;
        if (!varint_read(&skips, &skip) || !varint_read(&vehicles, &passed) || !varint_read(&occupied, &covered)
            || !varint_read(&speeds, &speed) || skip >= (uint64_t)rows->count) {
            return STATUS_SYNTAX;
        }
        row += (int64_t)skip + 1;
        int64_t speed_mmps = zigzag_decode(speed);
        if (row >= rows->count || passed > INT32_MAX || covered > (uint64_t)rows->length_ms[row] || speed_mmps < -1
            || speed_mmps > INT32_MAX) {
            return STATUS_SYNTAX;
        }
        rows->vehicles[row] = (int32_t)passed;
        rows->occupied_ms[row] = (int32_t)covered;
        rows->speed_mmps[row] = (int32_t)speed_mmps;
    }
    return STATUS_OK;
}

enum status loop_memory_read(struct loop_memory *memory, struct cursor body)
{
    enum status status = rows_read(memory, body);
    memory->known = status == STATUS_OK;
    return status;
}
