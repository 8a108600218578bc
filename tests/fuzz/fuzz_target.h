// fuzz_target.h: the door of every fuzz target, as libFuzzer calls it. replay.c calls it in a plain test.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);
