#include "engine/import/sumo_raw.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/import/sumo_xml.h"
#include "engine/model/units.h"

static const double LANE_WIDTH_M = 3.2;        // SUMO's default
static const double SPEED_MPS_MIN = 0.1;       // of a lane that SUMO closes with speed 0
static const double COORDINATE_M_MAX = 1e8;
enum { TIME_MS_MAX = 86400000, LAMP_MS = 100, LANE_COUNT_MAX = 64 };

struct raw_reader {
    struct sumo_raw *raw;
    int32_t file;
    bool network;                              // else an additional file
    int32_t edge, junction, program;           // the open element, or INDEX_NONE
};

// SUMO's vehicle classes that have a place among ours; the others (ships, armies, custom ones) have none.
static uint32_t user_of(const char *text, size_t bytes)
{
    static const struct { const char *name; uint32_t users; } USERS[] = {
        { "passenger", USER_CAR }, { "truck", USER_TRUCK }, { "trailer", USER_TRUCK }, { "bus", USER_BUS },
        { "coach", USER_BUS }, { "tram", USER_TRAM }, { "bicycle", USER_BICYCLE }, { "pedestrian", USER_PEDESTRIAN },
        { "emergency", USER_EMERGENCY }, { "motorcycle", USER_MOTORCYCLE }, { "moped", USER_MOTORCYCLE },
        { "taxi", USER_TAXI }, { "delivery", USER_DELIVERY }, { "rail", USER_RAIL }, { "rail_urban", USER_RAIL },
        { "rail_electric", USER_RAIL }, { "rail_fast", USER_RAIL },
    };
    for (size_t i = 0; i < sizeof USERS / sizeof *USERS; i++) {
        if (strlen(USERS[i].name) == bytes && memcmp(USERS[i].name, text, bytes) == 0) {
            return USERS[i].users;
        }
    }
    return 0;
}

static const uint32_t USER_ALL = USER_MOTOR | USER_TRAM | USER_BICYCLE | USER_PEDESTRIAN | USER_RAIL;

static uint32_t users_of_list(const char *text)
{
    uint32_t users = 0;
    while (*(text += strspn(text, " \t\n")) != '\0') {
        size_t bytes = strcspn(text, " \t\n");
        users |= bytes == 3 && memcmp(text, "all", 3) == 0 ? USER_ALL : user_of(text, bytes);
        text += bytes;
    }
    return users;
}

// allow wins over disallow; without either all may drive. Classes that ours merge (bus and coach) are closed by either.
static uint32_t users_of(const char **attributes)
{
    const char *allow = sumo_xml_find(attributes, "allow");
    const char *disallow = sumo_xml_find(attributes, "disallow");
    if (allow != NULL && *allow != '\0') {
        return users_of_list(allow);
    }
    return disallow != NULL ? USER_ALL & ~users_of_list(disallow) : USER_ALL;
}

static int32_t id_of(struct sumo_xml *xml, struct raw_reader *reader, const char *element, const char **attributes,
                     const char *name)
{
    return names_add(&reader->raw->texts, sumo_xml_text(xml, element, attributes, name));
}

static int32_t id_or_none(struct raw_reader *reader, const char **attributes, const char *name)
{
    const char *text = sumo_xml_find(attributes, name);
    return text == NULL || *text == '\0' ? NAME_NONE : names_add(&reader->raw->texts, text);
}

// A list of ids, separated by spaces.
static struct sumo_range ids_of(struct raw_reader *reader, const char *text)
{
    struct sumo_raw *raw = reader->raw;
    struct sumo_range range = { raw->refs.count, 0 };
    char id[512];
    while (text != NULL && *(text += strspn(text, " \t\n")) != '\0') {
        size_t bytes = strcspn(text, " \t\n");
        (void)snprintf(id, sizeof id, "%.*s", (int)(bytes < sizeof id ? bytes : sizeof id - 1), text);
        *GROW(raw->refs) = names_add(&raw->texts, id);
        range.count++;
        text += bytes;
    }
    return range;
}

