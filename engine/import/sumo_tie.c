#include "engine/import/sumo_tie.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/model/units.h"

static const double LOOP_LENGTH_M = 2.0;       // of an inductionLoop, which SUMO gives none
static const double LENGTH_M_MIN = 0.1;
enum { QUANTUM_MS = 100, PATH_PART_COUNT_MAX = 16 };

struct tie {
    const struct sumo_raw *raw;
    const char *const *files;
    struct network_draft *draft;
    struct import_report *report;
    struct problem *problem;
    enum status status;
    int32_t *edge_of, *lane_of, *junction_of;  // id -> index of the raw record, or INDEX_NONE
    int32_t *program_of;                       // id -> raw program that runs, or INDEX_NONE
    int32_t *light_of;                         // raw program -> the draft's, or INDEX_NONE
    int32_t *link_of;                          // raw edge -> the draft's link, or INDEX_NONE
    int32_t *node_of;                          // raw junction -> the draft's, or INDEX_NONE
    int32_t *inner_next;                       // raw lane inside a junction -> the inner lane after it, or INDEX_NONE
    int32_t *within_junction, *within_row;     // raw lane -> raw junction with it in intLanes, and its place there
};

static void fail(struct tie *tie, int32_t file, int32_t line, const char *remedy, const char *format, ...)
    PRINTF_LIKE(5, 6);

static void fail(struct tie *tie, int32_t file, int32_t line, const char *remedy, const char *format, ...)
{
    if (tie->status != STATUS_OK) {
        return;
    }
    char what[512], place[32];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    (void)snprintf(place, sizeof place, "line %d", line);
    tie->status = problem_report(tie->problem, STATUS_SYNTAX, tie->files[file], place, remedy, "%s", what);
}

static const char *text_of(const struct tie *tie, int32_t id)
{
    return id == NAME_NONE ? "" : names_text(&tie->raw->texts, id);
}

static int32_t *table_take(int32_t count)
{
    int32_t *table = memory_take((size_t)count, sizeof *table);
    for (int32_t i = 0; i < count; i++) {
        table[i] = INDEX_NONE;
    }
    return table;
}

static void claim(struct tie *tie, int32_t *table, int32_t id, int32_t index, const char *what, int32_t line)
{
    if (table[id] != INDEX_NONE) {
        fail(tie, 0, line, "give each its own id", "%s '%s' is there twice", what, text_of(tie, id));
    }
    table[id] = index;
}

static void index_ids(struct tie *tie)
{
    const struct sumo_raw *raw = tie->raw;
    for (int32_t i = 0; i < raw->edges.count; i++) {
        claim(tie, tie->edge_of, raw->edges.at[i].id, i, "edge", raw->edges.at[i].line);
    }
    for (int32_t i = 0; i < raw->lanes.count; i++) {
        claim(tie, tie->lane_of, raw->lanes.at[i].id, i, "lane", raw->lanes.at[i].line);
    }
    for (int32_t i = 0; i < raw->junctions.count; i++) {
        const struct sumo_junction *junction = &raw->junctions.at[i];
        claim(tie, tie->junction_of, junction->id, i, "junction", junction->line);
        for (int32_t k = 0; k < junction->within.count; k++) {
            int32_t lane = tie->lane_of[raw->refs.at[junction->within.first + k]];
            if (lane != INDEX_NONE && !junction->inside) {
                tie->within_junction[lane] = i;
                tie->within_row[lane] = k;
            }
        }
    }
}

static void make_junctions(struct tie *tie)
{
    for (int32_t i = 0; i < tie->raw->junctions.count; i++) {
        const struct sumo_junction *junction = &tie->raw->junctions.at[i];
        if (junction->inside) {
            continue;
        }
        tie->node_of[i] = tie->draft->junctions.count;
        *GROW(tie->draft->junctions) = (struct draft_junction){ .program = INDEX_NONE, .at = junction->at,
            .name = names_add(&tie->draft->names, text_of(tie, junction->id)),
            .kind = junction->kind == JUNCTION_SIGNAL ? JUNCTION_PRIORITY : junction->kind };
    }
}

