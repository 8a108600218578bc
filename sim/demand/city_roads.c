#include "sim/demand/city_roads.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/random.h"
#include "engine/import/path_meet.h"

enum { PATH_POINTS = 7, LETTERS_PER_LEG = 3 };
enum letter_turn { LETTER_THROUGH, LETTER_LEFT, LETTER_RIGHT };
enum scheme { SCHEME_NONE, SCHEME_TWO, SCHEME_THREE, SCHEME_FOUR, SCHEME_STEM_TWO, SCHEME_STEM_THREE, SCHEME_SPLIT };
enum draw { DRAW_SCHEME = 100, DRAW_AXIS, DRAW_POCKET };   // beside those of city_plan.c

static const double LANE_M = 3.25;                 // usual width of a city lane [RASt06]
static const double CORNER_M = 6.0;                // from the edge of the crossing street to the stop line
static const double POCKET_M_ARTERIAL = 70.0, POCKET_M_COLLECTOR = 45.0;
static const double SPLIT_M = 1.0;                 // between the two parts of a cut link
static const double LEFT_MPS = 30.0 / 3.6, RIGHT_MPS = 25.0 / 3.6;
static const int32_t PHASE_MS = 20000;             // until city_timing knows better
static const uint32_t ROAD_USERS = USER_MOTOR | USER_BICYCLE;

struct builder {
    const struct city_plan *plan;
    struct city_roads *roads;
    enum scheme *scheme;                           // by node
    // by node: a leg of the main axis; of a T the one whose left is the stem
    int8_t *main_leg;
    bool (*pocket)[CITY_LEG_COUNT];
    double *half_m;                                // by node: from its middle to its stop lines
    int32_t *junction;                             // by node
};

static double draw(const struct city_plan *plan, enum draw use, int64_t place)
{
    return random_unit(plan->seed, RANDOM_CITY, (uint64_t)place, (uint64_t)use);
}

static const struct city_street *street_of(const struct city_plan *plan, int32_t node, int leg)
{
    int32_t street = plan->nodes.at[node].street[leg];
    return street == INDEX_NONE ? NULL : &plan->streets.at[street];
}

// Who comes in on a leg: where it leads when it turns. Legs count anticlockwise.
static int leg_after(int leg, enum letter_turn turn)
{
    switch (turn) {
    case LETTER_THROUGH: return (leg + 2) % CITY_LEG_COUNT;
    case LETTER_LEFT: return (leg + 3) % CITY_LEG_COUNT;
    case LETTER_RIGHT: return (leg + 1) % CITY_LEG_COUNT;
    }
    return leg;
}

static void choose_four_legs(struct builder *builder, int32_t i)
{
    const struct city_street *x = street_of(builder->plan, i, LEG_EAST), *y = street_of(builder->plan, i, LEG_NORTH);
    bool east_is_main = x->arterial != y->arterial ? x->arterial : x->lanes != y->lanes ? x->lanes > y->lanes
        : draw(builder->plan, DRAW_AXIS, i) < 0.5;
    builder->main_leg[i] = east_is_main ? LEG_EAST : LEG_NORTH;
    builder->scheme[i] = x->arterial && y->arterial ? SCHEME_FOUR
        : (x->arterial || y->arterial) && draw(builder->plan, DRAW_SCHEME, i) < 0.6 ? SCHEME_THREE : SCHEME_TWO;
    for (int leg = 0; leg < CITY_LEG_COUNT; leg++) {
        const struct city_street *street = street_of(builder->plan, i, leg);
        bool protected = builder->scheme[i] == SCHEME_FOUR
            || (builder->scheme[i] == SCHEME_THREE && leg % 2 == builder->main_leg[i] % 2);
        builder->pocket[i][leg] = protected
            || draw(builder->plan, DRAW_POCKET, CITY_LEG_COUNT * (int64_t)i + leg) < (street->arterial ? 0.7 : 0.35);
    }
}