// "x,y x,y,z ...": heights are passed over.
static struct sumo_range shape_of(struct sumo_xml *xml, struct raw_reader *reader, const char *element,
                                  const char *text)
{
    struct sumo_raw *raw = reader->raw;
    struct sumo_range range = { raw->points.count, 0 };
    while (text != NULL && *(text += strspn(text, " \t\n")) != '\0') {
        double value[3] = { 0.0, 0.0, 0.0 };
        int count = 0;
        char *end = NULL;
        do {
            value[count] = strtod(text, &end);
            if (end == text || !(fabs(value[count]) <= COORDINATE_M_MAX)) {
                break;
            }
            count++;
            text = end + (*end == ',');
        } while (*end == ',' && count < 3);
        if (count < 2 || strchr(" \t\n", *text) == NULL) {
            sumo_xml_fail(xml, STATUS_SYNTAX, "x,y pairs with spaces between them", "<%s shape> has a broken point "
                          "at '%.40s'",
                          element, text);
            return range;
        }
        *GROW(raw->points) = (struct point){ value[0], value[1] };
        range.count++;
    }
    return range;
}

static int32_t time_of(struct sumo_xml *xml, struct raw_reader *reader, const char *element, const char **attributes,
                       const char *name, int32_t otherwise)
{
    const char *text = sumo_xml_find(attributes, name);
    int64_t ms = 0;
    if (text == NULL) {
        return otherwise;
    }
    if (!sumo_time_parse(text, &ms)) {
        sumo_xml_fail(xml, STATUS_SYNTAX, "give seconds", "<%s %s=\"%.60s\"> is not a time", element, name, text);
        return otherwise;
    }
    ms = ms > TIME_MS_MAX ? TIME_MS_MAX : ms < -TIME_MS_MAX ? -TIME_MS_MAX : ms;
    int64_t whole_ms = quantum_floor(ms + LAMP_MS / 2, LAMP_MS);
    reader->raw->rounded |= whole_ms != ms;
    return (int32_t)whole_ms;
}

static void edge_start(struct sumo_xml *xml, struct raw_reader *reader, const char **attributes)
{
    struct sumo_raw *raw = reader->raw;
    const char *function = sumo_xml_find(attributes, "function");
    struct sumo_edge edge = { .line = sumo_xml_line(xml), .from = NAME_NONE, .to = NAME_NONE,
        .lanes = { raw->lanes.count, 0 } };
    edge.id = id_of(xml, reader, "edge", attributes, "id");
    if (function != NULL && strcmp(function, "internal") == 0) {
        edge.function = EDGE_INTERNAL;
    } else if (function != NULL && strcmp(function, "crossing") == 0) {
        edge.function = EDGE_CROSSING;
        edge.crossed = ids_of(reader, sumo_xml_find(attributes, "crossingEdges"));
    } else if (function != NULL && strcmp(function, "walkingarea") == 0) {
        edge.function = EDGE_WALKING_AREA;
    } else {
        edge.from = id_of(xml, reader, "edge", attributes, "from");
        edge.to = id_of(xml, reader, "edge", attributes, "to");
        edge.priority = sumo_xml_integer(xml, "edge", attributes, "priority", -1, -1000000, 1000000);
        edge.points = shape_of(xml, reader, "edge", sumo_xml_find(attributes, "shape"));
    }
    reader->edge = raw->edges.count;
    *GROW(raw->edges) = edge;
}

