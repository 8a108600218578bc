#include "sim/traffic/look_ahead.h"

#include <math.h>

#include "sim/traffic/krauss.h"
#include "sim/traffic/stops.h"
#include "sim/traffic/street_kernel.h"
#include "sim/traffic/trips.h"

static const float SIGHT_M = 4.5f;             // from here one sees who comes: SUMO's default visibility distance
static const float CLEARANCE_M = 0.1f;         // as in the kernel
static const float AT_LINE_M = 5.0f;           // as in right_of_way.c
static const float WAITING_MPS = 0.5f;
static const float BLOCKER_S = 20.0f;          // as in right_of_way.c
static const float COMING_OUT_M = 2.0f;        // beyond the way of a step at its speed
static const float ROOM_M = 4.0f;              // beyond a vehicle's length, to change lanes in

static float horizon(const struct street *street, const struct viewer *viewer)
{
    float brake = street->types.deceleration[viewer->kind & KIND_TYPE];
    return viewer->speed * viewer->speed / brake + viewer->speed * LOOK_S + LOOK_M;
}

// A leader, with the margin that is kept to it; or, with none, a place where one stops.
static void heed(const struct street *street, const struct viewer *viewer, float gap, float speed, float margin,
                 struct view *view)
{
    uint32_t type = viewer->kind & KIND_TYPE;
    // As it may drive in the middle of the step: a place costs one who stands nothing yet.
    float v = viewer->speed + 0.5f * street->types.acceleration[type] * street->step_s;
    float reach = v * street->types.headway[type] + v * (v - speed) * street->types.closing[type];
    float strain = (margin + (reach > 0.0f ? reach : 0.0f)) / (gap > CLEARANCE_M ? gap : CLEARANCE_M);
    if (strain > view->strain) {
        view->strain = strain;
        view->gap = gap;
        view->speed = speed;
        view->margin = margin;
    }
}

static void heed_leader(const struct street *street, const struct viewer *viewer, float gap, float speed,
                        struct view *view)
{
    heed(street, viewer, gap, speed, street->types.gap[viewer->kind & KIND_TYPE], view);
    view->bound = lesserf(view->bound, gap - CLEARANCE_M);
}

// A place inside where one stops.
static void heed_place(const struct street *street, const struct viewer *viewer, float way, struct view *view)
{
    heed(street, viewer, way, 0.0f, 0.0f, view);
    view->bound = lesserf(view->bound, way + STOP_MARGIN_M - LINE_MARGIN_M);
}

// IDM counts on braking harder than comfortably when it must, and Krauss' drivers may react faster than a step is long.
// Nobody is faster than it can stop from, as hard as it brakes, in the way that is left.
static void heed_hardest(const struct street *street, const struct viewer *viewer, float way, struct view *view)
{
    uint32_t type = viewer->kind & KIND_TYPE;
    float hardest = street->types.emergency[type], h = street->step_s;
    float next = viewer->speed + street->types.acceleration[type] * h;
    if (viewer->speed > WAITING_MPS && next * (next + 2.0f * hardest * h) > 2.0f * hardest * way) {
        view->cap = lesserf(view->cap, greaterf(viewer->speed - hardest * h, stop_speed(way, hardest, h, h)));
    }
}

// A place where one stops, `margin` before the line or, braking comfortably, as near to it as one still can; and not
// before its lane begins: who waits for a line is on the lane that leads to it, however short that is.
static void heed_line(const struct street *street, const struct viewer *viewer, float to_line, float lane,
                      struct view *view)
{
    float brake = street->types.deceleration[viewer->kind & KIND_TYPE];
    float spare = to_line - brake_distance(viewer->speed, brake, street->step_s);
    float margin = lesserf(lesserf(STOP_MARGIN_M, 0.5f * lane), greaterf(CLEARANCE_M, spare));
    heed(street, viewer, to_line - margin, 0.0f, 0.0f, view);
    heed_hardest(street, viewer, to_line - LINE_MARGIN_M, view);
    view->bound = lesserf(view->bound, to_line - LINE_MARGIN_M);
}

