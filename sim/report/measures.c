#include "sim/report/measures.h"

#include <stdlib.h>

#include "engine/base/memory.h"
#include "engine/model/units.h"

// A mean over fewer passages says little about a movement.
static const int64_t MOVEMENT_PASSAGES_MIN = 20;

static void add_trip(const struct trip_result *trip, int64_t end_ms, struct measures *sum)
{
    bool entered = trip->entered_ms != INT64_MIN, arrived = trip->arrived_ms != INT64_MIN;
    int64_t until_ms = arrived ? trip->arrived_ms : end_ms;
    double travel_s = (double)(until_ms - trip->depart_ms) / 1000.0;
    double wait_s = (double)((entered ? trip->entered_ms : end_ms) - trip->depart_ms) / 1000.0;
    sum->scheduled++;
    sum->arrived += arrived;
    sum->under_way += entered && !arrived;
    sum->waiting += !entered;
    sum->average_travel_time_s += travel_s;
    sum->average_departure_delay_s += wait_s;
    sum->average_delay_s += arrived ? travel_s - trip->stopped_s - trip->free_flow_s : wait_s + trip->time_loss_s;
    sum->average_trip_duration_s += arrived ? travel_s - wait_s : 0.0;
    sum->stops_per_vehicle += trip->stops;
    sum->average_stopped_s += trip->stopped_s;
}

static void find_worst_movement(const struct street *street, const struct network *network, struct measures *ret)
{
    const struct passage_totals *totals = street_passages(street);
    ret->worst_movement = INDEX_NONE;
    for (int32_t i = 0; i < network->connection_count; i++) {
        if (totals[i].passages < MOVEMENT_PASSAGES_MIN) {
            continue;
        }
        double mean_s = totals[i].loss_s / (double)totals[i].passages;
        if (mean_s > ret->worst_movement_delay_s) {
            ret->worst_movement_delay_s = mean_s;
            ret->worst_movement = i;
        }
    }
}

static double mean(double sum, int64_t count)
{
    return count > 0 ? sum / (double)count : 0.0;
}

void approach_sampler_create(struct approach_sampler *sampler, const struct network *network)
{
    *sampler = (struct approach_sampler){ .network = network };
    red_watch_create(&sampler->reds, network);
}

void approach_sampler_release(struct approach_sampler *sampler)
{
    free(sampler->views);
    red_watch_release(&sampler->reds);
    *sampler = (struct approach_sampler){ 0 };
}

static bool sample_due(int64_t now_ms)
{
    const int64_t turns = APPROACH_SAMPLE_MS / MS_PER_S;
    return now_ms % APPROACH_SAMPLE_MS == now_ms / APPROACH_SAMPLE_MS % turns * MS_PER_S;
}

void approach_sampler_look(struct approach_sampler *sampler, const struct closed_loop *loop)
{
    red_watch_lamps(&sampler->reds, closed_loop_aspects(loop), closed_loop_now_ms(loop));
    if (!sample_due(closed_loop_now_ms(loop))) {
        return;
    }
    const struct network *network = sampler->network;
    const struct street *street = closed_loop_street(loop);
    int32_t under_way = (int32_t)street_counts(street)->under_way;
    memory_grow((void **)&sampler->views, &sampler->view_count_max, under_way + 1, sizeof *sampler->views);
    int32_t count = street_list_vehicles(street, sampler->views, sampler->view_count_max);
    for (int32_t i = 0; i < count; i++) {
        const struct vehicle_view *view = &sampler->views[i];
        const struct link *link = &network->links[network->lanes[view->lane].link];
        bool approaches = network->junctions[link->to_junction].intersection != INDEX_NONE;
        sampler->vehicle_samples += approaches && view->connection == INDEX_NONE ? 1 : 0;
    }
    red_watch_vehicles(&sampler->reds, sampler->views, count, closed_loop_now_ms(loop));
}

