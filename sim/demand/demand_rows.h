// demand_rows.h: trips of a file that is read whole: what the readers fill and demand.c gives out.
//
// THEORY    A row is one departure. Its route is a request: links as the file names them, either the whole route or
//           anchors to be joined by the fastest way. Equal requests are one, so that a million vehicles on a thousand
//           routes cost a thousand. Once all is read, rows_finish finds the routes, class by class and source by source
//           (router.h goes on with one search), drops or reports the rows without one, and sorts.
// CONTRACT  A reader calls rows_refuse for a trip that cannot be; it ends reading unless errors are to be ignored. Rows
//           of one departure keep the order of the file.
// OWNERSHIP rows_release frees all.
// NOT HERE  Formats (demand_sumo.c, demand_cityflow.c).
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/memory.h"
#include "engine/base/names.h"
#include "sim/demand/demand.h"
#include "sim/demand/router.h"

enum route_form { ROUTE_WHOLE, ROUTE_ANCHORS };
enum route_state { ROUTE_OPEN, ROUTE_FOUND, ROUTE_GAP, ROUTE_FORBIDDEN };

struct route_request {
    enum route_form form;
    enum user_class user;
    int32_t first, count;              // as asked, in rows.links
    enum route_state state;
    int32_t found_first, found_count;  // in rows.links; ROUTE_WHOLE: as asked
    // links: ROUTE_GAP: not connected; ROUTE_FORBIDDEN: bad_from is closed to the user
    int32_t bad_from, bad_to;
};

// A stop as the file asks for it; where on its way it is shows once the way is found.
struct demand_stop {
    int32_t lane;                      // of the network
    int32_t start_mm, end_mm, duration_ms;
    int64_t until_ms;                  // or DEMAND_TIME_NONE
    bool parking;
    bool any_lane;                     // of its link: the first that is open to the vehicle
    bool waypoint;                     // passed at some speed: no stop
    int32_t bad;                       // in rows.text: what is wrong with it; or INDEX_NONE
};

struct demand_row {
    int64_t depart_ms;
    int32_t type, route;
    int32_t name, instance;            // offset in rows.text; instance of a flow, or INDEX_NONE
    int32_t file, line;                // line: 0 where the format has none; then entry counts from 0
    int32_t depart_speed_mmps, depart_front_mm;
    int32_t first_stop, stop_count;    // in rows.stops
    int8_t depart_lane;
};

struct demand_rows {
    const struct network *network;
    struct demand_options options;
    struct problem *problem;           // where the first failure goes
    int64_t begin_ms, end_ms;          // of the file, or DEMAND_TIME_NONE
    int64_t step_ms;                   // of the file, or 0
    double scale;                      // of the file
    bool open_end;                     // a file of SUMO without an end

    LIST_OF(struct vehicle_type) types;
    LIST_OF(struct demand_row) rows;
    LIST_OF(struct route_request) routes;
    int32_t *slots, slot_count;        // hash of routes: index + 1, or 0
    struct link_list links;
    LIST_OF(struct demand_stop) stops;
    LIST_OF(struct lane_closure) closures;
    LIST_OF(char) text;                // names of trips, each ended by NUL
    struct names files;
    char instance_mark;                // between a flow's name and the number of its vehicle
    const char *entry_word;            // "line", or what the format counts

    struct demand_counts counts;
    LIST_OF(char *) notes;
};

void rows_create(struct demand_rows *rows, const struct network *network, const struct demand_options *options,
                 struct problem *problem);
void rows_release(struct demand_rows *rows);

// Keeps a sentence for the person; beyond DEMAND_NOTE_COUNT_MAX, and as many of bad trips, it is dropped.
void rows_note(struct demand_rows *rows, const char *format, ...) PRINTF_LIKE(2, 3);

// One trip cannot be: counted and noted under ignore_route_errors, else the failure that ends the load.
MUST_USE enum status rows_refuse(struct demand_rows *rows, enum status status, int32_t file, int32_t line,
                                 const char *format, ...) PRINTF_LIKE(5, 6);

// Keeps a text for names of rows; gives its offset.
int32_t rows_text(struct demand_rows *rows, const char *text);

// The index of the request with these links; new or known.
int32_t rows_route(struct demand_rows *rows, enum route_form form, enum user_class user, const int32_t *links,
                   int32_t count);

// Appends a row. STATUS_LIMIT beyond DEMAND_TRIP_COUNT_MAX, as a failure of the load.
MUST_USE enum status rows_add(struct demand_rows *rows, const struct demand_row *row);

// The stop of the row as the street wants it: the first place on its way, from *leg and *end_mm on, that is the stop's;
// these two then say where that is. False where it does not come there.
bool rows_stop_find(const struct demand_rows *rows, const struct demand_row *row, const struct demand_stop *stop,
                    int32_t *leg, int32_t *end_mm, struct trip_stop *ret);

// Finds all routes, sorts the rows and discards those before begin_ms (resolved here: options, file, first departure).
MUST_USE enum status rows_finish(struct demand_rows *rows);
