// delivery.h: plans and fallback tables on their way to one peer: pulled, pushed to who subscribed, offered beforehand.
//
// THEORY    A plan goes out as it lies in the plan table, already a frame; only a controller that has acknowledged its
//           fallback table gets it written anew, with that table named. Fallback tables go out a few at a time, the
//           next with each acknowledgement.
// CONTRACT  The thread of the channel's loop alone.
// NOT HERE  Which plans there are (plan_table.h), what a fallback table holds (fallback.h).
#pragma once

#include "engine/serve/channel.h"

#define FALLBACKS_AHEAD 16   // tables that go out before the first of them is acknowledged

// false: there is no plan that this peer may be sent.
bool delivery_send_plan(struct channel *channel, int32_t intersection);

// Sends the plan of an intersection that changed.
void delivery_push(struct channel *channel, int32_t intersection);

void delivery_answer_request(struct channel *channel, const struct plan_request *request);

// A new subscription takes the place of the old one; the plans that there are go out at once.
void delivery_subscribe(struct channel *channel, const struct plan_subscription *wish);
void delivery_unsubscribe(struct channel *channel);

// Sends a controller up to count of its fallback tables that were not sent yet.
void delivery_offer_fallbacks(struct channel *channel, int32_t count);
void delivery_fallback_acknowledged(struct channel *channel, const struct fallback_acknowledgement *answer);
