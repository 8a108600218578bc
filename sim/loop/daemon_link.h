// daemon_link.h: a blocking connection to a daemon, for tools and for a simulator in lockstep.
//
// THEORY    A socket under wire's client machine (engine/wire/client.h): write what is in `out`, read until the event
//           that is waited for. A tool has nothing else to do meanwhile, so it blocks. Over TLS (engine/tls/tls.h) the
//           same, after the handshake.
// CONTRACT  Addresses: "unix:PATH", "HOST:PORT" or "tls:HOST:PORT". STATUS_UNREACHABLE: nobody answers, or nothing came
//           for timeout_ms; STATUS_REFUSED: one of the two said no, the words are in the problem.
// OWNERSHIP daemon_link_open gives, daemon_link_close takes. What an event points to holds until the next receive.
// NOT HERE  The daemon's own sockets (engine/serve): those never block.
#pragma once

#include "engine/wire/client.h"
#include "engine/tls/tls.h"

#define DAEMON_TIMEOUT_MS_DEFAULT 30000

struct daemon_link;

// Whether an address speaks TLS: then the certificate says who we are, and a Hello needs no identity.
bool daemon_address_tls(const char *address);

// Where the files of TLS are, as the environment says: INTERGREEN_CERTIFICATE, INTERGREEN_KEY, INTERGREEN_AUTHORITY.
struct tls_files tls_files_default(void);

// Connects and says hello. The Welcome is in *ret_welcome (may be NULL). files: NULL, where the address is not TLS.
MUST_USE enum status daemon_link_open(const char *address, const struct tls_files *files, struct hello *hello,
                                      int32_t timeout_ms, struct daemon_link **ret, struct welcome *ret_welcome,
                                      struct problem *problem);
void daemon_link_close(struct daemon_link *link);

struct client *daemon_link_client(struct daemon_link *link);

// What the wire_put_* write to. It holds a megabyte; daemon_link_send empties it.
struct frame_writer *daemon_link_out(struct daemon_link *link);
MUST_USE enum status daemon_link_send(struct daemon_link *link, struct problem *problem);

// The next event. An Error of the daemon ends in STATUS_REFUSED when it closes the session or when errors_fail is set.
MUST_USE enum status daemon_link_receive(struct daemon_link *link, bool errors_fail, struct client_event *ret,
                                         struct problem *problem);