// A lower limit `way` metres ahead. Krauss: the speed from which one brakes to it comfortably. IDM knows no such speed:
// as in SUMO's IDM the place is taken as a vehicle that stands there, till one is as near as one follows at that speed.
static void heed_limit(const struct street *street, const struct viewer *viewer, float way, float limit,
                       struct view *view)
{
    if (limit >= viewer->desired) {
        return;
    }
    uint32_t type = viewer->kind & KIND_TYPE;
    float target = limit * viewer->factor;
    float most = street->types.speed_max[type];
    target = target < most ? target : most;
    if (street->types.krauss[type]) {
        float brake = street->types.deceleration[type], least = viewer->speed - brake * street->step_s;
        view->cap = lesserf(view->cap, greaterf(least, slow_speed(way, target, brake, street->step_s)));
        return;
    }
    float near = target * street->types.headway[type] + target * target * street->types.closing[type];
    if (viewer->speed > target && way > near) {
        heed(street, viewer, way, 0.0f, 0.0f, view);
        return;
    }
    if (way <= near) {
        float least = viewer->speed - street->types.deceleration[type] * street->step_s;
        view->cap = lesserf(view->cap, greaterf(target, least));
    }
}

// The limit of a path that begins `way` metres ahead. Who comes down to a turn's speed a fixed way before it does so at
// once when there, as hard as it takes.
static void heed_path_limit(const struct street *street, const struct viewer *viewer, float way,
                            const struct path *path, struct view *view)
{
    float early = street->types.turn_way[viewer->kind & KIND_TYPE];
    if (path->turn != TURN_THROUGH && way <= early && path->limit < viewer->desired) {
        view->cap = lesserf(view->cap, path->limit * viewer->factor);
    }
    heed_limit(street, viewer, way, path->limit, view);
}

// Before a place where it must yield, `way` metres ahead, a driver sees whether somebody comes only when it is near;
// till then it drives as if it had to stop there. CityFlow's drivers see it from anywhere.
static void heed_yield(const struct street *street, const struct viewer *viewer, float way, struct view *view)
{
    uint32_t type = viewer->kind & KIND_TYPE;
    if (way <= SIGHT_M || street->types.turn_way[type] > 0.0f) {
        return;
    }
    if (street->types.krauss[type]) {
        float brake = street->types.deceleration[type], least = viewer->speed - brake * street->step_s;
        float cap = stop_speed(way, brake, street->types.headway[type], street->step_s);
        view->cap = lesserf(view->cap, greaterf(least, cap));
    } else {
        heed(street, viewer, way, 0.0f, 0.0f, view);
    }
}

// One on the path `other` that must yield and waits for those on this one before the place where the paths meet, or is
// still on its way to where it waits for them, is no leader of theirs. Where none of the two yields, none waits.
static bool waits_for(const struct street *street, const struct path *path, int32_t other, float speed, float front)
{
    if (speed > WAITING_MPS && front > street->paths[other].wait) {
        return false;
    }
    for (int32_t i = 0; i < path->foe_count; i++) {
        const struct path_foe *foe = &street->foes[path->first_foe + i];
        if (foe->path == other) {
            return foe->foe_yields && !foe->yields && front < foe->foe_enter;
        }
    }
    return false;
}

// Where on the path it comes together with another one into the same lane.
static float merge_begins(const struct street *street, const struct path *path, int32_t other)
{
    for (int32_t i = 0; i < path->foe_count; i++) {
        const struct path_foe *foe = &street->foes[path->first_foe + i];
        if (foe->path == other) {
            return foe->enter;
        }
    }
    return path->length;
}

// Whether one with so much left to drive to a lane may come to it within this step.
static bool arrives(const struct street *street, float speed, float left)
{
    return left <= (speed + street->acceleration_max * street->step_s) * street->step_s;
}

// How far one may go till its path comes together with another one into the same lane.
static float merge_bound(const struct street *street, int32_t path_index, int32_t other, float x)
{
    float begins = merge_begins(street, &street->paths[path_index], other);
    return x < 0.0f && begins <= 0.0f ? -x - LINE_MARGIN_M : begins - x;
}

