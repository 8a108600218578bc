// sumo_flows.h: when a vehicle or a trip departs, and when those of a flow do.
#pragma once

#include "sim/demand/sumo_reader.h"

// Keeps the first thing that is wrong with a trip.
void sumo_pending_bad(struct pending *pending, enum status status, const char *format, ...) PRINTF_LIKE(3, 4);

void sumo_read_depart(const struct reader *reader, struct pending *pending, const char **attributes);
void sumo_read_flow(struct reader *reader, const struct sumo_xml *xml, struct pending *pending,
                    const char **attributes);