static void lane_start(struct sumo_xml *xml, struct raw_reader *reader, const char **attributes)
{
    struct sumo_raw *raw = reader->raw;
    struct sumo_edge *edge = &raw->edges.at[reader->edge];
    struct sumo_lane lane = { .line = sumo_xml_line(xml), .edge = reader->edge, .users = users_of(attributes) };
    lane.id = id_of(xml, reader, "lane", attributes, "id");
    int32_t index = sumo_xml_integer(xml, "lane", attributes, "index", INT32_MIN, 0, LANE_COUNT_MAX - 1);
    lane.speed_mps = fmax(sumo_xml_number(xml, "lane", attributes, "speed", NAN, 0.0, 1000.0), SPEED_MPS_MIN);
    lane.length_m = sumo_xml_number(xml, "lane", attributes, "length", NAN, 0.0, 1e6);
    lane.width_m = sumo_xml_number(xml, "lane", attributes, "width", LANE_WIDTH_M, -1.0, 1000.0);
    lane.width_m = lane.width_m > 0.0 ? lane.width_m : LANE_WIDTH_M;   // SUMO writes -1 for its default
    lane.points = shape_of(xml, reader, "lane", sumo_xml_find(attributes, "shape"));
    if (index != edge->lanes.count) {
        sumo_xml_fail(xml, STATUS_SYNTAX, "number the lanes of an edge 0, 1, 2 ... in order",
                      "lane '%s' has index %d where %d is next", names_text(&raw->texts, lane.id), index,
                      edge->lanes.count);
        return;
    }
    raw->acceleration_count += sumo_xml_flag(attributes, "acceleration", false);
    edge->lanes.count++;
    *GROW(raw->lanes) = lane;
}

static enum junction_kind kind_of(const char *type)
{
    static const struct { const char *type; enum junction_kind kind; } KINDS[] = {
        { "traffic_light", JUNCTION_SIGNAL }, { "traffic_light_unregulated", JUNCTION_SIGNAL },
        { "traffic_light_right_on_red", JUNCTION_SIGNAL }, { "right_before_left", JUNCTION_RIGHT_BEFORE_LEFT },
        { "left_before_right", JUNCTION_RIGHT_BEFORE_LEFT }, { "priority_stop", JUNCTION_STOP },
        { "allway_stop", JUNCTION_ALL_WAY_STOP }, { "unregulated", JUNCTION_UNREGULATED },
        { "zipper", JUNCTION_UNREGULATED },
        { "dead_end", JUNCTION_DEAD_END },
    };
    for (size_t i = 0; i < sizeof KINDS / sizeof *KINDS; i++) {
        if (strcmp(type, KINDS[i].type) == 0) {
            return KINDS[i].kind;
        }
    }
    return JUNCTION_PRIORITY;   // priority, rail_signal, rail_crossing, district
}

static void junction_start(struct sumo_xml *xml, struct raw_reader *reader, const char **attributes)
{
    struct sumo_raw *raw = reader->raw;
    const char *type = sumo_xml_find(attributes, "type");
    struct sumo_junction junction = { .line = sumo_xml_line(xml), .requests = { raw->requests.count, 0 } };
    junction.id = id_of(xml, reader, "junction", attributes, "id");
    junction.kind = type == NULL ? JUNCTION_PRIORITY : kind_of(type);
    junction.inside = type != NULL && strcmp(type, "internal") == 0;
    junction.railway = type != NULL && (strcmp(type, "rail_signal") == 0 || strcmp(type, "rail_crossing") == 0);
    raw->rail_crossing_count += type != NULL && strcmp(type, "rail_crossing") == 0;
    raw->rail_signal_count += type != NULL && strcmp(type, "rail_signal") == 0;
    junction.zipper = type != NULL && strcmp(type, "zipper") == 0;
    junction.at.x_m = sumo_xml_number(xml, "junction", attributes, "x", NAN, -COORDINATE_M_MAX, COORDINATE_M_MAX);
    junction.at.y_m = sumo_xml_number(xml, "junction", attributes, "y", NAN, -COORDINATE_M_MAX, COORDINATE_M_MAX);
    junction.into = ids_of(reader, sumo_xml_find(attributes, "incLanes"));
    junction.within = ids_of(reader, sumo_xml_find(attributes, "intLanes"));
    reader->junction = raw->junctions.count;
    *GROW(raw->junctions) = junction;
}

static struct sumo_range bits_of(struct sumo_xml *xml, struct raw_reader *reader, const char **attributes,
                                 const char *name)
{
    struct sumo_raw *raw = reader->raw;
    struct sumo_range range = { raw->chars.count, 0 };
    for (const char *at = sumo_xml_text(xml, "request", attributes, name); *at != '\0'; at++) {
        if (*at != '0' && *at != '1') {
            sumo_xml_fail(xml, STATUS_SYNTAX, "write the network anew with netconvert", "<request %s> holds '%c'",
                          name, *at);
            return range;
        }
        *GROW(raw->chars) = *at;
        range.count++;
    }
    return range;
}

