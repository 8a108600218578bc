#include "tests/engine/wire_samples.h"

#include <stdio.h>

#include "engine/base/random.h"

#define SAMPLE_TIME_MS INT64_C(1790000000000)   // in September 2026

uint64_t sample_bits(uint64_t seed, uint64_t draw)
{
    return random_bits(seed, RANDOM_TEST, 0, draw);
}

// 0 .. limit - 1, small ones more often than large ones, so that every length of varint occurs.
static uint64_t below(uint64_t seed, uint64_t draw, uint64_t limit)
{
    uint64_t bits = sample_bits(seed, draw);
    return (bits >> (bits & 63)) % limit;
}

static int32_t between(uint64_t seed, uint64_t draw, int32_t low, int32_t high)
{
    return low + (int32_t)below(seed, draw, (uint64_t)((int64_t)high - low + 1));
}

static struct plan_version version_of(uint64_t seed, uint64_t draw)
{
    return (struct plan_version){ (uint32_t)below(seed, draw, UINT64_C(1) << 32),
        (uint32_t)sample_bits(seed, draw + 1), (uint32_t)below(seed, draw + 2, UINT64_C(1) << 32) };
}

#define NAME_COUNT 24

static const char *const *names_of(const char *kind, int which)
{
    static char texts[4][NAME_COUNT][48];
    static const char *names[4][NAME_COUNT];
    for (int i = 0; i < NAME_COUNT; i++) {
        (void)snprintf(texts[which][i], sizeof texts[which][i], "%s%d_0", kind, i);
        names[which][i] = texts[which][i];
    }
    return names[which];
}

void sample_hello(uint64_t seed, enum role role, struct hello *ret)
{
    static uint8_t token[TOKEN_BYTES_MAX];
    for (uint64_t i = 0; i < sizeof token; i++) {
        token[i] = (uint8_t)sample_bits(seed, 100 + i);
    }
    *ret = (struct hello){ .protocol = WIRE_PROTOCOL, .role = role, .identity = "station 12", .token = token,
        .token_bytes = between(seed, 1, 0, TOKEN_BYTES_MAX), .software = "sample 1.0", .clock_ms = SAMPLE_TIME_MS,
        .network_hash = sample_bits(seed, 2),
        .detectors = { between(seed, 3, 0, NAME_COUNT), names_of("stop", 0) },
        .cameras = { between(seed, 4, 0, NAME_COUNT), names_of("camera", 1) },
        .intersections = { between(seed, 5, 0, NAME_COUNT), names_of("crossing", 2) },
        .epoch_seen = (uint32_t)below(seed, 6, UINT64_C(1) << 32) };
    if (role == ROLE_SIMULATOR) {
        ret->simulator = (struct simulator_options){ .strategy = (seed & 1) != 0 ? "webster" : NULL,
            .begin_ms = SAMPLE_TIME_MS - 5, .step_ms = between(seed, 7, 1, 60000), .fresh = (seed & 2) != 0,
            .sensing = (seed & 4) != 0 ? "loops" : NULL, .solve_latency_ms = between(seed, 8, 0, 60000),
            .seed = sample_bits(seed, 9) };
    }
}

void sample_welcome(uint64_t seed, struct welcome *ret)
{
    static int32_t indices[3][NAME_COUNT];
    for (uint64_t i = 0; i < NAME_COUNT; i++) {
        for (uint64_t k = 0; k < 3; k++) {
            indices[k][i] = between(seed, 100 + 3 * i + k, -1, INT32_MAX - 1);
        }
    }
    *ret = (struct welcome){ .protocol = WIRE_PROTOCOL, .daemon = (uint32_t)sample_bits(seed, 1),
        .epoch = (uint32_t)sample_bits(seed, 2), .clock_ms = SAMPLE_TIME_MS, .echo_clock_ms = -SAMPLE_TIME_MS,
        .network_hash = sample_bits(seed, 3), .detectors = { between(seed, 4, 0, NAME_COUNT), indices[0] },
        .cameras = { between(seed, 5, 0, NAME_COUNT), indices[1] },
        .intersections = { between(seed, 6, 0, NAME_COUNT), indices[2] }, .sequence_after = sample_bits(seed, 7),
        .frame_bytes_max = (uint32_t)between(seed, 8, 1, FRAME_BYTES_MAX_LIMIT),
        .heartbeat_ms = between(seed, 9, 0, INT32_MAX - 1), .source = (uint32_t)sample_bits(seed, 10) };
}

