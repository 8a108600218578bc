// cityflow.h: CityFlow's roadnet.json -> draft.
//
// THEORY    Roads are polylines between intersection centres; an intersection's `width` is the distance from its
//           centre to the stop line, so a road is shorter than its polyline by the widths at its real ends. CityFlow
//           counts lanes from the middle of the road, we count from the kerb. A light phase lists the road links that
//           may go; there is no yellow: a phase that lets only right turns go is the clearance. (CityFlow, "Roadnet
//           File Format") Right turns go in every phase and yield. A left turn that goes together with the opposing
//           through traffic yields too.
// CONTRACT  See import.h. The place of an error is a JSON path, or line and column of broken JSON.
#pragma once

#include <stddef.h>

#include "engine/import/draft.h"
#include "engine/import/import.h"

MUST_USE enum status cityflow_read(const char *path, struct network_draft *ret, struct import_report *report,
                                   struct problem *problem);

// The same from the file's text; path is for messages alone.
MUST_USE enum status cityflow_parse(const char *text, size_t bytes, const char *path, struct network_draft *ret,
                                    struct import_report *report, struct problem *problem);