static void request_start(struct sumo_xml *xml, struct raw_reader *reader, const char **attributes)
{
    struct sumo_raw *raw = reader->raw;
    struct sumo_request request = { .line = sumo_xml_line(xml), .cont = sumo_xml_flag(attributes, "cont", false) };
    request.index = sumo_xml_integer(xml, "request", attributes, "index", INT32_MIN, 0, 100000);
    request.response = bits_of(xml, reader, attributes, "response");
    request.foes = bits_of(xml, reader, attributes, "foes");
    raw->junctions.at[reader->junction].requests.count++;
    *GROW(raw->requests) = request;
}

static enum turn turn_of(const char *dir)
{
    switch (dir == NULL ? 's' : dir[0]) {
    case 'l': case 'L': return TURN_LEFT;
    case 'r': case 'R': return TURN_RIGHT;
    case 't': case 'T': return TURN_U;
    default: return TURN_THROUGH;
    }
}

static void connection_start(struct sumo_xml *xml, struct raw_reader *reader, const char **attributes)
{
    struct sumo_raw *raw = reader->raw;
    struct sumo_connection connection = { .line = sumo_xml_line(xml), .turn = turn_of(sumo_xml_find(attributes, "dir")),
        .letter = INDEX_NONE };
    connection.from = id_of(xml, reader, "connection", attributes, "from");
    connection.to = id_of(xml, reader, "connection", attributes, "to");
    connection.from_lane = sumo_xml_integer(xml, "connection", attributes, "fromLane", INT32_MIN, 0,
                                            LANE_COUNT_MAX - 1);
    connection.to_lane = sumo_xml_integer(xml, "connection", attributes, "toLane", INT32_MIN, 0, LANE_COUNT_MAX - 1);
    connection.via = id_or_none(reader, attributes, "via");
    connection.light = id_or_none(reader, attributes, "tl");
    if (connection.light != NAME_NONE) {
        connection.letter = sumo_xml_integer(xml, "connection", attributes, "linkIndex", INT32_MIN, -1, 100000);
        connection.light = connection.letter == -1 ? NAME_NONE : connection.light;   // as SUMO writes "uncontrolled"
    }
    *GROW(raw->connections) = connection;
}

static void program_start(struct sumo_xml *xml, struct raw_reader *reader, const char **attributes)
{
    struct sumo_raw *raw = reader->raw;
    const char *type = sumo_xml_find(attributes, "type");
    const char *offset = sumo_xml_find(attributes, "offset");
    struct sumo_program program = { .line = sumo_xml_line(xml), .file = reader->file,
        .phases = { raw->phases.count, 0 }, .has_offset = offset != NULL && strcmp(offset, "begin") != 0 };
    program.id = id_of(xml, reader, "tlLogic", attributes, "id");
    program.name = id_of(xml, reader, "tlLogic", attributes, "programID");
    program.railway = type != NULL && (strcmp(type, "rail_signal") == 0 || strcmp(type, "rail_crossing") == 0);
    program.follows_traffic = type != NULL && !program.railway && strcmp(type, "static") != 0;
    program.by_delay = program.follows_traffic && strcmp(type, "delay_based") == 0;
    program.rings = program.follows_traffic && strcmp(type, "NEMA") == 0;
    if (program.has_offset) {
        program.offset_ms = time_of(xml, reader, "tlLogic", attributes, "offset", 0);
    }
    reader->program = raw->programs.count;
    *GROW(raw->programs) = program;
}

// A state in the draft's letters.
static void state_copy(struct sumo_xml *xml, const char *state, struct draft_phase *phase)
{
    size_t bytes = strlen(state);
    if (bytes > DRAFT_STATE_MAX) {
        sumo_xml_fail(xml, STATUS_LIMIT, "split the signal", "a phase has %zu letters, more than %d", bytes,
                      DRAFT_STATE_MAX);
        return;
    }
    for (size_t i = 0; i < bytes; i++) {
        char letter = state[i] == 'Y' ? 'y' : state[i] == 'R' ? 'r' : state[i];
        if (strchr("rygGsuoO", letter) == NULL) {
            sumo_xml_fail(xml, STATUS_SYNTAX, "SUMO's letters are r y g G s u o O", "the phase's state '%.80s' holds "
                          "'%c'",
                          state, state[i]);
            return;
        }
        phase->state[i] = letter;
    }
}

