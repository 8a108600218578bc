// audit.h: the audit log: who asked the daemon for what, when, and what became of it. One line a record, in a chain.
//
// THEORY    A record is one line of JSON, its keys always in this order:
//
//             {"number":7,"time_ms":1764403200000,"kind":"override","who":"anna","from":"10.0.0.7:50312",
//              "intersection":"B1","text":"hold stage 1 for 300 s","accepted":true,
//              "previous":"<64 hex digits>","hash":"<64 hex digits>"}
//
//           `hash` is the SHA-256 of the line up to the comma before "hash"; `previous` is the hash of the line before,
//           64 zeros in the first. Whoever changes, removes, adds or moves a line has to write all lines after it anew,
//           and then the last hash is another one: a centre that notes the last number and hash elsewhere now and then
//           can tell. Lines cut off at the end are seen by that alone.
// CONTRACT  Pure. Texts are cut to their bounds; bytes that are not UTF-8 become '?', so that a line is always JSON.
// NOT HERE  The file and its thread (engine/serve/audit_log.h); what is worth a record (engine/serve/deeds.h).
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/status.h"

#define AUDIT_LINE_BYTES_MAX 8192     // with the newline
#define AUDIT_HASH_DIGITS 64
#define AUDIT_TEXT_BYTES_MAX 512
#define AUDIT_FILE_NAME "audit.jsonl" // in the state folder

enum audit_kind {
    AUDIT_START, AUDIT_END, AUDIT_RELOAD, AUDIT_OVERRIDE, AUDIT_PRIORITY, AUDIT_ACKNOWLEDGE, AUDIT_REFUSED_PEER,
    AUDIT_SIMULATOR, AUDIT_LOSS, AUDIT_KIND_COUNT,
};

const char *audit_kind_name(enum audit_kind kind);   // "override"; static storage

struct audit_record {
    int64_t time_ms;                  // wall clock
    enum audit_kind kind;
    const char *who, *from;           // identity and where it spoke from
    const char *intersection;         // NULL: none
    const char *text;
    bool accepted;
};

// The end of a chain: {0} before the first record.
struct audit_head {
    int64_t number;
    char hash[AUDIT_HASH_DIGITS + 1];
};

// Writes the next line of the chain, with its newline and a 0 behind, and moves the head. room: AUDIT_LINE_BYTES_MAX.
size_t audit_line_write(const struct audit_record *record, struct audit_head *head, char *line, size_t room);

// Whether the line (without its newline) is the next of the chain; then the head moves. Else *ret_why says what is
// wrong; static storage.
bool audit_line_follows(const char *line, size_t bytes, struct audit_head *head, const char **ret_why);

// What the line says of itself, whether or not it belongs there; false: it is no record. Any of them may be NULL.
bool audit_line_head(const char *line, size_t bytes, struct audit_head *ret_head, int64_t *ret_time_ms);