// The draft's junction of an id that stands in the record at `line`.
static int32_t junction_named(struct tie *tie, int32_t id, const char *who, int32_t line)
{
    int32_t junction = tie->junction_of[id];
    int32_t node = junction == INDEX_NONE ? INDEX_NONE : tie->node_of[junction];
    if (node == INDEX_NONE) {
        fail(tie, 0, line, "is the file whole? write it anew with netconvert", "edge '%s' names the junction '%s', "
             "which does not exist", who, text_of(tie, id));
    }
    return node;
}

static void copy_points(struct tie *tie, struct sumo_range from, int32_t *ret_first, int32_t *ret_count)
{
    *ret_first = tie->draft->points.count;
    *ret_count = from.count;
    for (int32_t i = 0; i < from.count; i++) {
        *GROW(tie->draft->points) = tie->raw->points.at[from.first + i];
    }
}

// The centre line of a link: between its two middle lanes, or on its middle lane.
static void centre_line(struct tie *tie, const struct sumo_edge *edge, struct draft_link *link)
{
    const struct sumo_raw *raw = tie->raw;
    const struct sumo_lane *left = &raw->lanes.at[edge->lanes.first + edge->lanes.count / 2];
    const struct sumo_lane *right = &raw->lanes.at[edge->lanes.first + (edge->lanes.count - 1) / 2];
    if (left->points.count != right->points.count) {
        copy_points(tie, edge->points.count >= 2 ? edge->points : right->points, &link->first_point,
                    &link->point_count);
        return;
    }
    link->first_point = tie->draft->points.count;
    link->point_count = left->points.count;
    for (int32_t i = 0; i < left->points.count; i++) {
        struct point a = raw->points.at[left->points.first + i], b = raw->points.at[right->points.first + i];
        *GROW(tie->draft->points) = (struct point){ 0.5 * (a.x_m + b.x_m), 0.5 * (a.y_m + b.y_m) };
    }
}

static void make_link(struct tie *tie, int32_t index)
{
    const struct sumo_raw *raw = tie->raw;
    struct network_draft *draft = tie->draft;
    const struct sumo_edge *edge = &raw->edges.at[index];
    const char *name = text_of(tie, edge->id);
    struct draft_link link = { .priority = edge->priority, .first_lane = draft->lanes.count,
        .lane_count = edge->lanes.count, .name = names_add(&draft->names, name) };
    link.from_junction = junction_named(tie, edge->from, name, edge->line);
    link.to_junction = junction_named(tie, edge->to, name, edge->line);
    tie->link_of[index] = draft->links.count;
    for (int32_t i = 0; i < edge->lanes.count; i++) {
        const struct sumo_lane *from = &raw->lanes.at[edge->lanes.first + i];
        struct draft_lane lane = { .link = draft->links.count, .position = i, .users = from->users,
            .length_m = fmax(from->length_m, LENGTH_M_MIN), .speed_mps = from->speed_mps, .width_m = from->width_m };
        if (from->points.count < 2) {
            fail(tie, 0, from->line, "write the network anew with netconvert", "lane '%s' has no shape of two points",
                 text_of(tie, from->id));
            return;
        }
        copy_points(tie, from->points, &lane.first_point, &lane.point_count);
        link.length_m = fmax(link.length_m, lane.length_m);
        link.speed_mps = fmax(link.speed_mps, lane.speed_mps);
        *GROW(draft->lanes) = lane;
    }
    centre_line(tie, edge, &link);
    *GROW(draft->links) = link;
}

