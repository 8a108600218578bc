#include "sim/report/fcd_output.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"
#include "sim/report/lane_shape.h"
#include "sim/report/report_file.h"

static enum status choose_links(struct fcd_output *output, const char *names, struct problem *problem)
{
    const struct network *network = output->subject->network;
    output->chosen = memory_take((size_t)network->link_count, sizeof *output->chosen);
    for (int32_t i = 0; i < network->link_count; i++) {
        output->chosen[i] = names == NULL;
    }
    while (names != NULL && *names != '\0') {
        char name[REPORT_NAME_BYTES_MAX];
        size_t bytes = strcspn(names, ",");
        (void)snprintf(name, sizeof name, "%.*s", (int)(bytes < sizeof name ? bytes : sizeof name - 1), names);
        names += bytes + (names[bytes] == ',');
        struct link_id link = network_find_link(network, name);
        if (link.index == INDEX_NONE) {
            return problem_report(problem, STATUS_UNKNOWN, "--fcd-links", name, "name links of the network, by commas",
                                  "no such link is in the network");
        }
        output->chosen[link.index] = true;
    }
    return STATUS_OK;
}

// Whether two connections are lanes of one of SUMO's inner edges: from the same link to the same link.
static bool side_by_side(const struct network *network, const struct connection *a, const struct connection *b)
{
    return a->junction == b->junction && network->lanes[a->from_lane].link == network->lanes[b->from_lane].link
        && network->lanes[a->to_lane].link == network->lanes[b->to_lane].link;
}

// SUMO names an inner lane :JUNCTION_EDGE_LANE: its connections are numbered in the junction, an inner edge has the
// number of its first one, and its lanes count from 0. Where there is a signal that number is the place in the state
// string, less the junction's first one; where there is none, the order of the file, which need not be SUMO's. Of a
// path over two inner lanes (a turn that waits inside) the first one is named.
static void number_connections(struct fcd_output *output)
{
    const struct network *network = output->subject->network;
    int32_t *count = memory_take((size_t)network->junction_count, sizeof *count);
    int32_t *least = memory_take((size_t)network->junction_count, sizeof *least);
    output->inner = memory_take((size_t)network->connection_count, sizeof *output->inner);
    for (int32_t j = 0; j < network->junction_count; j++) {
        least[j] = INT32_MAX;
    }
    for (int32_t i = 0; i < network->connection_count; i++) {
        const struct connection *at = &network->connections[i];
        int32_t letter = at->link_index == INDEX_NONE ? -1 : at->link_index;
        least[at->junction] = letter < least[at->junction] ? letter : least[at->junction];
    }
    for (int32_t i = 0; i < network->connection_count; i++) {
        const struct connection *at = &network->connections[i];
        int32_t ordinal = count[at->junction]++;
        output->inner[i].edge = least[at->junction] >= 0 ? at->link_index - least[at->junction] : ordinal;
        // Connections lie by their first lane: those of one inner edge are near one another.
        for (int32_t k = i - 1; k >= 0 && network->lanes[network->connections[k].from_lane].link
                 == network->lanes[at->from_lane].link; k--) {
            if (side_by_side(network, &network->connections[k], at)) {
                output->inner[i] = (struct inner_lane){ output->inner[k].edge, output->inner[k].lane + 1 };
                break;
            }
        }
    }
    free(count);
    free(least);
}

static void fcd_free(struct fcd_output *output)
{
    free(output->chosen);
    free(output->inner);
    *output = (struct fcd_output){ 0 };
}

