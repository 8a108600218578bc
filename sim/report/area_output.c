#include "sim/report/area_output.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "sim/report/report_file.h"

static const double HALT_MPS = 5.0 / 3.6;

static void place_areas(struct area_output *output)
{
    const struct network *network = output->network;
    output->first_area = memory_take((size_t)network->lane_count + 1, sizeof *output->first_area);
    for (int32_t lane = 0; lane < network->lane_count; lane++) {
        output->first_area[lane] = output->areas.count;
        for (int32_t i = 0; i < network->detector_count; i++) {
            const struct detector *detector = &network->detectors[i];
            if (detector->lane == lane && detector->length_m >= AREA_LENGTH_M_MIN) {
                double to_m = network->lanes[lane].length_m - detector->to_stop_m;
                *GROW(output->areas) =
                    (struct area){ .detector = i, .from_m = to_m - detector->length_m, .to_m = to_m };
            }
        }
    }
    output->first_area[network->lane_count] = output->areas.count;
}

static bool any_area(const struct network *network)
{
    for (int32_t i = 0; i < network->detector_count; i++) {
        if (network->detectors[i].length_m >= AREA_LENGTH_M_MIN) {
            return true;
        }
    }
    return false;
}

enum status areas_open(struct area_output *output, const char *directory, const struct network *network,
                       int64_t begin_ms, int32_t period_ms, struct problem *problem)
{
    *output = (struct area_output){ .network = network, .begin_ms = begin_ms, .period_ms = period_ms };
    if (!any_area(network)) {
        return STATUS_OK;
    }
    output->xml = report_file_open(directory, "areas.xml", problem);
    output->csv = output->xml != NULL ? report_file_open(directory, "areas.csv", problem) : NULL;
    if (output->csv == NULL) {
        report_file_drop(output->xml);
        output->xml = NULL;
        return STATUS_IO;
    }
    place_areas(output);
    fputs("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<detector>\n", output->xml);
    fputs("begin_s,end_s,detector,vehicles_mean,vehicles_most,entered,left,speed_mps,occupancy_percent,jam_mean_veh,"
          "jam_most_veh,jam_most_m,time_loss_s\n", output->csv);
    return STATUS_OK;
}

static struct area_vehicle *inside_find(struct area *area, int32_t first, int32_t count, int32_t number)
{
    for (int32_t i = first; i < count; i++) {
        if (area->inside.at[i].number == number) {
            return &area->inside.at[i];
        }
    }
    return NULL;
}

static void halt_ends(struct area_sum *sum, const struct area_vehicle *vehicle)
{
    sum->halted += vehicle->halted_s > 0.0;
    sum->halted_here += vehicle->halted_here_s > 0.0;
    sum->halted_s += vehicle->halted_s;
    sum->halted_most_s = fmax(sum->halted_most_s, vehicle->halted_s);
    sum->halted_here_s += vehicle->halted_here_s;
    sum->halted_here_most_s = fmax(sum->halted_here_most_s, vehicle->halted_here_s);
}

// Takes the vehicles of one lane that lie over the area. The old ones stay before the new ones until all are matched.
static void look_at(struct area *area, const struct network *network, const struct vehicle_view *views, int32_t count,
                    double step_s)
{
    struct area_sum *sum = &area->sum;
    int32_t before = area->inside.count, jam = 0;
    double covered_m = 0.0, jam_from_m = 0.0, jam_to_m = 0.0;
    for (int32_t i = 0; i < count; i++) {
        const struct vehicle_view *view = &views[i];
        double rear_m = view->front_m - view->length_m;
        if (view->connection != INDEX_NONE || view->front_m <= area->from_m || rear_m >= area->to_m) {
            continue;
        }
        const struct area_vehicle *known = inside_find(area, 0, before, view->number);
        struct area_vehicle now = known != NULL ? *known : (struct area_vehicle){ .number = view->number };
        bool halts = view->speed_mps < HALT_MPS;
        sum->entered += known == NULL;
        sum->seen += known == NULL;
        sum->started_halts += halts && !now.halts;
        now.halts = halts;
        now.halted_s += halts ? step_s : 0.0;
        now.halted_here_s += halts ? step_s : 0.0;
        sum->sampled_s += step_s;
        sum->speed_m += view->speed_mps * step_s;
        sum->loss_s += fmax(0.0, 1.0 - view->speed_mps / network->lanes[view->lane].speed_mps) * step_s;
        covered_m += fmin(view->front_m, area->to_m) - fmax(rear_m, area->from_m);
        jam_to_m = halts && jam == 0 ? fmin(view->front_m, area->to_m) : jam_to_m;
        jam_from_m = halts ? fmax(rear_m, area->from_m) : jam_from_m;
        jam += halts;
        *GROW(area->inside) = now;
    }
    int32_t here = area->inside.count - before;
    for (int32_t i = 0; i < before; i++) {
        if (inside_find(area, before, area->inside.count, area->inside.at[i].number) == NULL) {
            sum->left++;
            halt_ends(sum, &area->inside.at[i]);
        }
    }
    memmove(area->inside.at, area->inside.at + before, (size_t)here * sizeof *area->inside.at);
    area->inside.count = here;
    double occupancy = 100.0 * covered_m / (area->to_m - area->from_m), jam_m = jam_to_m - jam_from_m;
    sum->steps++;
    sum->vehicles += here;
    sum->vehicles_most = here > sum->vehicles_most ? here : sum->vehicles_most;
    sum->occupancy += occupancy;
    sum->occupancy_most = fmax(sum->occupancy_most, occupancy);
    sum->jam += jam;
    sum->jam_most = jam > sum->jam_most ? jam : sum->jam_most;
    sum->jam_m += jam_m;
    sum->jam_m_most = fmax(sum->jam_m_most, jam_m);
}

