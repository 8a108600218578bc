#include "sim/report/tripinfo.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "sim/report/report_file.h"

void report_trip_name(const struct report_subject *subject, int32_t number, char *text, int32_t text_bytes)
{
    if (subject->name != NULL) {
        subject->name(subject->names, number, text, text_bytes);
    } else {
        (void)snprintf(text, (size_t)text_bytes, "%" PRId32, number);
    }
}

void report_lane_name(const struct network *network, int32_t lane, char *text, int32_t text_bytes)
{
    (void)snprintf(text, (size_t)text_bytes, "%s_%" PRId32,
                   network_name(network, network->links[network->lanes[lane].link].name),
                   network->lanes[lane].position);
}

// The lane over whose end a trip left: where it was last seen, or where the connection leads on which it was.
static int32_t last_lane(const struct network *network, const struct trip_trace *trace)
{
    return trace->inside != INDEX_NONE ? network->connections[trace->inside].to_lane : trace->lane;
}

static void csv_row(FILE *file, const struct report_subject *subject, const struct trip_result *trip, const char *name,
                    const struct trip_trace *trace)
{
    report_csv_name(file, name);
    fprintf(file, ",%" PRId32 ",%.3f,", trip->number, report_s(trip->depart_ms));
    if (trip->entered_ms != INT64_MIN) {
        fprintf(file, "%.3f", report_s(trip->entered_ms));
    }
    fputc(',', file);
    if (trip->arrived_ms != INT64_MIN) {
        fprintf(file, "%.3f", report_s(trip->arrived_ms));
    }
    fprintf(file, ",%.2f,%.2f,%.2f,%.2f,%" PRId32 ",", trip->length_m, trip->free_flow_s, trip->time_loss_s,
            trip->waiting_s, trip->stops);
    report_csv_name(file, subject->types[trip->type].name);
    if (trace == NULL) {
        fprintf(file, ",,,,,%.2f\n", trip->stopped_s);
        return;
    }
    char from[REPORT_NAME_BYTES_MAX], to[REPORT_NAME_BYTES_MAX];
    report_lane_name(subject->network, trace->depart_lane, from, sizeof from);
    report_lane_name(subject->network, last_lane(subject->network, trace), to, sizeof to);
    fputc(',', file);
    report_csv_name(file, from);
    fputc(',', file);
    report_csv_name(file, to);
    fprintf(file, ",%.3f,%.5f,%.2f\n", trace->emitted_mg[EMISSION_CO2] / 1000.0,
            trace->emitted_mg[EMISSION_FUEL] * emission_fuel_l_per_mg(subject->types[trip->type].user),
            trip->stopped_s);
}

static void xml_row(FILE *file, const struct report_subject *subject, const struct trip_result *trip, const char *name,
                    const struct trip_trace *trace)
{
    const struct network *network = subject->network;
    char id[REPORT_NAME_BYTES_MAX], type[REPORT_NAME_BYTES_MAX], lane[REPORT_NAME_BYTES_MAX],
        text[REPORT_NAME_BYTES_MAX];
    report_escape(name, id, sizeof id);
    report_escape(subject->types[trip->type].name, type, sizeof type);
    fprintf(file, "    <tripinfo id=\"%s\" depart=\"%.2f\" ", id, report_s(trip->entered_ms));
    if (trace != NULL) {
        report_lane_name(network, trace->depart_lane, text, sizeof text);
        report_escape(text, lane, sizeof lane);
        fprintf(file, "departLane=\"%s\" departPos=\"%.2f\" departSpeed=\"%.2f\" ", lane, (double)trace->depart_m,
                (double)trace->depart_mps);
    }
    fprintf(file, "departDelay=\"%.2f\" arrival=\"%.2f\" ", report_s(trip->entered_ms - trip->depart_ms),
            report_s(trip->arrived_ms));
    if (trace != NULL) {
        int32_t last = last_lane(network, trace);
        report_lane_name(network, last, text, sizeof text);
        report_escape(text, lane, sizeof lane);
        fprintf(file, "arrivalLane=\"%s\" arrivalPos=\"%.2f\" arrivalSpeed=\"%.2f\" ", lane,
                network->lanes[last].length_m, (double)trace->speed_mps);
    }
    fprintf(file, "duration=\"%.2f\" routeLength=\"%.2f\" waitingTime=\"%.2f\" waitingCount=\"%" PRId32
            "\" stopTime=\"%.2f\" timeLoss=\"%.2f\" rerouteNo=\"0\" devices=\"tripinfo_%s\" vType=\"%s\" "
            "speedFactor=\"%.2f\" vaporized=\"\"",
            report_s(trip->arrived_ms - trip->entered_ms), trip->length_m, trip->waiting_s, trip->stops,
            trip->stopped_s, trip->time_loss_s, id, type, trip->speed_factor);
    if (trace == NULL) {
        fputs("/>\n", file);
        return;
    }
    const double *mg = trace->emitted_mg;
    fprintf(file, ">\n        <emissions CO_abs=\"%.6f\" CO2_abs=\"%.6f\" HC_abs=\"%.6f\" PMx_abs=\"%.6f\" "
            "NOx_abs=\"%.6f\" fuel_abs=\"%.6f\" electricity_abs=\"0\"/>\n    </tripinfo>\n",
            mg[EMISSION_CO], mg[EMISSION_CO2], mg[EMISSION_HC], mg[EMISSION_PMX], mg[EMISSION_NOX],
            mg[EMISSION_FUEL]);
}

enum status tripinfo_write(const char *directory, const struct trip_result *trips, int32_t count,
                           const struct report_subject *subject, const struct trip_traces *traces,
                           struct problem *problem)
{
    FILE *csv = report_file_open(directory, "trips.csv", problem);
    FILE *xml = csv != NULL ? report_file_open(directory, "tripinfo.xml", problem) : NULL;
    if (xml == NULL) {
        report_file_drop(csv);
        return STATUS_IO;
    }
    fputs("id,number,scheduled_s,entered_s,arrived_s,length_m,free_flow_s,time_loss_s,waiting_s,stops,type,depart_lane,"
          "last_lane,co2_g,fuel_l,stopped_s\n", csv);
    fputs("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<tripinfos>\n", xml);
    for (int32_t i = 0; i < count; i++) {
        char id[REPORT_NAME_BYTES_MAX];
        report_trip_name(subject, trips[i].number, id, sizeof id);
        const struct trip_trace *trace = trip_traces_of(traces, trips[i].number);
        csv_row(csv, subject, &trips[i], id, trace);
        if (trips[i].arrived_ms != INT64_MIN) {
            xml_row(xml, subject, &trips[i], id, trace);
        }
    }
    fputs("</tripinfos>\n", xml);
    enum status status = report_file_close(csv, directory, problem);
    enum status xml_status = report_file_close(xml, directory, problem);
    return status != STATUS_OK ? status : xml_status;
}
