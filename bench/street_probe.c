// street_probe.c: what one street did, event by event, for benches that lay it beside another simulator.
//
//   street-probe NETWORK DEMAND BEGIN_S SECONDS STEP_MS [EDGE ...]
//
// The network's own programs run. Lines on standard output, times in seconds of the demand's clock:
//   E time name edge    the vehicle came onto this edge (a departure too)
//   P time name edge    it left the edge over its stop line (the instant between two steps, at even speed)
//   A time name entered  it arrived; when it had come into the network
//   V time edge lane name front_m speed_mps    each second, of the EDGEs that are named
//   N scheduled waiting under_way arrived detours    last of all
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"
#include "engine/import/import.h"
#include "engine/model/units.h"
#include "sim/demand/demand.h"
#include "sim/traffic/calibration.h"
#include "sim/traffic/signals.h"

#define VEHICLE_COUNT_MAX 200000

struct probe {
    struct network network;
    struct demand *demand;
    struct street *street;
    struct signals *signals;
    struct vehicle_view *views;
    int32_t *link_of;                  // by trip: the one it was on last, or INDEX_NONE
    bool *inside;                      // by trip: it has left that link
    int32_t trip_capacity;
    bool *watched;                     // by link
};

static int fail(const struct problem *problem)
{
    fprintf(stderr, "street-probe: %s\n", problem->text);
    return 1;
}

static void trips_grow(struct probe *probe, int32_t number)
{
    if (number < probe->trip_capacity) {
        return;
    }
    int32_t grown = 2 * number + 1000;
    probe->link_of = realloc(probe->link_of, (size_t)grown * sizeof *probe->link_of);
    probe->inside = realloc(probe->inside, (size_t)grown * sizeof *probe->inside);
    if (probe->link_of == NULL || probe->inside == NULL) {
        abort();
    }
    for (int32_t i = probe->trip_capacity; i < grown; i++) {
        probe->link_of[i] = INDEX_NONE;
        probe->inside[i] = false;
    }
    probe->trip_capacity = grown;
}

static void tell(const struct probe *probe, char kind, double at_s, int32_t number, int32_t link)
{
    char name[256];
    demand_trip_name(probe->demand, number, name, sizeof name);
    printf("%c %.2f %s %s\n", kind, at_s, name, network_name(&probe->network, probe->network.links[link].name));
}

static void vehicle_note(struct probe *probe, const struct vehicle_view *view, double now_s, double step_s)
{
    trips_grow(probe, view->number);
    int32_t link = probe->network.lanes[view->lane].link, *last = &probe->link_of[view->number];
    double since_s = view->speed_mps > 0.01 ? view->front_m / view->speed_mps : 0.0;
    double passed_s = now_s - (since_s < step_s ? since_s : step_s);
    if (*last >= 0 && *last != link && !probe->inside[view->number]) {
        tell(probe, 'P', passed_s, view->number, *last);
    }
    if (*last != link) {
        tell(probe, 'E', now_s, view->number, link);
        *last = link;
        probe->inside[view->number] = false;
    }
    if (view->connection >= 0 && !probe->inside[view->number]) {
        probe->inside[view->number] = true;
        tell(probe, 'P', passed_s, view->number, link);
    }
    if (view->connection < 0 && probe->watched[link] && now_s == (double)(int64_t)now_s) {
        char name[256];
        demand_trip_name(probe->demand, view->number, name, sizeof name);
        printf("V %.2f %s %d %s %.2f %.3f\n", now_s, network_name(&probe->network, probe->network.links[link].name),
            probe->network.lanes[view->lane].position, name, view->front_m, view->speed_mps);
    }
}

static enum status step(struct probe *probe, int32_t step_ms, struct problem *problem)
{
    for (;;) {
        struct trip_columns trips;
        int32_t row;
        enum status status = demand_next(probe->demand, street_now_ms(probe->street) + MS_PER_S, &trips, problem);
        if (status != STATUS_OK) {
            return status;
        }
        if (trips.count == 0) {
            break;
        }
        status = street_enter(probe->street, &trips, &row, problem);
        if (status != STATUS_OK) {
            return status;
        }
    }
    signals_show(probe->signals, street_now_ms(probe->street), street_aspects(probe->street));
    street_step(probe->street);
    double now_s = s_from_ms(street_now_ms(probe->street));
    int32_t count = street_list_vehicles(probe->street, probe->views, VEHICLE_COUNT_MAX);
    for (int32_t i = 0; i < count; i++) {
        vehicle_note(probe, &probe->views[i], now_s, s_from_ms(step_ms));
    }
    struct trip_result arrived;
    while (street_take_arrived(probe->street, &arrived, 1) == 1) {
        char name[256];
        demand_trip_name(probe->demand, arrived.number, name, sizeof name);
        printf("A %.2f %s %.2f\n", s_from_ms(arrived.arrived_ms), name, s_from_ms(arrived.entered_ms));
    }
    return STATUS_OK;
}

int main(int argc, char **argv)
{
    if (argc < 6) {
        fprintf(stderr, "usage: street-probe NETWORK DEMAND BEGIN_S SECONDS STEP_MS [EDGE ...]\n");
        return 2;
    }
    static struct probe probe;
    struct problem problem;
    struct import_options import = IMPORT_OPTIONS_DEFAULT;
    struct demand_options wish = DEMAND_OPTIONS_DEFAULT;
    wish.begin_ms = ms_from_s(atof(argv[3]));
    int32_t step_ms = atoi(argv[5]), type_count;
    if (import_network(argv[1], &import, &probe.network, NULL, &problem) != STATUS_OK
        || demand_open(&probe.network, argv[2], &wish, &probe.demand, &problem) != STATUS_OK) {
        return fail(&problem);
    }
    const struct vehicle_type *told = demand_types(probe.demand, &type_count);
    struct vehicle_type *types = memory_take((size_t)type_count, sizeof *types);
    memcpy(types, told, (size_t)type_count * sizeof *types);
    if (calibration_grant(types, type_count, step_ms, argv[2], &problem) != STATUS_OK) {
        return fail(&problem);
    }
    struct street_options options = { .begin_ms = wish.begin_ms, .step_ms = step_ms, .threads = 1, .seed = 1 };
    if (street_create(&probe.network, types, type_count, &options, &probe.street, &problem) != STATUS_OK) {
        return fail(&problem);
    }
    probe.signals = signals_create(&probe.network, wish.begin_ms);
    probe.views = memory_take(VEHICLE_COUNT_MAX, sizeof *probe.views);
    probe.watched = memory_take((size_t)probe.network.link_count, sizeof *probe.watched);
    for (int i = 6; i < argc; i++) {
        struct link_id link = network_find_link(&probe.network, argv[i]);
        if (link.index >= 0) {
            probe.watched[link.index] = true;
        }
    }
    for (int64_t end_ms = wish.begin_ms + ms_from_s(atof(argv[4])); street_now_ms(probe.street) < end_ms;) {
        if (step(&probe, step_ms, &problem) != STATUS_OK) {
            return fail(&problem);
        }
    }
    const struct street_counts *counts = street_counts(probe.street);
    printf("N %lld %lld %lld %lld %lld\n", (long long)counts->scheduled, (long long)counts->waiting,
        (long long)counts->under_way, (long long)counts->arrived, (long long)counts->detours);
    street_release(probe.street);
    signals_release(probe.signals);
    demand_release(probe.demand);
    network_release(&probe.network);
    free(types);
    free(probe.views);
    free(probe.link_of);
    free(probe.inside);
    free(probe.watched);
    return 0;
}