static void phase_start(struct sumo_xml *xml, struct raw_reader *reader, const char **attributes)
{
    struct sumo_raw *raw = reader->raw;
    struct sumo_program *program = &raw->programs.at[reader->program];
    struct draft_phase phase = { .duration_ms = 0 };
    phase.duration_ms_min = time_of(xml, reader, "phase", attributes, "minDur", -1);
    phase.duration_ms_max = time_of(xml, reader, "phase", attributes, "maxDur", -1);
    phase.duration_ms = time_of(xml, reader, "phase", attributes, "duration",
                                phase.duration_ms_min > 0 ? phase.duration_ms_min : 0);
    state_copy(xml, sumo_xml_text(xml, "phase", attributes, "state"), &phase);
    if (phase.duration_ms <= 0) {
        sumo_xml_fail(xml, STATUS_SYNTAX, "give it seconds above 0", "a phase has no duration");
        return;
    }
    const char *next = sumo_xml_find(attributes, "next");
    raw->branching |= next != NULL && strchr(next, ' ') != NULL;
    int32_t first = program->phases.first;
    if (program->phases.count > 0 && strlen(raw->phases.at[first].state) != strlen(phase.state)) {
        sumo_xml_fail(xml, STATUS_SYNTAX, "give each phase one letter for each controlled connection",
                      "the phase's state '%.80s' has %zu letters, the first one has %zu", phase.state,
                      strlen(phase.state), strlen(raw->phases.at[first].state));
        return;
    }
    program->phases.count++;
    *GROW(raw->phases) = phase;
}

static void detector_start(struct sumo_xml *xml, struct raw_reader *reader, const char *element,
                           const char **attributes, bool area)
{
    struct sumo_raw *raw = reader->raw;
    struct sumo_detector detector = { .line = sumo_xml_line(xml), .file = reader->file };
    detector.id = id_of(xml, reader, element, attributes, "id");
    const char *lanes = area ? sumo_xml_find(attributes, "lanes") : NULL;
    if (lanes != NULL && *lanes != '\0') {
        struct sumo_range ids = ids_of(reader, lanes);   // it may run over several: the last one has the stop line
        detector.lane_count = ids.count;
        detector.lane = ids.count > 0 ? raw->refs.at[ids.first + ids.count - 1] : NAME_NONE;
    } else {
        detector.lane = id_of(xml, reader, element, attributes, "lane");
    }
    const double far_m = SUMO_FAR_M;
    bool positioned = lanes == NULL && (!area || sumo_xml_find(attributes, "pos") != NULL);
    detector.from_m = positioned ? sumo_xml_number(xml, element, attributes, "pos", NAN, -far_m, far_m) : 0.0;
    detector.length_m = sumo_xml_find(attributes, "length") == NULL ? (double)NAN
        : sumo_xml_number(xml, element, attributes, "length", NAN, 0.0, far_m);
    detector.to_m = area ? sumo_xml_number(xml, element, attributes, "endPos", far_m, -far_m, far_m) : (double)NAN;
    if (area && sumo_xml_find(attributes, "endPos") == NULL && positioned && !isnan(detector.length_m)) {
        detector.to_m = detector.from_m + detector.length_m;
    }
    *GROW(raw->detectors) = detector;
}

static void start_in_network(struct sumo_xml *xml, struct raw_reader *reader, const char *element,
                             const char **attributes)
{
    if (strcmp(element, "edge") == 0) {
        edge_start(xml, reader, attributes);
    } else if (strcmp(element, "lane") == 0 && reader->edge != INDEX_NONE) {
        lane_start(xml, reader, attributes);
    } else if (strcmp(element, "junction") == 0) {
        junction_start(xml, reader, attributes);
    } else if (strcmp(element, "request") == 0 && reader->junction != INDEX_NONE) {
        request_start(xml, reader, attributes);
    } else if (strcmp(element, "connection") == 0) {
        connection_start(xml, reader, attributes);
    }
}

