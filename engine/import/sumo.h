// sumo.h: SUMO's .net.xml, or a .sumocfg that names one, with its additional files -> draft.
//
// THEORY    Edges with a function (internal, crossing, walkingarea) are the inside of junctions, not links. A
//           connection drives over the inner lanes that `via` names, one after the other: their shapes joined are its
//           path, their lengths added are its length.
//
//              link ──▶ | :J_7_0 ──▶ (waits here) ──▶ :J_20_0 | ──▶ link      one connection, via two inner lanes
//
//           Row i of a junction's <request> matrix speaks of the connection that drives over the i-th of its intLanes
//           (or, without inner lanes, of the i-th one in the order of incLanes); its last bit speaks of row 0.
//
//           Programs: of several tlLogic with one id the last one that was loaded runs, as in SUMO, the additional
//           files after the network. One with the id and the programID of an earlier one and no phases changes its
//           offset only. Phase 0 begins at second offset + k * cycle, counted from second 0 whenever the run begins
//           (both measured on SUMO 1.15, see tests/engine/test_sumo_lamps.c). Actuated programs are taken with the
//           durations that stand in the file. Trains' signals are left out: their connections are uncontrolled.
// CONTRACT  All or nothing: any failure leaves ret untouched and names file and line.
// OWNERSHIP The draft is the caller's: draft_release.
// NOT HERE  What the file does not say (derive.h); trips (sim/demand).
#pragma once

#include "engine/import/draft.h"
#include "engine/import/import.h"

MUST_USE enum status sumo_read(const char *path, const struct import_options *options, struct network_draft *ret,
                               struct import_report *report, struct problem *problem);
