// incidents.h: which lanes are closed when: a plan that a person writes, one rule a line.
//
// THEORY    A rule closes lanes, or links with all their lanes, for a time and for all or for some:
//
//              WHAT NAME closed [from T] [to T] [for CLASS,CLASS]
//
//              lane  main_0    closed from 28800 to 30600          # an accident on the right lane of "main"
//              link  "bridge"  closed from 28800                   # until the end
//              link  old*      closed for truck,delivery
//
//           NAME may hold `*` for any text; a lane is named by its link, an underscore and its number from the kerb.
//           Classes: car truck bus tram bicycle emergency motorcycle taxi delivery rail, or all.
// CONTRACT  A name that fits nothing is an error: it would close nothing in silence.
// OWNERSHIP incidents_release frees what the plan points to.
// NOT HERE  What drivers make of it (sim/traffic/closures.h); SUMO's rerouters (sim/demand/sumo_rerouters.h).
#pragma once

#include "engine/base/memory.h"
#include "engine/model/network.h"
#include "sim/traffic/street.h"

struct incidents {
    LIST_OF(struct lane_closure) closures;
};

// Adds the rules of a file, or of one line. The problem names source and line.
MUST_USE enum status incidents_read(const struct network *network, const char *path, struct incidents *plan,
                                    struct problem *problem);
MUST_USE enum status incidents_add(const struct network *network, const char *source, const char *line, int32_t number,
                                   struct incidents *plan, struct problem *problem);
void incidents_release(struct incidents *plan);
