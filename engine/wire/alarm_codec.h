// alarm_codec.h: what an operator asks of alarms and of the audit log, and the answers.
//
// CONTRACT  Decoders: all or nothing, STATUS_RANGE names the field. What they point to lies in the arena or in the
//           message.
// NOT HERE  Which alarms there are (engine/serve/alarms.h); what a record says (engine/record/audit.h).
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/arena.h"
#include "engine/base/status.h"
#include "engine/wire/varint.h"

#define ALARM_ROW_COUNT_MAX 1024      // in one Alarms
#define AUDIT_PAGE_COUNT_MAX 4096     // records in one AuditPage

enum alarm_severity { ALARM_WARNING, ALARM_CRITICAL };

struct alarm_row {
    uint32_t id;
    enum alarm_severity severity;
    int64_t since_ms, ended_ms;           // ended_ms 0: in force
    uint32_t times;
    int64_t acknowledged_ms;              // 0: by nobody
    const char *acknowledged_by, *intersection, *text;   // "" for none
};

struct alarms_said {
    uint32_t request;
    int64_t now_ms;
    int32_t row_count;
    const struct alarm_row *rows;
    uint32_t left_out;
};

MUST_USE enum status wire_put_alarms_request(struct frame_writer *out, uint32_t request);
MUST_USE enum status wire_get_alarms_request(struct cursor message, uint32_t *ret_request, const char **ret_field);
MUST_USE enum status wire_put_alarms(struct frame_writer *out, const struct alarms_said *alarms);
MUST_USE enum status wire_get_alarms(struct cursor message, struct arena *arena, struct alarms_said *ret,
                                     const char **ret_field);
MUST_USE enum status wire_put_alarm_acknowledge(struct frame_writer *out, uint32_t request, uint32_t id);
MUST_USE enum status wire_get_alarm_acknowledge(struct cursor message, uint32_t *ret_request, uint32_t *ret_id,
                                                const char **ret_field);

struct audit_request {
    uint32_t request;
    int64_t after;                        // number of a record
    int64_t since_ms;
};

struct audit_page {
    uint32_t request;
    int32_t record_count;
    const char *const *records;           // lines without their newline
    int64_t last;
    bool more;
};

MUST_USE enum status wire_put_audit_request(struct frame_writer *out, const struct audit_request *request);
MUST_USE enum status wire_get_audit_request(struct cursor message, struct audit_request *ret, const char **ret_field);
MUST_USE enum status wire_put_audit_page(struct frame_writer *out, const struct audit_page *page);
MUST_USE enum status wire_get_audit_page(struct cursor message, struct arena *arena, struct audit_page *ret,
                                         const char **ret_field);
