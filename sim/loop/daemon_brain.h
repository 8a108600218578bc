// daemon_brain.h: a brain in a daemon, as a peer of the closed loop: the simulator's side of the lockstep.
//
// CONTRACT  The daemon must hold the same network (equal hash). It starts a fresh brain with the strategy that is asked
//           for. Gives the plans of one tick in order of intersection, every field as the daemon published it.
// OWNERSHIP daemon_brain_open gives, daemon_brain_close takes. peer.self borrows it.
#pragma once

#include "sim/loop/closed_loop.h"
#include "sim/loop/daemon_link.h"

struct daemon_brain;

MUST_USE enum status daemon_brain_open(const char *address, const struct tls_files *files,
                                       const struct network *network, const char *strategy,
                                       const struct loop_options *options, const char *token,
                                       struct daemon_brain **ret, struct problem *problem);
void daemon_brain_close(struct daemon_brain *daemon);
struct brain_peer daemon_brain_peer(struct daemon_brain *daemon);