// Of several programs with one id the one that SUMO runs: the last. Trains' and switched-off ones stay INDEX_NONE.
static void choose_programs(struct tie *tie, int32_t *offset_ms, bool *known)
{
    const struct sumo_raw *raw = tie->raw;
    for (int32_t i = 0; i < raw->programs.count; i++) {
        const struct sumo_program *program = &raw->programs.at[i];
        int32_t earlier = INDEX_NONE;
        for (int32_t k = 0; program->phases.count == 0 && k < i; k++) {
            bool same = raw->programs.at[k].id == program->id && raw->programs.at[k].name == program->name;
            earlier = same && raw->programs.at[k].phases.count > 0 ? k : earlier;
        }
        known[program->id] = true;
        offset_ms[i] = program->offset_ms;
        if (earlier != INDEX_NONE) {
            offset_ms[earlier] = program->has_offset ? program->offset_ms : offset_ms[earlier];
            tie->program_of[program->id] = earlier;
        } else if (program->railway || strcmp(text_of(tie, program->name), "off") == 0) {
            continue;
        } else if (program->phases.count == 0) {
            fail(tie, program->file, program->line, "give it phases, or the programID of one that has some",
                 "the program '%s' of signal '%s' has no phases", text_of(tie, program->name), text_of(tie,
                                                                                                       program->id));
        } else {
            tie->program_of[program->id] = i;
        }
    }
}

static void make_programs(struct tie *tie, const int32_t *offset_ms, const bool *used)
{
    const struct sumo_raw *raw = tie->raw;
    struct network_draft *draft = tie->draft;
    bool whole_seconds = true;
    int32_t following = 0, by_delay = 0, rings = 0;
    for (int32_t i = 0; i < raw->programs.count; i++) {
        const struct sumo_program *program = &raw->programs.at[i];
        if (tie->program_of[program->id] != i || !used[program->id]) {
            continue;
        }
        tie->light_of[i] = draft->programs.count;
        following += program->follows_traffic;
        by_delay += program->by_delay;
        rings += program->rings;
        *GROW(draft->programs) = (struct draft_program){ .name = names_add(&draft->names, text_of(tie, program->id)),
            .letter_count = (int32_t)strlen(raw->phases.at[program->phases.first].state), .offset_ms = offset_ms[i],
            .first_phase = draft->phases.count, .phase_count = program->phases.count, .shows_changes = true,
            .actuated = program->follows_traffic };
        whole_seconds &= offset_ms[i] % MS_PER_S == 0;
        for (int32_t p = 0; p < program->phases.count; p++) {
            *GROW(draft->phases) = raw->phases.at[program->phases.first + p];
            whole_seconds &= raw->phases.at[program->phases.first + p].duration_ms % MS_PER_S == 0;
        }
    }
    draft->quantum_ms = whole_seconds ? MS_PER_S : QUANTUM_MS;
    if (following > 0) {
        import_note(tie->report, NOTE_ASSUMED, "%d programs follow the traffic in SUMO (actuated and the like): here "
                    "their controllers are actuated by the rules of docs/decisions/0030", following);
    }
    if (by_delay > 0) {
        import_note(tie->report, NOTE_WARNING, "%d programs are 'delay_based' and hold a green for the time that "
                    "vehicles lose: here gaps over loops end it, mostly sooner", by_delay);
    }
    if (rings > 0) {
        import_note(tie->report, NOTE_WARNING, "%d programs are 'NEMA' with two rings: here one stage follows another "
                    "for both, and cycles are longer", rings);
    }
}

// Whether a signal is one of trains: it bears its junction's id and may have no <tlLogic>.
static bool is_railway(const struct tie *tie, int32_t light)
{
    int32_t junction = tie->junction_of[light];
    return junction != INDEX_NONE && tie->raw->junctions.at[junction].railway;
}

