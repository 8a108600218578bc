#include "sim/report/compare_report.h"

#include <assert.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"
#include "engine/model/units.h"
#include "sim/report/report_file.h"
#include "sim/report/report_page.h"
#include "sim/report/sensor_health.h"

#define APPROACH_PART_COUNT_MAX 4      // links in a row that are one road before a signal
#define DETAILED_MAX 120              // intersections whose approaches are drawn period by period
#define TRACKS_MAX 300                // vehicles in a time-space diagram
#define MINOR_SHARE 0.5
#define SENSORS_LISTED_MAX 30          // of those that are not good
#define MARK "/*DATA*/"

static double rounded(double value, double unit)
{
    return round(value / unit) * unit;
}

static json_t *number(double value, double unit)
{
    return json_real(isfinite(value) ? rounded(value, unit) : 0.0);
}

static void put(json_t *object, const char *key, json_t *value)
{
    (void)json_object_set_new(object, key, value);
}

static void push(json_t *array, json_t *value)
{
    (void)json_array_append_new(array, value);
}

// ---- statistics -------------------------------------------------------------------------------------------------

// Student's t for a two-sided interval of 95 %, by degrees of freedom. [Student1908; any table of it]
static double student(int freedom)
{
    static const double TABLE[] = { 0.0, 12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201,
        2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086 };
    int last = (int)(sizeof TABLE / sizeof *TABLE) - 1;
    return freedom <= last ? TABLE[freedom] : 1.96 + 2.5 / freedom;   // Within 0.2 % beyond the table.
}

struct spread spread_of(const double *values, int count)
{
    struct spread ret = { 0 };
    for (int i = 0; i < count; i++) {
        ret.mean += values[i] / count;
        ret.worst = i == 0 ? values[i] : fmax(ret.worst, values[i]);
    }
    double squares = 0.0;
    for (int i = 0; i < count; i++) {
        squares += (values[i] - ret.mean) * (values[i] - ret.mean);
    }
    ret.half = count > 1 ? student(count - 1) * sqrt(squares / (count - 1) / count) : 0.0;
    return ret;
}

struct figure {
    const char *key, *title;
    double (*of)(const struct compared_run *run);
    double unit;                      // it is rounded to
};

static double travel_time(const struct compared_run *run) { return run->measures.average_travel_time_s; }
static double delay(const struct compared_run *run) { return run->measures.average_delay_s; }
static double stops(const struct compared_run *run) { return run->measures.stops_per_vehicle; }
static double queue(const struct compared_run *run) { return run->measures.average_queue_veh; }
static double arrived(const struct compared_run *run) { return (double)run->measures.arrived; }
static double worst_movement(const struct compared_run *run) { return run->measures.worst_movement_delay_s; }
static double co2(const struct compared_run *run) { return run->co2_kg; }
static double fuel(const struct compared_run *run) { return run->fuel_l; }

static const struct figure FIGURES[] = {
    { "delay", "average_delay_s", delay, 0.01 },
    { "travel_time", "average_travel_time_s", travel_time, 0.01 },
    { "stops", "stops_per_vehicle", stops, 0.001 },
    { "queue", "average_queue_veh", queue, 0.1 },
    { "arrived", "vehicles_arrived", arrived, 1.0 },
    { "worst_movement", "worst_movement_delay_s", worst_movement, 0.1 },
    { "co2", "co2_kg", co2, 0.1 },
    { "fuel", "fuel_l", fuel, 0.1 },
};
#define FIGURE_COUNT (sizeof FIGURES / sizeof *FIGURES)

static struct spread figure_spread(const struct compared_strategy *strategy, const struct figure *figure)
{
    double values[COMPARED_RUN_COUNT_MAX];
    for (int i = 0; i < strategy->run_count; i++) {
        values[i] = figure->of(&strategy->runs[i]);
    }
    return spread_of(values, strategy->run_count);
}

// ---- approaches -------------------------------------------------------------------------------------------------

struct layout {                       // what is the same under every strategy
    const struct network *network;
    const struct day_book *book;      // of the first strategy
    int32_t *intersection;            // of each approach
    bool *minor;                      // of each approach
    bool *detailed;                   // of each intersection
};

