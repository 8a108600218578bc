// registry.h: who may come: identity, role, proof and what belongs to it, from a file.
//
// THEORY    One line a peer:   IDENTITY ROLE PROOF THING ...
//             IDENTITY  as in its Hello
//             ROLE      detector | controller | operator | simulator
//             PROOF     sha256:HEX of the token, `certificate` (over TLS alone), or `none` (only from the machine
//                       itself); over TLS the certificate is the proof, whatever stands here
//             THING     detector:NAME, camera:NAME, intersection:NAME, or * for all
//           `#` begins a comment. A line that cannot be read refuses the file whole, with its number.
// CONTRACT  Read-only after registry_read; any thread. A reload of the configuration reads the file anew.
// OWNERSHIP registry_read gives, registry_release takes. The network is not kept.
// NOT HERE  What a role may send (engine/wire/session.h).
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/status.h"
#include "engine/model/network.h"
#include "engine/wire/session.h"

struct registry;
struct registry_entry;

MUST_USE enum status registry_read(const char *path, const struct network *network, struct registry **ret,
                                   struct problem *problem);
void registry_release(struct registry *registry);

// Whether the Hello's identity may come in its role with its token, or certified: then a certificate over TLS has said
// who it is, and no token is asked for. local: the peer is on this machine. An identity that the registry does not have
// may come from this machine alone, uncertified (*ret NULL: it may have what it names). registry may be NULL: there is
// none, and from this machine everybody may come.
bool registry_admits(const struct registry *registry, const struct hello *hello, bool local, bool certified,
                     const struct registry_entry **ret, const char **ret_why);

// The entry of an identity, or NULL; and a number that is another one when its role or its proof is.
const struct registry_entry *registry_find(const struct registry *registry, const char *identity);
uint64_t registry_stamp(const struct registry_entry *entry);
int32_t registry_count(const struct registry *registry);

// Whether the thing is the entry's.
bool registry_owns(const struct registry_entry *entry, enum owned_kind kind, int32_t index);