void sample_error(uint64_t seed, struct wire_error *ret)
{
    *ret = (struct wire_error){ .code = (enum error_code)between(seed, 1, 1, ERROR_CODE_COUNT - 1),
        .text = (seed & 1) != 0 ? "what is wrong: and what to do" : NULL,
        .field = (seed & 2) != 0 ? "loop_end_ms" : NULL,
        .request = (uint32_t)sample_bits(seed, 2), .sequence = sample_bits(seed, 3),
        .frame_kind = (enum frame_kind)between(seed, 4, 0, FRAME_KIND_COUNT - 1), .closing = (seed & 4) != 0,
        .refused_listed = between(seed, 5, 0, WIRE_REFUSED_MAX),
        .names = { between(seed, 6, 0, WIRE_REFUSED_MAX), names_of("name", 3) },
        .address = (seed & 8) != 0 ? "10.1.0.11:7411" : NULL };
    ret->refused_count = ret->refused_listed * 3;
    for (int32_t i = 0; i < ret->refused_listed; i++) {
        ret->refused[i] = (struct refused_reading){ (enum reading_kind)(i % 3),
            between(seed, 10 + (uint64_t)i, 0, 99999),
            (enum reading_refusal)(i % READING_REFUSAL_COUNT) };
    }
}

void sample_plan(uint64_t seed, struct green *greens, struct plan *ret)
{
    bool cyclic = (seed & 1) != 0;
    *ret = (struct plan){ .intersection = between(seed, 1, 0, INT32_MAX - 1),
        .kind = cyclic ? PLAN_CYCLIC : PLAN_ROLLING,
        .handover = (seed & 2) != 0, .version = version_of(seed, 2), .site_hash = sample_bits(seed, 5),
        .base_ms = SAMPLE_TIME_MS + between(seed, 6, -100000, 100000),
        .valid_from_ms = (seed & 12) == 0 ? INT64_MIN : SAMPLE_TIME_MS, .valid_until_ms = (seed & 12) == 4 ? INT64_MAX
            : SAMPLE_TIME_MS + between(seed, 7, 0, 1 << 30),
        .cycle_ms = cyclic ? between(seed, 8, 1, INT32_MAX - 1) : 0,
        .offset_ms = cyclic ? between(seed, 9, 0, 99999) : 0,
        .coordinated_stage = cyclic ? between(seed, 10, -1, STAGE_COUNT_MAX - 1) : INDEX_NONE,
        .fallback = between(seed, 11, 0, INT32_MAX - 1),
        .reason = { (enum reason_kind)between(seed, 12, 0, REASON_FALLBACK), between(seed, 13, -1, STAGE_COUNT_MAX - 1),
            (int32_t)(uint32_t)sample_bits(seed, 14), (int32_t)(uint32_t)sample_bits(seed, 15) },
        .green_count = between(seed, 16, 0, (seed & 16) != 0 ? PLAN_GREEN_COUNT_MAX : 20), .greens = greens };
    int32_t start_ms = 0;
    for (int32_t i = 0; i < ret->green_count; i++) {
        uint64_t draw = 100 + 4 * (uint64_t)i;
        int32_t group = (int32_t)((int64_t)i * GROUP_COUNT_MAX / ret->green_count);
        bool first = i == 0 || group != greens[i - 1].group;
        start_ms = first ? between(seed, draw, -200000, 0) : start_ms + between(seed, draw, 0, 90000);
        greens[i] = (struct green){ start_ms, start_ms + 1 + between(seed, draw + 1, 0, 90000), (int16_t)group,
            (int16_t)between(seed, draw + 2, -1, STAGE_COUNT_MAX - 1) };
    }
}

