#include "engine/store/changes.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void changes_publish(struct changes *changes, struct commands *commands, const char *channel)
{
    if (changes->bytes == 0) {
        return;
    }
    commands_begin(commands);
    commands_word(commands, "PUBLISH");
    commands_word(commands, channel);
    memcpy(changes->text + changes->bytes, "]}", 2);
    commands_bytes(commands, changes->text, (size_t)changes->bytes + 2);
    commands_end(commands);
    changes->bytes = 0;
}

void changes_add(struct changes *changes, struct commands *commands, const char *channel, const char *name,
                 int64_t time_ms)
{
    size_t needed = 6 * strlen(name) + 8;
    if (needed > CHANGES_BYTES_MAX / 2) {
        return;   // A name of a thousand letters is found by its key.
    }
    if ((size_t)changes->bytes + needed > CHANGES_BYTES_MAX) {
        changes_publish(changes, commands, channel);
    }
    char *text = changes->text;
    int at = changes->bytes;
    if (at == 0) {
        at = snprintf(text, CHANGES_BYTES_MAX, "{\"time_ms\":%" PRId64 ",\"changed\":[\"", time_ms);
    } else {
        at += snprintf(text + at, (size_t)(CHANGES_BYTES_MAX - at), ",\"");
    }
    for (const unsigned char *letter = (const unsigned char *)name; *letter != '\0'; letter++) {
        if (*letter < 0x20 || *letter == '"' || *letter == '\\') {
            at += snprintf(text + at, (size_t)(CHANGES_BYTES_MAX - at), "\\u%04x", *letter);
        } else {
            text[at++] = (char)*letter;
        }
    }
    text[at++] = '"';
    changes->bytes = at;
}

int store_epoch_compare(struct store_epoch a, struct store_epoch b)
{
    if (a.number != b.number) {
        return a.number < b.number ? -1 : 1;
    }
    return a.daemon < b.daemon ? -1 : a.daemon > b.daemon;
}

struct store_epoch store_epoch_from(const struct answer *answer)
{
    char text[32];
    struct store_epoch epoch = { 0 };
    if (answer->kind != ANSWER_TEXT || answer->bytes <= 0 || answer->bytes >= (int32_t)sizeof text) {
        return epoch;
    }
    memcpy(text, answer->text, (size_t)answer->bytes);
    text[answer->bytes] = '\0';
    int read = 0;
    if (sscanf(text, "%" SCNu32 ".%" SCNu32 "%n", &epoch.number, &epoch.daemon, &read) != 2
        || read != answer->bytes) {
        return (struct store_epoch){ 0 };
    }
    return epoch;
}
