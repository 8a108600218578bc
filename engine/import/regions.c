#include "engine/import/regions.h"

#include <stdio.h>
#include <stdlib.h>

#include "engine/base/memory.h"

struct place {
    double along;                     // the coordinate that is being cut across
    int32_t intersection;
};

static int by_place(const void *left, const void *right)
{
    const struct place *a = left, *b = right;
    if (a->along < b->along || a->along > b->along) {
        return a->along < b->along ? -1 : 1;
    }
    return (a->intersection > b->intersection) - (a->intersection < b->intersection);
}

// Lays the places along the longer side of the box that they fill.
static void places_turn(const struct network *network, struct place *places, int32_t count)
{
    struct point low = network->intersections[places[0].intersection].at, high = low;
    for (int32_t i = 1; i < count; i++) {
        struct point at = network->intersections[places[i].intersection].at;
        low.x_m = at.x_m < low.x_m ? at.x_m : low.x_m;
        low.y_m = at.y_m < low.y_m ? at.y_m : low.y_m;
        high.x_m = at.x_m > high.x_m ? at.x_m : high.x_m;
        high.y_m = at.y_m > high.y_m ? at.y_m : high.y_m;
    }
    bool across = high.x_m - low.x_m >= high.y_m - low.y_m;
    for (int32_t i = 0; i < count; i++) {
        struct point at = network->intersections[places[i].intersection].at;
        places[i].along = across ? at.x_m : at.y_m;
    }
}

// Depth is at most the logarithm of REGION_COUNT_MAX.
static void cut(struct network *network, struct place *places, int32_t count, int32_t first, int32_t regions)
{
    if (regions == 1) {
        for (int32_t i = 0; i < count; i++) {
            network->intersections[places[i].intersection].region = first;
        }
        return;
    }
    places_turn(network, places, count);
    qsort(places, (size_t)count, sizeof *places, by_place);
    int32_t near = regions / 2;
    int32_t near_count = (int32_t)((int64_t)count * near / regions);
    cut(network, places, near_count, first, near);
    cut(network, places + near_count, count - near_count, first + near, regions - near);
}

enum status regions_cut(struct network *network, int32_t count, const char *source, struct problem *problem)
{
    if (count < 1 || count > REGION_COUNT_MAX || count > network->intersection_count) {
        return problem_report(problem, STATUS_RANGE, source, "regions", "Name from 1 to 64, and no more than it has.",
                              "%d regions cannot be made of %d intersections", count, network->intersection_count);
    }
    struct place *places = memory_take((size_t)network->intersection_count, sizeof *places);
    for (int32_t i = 0; i < network->intersection_count; i++) {
        places[i].intersection = i;
    }
    cut(network, places, network->intersection_count, 0, count);
    free(places);
    names_release(&network->regions);
    for (int32_t r = 0; r < count; r++) {
        char name[16];
        (void)snprintf(name, sizeof name, "R%d", r);
        (void)names_add(&network->regions, name);
    }
    return network_finish(network, source, problem);
}