static void choose_three_legs(struct builder *builder, int32_t i)
{
    int missing = 0;
    while (street_of(builder->plan, i, missing) != NULL) {
        missing++;
    }
    // the main leg whose left turn enters the stem, opposite the missing leg
    int from = leg_after(missing, LETTER_LEFT);
    builder->main_leg[i] = (int8_t)from;
    const struct city_street *street = street_of(builder->plan, i, from);
    builder->scheme[i] = street->arterial && draw(builder->plan, DRAW_SCHEME, i) < 0.8 ? SCHEME_STEM_THREE
        : SCHEME_STEM_TWO;
    builder->pocket[i][from] = builder->scheme[i] == SCHEME_STEM_THREE
        || draw(builder->plan, DRAW_POCKET, CITY_LEG_COUNT * (int64_t)i + from) < 0.4;
}

static int32_t lanes_at_stop(const struct builder *builder, int32_t node, int leg)
{
    return street_of(builder->plan, node, leg)->lanes + builder->pocket[node][leg];
}

static void measure(struct builder *builder, int32_t i)
{
    int32_t most = 0;
    for (int leg = 0; leg < CITY_LEG_COUNT; leg++) {
        if (street_of(builder->plan, i, leg) != NULL) {
            int32_t lanes = lanes_at_stop(builder, i, leg);
            most = lanes > most ? lanes : most;
        }
    }
    builder->half_m[i] = most * LANE_M + CORNER_M;
}

static void junctions_add(struct builder *builder)
{
    const struct city_plan *plan = builder->plan;
    struct network_draft *draft = &builder->roads->draft;
    char name[32];
    for (int32_t i = 0; i < plan->nodes.count; i++) {
        const struct city_node *node = &plan->nodes.at[i];
        builder->junction[i] = draft->junctions.count;
        int32_t number = node->outside ? i - plan->intersection_count : i;
        (void)snprintf(name, sizeof name, "%s%d", node->outside ? "B" : "I", number);
        *GROW(draft->junctions) = (struct draft_junction){ .name = names_add(&draft->names, name), .at = node->at,
            .kind = node->outside ? JUNCTION_DEAD_END : JUNCTION_SIGNAL,
            .program = node->outside ? INDEX_NONE : i };
    }
}

static int32_t point_add(struct network_draft *draft, struct point at)
{
    *GROW(draft->points) = at;
    return draft->points.count - 1;
}

// A link whose axis runs from `from` to `to`; its own centre line lies to the right of that by half its width.
static int32_t link_add(struct network_draft *draft, const char *name, struct point from, struct point to,
                        const struct draft_link *like, int32_t lanes)
{
    double x = to.x_m - from.x_m, y = to.y_m - from.y_m, length_m = sqrt(x * x + y * y);
    double aside_m = 0.5 * lanes * LANE_M, right_x = y / length_m * aside_m, right_y = -x / length_m * aside_m;
    struct draft_link link = *like;
    link.name = names_add(&draft->names, name);
    link.first_lane = draft->lanes.count;
    link.lane_count = lanes;
    link.length_m = length_m;
    link.first_point = point_add(draft, (struct point){ from.x_m + right_x, from.y_m + right_y });
    (void)point_add(draft, (struct point){ to.x_m + right_x, to.y_m + right_y });
    link.point_count = 2;
    int32_t index = draft->links.count;
    for (int32_t lane = 0; lane < lanes; lane++) {
        *GROW(draft->lanes) = (struct draft_lane){ .link = index, .position = lane, .users = ROAD_USERS,
            .length_m = length_m, .speed_mps = link.speed_mps, .width_m = LANE_M };
    }
    *GROW(draft->links) = link;
    return index;
}

// The two ends of a lane: its centre line runs `lanes - position - 1/2` widths to the right of the link's left edge.
static void lane_ends(const struct network_draft *draft, int32_t lane, struct point *ret_from, struct point *ret_to)
{
    const struct draft_link *link = &draft->links.at[draft->lanes.at[lane].link];
    struct point from = draft->points.at[link->first_point], to = draft->points.at[link->first_point + 1];
    double right_x = (to.y_m - from.y_m) / link->length_m, right_y = -(to.x_m - from.x_m) / link->length_m;
    double aside_m = (0.5 * (link->lane_count - 1) - draft->lanes.at[lane].position) * LANE_M;
    *ret_from = (struct point){ from.x_m + right_x * aside_m, from.y_m + right_y * aside_m };
    *ret_to = (struct point){ to.x_m + right_x * aside_m, to.y_m + right_y * aside_m };
}

