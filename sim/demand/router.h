// router.h: the fastest way from one link to another on an empty network.
//
// THEORY    Dijkstra over links. A link costs its length over its speed limit; a step to the next link costs the path
//           through the junction at turning speed, and 1.5 s more where signs make it yield (SUMO's
//           --weights.minor-penalty). A user class may take a step if some connection joins a lane that it may use to
//           another. Changing lanes within a link is taken for granted.
//
//           A search goes on from where it stopped while source and class stay the same: ask for all destinations of
//           one source in a row and the whole costs one search.
// CONTRACT  Integer milliseconds: the same route everywhere. Among equals the one whose links were settled first, by
//           (time, link). No allocation in a search but the growth of the list that the caller gives.
// OWNERSHIP router_create gives, router_release takes; the network is kept. Not for several threads at once.
// NOT HERE  Traffic: nobody reroutes.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "engine/model/network.h"

// Links in order of driving; grown with GROW.
struct link_list {
    int32_t *at;
    int32_t count, capacity;
};

struct router;

struct router *router_create(const struct network *network);
void router_release(struct router *router);

// Costs of all links from now on, ms each, > 0; copied. NULL: free flow again.
void router_set_costs(struct router *router, const int32_t *cost_ms);

// Every step that turns costs so much more from now on: drivers like to go straight on.
void router_add_turn_cost(struct router *router, int32_t cost_ms);

// Free-flow cost of a link, ms.
int32_t router_free_flow_ms(const struct router *router, int32_t link);

// Appends the fastest route from `from` to `to`, both included, to *ret. False, and nothing appended, when there is
// none.
bool router_find(struct router *router, int32_t from, int32_t to, enum user_class user, struct link_list *ret);

// Time from the start of the source of the last router_find to the end of a link that it reached, ms.
int32_t router_time_ms(const struct router *router, int32_t link);

// Settles everything within limit_ms of `from`; then router_time_ms (INT32_MAX beyond) and router_find are cheap for
// these.
void router_spread(struct router *router, int32_t from, enum user_class user, int32_t limit_ms);

// The links that the last search has settled, in that order.
int32_t router_settled(const struct router *router, const int32_t **ret);

// Whether the user may go from one link straight to the next; whether it may use a link at all.
bool router_connected(const struct router *router, int32_t from, int32_t to, enum user_class user);
bool router_usable(const struct router *router, int32_t link, enum user_class user);

// The links that follow a link for anyone, ascending.
int32_t router_successors(const struct router *router, int32_t link, const int32_t **ret);

// Steps, that is pairs of a link and a successor, have dense indices: of link a's successors router_step(a) is the
// first.
int32_t router_step(const struct router *router, int32_t link);
int32_t router_step_count(const struct router *router);

// Who may take a step.
uint32_t router_step_users(const struct router *router, int32_t step);
