#include "sim/demand/choice_book.h"

#include <assert.h>
#include <stdlib.h>

#include "engine/base/random.h"

void book_add(struct choice_book *book, const char *name, const struct choice *choices, int32_t count)
{
    assert(count > 0);
    int32_t entry = names_add(&book->names, name);
    if (entry == book->entries.count) {
        (void)GROW(book->entries);
    }
    book->entries.at[entry] = (struct choice_entry){ .first = book->choices.count, .count = count };
    for (int32_t i = 0; i < count; i++) {
        *GROW(book->choices) = choices[i];
    }
}

void book_release(struct choice_book *book)
{
    names_release(&book->names);
    free(book->entries.at);
    free(book->choices.at);
    *book = (struct choice_book){ 0 };
}

int32_t choose(const struct choice *choices, int32_t count, uint64_t seed, uint64_t number, uint64_t draw)
{
    assert(count > 0);
    if (count == 1) {
        return choices[0].index;
    }
    double sum = 0.0;
    for (int32_t i = 0; i < count; i++) {
        sum += choices[i].weight;
    }
    double left = random_unit(seed, RANDOM_ROUTE, number, draw) * (sum > 0.0 ? sum : count);
    for (int32_t i = 0; i < count - 1; i++) {
        left -= sum > 0.0 ? choices[i].weight : 1.0;
        if (left < 0.0) {
            return choices[i].index;
        }
    }
    return choices[count - 1].index;
}
