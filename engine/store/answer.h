// answer.h: what Redis answered, without the client library, and what is to be done about it.
//
// THEORY    Redis tells the kind of an error by its first word (redis.io, "RESP protocol specification"). A few of them
//           pass by themselves (LOADING), some need a person (NOAUTH, MISCONF), and after READONLY the server is no
//           longer the one to talk to.
// CONTRACT  Pure.
// OWNERSHIP An answer borrows its text and its elements from whoever received it, during the call that hands it over.
#pragma once

#include <stdint.h>

enum answer_kind { ANSWER_NOTHING, ANSWER_TEXT, ANSWER_NUMBER, ANSWER_LIST, ANSWER_DONE, ANSWER_ERROR };

struct answer {
    enum answer_kind kind;
    const char *text;                // TEXT, DONE, ERROR; not ended by NUL
    int32_t bytes;
    int64_t number;                  // NUMBER
    const struct answer *element;    // LIST
    int32_t count;
};

enum answer_class {
    ANSWER_GOOD,
    ANSWER_LOADING,      // it reads its own disk: ask again soon
    ANSWER_BUSY,         // a script or a cluster change is under way: ask again soon
    ANSWER_FULL,         // out of memory: alarm, ask again later
    ANSWER_DISK,         // it cannot save and so takes no writes: alarm, ask again later
    ANSWER_READ_ONLY,    // a replica: alarm, connect anew (the leader may have moved)
    ANSWER_DENIED,       // password or permission: alarm, connect anew later
    ANSWER_ABORTED,      // the transaction was thrown away because of an error before it
    ANSWER_WRONG,        // a key of another type, a command it does not know: alarm
    ANSWER_CLASS_COUNT,
};

// The class of an answer; elements of a list are not looked at.
enum answer_class answer_classify(const struct answer *answer);

// The class as logs and metrics show it, and what a person should do about it ("" where nothing). Static storage.
const char *answer_class_name(enum answer_class class);
const char *answer_class_remedy(enum answer_class class);
