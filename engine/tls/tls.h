// tls.h: TLS 1.3 of either end: bytes of the line in, plain bytes out, and the reverse. No socket.
//
// THEORY    Both ends prove who they are by a certificate [RFC 8446]. What came from the line is lent to OpenSSL for
//           the length of a call and read up; what it has for the line goes to `out` at once. So nothing waits, and
//           nothing gathers here but the part of a record (16 KiB at most) that has not all come.
//
//             tls_input ─▶ tls_read ─▶ TLS_DATA: plain bytes
//                             ╰──▶ out (the handshake's own, alerts)
//             tls_write ─▶ out          (once tls_ready)
//
//           A daemon wants a certificate that its authorities have signed; the identity is its subject's one common
//           name. A client wants one that its authority has signed and that names, in its subjectAltName, the host or
//           the address that was dialled. No tickets: every session proves itself anew (decision 0161).
// CONTRACT  A struct tls belongs to one thread; credentials may be shared by all.
// OWNERSHIP tls_credentials_read and tls_open give, the releases take. A struct tls keeps its credentials alive.
// NOT HERE  Sockets, deadlines (engine/serve/channel.h, sim/loop/daemon_link.h); what an identity may do (registry.h).
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/status.h"

#define TLS_IDENTITY_BYTES_MAX 64     // with its NUL
#define TLS_FAULT_BYTES_MAX 200
#define TLS_RECORD_BYTES_MAX 16640    // of 16 KiB of plain bytes [RFC 8446, 5.2]
#define TLS_EXPIRY_WARN_S (30 * 86400)

enum tls_side { TLS_DAEMON, TLS_CLIENT };

struct tls_files {                    // PEM; the certificate with those that lead up to the authority behind it
    const char *certificate, *key, *authority;
};

struct tls_credentials;

MUST_USE enum status tls_credentials_read(const struct tls_files *files, enum tls_side side,
                                          struct tls_credentials **ret, struct problem *problem);
void tls_credentials_release(struct tls_credentials *credentials);

// When our own certificate ends, Unix time in seconds.
int64_t tls_credentials_until_s(const struct tls_credentials *credentials);

// Whether it ends within TLS_EXPIRY_WARN_S or has ended: then with words for it.
bool tls_expiry_say(const struct tls_credentials *credentials, char *text, size_t room);

struct tls;

struct tls_line {
    void *owner;
    bool (*out)(void *owner, const uint8_t *bytes, size_t count);   // false: it takes no more, and the session breaks
};

// server_name: for a client, the host or the numeric address that was dialled. NULL when memory is short.
MUST_USE struct tls *tls_open(const struct tls_credentials *credentials, const char *server_name,
                              const struct tls_line *line);
void tls_release(struct tls *tls);

// Lends bytes of the line until tls_read has said TLS_WAITS. None, for a client's first words.
void tls_input(struct tls *tls, const uint8_t *bytes, size_t count);

enum tls_result {
    TLS_DATA,                         // *ret_count plain bytes, 1 and more
    TLS_WAITS,                        // the input is used up
    TLS_ENDED,                        // the peer said that nothing more comes
    TLS_BROKEN,                       // tls_fault says why; the alert is in `out`
};

// Goes on with the handshake, then decrypts.
enum tls_result tls_read(struct tls *tls, uint8_t *plain, size_t room, size_t *ret_count);

// The handshake is over and the peer has proved itself (a client: as far as it can know).
bool tls_ready(const struct tls *tls);

// false: broken. Only when tls_ready.
bool tls_write(struct tls *tls, const uint8_t *plain, size_t count);

// Says that nothing more comes; what is written after that is dropped.
void tls_end(struct tls *tls);

// It broke because the peer's first bytes were no TLS: no alert was written, and a plain word may reach it.
bool tls_foreign(const struct tls *tls);

// Who the peer is, once tls_ready at a daemon: "" when its certificate names no identity, and tls_fault says why.
// Else tls_fault says why it broke.
const char *tls_identity(const struct tls *tls);
const char *tls_fault(const struct tls *tls);
