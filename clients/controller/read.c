#include "clients/controller/read.h"

#include <string.h>

// Columns of one message, by its fields' numbers.
static struct {
    int64_t values[FIELDS_MAX][GREENS_MAX];
    int32_t count[FIELDS_MAX];
} columns;

static bool columns_read(const struct message *message, uint32_t first, uint32_t last, uint32_t zigzag_coded)
{
    for (uint32_t number = first; number <= last; number++) {
        columns.count[number] = message_column(message, number, zigzag_coded >> number & 1, columns.values[number],
                                               GREENS_MAX);
        if (columns.count[number] < 0) {
            return false;
        }
    }
    return true;
}

// Four columns, from `first` on: group, stage, start, end.
static bool greens_take(uint32_t first, struct cabinet_green *greens, int32_t *ret_count)
{
    *ret_count = columns.count[first];
    for (int32_t i = 0; i < *ret_count; i++) {
        int64_t group = columns.values[first][i];
        greens[i] = (struct cabinet_green){ .group = group >= 0 && group < GROUPS_MAX ? (int32_t)group : GROUPS_MAX,
            .stage = (int32_t)columns.values[first + 1][i], .start_ms = columns.values[first + 2][i],
            .end_ms = columns.values[first + 3][i] };
    }
    return columns.count[first + 1] == *ret_count && columns.count[first + 2] == *ret_count
        && columns.count[first + 3] == *ret_count;
}

bool plan_read(struct bytes_in in, struct plan *ret, uint32_t *ret_intersection)
{
    struct message message;
    bool whole = message_open(in, &message);
    const uint64_t *value = message.value;
    *ret_intersection = (uint32_t)value[1];
    *ret = (struct plan){ .cyclic = value[2] == 0, .handover = value[3] != 0,
        .version = { (uint32_t)value[4], (uint32_t)value[5], (uint32_t)value[6] }, .site_hash = value[7],
        .base_ms = zigzag(value[8]), .valid_from_ms = zigzag(value[9]), .valid_until_ms = zigzag(value[10]),
        .cycle_ms = (int64_t)(uint32_t)value[11], .fallback = (uint32_t)value[14] };
    return whole && value[2] <= 1 && columns_read(&message, 19, 22, 1u << 20 | 1u << 21 | 1u << 22)
        && greens_take(19, ret->greens, &ret->green_count);
}

bool table_read(struct bytes_in in, struct table *ret)
{
    struct message message;
    bool whole = message_open(in, &message);
    *ret = (struct table){ .id = (uint32_t)message.value[2], .site_hash = message.value[3],
        .reference_ms = zigzag(message.value[5]) };
    text_copy(message.inside[4], ret->time_zone, sizeof ret->time_zone);
    whole = whole && columns_read(&message, 6, 17, 1u << 8 | 1u << 11 | 1u << 17)
        && greens_take(10, ret->greens, &ret->green_count) && columns.count[9] == ret->green_count
        && columns.count[6] <= PROGRAMS_MAX && columns.count[7] == columns.count[6]
        && columns.count[14] <= SWITCHES_MAX && columns.count[15] == columns.count[14]
        && columns.count[16] == columns.count[14] && columns.count[17] <= HOLIDAYS_MAX;
    if (!whole) {
        return false;
    }
    ret->program_count = columns.count[6];
    ret->switch_count = columns.count[14];
    ret->holiday_count = columns.count[17];
    for (int32_t i = 0; i < ret->program_count; i++) {
        ret->cycle_ms[i] = columns.values[6][i];
        ret->offset_ms[i] = columns.values[7][i];
    }
    for (int32_t i = 0; i < ret->green_count; i++) {
        ret->green_program[i] = (int32_t)columns.values[9][i];
    }
    for (int32_t i = 0; i < ret->switch_count; i++) {
        ret->switch_days[i] = (uint32_t)columns.values[14][i];
        ret->switch_at_s[i] = (int32_t)columns.values[15][i];
        ret->switch_program[i] = (int32_t)columns.values[16][i];
        whole = whole && columns.values[16][i] < ret->program_count;
    }
    memcpy(ret->holidays, columns.values[17], (size_t)ret->holiday_count * sizeof *ret->holidays);
    return whole;
}
