// fallback_codec.h: programs by time of day that a controller keeps for when the link is lost.
//
// CONTRACT  As hello_codec.h. A table that was read is well-formed: rows refer to programs that exist, times lie in the
//           day and in the cycle.
// OWNERSHIP Arrays that were read lie in the arena.
// NOT HERE  Which program runs at an instant (it needs the local time), what is safe (engine/guard).
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "engine/model/plan.h"
#include "engine/wire/hello_codec.h"

#define FALLBACK_PROGRAM_COUNT_MAX 64
#define FALLBACK_GREEN_COUNT_MAX 8192
#define FALLBACK_SWITCH_COUNT_MAX 1024
#define FALLBACK_HOLIDAY_COUNT_MAX 1024
#define FALLBACK_DAY_HOLIDAY 0x80     // bit of fallback_switch.days; bits 0 .. 6 are Monday .. Sunday

struct fallback_program {
    int32_t cycle_ms, offset_ms, coordinated_stage;
    int32_t first_green, green_count;
};

struct fallback_switch {
    uint32_t days;
    int32_t at_s;                     // after local midnight
    int32_t program;
};

struct fallback_table {
    int32_t intersection;
    int32_t fallback;                 // id, > 0
    uint64_t site_hash;
    const char *time_zone;            // IANA
    int64_t reference_ms;
    int32_t program_count, green_count, switch_count, holiday_count;
    const struct fallback_program *programs;
    const struct green *greens;       // position in the cycle, in the order of the programs
    const struct fallback_switch *switches;
    const int32_t *holidays;          // local days since 1970-01-01
};

MUST_USE enum status wire_put_fallback_table(struct frame_writer *out, const struct fallback_table *table);
MUST_USE enum status wire_get_fallback_table(struct cursor message, struct arena *arena, struct fallback_table *ret,
                                             const char **ret_field);

struct fallback_acknowledgement {
    int32_t intersection, fallback;
    bool accepted;
    const char *text;                 // NULL: none
};

MUST_USE enum status wire_put_fallback_acknowledgement(struct frame_writer *out,
                                                       const struct fallback_acknowledgement *answer);
MUST_USE enum status wire_get_fallback_acknowledgement(struct cursor message, struct arena *arena,
                                                       struct fallback_acknowledgement *ret, const char **ret_field);
