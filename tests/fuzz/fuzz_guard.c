// Goal: whatever bytes a candidate, a report or a running plan is made of, the guard reads nothing out of bounds,
// computes nothing undefined, and comes to the oracle's verdict.
//
// The input: 8 bytes choose a random case (tests/engine/guard_cases.h), then each 4 bytes overwrite something in it:
//
//     what (1)   where (2, modulo its size)   value (1, written over 1, 2, 4 or 8 bytes as what's upper bits say)
#include <stdlib.h>
#include <string.h>

#include "tests/engine/guard_cases.h"
#include "tests/engine/oracle.h"
#include "tests/fuzz/fuzz_target.h"

#define NETWORK_COUNT 8
#define EDIT_BYTES 4

static struct network networks[NETWORK_COUNT];
static struct guard *guards[NETWORK_COUNT];
static struct guard_case fuzzed;
static struct green greens[3][PLAN_GREEN_COUNT_MAX];    // as many as any green_count that passes can name

static void open_networks(void)
{
    for (int i = 0; guards[0] == NULL && i < NETWORK_COUNT; i++) {
        int at = NETWORK_COUNT - 1 - i;                 // guards[0] last: it says that all are there
        case_network_make((uint64_t)at, &networks[at]);
        if (guard_create(&networks[at], &guards[at], NULL) != STATUS_OK) {
            abort();
        }
    }
}

static void overwrite(void *object, size_t bytes, const uint8_t *edit)
{
    size_t width = (size_t)1 << (edit[0] >> 6);
    size_t at = (size_t)(edit[1] | edit[2] << 8) % bytes;
    at -= at % width;
    uint64_t value = edit[3] & 0x80 ? ~(uint64_t)(edit[3] & 0x7f) : (uint64_t)edit[3] << (edit[3] & 0x40 ? 24 : 0);
    memcpy((uint8_t *)object + at, &value, width < bytes - at ? width : bytes - at);
}

static void edit_case(const uint8_t *edit)
{
    switch (edit[0] & 7) {
    case 0: case 1: overwrite(greens[0], 32 * sizeof greens[0][0], edit); break;
    case 2: overwrite(&fuzzed.candidate, sizeof fuzzed.candidate, edit); break;
    case 3: overwrite(&fuzzed.report, sizeof fuzzed.report, edit); break;
    case 4: overwrite(&fuzzed.playing, sizeof fuzzed.playing, edit); break;
    case 5: overwrite(greens[1], 32 * sizeof greens[0][0], edit); break;
    case 6: overwrite(greens[2], 32 * sizeof greens[0][0], edit); break;
    default: overwrite(&fuzzed.request.now_ms, sizeof fuzzed.request.now_ms, edit);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    open_networks();
    uint64_t seed = 0;
    memcpy(&seed, data, bytes < sizeof seed ? bytes : sizeof seed);
    const struct network *network = &networks[seed % NETWORK_COUNT];
    guard_case_make(network, seed, &fuzzed);
    struct plan *plans[3] = { &fuzzed.candidate, &fuzzed.playing, &fuzzed.coming };
    for (int i = 0; i < 3; i++) {
        memset(greens[i], 0, sizeof greens[i]);
        memcpy(greens[i], fuzzed.greens[i], sizeof fuzzed.greens[i]);
    }
    for (size_t at = sizeof seed; at + EDIT_BYTES <= bytes; at += EDIT_BYTES) {
        edit_case(data + at);
    }
    for (int i = 0; i < 3; i++) {
        plans[i]->greens = greens[i];                   // The pointer itself never comes from outside.
    }
    struct guard_refusal refusal;
    struct oracle_finding finding;
    enum guard_rule rule = guard_check(guards[seed % NETWORK_COUNT], &fuzzed.request, &refusal);
    if ((rule == GUARD_PASSED) != oracle_accepts(network, &fuzzed.request, &finding)) {
        abort();
    }
    char text[256];
    guard_explain(network, fuzzed.candidate.intersection, &refusal, text, (int32_t)sizeof text);
    return 0;
}
