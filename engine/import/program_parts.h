// program_parts.h: which connections and crossings of a draft each of its programs controls.
//
// CONTRACT  Those of program p are connections[first_connection[p]] .. connections[first_connection[p + 1] - 1], in
//           the draft's order; crossings alike. Ones without a letter are not listed.
// OWNERSHIP program_parts_release frees the arrays.
#pragma once

#include "engine/import/draft.h"

struct program_parts {
    int32_t *first_connection, *connections;
    int32_t *first_crossing, *crossings;
};

void program_parts_create(const struct network_draft *draft, struct program_parts *ret);
void program_parts_release(struct program_parts *parts);