static int32_t approach_intersection(const struct network *network, int32_t link)
{
    const struct link *at = &network->links[link];
    for (int32_t l = at->first_lane; l < at->first_lane + at->lane_count; l++) {
        const struct lane *lane = &network->lanes[l];
        for (int32_t c = lane->first_connection; c < lane->first_connection + lane->connection_count; c++) {
            if (network->connections[c].group != INDEX_NONE) {
                return network->groups[network->connections[c].group].intersection;
            }
        }
    }
    return INDEX_NONE;
}

struct ranked { double delay_s; int32_t index; };

static int ranked_compare(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;
    return x->delay_s != y->delay_s ? (x->delay_s < y->delay_s) - (x->delay_s > y->delay_s)
                                    : (x->index > y->index) - (x->index < y->index);
}

static void layout_create(struct layout *layout, const struct compared *compared)
{
    const struct network *network = compared->network;
    const struct day_book *book = compared->strategies[0].book;
    size_t intersections = (size_t)network->intersection_count;
    *layout = (struct layout){ .network = network, .book = book };
    layout->intersection = memory_take((size_t)book->approach_count, sizeof *layout->intersection);
    layout->minor = memory_take((size_t)book->approach_count, sizeof *layout->minor);
    layout->detailed = memory_take(intersections, sizeof *layout->detailed);
    int32_t *busiest = memory_take(intersections, sizeof *busiest);
    struct ranked *ranks = memory_take(intersections, sizeof *ranks);
    for (size_t i = 0; i < intersections; i++) {
        ranks[i].index = (int32_t)i;
    }
    for (int32_t a = 0; a < book->approach_count; a++) {
        struct approach_period sum = day_book_approach(book, a);
        int32_t i = layout->intersection[a] = approach_intersection(network, book->approach_link[a]);
        busiest[i] = sum.passages > busiest[i] ? sum.passages : busiest[i];
        ranks[i].delay_s += sum.delay_s;
    }
    for (int32_t a = 0; a < book->approach_count; a++) {
        layout->minor[a] = day_book_approach(book, a).passages < MINOR_SHARE * busiest[layout->intersection[a]];
    }
    qsort(ranks, intersections, sizeof *ranks, ranked_compare);
    for (size_t i = 0; i < intersections && i < DETAILED_MAX; i++) {
        layout->detailed[ranks[i].index] = true;
    }
    free(busiest);
    free(ranks);
}

static void layout_release(struct layout *layout)
{
    free(layout->intersection);
    free(layout->minor);
    free(layout->detailed);
}

static double mean_delay(const struct approach_period *sum)
{
    return sum->passages > 0 ? sum->delay_s / sum->passages : 0.0;
}

static double saturation(const struct approach_period *sum)
{
    return sum->green_s > 0.0 ? sum->passages / (SATURATION_VPS * sum->green_s) : 0.0;
}

// Mean delay of the passages of major or of minor approaches.
static double street_delay(const struct layout *layout, const struct day_book *book, bool minor)
{
    double delay_s = 0.0;
    int64_t passages = 0;
    for (int32_t a = 0; a < book->approach_count; a++) {
        if (layout->minor[a] == minor) {
            struct approach_period sum = day_book_approach(book, a);
            delay_s += sum.delay_s;
            passages += sum.passages;
        }
    }
    return passages > 0 ? delay_s / (double)passages : 0.0;
}

// Mean wait of those who walked, over all runs; where nobody did, of somebody who comes to a pedestrian signal at a
// random instant of the first run; negative where there is none.
static double pedestrian_wait(const struct network *network, const struct compared_strategy *strategy)
{
    const struct day_book *book = strategy->book;
    double walked = 0.0, waited_s = 0.0;
    for (int i = 0; i < strategy->run_count; i++) {
        const struct measures *m = &strategy->runs[i].measures;
        walked += (double)m->pedestrians_served;
        waited_s += (double)m->pedestrians_served * m->average_pedestrian_delay_s;
    }
    if (walked > 0.0) {
        return waited_s / walked;
    }
    double squares = 0.0, seconds = 0.0;
    for (int32_t g = 0; g < network->group_count; g++) {
        if (network->groups[g].kind == GROUP_PEDESTRIAN) {
            squares += book->groups[g].red_squares_s2;
            seconds += book->seconds;
        }
    }
    return seconds > 0.0 ? squares / 2.0 / seconds : -1.0;
}

