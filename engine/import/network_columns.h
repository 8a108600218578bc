// network_columns.h: struct network <-> the Network message of proto/network.proto.
//
// CONTRACT  network_unpack takes any message: columns that disagree, indices out of range and contradictions are
//           refused by a sentence. What comes out has passed network_finish.
// OWNERSHIP The message of network_pack is freed with intergreen__v1__network__free_unpacked(message, NULL).
#pragma once

#include "engine/model/network.h"
#include "network.pb-c.h"

Intergreen__V1__Network *network_pack(const struct network *network);

// source names the file, for messages.
MUST_USE enum status network_unpack(const Intergreen__V1__Network *message, const char *source, struct network *ret,
                                    struct problem *problem);
