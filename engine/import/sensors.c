#include "engine/import/sensors.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static const double STOP_LOOP_M = 1.0, ADVANCE_LOOP_M = 40.0, LOOP_LENGTH_M = 2.0;
static const double VIEW_M = 200.0;              // as in the published benchmarks of signal control
static const double STOP_ZONE_M = 10.0;          // a detector so near to the line serves it
static const double EXIT_ZONE_M = 50.0;          // one so near behind a signal counts what leaves it
static const double VIEW_M_MIN = 5.0;            // less of a lane is not worth a camera
#define NAME_BYTES_MAX 256

static int32_t sensor_name(struct network *network, int32_t lane, const char *what)
{
    char name[NAME_BYTES_MAX];
    const struct link *link = &network->links[network->lanes[lane].link];
    (void)snprintf(name, sizeof name, "%.200s_%d/%s", network_name(network, link->name),
                   network->lanes[lane].position, what);
    return names_add(&network->names, name);
}

// The intersection whose stop line ends the lane, or INDEX_NONE.
static int32_t intersection_ahead(const struct network *network, int32_t lane)
{
    const struct lane *at = &network->lanes[lane];
    for (int32_t c = 0; c < at->connection_count; c++) {
        int32_t group = network->connections[at->first_connection + c].group;
        if (group != INDEX_NONE) {
            return network->groups[group].intersection;
        }
    }
    return INDEX_NONE;
}

struct detector_list { struct detector *at; int32_t count, capacity; };
struct camera_list { struct camera *at; int32_t count, capacity; };

static void add_loops(struct detector_list *list, struct network *network, int32_t lane)
{
    double length_m = network->lanes[lane].length_m;
    int32_t intersection = intersection_ahead(network, lane);
    if (intersection == INDEX_NONE) {
        return;
    }
    double stop_m = fmin(STOP_LOOP_M, 0.2 * length_m), loop_m = fmin(LOOP_LENGTH_M, 0.3 * length_m);
    *GROW(*list) = (struct detector){ .name = sensor_name(network, lane, "stop"), .lane = lane,
        .intersection = intersection, .place = DETECTOR_STOP_LINE, .to_stop_m = stop_m, .length_m = loop_m };
    double advance_m = fmin(ADVANCE_LOOP_M, length_m - loop_m);
    if (advance_m > stop_m + 2.0 * loop_m) {
        *GROW(*list) = (struct detector){ .name = sensor_name(network, lane, "advance"), .lane = lane,
            .intersection = intersection, .place = DETECTOR_ADVANCE, .to_stop_m = advance_m, .length_m = loop_m };
    }
}

// Shortest driving distance from the end of each lane to a signal's stop line, up to VIEW_M; and whose it is.
static void reach(const struct network *network, double *to_stop_m, int32_t *intersection)
{
    for (int32_t i = 0; i < network->lane_count; i++) {
        intersection[i] = intersection_ahead(network, i);
        to_stop_m[i] = intersection[i] == INDEX_NONE ? VIEW_M : 0.0;
    }
    bool changed = true;
    while (changed) {                            // distances only fall, and by whole lanes: it ends
        changed = false;
        for (int32_t i = 0; i < network->lane_count; i++) {
            const struct lane *lane = &network->lanes[i];
            for (int32_t c = 0; intersection_ahead(network, i) == INDEX_NONE && c < lane->connection_count; c++) {
                const struct connection *out = &network->connections[lane->first_connection + c];
                double through_m = to_stop_m[out->to_lane] + network->lanes[out->to_lane].length_m + out->length_m;
                if (intersection[out->to_lane] != INDEX_NONE && through_m < to_stop_m[i] - 1e-9) {
                    to_stop_m[i] = through_m;
                    intersection[i] = intersection[out->to_lane];
                    changed = true;
                }
            }
        }
    }
}

