// sensors.h: the detectors that the file names, and where it names none, those that a plausible city has.
//
// THEORY    On each lane that ends at a signal: a stop-line loop 1 m before the line and an advance loop 40 m before it, or at
//           the lane's beginning where it is shorter. A camera over every lane within 200 m of driving before a signal's
//           stop line, back over unsignalised junctions but not past another signal.
// CONTRACT  Never fails. Names: "LINK_LANE/stop", "/advance", "/camera".
#pragma once

#include "engine/import/draft.h"
#include "engine/import/import.h"

void sensors_place(const struct network_draft *draft, struct import_report *report, struct network *network);
