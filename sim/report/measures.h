// measures.h: what a run is worth: travel time, delay, queue, stops, in the units of the field.
//
// THEORY    A vehicle counts from its scheduled departure, whether or not it could enter, until it arrives or the run
//           ends:
//
//              scheduled ──── waits to enter ────▶ entered ──── drives ────▶ arrived
//              |◀────────────────── travel time ──────────────────────────▶|
//                                                  |◀──── trip duration ──▶|
//
//           Delay is travel time less the free-flow time of the route and less the stops of its plan. Of a vehicle
//           that has not arrived only what it has lost so far is known: its wait to enter and its time loss on the
//           road.
//
//           The time on approaches is sampled: once in each APPROACH_SAMPLE_MS every vehicle on a link that ends at a
//           signal counts for that long, a second later each time: signals that decide each 15 s discharge their
//           queues at the same seconds again and again. Published comparisons on CityFlow's networks call this sum, by
//           vehicle, the average travel time; it leaves out the last link and the junctions.
//
//           An approach (a link that ends at a signal) is minor if it carries less than its intersection's mean over
//           its approaches, as counted in the run. The delay of minor approaches is the mean loss of a passage from
//           one: on the link and through the junction.
// CONTRACT  Pure; sums in order of trip number.
// OWNERSHIP approach_sampler_release frees; the network is kept.
// NOT HERE  Pictures (a later room of the same floor), the runs themselves (sim/loop).
#pragma once

#include <stdint.h>

#include "sim/loop/closed_loop.h"
#include "sim/report/red_watch.h"

struct measures {
    int64_t scheduled, arrived, under_way, waiting;   // scheduled is the sum of the other three
    double average_travel_time_s, average_delay_s;    // over scheduled
    double average_trip_duration_s;                   // over arrived, from insertion
    double average_departure_delay_s;                 // over scheduled
    double average_queue_veh;                         // slower than 1.39 m/s, mean over time
    double stops_per_vehicle;
    double average_approach_time_s;                   // on links that end at a signal, over those that entered
    double worst_movement_delay_s;                    // mean loss of a passage of the worst connection
    int32_t worst_movement;                           // connection, or INDEX_NONE
    int64_t vehicle_updates;
    double step_wall_s, vehicle_updates_per_s;
    int64_t plans_taken, plans_refused;
    int64_t pedestrians_served, pedestrians_waiting;  // waiting: at the end
    double average_pedestrian_delay_s, worst_pedestrian_delay_s;   // of those served
    int64_t detours;                                  // drivers who took another way than their own
    double average_stopped_s;                         // at the stops of their plans, over scheduled
    double minor_delay_s;                             // mean loss of a passage from a minor approach
    int64_t minor_passages;
    double longest_red_share;                         // of its maximum, of a red in which somebody waited; red_watch.h
};

#define APPROACH_SAMPLE_MS 5000

// Vehicles on approaches, summed over the samples so far. To be given a look after every step of the loop.
struct approach_sampler {
    const struct network *network;
    struct vehicle_view *views;
    int32_t view_count_max;
    int64_t vehicle_samples;
    struct red_watch reds;
};

void approach_sampler_create(struct approach_sampler *sampler, const struct network *network);
void approach_sampler_release(struct approach_sampler *sampler);
void approach_sampler_look(struct approach_sampler *sampler, const struct closed_loop *loop);

// After closed_loop_close_books. sampler may be NULL: then average_approach_time_s is 0.
void measures_of(const struct closed_loop *loop, const struct network *network, const struct approach_sampler *sampler,
                 struct measures *ret);
