// sumo_rerouters.h: what SUMO's <rerouter> closes, as incidents of the street.
//
//              <rerouter><interval begin end><closingLaneReroute id="lane"/>  ─▶ that lane, in [begin, end)
//                                            <closingReroute id="edge"/>      ─▶ all lanes of the edge
//
// Everybody hears of it, not only those who pass the rerouter's edges. Other reroutes are passed over, and counted.
#pragma once

#include "sim/demand/sumo_reader.h"

// Whether the element belongs to a rerouter; then it is read.
bool sumo_rerouter_read(struct reader *reader, struct sumo_xml *xml, const char *element, const char **attributes);
void sumo_rerouter_end(struct reader *reader, const char *element);