// Where the line through a, b meets the line through c, d; the middle between b and c where they run side by side.
static struct point lines_meet(struct point a, struct point b, struct point c, struct point d)
{
    double x = b.x_m - a.x_m, y = b.y_m - a.y_m, u = d.x_m - c.x_m, v = d.y_m - c.y_m;
    double cross = x * v - y * u;
    if (cross * cross < 0.01 * (x * x + y * y) * (u * u + v * v)) {   // within 6 degrees
        return (struct point){ 0.5 * (b.x_m + c.x_m), 0.5 * (b.y_m + c.y_m) };
    }
    double along = ((c.x_m - a.x_m) * v - (c.y_m - a.y_m) * u) / cross;
    return (struct point){ a.x_m + along * x, a.y_m + along * y };
}

// Adds the path of a connection, a parabola from lane end to lane start; gives its length.
static double path_add(struct network_draft *draft, struct draft_connection *connection)
{
    struct point a, b, c, d;
    lane_ends(draft, connection->from_lane, &a, &b);
    lane_ends(draft, connection->to_lane, &c, &d);
    struct point bend = lines_meet(a, b, c, d);
    double length_m = 0.0;
    connection->first_point = draft->points.count;
    connection->point_count = connection->turn == TURN_THROUGH ? 2 : PATH_POINTS;
    for (int32_t i = 0; i < connection->point_count; i++) {
        double t = (double)i / (connection->point_count - 1), s = 1.0 - t;
        struct point at = { s * s * b.x_m + 2.0 * s * t * bend.x_m + t * t * c.x_m,
            s * s * b.y_m + 2.0 * s * t * bend.y_m + t * t * c.y_m };
        if (i > 0) {
            struct point before = draft->points.at[draft->points.count - 1];
            double x = at.x_m - before.x_m, y = at.y_m - before.y_m;
            length_m += sqrt(x * x + y * y);
        }
        (void)point_add(draft, at);
    }
    return length_m;
}

static void cut_connect(struct network_draft *draft, int32_t upstream, int32_t downstream, int32_t junction)
{
    const struct draft_link *up = &draft->links.at[upstream], *down = &draft->links.at[downstream];
    for (int32_t lane = 0; lane < down->lane_count; lane++) {
        int32_t from = lane < up->lane_count ? lane : up->lane_count - 1;
        *GROW(draft->connections) = (struct draft_connection){ .from_lane = up->first_lane + from,
            .to_lane = down->first_lane + lane, .junction = junction, .turn = TURN_THROUGH, .program = INDEX_NONE,
            .letter = INDEX_NONE, .request = INDEX_NONE, .length_m = SPLIT_M, .speed_mps = up->speed_mps };
    }
}

static struct point between(struct point from, struct point to, double metres)
{
    double x = to.x_m - from.x_m, y = to.y_m - from.y_m, length_m = sqrt(x * x + y * y);
    return (struct point){ from.x_m + x / length_m * metres, from.y_m + y / length_m * metres };
}