void sample_report(uint64_t seed, int32_t intersection, int32_t group_count, struct controller_report *ret)
{
    *ret = (struct controller_report){ .intersection = intersection,
        .time_ms = SAMPLE_TIME_MS + between(seed, 1, -5000, 5000),
        .mode = (enum controller_mode)between(seed, 2, 0, CONTROLLER_FLASH), .running = version_of(seed, 3),
        .waiting = version_of(seed, 6), .stage = between(seed, 9, -1, 7), .faults = (uint32_t)sample_bits(seed, 10),
        .group_count = group_count,
        .calls = seed % 2 == 0 && group_count > 0 ? sample_bits(seed, 11) >> (64 - group_count) : 0 };
    for (int32_t g = 0; g < group_count; g++) {
        ret->aspect[g] = (uint8_t)between(seed, 20 + 2 * (uint64_t)g, 0, ASPECT_FLASHING_RED);
        ret->age_ms[g] = g % 5 == 4 ? INT32_MAX : between(seed, 21 + 2 * (uint64_t)g, 0, 99999999);
    }
}

void sample_fallback(uint64_t seed, struct fallback_table *ret)
{
    static struct fallback_program programs[4];
    static struct green greens[32];
    static struct fallback_switch switches[8];
    static const int32_t HOLIDAYS[3] = { 20723, -5, 20818 };
    for (int32_t p = 0; p < 4; p++) {
        programs[p] = (struct fallback_program){ .cycle_ms = 60000 + 1000 * p,
            .offset_ms = between(seed, (uint64_t)p, 0, 59999),
            .coordinated_stage = p - 1, .first_green = 8 * p, .green_count = 8 };
        for (int32_t i = 0; i < 8; i++) {
            int32_t start_ms = between(seed, 10 + (uint64_t)(8 * p + i), 0, 59999);
            greens[8 * p + i] = (struct green){ start_ms, start_ms + between(seed, 50, 1, 60000), (int16_t)i,
                (int16_t)(i % 4 - 1) };
        }
    }
    for (int32_t i = 0; i < 8; i++) {
        switches[i] = (struct fallback_switch){ 1u << i, i * 10799, i % 4 };
    }
    *ret = (struct fallback_table){ .intersection = between(seed, 60, 0, 99999),
        .fallback = between(seed, 61, 1, 99999),
        .site_hash = sample_bits(seed, 62), .time_zone = "Europe/Berlin", .reference_ms = SAMPLE_TIME_MS,
        .program_count = 4, .green_count = 32, .switch_count = between(seed, 63, 0, 8),
        .holiday_count = between(seed, 64, 0, 3), .programs = programs, .greens = greens, .switches = switches,
        .holidays = HOLIDAYS };
}

void sample_override(uint64_t seed, struct override_request *ret)
{
    *ret = (struct override_request){ .request = (uint32_t)sample_bits(seed, 1),
        .intersection_name = (seed & 1) != 0 ? "crossing1_0" : NULL,
        .what = { .intersection = (seed & 1) != 0 ? INDEX_NONE : between(seed, 2, 0, 2),
            .kind = (enum override_kind)(seed / 2 % 4), .stage = seed / 2 % 4 == OVERRIDE_STAGE ? 3 : INDEX_NONE },
        .duration_ms = (seed & 16) != 0 ? between(seed, 3, 1, 99999) : 0 };
    if (ret->what.kind == OVERRIDE_STRATEGY) {
        (void)snprintf(ret->what.strategy, sizeof ret->what.strategy, "max-pressure");
    }
    ret->what.until_ms = ret->duration_ms > 0 ? 0 : SAMPLE_TIME_MS + 60000;
}

void sample_priority(uint64_t seed, struct priority_request *ret)
{
    static int32_t route[20];
    for (uint64_t i = 0; i < 20; i++) {
        route[i] = between(seed, 10 + i, 0, 8);
    }
    bool named = (seed & 1) != 0;
    *ret = (struct priority_request){ .request = (uint32_t)sample_bits(seed, 1), .link_name = named ? "link2_0" : NULL,
        .lane_position = named ? 1 : 0,
        .what = { .vehicle = (int64_t)sample_bits(seed, 2), .kind = (enum priority_kind)(seed / 2 % 2),
            .lane = named ? INDEX_NONE : between(seed, 3, 0, 9), .to_stop_mm = between(seed, 4, 0, 999999),
            .speed_mmps = between(seed, 5, 0, 99999), .late_s = between(seed, 6, -600, 600),
            .departs_in_ms = between(seed, 6, 0, 1) * between(seed, 5, 0, 99999) } };
    if ((seed & 4) != 0) {
        static const char *const NAMES[3] = { "link0_0", "link2_0", "link1_0" };
        ret->route_names = (struct names_said){ 3, NAMES };
    } else {
        ret->what.route = route;
        ret->what.route_count = between(seed, 7, 0, 20);
    }
}