// ---- JSON -------------------------------------------------------------------------------------------------------

static json_t *approach_rows(const struct day_book *book)
{
    json_t *rows = json_array();
    double hours = book->seconds / 3600.0;
    for (int32_t a = 0; a < book->approach_count; a++) {
        struct approach_period sum = day_book_approach(book, a);
        json_t *row = json_array();
        push(row, json_integer((json_int_t)llround(hours > 0.0 ? sum.passages / hours : 0.0)));
        push(row, number(mean_delay(&sum), 0.1));
        push(row, json_integer(sum.queue_max));
        push(row, json_integer(sum.failures));
        push(row, json_integer(sum.greens));
        push(row, number(saturation(&sum), 0.01));
        push(rows, row);
    }
    return rows;
}

// By detailed approach: delay, longest queue, degree of saturation and failed greens of each period.
static json_t *approach_series(const struct layout *layout, const struct day_book *book)
{
    json_t *object = json_object();
    for (int32_t a = 0; a < book->approach_count; a++) {
        if (!layout->detailed[layout->intersection[a]]) {
            continue;
        }
        json_t *delays = json_array(), *queues = json_array(), *degrees = json_array(), *failures = json_array();
        for (int32_t p = 0; p < book->period_count; p++) {
            const struct approach_period *at =
                &book->approaches[(size_t)a * (size_t)book->period_count + (size_t)p];
            push(delays, number(mean_delay(at), 0.1));
            push(queues, json_integer(at->queue_max));
            push(degrees, number(saturation(at), 0.01));
            push(failures, json_integer(at->failures));
        }
        char key[16];
        (void)snprintf(key, sizeof key, "%d", a);
        json_t *series = json_object();
        put(series, "d", delays);
        put(series, "q", queues);
        put(series, "x", degrees);
        put(series, "f", failures);
        put(object, key, series);
    }
    return object;
}

static json_t *period_series(const struct day_book *book)
{
    json_t *object = json_object();
    json_t *under_way = json_array(), *waiting = json_array(), *speed = json_array(), *queued = json_array();
    for (int32_t p = 0; p < book->period_count; p++) {
        push(under_way, number(book->periods[p].under_way, 0.1));
        push(waiting, number(book->periods[p].waiting, 0.1));
        push(speed, number(3.6 * book->periods[p].speed_mps, 0.1));
        push(queued, number(book->periods[p].queued, 0.1));
    }
    put(object, "under_way", under_way);
    put(object, "waiting", waiting);
    put(object, "speed", speed);
    put(object, "queued", queued);
    return object;
}

static int track_compare(const void *a, const void *b)
{
    const struct track_point *x = a, *y = b;
    return x->number != y->number ? (x->number > y->number) - (x->number < y->number)
                                  : (x->t_s > y->t_s) - (x->t_s < y->t_s);
}

// The ways of at most TRACKS_MAX vehicles, evenly taken, each as t, x, t, x, ...
static json_t *track_rows(const struct corridor_book *at)
{
    int32_t count = at->tracks.count, vehicles = 0;
    struct track_point *points = memory_copy(at->tracks.at, (size_t)count, sizeof *points);
    qsort(points, (size_t)count, sizeof *points, track_compare);
    for (int32_t i = 0; i < count; i++) {
        vehicles += i == 0 || points[i].number != points[i - 1].number;
    }
    json_t *rows = json_array(), *row = NULL;
    int32_t vehicle = -1, every = vehicles / TRACKS_MAX + 1;
    for (int32_t i = 0; i < count; i++) {
        bool first = i == 0 || points[i].number != points[i - 1].number;
        vehicle += first;
        if (vehicle % every != 0) {
            continue;
        }
        if (first) {
            row = json_array();
            push(rows, row);
        }
        push(row, json_integer((json_int_t)lroundf(points[i].t_s)));
        push(row, json_integer((json_int_t)lroundf(points[i].x_m)));
    }
    free(points);
    return rows;
}

