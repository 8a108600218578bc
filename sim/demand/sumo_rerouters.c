#include "sim/demand/sumo_rerouters.h"

#include <stdio.h>
#include <string.h>

#include "sim/demand/sumo_notes.h"
#include "sim/demand/sumo_types.h"
#include "sim/demand/sumo_stops.h"

static void read_interval(struct reader *reader, struct sumo_xml *xml, const char **attributes)
{
    const char *begin = sumo_xml_find(attributes, "begin"), *end = sumo_xml_find(attributes, "end");
    reader->closed_from_ms = INT64_MIN;
    reader->closed_to_ms = INT64_MAX;
    if ((begin != NULL && !sumo_time_parse(begin, &reader->closed_from_ms))
        || (end != NULL && !sumo_time_parse(end, &reader->closed_to_ms))
        || reader->closed_from_ms >= reader->closed_to_ms) {
        sumo_xml_fail(xml, STATUS_RANGE, "give begin < end",
                      "the <interval> of a rerouter, from \"%.60s\" to \"%.60s\"", begin != NULL ? begin : "",
                      end != NULL ? end : "");
    }
}

// Users by SUMO's class names; 0 for an unknown one.
static uint32_t users_read(const char *text)
{
    char word[64];
    uint32_t users = 0;
    while (*(text += strspn(text, " ,")) != '\0') {
        size_t bytes = strcspn(text, " ,");
        (void)snprintf(word, sizeof word, "%.*s", (int)(bytes < sizeof word ? bytes : sizeof word - 1), text);
        text += bytes;
        struct vehicle_type type;
        if (strcmp(word, "all") == 0) {
            users = ~0u;
        } else if (sumo_class_type(word, &type)) {
            users |= (uint32_t)type.user;
        } else {
            return 0;
        }
    }
    return users;
}

static void read_closing(struct reader *reader, struct sumo_xml *xml, const char *element, const char **attributes)
{
    const struct network *network = reader->rows->network;
    const char *id = sumo_xml_text(xml, element, attributes, "id");
    const char *allow = sumo_xml_find(attributes, "allow"), *disallow = sumo_xml_find(attributes, "disallow");
    bool lane = strcmp(element, "closingLaneReroute") == 0;
    int32_t link = lane ? INDEX_NONE : network_find_link(network, id).index;
    int32_t first = lane ? sumo_lane_find(network, id)
        : link != INDEX_NONE ? network->links[link].first_lane : INDEX_NONE;
    uint32_t users = disallow != NULL ? users_read(disallow) : allow != NULL ? ~users_read(allow) : ~0u;
    if (first == INDEX_NONE) {
        sumo_xml_fail(xml, STATUS_UNKNOWN, "name one of this network", "<%s id=\"%.100s\"> is not in the network",
                      element, id);
    } else if (users == 0) {
        sumo_xml_fail(xml, STATUS_UNKNOWN, "name SUMO's vehicle classes",
                      "<%s id=\"%.100s\"> closes it to nobody known", element, id);
    } else {
        for (int32_t i = 0; i < (lane ? 1 : network->links[link].lane_count); i++) {
            *GROW(reader->rows->closures) = (struct lane_closure){ .lane = first + i, .users = users,
                .from_ms = reader->closed_from_ms, .to_ms = reader->closed_to_ms };
        }
    }
}

bool sumo_rerouter_read(struct reader *reader, struct sumo_xml *xml, const char *element, const char **attributes)
{
    if (strcmp(element, "rerouter") == 0) {
        reader->rerouter_open = true;
        reader->closed_from_ms = INT64_MIN;
        reader->closed_to_ms = INT64_MAX;
        return true;
    }
    if (!reader->rerouter_open) {
        return false;
    }
    if (strcmp(element, "interval") == 0) {
        read_interval(reader, xml, attributes);
    } else if (strcmp(element, "closingLaneReroute") == 0 || strcmp(element, "closingReroute") == 0) {
        read_closing(reader, xml, element, attributes);
    } else if (strcmp(element, "param") != 0) {
        sumo_count(reader, xml, &reader->reroutes);
    }
    return true;
}

void sumo_rerouter_end(struct reader *reader, const char *element)
{
    reader->rerouter_open = reader->rerouter_open && strcmp(element, "rerouter") != 0;
}
