#include "sim/replay/count_file.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "engine/import/sumo_xml.h"
#include "engine/model/units.h"
#include "sim/replay/csv_lines.h"
#include "sim/replay/day_time.h"

#define PEMS_RAW_FIRST 2              // columns before those of the lanes
#define PEMS_RAW_EACH 3
#define PEMS_SUM_FIRST 12
#define PEMS_SUM_EACH 5
#define PEMS_RAW_MS 30000
#define PEMS_SUM_MS 300000
#define LENGTH_MS_DEFAULT 300000      // of an interval, where a detector has one row alone
#define LENGTH_MS_MAX 3600000

struct reader {
    const struct count_map *map;
    struct count_file *file;
    int column[8];                    // of a header's names, in the order of the layout's list
};

const char *count_layout_name(enum count_layout layout)
{
    static const char *const NAMES[] = { "PeMS, 30 s", "PeMS, 5 min", "UTD19", "SUMO", "Intergreen" };
    return NAMES[layout];
}

// end_ms 0: not told.
static void row_add(struct reader *reader, int32_t place, int64_t begin_ms, int64_t end_ms, double vehicles)
{
    *GROW(reader->file->rows) = (struct count_row){ .place = place, .begin_ms = begin_ms, .end_ms = end_ms,
        .vehicles = vehicles * reader->map->places.at[place].factor };
}

// ---- PeMS -------------------------------------------------------------------------------------------------------

// MM/DD/YYYY HH:MM:SS
static bool pems_time(const char *text, int64_t *ret_ms)
{
    int year, month, day, used = 0;
    int64_t days, clock_ms;
    if (sscanf(text, "%2d/%2d/%4d %n", &month, &day, &year, &used) != 3 || used == 0
        || !civil_days(year, month, day, &days) || !clock_parse(text + used, &clock_ms)) {
        return false;
    }
    *ret_ms = days * MS_PER_DAY + clock_ms;
    return true;
}

// A lane's flow, or below 0 where it is not known. false: not a number.
static bool pems_lane(const struct csv_lines *lines, bool sums, int lane, double *ret)
{
    int at = sums ? PEMS_SUM_FIRST + (lane - 1) * PEMS_SUM_EACH + 1 : PEMS_RAW_FIRST + (lane - 1) * PEMS_RAW_EACH;
    int observed = PEMS_SUM_FIRST + (lane - 1) * PEMS_SUM_EACH + 4;
    *ret = -1.0;
    if (lane < 1 || at >= lines->field_count || lines->field[at][0] == '\0') {
        return true;
    }
    if (!csv_number(lines->field[at], ret) || *ret < 0.0) {
        return false;
    }
    if (sums && observed < lines->field_count && strcmp(lines->field[observed], "0") == 0) {
        *ret = -1.0;                  // PeMS' own guess
    }
    return true;
}

// All lanes: the station's total where the layout has one, else the sum.
static bool pems_all(const struct csv_lines *lines, bool sums, double *ret)
{
    *ret = -1.0;
    if (sums) {
        double observed;
        bool known = csv_number(lines->field[8], &observed) && observed > 0.0;
        return lines->field[9][0] == '\0' || !known || (csv_number(lines->field[9], ret) && *ret >= 0.0);
    }
    for (int lane = 1; PEMS_RAW_FIRST + (lane - 1) * PEMS_RAW_EACH < lines->field_count; lane++) {
        double flow;
        if (!pems_lane(lines, false, lane, &flow)) {
            return false;
        }
        *ret = flow < 0.0 ? *ret : fmax(*ret, 0.0) + flow;
    }
    return true;
}

static enum status pems_row(struct reader *reader, const struct csv_lines *lines, struct problem *problem)
{
    bool sums = reader->file->layout == COUNTS_PEMS_5_MIN;
    int64_t begin_ms;
    if (lines->field_count < (sums ? PEMS_SUM_FIRST : PEMS_RAW_FIRST + 1)) {
        return csv_wrong(lines, problem, STATUS_SYNTAX, "Fetch the file anew.", "%d fields, a row of %s has %d or more",
                         lines->field_count, count_layout_name(reader->file->layout),
                         sums ? PEMS_SUM_FIRST : PEMS_RAW_FIRST + 1);
    }
    if (!pems_time(lines->field[0], &begin_ms)) {
        return csv_wrong(lines, problem, STATUS_SYNTAX, "Write MM/DD/YYYY HH:MM:SS.", "'%.40s' is no time",
                         lines->field[0]);
    }
    int32_t place = count_map_find(reader->map, lines->field[1]);
    reader->file->rows_foreign += place == INDEX_NONE;
    for (; place != INDEX_NONE; place = reader->map->places.at[place].next) {
        int32_t lane = reader->map->places.at[place].lane;
        double flow;
        if (!(lane == COUNT_LANE_ALL ? pems_all(lines, sums, &flow) : pems_lane(lines, sums, lane, &flow))) {
            return csv_wrong(lines, problem, STATUS_SYNTAX, "Flows are whole numbers or empty.",
                             "a flow of station %.40s is no number", lines->field[1]);
        }
        reader->file->rows_missing += flow < 0.0;
        if (flow >= 0.0) {
            row_add(reader, place, begin_ms, begin_ms + (sums ? PEMS_SUM_MS : PEMS_RAW_MS), flow);
        }
    }
    return STATUS_OK;
}