static void tie_programs(struct tie *tie)
{
    const struct sumo_raw *raw = tie->raw;
    int32_t *offset_ms = memory_take((size_t)raw->programs.count, sizeof *offset_ms);
    bool *known = memory_take((size_t)raw->texts.count, sizeof *known);
    bool *used = memory_take((size_t)raw->texts.count, sizeof *used);
    choose_programs(tie, offset_ms, known);
    for (int32_t i = 0; i < raw->connections.count; i++) {
        const struct sumo_connection *connection = &raw->connections.at[i];
        if (connection->light == NAME_NONE || is_railway(tie, connection->light)) {
            continue;
        }
        int32_t program = tie->program_of[connection->light];
        used[connection->light] = true;
        if (!known[connection->light]) {
            fail(tie, 0, connection->line, "name the additional file that holds it with --additional",
                 "the connection is controlled by '%s', for which there is no <tlLogic>", text_of(tie,
                                                                                                  connection->light));
        } else if (program != INDEX_NONE) {
            const struct sumo_program *told = &raw->programs.at[program];
            const char *state = raw->phases.at[told->phases.first].state;
            if (connection->letter >= (int32_t)strlen(state)) {
                bool apart = told->file != 0;   // then the network is as it was written, and the other file is wrong
                fail(tie, told->file, apart ? told->line : connection->line,
                     "give the program's states a letter for each connection",
                     "the states of '%s' have %zu letters, but %s line %d has a connection with linkIndex %d",
                     text_of(tie, connection->light), strlen(state), apart ? "the network's" : "this", connection->line,
                     connection->letter);
            }
        }
    }
    for (int32_t i = 0; i < raw->programs.count; i++) {
        if (!used[raw->programs.at[i].id] && !raw->programs.at[i].railway) {
            import_note(tie->report, NOTE_WARNING, "signal '%s' controls no connection: left out",
                        text_of(tie, raw->programs.at[i].id));
        }
    }
    make_programs(tie, offset_ms, used);
    free(offset_ms);
    free(known);
    free(used);
}

// The raw lane of an edge's id and a lane's number.
static int32_t lane_at(struct tie *tie, const struct sumo_connection *connection, int32_t id, int32_t number)
{
    int32_t edge = tie->edge_of[id];
    if (edge == INDEX_NONE) {
        fail(tie, 0, connection->line, "is the file whole? write it anew with netconvert",
             "the connection names the edge '%s', which does not exist", text_of(tie, id));
        return INDEX_NONE;
    }
    if (number >= tie->raw->edges.at[edge].lanes.count) {
        fail(tie, 0, connection->line, "lanes count from 0", "the connection names lane %d of edge '%s', which has %d",
             number, text_of(tie, id), tie->raw->edges.at[edge].lanes.count);
        return INDEX_NONE;
    }
    return tie->raw->edges.at[edge].lanes.first + number;
}

static enum sumo_function function_of(const struct tie *tie, int32_t lane)
{
    return tie->raw->edges.at[tie->raw->lanes.at[lane].edge].function;
}

static int32_t draft_lane_of(const struct tie *tie, int32_t lane)
{
    int32_t edge = tie->raw->lanes.at[lane].edge;
    return tie->draft->links.at[tie->link_of[edge]].first_lane + lane - tie->raw->edges.at[edge].lanes.first;
}

static void tie_inner_lanes(struct tie *tie)
{
    for (int32_t i = 0; i < tie->raw->connections.count && tie->status == STATUS_OK; i++) {
        const struct sumo_connection *connection = &tie->raw->connections.at[i];
        int32_t from = lane_at(tie, connection, connection->from, connection->from_lane);
        if (connection->via == NAME_NONE || from == INDEX_NONE) {
            continue;
        }
        int32_t via = tie->lane_of[connection->via];
        if (via == INDEX_NONE) {
            fail(tie, 0, connection->line, "is the file whole? write it anew with netconvert",
                 "the connection goes via the lane '%s', which does not exist", text_of(tie, connection->via));
        } else if (function_of(tie, from) == EDGE_INTERNAL && tie->inner_next[from] == INDEX_NONE) {
            tie->inner_next[from] = via;
        }
    }
}

