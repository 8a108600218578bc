#include "engine/store/answer.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>

// First words of errors, from the source of Redis 7.0 (server.c: createSharedObjects, and redis.io's documents).
static const struct {
    const char *word;
    enum answer_class class;
} WORDS[] = {
    { "LOADING", ANSWER_LOADING },
    { "BUSY", ANSWER_BUSY },
    { "TRYAGAIN", ANSWER_BUSY },
    { "CLUSTERDOWN", ANSWER_BUSY },
    { "MASTERDOWN", ANSWER_READ_ONLY },
    { "OOM", ANSWER_FULL },
    { "MISCONF", ANSWER_DISK },
    { "READONLY", ANSWER_READ_ONLY },
    { "NOREPLICAS", ANSWER_READ_ONLY },
    { "UNBLOCKED", ANSWER_READ_ONLY },
    { "NOAUTH", ANSWER_DENIED },
    { "WRONGPASS", ANSWER_DENIED },
    { "NOPERM", ANSWER_DENIED },
    { "DENIED", ANSWER_DENIED },
    { "EXECABORT", ANSWER_ABORTED },
};

static const struct {
    const char *name, *remedy;
} CLASSES[ANSWER_CLASS_COUNT] = {
    [ANSWER_GOOD] = { "good", "" },
    [ANSWER_LOADING] = { "loading", "" },
    [ANSWER_BUSY] = { "busy", "" },
    [ANSWER_FULL] = { "out-of-memory", "Raise maxmemory of the Redis server, or free some of it." },
    [ANSWER_DISK] = { "disk", "Free space on the Redis server's disk and look at its log." },
    [ANSWER_READ_ONLY] = { "read-only", "Point `store` at the leading Redis server." },
    [ANSWER_DENIED] = { "denied", "Check user and password of `store`, and the ACL on the Redis server." },
    [ANSWER_ABORTED] = { "aborted", "" },
    [ANSWER_WRONG] = { "wrong", "See that no other program uses the key names of this city." },
};

enum answer_class answer_classify(const struct answer *answer)
{
    assert(answer != NULL);
    if (answer->kind != ANSWER_ERROR) {
        return ANSWER_GOOD;
    }
    size_t word_bytes = 0;
    while (word_bytes < (size_t)answer->bytes && answer->text[word_bytes] != ' ') {
        word_bytes++;
    }
    for (size_t i = 0; i < sizeof WORDS / sizeof WORDS[0]; i++) {
        if (strlen(WORDS[i].word) == word_bytes && memcmp(WORDS[i].word, answer->text, word_bytes) == 0) {
            return WORDS[i].class;
        }
    }
    return ANSWER_WRONG;
}

const char *answer_class_name(enum answer_class class)
{
    assert(class < ANSWER_CLASS_COUNT);
    return CLASSES[class].name;
}

const char *answer_class_remedy(enum answer_class class)
{
    assert(class < ANSWER_CLASS_COUNT);
    return CLASSES[class].remedy;
}