static json_t *corridor_rows(const struct day_book *book)
{
    json_t *list = json_array();
    for (int32_t c = 0; c < book->corridor_count; c++) {
        const struct corridor_book *at = &book->corridors[c];
        json_t *object = json_object(), *greens = json_array(), *reached = json_array();
        int32_t on_green = 0;
        for (int32_t i = 0; i < at->greens.count; i++) {
            const struct shown_green *green = &at->greens.at[i];
            json_t *row = json_array();
            push(row, json_integer(green->signal));
            push(row, number(green->start_s, 0.1));
            push(row, number(green->end_s, 0.1));
            push(greens, row);
        }
        for (int32_t i = 0; i < at->reached.count; i++) {
            const struct reached *one = &at->reached.at[i];
            json_t *row = json_array();
            push(row, json_integer(one->signal));
            push(row, json_integer((json_int_t)llround(one->t_s)));
            push(row, json_integer(one->green));
            push(reached, row);
            on_green += one->green;
        }
        put(object, "greens", greens);
        put(object, "reached", reached);
        put(object, "tracks", track_rows(at));
        put(object, "on_green",
            number(at->reached.count > 0 ? 100.0 * on_green / at->reached.count : 0.0, 0.1));
        push(list, object);
    }
    return list;
}

// Greens of each group of the detailed intersections: how many, their mean and the longest red.
static json_t *split_rows(const struct layout *layout, const struct day_book *book)
{
    json_t *object = json_object();
    for (int32_t i = 0; i < layout->network->intersection_count; i++) {
        const struct intersection *at = &layout->network->intersections[i];
        if (!layout->detailed[i]) {
            continue;
        }
        json_t *rows = json_array();
        for (int32_t g = at->first_group; g < at->first_group + at->group_count; g++) {
            const struct group_book *group = &book->groups[g];
            json_t *row = json_array();
            push(row, json_string(network_name(layout->network, layout->network->groups[g].name)));
            push(row, json_integer(group->greens));
            push(row, number(group->greens > 0 ? group->green_s / group->greens : 0.0, 0.1));
            push(row, number(group->red_s_max, 0.1));
            push(rows, row);
        }
        char key[16];
        (void)snprintf(key, sizeof key, "%d", i);
        put(object, key, rows);
    }
    return object;
}

// Every green of the detailed intersections in the window: group within the intersection, begin, end.
static json_t *green_rows(const struct layout *layout, const struct day_book *book)
{
    json_t *object = json_object();
    for (int32_t i = 0; i < book->window_greens.count; i++) {
        const struct group_green *green = &book->window_greens.at[i];
        int32_t intersection = layout->network->groups[green->group].intersection;
        if (!layout->detailed[intersection]) {
            continue;
        }
        char key[16];
        (void)snprintf(key, sizeof key, "%d", intersection);
        json_t *rows = json_object_get(object, key);
        if (rows == NULL) {
            rows = json_array();
            put(object, key, rows);
        }
        push(rows, json_integer(green->group - layout->network->intersections[intersection].first_group));
        push(rows, json_integer((json_int_t)lroundf(green->start_s)));
        push(rows, json_integer((json_int_t)lroundf(green->end_s)));
    }
    return object;
}

// ---- sensors ----------------------------------------------------------------------------------------------------

// Loops or cameras: how many there are of each state, what was heard and counted, and those that are not good.
static json_t *sensor_kind(const struct day_book *book, const char *kind, int32_t first, int32_t count)
{
    const struct network *network = book->network;
    int32_t states[SENSOR_STATE_COUNT] = { 0 };
    double heard = 0.0;
    int64_t counted = 0, passed = 0;
    json_t *bad = json_array();
    for (int32_t s = first; s < first + count; s++) {
        struct sensor_health health = sensor_health_of(book, s);
        states[health.state]++;
        heard += health.heard / count;
        counted += health.passed >= 0 ? health.counted : 0;
        passed += health.passed >= 0 ? health.passed : 0;
        if (health.state != SENSOR_GOOD && json_array_size(bad) < SENSORS_LISTED_MAX) {
            int32_t name = s < network->detector_count ? network->detectors[s].name
                : network->cameras[s - network->detector_count].name;
            push(bad, json_pack("[s,s,f,f,I,I]", network_name(network, name), sensor_state_name(health.state),
                                rounded(100.0 * health.heard, 0.1), rounded(health.silent_s_max, 1.0),
                                (json_int_t)health.counted, (json_int_t)health.passed));
        }
    }
    return json_pack("{s:s, s:i, s:[i,i,i,i], s:f, s:I, s:I, s:o}", "kind", kind, "count", (int)count, "states",
                     (int)states[SENSOR_GOOD], (int)states[SENSOR_PATCHY], (int)states[SENSOR_MISCOUNTS],
                     (int)states[SENSOR_DEAD], "heard", rounded(100.0 * heard, 0.01), "counted", (json_int_t)counted,
                     "passed", (json_int_t)passed, "bad", bad);
}

