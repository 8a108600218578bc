// run_checkpoint.h: the state of a whole run in a file: loop, street, controllers, brain, and what its outputs add up.
#pragma once

#include "sim/loop/closed_loop.h"
#include "sim/report/measures.h"
#include "sim/report/run_outputs.h"

// outputs may be NULL, then and now.
MUST_USE enum status run_checkpoint_save(const char *path, const struct closed_loop *loop,
                                         const struct run_outputs *outputs, const struct approach_sampler *sampler,
                                         struct problem *problem);
MUST_USE enum status run_checkpoint_load(const char *path, struct closed_loop *loop, struct run_outputs *outputs,
                                         struct approach_sampler *sampler, struct problem *problem);
