// sharing.h: which thread does what of a phase.
//
// THEORY    Processors are not alike for long: another guest of the machine slows one down, or another program has it
//           for some milliseconds. So the city is cut into as many shares as there are threads, and each job of a
//           share, the list of its groups, paths or blocks with anything to do, into portions of some places:
//
//               share 0   |..|..|..|..|..|..|..|..|      share 1   |..|..|..|..|..|..|..|..|
//                own ->                     <- others     own ->                     <- others
//
//           Who begins with a share makes its list and goes through it from the front, portion by portion, as one run:
//           nearly always the same thread, in whose cache the share lies. Who has nothing left takes runs from the back
//           of other shares, half of what is left at a time, and begins with shares that nobody has begun with.
//           What belongs together is never parted: a block's groups, a junction's paths.
//           Vehicles that leave are put into the run's own list, runs are known by their places, and are read in the
//           order of these: so the bytes are the same whoever does what.
// CONTRACT  When share_out returns all portions are taken; those that others have taken may not be done yet.
// NOT HERE  The threads (engine/team/team.h); what is done with a place (moving.h, settling.h).
#pragma once

#include "sim/traffic/street_state.h"

struct job_kind {
    int32_t job;                      // JOB_LANES, ...
    int32_t portion;                  // places of one; more where what belongs together goes on
    // Makes the list; returns its length.
    int32_t (*list)(struct street *street, struct worker *worker, struct share *share);
    // Whether two places side by side in the list may be parted; NULL: all.
    bool (*parts)(const struct street *street, int32_t before, int32_t at);
    // Does the places of the run, and tells it what became of them.
    void (*work)(struct street *street, struct worker *worker, struct share *share, struct run *run);
};

// Before a phase, by one thread: nobody has begun with anything.
void share_begin(struct street *street);

// The jobs of all shares that nobody else does, one kind after the other.
void share_out(struct street *street, struct worker *worker, const struct job_kind *kinds, int32_t kind_count);

// A run that is open goes on behind its end, if nobody else has taken that.
void run_extend(const struct street *street, struct share *share, struct run *run);

// What is done at `place`, and what is looked at before its turn, is the run's own.
static inline void run_reach(const struct street *street, struct share *share, struct run *run, int32_t place)
{
    while (run->open && place >= run->end) {
        run_extend(street, share, run);
    }
}
