// sumo_reader.h: what the reader of SUMO's demand keeps while it reads. Seen by its files only.
//
//              demand_sumo.c       elements and attributes ─▶ struct pending
//              sumo_flows.c        when it departs
//              sumo_departures.c   a pending vehicle, trip or flow ─▶ rows
#pragma once

#include "engine/import/sumo_xml.h"
#include "engine/model/units.h"
#include "sim/demand/choice_book.h"
#include "sim/demand/demand_rows.h"

enum { INCLUDE_DEPTH_MAX = 8, ROUTE_REPEAT_MAX = 1000, TEXT_BYTES = 512 };
enum draw { DRAW_TYPE, DRAW_ROUTE, DRAW_LANE, DRAW_SPEED, DRAW_FLOW, DRAW_PLACE };

static const int64_t FLOW_END_MS = MS_PER_DAY;   // of a flow without end, after its begin

enum lane_wish { LANE_FIRST, LANE_BEST, LANE_RANDOM, LANE_NUMBER };
enum place_wish { PLACE_START, PLACE_LAST, PLACE_RANDOM, PLACE_NUMBER };
enum speed_wish { SPEED_MAX, SPEED_RANDOM, SPEED_NUMBER };
enum flow_form { FLOW_NONE, FLOW_EVEN, FLOW_CHANCE, FLOW_POISSON };

// A <route>: its links, or the edge that the network does not have.
struct route_text {
    int32_t first, count;              // in route_links
    int32_t unknown;                   // offset in rows.text of that edge, or INDEX_NONE
    int32_t first_stop, stop_count;    // in reader.route_stops
};

// The vehicle, trip or flow that is open.
struct pending {
    const char *word;                  // "vehicle", "trip", "flow"
    int32_t name, line;
    enum status bad;                   // the first thing wrong with it, and its sentence
    char bad_text[TEXT_BYTES];
    int32_t type_entry;                // in types, or INDEX_NONE when bad
    struct choice_list routes;         // indices into route_texts
    struct link_list anchors;          // from, via ..., to
    int64_t depart_ms;
    enum lane_wish lane;
    int32_t lane_number;
    enum speed_wish speed;
    int32_t speed_mmps;
    enum place_wish place;             // of departure
    double place_m;                    // from the lane's start; below 0 from its end
    enum flow_form flow;
    int64_t end_ms;
    double period_ms;                  // FLOW_EVEN
    double rate;                       // FLOW_CHANCE: of a second, FLOW_POISSON: per second
    int64_t number;                    // of vehicles, or -1
    LIST_OF(struct demand_stop) stops;
    double flow_shift_ms;              // of the departure at hand after the flow's begin
    bool placed;                       // asks for a place of departure or arrival that is not followed
    bool has_from, has_to, has_via;
};

// The distribution that is open.
struct distribution {
    bool open, types;
    bool anonymous;                    // inside a vehicle
    char name[TEXT_BYTES];
    struct choice_list choices;
};

// What is told with its number and where it stands first.
struct counted {
    int64_t count;
    int32_t file, line;
};

struct reader {
    struct demand_rows *rows;
    const char *path;
    int32_t file;
    bool additional;
    int32_t include_depth;
    int32_t skip_depth;                // depth of the element that is passed over with all in it, or -1
    struct choice_book types, routes;
    LIST_OF(struct route_text) route_texts;
    struct link_list route_links;
    LIST_OF(struct demand_stop) route_stops;
    bool route_open;                   // the last of route_texts is still being told
    struct { struct names names; struct demand_stop *at; int32_t count, capacity; } places;   // busStop and the like
    bool rerouter_open;
    int64_t closed_from_ms, closed_to_ms;   // of its interval
    struct counted persons, placed, beyond, broken, twins, driven_through, awaiting, endless_stops, idle_flows;
    struct counted reroutes;
    struct names told;                 // attributes and elements that a note stands for
    struct { int64_t *slots; int32_t slot_count, count; } ids;   // of trips and flows, see sumo_notes.c
    int64_t begin_ms, end_ms;          // of the <interval> that is open, or DEMAND_TIME_NONE
    struct pending *open;              // == &pending while one is open
    struct pending pending;
    struct distribution distribution;
    uint64_t ordinal;                  // of departures, as the file tells them
    uint64_t flow_ordinal;
    int64_t last_depart_ms;
    bool type_open;                    // the last of rows->types is still being told
    double speed_deviation;            // of types that say none; below 0: the class's own
    bool unsorted, endless, unknown_model;
    struct problem broken_first;       // of counted.broken: what the first one was
    void (*include)(struct reader *reader, struct sumo_xml *xml, const char *href);
};

// A trip that cannot be: ends the reading, or costs itself.
void sumo_refuse(struct reader *reader, struct sumo_xml *xml, enum status status, const char *format, ...)
    PRINTF_LIKE(4, 5);

// One departure of what is open; or all of a flow.
void sumo_depart(struct reader *reader, struct sumo_xml *xml, int64_t depart_ms, int32_t instance);
void sumo_expand_flow(struct reader *reader, struct sumo_xml *xml);
