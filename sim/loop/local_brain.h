// local_brain.h: a brain in this process, as a peer of the closed loop.
//
// CONTRACT  Gives the brain the very events that the daemon's lockstep session gives it, in the same order: the reports
//           by intersection, what vehicles ask for, then the step. Version: epoch 1, daemon 1, as a fresh daemon of a
//           lockstep session.
// OWNERSHIP local_brain_create gives, local_brain_release takes. peer.self borrows it.
#pragma once

#include "engine/brain.h"
#include "engine/record/recorder.h"
#include "sim/loop/closed_loop.h"

struct local_brain;

MUST_USE enum status local_brain_create(const struct network *network, const struct brain_options *options,
                                        struct local_brain **ret, struct problem *problem);
void local_brain_release(struct local_brain *local);

// From now on all is recorded; to be called before the first step, with the options that the brain was made with. The
// recorder is borrowed until local_brain_release.
void local_brain_record(struct local_brain *local, struct recorder *recorder, const struct brain_options *options,
                        int64_t begin_ms);
struct brain_peer local_brain_peer(struct local_brain *local);

// What the brain counted so far; for the report.
const struct counts *local_brain_counts(const struct local_brain *local);
