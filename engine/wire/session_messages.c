// The handling of each message of an open session: decode, resolve names, check the owner, tell the shell.

#include <stdio.h>

#include "engine/wire/session_inner.h"

#define SHED_TELL_MS 1000             // between two words to a peer whose readings are shed
#define ECHO_MS_MAX 60000             // an answer to a heartbeat that is older measures nothing

// ---- refusing ----

static enum session_event_kind refuse(const struct session_call *call, enum error_code code, const char *field,
                                      uint32_t request, const char *text)
{
    return session_refuse_message(call, (struct wire_error){ .code = code, .field = field, .request = request,
        .text = text });
}

// A message that its codec did not take.
static enum session_event_kind refuse_decoded(const struct session_call *call, enum status status, const char *field)
{
    if (status == STATUS_LIMIT) {
        return refuse(call, ERROR_LIMIT, NULL, 0, "the message holds too much");
    }
    if (status == STATUS_RANGE) {
        return refuse(call, ERROR_FIELD, field, 0, "the field is missing or out of range");
    }
    return refuse(call, ERROR_FIELD, NULL, 0, "the bytes are not such a message");
}

static enum session_event_kind tell(const struct session_call *call, enum session_event_kind kind)
{
    call->ret->kind = kind;
    call->ret->frame_kind = call->kind;
    return kind;
}

// ---- whose it is ----

// The index of an intersection said by name or by index. SESSION_NOTHING: *ret holds it.
static enum session_event_kind intersection_find(const struct session_call *call, const char *name, int32_t said,
                                                 uint32_t request, int32_t *ret)
{
    const struct network *network = call->session->network;
    int32_t index = name != NULL ? network_find_intersection(network, name).index : said;
    if (index < 0 || index >= network->intersection_count) {
        return refuse(call, ERROR_UNKNOWN, name != NULL ? "intersection_name" : "intersection", request,
                      "the network has no such intersection");
    }
    *ret = index;
    return SESSION_NOTHING;
}

// SESSION_NOTHING when the session plays the intersection.
static enum session_event_kind played(const struct session_call *call, int32_t intersection)
{
    if (intersection < 0 || intersection >= call->session->network->intersection_count) {
        return refuse(call, ERROR_UNKNOWN, "intersection", 0, "the network has no such intersection");
    }
    if (!session_plays(call->session, intersection)) {
        return refuse(call, ERROR_OWNER, "intersection", 0, "the intersection is not one that the Hello was granted");
    }
    return SESSION_NOTHING;
}

// ---- observations ----

static struct reading_rules rules_of(const struct session *session, int64_t now_ms)
{
    bool simulates = session->role == ROLE_SIMULATOR;
    int64_t clock_ms = simulates ? session->simulator_ms : now_ms;
    const struct session_limits *limits = &session->limits;
    return (struct reading_rules){
        .detector_count = session->network->detector_count,
        .camera_count = session->network->camera_count,
        .all = simulates,
        .detectors = session->detectors,
        .cameras = session->cameras,
        .end_ms_min = clock_ms - limits->reading_age_ms_max,
        .end_ms_max = clock_ms + (simulates ? limits->reading_ahead_ms_max : limits->reading_future_ms_max),
    };
}

static void tell_refused_readings(const struct session_call *call, const struct reading_result *result)
{
    struct wire_error error = { .code = ERROR_READINGS, .text = "these readings were refused; the others count",
        .sequence = result->sequence, .frame_kind = call->kind, .refused_count = result->refused_count,
        .refused_listed = result->refused_listed };
    for (int32_t i = 0; i < result->refused_listed; i++) {
        error.refused[i] = result->refused[i];
    }
    enum status status = wire_put_error(call->room->out, &error);
    (void)status;   // A peer that does not read is not told.
}

