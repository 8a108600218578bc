// report_codec.h: what controllers say of themselves: one at a time, or ten thousand in one message.
//
// THEORY    A batch is read a row at a time through one cursor per column: nothing is allocated, whatever its size.
//           Columns are counted before the first row is given out.
// CONTRACT  As hello_codec.h. Every field of struct controller_report crosses exactly.
// OWNERSHIP A reader borrows the message's bytes.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "engine/model/controller.h"
#include "engine/wire/hello_codec.h"

MUST_USE enum status wire_put_report(struct frame_writer *out, const struct controller_report *report);
MUST_USE enum status wire_get_report(struct cursor message, struct arena *arena, struct controller_report *ret,
                                     const char **ret_field);

// Appends one frame with as many of the reports as fit into frame_bytes_max; *ret_sent of them. STATUS_LIMIT: the
// writer has no room. STATUS_RANGE: a report breaks its header's limits, or its time lies more than 24 days from the
// first.
MUST_USE enum status wire_put_reports(struct frame_writer *out, const struct controller_report *reports, int32_t count,
                                      uint32_t frame_bytes_max, int32_t *ret_sent);

#define REPORT_COLUMN_COUNT 15

struct report_reader {
    int32_t row, row_count;
    int64_t base_ms;
    struct cursor column[REPORT_COLUMN_COUNT];
};

MUST_USE enum status report_reader_open(struct report_reader *reader, struct cursor message, const char **ret_field);

// The next row. STATUS_UNKNOWN: there is none. STATUS_RANGE: this row breaks a limit (*ret_field); the next can be
// read.
MUST_USE enum status report_reader_next(struct report_reader *reader, struct controller_report *ret,
                                        const char **ret_field);
