#include "sim/replay/count_map.h"

#include <stdlib.h>
#include <string.h>

#include "sim/replay/csv_lines.h"

static void place_add(struct count_map *map, const char *source, const struct count_place *place)
{
    int32_t name = names_add(&map->sources, source), index = map->places.count;
    if (name == map->first.count) {
        *GROW(map->first) = INDEX_NONE;
    }
    struct count_place *added = GROW(map->places);
    *added = *place;
    added->source = name;
    added->next = map->first.at[name];
    map->first.at[name] = index;
}

struct columns { int source, lane, place, factor; };

static enum status header_read(const struct csv_lines *lines, struct columns *ret, struct problem *problem)
{
    *ret = (struct columns){ csv_column(lines, "source"), csv_column(lines, "lane"), csv_column(lines, "place"),
                             csv_column(lines, "factor") };
    if (ret->source < 0 || ret->place < 0) {
        return csv_wrong(lines, problem, STATUS_SYNTAX, "Begin the mapping with 'source,lane,place,factor'.",
                         "the header has no column '%s'", ret->source < 0 ? "source" : "place");
    }
    return STATUS_OK;
}

static enum status row_read(struct count_map *map, const struct csv_lines *lines, const struct columns *columns,
                            struct problem *problem)
{
    struct count_place place = { .lane = COUNT_LANE_ALL, .factor = 1.0 };
    int needed = columns->source > columns->place ? columns->source : columns->place;
    if (lines->field_count <= needed || lines->field[columns->source][0] == '\0') {
        return csv_wrong(lines, problem, STATUS_SYNTAX, "Give each row a source and a place.", "a field is missing");
    }
    const char *name = lines->field[columns->place];
    const char *lane = columns->lane >= 0 && columns->lane < lines->field_count ? lines->field[columns->lane] : "";
    const char *factor = columns->factor >= 0 && columns->factor < lines->field_count
        ? lines->field[columns->factor] : "";
    double number;
    if (*lane != '\0' && (!csv_number(lane, &number) || !(number >= 0.0 && number <= 64.0))) {
        return csv_wrong(lines, problem, STATUS_RANGE, "Write the lane's number in the file of counts, or nothing.",
                         "the lane '%.40s' is no number from 0 to 64", lane);
    }
    place.lane = *lane != '\0' ? (int32_t)number : COUNT_LANE_ALL;
    if (*factor != '\0' && (!csv_number(factor, &place.factor) || !(place.factor > 0.0 && place.factor <= 1000.0))) {
        return csv_wrong(lines, problem, STATUS_RANGE, "Write 1 for counts as they are.",
                         "the factor '%.40s' is no number above 0, up to 1000", factor);
    }
    place.detector = network_find_detector(map->network, name).index;
    place.link = place.detector == INDEX_NONE ? network_find_link(map->network, name).index : INDEX_NONE;
    if (place.detector == INDEX_NONE && place.link == INDEX_NONE) {
        return csv_wrong(lines, problem, STATUS_UNKNOWN, "`intergreen import` lists the names.",
                         "the network has no detector and no link '%.100s'", name);
    }
    place_add(map, lines->field[columns->source], &place);
    return STATUS_OK;
}

enum status count_map_read(const char *path, const struct network *network, struct count_map *ret,
                           struct problem *problem)
{
    struct count_map map = { .network = network };
    struct csv_lines lines;
    struct columns columns;
    enum status status = csv_open(path, &lines, problem);
    if (status != STATUS_OK) {
        return status;
    }
    status = csv_next(&lines, problem);
    status = status == STATUS_OK ? header_read(&lines, &columns, problem) : status;
    while (status == STATUS_OK && (status = csv_next(&lines, problem)) == STATUS_OK && lines.field_count > 0) {
        status = row_read(&map, &lines, &columns, problem);
    }
    csv_close(&lines);
    if (status == STATUS_OK && map.places.count == 0) {
        status = problem_report(problem, STATUS_SYNTAX, path, NULL, "Give it a row for each place that is counted.",
                                "maps nothing");
    }
    if (status != STATUS_OK) {
        count_map_release(&map);
        return status;
    }
    *ret = map;
    return STATUS_OK;
}

void count_map_by_name(const struct network *network, struct count_map *ret)
{
    *ret = (struct count_map){ .network = network };
    for (int32_t d = 0; d < network->detector_count; d++) {
        struct count_place place = { .lane = COUNT_LANE_ALL, .detector = d, .link = INDEX_NONE, .factor = 1.0 };
        place_add(ret, network_name(network, network->detectors[d].name), &place);
    }
    for (int32_t l = 0; l < network->link_count; l++) {
        const char *name = network_name(network, network->links[l].name);
        if (names_find(&ret->sources, name) == NAME_NONE) {
            struct count_place place = { .lane = COUNT_LANE_ALL, .detector = INDEX_NONE, .link = l, .factor = 1.0 };
            place_add(ret, name, &place);
        }
    }
}

void count_map_release(struct count_map *map)
{
    names_release(&map->sources);
    free(map->places.at);
    free(map->first.at);
    *map = (struct count_map){ 0 };
}

int32_t count_map_find(const struct count_map *map, const char *source)
{
    int32_t name = names_find(&map->sources, source);
    return name == NAME_NONE ? INDEX_NONE : map->first.at[name];
}