static enum session_event_kind on_observations(const struct session_call *call)
{
    struct session *session = call->session;
    struct reading_rules rules = rules_of(session, call->now_ms);
    struct reading_result *result = &call->ret->readings;
    const char *field = NULL;
    enum status status = wire_get_observations(call->message, &rules, session->sequence, call->room->rows, result,
                                               &field);
    if (status == STATUS_STALE) {
        return session_refuse_message(call, (struct wire_error){ .code = ERROR_SEQUENCE, .field = "sequence",
            .sequence = result->sequence,
            .text = "the sequence is not above the last one: the batch was refused whole" });
    }
    if (status == STATUS_RANGE) {
        return refuse(call, ERROR_COLUMNS, field, 0,
                      "the column is missing, broken, or of another length than the others: the batch was refused");
    }
    if (status == STATUS_SYNTAX) {
        return refuse_decoded(call, status, NULL);
    }
    session->sequence = result->sequence;
    if (status == STATUS_LIMIT) {
        session->readings_shed += (uint64_t)result->offered;
        // Who sends too much is not also answered too much.
        if (!session->shed_told || call->now_ms - session->shed_told_ms >= SHED_TELL_MS) {
            struct wire_error error = { .code = ERROR_OVERLOADED, .sequence = result->sequence,
                .frame_kind = call->kind, .text = "no room for readings now: this batch was dropped" };
            enum status told = wire_put_error(call->room->out, &error);
            (void)told;
            session->shed_told = true;
            session->shed_told_ms = call->now_ms;
        }
        return tell(call, SESSION_SHED);
    }
    session->readings_taken += (uint64_t)(result->offered - result->refused_count);
    session->readings_refused += (uint64_t)result->refused_count;
    if (result->refused_count > 0) {
        tell_refused_readings(call, result);
    }
    return tell(call, SESSION_OBSERVATIONS);
}

// ---- reports ----

// Whether the session may say this report of that intersection; else *ret says why not.
static bool report_good(const struct session *session, const struct controller_report *report, struct wire_error *ret)
{
    const struct network *network = session->network;
    if (report->intersection >= network->intersection_count) {
        *ret = (struct wire_error){ .code = ERROR_UNKNOWN, .field = "intersection",
            .text = "the network has no such intersection" };
        return false;
    }
    if (!session_plays(session, report->intersection)) {
        *ret = (struct wire_error){ .code = ERROR_OWNER, .field = "intersection",
            .text = "the intersection is not one that the Hello was granted" };
        return false;
    }
    const struct intersection *at = &network->intersections[report->intersection];
    if (report->group_count != at->group_count) {
        *ret = (struct wire_error){ .code = ERROR_FIELD, .field = "aspect",
            .text = "a report has one aspect for each signal group of its intersection" };
        return false;
    }
    if (report->stage >= at->stage_count) {
        *ret = (struct wire_error){ .code = ERROR_FIELD, .field = "stage",
            .text = "the intersection has no such stage" };
        return false;
    }
    return true;
}

// Moves a good report to the daemon's clock.
static enum session_event_kind report_tell(const struct session_call *call)
{
    const struct session *session = call->session;
    struct controller_report *report = &call->ret->report;
    if (session->role == ROLE_CONTROLLER) {
        // Until the clock is measured, the moment of arrival is the best that is known.
        report->time_ms = session->clock_measured ? report->time_ms - session->clock_offset_ms : call->now_ms;
    }
    return tell(call, SESSION_REPORT);
}

static enum session_event_kind on_report(const struct session_call *call)
{
    const char *field = NULL;
    enum status status = wire_get_report(call->message, call->room->arena, &call->ret->report, &field);
    if (status != STATUS_OK) {
        return refuse_decoded(call, status, field);
    }
    struct wire_error error;
    return report_good(call->session, &call->ret->report, &error) ? report_tell(call)
        : session_refuse_message(call, error);
}

static enum session_event_kind on_reports(const struct session_call *call)
{
    const char *field = NULL;
    enum status status = report_reader_open(&call->session->reports, call->message, &field);
    if (status == STATUS_RANGE) {
        return refuse(call, ERROR_COLUMNS, field, 0,
                      "the column is missing, broken, or of another length than the others: the batch was refused");
    }
    if (status != STATUS_OK) {
        return refuse_decoded(call, status, field);
    }
    call->session->reports_open = true;
    call->session->reports_blamed = false;
    return session_next_report(call);
}

