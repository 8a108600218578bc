#include "sim/demand/city_plan.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

#include "engine/base/random.h"

static const double GAP_M_MIN = 150.0, GAP_M_SPAN = 330.0;   // between lines: many short blocks, few long ones
static const int32_t TOWN_MOST = 200, CITY_LEAST = 1300;       // intersections of a fine net, of a wide one
static const double STRETCH = 1.3;                            // how much wider that is
static const double SHAKE = 0.09;                            // of a node, in shares of the gap beside it
static const double BEND = 0.03;                             // of a line, in shares of its length
static const double OUTSIDE_M_MIN = 220.0, OUTSIDE_M_SPAN = 260.0;
static const double MISSING = 0.12, OUTSIDE = 0.4;           // shares of streets
static const int LEGS_MIN = 3;

// One number of RANDOM_CITY for each use and place.
enum draw { DRAW_GAP_X, DRAW_GAP_Y, DRAW_SHAKE_X, DRAW_SHAKE_Y, DRAW_FIRST_ROW, DRAW_FIRST_COLUMN, DRAW_STEP_ROW,
            DRAW_STEP_COLUMN, DRAW_LANES_ROW, DRAW_LANES_COLUMN, DRAW_SPEED_ROW, DRAW_SPEED_COLUMN, DRAW_TREE,
            DRAW_MISSING, DRAW_OUTSIDE, DRAW_OUTSIDE_LENGTH };

static double draw(const struct city_plan *plan, enum draw use, int64_t place)
{
    return random_unit(plan->seed, RANDOM_CITY, (uint64_t)place, (uint64_t)use);
}

// A row or a column: what runs along it.
struct line {
    double at_m, gap_m;                // position, and the smaller of the gaps beside it
    bool arterial;
    int32_t lanes;
    double speed_mps;
};

static struct line *lines_draw(const struct city_plan *plan, int32_t count, bool rows)
{
    struct line *lines = memory_take((size_t)count, sizeof *lines);
    double at_m = 0.0, before_m = plan->stretch * (GAP_M_MIN + GAP_M_SPAN);
    int32_t next = (int32_t)(draw(plan, rows ? DRAW_FIRST_ROW : DRAW_FIRST_COLUMN, 0) * 3.0);
    for (int32_t i = 0; i < count; i++) {
        double u = draw(plan, rows ? DRAW_GAP_Y : DRAW_GAP_X, i);
        double gap_m = plan->stretch * (GAP_M_MIN + GAP_M_SPAN * u * u);
        struct line *line = &lines[i];
        *line = (struct line){ .at_m = at_m, .gap_m = fmin(before_m, gap_m), .arterial = i == next };
        double lanes = draw(plan, rows ? DRAW_LANES_ROW : DRAW_LANES_COLUMN, i);
        double speed = draw(plan, rows ? DRAW_SPEED_ROW : DRAW_SPEED_COLUMN, i);
        if (line->arterial) {
            next += 2 + (int32_t)(draw(plan, rows ? DRAW_STEP_ROW : DRAW_STEP_COLUMN, i) * 2.2);
            line->lanes = lanes < 0.45 ? 3 : 2;
            line->speed_mps = (speed < 0.2 ? 60.0 : 50.0) / 3.6;
        } else {
            line->lanes = lanes < 0.4 ? 2 : 1;
            line->speed_mps = (speed < 0.35 ? 30.0 : 50.0) / 3.6;
        }
        at_m += gap_m;
        before_m = gap_m;
    }
    return lines;
}

static void nodes_place(struct city_plan *plan, const struct line *rows, const struct line *columns)
{
    double width_m = fmax(columns[plan->column_count - 1].at_m, 1.0);
    double height_m = fmax(rows[plan->row_count - 1].at_m, 1.0);
    for (int32_t i = 0; i < plan->intersection_count; i++) {
        struct city_node *node = GROW(plan->nodes);
        *node = (struct city_node){ .row = i / plan->column_count, .column = i % plan->column_count,
            .street = { INDEX_NONE, INDEX_NONE, INDEX_NONE, INDEX_NONE } };
        const struct line *row = &rows[node->row], *column = &columns[node->column];
        double across = column->at_m / width_m, along = row->at_m / height_m;
        node->at.x_m = column->at_m + 4.0 * BEND * height_m * along * (1.0 - along)
            + SHAKE * column->gap_m * (2.0 * draw(plan, DRAW_SHAKE_X, i) - 1.0);
        node->at.y_m = row->at_m + 4.0 * BEND * width_m * across * (1.0 - across)
            + SHAKE * row->gap_m * (2.0 * draw(plan, DRAW_SHAKE_Y, i) - 1.0);
    }
}

