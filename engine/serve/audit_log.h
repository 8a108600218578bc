// audit_log.h: the audit log of this daemon: a file in its state folder, and the thread that writes it.
//
// THEORY    Whoever has something to note copies it into a queue and goes on; a thread of its own writes the lines and
//           flushes them to the disk, since a slow disk must hold up neither plans nor the lease. What could not be
//           written waits and is tried again each second; what finds no room in the queue is counted and becomes a
//           record itself. A line that a crash left unfinished is taken off at the next start, and said in a record.
//           The chain (engine/record/audit.h) goes on from the last whole line, whatever stands before it.
// CONTRACT  audit_log_note from any thread; the rest from the main thread.
// OWNERSHIP audit_log_open gives, audit_log_close takes, after what waits was written.
#pragma once

#include "engine/record/audit.h"
#include "engine/serve/state_folder.h"
#include "engine/wire/alarm_codec.h"

struct audit_log;

MUST_USE enum status audit_log_open(const struct state_folder *folder, struct audit_log **ret, struct problem *problem);
void audit_log_close(struct audit_log *log);

// time_ms is filled in. log may be NULL.
void audit_log_note(struct audit_log *log, const struct audit_record *record);

// What a person should know: the chain was broken when the file was opened, or it cannot be written now. false:
// nothing.
bool audit_log_fault(struct audit_log *log, char *text, size_t room);

// The records after a number, as an AuditPage frame in memory that is given.
size_t audit_log_reply(struct audit_log *log, const struct audit_request *request, uint8_t **ret_bytes);