// ---- UTD19 ------------------------------------------------------------------------------------------------------

static const char *const UTD19[] = { "day", "interval", "detid", "flow", "error", "city" };
enum { UTD_DAY, UTD_INTERVAL, UTD_DETID, UTD_FLOW, UTD_ERROR, UTD_CITY, UTD_COUNT };

static bool utd_time(const char *day, const char *interval, int64_t *ret_ms)
{
    int year, month, date, used = 0;
    int64_t days;
    double second;
    if (sscanf(day, "%4d-%2d-%2d%n", &year, &month, &date, &used) != 3 || day[used] != '\0'
        || !civil_days(year, month, date, &days) || !csv_number(interval, &second)
        || !(second >= 0.0 && second <= 86400.0)) {
        return false;
    }
    *ret_ms = days * MS_PER_DAY + ms_from_s(second);
    return true;
}

static const char *column_of(const struct reader *reader, const struct csv_lines *lines, int column)
{
    int at = reader->column[column];
    return at >= 0 && at < lines->field_count ? lines->field[at] : "";
}

static bool missing(const char *text)
{
    return *text == '\0' || strcmp(text, "NA") == 0 || strcmp(text, "NaN") == 0 || strcmp(text, "nan") == 0;
}

static enum status utd_row(struct reader *reader, const struct csv_lines *lines, struct problem *problem)
{
    const char *detid = column_of(reader, lines, UTD_DETID), *flow = column_of(reader, lines, UTD_FLOW);
    const char *error = column_of(reader, lines, UTD_ERROR);
    int64_t begin_ms;
    double vph = 0.0, wrong = 0.0;
    char full[256];
    if (!utd_time(column_of(reader, lines, UTD_DAY), column_of(reader, lines, UTD_INTERVAL), &begin_ms)) {
        return csv_wrong(lines, problem, STATUS_SYNTAX, "Write YYYY-MM-DD and seconds since midnight.",
                         "'%.40s', '%.40s' is no time", column_of(reader, lines, UTD_DAY),
                         column_of(reader, lines, UTD_INTERVAL));
    }
    (void)snprintf(full, sizeof full, "%.100s:%.100s", column_of(reader, lines, UTD_CITY), detid);
    int32_t place = count_map_find(reader->map, full);
    place = place == INDEX_NONE ? count_map_find(reader->map, detid) : place;
    if (place == INDEX_NONE) {
        reader->file->rows_foreign++;
        return STATUS_OK;
    }
    if (!missing(flow) && (!csv_number(flow, &vph) || vph < 0.0)) {
        return csv_wrong(lines, problem, STATUS_SYNTAX, "Write vehicles an hour, or nothing.",
                         "the flow '%.40s' is no number", flow);
    }
    if (missing(flow) || (csv_number(error, &wrong) && wrong != 0.0)) {
        reader->file->rows_missing++;
        return STATUS_OK;
    }
    for (; place != INDEX_NONE; place = reader->map->places.at[place].next) {
        row_add(reader, place, begin_ms, 0, vph);   // Vehicles an hour until the interval's length is known.
    }
    return STATUS_OK;
}

// ---- our own ----------------------------------------------------------------------------------------------------

static const char *const OWN[] = { "begin_s", "end_s", "detector", "vehicles" };
enum { OWN_BEGIN, OWN_END, OWN_DETECTOR, OWN_VEHICLES, OWN_COUNT };

