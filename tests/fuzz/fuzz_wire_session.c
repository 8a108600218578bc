// Goal: whatever a peer sends, in whatever pieces, the daemon's side of a session reads nothing out of bounds, tells
// only what the role permits and the network has, takes only readings that keep the rules, and answers in whole frames.
//
// The input: role and size of the pieces (2 bytes), then a script (wire_script.h). A good Hello goes before it, unless
// the role is none.
#include <stdlib.h>
#include <string.h>

#include "tests/engine/crossings.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/fuzz/wire_script.h"

#define NOW_MS INT64_C(1790000000000)
#define OUT_BYTES (1 << 20)

static struct crossings town;
static struct arena arena, check_arena;
static struct observation_buffer rows;
static uint8_t stream[SCRIPT_STREAM_BYTES], out_bytes[OUT_BYTES];

static void open_all(void)
{
    if (arena.block == NULL) {
        crossings_build(&town, 3, 300.0);
        arena_create(&arena, WIRE_ARENA_BYTES);
        arena_create(&check_arena, WIRE_ARENA_BYTES);
        observation_buffer_create(&rows, 300, 300, 300, 3000);
    }
}

static void demand(bool holds)
{
    if (!holds) {
        abort();
    }
}

static void check_rows(const struct session *session)
{
    const struct network *network = &town.network;
    const struct observation_columns *seen = &rows.rows;
    int64_t latest_ms = (session->role == ROLE_SIMULATOR ? session->simulator_ms + 900000 : NOW_MS + 1000);
    for (int32_t i = 0; i < seen->loops.count; i++) {
        demand(seen->loops.detector[i] >= 0 && seen->loops.detector[i] < network->detector_count);
        demand(seen->loops.length_ms[i] > 0 && seen->loops.length_ms[i] <= READING_LENGTH_MS_MAX);
        demand(seen->loops.end_ms[i] <= latest_ms && seen->loops.end_ms[i] >= latest_ms - 2 * 900000 - 1000);
        demand(seen->loops.vehicles[i] >= 0 && seen->loops.vehicles[i] <= 2 + seen->loops.length_ms[i] / 250);
        demand(seen->loops.occupied_ms[i] >= 0 && seen->loops.occupied_ms[i] <= seen->loops.length_ms[i]);
        demand(seen->loops.speed_mmps[i] >= -1 && seen->loops.speed_mmps[i] <= READING_SPEED_MMPS_MAX);
    }
    for (int32_t i = 0; i < seen->edges.count; i++) {
        demand(seen->edges.detector[i] >= 0 && seen->edges.detector[i] < network->detector_count);
        demand(seen->edges.on[i] == 0 || seen->edges.on[i] == 1);
    }
    demand(seen->cameras.first_bin[0] == 0 && seen->cameras.first_bin[seen->cameras.count] <= rows.bin_count_max);
    for (int32_t i = 0; i < seen->cameras.count; i++) {
        int32_t bins = seen->cameras.first_bin[i + 1] - seen->cameras.first_bin[i];
        demand(seen->cameras.camera[i] >= 0 && seen->cameras.camera[i] < network->camera_count);
        demand(bins >= 0 && bins <= CAMERA_BIN_COUNT_MAX);
        demand(seen->cameras.queued[i] >= 0 && seen->cameras.queued[i] <= seen->cameras.in_view[i]);
    }
}

static void check_request(const struct session_event *event)
{
    const struct network *network = &town.network;
    if (event->kind == SESSION_OVERRIDE) {
        const struct override *what = &event->override;
        demand(what->intersection >= 0 && what->intersection < network->intersection_count);
        demand(what->kind != OVERRIDE_STAGE
               || what->stage < network->intersections[what->intersection].stage_count);
        demand(what->kind == OVERRIDE_NONE || what->until_ms > NOW_MS);
    }
    if (event->kind == SESSION_PRIORITY) {
        demand(event->priority.lane >= 0 && event->priority.lane < network->lane_count);
        for (int32_t i = 0; i < event->priority.route_count; i++) {
            demand(event->priority.route[i] >= 0 && event->priority.route[i] < network->link_count);
        }
    }
}

static void check_event(const struct session *session, const struct session_event *event)
{
    const struct network *network = &town.network;
    demand(event->kind > SESSION_NOTHING && event->kind < SESSION_EVENT_KIND_COUNT);
    demand((event->kind == SESSION_CLOSE) == (session->state == SESSION_CLOSING));
    if (event->kind == SESSION_REFUSED || event->kind == SESSION_CLOSE || event->kind == SESSION_HELLO) {
        return;
    }
    demand(session_permits(session->role, event->frame_kind));
    if (event->kind == SESSION_OBSERVATIONS) {
        check_rows(session);
    }
    if (event->kind == SESSION_REPORT) {
        demand(session_plays(session, event->report.intersection));
        demand(event->report.group_count == network->intersections[event->report.intersection].group_count);
    }
    if (event->kind == SESSION_PLAN_REQUEST) {
        demand(session_reads(session, event->plan_request.intersection));
    }
    check_request(event);
}

static void greet(struct session *session, const struct session_event *event, const struct session_room *room)
{
    struct session_grant grant = { .network = &town.network, .source = 1, .epoch = 1, .daemon = 1 };
    struct hello hello = *event->hello;
    hello.network_hash = town.network.hash;   // A sample's hash is random.
    enum status status = session_welcome(session, &hello, &grant, NOW_MS, room);
    demand(status == STATUS_OK);
}

static void talk(const uint8_t *bytes, size_t count, size_t piece)
{
    struct session_limits limits = session_limits_default();
    struct session session;
    session_create(&session, &limits, NOW_MS);
    observation_buffer_clear(&rows);
    for (size_t at = 0; at < count; at += piece) {
        size_t part = piece < count - at ? piece : count - at;
        uint8_t *copy = malloc(part);
        memcpy(copy, bytes + at, part);
        session_input(&session, copy, part, NOW_MS);
        enum session_event_kind kind = SESSION_CLOCK_MEASURED;
        while (kind != SESSION_NOTHING && kind != SESSION_CLOSE) {
            struct frame_writer out = frame_writer_over(out_bytes, sizeof out_bytes);
            struct session_room room = { &arena, &rows, &out };
            struct session_event event;
            kind = session_next(&session, NOW_MS, &room, &event);
            if (kind != SESSION_NOTHING) {
                check_event(&session, &event);
            }
            if (kind == SESSION_HELLO) {
                greet(&session, &event, &room);
            }
            script_check_written(out_bytes, out.used, &check_arena);
            if (rows.rows.loops.count > 200 || rows.rows.edges.count > 200 || rows.rows.cameras.count > 200) {
                observation_buffer_clear(&rows);
            }
        }
        free(copy);
    }
    session_release(&session);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    open_all();
    if (bytes < 2) {
        return 0;
    }
    size_t count = 0;
    enum role role = (enum role)(data[0] % ROLE_COUNT);
    if (role != ROLE_NONE) {
        struct hello hello;
        sample_hello(data[0], role, &hello);
        struct frame_writer out = frame_writer_over(stream, sizeof stream);
        demand(wire_put_hello(&out, &hello) == STATUS_OK);
        count = out.used;
    }
    static uint8_t script[SCRIPT_STREAM_BYTES];
    size_t more = script_play(data + 2, bytes - 2, script);
    more = more < sizeof stream - count ? more : sizeof stream - count;
    memcpy(stream + count, script, more);
    talk(stream, count + more, data[1] == 0 ? sizeof stream : data[1]);
    return 0;
}