void sample_status(uint64_t seed, struct city_status *ret)
{
    static struct status_row rows[12];
    for (int32_t i = 0; i < 12; i++) {
        uint64_t draw = 100 + 10 * (uint64_t)i;
        rows[i] = (struct status_row){ .intersection = i, .updated_ms = SAMPLE_TIME_MS + i,
            .mode = (enum controller_mode)(i % 5), .reported = i % 2 == 0, .overridden = i % 3 == 0,
            .stage = between(seed, draw, -1, 7), .queue_mveh = (uint32_t)sample_bits(seed, draw + 1),
            .flow_vph = (uint32_t)sample_bits(seed, draw + 2), .confidence_permille = 999,
            .detectors_healthy = (uint32_t)i, .detectors_total = 12 };
    }
    *ret = (struct city_status){ .request = 5, .now_ms = SAMPLE_TIME_MS, .started_ms = SAMPLE_TIME_MS - 99999,
        .network = "town.ign", .strategy = "adaptive", .store = "up", .epoch = 3,
        .daemon = (uint32_t)sample_bits(seed, 1),
        .intersections = 12, .intersections_reported = 11, .intersections_overridden = 1, .intersections_fallback = 2,
        .sessions = { 0, 31, 32, 33, 34 }, .steps = sample_bits(seed, 2), .plans = 7,
        .readings_used = sample_bits(seed, 3),
        .readings_refused = 8, .readings_shed = 9, .frames_refused = 10, .guard_refused = 11, .step_us_last = 12,
        .step_us_max = 13, .store_queue_bytes = 14, .store_dropped = 15, .resident_bytes = 16,
        .alarms = { between(seed, 4, 0, 9), names_of("alarm", 3) }, .row_count = between(seed, 5, 0, 12),
        .rows = rows };
}

void sample_observations(uint64_t seed, int32_t loops, int32_t edges, int32_t cameras, int64_t end_ms,
                         struct observation_buffer *ret)
{
    struct observation_columns *rows = &ret->rows;
    observation_buffer_clear(ret);
    for (int32_t i = 0; i < loops; i++) {
        uint64_t draw = 10 * (uint64_t)i;
        rows->loops.detector[i] = i;
        rows->loops.length_ms[i] = (seed & 1) != 0 ? 1000 : between(seed, draw, 1, 900000);
        rows->loops.end_ms[i] = end_ms - between(seed, draw + 1, 0, 4000);
        rows->loops.vehicles[i] = between(seed, draw + 2, 0, 2 + rows->loops.length_ms[i] / READING_VEHICLE_MS_MIN);
        rows->loops.occupied_ms[i] = between(seed, draw + 3, 0, rows->loops.length_ms[i]);
        rows->loops.speed_mmps[i] = rows->loops.vehicles[i] == 0 ? -1 : between(seed, draw + 4, 0, 30000);
    }
    rows->loops.count = loops;
    for (int32_t i = 0; i < edges; i++) {
        rows->edges.detector[i] = i;
        rows->edges.at_ms[i] = end_ms - between(seed, 7 + 10 * (uint64_t)i, 0, 999);
        rows->edges.on[i] = i % 2;
    }
    rows->edges.count = edges;
    for (int32_t i = 0; i < cameras; i++) {
        uint64_t draw = 1000000 + 100 * (uint64_t)i;
        struct camera_columns *to = &rows->cameras;
        to->camera[i] = i;
        to->end_ms[i] = end_ms;
        to->length_ms[i] = 1000;
        to->in_view[i] = between(seed, draw, 0, 40);
        to->queued[i] = between(seed, draw + 1, 0, to->in_view[i]);
        to->tail_mm[i] = to->queued[i] * 7500;
        to->speed_mmps[i] = between(seed, draw + 2, -1, 20000);
        for (int turn = 0; turn < 4; turn++) {
            to->turned[turn][i] = between(seed, draw + 3 + (uint64_t)turn, 0, 3);
        }
        int32_t bins = (seed & 2) != 0 ? between(seed, draw + 8, 0, CAMERA_BIN_COUNT_MAX) : 0;
        int32_t first = to->first_bin[i];
        for (int32_t b = 0; b < bins; b++) {
            to->bin_vehicles[first + b] = between(seed, draw + 10 + 2 * (uint64_t)b, 0, 3);
            to->bin_speed_mmps[first + b] = between(seed, draw + 11 + 2 * (uint64_t)b, -1, 20000);
        }
        to->first_bin[i + 1] = first + bins;
        to->count = i + 1;
    }
}

