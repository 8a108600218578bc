#include "bench/sumo_write.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"

#define STATE_MAX 512

static const char *link_name(const struct network *network, int32_t link)
{
    return network_name(network, network->links[link].name);
}

static FILE *file_open(const char *folder, const char *name, const char *root)
{
    char path[4096];
    (void)snprintf(path, sizeof path, "%s/town.%s.xml", folder, name);
    FILE *file = fopen(path, "w");
    if (file == NULL) {
        perror(path);
        return NULL;
    }
    (void)fprintf(file, "<%s>\n", root);
    return file;
}

static bool file_close(FILE *file, const char *root)
{
    (void)fprintf(file, "</%s>\n", root);
    return fclose(file) == 0;
}

static bool nodes_write(const struct network *network, const char *folder)
{
    FILE *file = file_open(folder, "nod", "nodes");
    for (int32_t i = 0; file != NULL && i < network->junction_count; i++) {
        const struct junction *junction = &network->junctions[i];
        (void)fprintf(file, " <node id=\"%s\" x=\"%.2f\" y=\"%.2f\" type=\"%s\"/>\n",
            network_name(network, junction->name), junction->at.x_m, junction->at.y_m,
            junction->intersection >= 0 ? "traffic_light" : "dead_end");
    }
    return file != NULL && file_close(file, "nodes");
}

static bool edges_write(const struct network *network, const char *folder)
{
    FILE *file = file_open(folder, "edg", "edges");
    for (int32_t i = 0; file != NULL && i < network->link_count; i++) {
        const struct link *link = &network->links[i];
        (void)fprintf(file, " <edge id=\"%s\" from=\"%s\" to=\"%s\" numLanes=\"%d\" speed=\"%.2f\" length=\"%.2f\"/>\n",
            link_name(network, i), network_name(network, network->junctions[link->from_junction].name),
            network_name(network, network->junctions[link->to_junction].name), link->lane_count, link->speed_mps,
            link->length_m);
    }
    return file != NULL && file_close(file, "edges");
}

static void connection_write(const struct network *network, const struct connection *connection, FILE *file)
{
    const struct lane *from = &network->lanes[connection->from_lane], *to = &network->lanes[connection->to_lane];
    (void)fprintf(file, " <connection from=\"%s\" to=\"%s\" fromLane=\"%d\" toLane=\"%d\"",
        link_name(network, from->link), link_name(network, to->link), from->position, to->position);
}

// Each connection's place in its signal's state string: the order of the connections.
static int32_t *places_create(const struct network *network)
{
    int32_t *places = memory_take((size_t)network->connection_count, sizeof *places);
    int32_t *used = memory_take((size_t)network->intersection_count, sizeof *used);
    for (int32_t i = 0; i < network->connection_count; i++) {
        int32_t at = network->junctions[network->connections[i].junction].intersection;
        places[i] = at >= 0 ? used[at]++ : INDEX_NONE;
    }
    free(used);
    return places;
}

static void phase_write(FILE *file, const char *state, int32_t ms)
{
    (void)fprintf(file, "  <phase duration=\"%g\" state=\"%s\"/>\n", ms * 0.001, state);
}

static void program_write(const struct network *network, int32_t index, const int32_t *places, FILE *file)
{
    const struct intersection *at = &network->intersections[index];
    (void)fprintf(file, " <tlLogic id=\"%s\" type=\"static\" programID=\"0\" offset=\"0\">\n",
        network_name(network, network->junctions[index].name));
    for (int32_t s = 0; s < at->stage_count; s++) {
        const struct stage *stage = &network->stages[at->first_stage + s];
        char lamps[3][STATE_MAX];
        int32_t green_ms = 0, yellow_ms = 0, red_ms = 0;
        memset(lamps, 0, sizeof lamps);
        for (int32_t g = 0; g < at->group_count; g++) {
            const struct signal_group *group = &network->groups[at->first_group + g];
            bool green = (stage->groups >> g) & 1u;
            for (int32_t m = 0; m < group->member_count; m++) {
                int32_t place = places[network->group_members[group->first_member + m]];
                lamps[0][place] = green ? 'G' : 'r';
                lamps[1][place] = green ? 'y' : 'r';
                lamps[2][place] = 'r';
            }
            yellow_ms = green ? group->yellow_ms : yellow_ms;
            red_ms = green ? group->red_clearance_ms : red_ms;
        }
        for (int32_t k = 0; k < at->green_count; k++) {
            const struct program_green *green = &network->program_greens[at->first_green + k];
            green_ms = green->stage == s ? green->end_ms - green->start_ms : green_ms;
        }
        phase_write(file, lamps[0], green_ms);
        phase_write(file, lamps[1], yellow_ms);
        phase_write(file, lamps[2], red_ms);
    }
    (void)fprintf(file, " </tlLogic>\n");
}

static bool crossings_write(const struct network *network, const char *folder)
{
    FILE *connections = file_open(folder, "con", "connections"), *logics = file_open(folder, "tll", "tlLogics");
    if (connections == NULL || logics == NULL) {
        return false;
    }
    int32_t *places = places_create(network);
    for (int32_t i = 0; i < network->intersection_count; i++) {
        program_write(network, i, places, logics);
    }
    for (int32_t i = 0; i < network->connection_count; i++) {
        const struct connection *connection = &network->connections[i];
        connection_write(network, connection, connections);
        (void)fprintf(connections, "/>\n");
        if (places[i] >= 0) {
            connection_write(network, connection, logics);
            (void)fprintf(logics, " tl=\"%s\" linkIndex=\"%d\"/>\n",
                network_name(network, network->junctions[connection->junction].name), places[i]);
        }
    }
    free(places);
    bool written = file_close(connections, "connections");
    return file_close(logics, "tlLogics") && written;
}

static bool routes_write(const struct network *network, const struct vehicle_type *car,
                         const struct trip_columns *trips, const char *folder)
{
    FILE *file = file_open(folder, "rou", "routes");
    if (file == NULL) {
        return false;
    }
    (void)fprintf(file, " <vType id=\"%s\" carFollowModel=\"IDM\" length=\"%g\" minGap=\"%g\" accel=\"%g\" decel=\"%g\""
        " emergencyDecel=\"%g\" tau=\"%g\" maxSpeed=\"%g\" speedFactor=\"%g\" speedDev=\"%g\"/>\n", car->name,
        car->length_m, car->gap_m, car->acceleration_mps2, car->deceleration_mps2, car->emergency_mps2,
        car->headway_s, car->speed_mps_max, car->speed_factor, car->speed_deviation);
    for (int32_t i = 0; i < trips->count; i++) {
        (void)fprintf(file, " <vehicle id=\"%d\" type=\"%s\" depart=\"%g\" departLane=\"best\" departSpeed=\"max\">"
            "<route edges=\"", trips->number[i], car->name, (double)trips->depart_ms[i] * 0.001);
        for (int32_t k = trips->first_link[i]; k < trips->first_link[i + 1]; k++) {
            (void)fprintf(file, "%s%s", k > trips->first_link[i] ? " " : "", link_name(network, trips->links[k]));
        }
        (void)fprintf(file, "\"/></vehicle>\n");
    }
    return file_close(file, "routes");
}

bool sumo_write(const struct network *network, const struct vehicle_type *car, const struct trip_columns *trips,
                const char *folder)
{
    return nodes_write(network, folder) && edges_write(network, folder) && crossings_write(network, folder)
        && routes_write(network, car, trips, folder);
}
