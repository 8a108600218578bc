// guard_scene.h: one junction, one controller that plays a plan, one candidate: the scene of the guard's tests.
//
// THEORY    Two conflicting groups (intergreen 5 s, yellow 3 s, minimum green 5 s, maximum red 120 s). Times of plans
//           in ms after NOW, here in s:
//
//               -45 -25  -20            0    4      9                    60
//     running 0           ██████████████████████████████████████▶ 100     reported at 0: green for 20 s
//             1  █████▒▒▒··········································          reported at 0: red for 22 s
//     next    0           ███████████████████▒▒▒···················
//             1  █████▒▒▒································██████████
// OWNERSHIP close_scene releases what open_* filled. A scene points into itself: it must not be moved.
#pragma once

#include <stdint.h>

#include "engine/guard/guard.h"
#include "tests/engine/toy_network.h"

#define NOW INT64_C(1000000)
#define Q 100                        // the quantum
#define GREENS 8

struct scene {
    struct network network;
    struct guard *guard;
    struct plan candidate, playing, coming;
    struct green candidate_greens[GREENS], playing_greens[GREENS], coming_greens[GREENS];
    struct controller_report report;
    struct guard_request request;
    struct guard_refusal refusal;
};

// Greens in order of (group, start), times after NOW.
struct green *add(struct plan *plan, int32_t group, int32_t start_ms, int32_t end_ms);

void rolling(const struct scene *scene, struct plan *plan, struct green *greens, uint32_t sequence,
             int64_t from_ms, int64_t until_ms);

// Cycles of 50 s, laid so that one begins at NOW: 0 green 0 .. 20 s, 1 green 25 .. 45 s.
void cyclic(const struct scene *scene, struct plan *plan, struct green *greens, uint32_t sequence,
            int64_t from_ms);

void reported(struct scene *scene, int32_t group, enum aspect aspect, int32_t age_ms);

void open_site(struct scene *scene, const struct toy_site *site);

// The scene of the picture, on a site that differs from toy_pair().
void open_at(struct scene *scene, const struct toy_site *site);

void open_scene(struct scene *scene);

// Both plans cyclic; the candidate takes effect at 10 s, in the green of group 0, and is asked about then.
void open_cyclic(struct scene *scene);

void close_scene(struct scene *scene);

enum guard_rule check(struct scene *scene);

void assert_refusal(const struct scene *scene, int32_t group, int32_t other_group, int64_t at_ms,
                    int32_t needed_ms, int32_t found_ms);
