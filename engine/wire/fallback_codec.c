#include "engine/wire/fallback_codec.h"

#include <assert.h>

#include "engine/wire/fields.h"
#include "engine/wire/unpack.h"
#include "plan.pb-c.h"

#define ZONE_BYTES_MAX 64
#define TEXT_BYTES_MAX 256
#define SECONDS_PER_DAY 86400
#define DAYS_MAX 0xff                 // seven weekdays and the holiday
#define HOLIDAY_DAY_MAX 1000000       // some 2,700 years from 1970

static int32_t program_of_green(const struct fallback_table *table, int32_t green)
{
    int32_t program = 0;
    while (program + 1 < table->program_count && green >= table->programs[program + 1].first_green) {
        program++;
    }
    return program;
}

enum status wire_put_fallback_table(struct frame_writer *out, const struct fallback_table *table)
{
    assert(table->program_count <= FALLBACK_PROGRAM_COUNT_MAX && table->green_count <= FALLBACK_GREEN_COUNT_MAX);
    assert(table->switch_count <= FALLBACK_SWITCH_COUNT_MAX && table->holiday_count <= FALLBACK_HOLIDAY_COUNT_MAX);
    const struct fallback_program *programs = table->programs;
    const struct green *greens = table->greens;
    const struct fallback_switch *switches = table->switches;
    struct frame_mark mark = frame_begin(out);
    put_uint(out, 1, (uint32_t)table->intersection);
    put_uint(out, 2, (uint32_t)table->fallback);
    put_fixed64(out, 3, table->site_hash);
    put_text(out, 4, table->time_zone);
    put_sint(out, 5, table->reference_ms);
    PUT_COLUMN(out, 6, table->program_count, i, (uint32_t)programs[i].cycle_ms);
    PUT_COLUMN(out, 7, table->program_count, i, (uint32_t)programs[i].offset_ms);
    PUT_COLUMN(out, 8, table->program_count, i, zigzag_encode(programs[i].coordinated_stage));
    PUT_COLUMN(out, 9, table->green_count, i, (uint32_t)program_of_green(table, i));
    PUT_COLUMN(out, 10, table->green_count, i, (uint16_t)greens[i].group);
    PUT_COLUMN(out, 11, table->green_count, i, zigzag_encode(greens[i].stage));
    PUT_COLUMN(out, 12, table->green_count, i, (uint32_t)greens[i].start_ms);
    PUT_COLUMN(out, 13, table->green_count, i, (uint32_t)greens[i].end_ms);
    PUT_COLUMN(out, 14, table->switch_count, i, switches[i].days);
    PUT_COLUMN(out, 15, table->switch_count, i, (uint32_t)switches[i].at_s);
    PUT_COLUMN(out, 16, table->switch_count, i, (uint32_t)switches[i].program);
    PUT_COLUMN(out, 17, table->holiday_count, i, zigzag_encode(table->holidays[i]));
    return frame_end(out, mark, FRAME_FALLBACK_TABLE);
}

static const char *head_fault(const Intergreen__V1__FallbackTable *from)
{
    if (!from->has_intersection || from->intersection > INT32_MAX) {
        return "intersection";
    }
    if (from->fallback == 0 || from->fallback > INT32_MAX) {
        return "fallback";
    }
    if (!from->has_site_hash) {
        return "site_hash";
    }
    if (!text_fit(from->time_zone, ZONE_BYTES_MAX)) {
        return "time_zone";
    }
    if (from->reference_ms < -WIRE_TIME_MS_MAX || from->reference_ms > WIRE_TIME_MS_MAX) {
        return "reference_ms";
    }
    return NULL;
}

