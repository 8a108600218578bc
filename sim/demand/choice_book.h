// choice_book.h: named alternatives with weights: a type or a route by its name, or one of a distribution by chance.
//
// CONTRACT  The same (seed, number, draw) chooses the same alternative. A name that is added again means the new entry.
// OWNERSHIP book_release frees all.
// NOT HERE  What the indices mean. By use, one below 0 is an alternative that is broken: who draws it is refused.
#pragma once

#include <stdint.h>

#include "engine/base/memory.h"
#include "engine/base/names.h"

struct choice {
    int32_t index;
    double weight;                     // >= 0
};

struct choice_list {
    struct choice *at;
    int32_t count, capacity;
};

struct choice_entry { int32_t first, count; };

struct choice_book {
    struct names names;
    LIST_OF(struct choice_entry) entries;   // by name
    struct choice_list choices;
};

void book_add(struct choice_book *book, const char *name, const struct choice *choices, int32_t count);
void book_release(struct choice_book *book);

// One of the alternatives, in proportion to the weights (all alike when every weight is 0).
int32_t choose(const struct choice *choices, int32_t count, uint64_t seed, uint64_t number, uint64_t draw);
