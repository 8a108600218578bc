// unpack.h: protobuf-c with a bound: what a message may cost is what the arena holds.
//
// CONTRACT  Messages of proto/ have no recursion, so the depth is theirs; the arena bounds all the rest. The unpacked
//           message lies in the arena and is never freed by itself.
// NOT HERE  What the fields mean (the codecs).
#pragma once

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>

#include "engine/base/arena.h"
#include "engine/base/status.h"
#include "engine/wire/varint.h"

// STATUS_SYNTAX: not such a message. STATUS_LIMIT: the arena has no room for it.
MUST_USE enum status unpack_message(const ProtobufCMessageDescriptor *descriptor, struct cursor message,
                                    struct arena *arena, void *ret);

// Writes the field's name to *ret_field (may be NULL) and gives STATUS_RANGE.
enum status field_fault(const char **ret_field, const char *name);

// Whether a text may be shown and logged: at most bytes_max - 1 bytes, no control characters. NULL is not.
bool text_fit(const char *text, size_t bytes_max);
