// bench_guard.c: what one verdict of the guard costs: plans of an eight-group junction, as a strategy sends them every
// second.
//
// THEORY    `hold` goes on with the stage that runs, `switch` ends it and begins the next one (both rolling, after a
//           rolling plan and a fresh report), `cycle` follows on a cyclic plan with one of other splits. Each kind is
//           judged in rounds of CHECKS, all kinds in turn, and the median of the rounds reported. `cold` is `switch` at
//           each of SITES junctions in turn, so that the site's data comes from memory.
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "engine/guard/guard.h"
#include "tests/engine/toy_network.h"

#define NOW INT64_C(1000000)
#define ROUNDS 9
#define CHECKS 200000
#define SITES 20000
#define GREENS 16

enum kind { KIND_HOLD, KIND_SWITCH, KIND_CYCLE, KIND_COLD, KIND_COUNT };
static const char *const KIND_NAMES[] = { "hold", "switch", "cycle", "cold" };

struct bench {
    struct network network;
    struct guard *guard;
    struct plan playing[KIND_COUNT], candidate[KIND_COUNT];
    struct green greens[KIND_COUNT][2][GREENS];
    struct controller_report report[KIND_COUNT];
    double nanoseconds[KIND_COUNT][ROUNDS];
};

static double nanoseconds_now(void)
{
    struct timespec at;
    (void)clock_gettime(CLOCK_MONOTONIC, &at);
    return 1e9 * (double)at.tv_sec + (double)at.tv_nsec;
}

static void green_add(struct plan *plan, int32_t group, int32_t start_ms, int32_t end_ms)
{
    struct green *greens = (struct green *)(uintptr_t)plan->greens;
    greens[plan->green_count++] = (struct green){ .group = (int16_t)group, .start_ms = start_ms, .end_ms = end_ms };
}

static void plan_begin(struct bench *bench, enum kind kind, int which, struct plan *plan)
{
    *plan = (struct plan){ .kind = PLAN_ROLLING, .version = { 1, 1, (uint32_t)which + 1 }, .base_ms = NOW,
        .site_hash = bench->network.intersections[0].site_hash, .valid_from_ms = which == 0 ? NOW - 10000 : NOW + 1000,
        .valid_until_ms = NOW + 90000, .coordinated_stage = INDEX_NONE, .reason.stage = INDEX_NONE,
        .greens = bench->greens[kind][which] };
}

// Stage 0 (groups 0 and 4) since 20 s; before it stage 3 (groups 3 and 7), which ended 5 s earlier.
static void rolling_kind(struct bench *bench, enum kind kind)
{
    for (int which = 0; which < 2; which++) {
        struct plan *plan = &bench->candidate[kind];
        plan = which == 0 ? &bench->playing[kind] : plan;
        plan_begin(bench, kind, which, plan);
        bool ends = which == 1 && kind != KIND_HOLD;
        for (int32_t g = 0; g < 8; g++) {
            if (g % 4 == 0) {
                green_add(plan, g, -20000, ends ? 1000 : 90000);
            } else if (g % 4 == 3) {
                green_add(plan, g, -45000, -25000);
            } else if (g % 4 == 1 && ends) {
                green_add(plan, g, 6000, 90000);
            }
        }
    }
    struct controller_report *report = &bench->report[kind];
    *report = (struct controller_report){ .time_ms = NOW - 500, .mode = CONTROLLER_PLAN, .running = { 1, 1, 1 },
                                          .stage = 0, .group_count = 8 };
    for (int32_t g = 0; g < 8; g++) {
        report->aspect[g] = g % 4 == 0 ? ASPECT_GREEN : ASPECT_RED;
        report->age_ms[g] = g % 4 == 0 ? 19500 : 21500;
    }
}