// One on its way to a lane, on or before a path that leads to it: what it has left to drive to it.
struct comer {
    int32_t path;
    float left, speed;
};

static bool nearer(const struct comer *one, const struct comer *other)
{
    return one->left < other->left || (one->left <= other->left && one->path < other->path);
}

// Of two who may come to one lane within this step, whether `one` goes first: who moves before who stands, of two who
// move the nearer one, of two who stand the one who need not yield, or of the lower path, as right_of_way.h frees them.
static bool goes_first(const struct street *street, const struct comer *one, const struct comer *other)
{
    bool stands = one->speed < WAITING_MPS, other_stands = other->speed < WAITING_MPS;
    if (stands != other_stands || !stands) {
        return stands != other_stands ? other_stands : nearer(one, other);
    }
    const struct path *path = &street->paths[one->path];
    for (int32_t i = 0; i < path->foe_count; i++) {
        const struct path_foe *foe = &street->foes[path->first_foe + i];
        if (foe->path == other->path && foe->yields != foe->foe_yields) {
            return foe->foe_yields;
        }
    }
    return one->path < other->path;
}

// The head of the lane before a path, where it may drive over its line and past the whole path within this step, so
// that nobody ever sees it inside.
static bool head_arrives(const struct street *street, const struct entry *entry, struct comer *ret)
{
    const struct seen *from = &street->seen[entry->from_cell];
    if (from->count == 0 || from->head_path != entry->path) {
        return false;
    }
    const struct path *path = &street->paths[entry->path];
    float to_line = from->length - from->head_front;
    *ret = (struct comer){ entry->path, to_line + path->length, from->head_speed };
    bool may_go = path->right_on_red
        || (path->group >= 0 && street->aspects[path->group] == ASPECT_FLASHING_RED);   // once it has stopped
    return arrives(street, ret->speed, ret->left)
        && (may_go || !held_by_signal(street, path, ret->speed, to_line));
}

// Of two who come to one lane within a step, one past a whole path, one must stay where the paths are apart still: the
// lane has no place for it, and one that is inside at the step's end is all that others would see.
static void heed_rivals(const struct street *street, const struct comer *self, float x, struct view *view)
{
    const struct seen *to = &street->seen[street->paths[self->path].to_cell];
    for (int32_t i = 0; i < to->entry_count; i++) {
        const struct entry *entry = &street->entries[to->first_entry + i];
        struct comer rival;
        // One inside goes before those outside, but who waits there for one that comes is no leader of his.
        if (entry->path != self->path && head_arrives(street, entry, &rival) && !goes_first(street, self, &rival)
            && (x < 0.0f || nearer(&rival, self) || (rival.speed > WAITING_MPS
                && waits_for(street, &street->paths[entry->path], self->path, self->speed, x)))) {
            view->bound = lesserf(view->bound, merge_bound(street, self->path, entry->path, x));
        }
    }
}

// Whether one stops at its line, if it still can, as behind one that merges first there is no room for it yet: as
// SUMO's Krauss drivers do.
static bool waits_behind(const struct street *street, const struct viewer *viewer, float gap, float to_line)
{
    uint32_t type = viewer->kind & KIND_TYPE;
    return street->types.krauss[type] && gap < street->types.gap[type]
        && brake_distance(viewer->speed, street->types.deceleration[type], street->step_s) <= to_line;
}

// Who has stood inside for so long may wait for room that one beside or before it could make: that one then goes on
// till their paths meet. Two of them, or a circle through a link shorter than a vehicle, would else wait for ever.
static bool stood_long(const struct street *street, const struct crosser *crosser)
{
    return crosser->speed < WAITING_MPS && (float)halt_waited(crosser->halt) * street->step_s > BLOCKER_S;
}