enum status fcd_open(struct fcd_output *output, const char *directory, const struct report_subject *subject,
                     const struct fcd_filter *filter, int64_t begin_ms, struct problem *problem)
{
    *output = (struct fcd_output){ .subject = subject, .filter = *filter, .begin_ms = begin_ms };
    enum status status = choose_links(output, filter->links, problem);
    if (status != STATUS_OK) {
        fcd_free(output);
        return status;
    }
    output->xml = report_file_open(directory, "fcd.xml", problem);
    output->csv = output->xml != NULL ? report_file_open(directory, "fcd.csv", problem) : NULL;
    if (output->csv == NULL) {
        report_file_drop(output->xml);
        fcd_free(output);
        return STATUS_IO;
    }
    number_connections(output);
    fputs("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<fcd-export>\n", output->xml);
    fputs("time_s,id,x_m,y_m,angle_deg,type,speed_mps,position_m,lane\n", output->csv);
    return STATUS_OK;
}

static bool in_box(const struct fcd_filter *filter, const struct plane_place *place)
{
    return !filter->boxed || (place->x_m >= filter->x_m_min && place->x_m <= filter->x_m_max
                              && place->y_m >= filter->y_m_min && place->y_m <= filter->y_m_max);
}

static void vehicle_row(const struct fcd_output *output, const struct vehicle_view *view, int64_t now_ms)
{
    const struct network *network = output->subject->network;
    bool inside = view->connection != INDEX_NONE;
    struct plane_place place = inside ? connection_place(network, view->connection, view->front_m)
        : lane_place(network, view->lane, view->front_m);
    if (!in_box(&output->filter, &place)) {
        return;
    }
    char name[REPORT_NAME_BYTES_MAX], lane[REPORT_NAME_BYTES_MAX];
    char id[REPORT_NAME_BYTES_MAX], type[REPORT_NAME_BYTES_MAX], lane_id[REPORT_NAME_BYTES_MAX];
    report_trip_name(output->subject, view->number, name, sizeof name);
    if (inside) {
        const struct junction *junction = &network->junctions[network->connections[view->connection].junction];
        struct inner_lane inner = output->inner[view->connection];
        (void)snprintf(lane, sizeof lane, ":%.200s_%d_%d", network_name(network, junction->name), inner.edge,
                       inner.lane);
    } else {
        report_lane_name(network, view->lane, lane, sizeof lane);
    }
    report_escape(name, id, sizeof id);
    report_escape(output->subject->types[view->type].name, type, sizeof type);
    report_escape(lane, lane_id, sizeof lane_id);
    fprintf(output->xml,
            "        <vehicle id=\"%s\" x=\"%.2f\" y=\"%.2f\" angle=\"%.2f\" type=\"%s\" speed=\"%.2f\" "
            "pos=\"%.2f\" lane=\"%s\" slope=\"0.00\"/>\n",
            id, place.x_m, place.y_m, place.angle_deg, type, view->speed_mps, view->front_m, lane_id);
    fprintf(output->csv, "%.2f,", report_s(now_ms));
    report_csv_name(output->csv, name);
    fprintf(output->csv, ",%.2f,%.2f,%.2f,", place.x_m, place.y_m, place.angle_deg);
    report_csv_name(output->csv, output->subject->types[view->type].name);
    fprintf(output->csv, ",%.2f,%.2f,", view->speed_mps, view->front_m);
    report_csv_name(output->csv, lane);
    fputc('\n', output->csv);
}

void fcd_step(struct fcd_output *output, const struct vehicle_view *views, int32_t count, int64_t now_ms)
{
    if ((now_ms - output->begin_ms) % output->filter.period_ms != 0) {
        return;
    }
    fprintf(output->xml, "    <timestep time=\"%.2f\">\n", report_s(now_ms));
    for (int32_t i = 0; i < count; i++) {
        if (output->chosen[output->subject->network->lanes[views[i].lane].link]) {
            vehicle_row(output, &views[i], now_ms);
        }
    }
    fputs("    </timestep>\n", output->xml);
}

enum status fcd_close(struct fcd_output *output, const char *directory, struct problem *problem)
{
    if (output->xml != NULL) {
        fputs("</fcd-export>\n", output->xml);
    }
    enum status status = report_file_close(output->xml, directory, problem);
    enum status csv_status = report_file_close(output->csv, directory, problem);
    fcd_free(output);
    return status != STATUS_OK ? status : csv_status;
}
