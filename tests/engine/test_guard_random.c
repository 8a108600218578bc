// Goal: on random sites and plans near every limit the guard comes to the oracle's verdict, always; a plan that keeps every
// limit to the quantum is refused when it is pushed over one by a quantum; and on a small domain every change there is.
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
        (void)fprintf(stderr, "seed %llu: guard says '%s' (groups %d %d, at %lld, needed %d, found %d), oracle says '%s' "
                      "(group %d at %lld)\n", (unsigned long long)seed, guard_rule_name(rule), refusal.group,
                      refusal.other_group, (long long)refusal.at_ms, refusal.needed_ms, refusal.found_ms,
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_the_oracle),
    };
    return cmocka_run_group_tests_name("guard against oracle", tests, NULL, NULL);
}