enum session_event_kind session_next_report(const struct session_call *call)
{
    struct session *session = call->session;
    for (;;) {
        const char *field = NULL;
        enum status status = report_reader_next(&session->reports, &call->ret->report, &field);
        if (status == STATUS_UNKNOWN) {
            session->reports_open = false;
            return SESSION_NOTHING;
        }
        struct wire_error error = { .code = ERROR_FIELD, .field = field, .text = "the field is out of range" };
        if (status == STATUS_OK && report_good(session, &call->ret->report, &error)) {
            return report_tell(call);
        }
        if (!session->reports_blamed) {
            session->reports_blamed = true;   // One Error a batch.
            return session_refuse_message(call, error);
        }
    }
}

// ---- plans ----

static enum session_event_kind on_plan_request(const struct session_call *call)
{
    struct plan_request *request = &call->ret->plan_request;
    const char *field = NULL;
    enum status status = wire_get_plan_request(call->message, call->room->arena, request, &field);
    if (status != STATUS_OK) {
        return refuse_decoded(call, status, field);
    }
    enum session_event_kind kind = intersection_find(call, request->name, request->intersection, request->request,
                                                     &request->intersection);
    if (kind != SESSION_NOTHING) {
        return kind;
    }
    if (!session_reads(call->session, request->intersection)) {
        return refuse(call, ERROR_OWNER, "intersection", request->request,
                      "the intersection is not one that the Hello was granted");
    }
    return tell(call, SESSION_PLAN_REQUEST);
}

static enum session_event_kind on_plan_subscription(const struct session_call *call)
{
    struct plan_subscription *wish = &call->ret->plan_subscription;
    const char *field = NULL;
    enum status status = wire_get_plan_subscription(call->message, call->room->arena, wish, &field);
    if (status != STATUS_OK) {
        return refuse_decoded(call, status, field);
    }
    for (int32_t i = 0; i < wish->intersections.count; i++) {
        int32_t index = wish->intersections.at[i];
        if (index >= call->session->network->intersection_count) {
            return refuse(call, ERROR_UNKNOWN, "intersection", wish->request, "the network has no such intersection");
        }
        if (!session_reads(call->session, index)) {
            return refuse(call, ERROR_OWNER, "intersection", wish->request,
                          "the intersection is not one that the Hello was granted");
        }
    }
    return tell(call, SESSION_PLAN_SUBSCRIPTION);
}

static enum session_event_kind on_plan_acknowledgement(const struct session_call *call)
{
    struct plan_acknowledgement *answer = &call->ret->plan_acknowledgement;
    const char *field = NULL;
    enum status status = wire_get_plan_acknowledgement(call->message, call->room->arena, answer, &field);
    if (status != STATUS_OK) {
        return refuse_decoded(call, status, field);
    }
    enum session_event_kind kind = played(call, answer->intersection);
    return kind != SESSION_NOTHING ? kind : tell(call, SESSION_PLAN_ACKNOWLEDGEMENT);
}

static enum session_event_kind on_fallback_acknowledgement(const struct session_call *call)
{
    struct fallback_acknowledgement *answer = &call->ret->fallback_acknowledgement;
    const char *field = NULL;
    enum status status = wire_get_fallback_acknowledgement(call->message, call->room->arena, answer, &field);
    if (status != STATUS_OK) {
        return refuse_decoded(call, status, field);
    }
    enum session_event_kind kind = played(call, answer->intersection);
    return kind != SESSION_NOTHING ? kind : tell(call, SESSION_FALLBACK_ACKNOWLEDGEMENT);
}

// ---- requests ----

static enum session_event_kind on_override(const struct session_call *call)
{
    struct override_request said;
    const char *field = NULL;
    enum status status = wire_get_override(call->message, call->room->arena, &said, &field);
    if (status != STATUS_OK) {
        return refuse_decoded(call, status, field);
    }
    const struct session *session = call->session;
    struct override *what = &said.what;
    enum session_event_kind kind = intersection_find(call, said.intersection_name, what->intersection, said.request,
                                                     &what->intersection);
    if (kind != SESSION_NOTHING) {
        return kind;
    }
    if (what->kind == OVERRIDE_STAGE
        && what->stage >= session->network->intersections[what->intersection].stage_count) {
        return refuse(call, ERROR_FIELD, "stage", said.request, "the intersection has no such stage");
    }
    if (said.duration_ms > 0) {
        what->until_ms = call->now_ms + said.duration_ms;
    }
    if (what->kind != OVERRIDE_NONE && what->until_ms <= call->now_ms) {
        return refuse(call, ERROR_FIELD, "until_ms", said.request, "an override must end in the future");
    }
    (void)snprintf(what->operator_name, sizeof what->operator_name, "%s", session->identity);
    call->ret->request = said.request;
    call->ret->override = *what;
    return tell(call, SESSION_OVERRIDE);
}

