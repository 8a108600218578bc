// A session of the daemon and what is said to it, for tests. What a test writes to `in` is handed to the session by
// talk_next; what the session answers stands in `out`. All of it is about one town of three crossings.
#pragma once

#include "tests/engine/wire_samples.h"

#define NOW_MS INT64_C(1790000000000)

extern const struct network *const network;       // of the town, between open_town and close_town
extern struct arena client_arena;                 // for what a test decodes; talk_error resets it
extern const char *const DETECTORS[4];            // what hello_of names: the fourth is not there

int open_town(void **state);                      // set-up and tear-down of a group of tests
int close_town(void **state);

struct talk {
    struct session session;
    struct session_event event;
    struct frame_writer in, out;      // bytes to the daemon that are not yet handed over; bytes from it
    struct session_room room;
    enum error_code told;             // code of the last Error in out
    struct wire_error error;
};

void talk_open(struct talk *talk);
void talk_close(struct talk *talk);

// Hands over what was written to in, and gives the first event.
enum session_event_kind talk_next(struct talk *talk, int64_t now_ms);

// The next frame that the daemon has written; false when there is none.
bool talk_read(struct talk *talk, size_t *at, enum frame_kind *ret_kind, struct cursor *ret_message);

// Reads and forgets what the daemon wrote; the last Error's code, and the Error in talk->error.
enum error_code talk_error(struct talk *talk);

// A Hello as such a peer says it.
struct hello hello_of(enum role role);

// Opens a talk, says Hello and is welcomed.
void talk_greet(struct talk *talk, enum role role);

// Writes a batch with one reading: nobody came in a second that ended at end_ms.
void one_loop_reading(struct talk *talk, uint64_t sequence, int32_t index, int64_t end_ms);
