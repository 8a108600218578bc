// Goal: on random sites and plans near every limit the guard comes to the oracle's verdict, always; a plan that keeps
// every limit to the quantum is refused when it is pushed over one by a quantum; and on a small domain every change
// there is.
//
// INTERGREEN_GUARD_CHECKS sets the number of random checks (default 200,000). INTERGREEN_GUARD_SEED starts elsewhere.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "engine/base/random.h"
#include "tests/engine/guard_cases.h"
#include "tests/engine/oracle.h"
#include "tests/engine/toy_network.h"

#define CHECKS_DEFAULT 200000
#define CASES_PER_NETWORK 500
#define PUSHES_PER_CASE 4

struct tally {
    int64_t checks, accepted, pushed, pushed_refused, by_rule[GUARD_RULE_COUNT];
};

static int64_t from_environment(const char *name, int64_t otherwise)
{
    const char *text = getenv(name);
    return text != NULL && *text != '\0' ? strtoll(text, NULL, 10) : otherwise;
}

// Asks both. Prints and fails when they disagree.
static bool verdict(const struct network *network, const struct guard *guard, const struct guard_case *asked,
                    uint64_t seed, struct tally *tally)
{
    struct guard_refusal refusal;
    struct oracle_finding finding;
    enum guard_rule rule = guard_check(guard, &asked->request, &refusal);
    bool accepted = oracle_accepts(network, &asked->request, &finding);
    tally->checks++;
    tally->accepted += accepted;
    tally->by_rule[rule]++;
    if ((rule == GUARD_PASSED) != accepted) {
        (void)fprintf(stderr,
                      "seed %llu: guard says '%s' (groups %d %d, at %lld, needed %d, found %d), oracle says '%s' "
                      "(group %d at %lld)\n",
                      (unsigned long long)seed, guard_rule_name(rule), refusal.group, refusal.other_group,
                      (long long)refusal.at_ms, refusal.needed_ms, refusal.found_ms,
                      accepted ? "accepted" : finding.what, finding.group, (long long)finding.at_ms);
        guard_case_print(network, asked);
        fail();
    }
    return accepted;
}

static void agrees_with_the_oracle(void **state)
{
    (void)state;
    int64_t checks = from_environment("INTERGREEN_GUARD_CHECKS", CHECKS_DEFAULT);
    uint64_t seed = (uint64_t)from_environment("INTERGREEN_GUARD_SEED", 1);
    static struct guard_case asked;
    struct tally tally = { 0 };
    while (tally.checks < checks) {
        struct network network;
        struct guard *guard = NULL;
        struct problem problem;
        case_network_make(seed++, &network);
        assert_int_equal(guard_create(&network, &guard, &problem), STATUS_OK);
        for (int i = 0; i < CASES_PER_NETWORK && tally.checks < checks; i++) {
            uint64_t number = seed * CASES_PER_NETWORK + (uint64_t)i;
            guard_case_make(&network, number, &asked);
            bool accepted = verdict(&network, guard, &asked, number, &tally);
            for (uint64_t push = 0; push < PUSHES_PER_CASE; push++) {
                guard_case_make(&network, number, &asked);
                guard_case_disturb(&network, number * PUSHES_PER_CASE + push, &asked);
                bool still = verdict(&network, guard, &asked, number, &tally);
                tally.pushed += accepted;
                tally.pushed_refused += accepted && !still;
            }
        }
        guard_release(guard);
        network_release(&network);
    }
    print_message("%lld checks: %lld accepted; of %lld accepted plans pushed, %lld refused\n", (long long)tally.checks,
                  (long long)tally.accepted, (long long)tally.pushed, (long long)tally.pushed_refused);
    for (int rule = 0; rule < GUARD_RULE_COUNT; rule++) {
        print_message("    %-18s %lld\n", guard_rule_name((enum guard_rule)rule), (long long)tally.by_rule[rule]);
    }
    // The cases must be worth their time: enough that are accepted, and most pushes go over a limit.
    assert_true(tally.accepted * 10 > tally.checks);
    assert_true(tally.pushed_refused * 10 > tally.pushed * 3);
}

// The small domain: two conflicting groups, times in whole seconds round the change at 0. Yellow 1 s, minimum green 2
// s, intergreen 2 s one way and 3 s the other, maximum red 6 s. A running plan has per group no green or one that
// starts in -5 .. -1 and ends by 2; a candidate none, one from -4 on, or one behind and one ahead; it ends at 5.
#define S 1000
#define SMALL_FROM (-5)
#define SMALL_UNTIL 5
#define SHAPES_MAX 96

struct shape { int32_t count, start_s[2], end_s[2]; };

static int32_t running_shapes(struct shape *ret)
{
    int32_t count = 0;
    ret[count++] = (struct shape){ .count = 0 };
    for (int32_t start = SMALL_FROM; start < 0; start++) {
        for (int32_t end = start + 1; end <= 2; end++) {
            ret[count++] = (struct shape){ 1, { start }, { end } };
        }
    }
    return count;
}

