// picture.h: what others see of the compute thread: three pictures of the city, of which each side holds one.
//
// THEORY    The thread fills its own and exchanges it for the one in the middle; who looks exchanges his for the one in
//           the middle. Nobody waits for a step.
// CONTRACT  One thread fills (mine, pictures_show), another looks (pictures_look); pictures_detail from any.
// NOT HERE  What is filled in (compute.c), who looks (gauges.h, showing.h, alarm_watch.h).
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "engine/brain.h"

// The city as the compute thread last left it.
struct picture {
    bool lockstep;
    int64_t now_ms;
    char strategy[STRATEGY_NAME_BYTES_MAX];
    uint32_t epoch, daemon;
    struct counts counts;
    int64_t steps, overruns, plans, readings;   // since the start, over all brains
    int64_t events_foreign;               // told in lockstep by others than the simulator, and dropped
    int32_t step_us_last, step_us_max;
    double step_us_mean;                  // moving average over about 60 steps
    int64_t wall_off_ms;                  // wall clock less city clock
    struct intersection_state *states;    // one per intersection
    struct plan_version *versions;
    bool detailed;                        // somebody looks (pictures_detail): the two below are of this step
    float *link_queue_veh;                // one per link: vehicles that stand on it
    uint8_t *aspects;                     // one per signal group, as reported; ASPECT_DARK without a fresh report
};

struct pictures {
    pthread_mutex_t mutex;                // guards the middle
    struct picture *middle;
    bool middle_new;
    struct picture *mine;                 // of who fills
    struct picture *theirs;               // of who looks
    struct picture all[3];
    _Atomic int64_t detail_until_ms;      // monotonic
};

// strategy, epoch, daemon, now_ms: what holds before the first step too.
void pictures_create(const struct network *network, const char *strategy, const struct brain_options *brain,
                     int64_t now_ms, struct pictures *ret);
void pictures_release(struct pictures *pictures);

// Mine is whole: it goes to the middle. The next one begins with all that it says, but for what each has an array of.
void pictures_show(struct pictures *pictures);

// The newest; holds until the next look.
const struct picture *pictures_look(struct pictures *pictures);

// Somebody looks at a map: pictures are detailed for a while.
void pictures_detail(struct pictures *pictures);
bool pictures_detailed(struct pictures *pictures);
