// clones.h: functions that are compiled for several instruction sets, of which the machine's own is taken.
//
// THEORY    Plain loops over rows of floats become vectors of 4, 8 or 16. No sum is reordered and nothing is contracted
//           (-ffp-contract=off), so that the bytes are the same on all.
// CONTRACT  Written before `static`. What such a function calls must be inlined into it to be compiled with it.
// NOT HERE  The street's kernel, which is built as libraries of its own (meson.build).
#pragma once

#if defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define CLONED __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define CLONED
#endif
