// team.h: threads that help with short pieces of work, thousands of times a second.
//
// THEORY    A barrier waits for every thread, and so for one whose processor somebody else has at the moment: some
//           milliseconds for work of a tenth of one. Here nobody waits for one who has not come. The caller opens a
//           door, works itself, and shuts the door when nothing is left to take; it waits only for those who came in
//           before. The work must be such that whoever is there does all of it, piece by piece, as sim/traffic/
//           sharing.h parts it.
//           Who waits asks again for some microseconds, then lets others run that want its processor, then sleeps.
// CONTRACT  What was written before team_run is seen by all who come in, and what they wrote by the caller after it.
//           One caller at a time. Decision 0055 has the figures.
// OWNERSHIP The team owns its threads; the context is borrowed for the call.
// NOT HERE  Who does what.
#pragma once

#include <stdint.h>

struct team;

// A team of the caller and up to `helpers` threads; fewer where the system gives no more.
struct team *team_create(int32_t helpers);
void team_release(struct team *team);     // NULL is allowed

// Calls work(context, member) here as member 0, and in each thread that comes in time by its number from 1 on.
void team_run(struct team *team, void (*work)(void *context, int32_t member), void *context);

// Between two looks at what another thread is about to write.
static inline void team_pause(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
}

// The same for a wait that may be longer: *turns, from 0 on, counts the looks so far.
void team_wait(int32_t *turns);