static enum status own_row(struct reader *reader, const struct csv_lines *lines, struct problem *problem)
{
    double begin_s, end_s, vehicles;
    if (!csv_number(column_of(reader, lines, OWN_BEGIN), &begin_s)
        || !csv_number(column_of(reader, lines, OWN_END), &end_s) || !(end_s > begin_s) || fabs(end_s) > 1e10) {
        return csv_wrong(lines, problem, STATUS_SYNTAX, "Write seconds, the end after the begin.",
                         "'%.40s' to '%.40s' is no interval", column_of(reader, lines, OWN_BEGIN),
                         column_of(reader, lines, OWN_END));
    }
    int32_t place = count_map_find(reader->map, column_of(reader, lines, OWN_DETECTOR));
    reader->file->rows_foreign += place == INDEX_NONE;
    const char *text = column_of(reader, lines, OWN_VEHICLES);
    if (place != INDEX_NONE && missing(text)) {
        reader->file->rows_missing++;
        return STATUS_OK;
    }
    if (place != INDEX_NONE && (!csv_number(text, &vehicles) || vehicles < 0.0)) {
        return csv_wrong(lines, problem, STATUS_SYNTAX, "Write how many vehicles there were, or nothing.",
                         "'%.40s' is no number of vehicles", text);
    }
    for (; place != INDEX_NONE; place = reader->map->places.at[place].next) {
        row_add(reader, place, ms_from_s(begin_s), ms_from_s(end_s), vehicles);
    }
    return STATUS_OK;
}

// ---- SUMO -------------------------------------------------------------------------------------------------------

static void sumo_start(struct sumo_xml *xml, void *user, const char *element, const char **attributes)
{
    struct reader *reader = user;
    if (strcmp(element, "interval") != 0 || sumo_xml_find(attributes, "id") == NULL) {
        if (sumo_xml_depth(xml) == 1 && strcmp(element, "interval") != 0) {
            sumo_xml_fail(xml, STATUS_SYNTAX, "Name the output of SUMO's induction loops or areas.",
                          "<%.40s> is no interval of a detector", element);
        }
        return;
    }
    double begin_s = sumo_xml_number(xml, element, attributes, "begin", NAN, -1e9, 1e10);
    double end_s = sumo_xml_number(xml, element, attributes, "end", NAN, -1e9, 1e10);
    const char *counted = sumo_xml_find(attributes, "nVehContrib") != NULL ? "nVehContrib"
        : sumo_xml_find(attributes, "nVehLeft") != NULL ? "nVehLeft" : "nVehEntered";
    double vehicles = sumo_xml_number(xml, element, attributes, counted, NAN, 0.0, 1e9);
    reader->file->rows_read++;
    if (!sumo_xml_failed(xml) && !(end_s > begin_s)) {
        sumo_xml_fail(xml, STATUS_RANGE, NULL, "an interval ends at %g s, before it begins", end_s);
    }
    int32_t place = count_map_find(reader->map, sumo_xml_find(attributes, "id"));
    reader->file->rows_foreign += place == INDEX_NONE;
    for (; place != INDEX_NONE && !sumo_xml_failed(xml); place = reader->map->places.at[place].next) {
        row_add(reader, place, ms_from_s(begin_s), ms_from_s(end_s), vehicles);
    }
}

// ---- which layout it is -----------------------------------------------------------------------------------------

static bool columns_find(struct reader *reader, const struct csv_lines *header, const char *const *names, int count)
{
    for (int i = 0; i < count; i++) {
        reader->column[i] = csv_column(header, names[i]);
    }
    return true;
}

// By the first line; *ret_row: it is a row already, not a header.
static enum status layout_find(struct reader *reader, const struct csv_lines *lines, bool *ret_row,
                               struct problem *problem)
{
    int64_t at_ms;
    *ret_row = false;
    if (csv_column(lines, "detid") >= 0 && csv_column(lines, "interval") >= 0 && csv_column(lines, "flow") >= 0
        && csv_column(lines, "day") >= 0) {
        reader->file->layout = COUNTS_UTD19;
        (void)columns_find(reader, lines, UTD19, UTD_COUNT);
        return STATUS_OK;
    }
    if (csv_column(lines, "begin_s") >= 0 && csv_column(lines, "end_s") >= 0 && csv_column(lines, "detector") >= 0
        && csv_column(lines, "vehicles") >= 0) {
        reader->file->layout = COUNTS_INTERGREEN;
        (void)columns_find(reader, lines, OWN, OWN_COUNT);
        return STATUS_OK;
    }
    if (pems_time(lines->field[0], &at_ms)) {
        // The summaries have the lane's type, two letters such as ML, where 30 s have a lane's speed or flow.
        bool sums = lines->field_count >= PEMS_SUM_FIRST && isalpha((unsigned char)lines->field[5][0]);
        reader->file->layout = sums ? COUNTS_PEMS_5_MIN : COUNTS_PEMS_30_S;
        *ret_row = true;
        return STATUS_OK;
    }
    return csv_wrong(lines, problem, STATUS_SYNTAX,
                     "Known are PeMS (30 s, 5 min), UTD19 (day,interval,detid,flow,…), SUMO's detector output (XML) "
                     "and begin_s,end_s,detector,vehicles.", "this begins no layout of counts that is known");
}