static int32_t node_at(const struct city_plan *plan, int32_t row, int32_t column)
{
    int32_t index = row * plan->column_count + column;
    bool inside = row >= 0 && row < plan->row_count && column >= 0 && column < plan->column_count;
    return inside && index < plan->intersection_count ? index : INDEX_NONE;
}

static int32_t neighbour(const struct city_plan *plan, int32_t i, enum city_leg leg)
{
    static const int ROW[] = { 0, 1, 0, -1 }, COLUMN[] = { 1, 0, -1, 0 };
    return node_at(plan, plan->nodes.at[i].row + ROW[leg], plan->nodes.at[i].column + COLUMN[leg]);
}

static void street_add(struct city_plan *plan, int32_t from, int32_t to, enum city_leg leg, const struct line *line)
{
    int32_t index = plan->streets.count;
    *GROW(plan->streets) = (struct city_street){ .from = from, .to = to, .leg = leg, .arterial = line->arterial,
        .lanes = line->lanes, .speed_mps = line->speed_mps };
    plan->nodes.at[from].street[leg] = index;
    plan->nodes.at[to].street[(leg + 2) % CITY_LEG_COUNT] = index;
}

static int32_t root_of(int32_t *parent, int32_t i)
{
    while (parent[i] != i) {
        parent[i] = parent[parent[i]];
        i = parent[i];
    }
    return i;
}

// A street that could be: east or north of a node.
struct wish { double order; int32_t node; enum city_leg leg; };

static int by_order(const void *a, const void *b)
{
    const struct wish *x = a, *y = b;
    if (x->order != y->order) {
        return x->order < y->order ? -1 : 1;
    }
    return x->node != y->node ? (x->node < y->node ? -1 : 1) : (int)x->leg - (int)y->leg;
}

// Legs that a node can have at all: neighbours, and border streets on its free sides.
static void join_nodes(struct city_plan *plan, const struct line *rows, const struct line *columns)
{
    int32_t count = plan->intersection_count, wish_count = 0;
    struct wish *wishes = memory_take((size_t)count * 2, sizeof *wishes);
    int32_t *parent = memory_take((size_t)count, sizeof *parent);
    int8_t *legs = memory_take((size_t)count, sizeof *legs);
    for (int32_t i = 0; i < count; i++) {
        parent[i] = i;
        legs[i] = CITY_LEG_COUNT;
        for (int leg = LEG_EAST; leg <= LEG_NORTH; leg++) {
            if (neighbour(plan, i, (enum city_leg)leg) != INDEX_NONE) {
                wishes[wish_count++] = (struct wish){ draw(plan, DRAW_TREE, 2 * (int64_t)i + leg), i,
                                                      (enum city_leg)leg };
            }
        }
    }
    qsort(wishes, (size_t)wish_count, sizeof *wishes, by_order);   // a random tree: Kruskal's, over random weights
    for (int32_t w = 0; w < wish_count; w++) {
        int32_t from = wishes[w].node, to = neighbour(plan, from, wishes[w].leg);
        const struct line *line = wishes[w].leg == LEG_EAST ? &rows[plan->nodes.at[from].row]
            : &columns[plan->nodes.at[from].column];
        int32_t a = root_of(parent, from), b = root_of(parent, to);
        bool wanted = a != b || line->arterial || legs[from] <= LEGS_MIN || legs[to] <= LEGS_MIN
            || draw(plan, DRAW_MISSING, 2 * (int64_t)from + (int)wishes[w].leg) >= MISSING;
        if (wanted) {
            parent[a] = b;
            street_add(plan, from, to, wishes[w].leg, line);
        } else {
            legs[from]--;
            legs[to]--;
        }
    }
    free(wishes);
    free(parent);
    free(legs);
}

