// console.h: what the console asks for beside the state (gauges.h), as JSON.
//
// THEORY    The network goes over once: its links as lines, its signal groups, which of them show at which lane's stop
//           line. What changes each second refers to these by their place in it:
//
//             /api/network   links, intersections with groups and stages, heads [link, lane, group]
//             /api/live      queue of each link, one letter (lamp.h) for each signal group
//             /api/plan/N    the plan in force at the N-th intersection, its greens and its reason
//             /api/journal   the latest lines of the journal
//             /api/alarms    the table of alarms (alarms.h), with the keys of `intergreen alarms --json`, and `at`, the
//                            place of the intersection in the network, or null
//
//           What an operator sends to /api/override is one object: intersection (its place in the network), do
//           ("stage", "strategy", "fallback" or "end"), stage or strategy, seconds, identity and token where the
//           registry asks for them. To /api/acknowledge: alarm (its id), identity and token. The answer: accepted,
//           until_ms or why.
// CONTRACT  The main thread. Changes nothing.
// NOT HERE  HTTP (http.h).
#pragma once

#include "engine/serve/desk.h"
#include "engine/serve/gauges.h"

#define OVERRIDE_S_MAX 86400          // that the console may ask for

void console_network(const struct gauges *gauges, struct page_text *text);
void console_live(const struct gauges *gauges, struct page_text *text);
void console_journal(struct page_text *text);
void console_alarms(const struct gauges *gauges, struct page_text *text);

// false: there is no such intersection. One that has no plan gives {"plan":null}.
bool console_plan(const struct gauges *gauges, int32_t intersection, struct page_text *text);

// Reads the object; its texts lie in *ret_memory, which the caller gives to console_request_release once the request
// was made. false: *ret_why says what is wrong, and there is nothing to release.
bool console_request_read(enum desk_kind kind, const char *bytes, size_t count, const struct network *network,
                          struct desk_request *ret, void **ret_memory, const char **ret_why);
void console_request_release(void *memory);
void console_request_answer(const struct desk_answer *answer, struct page_text *text);