// One direction of a street: from a node's leg to the opposite leg of the node across.
static void direction_add(struct builder *builder, int32_t from, int leg)
{
    const struct city_plan *plan = builder->plan;
    struct network_draft *draft = &builder->roads->draft;
    int32_t to = plan_across(plan, from, (enum city_leg)leg);
    int back = (leg + 2) % CITY_LEG_COUNT;
    const struct city_street *street = street_of(plan, from, leg);
    struct point a = plan->nodes.at[from].at, b = plan->nodes.at[to].at;
    struct point begin = between(a, b, builder->half_m[from]), end = between(b, a, builder->half_m[to]);
    struct draft_link like = { .from_junction = builder->junction[from], .to_junction = builder->junction[to],
        .priority = street->arterial ? 2 : 1, .speed_mps = street->speed_mps };
    char name[80];
    (void)snprintf(name, sizeof name, "%s-%s", names_text(&draft->names, draft->junctions.at[like.from_junction].name),
                   names_text(&draft->names, draft->junctions.at[like.to_junction].name));
    struct city_approach *arrival = &builder->roads->approaches[to][back];
    struct city_approach *departure = &builder->roads->approaches[from][leg];
    if (!builder->pocket[to][back]) {
        arrival->arrives = arrival->upstream = link_add(draft, name, begin, end, &like, street->lanes);
        departure->leaves = arrival->arrives;
        return;
    }
    double pocket_m = street->arterial ? POCKET_M_ARTERIAL : POCKET_M_COLLECTOR;
    double x = end.x_m - begin.x_m, y = end.y_m - begin.y_m, whole_m = sqrt(x * x + y * y);
    pocket_m = fmin(pocket_m, 0.5 * whole_m);
    struct point cut = between(end, begin, pocket_m), before = between(end, begin, pocket_m + SPLIT_M);
    int32_t junction = draft->junctions.count;
    char cut_name[96];
    (void)snprintf(cut_name, sizeof cut_name, "%s.cut", name);
    *GROW(draft->junctions) = (struct draft_junction){ .name = names_add(&draft->names, cut_name), .at = cut,
        .kind = JUNCTION_UNREGULATED, .program = INDEX_NONE };
    like.to_junction = junction;
    arrival->upstream = departure->leaves = link_add(draft, name, begin, before, &like, street->lanes);
    like.from_junction = junction;
    like.to_junction = builder->junction[to];
    (void)snprintf(cut_name, sizeof cut_name, "%s.stop", name);
    arrival->arrives = link_add(draft, cut_name, cut, end, &like, street->lanes + 1);
    cut_connect(draft, arrival->upstream, arrival->arrives, junction);
    builder->roads->pocket_count++;
}

struct movement {
    enum letter_turn turn;
    int32_t first_lane, lane_count;                // positions on the approach
};

// Which lanes of an approach serve which turns. Gives the number of movements.
static int movements_of(const struct builder *builder, int32_t node, int leg, struct movement ret[3])
{
    bool left = street_of(builder->plan, node, leg_after(leg, LETTER_LEFT)) != NULL;
    bool right = street_of(builder->plan, node, leg_after(leg, LETTER_RIGHT)) != NULL;
    bool through = street_of(builder->plan, node, leg_after(leg, LETTER_THROUGH)) != NULL;
    int32_t lanes = lanes_at_stop(builder, node, leg), base = street_of(builder->plan, node, leg)->lanes;
    int count = 0;
    if (through) {
        ret[count++] = (struct movement){ LETTER_THROUGH, 0, base };
    }
    if (left) {
        int32_t exits = street_of(builder->plan, node, leg_after(leg, LETTER_LEFT))->lanes;
        // A stem's lanes but the kerb's turn left, as many as the exit takes.
        int32_t own = through || lanes == 1 ? 1 : lanes - (right ? 1 : 0);
        own = own > exits ? exits : own;
        ret[count++] = (struct movement){ LETTER_LEFT, lanes - own, own };
    }
    if (right) {
        int32_t exits = street_of(builder->plan, node, leg_after(leg, LETTER_RIGHT))->lanes;
        int32_t own = through || left || lanes == 1 ? 1 : lanes;
        ret[count++] = (struct movement){ LETTER_RIGHT, 0, own > exits ? exits : own };
    }
    return count;
}

