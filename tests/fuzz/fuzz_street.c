// Goal: in a small network of any shape, with any trips, types and step, the street keeps its laws at every step.
// The input is hashed into the seed that draws all of it.
#include <stdio.h>
#include <stdlib.h>

#include "engine/base/hash.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/sim/wild_run.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    uint64_t seed = hash_bytes(HASH_SEED, data, bytes);
    char text[512];
    struct laws_counts counts = { 0 };
    enum wild_kind kind = bytes % 4 == 0 ? WILD_PLAIN : bytes % 4 == 1 ? WILD_WIDER : WILD_PLANS;
    if (!wild_run(seed, kind, &counts, text, sizeof text)) {
        (void)fprintf(stderr, "seed %llu, kind %d: %s\n", (unsigned long long)seed, (int)kind, text);
        abort();
    }
    return 0;
}
