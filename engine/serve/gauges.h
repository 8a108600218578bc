// gauges.h: the numbers that the daemon shows: as JSON for the page, as Prometheus text for the metrics.
//
// CONTRACT  The main thread. Reads what others count; changes nothing.
// NOT HERE  HTTP (http.h).
#pragma once

#include "engine/serve/compute.h"
#include "engine/serve/holdings.h"
#include "engine/serve/loop.h"
#include "engine/serve/page_text.h"
#include "engine/store/store.h"

struct gauges {
    const struct service *service;
    const struct picture *picture;
    const struct store *store;           // or NULL
    const struct holdings *holdings;     // where the city is led in parts, or NULL
    const char *city, *store_path;
    int64_t started_ms;                  // wall clock
};

// The sum over all loops, by what is counted.
struct loop_sums {
    uint64_t opened, closed, refused, cut, frames, strikes;
    uint64_t readings_taken, readings_refused, readings_shed, events_shed;
    uint64_t plans_pulled, plans_pushed, plans_not_changed, acknowledged, acknowledged_no;
    uint64_t fallbacks_loaded, fallbacks_refused;
    uint64_t bytes_in, bytes_out, reads_held, handshakes, handshakes_failed;
};

struct loop_sums gauges_sum(const struct service *service);
uint64_t gauges_resident_bytes(void);
uint64_t gauges_guard_refused(const struct counts *counts);

// {"city":..., "intersections":[[name, queue, flow, stage, mode, ...], ...]}
void gauges_state(const struct gauges *gauges, struct page_text *text);

// Text exposition format 0.0.4 of Prometheus.
void gauges_metrics(const struct gauges *gauges, struct page_text *text);
