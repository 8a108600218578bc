// loop_edges.h: the moments at which a loop is covered and freed, from its readings of single steps.
//
// THEORY    A reading of one step says how long the loop was covered and how many left it. With the state before the
//           step that gives the moments, where no more than one vehicle comes and one goes in a step:
//
//              before  left  covered        edges
//              free      0   o > 0          on at end - o
//              free      1+  o              on and off, o apart, in the middle of the step
//              covered   0   the whole      none
//              covered   0   o < step       off at begin + o (who covered it changed lanes)
//              covered   1+  o              off at begin + o
//
//           Headways are longer than the longest step but for vehicles that drive bumper to bumper; then the next one
//           comes on at the beginning of the step after.
// CONTRACT  On and off alternate for each detector, times never fall. Rows by detector within a step.
// OWNERSHIP loop_edges_release frees.
#pragma once

#include <stdbool.h>

#include "engine/model/network.h"
#include "engine/model/observation.h"

enum { LOOP_EDGES_IN_STEP = 2 };           // of one detector, at most

struct loop_edges { bool *covered; };      // by detector

void loop_edges_create(struct loop_edges *edges, const struct network *network);
void loop_edges_release(struct loop_edges *edges);

// Appends the edges of one step. STATUS_LIMIT when they do not fit.
MUST_USE enum status loop_edges_take(struct loop_edges *edges, const struct loop_columns *step,
                                     struct observation_buffer *ret);
