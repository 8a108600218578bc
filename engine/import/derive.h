// derive.h: draft -> network: signal groups, stages, conflicts, intergreens, its own program, sensors.
//
// THEORY    Letters of a program whose green pattern over all its phases is the same, and whose users are of one
//           kind, are one signal group. A phase that shows green and no yellow is a stage; the rest are changes. Two
//           groups with crossing paths conflict unless the program shows them green together and one yields.
//
//           Yellow and all-red are what the program shows in a direct change from one group to another. Where it shows
//           none, or an unsafe one, the profile's apply: yellow 3, 4, 5 s at up to 50, 60, 70 km/h, and an intergreen
//           of tü + (s_clear + 6 m) / v_clear - s_enter / 11.1 m/s, tü = 3 s and v_clear = 10 m/s for through traffic,
//           2 s and 7 m/s for turning traffic [RiLSA2015], in whole quanta and not below the yellow. What is missing is
//           inserted before the green that would come too early; the cycle grows, and the report lists each insertion.
// CONTRACT  See import.h. The draft is not kept; its names move to the network.
#pragma once

#include "engine/import/draft.h"
#include "engine/import/import.h"

// source: the file's name, for messages.
MUST_USE enum status derive_signals(struct network_draft *draft, const struct import_options *options,
                                    struct import_report *report, struct network *ret, struct problem *problem);
