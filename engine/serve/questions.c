#include "engine/serve/questions.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/base/memory.h"
#include "engine/serve/audit_log.h"
#include "engine/serve/gauges.h"
#include "engine/serve/status_reply.h"

void questions_take(void *owner, const struct asked *asked)
{
    struct server *server = owner;
    pthread_mutex_lock(&server->asked_mutex);
    *GROW(server->asked) = *asked;
    pthread_mutex_unlock(&server->asked_mutex);
}

static size_t acknowledge(struct server *server, const struct asked *asked, uint8_t **ret_bytes)
{
    int32_t count = alarms_acknowledge(server->service.alarms, asked->alarm, asked->who);
    struct request_result result = { .request = asked->request, .accepted = count > 0 || asked->alarm == 0,
        .text = count > 0 || asked->alarm == 0 ? NULL : "there is no such alarm" };
    char text[96];
    snprintf(text, sizeof text, asked->alarm == 0 ? "all alarms in force" : "alarm %" PRIu32, asked->alarm);
    audit_log_note(server->service.audit, &(struct audit_record){ .kind = AUDIT_ACKNOWLEDGE, .who = asked->who,
                   .from = asked->from, .text = text, .accepted = result.accepted });
    uint8_t *bytes = memory_take(256, 1);
    struct frame_writer out = frame_writer_over(bytes, 256);
    *ret_bytes = bytes;
    return wire_put_request_result(&out, &result) == STATUS_OK ? out.used : 0;
}

static void answer(struct server *server, const struct asked *asked, const struct gauges *gauges)
{
    struct mail mail = { .kind = MAIL_BYTES, .peer = asked->peer };
    switch ((int)asked->kind) {
    case SESSION_STATUS_REQUEST:
        mail.byte_count = status_reply(gauges, &asked->status, &mail.bytes);
        break;
    case SESSION_ALARMS_REQUEST:
        mail.byte_count = alarms_reply(&server->service, asked->request, &mail.bytes);
        break;
    case SESSION_ALARM_ACKNOWLEDGE:
        mail.byte_count = acknowledge(server, asked, &mail.bytes);
        break;
    case SESSION_AUDIT_REQUEST:
        mail.byte_count = audit_log_reply(server->service.audit, &asked->audit, &mail.bytes);
        break;
    default:
        assert(false);
    }
    loop_post(&server->loops[asked->peer.loop], &mail);
}

void questions_answer(struct server *server)
{
    pthread_mutex_lock(&server->asked_mutex);
    int32_t count = server->asked.count;
    struct asked *asked = memory_copy(server->asked.at, (size_t)count, sizeof *asked);
    server->asked.count = 0;
    pthread_mutex_unlock(&server->asked_mutex);
    struct gauges gauges = { 0 };
    if (count > 0) {
        server_gauges(server, &gauges);
    }
    for (int32_t i = 0; i < count; i++) {
        answer(server, &asked[i], &gauges);
    }
    free(asked);
}