int32_t plan_leg_count(const struct city_plan *plan, int32_t node)
{
    int32_t count = 0;
    for (int leg = 0; leg < CITY_LEG_COUNT; leg++) {
        count += plan->nodes.at[node].street[leg] != INDEX_NONE;
    }
    return count;
}

// The unit direction in which a border street leaves: straight on from the opposite leg, or along the axes.
static struct point outwards(const struct city_plan *plan, int32_t i, enum city_leg leg)
{
    static const struct point AXES[] = { { 1.0, 0.0 }, { 0.0, 1.0 }, { -1.0, 0.0 }, { 0.0, -1.0 } };
    enum city_leg back = (leg + 2) % CITY_LEG_COUNT;
    if (plan->nodes.at[i].street[back] == INDEX_NONE) {
        return AXES[leg];
    }
    struct point here = plan->nodes.at[i].at, there = plan->nodes.at[plan_across(plan, i, back)].at;
    double x = here.x_m - there.x_m, y = here.y_m - there.y_m, length = sqrt(x * x + y * y);
    return (struct point){ x / length, y / length };
}

static void open_to_outside(struct city_plan *plan, const struct line *rows, const struct line *columns)
{
    for (int32_t i = 0; i < plan->intersection_count; i++) {
        for (int leg = 0; leg < CITY_LEG_COUNT; leg++) {
            if (neighbour(plan, i, (enum city_leg)leg) != INDEX_NONE) {
                continue;
            }
            int free_sides = 0;
            for (int other = leg + 1; other < CITY_LEG_COUNT; other++) {
                free_sides += neighbour(plan, i, (enum city_leg)other) == INDEX_NONE;
            }
            const struct line *line = leg % 2 == 0 ? &rows[plan->nodes.at[i].row] : &columns[plan->nodes.at[i].column];
            int64_t place = (int64_t)CITY_LEG_COUNT * i + leg;
            bool needed = plan_leg_count(plan, i) + free_sides < LEGS_MIN;
            if (!needed && !line->arterial && draw(plan, DRAW_OUTSIDE, place) >= OUTSIDE) {
                continue;
            }
            struct point way = outwards(plan, i, (enum city_leg)leg), here = plan->nodes.at[i].at;
            double length_m = OUTSIDE_M_MIN + OUTSIDE_M_SPAN * draw(plan, DRAW_OUTSIDE_LENGTH, place);
            int32_t outside = plan->nodes.count;
            *GROW(plan->nodes) = (struct city_node){ .outside = true, .row = INDEX_NONE, .column = INDEX_NONE,
                .street = { INDEX_NONE, INDEX_NONE, INDEX_NONE, INDEX_NONE },
                .at = { here.x_m + length_m * way.x_m, here.y_m + length_m * way.y_m } };
            street_add(plan, i, outside, (enum city_leg)leg, line);
        }
    }
}

void plan_create(int32_t intersection_count, uint64_t seed, struct city_plan *ret)
{
    assert(intersection_count >= 1);
    assert(intersection_count <= CITY_INTERSECTION_COUNT_MAX);
    double wide = (double)(intersection_count - TOWN_MOST) / (CITY_LEAST - TOWN_MOST);
    *ret = (struct city_plan){ .seed = seed, .intersection_count = intersection_count,
        .stretch = 1.0 + STRETCH * fmin(fmax(wide, 0.0), 1.0) };
    while (ret->column_count * ret->column_count < intersection_count) {
        ret->column_count++;
    }
    ret->row_count = (intersection_count + ret->column_count - 1) / ret->column_count;
    struct line *rows = lines_draw(ret, ret->row_count, true), *columns = lines_draw(ret, ret->column_count, false);
    nodes_place(ret, rows, columns);
    join_nodes(ret, rows, columns);
    open_to_outside(ret, rows, columns);
    free(rows);
    free(columns);
}

void plan_release(struct city_plan *plan)
{
    free(plan->nodes.at);
    free(plan->streets.at);
    *plan = (struct city_plan){ 0 };
}

int32_t plan_across(const struct city_plan *plan, int32_t node, enum city_leg leg)
{
    const struct city_street *street = &plan->streets.at[plan->nodes.at[node].street[leg]];
    return street->from == node ? street->to : street->from;
}
