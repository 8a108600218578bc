// console.h: what the console asks for beside the state (gauges.h), as JSON.
//
// THEORY    The network goes over once: its links as lines, its signal groups, which of them show at which lane's stop
//           line. What changes each second refers to these by their place in it:
//
//             /api/network   links, intersections with groups and stages, heads [link, lane, group]
//             /api/live      queue of each link, one letter (lamp.h) for each signal group
//             /api/plan/N    the plan in force at the N-th intersection, its greens and its reason
//             /api/journal   the latest alarms, warnings and notes
// CONTRACT  The main thread. Changes nothing.
// NOT HERE  HTTP (http.h).
#pragma once

#include "engine/serve/gauges.h"

void console_network(const struct gauges *gauges, struct page_text *text);
void console_live(const struct gauges *gauges, struct page_text *text);
void console_journal(struct page_text *text);

// false: there is no such intersection. One that has no plan gives {"plan":null}.
bool console_plan(const struct gauges *gauges, int32_t intersection, struct page_text *text);
