// questions.h: what operators ask of the whole daemon: the city at a glance, its alarms, the audit log.
//
// THEORY    A loop hands a question over (questions_take, any thread); the main thread answers all that came, on its
//           next beat, and the loop sends the bytes.
// NOT HERE  What is asked of one intersection (intake.h), how answers are packed (status_reply.h, alarm_codec.h).
#pragma once

#include "engine/serve/server_state.h"

// The service's hook; owner is a struct server.
void questions_take(void *owner, const struct asked *asked);

// The main thread.
void questions_answer(struct server *server);
