#include "sim/report/detector_output.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"
#include "sim/report/area_output.h"
#include "sim/report/report_file.h"

static const double VEHICLE_M_MAX = 30.0;      // longer ones stood on the loop

enum status detectors_open(struct detector_output *output, const char *directory, const struct network *network,
                           int64_t begin_ms, int32_t period_ms, struct problem *problem)
{
    *output = (struct detector_output){ .network = network, .begin_ms = begin_ms, .period_ms = period_ms };
    output->xml = report_file_open(directory, "detectors.xml", problem);
    output->csv = output->xml != NULL ? report_file_open(directory, "detectors.csv", problem) : NULL;
    if (output->csv == NULL) {
        report_file_drop(output->xml);
        output->xml = NULL;
        return STATUS_IO;
    }
    output->sums = memory_take((size_t)network->detector_count, sizeof *output->sums);
    fputs("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<detector>\n", output->xml);
    fputs("begin_s,end_s,detector,vehicles,flow_vph,occupancy_percent,speed_mps,harmonic_speed_mps,vehicle_length_m\n",
          output->csv);
    return STATUS_OK;
}

static void write_row(const struct detector_output *output, int32_t detector, int64_t end_ms)
{
    const struct detector_sum *sum = &output->sums[detector];
    double span_s = report_s(end_ms - output->begin_ms), count = (double)sum->vehicles;
    double flow_vph = count * 3600.0 / span_s, occupancy = 100.0 * report_s(sum->occupied_ms) / span_s;
    double speed_mps = count > 0.0 ? sum->speed_mps / count : -1.0;
    double harmonic_mps = count > 0.0 && sum->slowness_spm > 0.0 ? count / sum->slowness_spm : -1.0;
    // Each covers the loop for its length and the loop's, at its own speed: the time of all is that way over the
    // harmonic mean. Where one has stood on the loop it is more than any vehicle's, and not known.
    double length_m = harmonic_mps > 0.0
        ? report_s(sum->occupied_ms) * harmonic_mps / count - output->network->detectors[detector].length_m : -1.0;
    length_m = length_m < 0.0 || length_m > VEHICLE_M_MAX ? -1.0 : length_m;
    const char *name = network_name(output->network, output->network->detectors[detector].name);
    char id[REPORT_NAME_BYTES_MAX];
    report_escape(name, id, sizeof id);
    if (output->network->detectors[detector].length_m < AREA_LENGTH_M_MIN) {   // areas have a file of their own
        fprintf(output->xml,
                "    <interval begin=\"%.2f\" end=\"%.2f\" id=\"%s\" nVehContrib=\"%lld\" flow=\"%.2f\" "
                "occupancy=\"%.2f\" speed=\"%.2f\" harmonicMeanSpeed=\"%.2f\" length=\"%.2f\" nVehEntered=\"%lld\"/>\n",
                report_s(output->begin_ms), report_s(end_ms), id, (long long)sum->vehicles, flow_vph, occupancy,
                speed_mps, harmonic_mps, length_m, (long long)sum->vehicles);
    }
    fprintf(output->csv, "%.2f,%.2f,", report_s(output->begin_ms), report_s(end_ms));
    report_csv_name(output->csv, name);
    fprintf(output->csv, ",%lld,%.2f,%.3f,%.3f,%.3f,%.2f\n", (long long)sum->vehicles, flow_vph, occupancy, speed_mps,
            harmonic_mps, length_m);
}

static void end_interval(struct detector_output *output, int64_t end_ms)
{
    for (int32_t i = 0; i < output->network->detector_count; i++) {
        write_row(output, i, end_ms);
    }
    memset(output->sums, 0, (size_t)output->network->detector_count * sizeof *output->sums);
    output->begin_ms = end_ms;
}

void detectors_take(struct detector_output *output, const struct loop_columns *rows, int64_t now_ms)
{
    for (int32_t i = 0; i < rows->count; i++) {
        struct detector_sum *sum = &output->sums[rows->detector[i]];
        sum->vehicles += rows->vehicles[i];
        sum->occupied_ms += rows->occupied_ms[i];
        if (rows->vehicles[i] > 0 && rows->speed_mmps[i] > 0) {
            double speed_mps = rows->speed_mmps[i] / 1000.0;
            sum->speed_mps += speed_mps * rows->vehicles[i];
            sum->slowness_spm += rows->vehicles[i] / speed_mps;
        }
    }
    if (rows->count > 0 && now_ms - output->begin_ms >= output->period_ms) {
        end_interval(output, now_ms);
    }
}

enum status detectors_close(struct detector_output *output, const char *directory, int64_t end_ms,
                            struct problem *problem)
{
    if (output->xml != NULL) {
        if (end_ms > output->begin_ms) {
            end_interval(output, end_ms);
        }
        fputs("</detector>\n", output->xml);
    }
    enum status status = report_file_close(output->xml, directory, problem);
    enum status csv_status = report_file_close(output->csv, directory, problem);
    free(output->sums);
    *output = (struct detector_output){ 0 };
    return status != STATUS_OK ? status : csv_status;
}
