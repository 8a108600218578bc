// sumo_config.h: a .sumocfg: which network, which trips, from when to when.
//
// THEORY    <configuration> holds options in sections that SUMO does not care about: <begin value="25200"/> means the
//           same wherever it stands. File names are relative to the folder of the configuration; lists are separated
//           by commas.
// CONTRACT  Options that are not listed here are passed over. A configuration without a network is an error.
// OWNERSHIP sumo_config_release frees the file names.
// NOT HERE  Reading the files that it names (sumo.h, sim/demand).
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/memory.h"
#include "engine/base/status.h"

struct sumo_config {
    char *network;
    LIST_OF(char *) routes;           // trips, routes and flows, in the order in which SUMO loads them
    LIST_OF(char *) additional;
    int64_t begin_ms, end_ms;         // INT64_MIN where the file says nothing
    int64_t step_ms;                  // 1000 where the file says nothing
    bool says_step;
    double scale;                     // of the demand; 1 where the file says nothing
    double speed_deviation;           // of drivers whose type says none; below 0: the class's own
    bool ignore_route_errors;
};

MUST_USE enum status sumo_config_read(const char *path, struct sumo_config *ret, struct problem *problem);
void sumo_config_release(struct sumo_config *config);
