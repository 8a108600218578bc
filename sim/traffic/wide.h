// wide.h: what the wide kernel does besides arithmetic: conditions as bits, values in other places.
//
// THEORY    Where C has no words for what a processor does in one instruction, this says it by intrinsics; elsewhere
//           in plain loops. Nothing is computed here, so that every instruction set gives the same bits.
// CONTRACT  Arrays of WIDE values begin on 64 bytes, but for those laid side by side and the words of lines.
// NOT HERE  Arithmetic (street_kernel.c).
#pragma once

#ifdef __SSE2__
#include <immintrin.h>
#endif

#include <string.h>

#include "sim/traffic/street_state.h"

#define INLINE inline __attribute__((always_inline))

// Conditions are joined by &, or by the greatest of several terms, rather than by &&: with branches gcc does not
// vectorise.
#define FOR_WIDE _Pragma("omp simd") for (int c = 0; c < WIDE; c++)

// Sixteen conditions, 0 or -1 each, as bits.
static INLINE uint32_t bits_of(const int32_t *condition)
{
#if defined(__AVX512F__)
    __m512i all = _mm512_load_si512(condition);
    return _mm512_test_epi32_mask(all, all);
#elif defined(__AVX2__)
    uint32_t low = (uint32_t)_mm256_movemask_ps(_mm256_load_ps((const float *)condition));
    return low | (uint32_t)_mm256_movemask_ps(_mm256_load_ps((const float *)condition + 8)) << 8;
#elif defined(__SSE2__)
    uint32_t all = 0;
    for (int c = 0; c < WIDE; c += 4) {
        all |= (uint32_t)_mm_movemask_ps(_mm_load_ps((const float *)condition + c)) << c;
    }
    return all;
#else
    uint32_t all = 0;
    for (int c = 0; c < WIDE; c++) {
        all |= condition[c] != 0 ? 1u << c : 0u;
    }
    return all;
#endif
}

#ifdef __AVX512F__
#define LINES_AT_ONCE
// Writes words first .. WIDE - 1 of the chosen ones of sixteen lines of WIDE words: word w of line c is words[w][c].
static INLINE void lines_write(const void *const words[WIDE], int first, uint32_t chosen, void *lines)
{
    __m512i line[WIDE], pair[WIDE];
    for (int i = 0; i < WIDE; i++) {
        line[i] = i < first ? _mm512_setzero_si512() : _mm512_loadu_si512(words[i]);
    }
    // Words beside words, of two rows, of four, of eight, of all.
    for (int i = 0; i < WIDE; i += 2) {
        pair[i] = _mm512_unpacklo_epi32(line[i], line[i + 1]);
        pair[i + 1] = _mm512_unpackhi_epi32(line[i], line[i + 1]);
    }
    for (int i = 0; i < WIDE; i += 4) {
        line[i] = _mm512_unpacklo_epi64(pair[i], pair[i + 2]);
        line[i + 1] = _mm512_unpackhi_epi64(pair[i], pair[i + 2]);
        line[i + 2] = _mm512_unpacklo_epi64(pair[i + 1], pair[i + 3]);
        line[i + 3] = _mm512_unpackhi_epi64(pair[i + 1], pair[i + 3]);
    }
    for (int i = 0; i < 4; i++) {
        __m512i even_low = _mm512_shuffle_i32x4(line[i], line[4 + i], 0x88);
        __m512i even_high = _mm512_shuffle_i32x4(line[8 + i], line[12 + i], 0x88);
        __m512i odd_low = _mm512_shuffle_i32x4(line[i], line[4 + i], 0xdd);
        __m512i odd_high = _mm512_shuffle_i32x4(line[8 + i], line[12 + i], 0xdd);
        pair[i] = _mm512_shuffle_i32x4(even_low, even_high, 0x88);
        pair[4 + i] = _mm512_shuffle_i32x4(odd_low, odd_high, 0x88);
        pair[8 + i] = _mm512_shuffle_i32x4(even_low, even_high, 0xdd);
        pair[12 + i] = _mm512_shuffle_i32x4(odd_low, odd_high, 0xdd);
    }
    for (int c = 0; c < WIDE; c++) {
        uint32_t here = (chosen >> c & 1u) != 0 ? 0xffffu << first & 0xffffu : 0u;
        _mm512_mask_store_epi32((char *)lines + c * 64, (__mmask16)here, pair[c]);
    }
}
#endif

// Lays the chosen ones of sixteen values side by side. Up to WIDE values may be written, of which the ones beyond the
// chosen are 1 or what was there.
static INLINE void chosen_lay(const float *from, uint32_t chosen, float *to)
{
#if defined(__AVX512F__)
    __m512 ones = _mm512_set1_ps(1.0f);
    _mm512_storeu_ps(to, _mm512_mask_compress_ps(ones, (__mmask16)chosen, _mm512_load_ps(from)));
#else
    for (int32_t n = 0; chosen != 0; chosen &= chosen - 1) {
        to[n++] = from[__builtin_ctz(chosen)];
    }
#endif
}

// The reverse: the others of `to` stay. Up to WIDE values may be read.
static INLINE void chosen_spread(const float *from, uint32_t chosen, float *to)
{
#if defined(__AVX512F__)
    _mm512_store_ps(to, _mm512_mask_expand_ps(_mm512_load_ps(to), (__mmask16)chosen, _mm512_loadu_ps(from)));
#else
    for (int32_t n = 0; chosen != 0; chosen &= chosen - 1) {
        to[__builtin_ctz(chosen)] = from[n++];
    }
#endif
}
