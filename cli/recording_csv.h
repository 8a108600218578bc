// recording_csv.h: the readings, plans and events of a recording as comma separated values, one row each.
#pragma once

#include <stdint.h>
#include <stdio.h>

#include "engine/model/network.h"
#include "engine/record/recording.h"

struct csv_options {
    const char *kind;                 // a name of csv_kinds
    int32_t intersection;             // only what concerns it; INDEX_NONE: all
    int64_t from_ms, until_ms;        // inclusive
};

extern const char csv_kinds[];        // comma separated, for messages

// STATUS_UNKNOWN: there is no such kind. STATUS_VERSION: a recording of another network.
MUST_USE enum status recording_csv(const struct network *network, const struct recording *recording,
                                   const struct csv_options *options, FILE *out, struct problem *problem);
