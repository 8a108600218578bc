#include "sim/report/summary_output.h"

#include "sim/report/report_file.h"

static const double HALTING_MPS = 0.1;   // as SUMO's

enum status summary_open(struct summary_output *summary, const char *directory, struct problem *problem)
{
    *summary = (struct summary_output){ .xml = report_file_open(directory, "summary.xml", problem) };
    summary->csv = summary->xml != NULL ? report_file_open(directory, "summary.csv", problem) : NULL;
    if (summary->csv == NULL) {
        report_file_drop(summary->xml);
        summary->xml = NULL;
        return STATUS_IO;
    }
    fputs("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<summary>\n", summary->xml);
    fputs("time_s,loaded,inserted,running,waiting,arrived,halting,mean_waiting_s,mean_travel_s,mean_speed_mps,"
          "mean_speed_relative\n", summary->csv);
    return STATUS_OK;
}

void summary_row(struct summary_output *summary, const struct network *network, const struct street_counts *counts,
                 const struct vehicle_view *views, int32_t view_count, int64_t now_ms, int32_t step_ms,
                 bool whole_second)
{
    summary->waited_s += (double)counts->waiting * report_s(step_ms);
    if (!whole_second) {
        return;
    }
    int32_t halting = 0;
    double speed_mps = 0.0, relative = 0.0;
    for (int32_t i = 0; i < view_count; i++) {
        double limit_mps = views[i].connection == INDEX_NONE ? network->lanes[views[i].lane].speed_mps
            : network->connections[views[i].connection].speed_mps;
        halting += views[i].speed_mps < HALTING_MPS;
        speed_mps += views[i].speed_mps;
        relative += limit_mps > 0.0 ? views[i].speed_mps / limit_mps : 0.0;
    }
    int64_t inserted = counts->scheduled - counts->waiting;
    double waited_s = inserted > 0 ? summary->waited_s / (double)inserted : -1.0;
    double travelled_s = summary->arrived > 0 ? summary->travelled_s / (double)summary->arrived : -1.0;
    speed_mps = view_count > 0 ? speed_mps / view_count : -1.0;
    relative = view_count > 0 ? relative / view_count : -1.0;
    fprintf(summary->xml,
            "    <step time=\"%.2f\" loaded=\"%lld\" inserted=\"%lld\" running=\"%lld\" waiting=\"%lld\" "
            "ended=\"%lld\" arrived=\"%lld\" collisions=\"0\" teleports=\"%lld\" halting=\"%d\" stopped=\"0\" "
            "meanWaitingTime=\"%.2f\" meanTravelTime=\"%.2f\" meanSpeed=\"%.2f\" meanSpeedRelative=\"%.2f\" "
            "duration=\"0\"/>\n",
            report_s(now_ms), (long long)counts->scheduled, (long long)inserted, (long long)counts->under_way,
            (long long)counts->waiting, (long long)counts->arrived, (long long)counts->arrived,
            (long long)counts->teleported, halting, waited_s, travelled_s, speed_mps, relative);
    fprintf(summary->csv, "%.2f,%lld,%lld,%lld,%lld,%lld,%d,%.2f,%.2f,%.3f,%.3f\n", report_s(now_ms),
            (long long)counts->scheduled, (long long)inserted, (long long)counts->under_way,
            (long long)counts->waiting, (long long)counts->arrived, halting, waited_s, travelled_s, speed_mps,
            relative);
}

void summary_arrive(struct summary_output *summary, const struct trip_result *trips, int32_t count)
{
    for (int32_t i = 0; i < count; i++) {
        summary->travelled_s += report_s(trips[i].arrived_ms - trips[i].entered_ms);
    }
    summary->arrived += count;
}

enum status summary_close(struct summary_output *summary, const char *directory, struct problem *problem)
{
    if (summary->xml != NULL) {
        fputs("</summary>\n", summary->xml);
    }
    enum status status = report_file_close(summary->xml, directory, problem);
    enum status csv_status = report_file_close(summary->csv, directory, problem);
    summary->xml = summary->csv = NULL;
    return status != STATUS_OK ? status : csv_status;
}
