// leaders.h: which regions of the city this daemon leads, and where the others are led.
//
// THEORY    Regions change hands while sessions are open. The main thread says who leads what; the I/O threads ask it
//           at each Hello and, when something has changed, of every session.
// CONTRACT  leaders_set and leaders_address_set from the main thread; the rest from any.
// OWNERSHIP leaders_create gives, leaders_release takes; the network is kept until then.
// NOT HERE  How one comes to lead (holdings.h).
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/wire/session.h"

#define LEADER_ADDRESS_BYTES_MAX 256

struct leaders;

// Leads the whole city at first.
void leaders_create(const struct network *network, struct leaders **ret);
void leaders_release(struct leaders *leaders);

// Bit r: region r. And: where another leads it, "" for not known.
void leaders_set(struct leaders *leaders, uint64_t regions_led);
void leaders_address_set(struct leaders *leaders, int32_t region, const char *address);

bool leaders_leads(const struct leaders *leaders, int32_t intersection);

// Where an intersection that is led elsewhere is led (LEADER_ADDRESS_BYTES_MAX of room), and a sentence about it.
void leaders_whither(struct leaders *leaders, int32_t intersection, char *address, struct problem *ret);

// Whether a peer belongs to this daemon: a controller where all its intersections are led, a detector where some of its
// sensors are, others anywhere. If not: where it belongs.
bool leaders_take_hello(struct leaders *leaders, const struct hello *hello, char *address, struct problem *ret);
bool leaders_keep_session(struct leaders *leaders, const struct session *session, char *address, struct problem *ret);
