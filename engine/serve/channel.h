// channel.h: one peer's socket, its session, what it has still to be sent, and what it subscribed to.
//
// THEORY    Bytes to send gather in one half of the outbox while the other is being written; a peer that leaves more
//           than its bound unread is cut. A simulator's connection pauses after each ClockAdvance until the engine has
//           got there, so that its messages reach the engine in its own order.
//
//             OPEN ──error, time-out, end of the daemon──▶ ENDING (the last words go out) ──▶ CLOSING ──▶ freed
//               ╰─────────── the peer closed, a bound passed ──────────────────────────────────╯
//           With TLS (engine/tls/tls.h) the outbox gathers plain bytes, and what is flushed goes through `sealed`: what
//           gathered becomes as few records as it can. The Hello's deadline counts from the connection, so the
//           handshake is within it. A peer whose handshake fails is told by an alert, and what it sends on is read and
//           thrown away for a moment: a socket closed on unread bytes would take the alert back.
// CONTRACT  The loop's thread alone.
// OWNERSHIP channel_open makes it; it frees itself in the close callback.
// NOT HERE  Accepting (listener.h), who is let in (admission.h), plans on their way (delivery.h).
#pragma once

#include "engine/serve/loop.h"
#include "engine/serve/outbox.h"

enum channel_state { CHANNEL_OPEN, CHANNEL_ENDING, CHANNEL_CLOSING };

struct channel {
    struct loop *loop;
    struct peer peer;
    enum channel_state state;
    union {
        uv_handle_t handle;
        uv_stream_t stream;
        uv_tcp_t tcp;
        uv_pipe_t pipe;
    } socket;
    bool local, paused, reading;
    char from[64];
    struct session session;
    bool welcomed;                     // counted in role_count
    int32_t source_entry;
    struct outbox filling, sending;
    struct tls *tls;                   // or NULL: plain
    struct outbox sealed;              // with TLS: for the line
    bool lingers;                      // ENDING: read and thrown away
    uv_write_t write;
    bool writing;
    size_t queue_bytes_max;
    int64_t end_by_ms;                 // ENDING: closed then, whatever is unsent
    uint8_t *held;                     // input that waits while paused
    struct subscription *subscriptions;
    int32_t subscription_count;
    bool all;                          // subscribed to everything
    struct channel *all_next, **all_back;
    struct deeds *deeds;               // requests for the audit log, or NULL
    uint64_t registry_stamp;           // of the registry's entry by which it was let in; 0: the registry had none
    bool clock_off;                    // its clock is too far off for plans in absolute time
    int64_t clock_asked_ms;
    int32_t fallback_offered;          // of a controller's intersections, in order: tables sent so far
    bool *fallback_loaded;             // by position among them: it acknowledged its table
};

// The peer's name for the log.
const char *channel_who(const struct channel *channel);

// Takes the descriptor, also when it fails.
void channel_open(struct loop *loop, const struct mail *mail);

void channel_send(struct channel *channel, const uint8_t *bytes, size_t count);

// What was written over the loop's own buffer (loop_out).
void channel_send_out(struct channel *channel, const struct frame_writer *out);
void channel_send_error(struct channel *channel, enum error_code code, enum frame_kind kind, uint32_t request,
                        const char *text);
void channel_flush(struct channel *channel);

// Says why (code, text), and closes when that has gone out.
void channel_end(struct channel *channel, enum error_code code, const char *text);

// Regions changed hands: a session whose intersections or sensors are led elsewhere now ends, and is told where.
void channel_leaders_changed(struct channel *channel);

// The registry was read again: a session that it would not let in now, or whose things are not its own any more, ends.
void channel_registry_changed(struct channel *channel);

// The answer of the compute thread.
void channel_answer(struct channel *channel, const struct compute_answer *answer);

// Goes on reading, if it may.
void channel_read_on(struct channel *channel);

// Looks at time limits.
void channel_check(struct channel *channel, int64_t now_ms);