static void movement_connect(struct builder *builder, int32_t node, int leg, const struct movement *movement)
{
    static const enum turn TURNS[] = { TURN_THROUGH, TURN_LEFT, TURN_RIGHT };
    struct network_draft *draft = &builder->roads->draft;
    const struct draft_link *from = &draft->links.at[builder->roads->approaches[node][leg].arrives];
    int exit_leg = leg_after(leg, movement->turn);
    const struct draft_link *to = &draft->links.at[builder->roads->approaches[node][exit_leg].leaves];
    bool main = leg % 2 == builder->main_leg[node] % 2;
    enum scheme scheme = builder->scheme[node];
    bool yields = movement->turn == LETTER_LEFT
        && (scheme == SCHEME_TWO || (scheme == SCHEME_THREE && !main) || (scheme == SCHEME_STEM_TWO && main));
    for (int32_t k = 0; k < movement->lane_count; k++) {
        // Left turns keep to the left edge, the others to the kerb.
        int32_t into = movement->turn == LETTER_LEFT ? to->lane_count - movement->lane_count + k : k;
        double speed_mps = fmin(from->speed_mps, to->speed_mps);
        struct draft_connection connection = { .from_lane = from->first_lane + movement->first_lane + k,
            .to_lane = to->first_lane + (into < to->lane_count ? into : to->lane_count - 1),
            .junction = builder->junction[node], .turn = TURNS[movement->turn], .program = node, .wait_inside = yields,
            .letter = leg * LETTERS_PER_LEG + (int)movement->turn, .request = INDEX_NONE,
            .speed_mps = movement->turn == LETTER_THROUGH ? speed_mps
                : fmin(speed_mps, movement->turn == LETTER_LEFT ? LEFT_MPS : RIGHT_MPS) };
        connection.length_m = path_add(draft, &connection);
        *GROW(draft->connections) = connection;
    }
}

// Whether opposing left turns of one stage would cross on this ground.
static bool lefts_cross(const struct builder *builder, int32_t first_connection, int leg)
{
    const struct network_draft *draft = &builder->roads->draft;
    int32_t letters[2] = { leg * LETTERS_PER_LEG + LETTER_LEFT,
        leg_after(leg, LETTER_THROUGH) * LETTERS_PER_LEG + LETTER_LEFT };
    for (int32_t i = first_connection; i < draft->connections.count; i++) {
        for (int32_t k = first_connection; k < draft->connections.count; k++) {
            const struct draft_connection *a = &draft->connections.at[i], *b = &draft->connections.at[k];
            if (a->letter != letters[0] || b->letter != letters[1]) {
                continue;
            }
            struct path one, other;
            path_make(draft->points.at + a->first_point, a->point_count, &one);
            path_make(draft->points.at + b->first_point, b->point_count, &other);
            if (path_cross(&one, &other)) {
                return true;
            }
        }
    }
    return false;
}

static void show(struct draft_phase *phase, int leg, const char *through_left_right)
{
    for (int turn = 0; turn < LETTERS_PER_LEG; turn++) {
        phase->state[leg * LETTERS_PER_LEG + turn] = through_left_right[turn];
    }
}

static struct draft_phase *phase_add(struct network_draft *draft)
{
    struct draft_phase *phase = GROW(draft->phases);
    *phase = (struct draft_phase){ .duration_ms = PHASE_MS, .duration_ms_min = -1, .duration_ms_max = -1 };
    memset(phase->state, 'r', CITY_LEG_COUNT * LETTERS_PER_LEG);
    return phase;
}

// A phase in which both legs of an axis show the same.
static void axis_phase(struct network_draft *draft, int leg, const char *through_left_right)
{
    struct draft_phase *phase = phase_add(draft);
    show(phase, leg, through_left_right);
    show(phase, leg_after(leg, LETTER_THROUGH), through_left_right);
}

static void phases_add(struct builder *builder, int32_t node)
{
    struct network_draft *draft = &builder->roads->draft;
    int main = builder->main_leg[node], side = leg_after(main, LETTER_RIGHT), back = leg_after(main, LETTER_THROUGH);
    switch (builder->scheme[node]) {
    case SCHEME_TWO:
        axis_phase(draft, main, "GgG");
        axis_phase(draft, side, "GgG");
        break;
    case SCHEME_THREE:
        axis_phase(draft, main, "GrG");
        axis_phase(draft, main, "rGr");
        axis_phase(draft, side, "GgG");
        break;
    case SCHEME_FOUR:
        axis_phase(draft, main, "GrG");
        axis_phase(draft, main, "rGr");
        axis_phase(draft, side, "GrG");
        axis_phase(draft, side, "rGr");
        break;
    case SCHEME_STEM_TWO:
        axis_phase(draft, main, "GgG");
        show(phase_add(draft), leg_after(main, LETTER_LEFT), "GGG");
        break;
    case SCHEME_STEM_THREE: {
        struct draft_phase *both = phase_add(draft);
        show(both, main, "GrG");
        show(both, back, "GrG");
        show(phase_add(draft), main, "GGG");
        show(phase_add(draft), leg_after(main, LETTER_LEFT), "GGG");
        break;
    }
    case SCHEME_SPLIT:
    case SCHEME_NONE:
        for (int leg = 0; leg < CITY_LEG_COUNT; leg++) {
            if (street_of(builder->plan, node, leg) != NULL) {
                show(phase_add(draft), leg, "GGG");
            }
        }
        break;
    }
}

