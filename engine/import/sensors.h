// sensors.h: the detectors that the file names, and at intersections where it names none, those that a plausible city
// has.
//
// THEORY    The file's: within 10 m of a signal's stop line they serve the line, within 200 m they are in advance of
//           it, within 50 m behind a signal they count what leaves it. Else, on each lane that ends at a signal: a
//           stop-line loop 1 m before the line and an advance loop 40 m before it, or at the lane's beginning where
//           it is shorter. A camera over every lane within 200 m of driving before a signal's
//           stop line, back over unsignalised junctions but not past another signal.
// CONTRACT  Never fails. Names: "LINK_LANE/stop", "/advance", "/camera".
#pragma once

#include "engine/import/draft.h"
#include "engine/import/import.h"

void sensors_place(const struct network_draft *draft, struct import_report *report, struct network *network);