static const char *counts_fault(const Intergreen__V1__FallbackTable *from)
{
    size_t programs = from->n_program_cycle_ms;
    if (programs == 0 || programs > FALLBACK_PROGRAM_COUNT_MAX) {
        return "program_cycle_ms";
    }
    if (from->n_program_offset_ms != programs) {
        return "program_offset_ms";
    }
    if (from->n_program_coordinated_stage != programs) {
        return "program_coordinated_stage";
    }
    size_t greens = from->n_green_program;
    if (greens > FALLBACK_GREEN_COUNT_MAX) {
        return "green_program";
    }
    if (from->n_green_group != greens) {
        return "green_group";
    }
    if (from->n_green_stage != greens) {
        return "green_stage";
    }
    if (from->n_green_start_ms != greens) {
        return "green_start_ms";
    }
    if (from->n_green_end_ms != greens) {
        return "green_end_ms";
    }
    if (from->n_switch_days > FALLBACK_SWITCH_COUNT_MAX) {
        return "switch_days";
    }
    if (from->n_switch_at_s != from->n_switch_days) {
        return "switch_at_s";
    }
    if (from->n_switch_program != from->n_switch_days) {
        return "switch_program";
    }
    return from->n_holiday > FALLBACK_HOLIDAY_COUNT_MAX ? "holiday" : NULL;
}

static const char *programs_get(const Intergreen__V1__FallbackTable *from, struct fallback_program *ret)
{
    for (size_t i = 0; i < from->n_program_cycle_ms; i++) {
        if (from->program_cycle_ms[i] == 0 || from->program_cycle_ms[i] > INT32_MAX) {
            return "program_cycle_ms";
        }
        if (from->program_offset_ms[i] >= from->program_cycle_ms[i]) {
            return "program_offset_ms";
        }
        int32_t stage = from->program_coordinated_stage[i];
        if (stage < INDEX_NONE || stage >= STAGE_COUNT_MAX) {
            return "program_coordinated_stage";
        }
        ret[i] = (struct fallback_program){ (int32_t)from->program_cycle_ms[i], (int32_t)from->program_offset_ms[i],
            stage, 0, 0 };
    }
    return NULL;
}

static const char *greens_get(const Intergreen__V1__FallbackTable *from, struct fallback_program *programs,
                              struct green *ret)
{
    uint32_t program = 0;
    for (size_t i = 0; i < from->n_green_program; i++) {
        if (from->green_program[i] < program || from->green_program[i] >= from->n_program_cycle_ms) {
            return "green_program";
        }
        program = from->green_program[i];
        uint32_t cycle_ms = (uint32_t)programs[program].cycle_ms;
        if (from->green_group[i] >= GROUP_COUNT_MAX) {
            return "green_group";
        }
        if (from->green_stage[i] < INDEX_NONE || from->green_stage[i] >= STAGE_COUNT_MAX) {
            return "green_stage";
        }
        if (from->green_start_ms[i] >= cycle_ms) {
            return "green_start_ms";
        }
        if (from->green_end_ms[i] <= from->green_start_ms[i] || from->green_end_ms[i] > INT32_MAX
            || from->green_end_ms[i] - from->green_start_ms[i] > cycle_ms) {
            return "green_end_ms";
        }
        ret[i] = (struct green){ (int32_t)from->green_start_ms[i], (int32_t)from->green_end_ms[i],
            (int16_t)from->green_group[i], (int16_t)from->green_stage[i] };
        programs[program].green_count++;
    }
    int32_t first = 0;
    for (size_t i = 0; i < from->n_program_cycle_ms; i++) {
        programs[i].first_green = first;
        first += programs[i].green_count;
    }
    return NULL;
}

