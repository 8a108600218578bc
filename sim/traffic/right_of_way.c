#include "sim/traffic/right_of_way.h"

#include <math.h>

#include "sim/traffic/closures.h"
#include "sim/traffic/trips.h"

static const float MARGIN_S = 1.0f;            // between two users of a common area: SUMO's jmTimegapMinor
static const float CLOSING_MPS2 = 2.0f;        // what one expects of a follower behind whom one merges
static const float FOE_MPS2 = 2.6f;            // how fast one expects the other to start: SUMO's default driver
static const float PATIENCE_S = 5.0f;          // then foes that stand outside are ignored, by the lowest path
static const float EQUAL_S = 1.5f;             // the same where nobody has the right of way
static const float CREEP_S = 0.5f;             // so long an IDM driver stands before it creeps over its line
static const float NOTICE_S = 0.5f;             // till the other sees it
static const float BLOCKER_S = 20.0f;          // then a standing blocker inside is ignored
static const float STANDING_MPS = 0.5f;
static const float AT_LINE_M = 5.0f;           // a head this near stands at its line
static const float LAID_M = 0.1f;              // one that came so near in a step was laid there, as it was to stop
static const float FEEDER_M = 60.0f;           // shorter lanes are looked through, one lane upstream
static const float NEVER_S = 1.0e6f;
static const float IMPATIENT_S = 180.0f;       // SUMO's time to impatience
static const float MERGE_S = 14.0f;            // one who stands at its line sees so far who comes to the same lane
static const float MERGE_INSIDE_S = 9.0f;       // and one who waits inside
static const float COULD_STOP_S = 30.0f;       // so much later comes who could stop altogether, as SUMO counts
static const float FOE_BRAKE_MPS2 = 4.5f;      // SUMO's default driver
static const float TAIL_MPS2 = 3.0f;           // how hard the last one on an exit is expected to brake, if at all

// A vehicle on a foe path; x as in the header.
struct other {
    float x, speed, length;
    int16_t yielded;                   // steps that it has stood at its line
};

// Time to go `way` metres from `speed` with `acceleration` up to `limit`.
static float time_to(float way, float speed, float acceleration, float limit)
{
    if (way <= 0.0f) {
        return 0.0f;
    }
    if (speed >= limit) {
        return way / (speed > 0.1f ? speed : 0.1f);
    }
    float rise = (limit * limit - speed * speed) / (2.0f * acceleration);
    if (way < rise) {
        return (sqrtf(speed * speed + 2.0f * acceleration * way) - speed) / acceleration;
    }
    return (limit - speed) / acceleration + (way - rise) / limit;
}

static bool stops_within(float speed, float way, float brake)
{
    return speed * speed <= 2.0f * brake * way;   // who stands at its line has stopped
}

// Whether who sees yellow brakes for it: if its comfortable deceleration is enough, as SUMO's drivers do.
static bool stops_at_yellow(const struct street *street, const struct viewer *viewer, float to_line)
{
    uint32_t type = viewer->kind & KIND_TYPE;
    float saved = street->types.krauss[type] ? 0.5f * viewer->speed * street->step_s : 0.0f;
    return stops_within(viewer->speed, to_line + saved, greaterf(YELLOW_MPS2, street->types.deceleration[type]));
}

// Seconds to the line of one who goes on at yellow and brakes, comfortably and as late as it can, for the limit beyond.
// Each step takes on its new speed at once: braking from v one drives as if from half a step's braking less.
static float time_to_line(const struct street *street, const struct path *path, const struct viewer *viewer,
                          float to_line)
{
    float brake = street->types.deceleration[viewer->kind & KIND_TYPE];
    float v = viewer->speed - 0.5f * brake * street->step_s, limit = path->limit * viewer->factor;
    if (limit >= v) {
        return viewer->speed > 0.1f ? to_line / viewer->speed : NEVER_S;
    }
    float braking = (v * v - limit * limit) / (2.0f * brake);
    if (braking <= to_line) {
        return (v - limit) / brake + (to_line - braking) / v;
    }
    float rest = v * v - 2.0f * brake * to_line;
    return rest > 0.0f ? (v - sqrtf(rest)) / brake : NEVER_S;
}