static double mean(double sum, double count)
{
    return count > 0.0 ? sum / count : 0.0;
}

static void write_row(const struct area_output *output, const struct area *area, int64_t end_ms)
{
    struct area_sum s = area->sum;
    for (int32_t i = 0; i < area->inside.count; i++) {
        halt_ends(&s, &area->inside.at[i]);   // they halt until now
    }
    double begin_s = report_s(output->begin_ms), end_s = report_s(end_ms), steps = s.steps, seen = s.seen;
    double speed_mps = s.sampled_s > 0.0 ? s.speed_m / s.sampled_s : -1.0;
    const char *name = network_name(output->network, output->network->detectors[area->detector].name);
    char id[REPORT_NAME_BYTES_MAX];
    report_escape(name, id, sizeof id);
    fprintf(output->xml,
            "    <interval begin=\"%.2f\" end=\"%.2f\" id=\"%s\" sampledSeconds=\"%.2f\" nVehEntered=\"%d\" "
            "nVehLeft=\"%d\" nVehSeen=\"%d\" meanSpeed=\"%.2f\" meanTimeLoss=\"%.2f\" meanOccupancy=\"%.2f\" "
            "maxOccupancy=\"%.2f\" meanMaxJamLengthInVehicles=\"%.2f\" meanMaxJamLengthInMeters=\"%.2f\" "
            "maxJamLengthInVehicles=\"%d\" maxJamLengthInMeters=\"%.2f\" jamLengthInVehiclesSum=\"%.0f\" "
            "jamLengthInMetersSum=\"%.2f\" ",
            begin_s, end_s, id, s.sampled_s, s.entered, s.left, s.seen, speed_mps, mean(s.loss_s, seen),
            mean(s.occupancy, steps), s.occupancy_most, mean(s.jam, steps), mean(s.jam_m, steps), s.jam_most,
            s.jam_m_most, s.jam, s.jam_m);
    fprintf(output->xml,
            "meanHaltingDuration=\"%.2f\" maxHaltingDuration=\"%.2f\" haltingDurationSum=\"%.2f\" "
            "meanIntervalHaltingDuration=\"%.2f\" maxIntervalHaltingDuration=\"%.2f\" "
            "intervalHaltingDurationSum=\"%.2f\" startedHalts=\"%d\" meanVehicleNumber=\"%.2f\" "
            "maxVehicleNumber=\"%d\"/>\n",
            mean(s.halted_s, s.halted), s.halted_most_s, s.halted_s, mean(s.halted_here_s, s.halted_here),
            s.halted_here_most_s, s.halted_here_s, s.started_halts, mean(s.vehicles, steps), s.vehicles_most);
    fprintf(output->csv, "%.2f,%.2f,", begin_s, end_s);
    report_csv_name(output->csv, name);
    fprintf(output->csv, ",%.3f,%d,%d,%d,%.3f,%.3f,%.3f,%d,%.2f,%.2f\n", mean(s.vehicles, steps), s.vehicles_most,
            s.entered, s.left, speed_mps, mean(s.occupancy, steps), mean(s.jam, steps), s.jam_most, s.jam_m_most,
            s.loss_s);
}

static void end_interval(struct area_output *output, int64_t end_ms)
{
    for (int32_t i = 0; i < output->areas.count; i++) {
        struct area *area = &output->areas.at[i];
        write_row(output, area, end_ms);
        area->sum = (struct area_sum){ .seen = area->inside.count };
        for (int32_t k = 0; k < area->inside.count; k++) {
            area->inside.at[k].halted_here_s = 0.0;
        }
    }
    output->begin_ms = end_ms;
}

void areas_look(struct area_output *output, const struct vehicle_view *views, int32_t count, int64_t now_ms,
                int32_t step_ms)
{
    const struct network *network = output->network;
    int32_t at = 0;
    for (int32_t i = 0; i < output->areas.count; i++) {
        struct area *area = &output->areas.at[i];
        int32_t lane = network->detectors[area->detector].lane, end;
        while (at < count && views[at].lane < lane) {
            at++;
        }
        for (end = at; end < count && views[end].lane == lane; ) {
            end++;
        }
        look_at(area, network, views + at, end - at, report_s(step_ms));
    }
    if (output->xml != NULL && now_ms - output->begin_ms >= output->period_ms) {
        end_interval(output, now_ms);
    }
}

enum status areas_close(struct area_output *output, const char *directory, int64_t end_ms, struct problem *problem)
{
    if (output->xml != NULL) {
        if (end_ms > output->begin_ms) {
            end_interval(output, end_ms);
        }
        fputs("</detector>\n", output->xml);
    }
    enum status status = report_file_close(output->xml, directory, problem);
    enum status csv_status = report_file_close(output->csv, directory, problem);
    for (int32_t i = 0; i < output->areas.count; i++) {
        free(output->areas.at[i].inside.at);
    }
    free(output->areas.at);
    free(output->first_area);
    *output = (struct area_output){ 0 };
    return status != STATUS_OK ? status : csv_status;
}