static const char *switches_get(const Intergreen__V1__FallbackTable *from, struct fallback_switch *ret)
{
    for (size_t i = 0; i < from->n_switch_days; i++) {
        if (from->switch_days[i] == 0 || from->switch_days[i] > DAYS_MAX) {
            return "switch_days";
        }
        if (from->switch_at_s[i] >= SECONDS_PER_DAY) {
            return "switch_at_s";
        }
        if (from->switch_program[i] >= from->n_program_cycle_ms) {
            return "switch_program";
        }
        ret[i] = (struct fallback_switch){ from->switch_days[i], (int32_t)from->switch_at_s[i],
            (int32_t)from->switch_program[i] };
    }
    for (size_t i = 0; i < from->n_holiday; i++) {
        if (from->holiday[i] < -HOLIDAY_DAY_MAX || from->holiday[i] > HOLIDAY_DAY_MAX) {
            return "holiday";
        }
    }
    return NULL;
}

enum status wire_get_fallback_table(struct cursor message, struct arena *arena, struct fallback_table *ret,
                                    const char **ret_field)
{
    Intergreen__V1__FallbackTable *from;
    enum status status = unpack_message(&intergreen__v1__fallback_table__descriptor, message, arena, &from);
    if (status != STATUS_OK) {
        return status;
    }
    const char *fault = head_fault(from);
    if (fault == NULL) {
        fault = counts_fault(from);
    }
    if (fault != NULL) {
        return field_fault(ret_field, fault);
    }
    struct fallback_program *programs = arena_take(arena, from->n_program_cycle_ms * sizeof *programs);
    struct green *greens = arena_take(arena, from->n_green_program * sizeof *greens);
    struct fallback_switch *switches = arena_take(arena, from->n_switch_days * sizeof *switches);
    if (programs == NULL || greens == NULL || switches == NULL) {
        return STATUS_LIMIT;
    }
    fault = programs_get(from, programs);
    if (fault == NULL) {
        fault = greens_get(from, programs, greens);
    }
    if (fault == NULL) {
        fault = switches_get(from, switches);
    }
    if (fault != NULL) {
        return field_fault(ret_field, fault);
    }
    *ret = (struct fallback_table){
        .intersection = (int32_t)from->intersection,
        .fallback = (int32_t)from->fallback,
        .site_hash = from->site_hash,
        .time_zone = from->time_zone,
        .reference_ms = from->reference_ms,
        .program_count = (int32_t)from->n_program_cycle_ms,
        .green_count = (int32_t)from->n_green_program,
        .switch_count = (int32_t)from->n_switch_days,
        .holiday_count = (int32_t)from->n_holiday,
        .programs = programs,
        .greens = greens,
        .switches = switches,
        .holidays = from->holiday,
    };
    return STATUS_OK;
}

enum status wire_put_fallback_acknowledgement(struct frame_writer *out, const struct fallback_acknowledgement *answer)
{
    struct frame_mark mark = frame_begin(out);
    put_uint(out, 1, (uint32_t)answer->intersection);
    put_uint(out, 2, (uint32_t)answer->fallback);
    put_uint(out, 3, answer->accepted);
    put_text(out, 4, answer->text);
    return frame_end(out, mark, FRAME_FALLBACK_ACKNOWLEDGEMENT);
}

enum status wire_get_fallback_acknowledgement(struct cursor message, struct arena *arena,
                                              struct fallback_acknowledgement *ret, const char **ret_field)
{
    Intergreen__V1__FallbackAcknowledgement *from;
    enum status status = unpack_message(&intergreen__v1__fallback_acknowledgement__descriptor, message, arena, &from);
    if (status != STATUS_OK) {
        return status;
    }
    if (!from->has_intersection || from->intersection > INT32_MAX) {
        return field_fault(ret_field, "intersection");
    }
    if (from->fallback == 0 || from->fallback > INT32_MAX) {
        return field_fault(ret_field, "fallback");
    }
    if (!from->has_accepted) {
        return field_fault(ret_field, "accepted");
    }
    if (from->text != NULL && !text_fit(from->text, TEXT_BYTES_MAX)) {
        return field_fault(ret_field, "text");
    }
    *ret = (struct fallback_acknowledgement){ (int32_t)from->intersection, (int32_t)from->fallback, from->accepted,
        from->text };
    return STATUS_OK;
}