// Turns names of links into indices, in the arena. NULL, or the field that is wrong.
static const char *priority_resolve(const struct session_call *call, struct priority_request *said)
{
    const struct network *network = call->session->network;
    if (said->link_name != NULL) {
        int32_t link = network_find_link(network, said->link_name).index;
        if (link == INDEX_NONE) {
            return "link_name";
        }
        if (said->lane_position >= network->links[link].lane_count) {
            return "lane_position";
        }
        said->what.lane = network->links[link].first_lane + said->lane_position;
    } else if (said->what.lane >= network->lane_count) {
        return "lane";
    }
    if (said->route_names.count > 0) {
        int32_t *route = arena_take(call->room->arena, (size_t)said->route_names.count * sizeof *route);
        if (route == NULL) {
            return "route_name";
        }
        for (int32_t i = 0; i < said->route_names.count; i++) {
            route[i] = network_find_link(network, said->route_names.names[i]).index;
            if (route[i] == INDEX_NONE) {
                return "route_name";
            }
        }
        said->what.route = route;
        said->what.route_count = said->route_names.count;
    }
    for (int32_t i = 0; i < said->what.route_count; i++) {
        if (said->what.route[i] >= network->link_count) {
            return "route";
        }
    }
    return NULL;
}

static enum session_event_kind on_priority(const struct session_call *call)
{
    struct priority_request said;
    const char *field = NULL;
    enum status status = wire_get_priority(call->message, call->room->arena, &said, &field);
    if (status != STATUS_OK) {
        return refuse_decoded(call, status, field);
    }
    field = priority_resolve(call, &said);
    if (field != NULL) {
        return refuse(call, ERROR_UNKNOWN, field, said.request, "the network has no such link or lane");
    }
    call->ret->request = said.request;
    call->ret->priority = said.what;
    return tell(call, SESSION_PRIORITY);
}

static enum session_event_kind on_status_request(const struct session_call *call)
{
    const char *field = NULL;
    struct status_request *request = &call->ret->status_request;
    enum status status = wire_get_status_request(call->message, call->room->arena, request, &field);
    if (status != STATUS_OK) {
        return refuse_decoded(call, status, field);
    }
    if (request->intersection_name != NULL) {
        enum session_event_kind kind = intersection_find(call, request->intersection_name, INDEX_NONE, request->request,
                                                         &request->first_intersection);
        if (kind != SESSION_NOTHING) {
            return kind;
        }
        request->intersection_name = NULL;
        request->intersection_count = 1;
    }
    return tell(call, SESSION_STATUS_REQUEST);
}

static enum session_event_kind on_alarms_request(const struct session_call *call)
{
    const char *field = NULL;
    enum status status = wire_get_alarms_request(call->message, &call->ret->request, &field);
    return status != STATUS_OK ? refuse_decoded(call, status, field) : tell(call, SESSION_ALARMS_REQUEST);
}

static enum session_event_kind on_alarm_acknowledge(const struct session_call *call)
{
    const char *field = NULL;
    enum status status = wire_get_alarm_acknowledge(call->message, &call->ret->request, &call->ret->alarm, &field);
    return status != STATUS_OK ? refuse_decoded(call, status, field) : tell(call, SESSION_ALARM_ACKNOWLEDGE);
}

static enum session_event_kind on_audit_request(const struct session_call *call)
{
    const char *field = NULL;
    enum status status = wire_get_audit_request(call->message, &call->ret->audit_request, &field);
    return status != STATUS_OK ? refuse_decoded(call, status, field) : tell(call, SESSION_AUDIT_REQUEST);
}

// ---- clocks ----