// Passages and loss of minor approaches. Memory of its own: it is asked for once a run.
static void find_minor(const struct street *street, const struct network *network, struct measures *ret)
{
    const struct passage_totals *totals = street_passages(street);
    struct passage_totals *links = memory_take((size_t)network->link_count, sizeof *links);
    double *mean_flow = memory_take((size_t)network->intersection_count, sizeof *mean_flow);
    int32_t *approaches = memory_take((size_t)network->intersection_count, sizeof *approaches);
    for (int32_t c = 0; c < network->connection_count; c++) {
        struct passage_totals *link = &links[network->lanes[network->connections[c].from_lane].link];
        link->passages += totals[c].passages;
        link->loss_s += totals[c].loss_s;
    }
    for (int32_t l = 0; l < network->link_count; l++) {
        int32_t intersection = network->junctions[network->links[l].to_junction].intersection;
        if (intersection != INDEX_NONE) {
            mean_flow[intersection] += (double)links[l].passages;
            approaches[intersection]++;
        }
    }
    double loss_s = 0.0;
    for (int32_t l = 0; l < network->link_count; l++) {
        int32_t intersection = network->junctions[network->links[l].to_junction].intersection;
        if (intersection != INDEX_NONE
            && (double)links[l].passages < mean_flow[intersection] / approaches[intersection]) {
            ret->minor_passages += links[l].passages;
            loss_s += links[l].loss_s;
        }
    }
    ret->minor_delay_s = ret->minor_passages > 0 ? loss_s / (double)ret->minor_passages : 0.0;
    free(links);
    free(mean_flow);
    free(approaches);
}

void measures_of(const struct closed_loop *loop, const struct network *network, const struct approach_sampler *sampler,
                 struct measures *ret)
{
    const struct street *street = closed_loop_street(loop);
    const struct street_counts *counts = street_counts(street);
    int32_t trip_count = 0;
    const struct trip_result *trips = closed_loop_results(loop, &trip_count);
    struct measures sum = { 0 };
    for (int32_t i = 0; i < trip_count; i++) {
        add_trip(&trips[i], closed_loop_now_ms(loop), &sum);
    }
    sum.average_travel_time_s = mean(sum.average_travel_time_s, sum.scheduled);
    sum.average_delay_s = mean(sum.average_delay_s, sum.scheduled);
    sum.average_departure_delay_s = mean(sum.average_departure_delay_s, sum.scheduled);
    sum.average_trip_duration_s = mean(sum.average_trip_duration_s, sum.arrived);
    sum.stops_per_vehicle = mean(sum.stops_per_vehicle, sum.scheduled);
    sum.average_approach_time_s =
        sampler == NULL ? 0.0
        : mean(s_from_ms(sampler->vehicle_samples * APPROACH_SAMPLE_MS), sum.scheduled - sum.waiting);
    sum.average_stopped_s = mean(sum.average_stopped_s, sum.scheduled);
    sum.detours = counts->detours;
    struct pedestrian_counts walked = closed_loop_pedestrians(loop);
    sum.pedestrians_served = walked.served;
    sum.pedestrians_waiting = walked.waiting;
    sum.average_pedestrian_delay_s = mean(s_from_ms(walked.delay_ms), walked.served);
    sum.worst_pedestrian_delay_s = s_from_ms(walked.delay_ms_max);
    sum.average_queue_veh = mean((double)counts->queue_vehicle_steps, counts->steps);
    find_worst_movement(street, network, &sum);
    find_minor(street, network, &sum);
    sum.longest_red_share = sampler == NULL ? 0.0 : sampler->reds.longest_share;
    sum.vehicle_updates = counts->vehicle_updates;
    sum.step_wall_s = closed_loop_counts(loop)->step_wall_s;
    sum.vehicle_updates_per_s = sum.step_wall_s > 0.0 ? (double)sum.vehicle_updates / sum.step_wall_s : 0.0;
    sum.plans_taken = closed_loop_counts(loop)->plans_taken;
    sum.plans_refused = closed_loop_counts(loop)->plans_refused;
    *ret = sum;
}