// Path, length, speed and row of the matrix from the inner lanes.
static void drive_inside(struct tie *tie, const struct sumo_connection *raw, int32_t from, struct draft_connection *ret)
{
    struct network_draft *draft = tie->draft;
    int32_t junction = tie->junction_of[tie->raw->edges.at[tie->raw->lanes.at[from].edge].to];
    int32_t inner = raw->via == NAME_NONE ? INDEX_NONE : tie->lane_of[raw->via];
    ret->first_point = draft->points.count;
    for (int part = 0; inner != INDEX_NONE && part < PATH_PART_COUNT_MAX; part++) {
        const struct sumo_lane *lane = &tie->raw->lanes.at[inner];
        for (int32_t i = ret->point_count > 0 ? 1 : 0; i < lane->points.count; i++) {
            *GROW(draft->points) = tie->raw->points.at[lane->points.first + i];
            ret->point_count++;
        }
        ret->length_m += lane->length_m;
        ret->speed_mps = ret->speed_mps > 0.0 ? fmin(ret->speed_mps, lane->speed_mps) : lane->speed_mps;
        if (tie->within_junction[inner] == junction) {
            ret->request = tie->within_row[inner];
        }
        inner = tie->inner_next[inner];
    }
    if (ret->point_count < 2) {
        ret->point_count = 0;
    }
}

// Without inner lanes: straight from lane to lane.
static void drive_straight(struct tie *tie, struct draft_connection *ret)
{
    struct network_draft *draft = tie->draft;
    const struct draft_lane *from = &draft->lanes.at[ret->from_lane], *to = &draft->lanes.at[ret->to_lane];
    if (ret->point_count == 0) {
        struct point a = draft->points.at[from->first_point + from->point_count - 1];
        struct point b = draft->points.at[to->first_point];
        double x = b.x_m - a.x_m, y = b.y_m - a.y_m;
        ret->first_point = draft->points.count;
        ret->point_count = 2;
        *GROW(draft->points) = a;
        *GROW(draft->points) = b;
        ret->length_m = fmax(ret->length_m, sqrt(x * x + y * y));
    }
    ret->length_m = fmax(ret->length_m, LENGTH_M_MIN);
    ret->speed_mps = ret->speed_mps > 0.0 ? ret->speed_mps : fmin(from->speed_mps, to->speed_mps);
}

static int32_t light_at(const struct tie *tie, const struct sumo_connection *connection)
{
    bool none = connection->light == NAME_NONE || is_railway(tie, connection->light);
    int32_t program = none ? INDEX_NONE : tie->program_of[connection->light];
    return program == INDEX_NONE ? INDEX_NONE : tie->light_of[program];
}

static void make_connection(struct tie *tie, int32_t index, int32_t from, int32_t to)
{
    struct network_draft *draft = tie->draft;
    const struct sumo_connection *raw = &tie->raw->connections.at[index];
    struct draft_connection connection = { .from_lane = draft_lane_of(tie, from), .to_lane = draft_lane_of(tie, to),
        .turn = raw->turn, .program = light_at(tie, raw), .letter = INDEX_NONE, .request = INDEX_NONE };
    int32_t from_link = draft->lanes.at[connection.from_lane].link, to_link = draft->lanes.at[connection.to_lane].link;
    connection.junction = draft->links.at[from_link].to_junction;
    if (draft->links.at[to_link].from_junction != connection.junction) {
        fail(tie, 0, raw->line, "write the network anew with netconvert", "the connection joins the edges '%s' and "
             "'%s', which do not meet", text_of(tie, raw->from), text_of(tie, raw->to));
        return;
    }
    drive_inside(tie, raw, from, &connection);
    drive_straight(tie, &connection);
    if (connection.program != INDEX_NONE) {
        connection.letter = raw->letter;
        draft->junctions.at[connection.junction].program = connection.program;
        draft->junctions.at[connection.junction].kind = JUNCTION_SIGNAL;
    }
    *GROW(draft->connections) = connection;
}

