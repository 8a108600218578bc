#include "sim/report/lane_shape.h"

#include <math.h>
#include <stdbool.h>

static const double DEGREES = 57.295779513082320877;   // of a radian

static double line_m(const struct point *points, int32_t count)
{
    double sum_m = 0.0;
    for (int32_t i = 1; i < count; i++) {
        double x = points[i].x_m - points[i - 1].x_m, y = points[i].y_m - points[i - 1].y_m;
        sum_m += sqrt(x * x + y * y);
    }
    return sum_m;
}

// The place a share of the way along a line of at least two points, moved to the right of its direction.
static struct plane_place line_place(const struct point *points, int32_t count, double share, double right_m)
{
    double left_m = fmin(fmax(share, 0.0), 1.0) * line_m(points, count);
    struct plane_place place = { points[0].x_m, points[0].y_m, 0.0 };
    for (int32_t i = 1; i < count; i++) {
        double x = points[i].x_m - points[i - 1].x_m, y = points[i].y_m - points[i - 1].y_m;
        double piece_m = sqrt(x * x + y * y);
        if (piece_m <= 0.0) {
            continue;
        }
        double part = fmin(left_m / piece_m, 1.0), angle = DEGREES * atan2(x, y);
        place.x_m = points[i - 1].x_m + part * x + right_m * y / piece_m;
        place.y_m = points[i - 1].y_m + part * y - right_m * x / piece_m;
        place.angle_deg = angle < 0.0 ? angle + 360.0 : angle;
        left_m -= piece_m;
        if (left_m <= 0.0) {
            break;
        }
    }
    return place;
}

// How far to the right of the link's line the lane's centre lies.
static double lane_right_m(const struct network *network, int32_t lane)
{
    const struct link *link = &network->links[network->lanes[lane].link];
    double all_m = 0.0, kerb_m = 0.0;      // of all lanes; of those between this one and the kerb
    for (int32_t i = 0; i < link->lane_count; i++) {
        double width_m = network->lanes[link->first_lane + i].width_m;
        all_m += width_m;
        kerb_m += i < network->lanes[lane].position ? width_m : 0.0;
    }
    bool border = network->origin == ORIGIN_CITYFLOW;
    double right_m = (border ? all_m : 0.5 * all_m) - kerb_m - 0.5 * network->lanes[lane].width_m;
    return network->left_hand ? -right_m : right_m;
}

struct plane_place lane_place(const struct network *network, int32_t lane, double along_m)
{
    const struct lane *at = &network->lanes[lane];
    const struct link *link = &network->links[at->link];
    return line_place(network->points + link->first_point, link->point_count,
                      at->length_m > 0.0 ? along_m / at->length_m : 0.0, lane_right_m(network, lane));
}

struct plane_place connection_place(const struct network *network, int32_t connection, double along_m)
{
    const struct connection *at = &network->connections[connection];
    double share = at->length_m > 0.0 ? along_m / at->length_m : 0.0;
    if (at->point_count >= 2) {
        return line_place(network->points + at->first_point, at->point_count, share, 0.0);
    }
    struct plane_place from = lane_place(network, at->from_lane, network->lanes[at->from_lane].length_m);
    struct plane_place to = lane_place(network, at->to_lane, 0.0);
    struct point straight[2] = { { from.x_m, from.y_m }, { to.x_m, to.y_m } };
    return line_place(straight, 2, share, 0.0);
}
