#include "sim/report/tripinfo.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define NAME_BYTES_MAX 200

// A name with the five characters of XML escaped; one that does not fit is cut.
static void escape(const char *from, char *to, size_t bytes)
{
    size_t used = 0;
    for (; *from != '\0'; from++) {
        char one[2] = { *from, '\0' };
        const char *text = *from == '&' ? "&amp;" : *from == '<' ? "&lt;" : *from == '>' ? "&gt;"
            : *from == '"' ? "&quot;" : *from == '\'' ? "&apos;" : one;
        if (used + strlen(text) + 1 > bytes) {
            break;
        }
        memcpy(to + used, text, strlen(text));
        used += strlen(text);
    }
    to[used] = '\0';
}

static double seconds(int64_t ms)
{
    return (double)ms / 1000.0;
}

static void csv_row(FILE *file, const struct trip_result *trip, const char *name)
{
    fprintf(file, "%s,%" PRId32 ",%.3f,", name, trip->number, seconds(trip->depart_ms));
    if (trip->entered_ms != INT64_MIN) {
        fprintf(file, "%.3f", seconds(trip->entered_ms));
    }
    fputc(',', file);
    if (trip->arrived_ms != INT64_MIN) {
        fprintf(file, "%.3f", seconds(trip->arrived_ms));
    }
    fprintf(file, ",%.2f,%.2f,%.2f,%.2f,%" PRId32 "\n", trip->length_m, trip->free_flow_s, trip->time_loss_s,
            trip->waiting_s, trip->stops);
}

static void xml_row(FILE *file, const struct trip_result *trip, const char *name, const struct vehicle_type *type)
{
    char id[NAME_BYTES_MAX], type_id[NAME_BYTES_MAX];
    escape(name, id, sizeof id);
    escape(type->name, type_id, sizeof type_id);
    fprintf(file,
            "    <tripinfo id=\"%s\" depart=\"%.2f\" departDelay=\"%.2f\" arrival=\"%.2f\" duration=\"%.2f\" "
            "routeLength=\"%.2f\" waitingTime=\"%.2f\" waitingCount=\"%" PRId32
            "\" stopTime=\"0.00\" timeLoss=\"%.2f\" "
            "vType=\"%s\" speedFactor=\"1.00\" vaporized=\"\"/>\n",
            id, seconds(trip->entered_ms), seconds(trip->entered_ms - trip->depart_ms), seconds(trip->arrived_ms),
            seconds(trip->arrived_ms - trip->entered_ms), trip->length_m, trip->waiting_s, trip->stops,
            trip->time_loss_s, type_id);
}

static FILE *open_in(const char *directory, const char *file_name, struct problem *problem)
{
    char path[4096];
    if (snprintf(path, sizeof path, "%s/%s", directory, file_name) >= (int)sizeof path) {
        (void)problem_report(problem, STATUS_LIMIT, directory, NULL, "use a shorter path", "the path is too long");
        return NULL;
    }
    FILE *file = fopen(path, "w");
    if (file == NULL) {
        (void)problem_report(problem, STATUS_IO, path, NULL, NULL, "cannot be written: %s", strerror(errno));
    }
    return file;
}

static enum status close_checked(FILE *file, const char *directory, struct problem *problem)
{
    bool failed = ferror(file) != 0;
    failed = fclose(file) != 0 || failed;
    return failed ? problem_report(problem, STATUS_IO, directory, NULL, "is the disk full?",
                                   "a file could not be written")
                  : STATUS_OK;
}

enum status tripinfo_write(const char *directory, const struct trip_result *trips, int32_t count,
                           const struct vehicle_type *types, trip_namer name, const void *names,
                           struct problem *problem)
{
    if (mkdir(directory, 0777) != 0 && errno != EEXIST) {
        return problem_report(problem, STATUS_IO, directory, NULL, NULL, "cannot be made: %s", strerror(errno));
    }
    FILE *csv = open_in(directory, "trips.csv", problem);
    if (csv == NULL) {
        return STATUS_IO;
    }
    FILE *xml = open_in(directory, "tripinfo.xml", problem);
    if (xml == NULL) {
        (void)fclose(csv);
        return STATUS_IO;
    }
    fputs("id,number,scheduled_s,entered_s,arrived_s,length_m,free_flow_s,time_loss_s,waiting_s,stops\n", csv);
    fputs("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<tripinfos>\n", xml);
    for (int32_t i = 0; i < count; i++) {
        char id[NAME_BYTES_MAX];
        (void)snprintf(id, sizeof id, "%" PRId32, trips[i].number);
        if (name != NULL) {
            name(names, trips[i].number, id, (int32_t)sizeof id);
        }
        csv_row(csv, &trips[i], id);
        if (trips[i].arrived_ms != INT64_MIN) {
            xml_row(xml, &trips[i], id, &types[trips[i].type]);
        }
    }
    fputs("</tripinfos>\n", xml);
    enum status status = close_checked(csv, directory, problem);
    enum status xml_status = close_checked(xml, directory, problem);
    return status != STATUS_OK ? status : xml_status;
}