// A crossing of people on foot that has a light, once for each letter.
static void make_crossing(struct tie *tie, const struct sumo_connection *raw, int32_t lane)
{
    struct network_draft *draft = tie->draft;
    const struct sumo_edge *edge = &tie->raw->edges.at[tie->raw->lanes.at[lane].edge];
    struct draft_crossing crossing = { .program = light_at(tie, raw), .letter = raw->letter, .junction = INDEX_NONE,
        .width_m = tie->raw->lanes.at[lane].width_m, .first_link = draft->crossed_links.count };
    if (crossing.program == INDEX_NONE) {
        return;
    }
    for (int32_t i = 0; i < edge->crossed.count; i++) {
        int32_t crossed = tie->edge_of[tie->raw->refs.at[edge->crossed.first + i]];
        if (crossed == INDEX_NONE || tie->link_of[crossed] == INDEX_NONE) {
            fail(tie, 0, edge->line, "write the network anew with netconvert", "crossing '%s' crosses an edge that "
                 "does not exist",
                 text_of(tie, edge->id));
            return;
        }
        *GROW(draft->crossed_links) = tie->link_of[crossed];
        crossing.link_count++;
    }
    if (tie->within_junction[lane] != INDEX_NONE) {
        crossing.junction = tie->node_of[tie->within_junction[lane]];
    } else if (crossing.link_count > 0) {
        crossing.junction = draft->links.at[draft->crossed_links.at[crossing.first_link]].to_junction;
    }
    if (tie->raw->lanes.at[lane].points.count < 2 || crossing.junction == INDEX_NONE) {
        fail(tie, 0, edge->line, "write the network anew with netconvert", "crossing '%s' has no shape or no junction",
             text_of(tie, edge->id));
        return;
    }
    copy_points(tie, tie->raw->lanes.at[lane].points, &crossing.first_point, &crossing.point_count);
    *GROW(draft->crossings) = crossing;
}

static void make_connections(struct tie *tie)
{
    const struct sumo_raw *raw = tie->raw;
    for (int32_t i = 0; i < raw->connections.count && tie->status == STATUS_OK; i++) {
        const struct sumo_connection *connection = &raw->connections.at[i];
        int32_t from = lane_at(tie, connection, connection->from, connection->from_lane);
        int32_t to = lane_at(tie, connection, connection->to, connection->to_lane);
        if (from == INDEX_NONE || to == INDEX_NONE) {
            return;
        }
        enum sumo_function leaves = function_of(tie, from), reaches = function_of(tie, to);
        if (leaves == EDGE_NORMAL && reaches == EDGE_NORMAL) {
            make_connection(tie, i, from, to);
        } else if (reaches == EDGE_CROSSING && connection->light != NAME_NONE) {
            make_crossing(tie, connection, to);
        } else if (leaves == EDGE_CROSSING && connection->light != NAME_NONE) {
            make_crossing(tie, connection, from);
        }
    }
}

// The draft's connections by junction: member[first[j]] .. member[first[j + 1] - 1], in the order of the file.
struct by_junction { int32_t *first, *member; };

static struct by_junction group_connections(const struct network_draft *draft)
{
    struct by_junction by = { memory_take((size_t)draft->junctions.count + 1, sizeof *by.first),
        memory_take((size_t)draft->connections.count, sizeof *by.member) };
    for (int32_t i = 0; i < draft->connections.count; i++) {
        by.first[draft->connections.at[i].junction + 1]++;
    }
    for (int32_t i = 0; i < draft->junctions.count; i++) {
        by.first[i + 1] += by.first[i];
    }
    int32_t *next = memory_copy(by.first, (size_t)draft->junctions.count + 1, sizeof *next);
    for (int32_t i = 0; i < draft->connections.count; i++) {
        by.member[next[draft->connections.at[i].junction]++] = i;
    }
    free(next);
    return by;
}

// Rows where there are no inner lanes: by incLanes, then by the order of the file.
static void number_rows(struct tie *tie, const struct sumo_junction *junction, const int32_t *member, int32_t count)
{
    int32_t row = 0;
    for (int32_t i = 0; i < junction->into.count; i++) {
        int32_t lane = tie->lane_of[tie->raw->refs.at[junction->into.first + i]];
        if (lane == INDEX_NONE || function_of(tie, lane) != EDGE_NORMAL) {
            continue;
        }
        for (int32_t k = 0; k < count; k++) {
            struct draft_connection *connection = &tie->draft->connections.at[member[k]];
            if (connection->from_lane == draft_lane_of(tie, lane)) {
                connection->request = row++;
            }
        }
    }
    for (int32_t k = 0; row != junction->requests.count && k < count; k++) {
        tie->draft->connections.at[member[k]].request = INDEX_NONE;   // another order than ours: paths decide
    }
}