// Whether who sees yellow would come to the line only after it: drivers know how long their yellow lasts. One who must
// slow down for its turn stops instead, as hard as it can.
static bool misses_yellow(const struct street *street, const struct path *path, const struct viewer *viewer,
                          float to_line)
{
    float yellow_s = (float)street->network->groups[path->group].yellow_ms * 0.001f;
    return time_to_line(street, path, viewer, to_line) > yellow_s;
}

float start_delay(const struct street *street, const struct path *path, uint32_t kind)
{
    double loss_s = street->types.start_loss[kind & KIND_TYPE];
    if (!rarely(loss_s > 0.0) || path->group < 0) {
        return 0.0f;
    }
    int64_t green_ms = street->now_ms - street->green_since_ms[path->group];
    double left_s = loss_s - (double)green_ms * 0.001;
    return left_s > 0.0 ? (float)left_s : 0.0f;
}

static enum aspect path_aspect(const struct street *street, const struct path *path)
{
    return path->group >= 0 ? (enum aspect)street->aspects[path->group] : ASPECT_DARK;
}

// Whether the signal lets a vehicle so far from the line pass; *ret_all: it must yield to everyone.
static bool signal_open(const struct street *street, const struct path *path, const struct viewer *viewer,
                        float to_line, bool *ret_all)
{
    *ret_all = false;
    if (path->group < 0) {
        return true;
    }
    switch ((enum aspect)street->aspects[path->group]) {
    case ASPECT_GREEN: {
        return !(viewer->speed < STANDING_MPS && to_line < AT_LINE_M
            && start_delay(street, path, viewer->kind) >= street->step_s);
    }
    case ASPECT_DARK:
    case ASPECT_FLASHING_YELLOW:
        return true;
    case ASPECT_FLASHING_RED:
        *ret_all = true;
        return viewer->waited_s > 0.0f;
    case ASPECT_YELLOW:
        // Whether one can stop at all is asked where the verdict is made.
        return !viewer->held && !stops_at_yellow(street, viewer, to_line)
            && !misses_yellow(street, path, viewer, to_line);
    case ASPECT_RED:
        *ret_all = true;
        return path->right_on_red && viewer->waited_s > 0.0f && to_line < AT_LINE_M;
    case ASPECT_RED_YELLOW:
        return false;
    }
    return false;
}

// No signal, or one that is out.
static bool signs_rule(const struct street *street, const struct path *path)
{
    return path->group < 0 || path_aspect(street, path) == ASPECT_DARK;
}

bool stop_sign(const struct street *street, const struct path *path)
{
    return rarely(path->rule == JUNCTION_ALL_WAY_STOP || (path->rule == JUNCTION_STOP && path->yields))
        && signs_rule(street, path);
}

// Metres that those inside on their way to the cell will need there.
static float room_promised(const struct street *street, const struct seen *lane)
{
    float promised = 0.0f;
    for (int32_t i = 0; i < lane->entry_count; i++) {
        int32_t path = street->entries[lane->first_entry + i].path;
        for (int32_t k = 0; k < street->inside[path].count; k++) {
            const struct crosser *crosser = &street->now[street->inside[path].first + k];
            promised += crosser->length + street->types.gap[crosser->kind & KIND_TYPE];
        }
    }
    return promised;
}

// Whether anybody inside on its way to the cell stands.
static bool stands_before(const struct street *street, const struct seen *lane)
{
    bool stands = false;
    for (int32_t i = 0; i < lane->entry_count; i++) {
        const struct inside *inside = &street->inside[street->entries[lane->first_entry + i].path];
        for (int32_t k = 0; k < inside->count; k++) {
            stands = stands || street->now[inside->first + k].speed < STANDING_MPS;
        }
    }
    return stands;
}