// The candidates of one group after a running shape; whatever is not well-formed both must refuse.
static int32_t candidate_shapes(const struct shape *running, struct shape *ret)
{
    int32_t count = 0;
    ret[count++] = (struct shape){ .count = 0 };
    for (int32_t start = SMALL_FROM + 1; start < SMALL_UNTIL; start++) {
        for (int32_t end = start + 1; end <= SMALL_UNTIL; end++) {
            ret[count++] = (struct shape){ 1, { start }, { end } };
            if (start > 0 && running->count > 0) {
                int32_t behind = running->end_s[0] < 0 ? running->end_s[0] : 0;
                ret[count++] = (struct shape){ 2, { running->start_s[0], start }, { behind, end } };
            }
        }
    }
    return count;
}

static void lay(struct plan *plan, struct green *greens, const struct shape *first, const struct shape *second)
{
    const struct shape *shapes[2] = { first, second };
    plan->green_count = 0;
    plan->greens = greens;
    for (int16_t group = 0; group < 2; group++) {
        for (int32_t i = 0; i < shapes[group]->count; i++) {
            greens[plan->green_count++] = (struct green){ .group = group, .start_ms = shapes[group]->start_s[i] * S,
                                                          .end_ms = shapes[group]->end_s[i] * S };
        }
    }
}

// What a controller that plays the running plan reports at t: by the oracle's eyes.
static void report_small(const struct network *network, struct guard_case *small, int64_t t_ms)
{
    small->report.time_ms = t_ms;
    for (int32_t g = 0; g < 2; g++) {
        int64_t since_ms, end_ms = -5 * S;
        enum oracle_lamp lamp = oracle_look(network, &small->playing, g, t_ms, &since_ms);
        for (int32_t i = 0; i < small->playing.green_count; i++) {
            const struct green *green = &small->playing.greens[i];
            end_ms = green->group == g && green->end_ms <= t_ms ? green->end_ms : end_ms;
        }
        small->report.aspect[g] = lamp == LAMP_GREEN ? ASPECT_GREEN : lamp == LAMP_YELLOW ? ASPECT_YELLOW : ASPECT_RED;
        small->report.age_ms[g] = (int32_t)(t_ms - (lamp == LAMP_RED ? end_ms + S : since_ms));
    }
}

static void every_change_of_a_small_domain(void **state)
{
    (void)state;
    struct toy_site site = toy_pair();
    site.quantum_ms = S;
    site.groups[0] = site.groups[1] = (struct toy_group){ .kind = GROUP_BICYCLE, .green_ms_min = 2 * S,
                                                          .red_ms_max = 6 * S, .yellow_ms = S };
    site.intergreen_ms[0][1] = 2 * S;
    site.intergreen_ms[1][0] = 3 * S;
    struct network network;
    struct guard *guard = NULL;
    toy_network_build(&network, &site, 1, 0);
    assert_int_equal(guard_create(&network, &guard, NULL), STATUS_OK);
    static struct guard_case small;
    static struct shape running[SHAPES_MAX], first[SHAPES_MAX], second[SHAPES_MAX];
    int32_t running_count = running_shapes(running);
    struct tally tally = { 0 };
    small.playing = (struct plan){ .kind = PLAN_ROLLING,
                                   .version = { 1, 1, 1 },
                                   .site_hash = network.intersections[0].site_hash,
                                   .valid_from_ms = 2 * SMALL_FROM * S,
                                   .valid_until_ms = SMALL_UNTIL * S,
                                   .coordinated_stage = INDEX_NONE,
                                   .reason.stage = INDEX_NONE };
    small.candidate = small.playing;
    small.candidate.version.sequence = 2;
    small.candidate.valid_from_ms = 0;
    small.candidate.valid_until_ms = SMALL_UNTIL * S;
    small.report = (struct controller_report){ .mode = CONTROLLER_PLAN, .running = { 1, 1, 1 }, .group_count = 2 };
    small.request = (struct guard_request){ .candidate = &small.candidate, .running = { &small.playing },
        .running_count = 1, .report = &small.report };
    for (int32_t a = 0; a < running_count; a++) {
        int32_t first_count = candidate_shapes(&running[a], first);
        for (int32_t b = 0; b < running_count; b++) {
            int32_t second_count = candidate_shapes(&running[b], second);
            lay(&small.playing, small.greens[1], &running[a], &running[b]);
            for (int32_t c = 0; c < first_count * second_count; c++) {
                lay(&small.candidate, small.greens[0], &first[c / second_count], &second[c % second_count]);
                report_small(&network, &small, c % 2 == 0 ? 0 : -2 * S);
                (void)verdict(&network, guard, &small, (uint64_t)c, &tally);
            }
        }
    }
    print_message("%lld changes, %lld accepted\n", (long long)tally.checks, (long long)tally.accepted);
    assert_true(tally.accepted > 1000);
    guard_release(guard);
    network_release(&network);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_change_of_a_small_domain),
        cmocka_unit_test(agrees_with_the_oracle),
    };
    return cmocka_run_group_tests_name("guard against oracle", tests, NULL, NULL);
}
