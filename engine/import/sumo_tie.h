// sumo_tie.h: ties the raw records of SUMO's files together into a draft.
//
// CONTRACT  Every reference is looked up; the first that names nothing is reported with the file and line of the one
//           who made it. files[0] is the network's name, then the additional files in the order of sumo_raw.file.
// NOT HERE  Reading (sumo_raw.h).
#pragma once

#include "engine/import/draft.h"
#include "engine/import/import.h"
#include "engine/import/sumo_raw.h"

MUST_USE enum status sumo_tie(const struct sumo_raw *raw, const char *const *files, struct network_draft *draft,
                              struct import_report *report, struct problem *problem);