// Room on a lane before its last: where it stands now, or can be once it has braked. Who has just come out of a turn
// drives on: of its braking the gentle kind is expected, or one behind another would stop at the line for its rear.
static float tail_room(const struct seen *lane, float brake)
{
    float v = lane->tail_speed;
    brake = lesserf(brake, TAIL_MPS2);
    return lane->tail_rear + v * v / (2.0f * brake) + v;
}

// Time until the other has cleared `way` metres at the speed that it has.
static float time_cleared(float way, float speed)
{
    return speed > STANDING_MPS ? way / speed : NEVER_S;
}

// Who has waited long expects the other to brake for it a little, and the longer the more: SUMO's impatience, which
// grows with the wait to 1 after three minutes. When the other, at its line in foe_arrive, would be there then.
static float yielded_arrival(float impatience, float arrive, float foe_arrive, float way, float brake)
{
    if (impatience <= 0.0f || arrive >= foe_arrive) {
        return foe_arrive;
    }
    float m = brake * impatience;
    float v = way / (foe_arrive + 1.0f), left = way - v * arrive;   // as it will be when this one arrives
    float square = v * v - 2.0f * m * left;
    float braking = square <= 0.0f ? foe_arrive + COULD_STOP_S : arrive + (v - sqrtf(square)) / m;
    return foe_arrive + impatience * (braking - foe_arrive);
}

// Whether one who is still before its line comes too near in time. As SUMO's drivers judge it: the junction is one's
// own from one's line (or the place where one waits inside) till one's rear has left it, and so it is the other's.
static bool outsider_threatens(const struct path_foe *foe, const struct path *path, const struct path *foe_path,
                               const struct viewer *viewer, float x, float acceleration, float step_s,
                               const struct other *other)
{
    float limit = path->limit > viewer->speed ? path->limit : viewer->speed;
    float foe_limit = foe_path->limit > other->speed ? foe_path->limit : other->speed;
    // Outside it takes the speed of the step's end for its own.
    float speed = x < 0.0f ? lesserf(limit, viewer->speed + acceleration * step_s) : viewer->speed;
    float arrive = time_to(x < 0.0f ? -x : path->wait - x, speed, acceleration, limit);
    float leave = time_to(path->length + viewer->length - x, speed, acceleration, limit);
    float foe_arrive = time_to(-other->x, other->speed, FOE_MPS2, foe_limit);
    // Who waits inside has its own patience: it is let go by the end of the other's green.
    float impatience = x < 0.0f ? lesserf(1.0f, viewer->waited_s / IMPATIENT_S) : 0.0f;
    if (leave + MARGIN_S < yielded_arrival(impatience, arrive, foe_arrive, -other->x, FOE_BRAKE_MPS2)) {
        return false;   // before it
    }
    float foe_leave = time_cleared(foe_path->length + other->length - other->x, other->speed);
    return arrive < foe_leave + (foe->merges ? MARGIN_S : 0.0f);   // else behind it
}

// Whether one inside, on its way to the common area, comes too near in time.
static bool insider_threatens(const struct path_foe *foe, const struct path *path, const struct path *foe_path,
                              const struct viewer *viewer, float x, float acceleration, const struct other *other)
{
    float limit = path->limit > viewer->speed ? path->limit : viewer->speed;
    float leave_way = (foe->merges ? foe->enter : foe->leave) + viewer->length - x;
    float leave = time_to(leave_way, viewer->speed, acceleration, limit);
    float foe_limit = foe_path->limit > other->speed ? foe_path->limit : other->speed;
    float foe_arrive = time_to(foe->foe_enter - other->x, other->speed, FOE_MPS2, foe_limit);
    if (foe->merges) {
        float faster = other->speed - limit;
        foe_arrive -= faster > 0.0f ? faster / (2.0f * CLOSING_MPS2) : 0.0f;
    }
    if (leave + MARGIN_S < foe_arrive) {
        return false;   // before it
    }
    float arrive = time_to(foe->enter - x, viewer->speed, acceleration, limit);
    float foe_way = (foe->merges ? foe->foe_enter : foe->foe_leave) + other->length - other->x;
    return arrive < time_cleared(foe_way, other->speed);   // else behind it
}

