// names.h: the one table that turns names of the field into dense indices and back.
//
// THEORY    Open addressing over FNV-1a, texts in one block. Index = order of addition.
// CONTRACT  Grows only while something is loaded; looking up allocates nothing. Names are bytes without NUL.
// OWNERSHIP Texts given out are borrowed until the next names_add or names_release.
#pragma once

#include <stddef.h>
#include <stdint.h>

#define NAME_NONE (-1)

struct names {
    char *text;                           // all names, each ended by NUL
    int32_t text_bytes, text_capacity;
    int32_t *offset;                      // where name i starts in text
    int32_t count, offset_capacity;
    int32_t *slot;                        // index + 1, or 0 for empty
    int32_t slot_count;                   // a power of two, or 0
};

// The index of the name; it is added if it is new.
int32_t names_add(struct names *names, const char *text);

// The index of the name, or NAME_NONE.
int32_t names_find(const struct names *names, const char *text);

// The text of index 0 .. count - 1.
const char *names_text(const struct names *names, int32_t index);

// A copy that shares nothing with `from`.
void names_copy(const struct names *from, struct names *ret);

void names_release(struct names *names);
