// sumo_notes.h: what the person is told of a demand of SUMO that is not done as it says.
//
// THEORY    SUMO knows far more attributes and elements than are computed here. Those that change traffic there and
//           nothing here are told, each once, with the place where they stand first; those that only colour a picture
//           or open a file are not.
// NOT HERE  Trips that cannot be (sumo_departures.c).
#pragma once

#include "sim/demand/sumo_reader.h"

// Tells of each attribute of the element that nothing heeds. The element: "vType", "vehicle", "trip", "flow", "route",
// "stop" or "carFollowing-...".
void sumo_note_attributes(struct reader *reader, const struct sumo_xml *xml, const char *element,
                          const char **attributes);

// Tells of an element that is passed over with all in it.
void sumo_note_element(struct reader *reader, const struct sumo_xml *xml, const char *element);

// Tells of a trip or flow whose id another one of its kind has.
void sumo_note_twin(struct reader *reader, const struct sumo_xml *xml, const char *word, const char *id);

void sumo_count(struct reader *reader, const struct sumo_xml *xml, struct counted *counted);

// Tells of what was counted. Once all is read.
void sumo_note_counts(struct reader *reader);