// The foes of one junction's matrix. connection[row] = the draft's connection of the row, or INDEX_NONE.
static void read_matrix(struct tie *tie, const struct sumo_junction *junction, const int32_t *connection)
{
    const struct sumo_raw *raw = tie->raw;
    int32_t rows = junction->requests.count;
    for (int32_t r = 0; r < rows; r++) {
        const struct sumo_request *request = &raw->requests.at[junction->requests.first + r];
        if (request->foes.count != rows || request->response.count != rows || request->index >= rows) {
            fail(tie, 0, request->line, "write the network anew with netconvert",
                 "the <request> of junction '%s' does not fit its %d rows", text_of(tie, junction->id), rows);
            return;
        }
        int32_t one = connection[request->index];
        if (one == INDEX_NONE) {
            continue;
        }
        tie->draft->connections.at[one].wait_inside = request->cont;
        for (int32_t k = 0; k < rows; k++) {
            bool meets = raw->chars.at[request->foes.first + rows - 1 - k] == '1';
            bool yields = raw->chars.at[request->response.first + rows - 1 - k] == '1';
            if ((meets || yields) && connection[k] != INDEX_NONE && connection[k] != one) {
                *GROW(tie->draft->foes) = (struct draft_foe){ .one = one, .other = connection[k], .yields = yields };
            }
        }
    }
}

static void make_foes(struct tie *tie)
{
    struct by_junction by = group_connections(tie->draft);
    for (int32_t i = 0; i < tie->raw->junctions.count && tie->status == STATUS_OK; i++) {
        const struct sumo_junction *junction = &tie->raw->junctions.at[i];
        int32_t node = tie->node_of[i], rows = junction->requests.count;
        if (node == INDEX_NONE || rows == 0 || junction->zipper) {
            continue;
        }
        const int32_t *member = by.member + by.first[node];
        int32_t count = by.first[node + 1] - by.first[node];
        if (junction->within.count == 0) {
            number_rows(tie, junction, member, count);
        }
        int32_t *connection = table_take(rows);
        for (int32_t k = 0; k < count; k++) {
            int32_t row = tie->draft->connections.at[member[k]].request;
            if (row != INDEX_NONE && row < rows) {
                connection[row] = member[k];
            } else {
                tie->draft->connections.at[member[k]].request = INDEX_NONE;
            }
        }
        read_matrix(tie, junction, connection);
        free(connection);
    }
    free(by.first);
    free(by.member);
    tie->draft->has_foes = true;
}