bool held_by_signal(const struct street *street, const struct path *foe_path, float speed, float to_line)
{
    enum aspect aspect = path_aspect(street, foe_path);
    if (foe_path->group < 0 || aspect == ASPECT_GREEN || aspect == ASPECT_DARK || aspect == ASPECT_FLASHING_YELLOW) {
        return false;
    }
    return stops_within(speed, to_line, aspect == ASPECT_YELLOW ? YELLOW_MPS2 : 9.0f);
}

// The same of one whose way crosses the viewer's, which the viewer takes for a driver like itself: who can stop at
// yellow does not come, by the rule of stops_at_yellow.
static bool held_before(const struct street *street, const struct path *foe_path, const struct viewer *viewer,
                        float speed, float to_line)
{
    if (foe_path->group < 0 || path_aspect(street, foe_path) != ASPECT_YELLOW) {
        return held_by_signal(street, foe_path, speed, to_line);
    }
    float saved = street->types.krauss[viewer->kind & KIND_TYPE] ? 0.5f * speed * street->step_s : 0.0f;
    return stops_within(speed, to_line + saved, FOE_BRAKE_MPS2);
}

// Whether want of room beyond its line held the head in the last step: it does not come, as others see. Not in the
// first step of its green, when it was the signal.
static bool held_by_room(const struct street *street, const struct path *path, const struct seen *lane)
{
    return lane->head_held != 0 && (path->group < 0
        || street->now_ms - street->green_since_ms[path->group] > street->options.step_ms);
}

// Whether a lane itself has room for one more as most are.
static bool room_for_one(const struct street *street, const struct seen *lane)
{
    float room = lane->count > 0 ? tail_room(lane, FOE_BRAKE_MPS2) : lane->length;
    return room - room_promised(street, lane) >= street->length_usual + street->types.gap[0];
}

// Whether somebody stands inside before one that stands at its line, where their ways have not parted.
static bool blocked_inside(const struct street *street, const struct seen *lane, int32_t path_index)
{
    const struct watch *watch = &street->watches[path_index];
    if ((street->crossroads[watch->junction].busy & watch->lane) == 0) {
        return false;
    }
    for (int32_t i = 0; i < lane->path_count; i++) {
        int32_t other = lane->first_path + i, inside = street->inside[other].count;
        if (inside > 0) {
            const struct crosser *last = &street->now[street->inside[other].first + inside - 1];
            float until = other == path_index ? STOP_MARGIN_M : street->parts[street->paths[path_index].first_part + i];
            if (last->speed < STANDING_MPS && last->front - last->length < until) {
                return true;
            }
        }
    }
    return false;
}

