// branch.h: which way a branch seldom goes.
//
// THEORY    A compiler lays out one way of a branch in line and the other one apart. In what runs millions of times a
//           second it matters that the common way is the one in line: fewer jumps, and fewer lines of code to fetch.
// CONTRACT  Says nothing about the result. For what is rare on every street (an incident, a stop, a siren, a queue
//           that outgrows its room), not on the one at hand.
#pragma once

#define rarely(condition) __builtin_expect((condition) ? 1L : 0L, 0L)