static enum status observations_frame(uint64_t seed, struct frame_writer *out)
{
    static struct observation_buffer buffer;
    if (buffer.loop_count_max == 0) {
        observation_buffer_create(&buffer, 16, 16, 16, 16 * CAMERA_BIN_COUNT_MAX);
    }
    sample_observations(seed, between(seed, 1, 0, 16), between(seed, 2, 0, 16), between(seed, 3, 0, 16), SAMPLE_TIME_MS,
                        &buffer);
    struct observation_position position = { 0 };
    return wire_put_observations(out, 1 + sample_bits(seed, 4) / 2, &buffer.rows, FRAME_BYTES_MAX_DEFAULT, &position);
}

static enum status plan_frame(uint64_t seed, struct frame_writer *out)
{
    static struct green greens[PLAN_GREEN_COUNT_MAX];
    struct plan plan;
    sample_plan(seed, greens, &plan);
    return wire_put_plan(out, &plan);
}

static enum status reports_frame(uint64_t seed, struct frame_writer *out)
{
    struct controller_report reports[5];
    for (int32_t i = 0; i < 5; i++) {
        sample_report(seed * 5 + (uint64_t)i, i, 9, &reports[i]);
    }
    int32_t sent;
    return wire_put_reports(out, reports, 1 + (int32_t)(seed % 5), FRAME_BYTES_MAX_DEFAULT, &sent);
}

