#include "engine/wire/unpack.h"

#include <string.h>

struct bounded {
    struct arena *arena;
    bool passed;                      // the bound was met
};

static void *bounded_take(void *data, size_t bytes)
{
    struct bounded *bounded = data;
    void *taken = arena_take(bounded->arena, bytes);
    bounded->passed = bounded->passed || taken == NULL;
    return taken;
}

static void bounded_free(void *data, void *pointer)
{
    (void)data;
    (void)pointer;
}

enum status unpack_message(const ProtobufCMessageDescriptor *descriptor, struct cursor message, struct arena *arena,
                           void *ret)
{
    struct bounded bounded = { arena, false };
    ProtobufCAllocator allocator = { bounded_take, bounded_free, &bounded };
    ProtobufCMessage *unpacked = protobuf_c_message_unpack(descriptor, &allocator, cursor_bytes(&message), message.at);
    if (unpacked == NULL) {
        return bounded.passed ? STATUS_LIMIT : STATUS_SYNTAX;
    }
    memcpy(ret, &unpacked, sizeof unpacked);
    return STATUS_OK;
}

enum status field_fault(const char **ret_field, const char *name)
{
    if (ret_field != NULL) {
        *ret_field = name;
    }
    return STATUS_RANGE;
}

bool text_fit(const char *text, size_t bytes_max)
{
    if (text == NULL) {
        return false;
    }
    for (size_t i = 0; i < bytes_max; i++) {
        unsigned char byte = (unsigned char)text[i];
        if (byte == '\0') {
            return true;
        }
        if (byte < 0x20 || byte == 0x7f) {
            return false;
        }
    }
    return false;
}