// The junction's program, and the same with 5 s more for stage 2; both begin a cycle 20 s before NOW.
static void cyclic_kind(struct bench *bench, enum kind kind)
{
    rolling_kind(bench, kind);
    for (int which = 0; which < 2; which++) {
        struct plan *plan = which == 0 ? &bench->playing[kind] : &bench->candidate[kind];
        int32_t more_ms = which * 5000;
        plan_begin(bench, kind, which, plan);
        plan->kind = PLAN_CYCLIC;
        plan->cycle_ms = 100000 + more_ms;
        plan->base_ms = NOW - 19000;
        plan->offset_ms = (int32_t)(plan->base_ms % plan->cycle_ms);
        plan->coordinated_stage = 0;
        for (int32_t g = 0; g < 8; g++) {
            int32_t stage = g / 2 % 2 * 2 + g % 2;
            int32_t start_ms = stage * 25000 + (stage > 2 ? more_ms : 0);
            green_add(plan, g, start_ms, start_ms + 20000 + (stage == 2 ? more_ms : 0));
        }
    }
    for (int32_t g = 0; g < 8; g++) {
        int32_t stage = g / 2 % 2 * 2 + g % 2;
        bench->report[kind].aspect[g] = stage == 0 ? ASPECT_GREEN : ASPECT_RED;
        bench->report[kind].age_ms[g] = stage == 0 ? 18500 : 18500 + (4 - stage) * 25000 - 20000 - 3000;
    }
}

static double round_of(struct bench *bench, enum kind kind)
{
    struct guard_request request = { .candidate = &bench->candidate[kind], .running = { &bench->playing[kind] },
        .running_count = 1, .report = &bench->report[kind], .now_ms = NOW };
    double began = nanoseconds_now();
    for (int i = 0; i < CHECKS; i++) {
        if (kind == KIND_COLD) {
            int32_t at = (int32_t)((uint32_t)i * 7919u % SITES);
            bench->candidate[kind].intersection = bench->playing[kind].intersection = at;
            bench->report[kind].intersection = at;
            bench->candidate[kind].site_hash = bench->network.intersections[at].site_hash;
            bench->playing[kind].site_hash = bench->candidate[kind].site_hash;
        }
        struct guard_refusal refusal;
        if (guard_check(bench->guard, &request, &refusal) != GUARD_PASSED) {
            char text[256];
            guard_explain(&bench->network, 0, &refusal, text, (int32_t)sizeof text);
            (void)fprintf(stderr, "%s: %s\n", KIND_NAMES[kind], text);
            exit(1);
        }
    }
    return (nanoseconds_now() - began) / CHECKS;
}

static int by_value(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

int main(int argc, char **argv)
{
    static struct bench bench;
    struct toy_site *sites = malloc(SITES * sizeof *sites);
    if (sites == NULL) {
        return 1;
    }
    for (int i = 0; i < SITES; i++) {
        sites[i] = toy_cross();
    }
    toy_network_build(&bench.network, sites, SITES, 0);
    free(sites);
    struct problem problem;
    if (guard_create(&bench.network, &bench.guard, &problem) != STATUS_OK) {
        (void)fprintf(stderr, "%s\n", problem.text);
        return 1;
    }
    rolling_kind(&bench, KIND_HOLD);
    rolling_kind(&bench, KIND_SWITCH);
    rolling_kind(&bench, KIND_COLD);
    cyclic_kind(&bench, KIND_CYCLE);
    for (int r = 0; r < ROUNDS; r++) {
        for (int kind = 0; kind < KIND_COUNT; kind++) {
            bench.nanoseconds[kind][r] = round_of(&bench, (enum kind)kind);
        }
    }
    FILE *file = argc > 1 ? fopen(argv[1], "w") : NULL;
    (void)printf("%-8s %12s %18s\n", "plan", "ns a check", "checks/core-s");
    for (int kind = 0; kind < KIND_COUNT; kind++) {
        qsort(bench.nanoseconds[kind], ROUNDS, sizeof bench.nanoseconds[kind][0], by_value);
        double ns = bench.nanoseconds[kind][ROUNDS / 2];
        (void)printf("%-8s %12.0f %18.0f\n", KIND_NAMES[kind], ns, 1e9 / ns);
        if (file != NULL) {
            (void)fprintf(file, "%s{\"plan\": \"%s\", \"groups\": 8, \"check_ns\": %.1f}", kind == 0 ? "[" : ",\n ",
                          KIND_NAMES[kind], ns);
        }
    }
    if (file != NULL) {
        (void)fprintf(file, "]\n");
        (void)fclose(file);
    }
    guard_release(bench.guard);
    network_release(&bench.network);
    return 0;
}