// The first vehicle that is on its way to the foe path's line, if any. One held for want of room does not come, but to
// those who go to the same lane, while that has none: who crosses nobody looks for no room, and would fill each gap.
static bool approaching(const struct street *street, const struct path_foe *foe, const struct viewer *viewer,
                        struct other *ret)
{
    int32_t foe_index = foe->path;
    const struct path *foe_path = &street->paths[foe_index];
    const struct seen *lane = &street->seen[foe_path->from_cell];
    float length = lane->length;
    if (lane->count > 0) {
        bool first = lane->head_path == foe_index;
        if (!first && lane->second_path != foe_index) {
            return false;
        }
        float front = first ? lane->head_front : lane->second_front;
        ret->speed = first ? lane->head_speed : lane->second_speed;
        ret->x = front - length;
        ret->length = street->length_usual;
        ret->yielded = first ? lane->head_yielded : 0;
        if (!first && ret->speed < STANDING_MPS && lane->head_speed < STANDING_MPS) {
            return false;   // it cannot come before the head does
        }
        if (ret->speed < STANDING_MPS && first) {
            bool held = held_by_room(street, foe_path, lane)
                && (!foe->merges || room_for_one(street, &street->seen[foe_path->to_cell]));
            if (held || blocked_inside(street, lane, foe_index)) {
                return false;
            }
        }
        return !held_before(street, foe_path, viewer, ret->speed, -ret->x);
    }
    if (length > FEEDER_M) {
        return false;
    }
    for (int32_t i = 0; i < lane->entry_count; i++) {
        int32_t entry_index = street->entries[lane->first_entry + i].path;
        const struct path *entry = &street->paths[entry_index];
        if (street->inside[entry_index].count > 0) {
            const struct crosser *crosser = &street->now[street->inside[entry_index].first];
            *ret = (struct other){ crosser->front - entry->length - length, crosser->speed, crosser->length, 0 };
            return !held_before(street, foe_path, viewer, ret->speed, -ret->x);
        }
        const struct seen *before = &street->seen[entry->from_cell];
        if (before->count > 0 && before->head_path == entry_index) {
            float to_line = before->length - before->head_front;
            if (!held_before(street, entry, viewer, before->head_speed, to_line)) {
                *ret = (struct other){ -to_line - entry->length - length, before->head_speed, street->length_usual, 0 };
                return !held_before(street, foe_path, viewer, ret->speed, -ret->x);
            }
        }
    }
    return false;
}

// Whether this path has the lowest index among those whose heads stand before a line of a foe.
static bool lowest_standing(const struct street *street, int32_t path_index, const struct viewer *viewer)
{
    const struct path *path = &street->paths[path_index];
    for (int32_t i = 0; i < path->foe_count; i++) {
        const struct path_foe *foe = &street->foes[path->first_foe + i];
        struct other other;
        if (foe->path < path_index && approaching(street, foe, viewer, &other) && other.speed < STANDING_MPS
            && -other.x < AT_LINE_M) {
            return false;
        }
    }
    return true;
}

// At an all-way stop those who stand go in the order in which they stopped; who sets off keeps its right, and who has
// not stopped yet has none, if it still can.
static bool first_come(const struct street *street, const struct path_foe *foe, int32_t path_index,
                       const struct viewer *viewer, const struct other *other)
{
    if (other->speed >= SPEED_WAITING_MPS) {
        // The other is taken for a driver like itself: Krauss' brake in whole steps.
        float saved = street->types.krauss[viewer->kind & KIND_TYPE] ? 0.5f * other->speed * street->step_s : 0.0f;
        return other->yielded == 0 && stops_within(other->speed, saved - other->x, FOE_BRAKE_MPS2);
    }
    int32_t mine = (int32_t)(viewer->waited_s / street->step_s + 0.5f);
    return -other->x >= AT_LINE_M || mine > other->yielded || (mine == other->yielded && path_index < foe->path);
}

// Whether drivers like this one creep over the line that a sign tells them to yield at.
static bool creeps_at(const struct street *street, const struct path *path, const struct viewer *viewer)
{
    return !street->types.krauss[viewer->kind & KIND_TYPE]
        && (path->rule == JUNCTION_PRIORITY || path->rule == JUNCTION_STOP);
}

