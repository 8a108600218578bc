// operator_link.h: what the commands that talk to a daemon as an operator share: their options, the session, one
// question and its answer, times as people read them.
#pragma once

#include <getopt.h>
#include <stdbool.h>

#include "sim/loop/daemon_link.h"

struct operator_link {
    const char *daemon, *credential, *identity;
    struct tls_files tls;
};

#define OPERATOR_LINK_OPTIONS                                                                              \
    { "daemon", required_argument, NULL, 'd' }, { "credential", required_argument, NULL, 'c' },            \
    { "identity", required_argument, NULL, 'I' }, { "certificate", required_argument, NULL, 'C' },         \
    { "key", required_argument, NULL, 'K' }, { "authority", required_argument, NULL, 'A' }
#define OPERATOR_LINK_HELP                                                                                 \
    "  --daemon ADDRESS      unix:PATH, HOST:PORT or tls:HOST:PORT; or INTERGREEN_DAEMON\n"                \
    "  --credential FILE     the token, in its first line\n"                                               \
    "  --identity NAME       as the daemon's registry has it; or INTERGREEN_IDENTITY (operator)\n"  \
    "  --certificate FILE --key FILE --authority FILE    for tls: who we are, and who has signed the daemon's; or\n" \
    "                        INTERGREEN_CERTIFICATE, INTERGREEN_KEY, INTERGREEN_AUTHORITY\n"

// From the environment; and one option of getopt_long: true when it was one of these.
struct operator_link operator_link_default(void);
bool operator_link_option(struct operator_link *link, int code, const char *value);

// Whether a daemon is named; says so if not.
bool operator_link_named(const struct operator_link *link, const char *command);

MUST_USE enum status operator_connect(const struct operator_link *options, struct daemon_link **ret,
                                      struct problem *problem);

// Sends what was written and waits for the answer of that kind; an Error of the daemon is a refusal.
MUST_USE enum status operator_ask(struct daemon_link *link, enum status written, enum client_event_kind wanted,
                                  struct client_event *ret, struct problem *problem);

#define TIME_TEXT_BYTES 32
// Local time to the second, "2026-11-29 20:15:03"; "-" for 0.
const char *time_text(int64_t time_ms, char ret[TIME_TEXT_BYTES]);

// Local time by ISO 8601 with its offset from UTC, and milliseconds where there are any. Returns `ret`.
#define TIME_ISO_BYTES 48
const char *time_iso(int64_t time_ms, char ret[TIME_ISO_BYTES]);

// A JSON string with its quotes on standard output.
void json_string_print(const char *text);