static void add_cameras(struct camera_list *list, struct network *network)
{
    double *to_stop_m = memory_take((size_t)network->lane_count, sizeof *to_stop_m);
    int32_t *intersection = memory_take((size_t)network->lane_count, sizeof *intersection);
    reach(network, to_stop_m, intersection);
    for (int32_t i = 0; i < network->lane_count; i++) {
        double view_m = fmin(VIEW_M - to_stop_m[i], network->lanes[i].length_m);
        bool short_lane = network->lanes[i].length_m < VIEW_M_MIN;
        if (intersection[i] == INDEX_NONE || (view_m < VIEW_M_MIN && !(short_lane && view_m > 0.0))) {
            continue;
        }
        *GROW(*list) = (struct camera){ .name = sensor_name(network, i, "camera"), .lane = i,
            .intersection = intersection[i], .to_stop_m = to_stop_m[i], .view_m = view_m };
    }
    free(to_stop_m);
    free(intersection);
}

// The intersection that lets traffic into the lane, or INDEX_NONE.
static int32_t intersection_behind(const struct network *network, int32_t lane)
{
    const struct link *link = &network->links[network->lanes[lane].link];
    return network->junctions[link->from_junction].intersection;
}

static struct detector place_given(const struct network *network, const struct draft_detector *from)
{
    const struct lane *lane = &network->lanes[from->lane];
    struct detector detector = { .name = from->name, .lane = from->lane, .place = DETECTOR_MIDBLOCK,
        .intersection = intersection_ahead(network, from->lane), .to_stop_m = from->to_stop_m,
            .length_m = from->length_m };
    double from_entry_m = lane->length_m - from->to_stop_m - from->length_m;
    if (detector.intersection != INDEX_NONE) {
        detector.place = from->to_stop_m < STOP_ZONE_M ? DETECTOR_STOP_LINE
            : from->to_stop_m < VIEW_M ? DETECTOR_ADVANCE : DETECTOR_MIDBLOCK;
    } else if (intersection_behind(network, from->lane) != INDEX_NONE && from_entry_m < EXIT_ZONE_M) {
        detector.intersection = intersection_behind(network, from->lane);
        detector.place = DETECTOR_EXIT;
    }
    return detector;
}

// Those of the file, then the usual ones at each intersection that the file gives none before its stop lines. Returns
// how many are the file's.
static int32_t place_loops(const struct network_draft *draft, struct detector_list *list, struct network *network)
{
    bool *given = memory_take((size_t)network->intersection_count, sizeof *given);
    for (int32_t i = 0; i < draft->detectors.count; i++) {
        struct detector detector = place_given(network, &draft->detectors.at[i]);
        *GROW(*list) = detector;
        if (detector.intersection != INDEX_NONE && detector.place != DETECTOR_EXIT) {
            given[detector.intersection] = true;
        }
    }
    for (int32_t i = 0; i < network->lane_count; i++) {
        int32_t intersection = intersection_ahead(network, i);
        if (intersection != INDEX_NONE && !given[intersection]) {
            add_loops(list, network, i);
        }
    }
    free(given);
    return draft->detectors.count;
}

void sensors_place(const struct network_draft *draft, struct import_report *report, struct network *network)
{
    struct detector_list loops = { 0 };
    struct camera_list cameras = { 0 };
    int32_t given = place_loops(draft, &loops, network);
    add_cameras(&cameras, network);
    network->detectors = loops.at != NULL ? loops.at : memory_take(1, sizeof *network->detectors);
    network->detector_count = loops.count;
    network->cameras = cameras.at != NULL ? cameras.at : memory_take(1, sizeof *network->cameras);
    network->camera_count = cameras.count;
    if (given > 0) {
        import_note(report, NOTE_DERIVED, "%d loop detectors from the file", given);
    }
    if (loops.count > given) {
        import_note(report, NOTE_ASSUMED, "%d loop detectors where the file has none: stop line and 40 m before it, "
                    "on each lane at a signal", loops.count - given);
    }
    import_note(report, NOTE_ASSUMED, "%d cameras, one over each lane within 200 m of a signal", cameras.count);
}