static bool outsider_takes(const struct street *street, int32_t path_index, const struct path_foe *foe,
                           const struct viewer *viewer, float x, float acceleration)
{
    struct other other;
    if (!approaching(street, foe, viewer, &other)) {
        return false;
    }
    const struct path *path = &street->paths[path_index];
    // Where nobody has the right of way, SUMO's IDM drivers creep over their line too: they go in turn.
    bool equal = rarely(path->rule == JUNCTION_RIGHT_BEFORE_LEFT) && signs_rule(street, path);
    bool in_turn = (path->rule == JUNCTION_ALL_WAY_STOP && signs_rule(street, path))
        || (equal && viewer->waited_s > EQUAL_S && !street->types.krauss[viewer->kind & KIND_TYPE]);
    if (in_turn ? first_come(street, foe, path_index, viewer, &other)
                : other.speed < STANDING_MPS && viewer->waited_s > (equal ? EQUAL_S : PATIENCE_S)
                    && lowest_standing(street, path_index, viewer)) {
        return false;
    }
    // SUMO's IDM drivers, once they have stood, creep over their line and so go before those who still can stop.
    bool creeps = viewer->waited_s > CREEP_S && creeps_at(street, path, viewer);
    if (creeps && stops_within(other.speed, -other.x - NOTICE_S * other.speed, FOE_BRAKE_MPS2)) {
        return false;
    }
    // SUMO's Krauss drivers, once they stand, do not merge before anybody who comes to the same lane, however far away:
    // both could come to rest in no distance, which they hold for unsafe.
    bool stands = viewer->speed < SPEED_WAITING_MPS && x > -AT_LINE_M;
    if (foe->merges && stands && street->types.krauss[viewer->kind & KIND_TYPE] && other.speed > SPEED_WAITING_MPS
        && -other.x < (x < 0.0f ? MERGE_S : MERGE_INSIDE_S) * other.speed) {
        return true;
    }
    return outsider_threatens(foe, path, &street->paths[foe->path], viewer, x, acceleration, street->step_s, &other);
}

// Whether somebody inside on the foe path is in the way. must_yield: this one yields to those still before the area.
static bool insider_takes(const struct street *street, int32_t path_index, const struct path_foe *foe,
                          const struct viewer *viewer, float x, float acceleration, bool must_yield)
{
    const struct path *path = &street->paths[path_index], *foe_path = &street->paths[foe->path];
    // At an all-way stop the order of arrival rules.
    bool room = street->types.krauss[viewer->kind & KIND_TYPE] && path->rule != JUNCTION_ALL_WAY_STOP;
    for (int32_t k = 0; k < street->inside[foe->path].count; k++) {
        const struct crosser *crosser = &street->now[street->inside[foe->path].first + k];
        if (crosser->front - crosser->length > (foe->merges ? foe->foe_enter : foe->foe_leave)) {
            continue;   // it has passed
        }
        bool stands = crosser->speed < STANDING_MPS;
        float stood_s = (float)halt_waited(crosser->halt) * street->step_s;
        if (stands && viewer->waited_s > BLOCKER_S && stood_s > BLOCKER_S) {
            continue;
        }
        struct other other = { crosser->front, crosser->speed, crosser->length, 0 };
        bool inside = crosser->front > foe->foe_enter;
        if (inside && foe->merges) {
            continue;   // it will be followed
        }
        bool waits = crosser->front <= foe_path->wait + LINE_MARGIN_M;   // or is on its way to where it may have to
        float spare = foe->enter - x - street->types.gap[viewer->kind & KIND_TYPE]
            - (foe->foe_leave + crosser->length - crosser->front);
        if (x < 0.0f && room && ((inside && spare < 0.0f) || (must_yield && !waits && spare < crosser->length))) {
            return true;   // as far from the area, or nearer, than the other is from being past
        }
        float their_brake = street->types.deceleration[crosser->kind & KIND_TYPE];
        if (x > foe->enter && !inside && stops_within(crosser->speed, foe->foe_enter - crosser->front, their_brake)) {
            continue;   // this one is in the area, the other is not: the other waits
        }
        // It lets pass whoever has crept in before it.
        bool crept = foe->foe_yields && !waits && !stands && creeps_at(street, path, viewer);
        if (!inside && !must_yield && !crept) {
            if (foe->foe_yields && stops_within(crosser->speed, foe->foe_enter - crosser->front, their_brake)) {
                continue;
            }
            if (foe->merges) {
                continue;
            }
        }
        if (!inside && stands && viewer->waited_s > PATIENCE_S && path_index < foe->path) {
            continue;
        }
        if (insider_threatens(foe, path, foe_path, viewer, x, acceleration, &other)) {
            return true;
        }
    }
    return false;
}