static void intersection_add(struct builder *builder, int32_t node)
{
    struct network_draft *draft = &builder->roads->draft;
    int32_t first_connection = draft->connections.count, first_phase = draft->phases.count;
    for (int leg = 0; leg < CITY_LEG_COUNT; leg++) {
        if (street_of(builder->plan, node, leg) == NULL) {
            continue;
        }
        struct movement movements[3];
        int count = movements_of(builder, node, leg, movements);
        for (int m = 0; m < count; m++) {
            movement_connect(builder, node, leg, &movements[m]);
        }
    }
    enum scheme scheme = builder->scheme[node];
    int main = builder->main_leg[node];
    if ((scheme == SCHEME_FOUR && (lefts_cross(builder, first_connection, main)
                                   || lefts_cross(builder, first_connection, leg_after(main, LETTER_RIGHT))))
        || (scheme == SCHEME_THREE && lefts_cross(builder, first_connection, main))) {
        builder->scheme[node] = SCHEME_SPLIT;
    }
    phases_add(builder, node);
    int32_t phase_count = draft->phases.count - first_phase;
    builder->roads->stage_counts[phase_count]++;
    *GROW(draft->programs) = (struct draft_program){ .name = draft->junctions.at[builder->junction[node]].name,
        .letter_count = CITY_LEG_COUNT * LETTERS_PER_LEG, .first_phase = first_phase, .phase_count = phase_count };
}

void roads_create(const struct city_plan *plan, struct city_roads *ret)
{
    size_t nodes = (size_t)plan->nodes.count;
    *ret = (struct city_roads){ .approaches = memory_take(nodes, sizeof *ret->approaches) };
    struct builder builder = { .plan = plan, .roads = ret, .scheme = memory_take(nodes, sizeof *builder.scheme),
        .main_leg = memory_take(nodes, sizeof *builder.main_leg), .pocket = memory_take(nodes, sizeof *builder.pocket),
        .half_m = memory_take(nodes, sizeof *builder.half_m),
        .junction = memory_take(nodes, sizeof *builder.junction) };
    ret->draft.source = "generated city";
    ret->draft.origin = ORIGIN_INTERGREEN;
    ret->draft.quantum_ms = 1000;
    for (int32_t i = 0; i < plan->nodes.count; i++) {
        for (int leg = 0; leg < CITY_LEG_COUNT; leg++) {
            ret->approaches[i][leg] = (struct city_approach){ INDEX_NONE, INDEX_NONE, INDEX_NONE };
        }
        if (i < plan->intersection_count) {
            if (plan_leg_count(plan, i) == CITY_LEG_COUNT) {
                choose_four_legs(&builder, i);
            } else {
                choose_three_legs(&builder, i);
            }
            measure(&builder, i);
        }
    }
    junctions_add(&builder);
    for (int32_t i = 0; i < plan->nodes.count; i++) {
        for (int leg = 0; leg < CITY_LEG_COUNT; leg++) {
            if (street_of(plan, i, leg) != NULL) {
                direction_add(&builder, i, leg);
            }
        }
    }
    for (int32_t i = 0; i < plan->intersection_count; i++) {
        intersection_add(&builder, i);
    }
    void *owned[] = { builder.scheme, builder.main_leg, builder.pocket, builder.half_m, builder.junction };
    for (size_t i = 0; i < sizeof owned / sizeof *owned; i++) {
        free(owned[i]);
    }
}

void roads_release(struct city_roads *roads)
{
    free(roads->approaches);
    draft_release(&roads->draft);
    *roads = (struct city_roads){ 0 };
}