// Vehicles on other paths into the same lane that have less left to drive to it.
static void heed_merging(const struct street *street, const struct viewer *viewer, int32_t path_index, float x,
                         struct view *view)
{
    const struct watch *watch = &street->watches[path_index];
    if (watch->merging == 0) {
        return;
    }
    const struct path *path = &street->paths[path_index];
    struct comer self = { path_index, path->length - x, viewer->speed };
    bool soon = arrives(street, self.speed, self.left);
    bool any = (street->crossroads[watch->junction].busy & watch->merging) != 0;
    const struct seen *to = &street->seen[path->to_cell];
    for (int32_t i = 0; any && i < to->entry_count; i++) {
        int32_t other = street->entries[to->first_entry + i].path;
        for (int32_t k = street->inside[other].count - 1; k >= 0 && other != path_index; k--) {
            const struct crosser *crosser = &street->now[street->inside[other].first + k];
            struct comer comer = { other, street->paths[other].length - crosser->front, crosser->speed };
            // One inside that comes out in this step goes before all who are still outside: it does not see them.
            bool first = nearer(&comer, &self)
                || (soon && x < 0.0f && arrives(street, comer.speed, comer.left) && goes_first(street, &comer, &self))
                || (x < 0.0f && comer.left <= comer.speed * street->step_s + COMING_OUT_M);
            bool waits = first && waits_for(street, path, other, crosser->speed, crosser->front);
            if (waits && soon && x < 0.0f && self.speed <= WAITING_MPS) {
                view->bound = lesserf(view->bound, merge_bound(street, path_index, other, x));   // both might come out
            }
            if (first && !waits) {
                float gap = self.left - comer.left - crosser->length;
                if (gap < street->types.gap[viewer->kind & KIND_TYPE] && stood_long(street, crosser)) {
                    float way = merge_bound(street, path_index, other, x);
                    heed(street, viewer, way, 0.0f, 0.0f, view);
                    view->bound = lesserf(view->bound, way - LINE_MARGIN_M);
                    break;
                }
                if (x < 0.0f && waits_behind(street, viewer, gap, -x)) {
                    heed_line(street, viewer, -x, FAR_M, view);
                    break;
                }
                heed(street, viewer, gap, crosser->speed, street->types.gap[viewer->kind & KIND_TYPE], view);
                // Side by side they can be till the paths meet, no further.
                view->bound = lesserf(view->bound,
                    greaterf(gap - CLEARANCE_M, merge_bound(street, path_index, other, x)));
                break;
            }
            // To that one this one may be no leader: where it comes past within the step, one that stands stays apart.
            if (!first && x >= 0.0f && self.speed <= WAITING_MPS && !stood_long(street, crosser)
                && arrives(street, comer.speed, comer.left - self.left - viewer->length)
                && waits_for(street, &street->paths[other], path_index, self.speed, x)) {
                view->bound = lesserf(view->bound, merge_bound(street, path_index, other, x));
            }
        }
    }
    if (soon) {
        heed_rivals(street, &self, x, view);
    }
}

// How far behind the line the path is clear of the i-th path of its lane; PATH_NONE: nowhere, as it has no path.
static float parted(const struct street *street, int32_t path_index, int32_t i)
{
    return path_index >= 0 ? street->parts[street->paths[path_index].first_part + i] : 0.0f;
}

// Those that have just left the lane and are not clear of it, or on another path not of this one.
static void heed_parting(const struct street *street, int32_t cell, int32_t path_index, const struct viewer *viewer,
                         float to_line, struct view *view)
{
    const struct seen *lane = &street->seen[cell];
    if (!lane_left(street, lane, path_index)) {
        return;
    }
    for (int32_t i = 0; i < lane->path_count; i++) {
        int32_t other = lane->first_path + i;
        const struct path *path = &street->paths[other];
        int32_t inside = street->inside[other].count;
        if (inside > 0) {
            const struct crosser *last = &street->now[street->inside[other].first + inside - 1];
            float until = other == path_index ? 0.0f : parted(street, path_index, i);
            if (last->front - last->length < until) {
                heed_leader(street, viewer, to_line + last->front - last->length, last->speed, view);
            }
        } else if (path->length < street->length_max) {
            // A long vehicle whose front is on the lane beyond already.
            const struct seen *to = &street->seen[path->to_cell];
            float rear = to->tail_rear + path->length;
            float until = other == path_index ? 0.0f : parted(street, path_index, i);
            if (to->count > 0 && came_from(street, to, other) && rear < until) {
                heed_leader(street, viewer, to_line + rear, to->tail_speed, view);
            }
        }
    }
}

