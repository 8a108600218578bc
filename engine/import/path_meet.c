#include "engine/import/path_meet.h"

#include <assert.h>
#include <math.h>

static const double STRIDE_M_MIN = 0.1;    // how closely enter and leave are found

static double length_of(double x, double y)
{
    return sqrt(x * x + y * y);
}

void path_make(const struct point *at, int32_t count, struct path *ret)
{
    assert(count >= 2);
    *ret = (struct path){ .at = at, .count = count, .low = at[0], .high = at[0] };
    for (int32_t i = 1; i < count; i++) {
        ret->length_m += length_of(at[i].x_m - at[i - 1].x_m, at[i].y_m - at[i - 1].y_m);
        ret->low.x_m = fmin(ret->low.x_m, at[i].x_m);
        ret->low.y_m = fmin(ret->low.y_m, at[i].y_m);
        ret->high.x_m = fmax(ret->high.x_m, at[i].x_m);
        ret->high.y_m = fmax(ret->high.y_m, at[i].y_m);
    }
}

static double segment_distance_m(struct point p, struct point from, struct point to)
{
    double x = to.x_m - from.x_m, y = to.y_m - from.y_m;
    double square = x * x + y * y;
    double part = square > 0.0 ? ((p.x_m - from.x_m) * x + (p.y_m - from.y_m) * y) / square : 0.0;
    part = fmin(fmax(part, 0.0), 1.0);
    return length_of(p.x_m - from.x_m - part * x, p.y_m - from.y_m - part * y);
}

static double path_distance_m(struct point p, const struct path *path)
{
    double least = segment_distance_m(p, path->at[0], path->at[1]);
    for (int32_t i = 2; i < path->count; i++) {
        least = fmin(least, segment_distance_m(p, path->at[i - 1], path->at[i]));
    }
    return least;
}

// The point at s metres from the beginning, or from the end.
static struct point point_at(const struct path *path, double s_m, bool from_end)
{
    for (int32_t i = 1; i < path->count; i++) {
        struct point a = path->at[from_end ? path->count - i : i - 1];
        struct point b = path->at[from_end ? path->count - i - 1 : i];
        double own_m = length_of(b.x_m - a.x_m, b.y_m - a.y_m);
        if (s_m <= own_m && own_m > 0.0) {
            return (struct point){ a.x_m + s_m / own_m * (b.x_m - a.x_m), a.y_m + s_m / own_m * (b.y_m - a.y_m) };
        }
        s_m -= own_m;
    }
    return path->at[from_end ? 0 : path->count - 1];
}

// How far along a, from one end, b first comes within width_m; -1 where it never does. ret_nearest_m: where it is
// nearest.
static double first_within(const struct path *a, const struct path *b, double width_m, bool from_end,
                           double *ret_nearest_m)
{
    double least_m = INFINITY;
    for (double s_m = 0.0;; ) {
        double apart_m = path_distance_m(point_at(a, s_m, from_end), b);
        if (apart_m < least_m) {
            least_m = apart_m;
            *ret_nearest_m = s_m;
        }
        if (apart_m <= width_m) {
            return s_m;
        }
        if (s_m >= a->length_m) {
            return -1.0;
        }
        s_m = fmin(s_m + fmax(apart_m - width_m, STRIDE_M_MIN), a->length_m);
    }
}

bool path_meet(const struct path *a, const struct path *b, double width_m, double *ret_enter_m, double *ret_leave_m)
{
    double nearest_m = 0.0;
    bool boxes_apart = a->low.x_m > b->high.x_m + width_m || b->low.x_m > a->high.x_m + width_m
        || a->low.y_m > b->high.y_m + width_m || b->low.y_m > a->high.y_m + width_m;
    double enter_m = boxes_apart ? -1.0 : first_within(a, b, width_m, false, &nearest_m);
    if (enter_m < 0.0) {
        if (boxes_apart) {
            (void)first_within(a, b, width_m, false, &nearest_m);   // few strides: they are far apart
        }
        *ret_enter_m = fmax(nearest_m - width_m, 0.0);
        *ret_leave_m = fmin(nearest_m + width_m, a->length_m);
        return false;
    }
    double back_m = first_within(a, b, width_m, true, &nearest_m);
    *ret_enter_m = enter_m;
    *ret_leave_m = back_m < 0.0 ? enter_m : fmax(a->length_m - back_m, enter_m);   // met only between two strides
    return true;
}

// Whether c lies to the left of a -> b, or on the line: so a corner that lies on the other path counts to one side
// only.
static bool on_left(struct point a, struct point b, struct point c)
{
    return (b.x_m - a.x_m) * (c.y_m - a.y_m) - (b.y_m - a.y_m) * (c.x_m - a.x_m) >= 0.0;
}

bool path_cross(const struct path *a, const struct path *b)
{
    for (int32_t i = 1; i < a->count; i++) {
        for (int32_t k = 1; k < b->count; k++) {
            struct point p = a->at[i - 1], q = a->at[i], r = b->at[k - 1], s = b->at[k];
            if (on_left(p, q, r) != on_left(p, q, s) && on_left(r, s, p) != on_left(r, s, q)) {
                return true;
            }
        }
    }
    return false;
}
