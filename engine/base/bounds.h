// bounds.h: the lesser and the greater of two numbers, in the line where they are asked for.
//
// THEORY    fmin and fmax must answer for numbers that are none; without -ffinite-math-only a compiler leaves them to
//           libm, a call each. These are one instruction, and say the same of all numbers that are.
// CONTRACT  Pure. Neither number is a NaN. Of two that are equal (0 and -0 too) the second is given.
// NOT HERE  Integers.
#pragma once

static inline double lesser(double a, double b)
{
    return a < b ? a : b;
}

static inline double greater(double a, double b)
{
    return a > b ? a : b;
}

static inline float lesserf(float a, float b)
{
    return a < b ? a : b;
}

static inline float greaterf(float a, float b)
{
    return a > b ? a : b;
}