// A stop of its own on a link further on, whose lane begins at `way`.
static void heed_stop(const struct street *street, const struct viewer *viewer, int32_t leg, float way,
                      struct view *view)
{
    float end = stops_end_on(street, viewer->trip, leg);
    if (end < FAR_M) {
        heed(street, viewer, way + end, 0.0f, 0.0f, view);
    }
}

// Beyond the line of `path`, its start at `way`. Follows the route until something is met or the horizon reached.
static void look_along(const struct street *street, const struct viewer *viewer, int32_t path_index, float way,
                       struct view *view)
{
    const struct trip *trip = &street->trips[viewer->trip];
    float reach = horizon(street, viewer);
    bool beyond = false;               // past the path that the viewer is at
    int32_t further = 0;               // legs beyond the viewer's own
    float lane_m = FAR_M;              // length of the lane that was come to last
    while (path_index >= 0) {
        const struct path *path = &street->paths[path_index];
        if (beyond) {
            enum verdict verdict = line_verdict(street, path_index, further, viewer, -way);
            if (verdict != LINE_OPEN) {
                heed_line(street, viewer, way, lane_m, view);
                return;
            }
            heed_path_limit(street, viewer, way, path, view);
            heed_merging(street, viewer, path_index, -way, view);
            int32_t inside = street->inside[path_index].count;
            if (inside > 0) {
                const struct crosser *last = &street->now[street->inside[path_index].first + inside - 1];
                heed_leader(street, viewer, way + last->front - last->length, last->speed, view);
                return;
            }
        }
        way += path->length;
        const struct seen *to = &street->seen[path->to_cell];
        heed_limit(street, viewer, way, to->limit, view);
        further++;
        if (rarely(street->stops.of_trip != NULL)) {
            heed_stop(street, viewer, trip->leg + further, way, view);
        }
        if (to->count > 0) {
            heed_leader(street, viewer, way + to->tail_rear, to->tail_speed, view);
            return;
        }
        way += to->length;
        lane_m = to->length;
        int32_t cell = path->to_cell;
        if (way > reach) {
            // One beyond that line may reach back over the whole lane still.
            if (to->length < street->length_max && lane_left(street, to, INDEX_NONE)) {
                path_index = trip_path(street, trip, trip->leg + further, cell);
                heed_parting(street, cell, path_index, viewer, way, view);
            }
            return;
        }
        beyond = true;
        path_index = trip_path(street, trip, trip->leg + further, cell);
        if (to->length < 2.0f * street->length_max) {
            heed_parting(street, cell, path_index, viewer, way, view);   // who is on it longest is its first
        }
    }
    if (path_index == PATH_NONE) {
        heed_line(street, viewer, way, lane_m, view);
    }
}

// Those on other paths of the same lane that are ahead of one inside and not clear of its path yet.
static void heed_siblings(const struct street *street, int32_t path_index, const struct viewer *viewer, float x,
                          struct view *view)
{
    const struct watch *watch = &street->watches[path_index];
    const struct crossroads *at = &street->crossroads[watch->junction];
    uint64_t own = busy_bit(at, path_index);
    if ((at->busy & watch->lane & (own != BUSY_REST ? ~own : ~UINT64_C(0))) == 0) {
        return;
    }
    const struct seen *lane = &street->seen[street->paths[path_index].from_cell];
    for (int32_t i = 0; i < lane->path_count; i++) {
        int32_t other = lane->first_path + i;
        for (int32_t k = street->inside[other].count - 1; k >= 0 && other != path_index; k--) {
            const struct crosser *crosser = &street->now[street->inside[other].first + k];
            bool first = crosser->front > x || (crosser->front >= x && other < path_index);
            if (first && crosser->front - crosser->length < parted(street, path_index, i)) {
                heed_leader(street, viewer, crosser->front - crosser->length - x, crosser->speed, view);
                break;
            }
        }
    }
}

static struct view view_free(void)
{
    return (struct view){ .gap = FAR_M, .speed = 0.0f, .strain = -1.0f, .bound = FAR_M, .cap = FAR_M,
        .verdict = LINE_OPEN };
}

