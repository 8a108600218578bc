// deeds.h: which requests of a peer go into the audit log, and with what result.
//
// THEORY    A request is noted when its answer is known, as one record. A vehicle asks for priority each second or two:
//           of one peer and vehicle a record is made at most once a minute, and when the answer changes. Reading is not
//           noted.
// CONTRACT  The loop's thread alone.
// NOT HERE  The log itself (audit_log.h).
#pragma once

#include "engine/serve/channel.h"

void deeds_override(struct channel *channel, const struct session_event *event);
void deeds_priority(struct channel *channel, const struct session_event *event);

// The answer to one of them; text says why not.
void deeds_answered(struct channel *channel, uint32_t request, bool accepted, const char *text);

// The session ended: what has no answer is noted as such.
void deeds_end(struct channel *channel);