enum status sample_frame(uint64_t seed, enum frame_kind kind, struct frame_writer *out)
{
    union {
        struct hello hello;
        struct welcome welcome;
        struct wire_error error;
        struct controller_report report;
        struct fallback_table table;
        struct override_request override;
        struct priority_request priority;
        struct city_status status;
    } of;
    static const int32_t INTERSECTIONS[3] = { 2, 0, 1 };
    struct heartbeat heartbeat = { SAMPLE_TIME_MS, (seed & 1) != 0, (seed & 1) != 0 ? SAMPLE_TIME_MS - 77 : 0 };
    struct plan_request request = { 7, (seed & 1) != 0 ? INDEX_NONE : 1, (seed & 1) != 0 ? "crossing1_0" : NULL,
        version_of(seed, 1) };
    struct plan_not_changed same = { 8, 1, version_of(seed, 1) };
    struct plan_subscription wish = { 9, { (int32_t)(seed % 4), INTERSECTIONS }, seed % 4 == 0, (seed & 4) != 0 };
    static const enum status ANSWERS[] = { STATUS_OK, STATUS_STALE, STATUS_VERSION, STATUS_REFUSED, STATUS_RANGE,
        STATUS_UNKNOWN };
    struct plan_acknowledgement answer = { 1, version_of(seed, 1), ANSWERS[seed % 6],
        (seed & 1) != 0 ? "too late" : NULL };
    struct fallback_acknowledgement held = { 1, 4, (seed & 1) != 0, (seed & 2) != 0 ? "loaded" : NULL };
    struct request_result result = { 3, (seed & 1) != 0, SAMPLE_TIME_MS, (seed & 1) != 0 ? NULL : "maximum red" };
    struct status_request asked = { 3, 0, (int32_t)(seed % 100), (seed & 1) != 0 ? "B1" : NULL, (seed & 2) != 0 };
    struct alarm_row rows[3] = { { 1, ALARM_CRITICAL, SAMPLE_TIME_MS, 0, 2, 0, "", "B1", "flashes" },
        { 7, ALARM_WARNING, SAMPLE_TIME_MS, SAMPLE_TIME_MS + 1, 1, SAMPLE_TIME_MS + 2, "anna", "", "store" },
        { 9, ALARM_WARNING, SAMPLE_TIME_MS, 0, 1, 0, "", "", "" } };
    struct alarms_said alarms = { 3, SAMPLE_TIME_MS, (int32_t)(seed % 4), rows, (uint32_t)(seed % 2) };
    static const char *const RECORDS[] = { "{\"number\":1}", "{\"number\":2}" };
    struct audit_request records = { 3, (int64_t)(seed % 1000), SAMPLE_TIME_MS };
    struct audit_page page = { 3, (int32_t)(seed % 3), RECORDS, 2, (seed & 1) != 0 };
    switch (kind) {
    case FRAME_HELLO:
        sample_hello(seed, (enum role)(1 + seed % 4), &of.hello);
        return wire_put_hello(out, &of.hello);
    case FRAME_WELCOME:
        sample_welcome(seed, &of.welcome);
        return wire_put_welcome(out, &of.welcome);
    case FRAME_ERROR:
        sample_error(seed, &of.error);
        return wire_put_error(out, &of.error);
    case FRAME_HEARTBEAT:
        return wire_put_heartbeat(out, &heartbeat);
    case FRAME_OBSERVATIONS:
        return observations_frame(seed, out);
    case FRAME_PLAN_REQUEST:
        return wire_put_plan_request(out, &request);
    case FRAME_PLAN:
        return plan_frame(seed, out);
    case FRAME_PLAN_NOT_CHANGED:
        return wire_put_plan_not_changed(out, &same);
    case FRAME_PLAN_SUBSCRIPTION:
        return wire_put_plan_subscription(out, &wish);
    case FRAME_PLAN_ACKNOWLEDGEMENT:
        return wire_put_plan_acknowledgement(out, &answer);
    case FRAME_CONTROLLER_STATUS:
        sample_report(seed, (int32_t)(seed % 3), 9, &of.report);
        return wire_put_report(out, &of.report);
    case FRAME_CONTROLLER_STATUSES:
        return reports_frame(seed, out);
    case FRAME_FALLBACK_TABLE:
        sample_fallback(seed, &of.table);
        return wire_put_fallback_table(out, &of.table);
    case FRAME_FALLBACK_ACKNOWLEDGEMENT:
        return wire_put_fallback_acknowledgement(out, &held);
    case FRAME_CLOCK_ADVANCE:
        return wire_put_clock_advance(out, SAMPLE_TIME_MS + (int64_t)(seed % 100000));
    case FRAME_CLOCK_REACHED:
        return wire_put_clock_reached(out, SAMPLE_TIME_MS, (uint32_t)seed);
    case FRAME_PRIORITY_REQUEST:
        sample_priority(seed, &of.priority);
        return wire_put_priority(out, &of.priority);
    case FRAME_OVERRIDE:
        sample_override(seed, &of.override);
        return wire_put_override(out, &of.override);
    case FRAME_REQUEST_RESULT:
        return wire_put_request_result(out, &result);
    case FRAME_STATUS_REQUEST:
        return wire_put_status_request(out, &asked);
    case FRAME_STATUS:
        sample_status(seed, &of.status);
        return wire_put_status(out, &of.status);
    case FRAME_ALARMS_REQUEST:
        return wire_put_alarms_request(out, 3);
    case FRAME_ALARMS:
        return wire_put_alarms(out, &alarms);
    case FRAME_ALARM_ACKNOWLEDGE:
        return wire_put_alarm_acknowledge(out, 3, (uint32_t)(seed % 9));
    case FRAME_AUDIT_REQUEST:
        return wire_put_audit_request(out, &records);
    case FRAME_AUDIT_PAGE:
        return wire_put_audit_page(out, &page);
    case FRAME_NONE:
    case FRAME_KIND_COUNT:
        break;
    }
    return STATUS_UNKNOWN;
}

static enum status reports_decode(struct cursor message, const char **ret_field)
{
    struct report_reader reader;
    struct controller_report report;
    enum status status = report_reader_open(&reader, message, ret_field);
    while (status == STATUS_OK) {
        status = report_reader_next(&reader, &report, ret_field);
        if (status == STATUS_UNKNOWN) {
            return STATUS_OK;
        }
    }
    return status;
}

static enum status observations_decode(struct cursor message, const char **ret_field)
{
    static struct observation_buffer buffer;
    if (buffer.loop_count_max == 0) {
        observation_buffer_create(&buffer, 64, 64, 64, 1024);
    }
    observation_buffer_clear(&buffer);
    struct reading_rules rules = { .detector_count = 32, .camera_count = 32, .all = true,
        .end_ms_min = SAMPLE_TIME_MS - 900000, .end_ms_max = SAMPLE_TIME_MS + 1000 };
    struct reading_result result;
    return wire_get_observations(message, &rules, 0, &buffer, &result, ret_field);
}

