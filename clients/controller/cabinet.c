#include "clients/controller/cabinet.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static bool line_read(const char *line, struct cabinet *ret)
{
    int32_t a = 0, b = 0, yellow_ms = 0, green_ms = 0, ms = 0;
    char kind[16];
    struct cabinet_green green;
    if (sscanf(line, "group %" SCNd32 " %15s yellow_ms %" SCNd32 " green_ms_min %" SCNd32 " red_clearance_ms %" SCNd32,
               &a, kind, &yellow_ms, &green_ms, &ms) == 5) {
        bool good = a == ret->group_count && a < GROUPS_MAX - 1 && yellow_ms >= 0 && green_ms >= 0 && ms >= 0;
        bool walks = strcmp(kind, "pedestrian") == 0;
        ret->groups[ret->group_count] = (struct cabinet_group){ walks, yellow_ms, green_ms, ms };
        ret->group_count += good;
        return good;
    }
    if (sscanf(line, "intergreen %" SCNd32 " %" SCNd32 " %" SCNd32, &a, &b, &ms) == 3) {
        bool good = a >= 0 && b >= 0 && a < ret->group_count && b < ret->group_count && a != b && ms >= 0;
        ret->intergreen_ms[good ? a : 0][good ? b : 0] = good ? ms : -1;
        return good;
    }
    if (sscanf(line, "green %" SCNd32 " %" SCNd32 " %" SCNd64 " %" SCNd64, &green.group, &green.stage, &green.start_ms,
               &green.end_ms) == 4) {
        bool good = green.group >= 0 && green.group < ret->group_count && ret->green_count < GREENS_MAX - 1
            && green.start_ms >= 0 && green.end_ms > green.start_ms;
        ret->greens[ret->green_count] = green;
        ret->green_count += good;
        return good;
    }
    return line[0] == '#' || line[0] == '\n' || sscanf(line, "intersection %127[^\n]", ret->intersection) == 1
        || sscanf(line, "site_hash %" SCNx64, &ret->site_hash) == 1
        || sscanf(line, "time_zone %63s", ret->time_zone) == 1
        || sscanf(line, "reference_ms %" SCNd64, &ret->reference_ms) == 1
        || sscanf(line, "quantum_ms %" SCNd32, &ret->quantum_ms) == 1
        || sscanf(line, "cycle_ms %" SCNd32, &ret->cycle_ms) == 1
        || sscanf(line, "offset_ms %" SCNd32, &ret->offset_ms) == 1;
}

static int32_t greater(int32_t a, int32_t b)
{
    return a > b ? a : b;
}

// The greatest minimum green, and the greatest intergreen or yellow and red clearance, in whole quanta.
static int32_t handover_of(const struct cabinet *cabinet)
{
    int32_t green_ms = 0, clear_ms = 0;
    for (int32_t i = 0; i < cabinet->group_count; i++) {
        green_ms = greater(green_ms, cabinet->groups[i].green_ms_min);
        clear_ms = greater(clear_ms, cabinet->groups[i].yellow_ms + cabinet->groups[i].red_clearance_ms);
        for (int32_t j = 0; j < cabinet->group_count; j++) {
            clear_ms = greater(clear_ms, cabinet->intergreen_ms[i][j]);
        }
    }
    int32_t sum_ms = green_ms + clear_ms;
    return (sum_ms + cabinet->quantum_ms - 1) / cabinet->quantum_ms * cabinet->quantum_ms;
}

int cabinet_read(const char *path, struct cabinet *ret, const char **ret_why)
{
    *ret = (struct cabinet){ .time_zone = "UTC" };
    memset(ret->intergreen_ms, -1, sizeof ret->intergreen_ms);
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        *ret_why = "cannot be read";
        return 1;
    }
    char line[512];
    int number = 1;
    bool good = true;
    while (good && fgets(line, sizeof line, file) != NULL) {
        good = line_read(line, ret);
        number += good;
    }
    (void)fclose(file);
    if (!good) {
        *ret_why = "is not understood; write the file anew with `intergreen cabinet`";
        return number;
    }
    if (ret->intersection[0] == '\0' || ret->group_count == 0 || ret->quantum_ms <= 0 || ret->cycle_ms <= 0
        || ret->green_count == 0) {
        *ret_why = "an intersection, quantum_ms, cycle_ms, groups and greens are needed";
        return number;
    }
    ret->handover_ms = handover_of(ret);
    return 0;
}