// The kinds that the strategies were told of.
static json_t *sensor_rows(const struct day_book *book)
{
    const struct network *network = book->network;
    json_t *kinds = json_array();
    bool loops = false, cameras = false;
    for (int32_t s = 0; s < network->detector_count + network->camera_count; s++) {
        *(s < network->detector_count ? &loops : &cameras) |= book->sensors[s].heard_ms > 0;
    }
    if (cameras) {
        push(kinds, sensor_kind(book, "Cameras", network->detector_count, network->camera_count));
    }
    if (loops) {
        push(kinds, sensor_kind(book, "Loops", 0, network->detector_count));
    }
    return kinds;
}

static json_t *street_spread(const struct layout *layout, const struct compared_strategy *strategy, bool minor)
{
    double values[COMPARED_RUN_COUNT_MAX];
    for (int i = 0; i < strategy->run_count; i++) {
        values[i] = street_delay(layout, strategy->books[i], minor);
    }
    struct spread spread = spread_of(values, strategy->run_count);
    return json_pack("[f,f,f]", rounded(spread.mean, 0.01), rounded(spread.half, 0.01), rounded(spread.worst, 0.01));
}

// "A1 → B2": the link that the worst movement comes from, and where it goes.
static json_t *worst_name(const struct network *network, int32_t movement)
{
    if (movement == INDEX_NONE) {
        return json_string("");
    }
    const struct connection *way = &network->connections[movement];
    return json_sprintf("%s \u2192 %s", network_name(network, network->links[network->lanes[way->from_lane].link].name),
                        network_name(network, network->links[network->lanes[way->to_lane].link].name));
}

// What the strategy changes against the first one, seed by seed: mean, half width, greatest.
static json_t *change_json(const struct compared_strategy *first, const struct compared_strategy *strategy)
{
    json_t *object = json_object();
    for (size_t f = 0; f < FIGURE_COUNT; f++) {
        double values[COMPARED_RUN_COUNT_MAX];
        for (int i = 0; i < strategy->run_count; i++) {
            values[i] = FIGURES[f].of(&strategy->runs[i]) - FIGURES[f].of(&first->runs[i]);
        }
        struct spread spread = spread_of(values, strategy->run_count);
        put(object, FIGURES[f].key, json_pack("[f,f,f]", rounded(spread.mean, FIGURES[f].unit),
                                              rounded(spread.half, FIGURES[f].unit),
                                              rounded(spread.worst, FIGURES[f].unit)));
    }
    return object;
}

static json_t *change_streets(const struct layout *layout, const struct compared_strategy *first,
                              const struct compared_strategy *strategy, bool minor)
{
    double values[COMPARED_RUN_COUNT_MAX];
    for (int i = 0; i < strategy->run_count; i++) {
        values[i] = street_delay(layout, strategy->books[i], minor) - street_delay(layout, first->books[i], minor);
    }
    struct spread spread = spread_of(values, strategy->run_count);
    return json_pack("[f,f,f]", rounded(spread.mean, 0.01), rounded(spread.half, 0.01), rounded(spread.worst, 0.01));
}

