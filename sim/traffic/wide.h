// wide.h: what the wide kernel does besides arithmetic: conditions as bits, values in other places.
//
// THEORY    Where C has no words for what a processor does in one instruction, this says it by intrinsics; elsewhere
//           in plain loops. Nothing is computed here, so that every instruction set gives the same bits.
// CONTRACT  Arrays of WIDE values begin on 64 bytes, but for those laid side by side and the words of lines.
// NOT HERE  Arithmetic (street_kernel.c, kernel_columns.c).
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

static const uint32_t COLUMN_BIT[WIDE] = { 1u << 0, 1u << 1, 1u << 2, 1u << 3, 1u << 4, 1u << 5, 1u << 6, 1u << 7,
    1u << 8, 1u << 9, 1u << 10, 1u << 11, 1u << 12, 1u << 13, 1u << 14, 1u << 15 };

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

// Which of sixteen bytes of a table, by their places, are this one, as bits.
static INLINE uint32_t bytes_equal(const uint8_t *table, const int32_t *place, uint8_t byte)
{
#if defined(__SSE4_1__)
#define BYTES_FOUR(c) \
    all = _mm_insert_epi8(all, table[place[c]], c); \
    all = _mm_insert_epi8(all, table[place[(c) + 1]], (c) + 1); \
    all = _mm_insert_epi8(all, table[place[(c) + 2]], (c) + 2); \
    all = _mm_insert_epi8(all, table[place[(c) + 3]], (c) + 3)
    __m128i all = _mm_setzero_si128();
    BYTES_FOUR(0);
    BYTES_FOUR(4);
    BYTES_FOUR(8);
    BYTES_FOUR(12);
#undef BYTES_FOUR
    return (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(all, _mm_set1_epi8((char)byte)));
#else
    uint32_t all = 0;
    for (int c = 0; c < WIDE; c++) {
        all |= table[place[c]] == byte ? 1u << c : 0u;
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
#elif defined(__AVX2__)
#define LINES_AT_ONCE
// Of four words of eight columns those of one column side by side, those of columns c and c + 4 in ret[c].
static INLINE void words_turn(const void *const words[4], int column, __m256 ret[4])
{
    __m256 word[4];
    for (int i = 0; i < 4; i++) {
        word[i] = _mm256_loadu_ps((const float *)words[i] + column);
    }
    __m256 low = _mm256_unpacklo_ps(word[0], word[1]), high = _mm256_unpackhi_ps(word[0], word[1]);
    __m256 low_after = _mm256_unpacklo_ps(word[2], word[3]), high_after = _mm256_unpackhi_ps(word[2], word[3]);
    ret[0] = _mm256_shuffle_ps(low, low_after, 0x44);
    ret[1] = _mm256_shuffle_ps(low, low_after, 0xee);
    ret[2] = _mm256_shuffle_ps(high, high_after, 0x44);
    ret[3] = _mm256_shuffle_ps(high, high_after, 0xee);
}

// As above; of the words from 4 on, by fours, and the ones before `first` stay.
static INLINE void lines_write(const void *const words[WIDE], int first, uint32_t chosen, void *lines)
{
    _Alignas(64) float turned[WIDE][12];
    const void *fours[4] = { words[first], words[5], words[6], words[7] };
    for (int column = 0; column < WIDE; column += 8) {
        for (int w = 0; w < 12; w += 4) {
            __m256 of[4];
            words_turn(w == 0 ? fours : &words[4 + w], column, of);
            for (int i = 0; i < 4; i++) {
                _mm_store_ps(&turned[column + i][w], _mm256_castps256_ps128(of[i]));
                _mm_store_ps(&turned[column + 4 + i][w], _mm256_extractf128_ps(of[i], 1));
            }
        }
    }
    __m128 kept = _mm_castsi128_ps(_mm_cmplt_epi32(_mm_setr_epi32(4, 5, 6, 7), _mm_set1_epi32(first)));
    for (; chosen != 0; chosen &= chosen - 1) {
        int c = __builtin_ctz(chosen);
        float *line = (float *)((char *)lines + c * 64);
        _mm_store_ps(line + 4, _mm_blendv_ps(_mm_load_ps(turned[c]), _mm_load_ps(line + 4), kept));
        _mm_store_ps(line + 8, _mm_load_ps(turned[c] + 4));
        _mm_store_ps(line + 12, _mm_load_ps(turned[c] + 8));
    }
}
#endif

#if defined(__AVX2__) && !defined(__AVX512F__)
// Of eight chosen by the bits of m: their places side by side, a byte each, and the reverse, where each of the eight
// then lies.
#define LAID(m, c, beyond) ((beyond) << ((m) >> (c) & 1u) * 8 | ((m) >> (c) & 1u) * (c))
#define LAID_OF(m) LAID(m, 0, LAID(m, 1, LAID(m, 2, LAID(m, 3, LAID(m, 4, LAID(m, 5, LAID(m, 6, \
    LAID(m, 7, UINT64_C(0)))))))))
#define SPREAD(m, c) (((m) >> (c) & 1u) * (UINT64_C(0x0101010101010101) << 8 * ((c) + 1)))
#define SPREAD_OF(m) (SPREAD(m, 0) + SPREAD(m, 1) + SPREAD(m, 2) + SPREAD(m, 3) + SPREAD(m, 4) + SPREAD(m, 5) \
    + SPREAD(m, 6))
