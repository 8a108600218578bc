// http.h: the page, the state as JSON and the metrics, over libwebsockets on the daemon's own loop.
//
// THEORY    GET /           the page
//           GET /api/state  gauges_state; /api/network, /live, /plan/N, /journal, /alarms: console.h
//           GET /metrics    gauges_metrics
//           GET /healthz    "ok" while steps are made
//           POST /api/override, /api/acknowledge   an operator's hand (console.h, desk.h), where `console_operates`
//                           says so. A page of another site must not reach it through an operator's browser: it has
//                           to be JSON (which browsers send elsewhere only after asking), come from the page itself
//                           (Origin), and to a host that is an address or localhost, not a name that somebody let
//                           point here.
//           Everything else is 404. Nothing but these two changes anything.
// CONTRACT  The main thread.
// OWNERSHIP http_start gives; http_stop lets its handles close, http_release after the loop has ended.
#pragma once

#include <uv.h>

#include "engine/serve/gauges.h"
#include "engine/serve/settings.h"

struct http;

struct http_hooks {
    void *owner;
    uv_loop_t *loop;
    struct service *service;
    void (*gauges)(void *owner, struct gauges *ret);
    bool (*healthy)(void *owner);
    void (*detail)(void *owner);          // somebody looks at the map
};

MUST_USE enum status http_start(uv_loop_t *loop, const struct listen_address *address, const struct http_hooks *hooks,
                                struct http **ret, struct problem *problem);
int http_port(const struct http *http);
void http_stop(struct http *http);
void http_release(struct http *http);