static enum session_event_kind on_clock_advance(const struct session_call *call)
{
    int64_t t_ms;
    const char *field = NULL;
    enum status status = wire_get_clock_advance(call->message, &t_ms, &field);
    if (status != STATUS_OK) {
        return refuse_decoded(call, status, field);
    }
    if (t_ms < call->session->simulator_ms) {
        return refuse(call, ERROR_CLOCK, "t_ms", 0, "a simulator's clock does not go back");
    }
    call->session->simulator_ms = t_ms;
    call->ret->clock_ms = t_ms;
    return tell(call, SESSION_CLOCK_ADVANCE);
}

static enum session_event_kind on_heartbeat(const struct session_call *call)
{
    struct session *session = call->session;
    struct heartbeat heard;
    const char *field = NULL;
    enum status status = wire_get_heartbeat(call->message, &heard, &field);
    if (status != STATUS_OK) {
        return refuse_decoded(call, status, field);
    }
    if (!heard.echo) {
        struct heartbeat answer = { .clock_ms = call->now_ms, .echo = true, .echo_clock_ms = heard.clock_ms };
        status = wire_put_heartbeat(call->room->out, &answer);
        (void)status;   // A peer that does not read gets no answer.
        return SESSION_NOTHING;
    }
    int64_t trip_ms = call->now_ms - heard.echo_clock_ms;
    if (!session->clock_asked || heard.echo_clock_ms != session->clock_asked_ms || trip_ms < 0
        || trip_ms > ECHO_MS_MAX) {
        return SESSION_NOTHING;   // Not the answer to the last question.
    }
    session->clock_asked = false;
    session->clock_measured = true;
    session->round_trip_ms = trip_ms;
    session->clock_offset_ms = heard.clock_ms - (heard.echo_clock_ms + trip_ms / 2);
    return tell(call, SESSION_CLOCK_MEASURED);
}

static enum session_event_kind on_error(const struct session_call *call)
{
    const char *field = NULL;
    enum status status = wire_get_error(call->message, call->room->arena, &call->ret->error, &field);
    return status != STATUS_OK ? refuse_decoded(call, status, field) : tell(call, SESSION_PEER_ERROR);
}

enum session_event_kind session_handle(const struct session_call *call)
{
    switch (call->kind) {
    case FRAME_ERROR:
        return on_error(call);
    case FRAME_HEARTBEAT:
        return on_heartbeat(call);
    case FRAME_OBSERVATIONS:
        return on_observations(call);
    case FRAME_PLAN_REQUEST:
        return on_plan_request(call);
    case FRAME_PLAN_SUBSCRIPTION:
        return on_plan_subscription(call);
    case FRAME_PLAN_ACKNOWLEDGEMENT:
        return on_plan_acknowledgement(call);
    case FRAME_CONTROLLER_STATUS:
        return on_report(call);
    case FRAME_CONTROLLER_STATUSES:
        return on_reports(call);
    case FRAME_FALLBACK_ACKNOWLEDGEMENT:
        return on_fallback_acknowledgement(call);
    case FRAME_CLOCK_ADVANCE:
        return on_clock_advance(call);
    case FRAME_PRIORITY_REQUEST:
        return on_priority(call);
    case FRAME_OVERRIDE:
        return on_override(call);
    case FRAME_STATUS_REQUEST:
        return on_status_request(call);
    case FRAME_ALARMS_REQUEST:
        return on_alarms_request(call);
    case FRAME_ALARM_ACKNOWLEDGE:
        return on_alarm_acknowledge(call);
    case FRAME_AUDIT_REQUEST:
        return on_audit_request(call);
    case FRAME_NONE:
    case FRAME_HELLO:
    case FRAME_WELCOME:
    case FRAME_PLAN:
    case FRAME_PLAN_NOT_CHANGED:
    case FRAME_FALLBACK_TABLE:
    case FRAME_CLOCK_REACHED:
    case FRAME_REQUEST_RESULT:
    case FRAME_STATUS:
    case FRAME_ALARMS:
    case FRAME_AUDIT_PAGE:
    case FRAME_KIND_COUNT:
        break;
    }
    return SESSION_NOTHING;   // session_permits lets none of these pass.
}
