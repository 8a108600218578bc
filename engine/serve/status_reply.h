// status_reply.h: the answers to an operator's StatusRequest and AlarmsRequest, as the frames that go out.
//
// CONTRACT  The main thread. Reads what others count; changes nothing.
// OWNERSHIP The bytes are given.
// NOT HERE  Who may ask (engine/wire/session.h).
#pragma once

#include "engine/serve/gauges.h"

// The bytes of the frame; 0 when it cannot be packed.
size_t status_reply(const struct gauges *gauges, const struct status_request *request, uint8_t **ret_bytes);
size_t alarms_reply(const struct service *service, uint32_t request, uint8_t **ret_bytes);