// Whether anybody may be on a foe's path.
static bool foes_inside(const struct street *street, int32_t path_index)
{
    const struct watch *watch = &street->watches[path_index];
    return (street->crossroads[watch->junction].busy & watch->foes) != 0;
}

// Somebody else's right: to_all as under red; from: only areas that begin at or after it.
static bool taken(const struct street *street, int32_t path_index, const struct viewer *viewer, float x, bool to_all)
{
    const struct path *path = &street->paths[path_index];
    bool empty = street->crossroads[path->junction].vehicles_now == 0;
    bool all_way = rarely(path->rule == JUNCTION_ALL_WAY_STOP) && signs_rule(street, path);
    if (empty && !path->yields && !to_all && !all_way) {
        return false;
    }
    bool insiders = !empty && foes_inside(street, path_index);
    float acceleration = street->types.acceleration[viewer->kind & KIND_TYPE];
    enum aspect aspect = path_aspect(street, path);
    bool lit = aspect == ASPECT_GREEN || aspect == ASPECT_YELLOW;   // those in conflict have red
    if (!insiders && !path->yields && !to_all && !all_way && lit) {
        return false;
    }
    // Where nobody has the right of way, who is in goes first.
    bool equal = path->rule == JUNCTION_RIGHT_BEFORE_LEFT && signs_rule(street, path);
    // Who waits inside still when its green is over goes before those whose green it is now: they wait till it is gone.
    bool stays_over = x >= 0.0f && aspect == ASPECT_RED;
    for (int32_t i = 0; i < path->foe_count; i++) {
        const struct path_foe *foe = &street->foes[path->first_foe + i];
        bool yields = (foe->yields && !(foe->conflicting && (lit || stays_over))) || to_all || all_way;
        bool clears_first = lit && x < 0.0f && foe->conflicting
            && path_aspect(street, &street->paths[foe->path]) == ASPECT_RED;
        bool before = yields || clears_first || equal;
        if (insiders && insider_takes(street, path_index, foe, viewer, x, acceleration, before)) {
            return true;
        }
        if (yields && outsider_takes(street, path_index, foe, viewer, x, acceleration)) {
            return true;
        }
    }
    return false;
}

// Whether one may count on driving on from a lane that is too short for it.
static bool leads_on(const struct street *street, int32_t path_index, const struct viewer *viewer, float x)
{
    if (path_index < 0) {
        return false;
    }
    enum aspect aspect = path_aspect(street, &street->paths[path_index]);
    return (aspect == ASPECT_GREEN || aspect == ASPECT_DARK) && !taken(street, path_index, viewer, x, false);
}

// Room beyond the path that the viewer takes `further` legs ahead: on its exit lane, and where that is shorter than the
// vehicle on the lanes beyond it. x: the front, as the path sees it.
static bool exit_has_room(const struct street *street, const struct path *path, int32_t further,
                          const struct viewer *viewer, float x)
{
    float need = viewer->length + street->types.gap[viewer->kind & KIND_TYPE];
    float room = 0.0f, promised = 0.0f;
    for (;;) {
        const struct seen *lane = &street->seen[path->to_cell];
        if (lane->count > 0) {
            room += tail_room(lane, street->types.deceleration[viewer->kind & KIND_TYPE]);
            return room > 6.0f * need || room - promised - room_promised(street, lane) >= need;
        }
        room += lane->length;
        if (room > 6.0f * need) {
            return true;
        }
        promised += room_promised(street, lane);
        if (room - promised >= need) {
            return true;
        }
        x -= path->length + lane->length;
        const struct trip *trip = &street->trips[viewer->trip];
        int32_t next = trip_path(street, trip, trip->leg + ++further, path->to_cell);
        if (next == PATH_END) {
            return !stands_before(street, lane);   // nothing beyond would make those inside stop
        }
        if (room >= need || !leads_on(street, next, viewer, x)) {
            return room < need && promised <= 0.0f;
        }
        path = &street->paths[next];
    }
}

