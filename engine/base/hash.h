// hash.h: a 64-bit fingerprint (FNV-1a, Fowler/Noll/Vo, http://www.isthe.com/chongo/tech/comp/fnv) of bytes.
// It tells versions of a site or a network apart. It is no defence against an attacker: that is a MAC's work.
#pragma once

#include <stddef.h>
#include <stdint.h>

#define HASH_SEED UINT64_C(0xcbf29ce484222325)   // FNV-1a's offset basis, 64 bits

// Goes on from `hash` (HASH_SEED at the start) over `bytes` bytes.
static inline uint64_t hash_bytes(uint64_t hash, const void *data, size_t bytes)
{
    const uint8_t *at = data;
    for (size_t i = 0; i < bytes; i++) {
        hash = (hash ^ at[i]) * UINT64_C(0x100000001b3);   // FNV's prime, 64 bits
    }
    return hash;
}

// The same for one integer, least significant byte first: equal on every machine.
static inline uint64_t hash_number(uint64_t hash, int64_t value)
{
    uint64_t bits = (uint64_t)value;
    for (int i = 0; i < 8; i++) {
        hash = (hash ^ ((bits >> (8 * i)) & 0xff)) * UINT64_C(0x100000001b3);
    }
    return hash;
}