static json_t *strategy_json(const struct layout *layout, const struct compared_strategy *first,
                             const struct compared_strategy *strategy)
{
    json_t *object = json_object();
    put(object, "name", json_string(strategy->name));
    for (size_t f = 0; f < FIGURE_COUNT; f++) {
        struct spread spread = figure_spread(strategy, &FIGURES[f]);
        put(object, FIGURES[f].key, json_pack("[f,f,f]", rounded(spread.mean, FIGURES[f].unit),
                                              rounded(spread.half, FIGURES[f].unit),
                                              rounded(spread.worst, FIGURES[f].unit)));
    }
    int32_t greens = 0, failures = 0;
    for (int32_t a = 0; a < strategy->book->approach_count; a++) {
        struct approach_period sum = day_book_approach(strategy->book, a);
        greens += sum.greens;
        failures += sum.failures;
    }
    json_t *change = change_json(first, strategy);
    put(change, "major_delay", change_streets(layout, first, strategy, false));
    put(change, "minor_delay", change_streets(layout, first, strategy, true));
    put(object, "change", change);
    put(object, "major_delay", street_spread(layout, strategy, false));
    put(object, "minor_delay", street_spread(layout, strategy, true));
    put(object, "pedestrian_wait", number(pedestrian_wait(layout->network, strategy), 0.1));
    put(object, "greens", json_integer(greens));
    put(object, "failures", json_integer(failures));
    put(object, "scheduled", json_integer((json_int_t)strategy->runs[0].measures.scheduled));
    put(object, "delay_first", number(delay(&strategy->runs[0]), 0.01));
    put(object, "periods", period_series(strategy->book));
    put(object, "approaches", approach_rows(strategy->book));
    put(object, "series", approach_series(layout, strategy->book));
    put(object, "splits", split_rows(layout, strategy->book));
    put(object, "greens_shown", green_rows(layout, strategy->book));
    put(object, "sensors", sensor_rows(strategy->book));
    put(object, "worst_name", worst_name(layout->network, strategy->runs[0].measures.worst_movement));
    put(object, "corridors", corridor_rows(strategy->book));
    return object;
}

// The only link that one leads to, or INDEX_NONE.
static int32_t link_after(const struct network *network, int32_t link)
{
    const struct link *at = &network->links[link];
    int32_t after = INDEX_NONE;
    for (int32_t l = at->first_lane; l < at->first_lane + at->lane_count; l++) {
        const struct lane *lane = &network->lanes[l];
        for (int32_t c = lane->first_connection; c < lane->first_connection + lane->connection_count; c++) {
            int32_t to = network->lanes[network->connections[c].to_lane].link;
            if (after != INDEX_NONE && after != to) {
                return INDEX_NONE;
            }
            after = to;
        }
    }
    return after;
}

// The approach that a link is, or is a part of: roads are cut where lanes are added before a signal.
static int32_t map_approach(const struct layout *layout, int32_t link)
{
    for (int part = 0; part < APPROACH_PART_COUNT_MAX && link != INDEX_NONE; part++) {
        if (layout->book->approach_of_link[link] != INDEX_NONE) {
            return layout->book->approach_of_link[link];
        }
        link = link_after(layout->network, link);
    }
    return INDEX_NONE;
}

static json_t *map_json(const struct layout *layout)
{
    const struct network *network = layout->network;
    json_t *links = json_array();
    for (int32_t l = 0; l < network->link_count; l++) {
        json_t *points = json_array();
        for (int32_t p = 0; p < network->links[l].point_count; p++) {
            const struct point *at = &network->points[network->links[l].first_point + p];
            push(points, number(at->x_m, 0.1));
            push(points, number(at->y_m, 0.1));
        }
        push(links, json_pack("[i,o]", map_approach(layout, l), points));
    }
    return links;
}

static json_t *places_json(const struct layout *layout, json_t **ret_approaches)
{
    const struct network *network = layout->network;
    json_t *intersections = json_array();
    *ret_approaches = json_array();
    for (int32_t i = 0; i < network->intersection_count; i++) {
        const struct intersection *at = &network->intersections[i];
        push(intersections, json_pack("{s:s, s:o, s:o, s:b}", "name", network_name(network, at->name), "x",
                                      number(at->at.x_m, 0.1), "y", number(at->at.y_m, 0.1), "detailed",
                                      (int)layout->detailed[i]));
    }
    for (int32_t a = 0; a < layout->book->approach_count; a++) {
        const struct link *link = &network->links[layout->book->approach_link[a]];
        push(*ret_approaches, json_pack("{s:s, s:i, s:i, s:b}", "name", network_name(network, link->name), "at",
                                        layout->intersection[a], "lanes", link->lane_count, "minor",
                                        (int)layout->minor[a]));
    }
    return intersections;
}

