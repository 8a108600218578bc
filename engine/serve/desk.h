// desk.h: an operator's override or acknowledgement that came by HTTP, told to the daemon as every operator's is.
//
// THEORY    The console asks by HTTP; what an operator may do, who he is and what is noted of it are settled where
//           sessions are. So each request goes over a session of its own, through a pair of sockets inside the process:
//
//             hello ──▶ Welcome ──▶ Override or AlarmAcknowledge ──▶ RequestResult, an Error, or no answer ──▶ done
// CONTRACT  The main thread. done is called once, never from within desk_ask, and not after desk_cancel.
// OWNERSHIP What the request points to is copied. A desk frees itself when it is done or cancelled.
// NOT HERE  HTTP and JSON (http.h), who may come (registry.h), what an override does (engine/brain.h).
#pragma once

#include <uv.h>

#include "engine/serve/loop.h"
#include "engine/wire/request_codec.h"

#define DESK_COUNT_MAX 16             // requests at once

struct desk;

enum desk_kind { DESK_OVERRIDE, DESK_ACKNOWLEDGE };

struct desk_request {
    enum desk_kind kind;
    const char *identity, *token;         // token "": none
    const char *from;                     // where the browser is, for the log
    bool local;                           // it is on this machine
    int32_t intersection;
    struct override what;                 // what.until_ms is not looked at
    int32_t duration_ms;
    uint32_t alarm;                       // of an acknowledgement: its row
};

struct desk_answer {
    bool accepted;
    int64_t until_ms;
    enum error_code code;                 // ERROR_NONE: the engine's own answer
    char text[256];                       // why not
};

typedef void (*desk_done)(void *owner, const struct desk_answer *answer);

// NULL: too many are waiting, or the system has no sockets.
struct desk *desk_ask(uv_loop_t *loop, struct service *service, const struct desk_request *request, desk_done done,
                      void *owner);
void desk_cancel(struct desk *desk);