struct view look_from_lane(const struct street *street, int32_t cell, int32_t path_index, const struct viewer *viewer,
                           float to_line)
{
    struct view view = view_free();
    heed_parting(street, cell, path_index, viewer, to_line, &view);
    if (to_line > horizon(street, viewer)) {
        return view;
    }
    if (path_index == PATH_NONE) {
        // Who must go left leaves room before it for one of the left lane who must go right: else both are stuck.
        float room = (viewer->kind & KIND_LEFT) ? street->length_max + ROOM_M : 0.0f;
        float brake = street->types.deceleration[viewer->kind & KIND_TYPE];
        bool stops = viewer->speed * (viewer->speed + 2.0f * brake * street->step_s) < 2.0f * brake * (to_line - room);
        heed_line(street, viewer, stops ? to_line - room : to_line, street->seen[cell].length, &view);
    }
    if (path_index < 0) {
        return view;
    }
    const struct path *path = &street->paths[path_index];
    view.verdict = line_verdict(street, path_index, 0, viewer, -to_line);
    if (view.verdict != LINE_OPEN) {
        heed_line(street, viewer, to_line, street->seen[cell].length, &view);
        return view;
    }
    heed_path_limit(street, viewer, to_line, path, &view);
    float delay = viewer->speed < WAITING_MPS && to_line < AT_LINE_M ? start_delay(street, path, viewer->kind) : 0.0f;
    if (rarely(delay > 0.0f)) {
        // It reacts within this step: it gains the speed of what is left of it.
        float gain = street->types.acceleration[viewer->kind & KIND_TYPE] * (street->step_s - delay);
        view.cap = lesserf(view.cap, viewer->speed + (gain > 0.0f ? gain : 0.0f));
    }
    if (path->yields && !foes_at_red(street, path_index)) {
        heed_yield(street, viewer, to_line + path->wait, &view);
    }
    heed_merging(street, viewer, path_index, -to_line, &view);
    int32_t inside = street->inside[path_index].count;
    if (path->wait > 0.0f && !wait_over(street, path_index, viewer, -to_line)) {
        heed_place(street, viewer, to_line + path->wait, &view);
    }
    if (inside > 0) {
        const struct crosser *last = &street->now[street->inside[path_index].first + inside - 1];
        heed_leader(street, viewer, to_line + last->front - last->length, last->speed, &view);
        return view;
    }
    look_along(street, viewer, path_index, to_line, &view);
    return view;
}

// Whether one inside may be held at its place still: also if the leader that it follows drew it past the place, as long
// as it can stop before the paths meet, a margin beyond. One that has nobody ahead passed the place because it might.
static bool may_wait(const struct street *street, const struct path *path, const struct viewer *viewer, float x,
                     bool follows)
{
    float spare = path->wait + STOP_MARGIN_M - x;
    float brake = street->types.deceleration[viewer->kind & KIND_TYPE];
    bool drawn = follows && viewer->speed * viewer->speed < 2.0f * brake * spare;
    return path->wait > 0.0f && (x <= path->wait || drawn);
}

struct view look_from_path(const struct street *street, int32_t path_index, int32_t k, const struct viewer *viewer,
                           float x)
{
    struct view view = view_free();
    const struct path *path = &street->paths[path_index];
    if (may_wait(street, path, viewer, x, k > 0) && !wait_over(street, path_index, viewer, x)) {
        heed_place(street, viewer, path->wait - x, &view);
    }
    if (path->wait > 0.0f && !foes_at_red(street, path_index)) {
        heed_yield(street, viewer, path->wait - x, &view);
    }
    float area = area_ahead(street, path_index, viewer, x);
    if (area < FAR_M) {
        heed_line(street, viewer, area, FAR_M, &view);
    }
    heed_siblings(street, path_index, viewer, x, &view);
    heed_merging(street, viewer, path_index, x, &view);
    if (k > 0) {
        const struct crosser *leader = &street->now[street->inside[path_index].first + k - 1];
        heed_leader(street, viewer, leader->front - leader->length - x, leader->speed, &view);
        return view;
    }
    look_along(street, viewer, path_index, -x, &view);
    return view;
}