// To a place of the corridor at the speed limits.
static double corridor_time_s(const struct network *network, const struct corridor *corridor, double at_m)
{
    double time_s = 0.0;
    for (int32_t l = 0; l < corridor->link_count && corridor->from_m[l] < at_m; l++) {
        double to_m = l + 1 < corridor->link_count ? fmin(corridor->from_m[l + 1], at_m) : at_m;
        time_s += (to_m - corridor->from_m[l]) / fmax(network->links[corridor->link[l]].speed_mps, 1.0);
    }
    return time_s;
}

static json_t *corridors_json(const struct layout *layout)
{
    json_t *list = json_array();
    for (int32_t c = 0; c < layout->book->corridor_count; c++) {
        const struct corridor *corridor = &layout->book->corridors[c].corridor;
        json_t *signals = json_array();
        for (int32_t s = 0; s < corridor->signal_count; s++) {
            const struct intersection *at = &layout->network->intersections[corridor->signals[s].intersection];
            push(signals, json_pack("{s:s, s:o, s:o}", "name", network_name(layout->network, at->name), "at",
                                    number(corridor->signals[s].at_m, 0.1), "t",
                                    number(corridor_time_s(layout->network, corridor, corridor->signals[s].at_m),
                                           0.1)));
        }
        push(list, json_pack("{s:o, s:o}", "length", number(corridor->length_m, 0.1), "signals", signals));
    }
    return list;
}

static json_t *report_json(const struct compared *compared, const struct layout *layout)
{
    json_t *object = json_object(), *approaches = NULL, *strategies = json_array();
    const struct day_book *book = layout->book;
    put(object, "network", json_string(compared->network_name));
    put(object, "demand", json_string(compared->demand_name));
    put(object, "sensing", json_string(compared->sensing));
    put(object, "begin_s", json_real(s_from_ms(compared->begin_ms)));
    put(object, "end_s", json_real(s_from_ms(compared->end_ms)));
    put(object, "seeds", json_integer(compared->strategies[0].run_count));
    put(object, "period_s", json_real(s_from_ms(book->period_ms)));
    put(object, "window_s", json_real(s_from_ms(book->window_ms)));
    put(object, "window_length_s", json_integer(WINDOW_S));
    put(object, "detectors", json_integer(compared->network->detector_count));
    put(object, "cameras", json_integer(compared->network->camera_count));
    put(object, "intersections", places_json(layout, &approaches));
    put(object, "approaches", approaches);
    put(object, "links", map_json(layout));
    put(object, "corridors", corridors_json(layout));
    for (int s = 0; s < compared->strategy_count; s++) {
        push(strategies, strategy_json(layout, &compared->strategies[0], &compared->strategies[s]));
    }
    put(object, "strategies", strategies);
    return object;
}

// ---- files ------------------------------------------------------------------------------------------------------

static enum status page_write(const char *folder, json_t *data, struct problem *problem)
{
    const char *text = (const char *)report_page;
    const char *mark = strstr(text, MARK);
    // '<' inside a text must not end the script element.
    char *json = json_dumps(data, JSON_COMPACT | JSON_REAL_PRECISION(9) | JSON_ENSURE_ASCII);
    FILE *file = report_file_open(folder, "report.html", problem);
    assert(mark != NULL && json != NULL);
    if (file == NULL) {
        free(json);
        return STATUS_IO;
    }
    (void)fwrite(text, 1, (size_t)(mark - text), file);
    for (const char *at = json; *at != '\0'; at++) {
        *at == '<' ? (void)fputs("\\u003c", file) : (void)fputc(*at, file);
    }
    (void)fputs(mark + strlen(MARK), file);
    free(json);
    return report_file_close(file, folder, problem);
}

