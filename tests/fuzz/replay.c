// replay.c: main() of a fuzz target as a plain test. Without arguments it plays inputs that it makes itself, the same
// ones every time (INTERGREEN_FUZZ_INPUTS of them, default 20,000); with arguments, these files. A target that finds a
// fault aborts.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/random.h"
#include "tests/fuzz/fuzz_target.h"

#define INPUTS_DEFAULT 20000
#define INPUT_BYTES_MAX 65536

static uint8_t input[INPUT_BYTES_MAX];

// Lengths grow with the number of the input, bytes are random or, for a stretch, the same.
static size_t make_input(uint64_t number)
{
    size_t bytes = (size_t)(random_bits(1, RANDOM_TEST, number, 0) % (16 + number % 2000));
    for (size_t i = 0; i < bytes; i++) {
        uint64_t draw = random_bits(1, RANDOM_TEST, number, 1 + i / 8) >> (i % 8 * 8);
        bool stretch = random_bits(2, RANDOM_TEST, number, i / 16) % 4 == 0;
        input[i] = stretch && i > 0 ? input[i - 1] : (uint8_t)draw;
    }
    return bytes;
}

static int play_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        (void)fprintf(stderr, "%s: cannot be read\n", path);
        return 1;
    }
    size_t bytes = fread(input, 1, sizeof input, file);
    (void)fclose(file);
    (void)LLVMFuzzerTestOneInput(input, bytes);
    return 0;
}

int main(int argc, char **argv)
{
    int failed = 0;
    for (int i = 1; i < argc; i++) {
        failed += play_file(argv[i]);
    }
    const char *text = getenv("INTERGREEN_FUZZ_INPUTS");
    uint64_t count = argc > 1 ? 0 : text != NULL ? strtoull(text, NULL, 10) : INPUTS_DEFAULT;
    for (uint64_t number = 0; number < count; number++) {
        (void)LLVMFuzzerTestOneInput(input, make_input(number));
    }
    (void)printf("%llu inputs made, %d files\n", (unsigned long long)count, argc - 1);
    return failed != 0;
}