#define FOUR(of, m) of(m), of((m) + 1u), of((m) + 2u), of((m) + 3u)
#define SIXTEEN(of, m) FOUR(of, m), FOUR(of, (m) + 4u), FOUR(of, (m) + 8u), FOUR(of, (m) + 12u)
#define SIXTY_FOUR(of, m) SIXTEEN(of, m), SIXTEEN(of, (m) + 16u), SIXTEEN(of, (m) + 32u), SIXTEEN(of, (m) + 48u)
#define OF_EIGHT(of) { SIXTY_FOUR(of, 0u), SIXTY_FOUR(of, 64u), SIXTY_FOUR(of, 128u), SIXTY_FOUR(of, 192u) }
static const uint64_t LAID_PLACES[256] = OF_EIGHT(LAID_OF), SPREAD_PLACES[256] = OF_EIGHT(SPREAD_OF);

static INLINE __m256i places_of(const uint64_t *places, uint32_t chosen)
{
    return _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)&places[chosen]));
}

// Each of eight columns: all bits where it is chosen.
static INLINE __m256 columns_of(uint32_t chosen)
{
    __m256i bit = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128);
    return _mm256_castsi256_ps(_mm256_cmpeq_epi32(_mm256_and_si256(_mm256_set1_epi32((int)chosen), bit), bit));
}
#endif

// Lays the chosen ones of sixteen values side by side. Up to WIDE values may be written, of which the ones beyond the
// chosen are nobody's.
static INLINE void chosen_lay(const float *from, uint32_t chosen, float *to)
{
#if defined(__AVX512F__)
    __m512 ones = _mm512_set1_ps(1.0f);
    _mm512_storeu_ps(to, _mm512_mask_compress_ps(ones, (__mmask16)chosen, _mm512_load_ps(from)));
#elif defined(__AVX2__)
    uint32_t low = chosen & 0xffu, high = chosen >> 8;
    _mm256_storeu_ps(to, _mm256_permutevar8x32_ps(_mm256_load_ps(from), places_of(LAID_PLACES, low)));
    _mm256_storeu_ps(to + __builtin_popcount(low),
        _mm256_permutevar8x32_ps(_mm256_load_ps(from + 8), places_of(LAID_PLACES, high)));
#else
    for (int32_t n = 0; chosen != 0; chosen &= chosen - 1) {
        to[n++] = from[__builtin_ctz(chosen)];
    }
#endif
}

static INLINE void chosen_lay_numbers(const int32_t *from, uint32_t chosen, int32_t *to)
{
#if defined(__AVX2__)
    chosen_lay((const float *)from, chosen, (float *)to);   // vectors may be of anything
#else
    for (; chosen != 0; chosen &= chosen - 1) {
        *to++ = from[__builtin_ctz(chosen)];
    }
#endif
}

// The reverse: the others of `to` stay. Up to WIDE values may be read.
static INLINE void chosen_spread(const float *from, uint32_t chosen, float *to)
{
#if defined(__AVX512F__)
    _mm512_store_ps(to, _mm512_mask_expand_ps(_mm512_load_ps(to), (__mmask16)chosen, _mm512_loadu_ps(from)));
#elif defined(__AVX2__)
    uint32_t low = chosen & 0xffu, high = chosen >> 8;
    __m256 first = _mm256_permutevar8x32_ps(_mm256_loadu_ps(from), places_of(SPREAD_PLACES, low));
    __m256 second = _mm256_permutevar8x32_ps(_mm256_loadu_ps(from + __builtin_popcount(low)),
        places_of(SPREAD_PLACES, high));
    _mm256_store_ps(to, _mm256_blendv_ps(_mm256_load_ps(to), first, columns_of(low)));
    _mm256_store_ps(to + 8, _mm256_blendv_ps(_mm256_load_ps(to + 8), second, columns_of(high)));
#else
    for (int32_t n = 0; chosen != 0; chosen &= chosen - 1) {
        to[__builtin_ctz(chosen)] = from[n++];
    }
#endif
}

// The same with 0 for the others.
static INLINE void chosen_spread_alone(const float *from, uint32_t chosen, float *to)
{
#if defined(__AVX512F__)
    _mm512_store_ps(to, _mm512_maskz_expand_ps((__mmask16)chosen, _mm512_loadu_ps(from)));
#else
    FOR_WIDE {
        to[c] = 0.0f;
    }
    chosen_spread(from, chosen, to);
#endif
}

// The places of the chosen ones of sixteen, from `first` on; returns how many. Up to WIDE numbers may be written.
static INLINE int32_t chosen_list(uint32_t chosen, int32_t first, int32_t *to)
{
    int32_t count = __builtin_popcount(chosen);
#if defined(__AVX512F__)
    __m512i place = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    place = _mm512_maskz_compress_epi32((__mmask16)chosen, _mm512_add_epi32(place, _mm512_set1_epi32(first)));
    _mm512_storeu_si512(to, place);
#elif defined(__AVX2__)
    uint32_t low = chosen & 0xffu, high = chosen >> 8;
    __m256i from = _mm256_set1_epi32(first), from_high = _mm256_set1_epi32(first + 8);
    _mm256_storeu_si256((__m256i *)to, _mm256_add_epi32(places_of(LAID_PLACES, low), from));
    _mm256_storeu_si256((__m256i *)(to + __builtin_popcount(low)),
        _mm256_add_epi32(places_of(LAID_PLACES, high), from_high));
#else
    for (; chosen != 0; chosen &= chosen - 1) {
        *to++ = first + __builtin_ctz(chosen);
    }
#endif
    return count;
}