enum verdict line_verdict(const struct street *street, int32_t path_index, int32_t further, const struct viewer *viewer,
                          float x)
{
    const struct path *path = &street->paths[path_index];
    float to_line = -x;
    bool to_all;
    uint32_t type = viewer->kind & KIND_TYPE;
    // Krauss' vehicles take on their new speed at once, which saves them half a step's way.
    float saved = street->types.krauss[type] ? 0.5f * viewer->speed * street->step_s : 0.0f;
    float brake = street->types.emergency[type];
    bool stops = stops_within(viewer->speed, to_line + saved, brake) || viewer->held
        || (to_line < LAID_M && viewer->speed <= brake * street->step_s);
    if (!signal_open(street, path, viewer, to_line, &to_all)) {
        enum aspect aspect = path_aspect(street, path);
        bool turn_on_red = aspect == ASPECT_RED && path->right_on_red;
        return !stops && aspect != ASPECT_GREEN ? LINE_OPEN
            : turn_on_red || aspect == ASPECT_FLASHING_RED ? LINE_TAKEN : LINE_CLOSED;
    }
    if (!stops) {
        return LINE_OPEN;   // too late to think
    }
    if (rarely(cell_closed(street, path->to_cell, street->types.user[type]))) {
        return LINE_CLOSED;
    }
    bool stopped = viewer->waited_s > 0.0f || (viewer->speed < SPEED_WAITING_MPS && to_line < AT_LINE_M);
    if (!stopped && stop_sign(street, path)) {
        return LINE_TAKEN;
    }
    if (path->crosses && !exit_has_room(street, path, further, viewer, x)) {
        return LINE_CLOSED;
    }
    if (path->wait > 0.0f && !to_all) {
        return LINE_OPEN;   // it waits inside, if it must
    }
    return taken(street, path_index, viewer, x, to_all) ? LINE_TAKEN : LINE_OPEN;
}

bool foes_at_red(const struct street *street, int32_t path_index)
{
    const struct path *path = &street->paths[path_index];
    bool all = path_aspect(street, path) == ASPECT_GREEN;
    for (int32_t i = 0; i < path->foe_count && all; i++) {
        const struct path_foe *foe = &street->foes[path->first_foe + i];
        all = !foe->yields || path_aspect(street, &street->paths[foe->path]) == ASPECT_RED;
    }
    return all;
}

bool wait_over(const struct street *street, int32_t path_index, const struct viewer *viewer, float x)
{
    return !taken(street, path_index, viewer, x, false);
}

float area_ahead(const struct street *street, int32_t path_index, const struct viewer *viewer, float x)
{
    const struct path *path = &street->paths[path_index];
    float nearest = FAR_M;
    for (int32_t i = 0; i < path->foe_count && foes_inside(street, path_index); i++) {
        const struct path_foe *foe = &street->foes[path->first_foe + i];
        if (foe->merges || foe->enter <= x) {
            continue;   // followed in look_ahead.c, or already in it
        }
        for (int32_t k = 0; k < street->inside[foe->path].count; k++) {
            const struct crosser *crosser = &street->now[street->inside[foe->path].first + k];
            bool passed = crosser->front - crosser->length > foe->foe_leave;
            bool in_area = !passed && crosser->front > foe->foe_enter;
            float stood_s = (float)halt_waited(crosser->halt) * street->step_s;
            bool ignored = crosser->speed < STANDING_MPS && viewer->waited_s > BLOCKER_S && stood_s > BLOCKER_S;
            if (in_area && !ignored && foe->enter - x < nearest) {
                float pace = crosser->speed > STANDING_MPS ? crosser->speed : STANDING_MPS;
                float gone = (foe->foe_leave + crosser->length - crosser->front) / pace;
                float arrive = (foe->enter - x) / (viewer->speed > 1.0f ? viewer->speed : 1.0f);
                nearest = gone > arrive ? foe->enter - x : nearest;
            }
        }
    }
    return nearest;
}