enum status sample_decode(enum frame_kind kind, struct cursor message, struct arena *arena, const char **ret_field)
{
    static struct green greens[PLAN_GREEN_COUNT_MAX];
    union {
        struct hello hello;
        struct welcome welcome;
        struct wire_error error;
        struct heartbeat heartbeat;
        struct plan_request request;
        struct plan plan;
        struct plan_not_changed same;
        struct plan_subscription wish;
        struct plan_acknowledgement answer;
        struct controller_report report;
        struct fallback_table table;
        struct fallback_acknowledgement held;
        int64_t t_ms;
        struct priority_request priority;
        struct override_request override;
        struct request_result result;
        struct status_request asked;
        struct city_status status;
        struct alarms_said alarms;
        struct audit_request records;
        struct audit_page page;
    } of;
    uint32_t plans, request, id;
    switch (kind) {
    case FRAME_HELLO:
        return wire_get_hello(message, arena, &of.hello, ret_field);
    case FRAME_WELCOME:
        return wire_get_welcome(message, arena, &of.welcome, ret_field);
    case FRAME_ERROR:
        return wire_get_error(message, arena, &of.error, ret_field);
    case FRAME_HEARTBEAT:
        return wire_get_heartbeat(message, &of.heartbeat, ret_field);
    case FRAME_OBSERVATIONS:
        return observations_decode(message, ret_field);
    case FRAME_PLAN_REQUEST:
        return wire_get_plan_request(message, arena, &of.request, ret_field);
    case FRAME_PLAN:
        return wire_get_plan(message, greens, &of.plan, ret_field);
    case FRAME_PLAN_NOT_CHANGED:
        return wire_get_plan_not_changed(message, &of.same, ret_field);
    case FRAME_PLAN_SUBSCRIPTION:
        return wire_get_plan_subscription(message, arena, &of.wish, ret_field);
    case FRAME_PLAN_ACKNOWLEDGEMENT:
        return wire_get_plan_acknowledgement(message, arena, &of.answer, ret_field);
    case FRAME_CONTROLLER_STATUS:
        return wire_get_report(message, arena, &of.report, ret_field);
    case FRAME_CONTROLLER_STATUSES:
        return reports_decode(message, ret_field);
    case FRAME_FALLBACK_TABLE:
        return wire_get_fallback_table(message, arena, &of.table, ret_field);
    case FRAME_FALLBACK_ACKNOWLEDGEMENT:
        return wire_get_fallback_acknowledgement(message, arena, &of.held, ret_field);
    case FRAME_CLOCK_ADVANCE:
        return wire_get_clock_advance(message, &of.t_ms, ret_field);
    case FRAME_CLOCK_REACHED:
        return wire_get_clock_reached(message, &of.t_ms, &plans, ret_field);
    case FRAME_PRIORITY_REQUEST:
        return wire_get_priority(message, arena, &of.priority, ret_field);
    case FRAME_OVERRIDE:
        return wire_get_override(message, arena, &of.override, ret_field);
    case FRAME_REQUEST_RESULT:
        return wire_get_request_result(message, arena, &of.result, ret_field);
    case FRAME_STATUS_REQUEST:
        return wire_get_status_request(message, arena, &of.asked, ret_field);
    case FRAME_STATUS:
        return wire_get_status(message, arena, &of.status, ret_field);
    case FRAME_ALARMS_REQUEST:
        return wire_get_alarms_request(message, &request, ret_field);
    case FRAME_ALARMS:
        return wire_get_alarms(message, arena, &of.alarms, ret_field);
    case FRAME_ALARM_ACKNOWLEDGE:
        return wire_get_alarm_acknowledge(message, &request, &id, ret_field);
    case FRAME_AUDIT_REQUEST:
        return wire_get_audit_request(message, &of.records, ret_field);
    case FRAME_AUDIT_PAGE:
        return wire_get_audit_page(message, arena, &of.page, ret_field);
    case FRAME_NONE:
    case FRAME_KIND_COUNT:
        break;
    }
    return STATUS_UNKNOWN;
}