static enum status strategies_csv(const char *folder, const struct compared *compared, struct problem *problem)
{
    FILE *file = report_file_open(folder, "strategies.csv", problem);
    if (file == NULL) {
        return STATUS_IO;
    }
    (void)fputs("strategy,seeds", file);
    for (size_t f = 0; f < FIGURE_COUNT; f++) {
        (void)fprintf(file, ",%s,%s_half_width_95,%s_worst", FIGURES[f].title, FIGURES[f].title, FIGURES[f].title);
    }
    (void)fputc('\n', file);
    for (int s = 0; s < compared->strategy_count; s++) {
        (void)fprintf(file, "%s,%d", compared->strategies[s].name, compared->strategies[s].run_count);
        for (size_t f = 0; f < FIGURE_COUNT; f++) {
            struct spread spread = figure_spread(&compared->strategies[s], &FIGURES[f]);
            (void)fprintf(file, ",%.3f,%.3f,%.3f", spread.mean, spread.half, spread.worst);
        }
        (void)fputc('\n', file);
    }
    return report_file_close(file, folder, problem);
}

static enum status approaches_csv(const char *folder, const struct compared *compared, const struct layout *layout,
                                  struct problem *problem)
{
    FILE *file = report_file_open(folder, "approaches.csv", problem);
    if (file == NULL) {
        return STATUS_IO;
    }
    const struct network *network = compared->network;
    (void)fputs("strategy,intersection,approach,minor,period_begin_s,passages,delay_s,queue_max_veh,greens,"
                "split_failures,degree_of_saturation\n", file);
    for (int s = 0; s < compared->strategy_count; s++) {
        const struct day_book *book = compared->strategies[s].book;
        for (int32_t row = 0; row < book->approach_count * book->period_count; row++) {
            int32_t a = row / book->period_count, p = row % book->period_count;
            const struct approach_period *at = &book->approaches[row];
            const struct intersection *where = &network->intersections[layout->intersection[a]];
            (void)fprintf(file, "%s,%s,%s,%d,%.0f,%d,%.2f,%d,%d,%d,%.3f\n", compared->strategies[s].name,
                          network_name(network, where->name),
                          network_name(network, network->links[book->approach_link[a]].name), (int)layout->minor[a],
                          s_from_ms(book->begin_ms + p * book->period_ms), at->passages, mean_delay(at), at->queue_max,
                          at->greens, at->failures, saturation(at));
        }
    }
    return report_file_close(file, folder, problem);
}

static enum status corridors_csv(const char *folder, const struct compared *compared, struct problem *problem)
{
    FILE *file = report_file_open(folder, "corridors.csv", problem);
    if (file == NULL) {
        return STATUS_IO;
    }
    const struct network *network = compared->network;
    (void)fputs("strategy,corridor,signal,intersection,at_m,reached_s,on_green\n", file);
    for (int s = 0; s < compared->strategy_count; s++) {
        const struct day_book *book = compared->strategies[s].book;
        for (int32_t c = 0; c < book->corridor_count; c++) {
            const struct corridor_book *at = &book->corridors[c];
            for (int32_t i = 0; i < at->reached.count; i++) {
                const struct corridor_signal *signal = &at->corridor.signals[at->reached.at[i].signal];
                (void)fprintf(file, "%s,%d,%d,%s,%.1f,%.0f,%d\n", compared->strategies[s].name, c,
                              at->reached.at[i].signal,
                              network_name(network, network->intersections[signal->intersection].name), signal->at_m,
                              s_from_ms(book->window_ms) + at->reached.at[i].t_s, (int)at->reached.at[i].green);
            }
        }
    }
    return report_file_close(file, folder, problem);
}

enum status compare_report_write(const char *folder, const struct compared *compared, struct problem *problem)
{
    struct layout layout;
    layout_create(&layout, compared);
    json_t *data = report_json(compared, &layout);
    enum status status = page_write(folder, data, problem);
    status = status != STATUS_OK ? status : strategies_csv(folder, compared, problem);
    status = status != STATUS_OK ? status : approaches_csv(folder, compared, &layout, problem);
    status = status != STATUS_OK ? status : corridors_csv(folder, compared, problem);
    json_decref(data);
    layout_release(&layout);
    return status;
}
