// chunk.h: the fixed parts of a recording's file: its header, the head of a chunk, the footer.
//
// CONTRACT  Little-endian, whatever the machine. A head's last field is the fingerprint of those before it.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/hash.h"

#define FILE_MAGIC UINT64_C(0x3147524e45455247)     // "GREENRG1"
#define CHUNK_MAGIC UINT32_C(0x4b434749)            // "IGCK"
#define FOOTER_MAGIC UINT64_C(0x444e454752474749)   // "IGGRGEND"
#define FILE_HEADER_BYTES 32                        // magic, format, network hash, fingerprint
#define CHUNK_HEAD_BYTES 56
#define FOOTER_BYTES 24                             // magic, offset of the index, fingerprint

#define CHUNK_BEGINS_BLOCK 1u
#define CHUNK_IS_INDEX 2u

struct chunk_head {
    uint32_t flags;
    uint32_t stored_bytes, raw_bytes;               // as it lies in the file; of its records
    int64_t first_ms, last_ms;
    uint64_t payload_hash;
};

static inline void chunk_put(uint8_t *at, uint64_t value, int bytes)
{
    for (int i = 0; i < bytes; i++) {
        at[i] = (uint8_t)(value >> (8 * i));
    }
}

static inline uint64_t chunk_get(const uint8_t *at, int bytes)
{
    uint64_t value = 0;
    for (int i = 0; i < bytes; i++) {
        value |= (uint64_t)at[i] << (8 * i);
    }
    return value;
}

static inline void chunk_head_write(const struct chunk_head *head, uint8_t *at)
{
    chunk_put(at, CHUNK_MAGIC, 4);
    chunk_put(at + 4, head->flags, 4);
    chunk_put(at + 8, head->stored_bytes, 4);
    chunk_put(at + 12, head->raw_bytes, 4);
    chunk_put(at + 16, (uint64_t)head->first_ms, 8);
    chunk_put(at + 24, (uint64_t)head->last_ms, 8);
    chunk_put(at + 32, head->payload_hash, 8);
    chunk_put(at + 40, 0, 8);                       // for later formats
    chunk_put(at + 48, hash_bytes(HASH_SEED, at, 48), 8);
}

// false: these CHUNK_HEAD_BYTES are not a chunk's head.
static inline bool chunk_head_read(const uint8_t *at, struct chunk_head *ret)
{
    if (chunk_get(at, 4) != CHUNK_MAGIC || chunk_get(at + 48, 8) != hash_bytes(HASH_SEED, at, 48)) {
        return false;
    }
    *ret = (struct chunk_head){ .flags = (uint32_t)chunk_get(at + 4, 4),
        .stored_bytes = (uint32_t)chunk_get(at + 8, 4), .raw_bytes = (uint32_t)chunk_get(at + 12, 4),
        .first_ms = (int64_t)chunk_get(at + 16, 8), .last_ms = (int64_t)chunk_get(at + 24, 8),
        .payload_hash = chunk_get(at + 32, 8) };
    return true;
}
