// corridor.h: the streets along which drivers meet one signal after the other.
//
// THEORY    From a link on, the way of most vehicles straight ahead: the through connection that was passed most often,
//           link by link, across unsignalised junctions too, until there is none or a link comes again.
//
//             x_m  0 ──────────────┬───────────────────┬──────────▶
//                    link 0        │ stop line          │ stop line
//                               signals[0]           signals[1]
//
//           A corridor is worth the passages at its stop lines; the best come first, and no link is in two of them.
// CONTRACT  Pure; deterministic: ties go to the lower index.
// OWNERSHIP Plain data of a fixed size.
// NOT HERE  What happens on it (day_book.h).
#pragma once

#include "engine/model/network.h"
#include "sim/traffic/street.h"

#define CORRIDOR_LINK_COUNT_MAX 48
#define CORRIDOR_SIGNAL_COUNT_MAX 8
#define CORRIDOR_COUNT_MAX 3

struct corridor_signal {
    int32_t intersection, link;       // the link that ends at its stop line
    int32_t group;                    // signal group of the way straight ahead, over the whole network
    double at_m;                      // of the stop line along the corridor
};

struct corridor {
    int32_t link_count, signal_count;
    int32_t link[CORRIDOR_LINK_COUNT_MAX];
    double from_m[CORRIDOR_LINK_COUNT_MAX];   // where each link begins along the corridor
    double length_m;
    struct corridor_signal signals[CORRIDOR_SIGNAL_COUNT_MAX];
};

// Up to CORRIDOR_COUNT_MAX corridors with two signals or more; gives their number.
int32_t corridors_find(const struct network *network, const struct passage_totals *passages, struct corridor *ret);
