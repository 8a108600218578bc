#include "engine/record/audit.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/sha256.h"

#define HASH_KEY ",\"hash\":\""
#define PREVIOUS_KEY ",\"previous\":\""
#define ZEROS "0000000000000000000000000000000000000000000000000000000000000000"
#define TAIL_BYTES (sizeof HASH_KEY - 1 + AUDIT_HASH_DIGITS + 2)            // ,"hash":"..."}
#define LINK_BYTES (sizeof PREVIOUS_KEY - 1 + AUDIT_HASH_DIGITS + 1)        // ,"previous":"..."

const char *audit_kind_name(enum audit_kind kind)
{
    static const char *const NAMES[] = { "start", "end", "reload", "override", "priority", "acknowledge",
        "refused-peer", "simulator", "loss" };
    return (unsigned)kind < AUDIT_KIND_COUNT ? NAMES[kind] : "unknown";
}

struct line {
    char *at;
    size_t used;
};

static void add(struct line *line, const char *text)
{
    size_t bytes = strlen(text);
    memcpy(line->at + line->used, text, bytes);
    line->used += bytes;
}

// Bytes of the UTF-8 letter at text, which ends with a 0; 0: there is none.
static size_t letter_bytes(const uint8_t *text)
{
    size_t bytes = text[0] < 0x80 ? 1 : text[0] >= 0xc2 && text[0] < 0xe0 ? 2 : (text[0] & 0xf0) == 0xe0 ? 3
        : text[0] >= 0xf0 && text[0] < 0xf5 ? 4 : 0;
    for (size_t i = 1; i < bytes; i++) {
        if ((text[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    bool odd = (text[0] == 0xe0 && text[1] < 0xa0) || (text[0] == 0xed && text[1] > 0x9f)
        || (text[0] == 0xf0 && text[1] < 0x90) || (text[0] == 0xf4 && text[1] > 0x8f);
    return odd ? 0 : bytes;
}

// A JSON string with its quotes; at most six bytes of the line for each of the text.
static void add_string(struct line *line, const char *value, size_t bytes_max)
{
    const uint8_t *text = (const uint8_t *)(value != NULL ? value : "");
    add(line, "\"");
    for (size_t i = 0; text[i] != '\0';) {
        size_t bytes = letter_bytes(text + i);
        if (i + bytes > bytes_max || i >= bytes_max) {
            break;
        }
        char escaped[8] = { 0 };
        if (bytes == 0) {
            escaped[0] = '?';
            bytes = 1;
        } else if (text[i] < 0x20 || text[i] == 0x7f) {
            (void)snprintf(escaped, sizeof escaped, "\\u%04x", text[i]);
        } else if (text[i] == '"' || text[i] == '\\') {
            escaped[0] = '\\';
            escaped[1] = (char)text[i];
        } else {
            memcpy(escaped, text + i, bytes);
        }
        add(line, escaped);
        i += bytes;
    }
    add(line, "\"");
}

static void hex_write(const char *bytes, size_t count, char ret[AUDIT_HASH_DIGITS + 1])
{
    uint8_t hash[SHA256_BYTES];
    sha256(bytes, count, hash);
    for (int i = 0; i < SHA256_BYTES; i++) {
        (void)snprintf(ret + 2 * i, 3, "%02x", hash[i]);
    }
}

static const char *hash_before(const struct audit_head *head)
{
    return head->number == 0 ? ZEROS : head->hash;
}

size_t audit_line_write(const struct audit_record *record, struct audit_head *head, char *ret, size_t room)
{
    assert(room >= AUDIT_LINE_BYTES_MAX);
    struct line line = { .at = ret };
    line.used = (size_t)snprintf(ret, room, "{\"number\":%" PRId64 ",\"time_ms\":%" PRId64 ",\"kind\":\"%s\",\"who\":",
                                 head->number + 1, record->time_ms, audit_kind_name(record->kind));
    add_string(&line, record->who, 64);
    add(&line, ",\"from\":");
    add_string(&line, record->from, 64);
    if (record->intersection != NULL) {
        add(&line, ",\"intersection\":");
        add_string(&line, record->intersection, 256);
    }
    add(&line, ",\"text\":");
    add_string(&line, record->text, AUDIT_TEXT_BYTES_MAX);
    add(&line, record->accepted ? ",\"accepted\":true" PREVIOUS_KEY : ",\"accepted\":false" PREVIOUS_KEY);
    add(&line, hash_before(head));
    add(&line, "\"");
    hex_write(ret, line.used, head->hash);
    head->number++;
    add(&line, HASH_KEY);
    add(&line, head->hash);
    add(&line, "\"}\n");
    ret[line.used] = '\0';
    assert(line.used < room);
    return line.used;
}

static bool hex_digits(const char *text)
{
    return strspn(text, "0123456789abcdef") >= AUDIT_HASH_DIGITS;
}

bool audit_line_head(const char *line, size_t bytes, struct audit_head *ret_head, int64_t *ret_time_ms)
{
    static const char NUMBER[] = "{\"number\":", TIME[] = ",\"time_ms\":";
    if (bytes < sizeof NUMBER + sizeof TIME + LINK_BYTES + TAIL_BYTES || bytes >= AUDIT_LINE_BYTES_MAX
        || memcmp(line, NUMBER, sizeof NUMBER - 1) != 0 || memchr(line, '\0', bytes) != NULL) {
        return false;
    }
    char head[80], *end = NULL;
    (void)snprintf(head, sizeof head, "%.*s", (int)sizeof head - 1, line);
    int64_t number = strtoll(head + sizeof NUMBER - 1, &end, 10);
    if (number < 1 || strncmp(end, TIME, sizeof TIME - 1) != 0) {
        return false;
    }
    int64_t time_ms = strtoll(end + sizeof TIME - 1, &end, 10);
    const char *tail = line + bytes - TAIL_BYTES;
    if (*end != ',' || memcmp(tail, HASH_KEY, sizeof HASH_KEY - 1) != 0 || !hex_digits(tail + sizeof HASH_KEY - 1)
        || memcmp(line + bytes - 2, "\"}", 2) != 0) {
        return false;
    }
    if (ret_head != NULL) {
        ret_head->number = number;
        (void)snprintf(ret_head->hash, sizeof ret_head->hash, "%.*s", AUDIT_HASH_DIGITS, tail + sizeof HASH_KEY - 1);
    }
    if (ret_time_ms != NULL) {
        *ret_time_ms = time_ms;
    }
    return true;
}

bool audit_line_follows(const char *line, size_t bytes, struct audit_head *head, const char **ret_why)
{
    struct audit_head said;
    if (!audit_line_head(line, bytes, &said, NULL)) {
        *ret_why = "it is not a record";
        return false;
    }
    const char *previous = line + bytes - TAIL_BYTES - LINK_BYTES;
    if (memcmp(previous, PREVIOUS_KEY, sizeof PREVIOUS_KEY - 1) != 0) {
        *ret_why = "it is not a record";
        return false;
    }
    char hash[AUDIT_HASH_DIGITS + 1];
    hex_write(line, bytes - TAIL_BYTES, hash);
    if (strcmp(hash, said.hash) != 0) {
        *ret_why = "its hash is not that of its content: it was changed";
        return false;
    }
    if (said.number != head->number + 1) {
        *ret_why = "its number does not follow: a record was removed, added or moved";
        return false;
    }
    if (memcmp(previous + sizeof PREVIOUS_KEY - 1, hash_before(head), AUDIT_HASH_DIGITS) != 0) {
        *ret_why = "it does not name the hash of the record before: that one is not the one that stood there";
        return false;
    }
    *head = said;
    return true;
}
