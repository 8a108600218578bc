#include <string.h>

#include "engine/import/site_edit.h"

static const double LENGTH_DEFAULT_M = 2.0;   // A common loop.

static const char *const DETECTOR_PLACES[] = { "stop_line", "advance", "exit", "midblock" };

static enum status take_detector_link(void *context, const yaml_node_t *value)
{
    struct site_reader *reader = context;
    const char *name = NULL;
    enum status status = site_text(reader->file, value, &name);
    if (status != STATUS_OK) {
        return status;
    }
    int32_t index = names_find(&reader->network->names, name);
    int32_t link = index == NAME_NONE || index >= reader->edit->names_before ? INDEX_NONE
        : reader->network->link_by_name[index];
    if (link == INDEX_NONE) {
        return site_wrong(reader->file, value, STATUS_UNKNOWN, "name a link of the network",
                          "link '%.100s' is unknown", name);
    }
    reader->link_given = true;
    reader->detector.lane = reader->network->links[link].first_lane;
    return STATUS_OK;
}

static enum status take_detector_lane(void *context, const yaml_node_t *value)
{
    struct site_reader *reader = context;
    double position = 0.0;
    enum status status = site_real(reader->file, value, 0.0, 100.0, &position);
    reader->lane_given = true;
    reader->lane_position = (int32_t)position;
    if (status == STATUS_OK && position != (double)reader->lane_position) {
        status = site_wrong(reader->file, value, STATUS_RANGE, "count lanes from 0 at the kerb", "%g is no lane",
                            position);
    }
    return status;
}

static enum status take_detector_place(void *context, const yaml_node_t *value)
{
    struct site_reader *reader = context;
    int32_t place = 0;
    enum status status = site_choice(reader->file, value, DETECTOR_PLACES, 4, &place);
    reader->detector.place = (enum detector_place)place;
    return status;
}

static enum status take_detector_to_stop(void *context, const yaml_node_t *value)
{
    struct site_reader *reader = context;
    reader->to_stop_given = true;
    return site_real(reader->file, value, 0.0, 1e5, &reader->detector.to_stop_m);
}

static enum status take_detector_length(void *context, const yaml_node_t *value)
{
    struct site_reader *reader = context;
    return site_real(reader->file, value, 0.01, 1e4, &reader->detector.length_m);
}

// The detector of that name, also one that this folder added.
static int32_t detector_find(const struct edit *edit, const char *name)
{
    const struct network *network = edit->network;
    int32_t index = names_find(&network->names, name);
    if (index == NAME_NONE) {
        return INDEX_NONE;
    }
    if (index < edit->names_before && network->detector_by_name[index] != INDEX_NONE) {
        return network->detector_by_name[index];
    }
    for (int32_t i = edit->detectors_before; i < network->detector_count; i++) {
        if (network->detectors[i].name == index) {
            return i;
        }
    }
    return INDEX_NONE;
}

static enum status detector_check(struct site_reader *reader, const yaml_node_t *node, bool known)
{
    struct detector *detector = &reader->detector;
    if (reader->link_given != reader->lane_given || (!known && (!reader->link_given || !reader->to_stop_given))) {
        return site_wrong(reader->file, node, STATUS_SYNTAX, known ? "give link and lane, or neither"
                          : "a new detector needs link, lane and to_stop_m", "a detector is incomplete");
    }
    if (reader->link_given) {
        const struct link *link = &reader->network->links[reader->network->lanes[detector->lane].link];
        if (reader->lane_position >= link->lane_count) {
            return site_wrong(reader->file, node, STATUS_RANGE, "count lanes from 0 at the kerb",
                              "lane %d of a link with %d lanes", reader->lane_position, link->lane_count);
        }
        detector->lane = link->first_lane + reader->lane_position;
    }
    double length_m = reader->network->lanes[detector->lane].length_m;
    if (detector->to_stop_m > length_m) {
        return site_wrong(reader->file, node, STATUS_RANGE, "measure to_stop_m from the stop line backwards",
                          "%g m before the stop line of a lane of %g m", detector->to_stop_m, length_m);
    }
    return STATUS_OK;
}

static enum status take_detector(void *context, const char *key, const yaml_node_t *key_node, const yaml_node_t *value)
{
    static const struct site_key KEYS[] = { { "link", take_detector_link }, { "lane", take_detector_lane },
        { "place", take_detector_place }, { "to_stop_m", take_detector_to_stop },
        { "length_m", take_detector_length }, { NULL, NULL } };
    struct site_reader *reader = context;
    struct network *network = reader->network;
    int32_t index = detector_find(reader->edit, key), own = (int32_t)(reader->at - network->intersections);
    bool known = index != INDEX_NONE;
    if (known && network->detectors[index].intersection != own) {
        return site_wrong(reader->file, key_node, STATUS_RANGE, "give the new detector another name",
                          "detector '%.100s' belongs to another intersection", key);
    }
    reader->detector = known ? network->detectors[index] : (struct detector){ .intersection = own,
        .place = DETECTOR_STOP_LINE, .length_m = LENGTH_DEFAULT_M };
    reader->link_given = reader->lane_given = reader->to_stop_given = false;
    enum status status = site_take(reader->file, value, KEYS, reader);
    status = status != STATUS_OK ? status : detector_check(reader, key_node, known);
    if (status != STATUS_OK) {
        return status;
    }
    if (!known) {
        reader->detector.name = names_add(&network->names, key);
        index = network->detector_count;
        memory_grow((void **)&network->detectors, &reader->edit->detector_capacity, index + 1,
                    sizeof *network->detectors);
        network->detector_count++;
    }
    network->detectors[index] = reader->detector;
    return STATUS_OK;
}

enum status site_apply_detectors(struct site_reader *reader)
{
    return reader->node[KEY_DETECTORS] == NULL ? STATUS_OK
        : site_each(reader->file, reader->node[KEY_DETECTORS], take_detector, reader);
}
