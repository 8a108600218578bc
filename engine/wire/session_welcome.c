#include <assert.h>
#include <stdlib.h>

#include "engine/base/memory.h"
#include "engine/wire/session.h"

// Names that were not granted, as an Error lists them.
struct blame {
    enum error_code code;
    int32_t count;
    const char *names[WIRE_REFUSED_MAX];
};

// What the resolving of names works on.
struct welcoming {
    const struct session_grant *grant;
    struct arena *arena;
    struct blame unknown, foreign;
};

static void blame_add(struct blame *blame, const char *name)
{
    int32_t listed = blame->count < WIRE_REFUSED_MAX ? blame->count : WIRE_REFUSED_MAX;
    if (listed < WIRE_REFUSED_MAX) {
        blame->names[listed] = name;
    }
    blame->count++;
}

static int32_t index_of(const struct network *network, enum owned_kind kind, const char *name)
{
    int32_t text = names_find(&network->names, name);
    if (text == NAME_NONE) {
        return INDEX_NONE;
    }
    switch (kind) {
    case OWNED_DETECTOR:
        return network->detector_by_name[text];
    case OWNED_CAMERA:
        return network->camera_by_name[text];
    case OWNED_INTERSECTION:
        return network->intersection_by_name[text];
    }
    return INDEX_NONE;
}

// The index of each name, -1 where it is unknown or not granted. false: the arena has no room.
static bool names_resolve(struct welcoming *with, enum owned_kind kind, const struct names_said *names, bool granted,
                          struct indices *ret)
{
    const struct session_grant *grant = with->grant;
    int32_t *indices = arena_take(with->arena, (size_t)names->count * sizeof *indices);
    if (indices == NULL) {
        return false;
    }
    for (int32_t i = 0; i < names->count; i++) {
        int32_t index = index_of(grant->network, kind, names->names[i]);
        if (index == INDEX_NONE) {
            blame_add(&with->unknown, names->names[i]);
        } else if (!granted || (grant->owns != NULL && !grant->owns(grant->context, kind, index))) {
            blame_add(&with->foreign, names->names[i]);
            index = INDEX_NONE;
        }
        indices[i] = index;
    }
    *ret = (struct indices){ names->count, indices };
    return true;
}

static int ascending(const void *left, const void *right)
{
    int32_t a = *(const int32_t *)left;
    int32_t b = *(const int32_t *)right;
    return (a > b) - (a < b);
}

// Copies the granted indices to `to`, sorted and each once; gives how many.
static int32_t owned_fill(int32_t *to, const struct indices *from)
{
    int32_t count = 0;
    for (int32_t i = 0; i < from->count; i++) {
        if (from->at[i] != INDEX_NONE) {
            to[count++] = from->at[i];
        }
    }
    if (count == 0) {
        return 0;
    }
    qsort(to, (size_t)count, sizeof *to, ascending);
    int32_t kept = 1;
    for (int32_t i = 1; i < count; i++) {
        if (to[i] != to[kept - 1]) {
            to[kept++] = to[i];
        }
    }
    return kept;
}

static void owned_take(struct session *session, const struct welcome *welcome)
{
    const struct indices none = { 0 };
    bool senses = session->role == ROLE_DETECTOR;
    bool plays = session->role == ROLE_CONTROLLER;
    const struct indices *detectors = senses ? &welcome->detectors : &none;
    const struct indices *cameras = senses ? &welcome->cameras : &none;
    const struct indices *intersections = plays ? &welcome->intersections : &none;
    int32_t total = detectors->count + cameras->count + intersections->count;
    free(session->owned);
    session->owned = total > 0 ? memory_take((size_t)total, sizeof *session->owned) : NULL;
    int32_t *at = session->owned;
    session->detectors = (struct indices){ owned_fill(at, detectors), at };
    at += session->detectors.count;
    session->cameras = (struct indices){ owned_fill(at, cameras), at };
    at += session->cameras.count;
    session->intersections = (struct indices){ owned_fill(at, intersections), at };
}

static enum status blame_write(const struct blame *blame, const char *text, struct frame_writer *out)
{
    if (blame->count == 0) {
        return STATUS_OK;
    }
    struct wire_error error = {
        .code = blame->code,
        .text = text,
        .frame_kind = FRAME_HELLO,
        .refused_count = blame->count,
        .names = { blame->count < WIRE_REFUSED_MAX ? blame->count : WIRE_REFUSED_MAX, blame->names },
    };
    return wire_put_error(out, &error);
}

// Which kinds of things a role may name as its own. Operators and simulators may look up anything.
static bool may_name(enum role role, enum owned_kind kind)
{
    switch (role) {
    case ROLE_DETECTOR:
        return kind != OWNED_INTERSECTION;
    case ROLE_CONTROLLER:
        return kind == OWNED_INTERSECTION;
    case ROLE_OPERATOR:
    case ROLE_SIMULATOR:
        return true;
    case ROLE_NONE:
    case ROLE_COUNT:
        break;
    }
    return false;
}

enum status session_welcome(struct session *session, const struct hello *hello, const struct session_grant *grant,
                            int64_t now_ms, const struct session_room *room)
{
    assert(session->state == SESSION_DECIDING);
    assert(grant->network != NULL);
    bool other = hello->network_hash != 0 && hello->network_hash != grant->network->hash;
    if (other || (hello->role == ROLE_SIMULATOR && hello->network_hash == 0)) {
        session_refuse(session, ERROR_NETWORK, other ? "the daemon runs another network than the one said in the Hello"
            : "a simulator must say the hash of its network", room->out);
        return STATUS_VERSION;
    }
    struct welcome welcome = { .protocol = WIRE_PROTOCOL, .daemon = grant->daemon, .epoch = grant->epoch,
        .clock_ms = now_ms, .echo_clock_ms = hello->clock_ms, .network_hash = grant->network->hash,
        .sequence_after = grant->sequence_after, .frame_bytes_max = session->limits.frame_bytes_max,
        .heartbeat_ms = grant->heartbeat_ms, .source = grant->source };
    struct welcoming with = { .grant = grant, .arena = room->arena, .unknown = { .code = ERROR_UNKNOWN },
        .foreign = { .code = ERROR_OWNER } };
    enum role role = session->role;
    if (!names_resolve(&with, OWNED_DETECTOR, &hello->detectors, may_name(role, OWNED_DETECTOR), &welcome.detectors)
        || !names_resolve(&with, OWNED_CAMERA, &hello->cameras, may_name(role, OWNED_CAMERA), &welcome.cameras)
        || !names_resolve(&with, OWNED_INTERSECTION, &hello->intersections, may_name(role, OWNED_INTERSECTION),
                          &welcome.intersections)) {
        return STATUS_LIMIT;
    }
    size_t before = room->out->used;
    enum status status = wire_put_welcome(room->out, &welcome);
    if (status == STATUS_OK) {
        status = blame_write(&with.unknown, "the network has no such names; the others are taken", room->out);
    }
    if (status == STATUS_OK) {
        status = blame_write(&with.foreign, "these belong to somebody else; the others are taken", room->out);
    }
    if (status != STATUS_OK) {
        room->out->used = before;
        return status;
    }
    owned_take(session, &welcome);
    session->network = grant->network;
    session->source = grant->source;
    session->sequence = grant->sequence_after;
    session->simulator_ms = hello->simulator.begin_ms;
    session->reader.frame_bytes_max = session->limits.frame_bytes_max;
    session->heard_ms = now_ms;
    session->state = SESSION_OPEN;
    return STATUS_OK;
}
