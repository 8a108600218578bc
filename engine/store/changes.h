// changes.h: the names of what changed, as messages on the channel of changes; and the epoch as text.
//
// THEORY    {"time_ms":..., "changed":["NAME", ...]}, in as many messages as the names need.
// CONTRACT  Pure. changes_add gathers a name, and publishes a message that is full; changes_publish the rest.
// OWNERSHIP Everything is copied.
// NOT HERE  When something changed (store.h).
#pragma once

#include <stdint.h>

#include "engine/store/answer.h"
#include "engine/store/commands.h"
#include "engine/store/store.h"

#define CHANGES_BYTES_MAX 8192            // of one message

struct changes {
    char text[CHANGES_BYTES_MAX];
    int32_t bytes;                        // 0: no name has been gathered
};

void changes_add(struct changes *changes, struct commands *commands, const char *channel, const char *name,
                 int64_t time_ms);
void changes_publish(struct changes *changes, struct commands *commands, const char *channel);

// < 0, 0, > 0 as a is older than, equal to, newer than b.
int store_epoch_compare(struct store_epoch a, struct store_epoch b);

// "12.7" -> {12, 7}; anything else -> {0, 0}: a store without an epoch.
struct store_epoch store_epoch_from(const struct answer *answer);