static enum status rows_read(struct reader *reader, struct csv_lines *lines, struct problem *problem)
{
    bool row = false, headed = false;
    enum status status = STATUS_OK;
    while (status == STATUS_OK && (status = csv_next(lines, problem)) == STATUS_OK && lines->field_count > 0) {
        if (!headed) {
            if (strcasecmp(lines->field[0], "Timestamp") == 0) {
                continue;             // Somebody gave a file of PeMS the header that it lacks.
            }
            status = layout_find(reader, lines, &row, problem);
            headed = true;
            if (!row) {
                continue;
            }
        }
        reader->file->rows_read++;
        switch (reader->file->layout) {
        case COUNTS_PEMS_30_S:
        case COUNTS_PEMS_5_MIN: status = pems_row(reader, lines, problem); break;
        case COUNTS_UTD19: status = utd_row(reader, lines, problem); break;
        case COUNTS_INTERGREEN: status = own_row(reader, lines, problem); break;
        case COUNTS_SUMO: break;
        }
    }
    return status;
}

static bool begins_as_xml(const char *path)
{
    char text[256] = "";
    gzFile file = gzopen(path, "rb");
    if (file == NULL) {
        return false;
    }
    int bytes = gzread(file, text, sizeof text - 1);
    (void)gzclose(file);
    const char *at = text + (bytes > 3 && strncmp(text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0);
    return at[strspn(at, " \t\r\n")] == '<';
}

// ---- what the rows are of ---------------------------------------------------------------------------------------

static int row_compare(const void *a, const void *b)
{
    const struct count_row *x = a, *y = b;
    return x->place != y->place ? (x->place > y->place) - (x->place < y->place)
                                : (x->begin_ms > y->begin_ms) - (x->begin_ms < y->begin_ms);
}

// Intervals whose length the file does not tell: the least step between two of the same place.
static void lengths_find(struct count_file *file)
{
    for (int32_t first = 0, end; first < file->rows.count; first = end) {
        int64_t length_ms = LENGTH_MS_MAX + 1;
        for (end = first; end < file->rows.count && file->rows.at[end].place == file->rows.at[first].place; end++) {
            int64_t step_ms = end > first ? file->rows.at[end].begin_ms - file->rows.at[end - 1].begin_ms : 0;
            length_ms = step_ms > 0 && step_ms < length_ms ? step_ms : length_ms;
        }
        length_ms = length_ms > LENGTH_MS_MAX ? LENGTH_MS_DEFAULT : length_ms;
        for (int32_t i = first; i < end; i++) {
            struct count_row *row = &file->rows.at[i];
            if (row->end_ms == 0) {
                row->end_ms = row->begin_ms + length_ms;
                row->vehicles *= (double)length_ms / 3600000.0;
            }
        }
    }
}

static void span_find(struct count_file *file)
{
    for (int32_t i = 0; i < file->rows.count; i++) {
        const struct count_row *row = &file->rows.at[i];
        file->begin_ms = i == 0 || row->begin_ms < file->begin_ms ? row->begin_ms : file->begin_ms;
        file->end_ms = i == 0 || row->end_ms > file->end_ms ? row->end_ms : file->end_ms;
        file->places += i == 0 || row->place != file->rows.at[i - 1].place;
    }
}

enum status count_file_read(const char *path, const struct count_map *map, struct count_file *ret,
                            struct problem *problem)
{
    struct count_file file = { 0 };
    struct reader reader = { .map = map, .file = &file };
    enum status status;
    if (begins_as_xml(path)) {
        file.layout = COUNTS_SUMO;
        status = sumo_xml_read(path, sumo_start, NULL, &reader, problem);
    } else {
        struct csv_lines lines;
        status = csv_open(path, &lines, problem);
        if (status == STATUS_OK) {
            status = rows_read(&reader, &lines, problem);
            csv_close(&lines);
        }
    }
    if (status == STATUS_OK && file.rows.count == 0) {
        status = problem_report(problem, STATUS_INFEASIBLE, path, NULL,
            file.rows_foreign > 0 ? "Map its detectors to those of the network with --mapping." : NULL,
            "no count of it can be used: %lld rows, %lld of detectors that are not mapped, %lld missing",
            (long long)file.rows_read, (long long)file.rows_foreign, (long long)file.rows_missing);
    }
    if (status != STATUS_OK) {
        count_file_release(&file);
        return status;
    }
    qsort(file.rows.at, (size_t)file.rows.count, sizeof *file.rows.at, row_compare);
    lengths_find(&file);
    span_find(&file);
    *ret = file;
    return STATUS_OK;
}

void count_file_release(struct count_file *file)
{
    free(file->rows.at);
    *file = (struct count_file){ 0 };
}