static void make_detector(struct tie *tie, const struct sumo_detector *raw, struct names *taken)
{
    struct network_draft *draft = tie->draft;
    const char *name = text_of(tie, raw->id);
    int32_t lane = raw->lane == NAME_NONE ? INDEX_NONE : tie->lane_of[raw->lane];
    if (lane == INDEX_NONE) {
        fail(tie, raw->file, raw->line, "name a lane of the network", "detector '%s' lies on the lane '%s', which "
             "does not exist",
             name, text_of(tie, raw->lane));
        return;
    }
    int32_t count = taken->count;
    if (names_add(taken, name) != count) {
        fail(tie, raw->file, raw->line, "give each its own id", "detector '%s' is there twice", name);
        return;
    }
    if (function_of(tie, lane) != EDGE_NORMAL) {
        import_note(tie->report, NOTE_WARNING, "detector '%s' lies inside a junction: left out", name);
        return;
    }
    struct draft_detector detector = { .name = names_add(&draft->names, name), .lane = draft_lane_of(tie, lane) };
    double lane_m = draft->lanes.at[detector.lane].length_m;
    double from_m = raw->from_m < 0.0 ? raw->from_m + lane_m : raw->from_m;
    double to_m = isnan(raw->to_m) ? from_m : raw->to_m < 0.0 ? raw->to_m + lane_m : raw->to_m;
    bool fits = from_m >= -LENGTH_M_MIN && from_m <= lane_m + LENGTH_M_MIN
        && (raw->to_m >= SUMO_FAR_M || (to_m >= from_m && to_m <= lane_m + LENGTH_M_MIN));
    if (isnan(raw->to_m)) {
        from_m = to_m - (isnan(raw->length_m) ? LOOP_LENGTH_M : raw->length_m);
    }
    if (!fits) {
        import_note(tie->report, NOTE_WARNING, "%s: line %d: detector '%s' does not lie on the %.2f m of its lane "
                    "'%s': moved to the nearest place there", tie->files[raw->file], raw->line, name, lane_m,
                    text_of(tie, raw->lane));
    }
    if (raw->lane_count > 1) {
        import_note(tie->report, NOTE_WARNING, "%s: line %d: of the %d lanes of detector '%s' only the last is "
                    "watched, '%s', and all of it", tie->files[raw->file], raw->line, raw->lane_count, name,
                    text_of(tie, raw->lane));
    }
    to_m = fmin(fmax(to_m, LENGTH_M_MIN), lane_m);
    from_m = fmin(fmax(from_m, 0.0), to_m - 0.5 * LENGTH_M_MIN);
    detector.to_stop_m = lane_m - to_m;
    detector.length_m = to_m - from_m;
    *GROW(draft->detectors) = detector;
}

static void make_all(struct tie *tie)
{
    const struct sumo_raw *raw = tie->raw;
    index_ids(tie);
    make_junctions(tie);
    for (int32_t i = 0; i < raw->edges.count && tie->status == STATUS_OK; i++) {
        if (raw->edges.at[i].function == EDGE_NORMAL) {
            make_link(tie, i);
        }
    }
    if (tie->status == STATUS_OK && tie->draft->links.count == 0) {
        fail(tie, 0, 1, "is the file whole?", "the network has no edge to drive on");
    }
    tie_programs(tie);
    tie_inner_lanes(tie);
    if (tie->status == STATUS_OK) {
        make_connections(tie);
    }
    if (tie->status == STATUS_OK) {
        make_foes(tie);
    }
    struct names taken = { 0 };
    for (int32_t i = 0; i < raw->detectors.count && tie->status == STATUS_OK; i++) {
        make_detector(tie, &raw->detectors.at[i], &taken);
    }
    names_release(&taken);
    if (raw->entry_exit_count > 0) {
        import_note(tie->report, NOTE_WARNING, "%d detectors between entries and exits are left out: loops and areas "
                    "alone are read", raw->entry_exit_count);
    }
}

enum status sumo_tie(const struct sumo_raw *raw, const char *const *files, struct network_draft *draft,
                     struct import_report *report, struct problem *problem)
{
    int32_t texts = raw->texts.count;
    struct tie tie = { .raw = raw, .files = files, .draft = draft, .report = report, .problem = problem,
        .edge_of = table_take(texts), .lane_of = table_take(texts), .junction_of = table_take(texts),
        .program_of = table_take(texts), .light_of = table_take(raw->programs.count),
        .link_of = table_take(raw->edges.count), .node_of = table_take(raw->junctions.count),
        .inner_next = table_take(raw->lanes.count), .within_junction = table_take(raw->lanes.count),
        .within_row = table_take(raw->lanes.count) };
    make_all(&tie);
    int32_t *owned[] = { tie.edge_of, tie.lane_of, tie.junction_of, tie.program_of, tie.light_of, tie.link_of,
        tie.node_of,
        tie.inner_next, tie.within_junction, tie.within_row };
    for (size_t i = 0; i < sizeof owned / sizeof *owned; i++) {
        free(owned[i]);
    }
    return tie.status;
}
