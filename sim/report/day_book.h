// day_book.h: what happened in one run, as the report shows it: by period, by approach, by signal group, by corridor.
//
// THEORY    Once a second the book looks at every vehicle and every lamp.
//
//             periods      of equal length, at most DAY_PERIOD_COUNT_MAX: vehicles under way and waiting, mean speed
//             approaches   links that end at signals. By period: passages, their delay, longest queue, vehicle-seconds
//                          in queue, lane-seconds of green, greens, and greens that failed: who stood last in the
//                          queue when it began was still there when it ended (split failure)
//             windows      of WINDOW_S in the middle of the run: every green of the corridors' groups, every vehicle's
//                          way along them (time-space diagram), and when vehicles reach the stop line's reach (Purdue
//                          coordination diagram [Day2014]); every green of every group (split monitor)
//             sensors      of each camera and loop: for how long it spoke, its longest silence, what it counted. Held
//                          against what passed: of a lane's camera and of its stop-line loop
//
//           Delay of a passage is time lost on the link and in the junction against the driver's own free speed. Degree
//           of saturation is passages over what SATURATION_VPS would let through in the green that there was.
// CONTRACT  Deterministic. Takes memory while it grows.
// OWNERSHIP day_book_create gives; day_book_release takes. The network is kept.
// NOT HERE  HTML and JSON (compare_report.h).
#pragma once

#include "sim/loop/closed_loop.h"
#include "sim/report/corridor.h"

#define DAY_PERIOD_COUNT_MAX 48
#define DAY_PERIOD_S_MIN 60
#define WINDOW_S 900
#define SATURATION_VPS 0.5            // a lane's saturation flow of 1,800 veh/h, the usual planning value [HCM2000]

struct approach_period {
    int32_t passages, queue_max, greens, failures;
    double delay_s, queue_s, green_s; // of all passages; vehicle-seconds; lane-seconds
};

struct track_point {                  // a vehicle on a corridor
    int32_t number;                   // of its trip
    float t_s, x_m;                   // since the window's begin; along the corridor
};

struct shown_green {                  // of a corridor's signal
    int32_t signal;
    double start_s, end_s;            // since the window's begin
};

struct reached {                      // a vehicle came to the stop line's reach
    int32_t signal;
    double t_s;
    bool green;
};

struct group_green {                  // in the window
    int32_t group;
    float start_s, end_s;             // since the window's begin
};

struct sensor_book {                  // of each loop, then of each camera
    int64_t heard_ms, last_ms;        // covered by its readings; the end of the last one
    int64_t silent_ms_max;
    int64_t vehicles;                 // that it counted
};

struct corridor_book {
    struct corridor corridor;
    LIST_OF(struct track_point) tracks;   // by time
    LIST_OF(struct shown_green) greens;
    LIST_OF(struct reached) reached;
};

struct group_book {                   // of each signal group
    int32_t greens;
    double green_s, red_s_max, red_squares_s2;   // sum of reds squared: a stranger's mean wait is half of it over time
};

struct day_period { double under_way, waiting, speed_mps, queued; int64_t arrived; };   // means; arrived by its end

struct day_book {
    const struct network *network;
    int64_t begin_ms, end_ms, period_ms, window_ms;   // window_ms: its begin
    int32_t period_count, approach_count, corridor_count;
    int32_t *approach_link;           // link of each approach
    int32_t *approach_of_link;        // or INDEX_NONE
    struct approach_period *approaches;   // approach x period
    struct day_period *periods;
    struct group_book *groups;
    struct sensor_book *sensors;      // detector_count of loops, then camera_count of cameras
    LIST_OF(struct group_green) window_greens;
    struct corridor_book corridors[CORRIDOR_COUNT_MAX];
    double seconds;                   // looked at
    bool corridors_wanted;            // to be found when the window begins

    // Between looks.
    struct vehicle_view *views;
    int32_t view_count, view_capacity;
    int32_t *first_of_lane;           // lane_count + 1, into views
    uint8_t *aspects_before;
    int64_t *since_ms;                // of each group's present colour (green or not)
    int32_t *last_in_queue;           // per lane: who stood last when its green began, or INDEX_NONE
    struct passage_totals *passages_before;
    LIST_OF(int32_t) was_before[CORRIDOR_COUNT_MAX];   // numbers within reach of each signal at the look before
};

// corridors: those of an earlier run of the same comparison; count 0: to be found when the window begins; below 0:
// none.
struct day_book *day_book_create(const struct network *network, int64_t begin_ms, int64_t end_ms,
                                 const struct corridor *corridors, int32_t corridor_count);
void day_book_release(struct day_book *book);

// To be called after every step of the loop; looks once a second.
void day_book_look(struct day_book *book, const struct closed_loop *loop);

// Sums over the run.
struct approach_period day_book_approach(const struct day_book *book, int32_t approach);

// Who passed the end of a lane so far.
int64_t day_book_passed(const struct day_book *book, int32_t lane);
