// altered_text.h: a fuzz input as changes to a document that is whole: random bytes alone never get past a parser's
// door.
//
// The input: each 4 bytes are one change, at most 64 of them:
//
//     where (2, modulo the length)   what (1: 0 overwrite, 1 insert, 2 remove a stretch, 3 cut here, modulo 4)   value
//     (1)
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define ALTERED_CHANGES_MAX 64
#define ALTERED_CHANGE_BYTES 4

// text holds *bytes, and has room for ALTERED_CHANGES_MAX more.
static inline void alter_text(char *text, size_t *bytes, const uint8_t *data, size_t data_bytes)
{
    for (size_t i = 0; i < ALTERED_CHANGES_MAX && (i + 1) * ALTERED_CHANGE_BYTES <= data_bytes && *bytes > 0; i++) {
        const uint8_t *change = data + i * ALTERED_CHANGE_BYTES;
        size_t at = (size_t)(change[0] | change[1] << 8) % *bytes;
        size_t stretch = (size_t)change[3] % 64 + 1;
        switch (change[2] % 4) {
        case 0:
            text[at] = (char)change[3];
            break;
        case 1:
            memmove(text + at + 1, text + at, *bytes - at);
            text[at] = (char)change[3];
            ++*bytes;
            break;
        case 2:
            stretch = stretch < *bytes - at ? stretch : *bytes - at;
            memmove(text + at, text + at + stretch, *bytes - at - stretch);
            *bytes -= stretch;
            break;
        default:
            *bytes = change[3] == 0 ? at : *bytes;
        }
    }
}
