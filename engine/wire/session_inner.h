// session_inner.h: what the files of the session share: how a message is refused, and the handling of each message.
//
// NOT HERE  Anything for others: they include session.h.
#pragma once

#include "engine/wire/session.h"

// One message under way.
struct session_call {
    struct session *session;
    int64_t now_ms;
    const struct session_room *room;
    struct session_event *ret;
    enum frame_kind kind;
    struct cursor message;
};

// Writes the Error (dropped when out is full: the peer does not read), counts a strike and fills the event:
// SESSION_REFUSED, or SESSION_CLOSE when it was one strike too many. error->text becomes the event's problem.
enum session_event_kind session_refuse_message(const struct session_call *call, struct wire_error error);

// Writes the Error with closing set, goes to CLOSING and fills the event.
enum session_event_kind session_end(const struct session_call *call, enum error_code code, const char *field,
                                    const char *text);

// Handles a message of an open session that its role permits. SESSION_NOTHING: there is nothing to tell.
enum session_event_kind session_handle(const struct session_call *call);

// The next row of an open ControllerStatusBatch; SESSION_NOTHING after the last.
enum session_event_kind session_next_report(const struct session_call *call);
