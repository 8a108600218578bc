// status.h: how an operation ended, and the sentence that tells a person what to do about it.
//
// THEORY    Two kinds of failure never mix. An operating error (input, network, configuration) is an
//           enum status that the caller must look at; a programmer's error is an assert.
// CONTRACT  A function that can fail returns an enum status and writes its outputs, called ret, last and
//           only if all went well. Where a person will read the failure it also fills a struct problem.
// OWNERSHIP The caller owns the struct problem; it holds its text by value.
// NOT HERE  Logging: nothing below the shell logs.
#pragma once

#define MUST_USE __attribute__((warn_unused_result))
#define PRINTF_LIKE(text, first) __attribute__((format(printf, text, first)))

#define PROBLEM_BYTES_MAX 768

enum status {
    STATUS_OK = 0,
    STATUS_RANGE,         // a value breaks the limits that its header states
    STATUS_INFEASIBLE,    // the values are legal, yet no solution exists
    STATUS_SYNTAX,        // a file or a frame is not what its format says
    STATUS_UNKNOWN,       // a name or an index that the network does not have
    STATUS_LIMIT,         // a named bound would be passed
    STATUS_REFUSED,       // the guard, a role or a peer said no
    STATUS_STALE,         // too old to be used
    STATUS_VERSION,       // written by another version, or for another network
    STATUS_IO,            // the operating system said no
    STATUS_UNREACHABLE,   // no peer answered
};

// One paragraph for a person: which file or peer, where in it, what is wrong, what to do.
struct problem {
    char text[PROBLEM_BYTES_MAX];
};

// The name of a status as logs and JSON show it, for example "range". Static storage.
const char *status_name(enum status status);

// Writes "source: place: what. remedy" into *ret and returns `status`, so that a caller can end with
// `return problem_report(...)`. place and remedy may be NULL. ret may be NULL. Text that does not fit is cut.
enum status problem_report(struct problem *ret, enum status status, const char *source,
                           const char *place, const char *remedy, const char *format, ...)
    PRINTF_LIKE(6, 7);