static void on_start(struct sumo_xml *xml, void *user, const char *element, const char **attributes)
{
    struct raw_reader *reader = user;
    if (sumo_xml_depth(xml) == 0) {
        bool fits = reader->network ? strcmp(element, "net") == 0
            : strcmp(element, "additional") == 0 || strcmp(element, "add") == 0 || strcmp(element, "tlLogics") == 0
                || strcmp(element, "routes") == 0;
        if (!fits) {
            sumo_xml_fail(xml, STATUS_SYNTAX, reader->network ? "name a .net.xml" : "name an additional file of SUMO",
                          "the file holds <%s>, not <%s>", element, reader->network ? "net" : "additional");
        }
        const char *version = sumo_xml_find(attributes, "version");
        if (reader->network && version != NULL) {
            (void)snprintf(reader->raw->version, sizeof reader->raw->version, "%s", version);
        }
        reader->raw->left_hand |= reader->network && sumo_xml_flag(attributes, "lefthand", false);
        return;
    }
    if (reader->network) {
        start_in_network(xml, reader, element, attributes);
    }
    if (strcmp(element, "tlLogic") == 0) {
        program_start(xml, reader, attributes);
    } else if (strcmp(element, "phase") == 0 && reader->program != INDEX_NONE) {
        phase_start(xml, reader, attributes);
    } else if (strcmp(element, "inductionLoop") == 0 || strcmp(element, "e1Detector") == 0) {
        detector_start(xml, reader, element, attributes, false);
    } else if (strcmp(element, "laneAreaDetector") == 0 || strcmp(element, "e2Detector") == 0) {
        detector_start(xml, reader, element, attributes, true);
    } else if (strcmp(element, "entryExitDetector") == 0 || strcmp(element, "e3Detector") == 0) {
        reader->raw->entry_exit_count++;
    }
}

static void on_end(struct sumo_xml *xml, void *user, const char *element)
{
    struct raw_reader *reader = user;
    if (strcmp(element, "edge") == 0 && reader->edge != INDEX_NONE) {
        const struct sumo_edge *edge = &reader->raw->edges.at[reader->edge];
        if (edge->lanes.count == 0) {
            sumo_xml_fail(xml, STATUS_SYNTAX, "write the network anew with netconvert", "edge '%s' has no lanes",
                          names_text(&reader->raw->texts, edge->id));
        }
        reader->edge = INDEX_NONE;
    } else if (strcmp(element, "junction") == 0) {
        reader->junction = INDEX_NONE;
    } else if (strcmp(element, "tlLogic") == 0) {
        reader->program = INDEX_NONE;
    }
}

static enum status read_file(const char *path, int32_t file, bool network, struct sumo_raw *raw,
                             struct problem *problem)
{
    assert(raw != NULL);
    struct raw_reader reader = { .raw = raw, .file = file, .network = network, .edge = INDEX_NONE,
        .junction = INDEX_NONE, .program = INDEX_NONE };
    return sumo_xml_read(path, on_start, on_end, &reader, problem);
}

enum status sumo_raw_read_network(const char *path, struct sumo_raw *raw, struct problem *problem)
{
    return read_file(path, 0, true, raw, problem);
}

enum status sumo_raw_read_additional(const char *path, int32_t file, struct sumo_raw *raw, struct problem *problem)
{
    return read_file(path, file, false, raw, problem);
}

void sumo_raw_release(struct sumo_raw *raw)
{
    void *owned[] = { raw->points.at, raw->refs.at, raw->chars.at, raw->edges.at, raw->lanes.at, raw->junctions.at,
        raw->requests.at, raw->connections.at, raw->programs.at, raw->phases.at, raw->detectors.at };
    for (size_t i = 0; i < sizeof owned / sizeof *owned; i++) {
        free(owned[i]);
    }
    names_release(&raw->texts);
    *raw = (struct sumo_raw){ 0 };
}
