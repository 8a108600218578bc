// Goal: the wide kernel moves each vehicle by IDM and the laws as street_kernel.h tells them, and as if its column were
// alone: whatever stands or drives beside it, of whatever type, however many rows there are, and whatever other groups
// are moved with it. And it tells of everyone what it wishes of the lane beside. On random queues, standing and moving,
// against the formulas written out for one vehicle.
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/base/random.h"
#include "sim/traffic/street_kernel.h"

#define ROWS 35                    // more than are moved together, twice
_Static_assert(ROWS > 2 * ROWS_TOGETHER, "rows are moved in more than two parts");
#define TYPES 3
#define SEEDS 400
#define STEP_S 1.0f
#define SUBSTEPS 4

static float accelerations[TYPES] = { 2.6f, 1.2f, 2.0f }, decelerations[TYPES] = { 4.5f, 3.5f, 4.0f },
    emergencies[TYPES] = { 9.0f, 7.0f, 8.0f }, headways[TYPES] = { 1.0f, 1.6f, 1.2f },
    gaps[TYPES] = { 2.5f, 3.0f, 2.0f },
    lengths[TYPES] = { 5.0f, 12.0f, 4.5f }, imperfections[TYPES] = { 0.5f, 0.5f, 0.5f }, closings[TYPES];
static int32_t follows_krauss[TYPES] = { 0, 0, 1 };

struct scene {
    struct row rows[ROWS];
    struct ahead ahead;
    int32_t count[WIDE];
    struct tails tails;
    struct pack pack;
    struct wide_types first_type;
    struct type_table table;
    struct trip trips[ROWS * WIDE];
    int64_t queued;
};

static struct scene scene, before, alone, beside[GROUPS_TOGETHER - 1];

static float some(uint64_t seed, uint64_t of, float least, float most)
{
    return least + (most - least) * (float)(random_bits(seed, RANDOM_ROUTE, of, 0) >> 40) * 0x1.0p-24f;
}

// Queues in which half stand a standing gap apart, behind a head that stands at its line or drives freely.
static void scene_make(uint64_t seed, int types, struct scene *ret)
{
    memset(ret, 0, sizeof *ret);
    uint64_t of = 0;
    for (int c = 0; c < WIDE; c++) {
        float front = 400.0f, v0 = 13.89f;
        bool jam = some(seed, of++, 0.0f, 1.0f) < 0.5f;
        ret->count[c] = (int32_t)some(seed, of++, 0.0f, (float)ROWS + 0.99f);
        ret->ahead.rear[c] = jam ? front + 1.0f : FAR_M;
        ret->ahead.margin[c] = jam ? 0.0f : 2.5f;
        ret->ahead.bound[c] = jam ? front + 1.5f : FAR_M;
        ret->ahead.cap[c] = ret->ahead.hold[c] = FAR_M;
        ret->ahead.line[c] = front + 1.5f;
        for (int32_t k = 0; k < ROWS; k++) {
            struct row *row = &ret->rows[k];
            uint32_t type = (uint32_t)some(seed, of++, 0.0f, (float)types - 0.01f);
            bool stands = jam && some(seed, of++, 0.0f, 1.0f) < 0.7f;
            row->front[c] = front;
            row->speed[c] = stands ? 0.0f : some(seed, of++, 0.0f, v0);
            row->desired[c] = v0;
            row->kind[c] = type;
            row->trip[c] = k * WIDE + c;
            ret->trips[k * WIDE + c].number = k * WIDE + c;
            front -= lengths[type] + (stands ? some(seed, of++, 2.0f, 4.0f) : some(seed, of++, 2.0f, 40.0f));
        }
    }
    ret->table = (struct type_table){ .acceleration = accelerations, .deceleration = decelerations,
        .emergency = emergencies, .headway = headways, .gap = gaps, .length = lengths, .closing = closings,
        .imperfection = imperfections, .krauss = follows_krauss };
    for (int c = 0; c < WIDE; c++) {
        ret->first_type.acceleration[c] = accelerations[0];
        ret->first_type.deceleration[c] = decelerations[0];
        ret->first_type.emergency[c] = emergencies[0];
        ret->first_type.headway[c] = headways[0];
        ret->first_type.gap[c] = gaps[0];
        ret->first_type.length[c] = lengths[0];
        ret->first_type.closing[c] = closings[0];
    }
}

static struct follow_rows rows_of(struct scene *at)
{
    int32_t most = 0;
    for (int c = 0; c < WIDE; c++) {
        most = at->count[c] > most ? at->count[c] : most;
    }
    return (struct follow_rows){ .rows = at->rows, .row_count = most, .count = at->count, .ahead = &at->ahead,
        .tails = &at->tails, .queued = &at->queued };
}

// Together with so many of those beside it.
static void scene_move(struct scene *at, int types, int others)
{
    const struct street_kernel *kernel;
    struct problem problem;
    assert_int_equal(kernel_choose(&kernel, &problem), STATUS_OK);
    struct follow_job job = { .types = &at->table, .trips = at->trips, .step_s = STEP_S, .substeps = SUBSTEPS,
        .step_ms = 1000, .only_idm = types < TYPES, .first_type = &at->first_type, .type_count = types, .seed = 1,
        .step = 7 };
    struct follow_rows rows[GROUPS_TOGETHER] = { rows_of(at) };
    for (int i = 0; i < others; i++) {
        rows[i + 1] = rows_of(&beside[i]);
    }
    kernel->follow_rows(&job, &at->pack, rows, 1 + others);
}

static void alone_check(void)
{
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        int types = 1 + (int)(seed % TYPES);
        scene_make(seed, types, &before);
        scene = before;
        int others = (int)(seed / TYPES % GROUPS_TOGETHER);
        for (int i = 0; i < others; i++) {
            scene_make(SEEDS + seed * GROUPS_TOGETHER + (uint64_t)i, types, &beside[i]);
        }
        scene_move(&scene, types, others);
        for (int c = 0; c < WIDE; c++) {
            alone = before;
            for (int other = 0; other < WIDE; other++) {
                alone.count[other] = other == c ? before.count[c] : 0;
            }
            scene_move(&alone, types, 0);
            for (int32_t k = 0; k < before.count[c]; k++) {
                assert_memory_equal(&alone.rows[k].front[c], &scene.rows[k].front[c], sizeof(float));
                assert_memory_equal(&alone.rows[k].speed[c], &scene.rows[k].speed[c], sizeof(float));
                assert_int_equal(alone.rows[k].halt[c], scene.rows[k].halt[c]);
            }
            assert_true(before.count[c] == 0 || memcmp(&alone.tails.rear[c], &scene.tails.rear[c], sizeof(float)) == 0);
        }
    }
}

struct driver { double front, speed; };

// IDM of the header's THEORY, and the laws after it.
static struct driver moved(uint32_t type, struct driver at, double v0, double rear, double leader_mps,
                           double leader_after_mps, double margin, double bound)
{
    double a = (double)accelerations[type], b = (double)decelerations[type], h = 1.0 / SUBSTEPS;
    double v = at.speed, s = rear - at.front;
    for (int i = 0; i < SUBSTEPS; i++) {
        double gap = fmax(s, 0.1);
        double wish = margin + fmax(0.0, v * (double)headways[type] + v * (v - leader_mps) / (2.0 * sqrt(a * b)));
        double next = fmax(0.0, v + a * (1.0 - pow(v / v0, 4.0) - pow(wish / gap, 2.0)) * h);
        v = s > 0.1 ? next : 0.0;
        s = gap - fmax(0.0, (v - leader_mps) * h);
    }
    v = fmin(v, fmax(v0, at.speed - b));
    v = fmax(0.0, fmax(v, at.speed - (double)emergencies[type]));
    struct driver after = { at.front + v, v };
    if (at.speed < 0.1 && rear - at.front < margin + 1.0 && leader_after_mps < (double)SPEED_WAITING_MPS) {
        after = (struct driver){ at.front, 0.0 };
    }
    bound = fmax(bound, at.front);
    if (after.front > bound) {
        after = (struct driver){ bound, fmin(after.speed, bound - at.front) };
    }
    return after;
}

static void theory_check(void)
{
    int64_t stood = 0, moving = 0;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        scene_make(seed, 2, &before);
        scene = before;
        scene_move(&scene, 2, 0);
        for (int c = 0; c < WIDE; c++) {
            double rear = (double)before.ahead.rear[c], leader_mps = 0.0, after_mps = 0.0;
            double bound = (double)before.ahead.bound[c], margin = (double)before.ahead.margin[c];
            for (int32_t k = 0; k < before.count[c]; k++) {
                const struct row *row = &before.rows[k];
                uint32_t type = row->kind[c];
                struct driver at = { (double)row->front[c], (double)row->speed[c] };
                margin = k > 0 ? (double)gaps[type] : margin;
                struct driver after = moved(type, at, (double)row->desired[c], rear, leader_mps, after_mps, margin,
                                            bound);
                assert_true(fabs(after.front - (double)scene.rows[k].front[c]) < 2e-3);
                assert_true(fabs(after.speed - (double)scene.rows[k].speed[c]) < 2e-3);
                // The next one's leader, as the kernel has it.
                rear = at.front - (double)lengths[type];
                leader_mps = at.speed;
                after_mps = (double)scene.rows[k].speed[c];
                bound = fmin((double)scene.rows[k].front[c] - (double)lengths[type] - 0.1,
                             (double)before.ahead.line[c]);
                stood += scene.rows[k].speed[c] <= 0.0f;
                moving += scene.rows[k].speed[c] > 0.0f;
            }
        }
    }
    assert_true(stood > SEEDS * ROWS && moving > SEEDS * ROWS);   // both have been seen, and often
}

static struct group from_group, to_group;

// Queues whose vehicles wish this and that, beside lanes that are empty or not.
static struct wishing wishes_make(uint64_t seed)
{
    scene_make(seed, TYPES, &scene);
    scene_make(SEEDS + seed, TYPES, &beside[0]);
    for (int c = 0; c < WIDE; c++) {
        from_group.count[c] = scene.count[c];
        from_group.length[c] = scene.rows[0].front[c] + some(seed, (uint64_t)c, 0.0f, 40.0f);
        from_group.leaders.rear[c] = scene.rows[0].front[c] + some(seed, (uint64_t)c + WIDE, 1.0f, 60.0f);
        from_group.leaders.margin[c] = 0.0f;
        to_group.count[c] = some(seed, (uint64_t)c + 2 * WIDE, 0.0f, 1.0f) < 0.3f ? 0 : beside[0].count[c];
        for (int32_t k = 0; k < ROWS; k++) {
            uint64_t drawn = random_bits(seed, RANDOM_ROUTE, (uint64_t)(k * WIDE + c), 9);
            scene.rows[k].kind[c] |= (uint32_t)drawn & ~KIND_TYPE;
        }
    }
    return (struct wishing){ &from_group, &to_group, scene.rows, beside[0].rows,
        { .left = seed % 2 == 0, .turn = (uint32_t)(seed % GAIN_TURNS) } };
}

// IDM's braking for the one ahead, m/s2.
static double braking_of(int32_t k, int c)
{
    const struct row *row = &scene.rows[k], *leader = &scene.rows[k > 0 ? k - 1 : 0];
    uint32_t type = row->kind[c] & KIND_TYPE, ahead = leader->kind[c] & KIND_TYPE;
    double rear = k > 0 ? (double)leader->front[c] - (double)lengths[ahead] : (double)from_group.leaders.rear[c];
    double v = (double)row->speed[c], leader_mps = k > 0 ? (double)leader->speed[c] : 0.0;
    double margin = k > 0 ? (double)gaps[type] : 0.0, s = fmax(rear - (double)row->front[c], 0.1);
    double reach = v * ((double)headways[type] + (v - leader_mps) * (double)closings[type]);
    double near = (margin + fmax(reach, 0.0)) / s;
    return (double)accelerations[type] * near * near;
}

static void wish_check(const struct wishing *from, const struct lane_wishes *got, int32_t first, int32_t k, int c,
                       int64_t *counts)
{
    const struct row *row = &scene.rows[k], *heads = &scene.rows[0];
    uint32_t kind = row->kind[c], i = (uint32_t)(k - first);
    bool here = k < from->group->count[c], turn = (kind >> KIND_LUCK_SHIFT) % GAIN_TURNS == from->side.turn;
    bool looks = here && turn && (kind & (from->side.left ? KIND_FREE_LEFT : KIND_FREE_RIGHT));
    bool passed = from->group->count[c] > 1 && heads->speed[c] <= GAIN_SPEED_MPS
        && (from->beside->count[c] == 0 || from->beside_rows[0].speed[c] > GAIN_SPEED_MPS);
    bool must = here && (kind & (from->side.left ? KIND_LEFT : KIND_RIGHT));
    bool behind = k > 0 && passed && looks && row->speed[c] <= GAIN_SPEED_MPS;
    bool drives = looks && row->speed[c] > GAIN_SPEED_MPS && row->speed[c] < GAIN_HELD_UP * row->desired[c]
        && row->front[c] < from->group->length[c] - GAIN_LAST_M;
    double braking = drives ? braking_of(k, c) : 0.0;
    bool gains = drives && braking > (double)GAIN_MPS2, clear = !drives || fabs(braking - (double)GAIN_MPS2) > 1e-4;
    assert_int_equal(got->must[i] >> c & 1u, must);
    assert_int_equal(got->behind[i] >> c & 1u, behind);
    assert_true(!clear || (got->gain[i] >> c & 1u) == gains);
    bool any = (got->must[i] | got->gain[i] | got->behind[i]) != 0;
    assert_int_equal(got->rows >> i & 1u, any);
    counts[0] += must;
    counts[1] += gains;
    counts[2] += behind;
}

// The rows in two parts, as where there are more of them than are told of at once.
static void wishes_check(void)
{
    const struct street_kernel *kernel;
    struct problem problem;
    int64_t counts[3] = { 0 };
    assert_int_equal(kernel_choose(&kernel, &problem), STATUS_OK);
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct wishing from = wishes_make(seed);
        struct follow_job job = { .types = &scene.table, .first_type = &scene.first_type, .type_count = TYPES };
        struct lane_wishes got;
        int32_t ends[] = { 0, ROWS / 2, ROWS };
        for (int part = 0; part < 2; part++) {
            kernel->lane_wishes(&job, &from, ends[part], ends[part + 1], &got);
            for (int32_t k = ends[part]; k < ends[part + 1]; k++) {
                for (int c = 0; c < WIDE; c++) {
                    wish_check(&from, &got, ends[part], k, c, counts);
                }
            }
        }
    }
    assert_true(counts[0] > SEEDS && counts[1] > SEEDS && counts[2] > SEEDS);
}

// On every instruction set that this processor has.
static void on_all(void (*check)(void))
{
    static const char *const names[] = { "v2", "v3", "v4", "portable" };
    int ran = 0;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const struct street_kernel *kernel;
        struct problem problem;
        assert_int_equal(setenv("INTERGREEN_ISA", names[i], 1), 0);
        if (kernel_choose(&kernel, &problem) == STATUS_OK) {
            check();
            ran++;
        }
    }
    assert_true(ran > 0);
    assert_int_equal(unsetenv("INTERGREEN_ISA"), 0);
}

static void same_as_if_alone(void **state)
{
    (void)state;
    on_all(alone_check);
}

static void as_the_theory_says(void **state)
{
    (void)state;
    on_all(theory_check);
}

static void wishes_as_told(void **state)
{
    (void)state;
    on_all(wishes_check);
}

int main(void)
{
    for (int i = 0; i < TYPES; i++) {
        closings[i] = 0.5f / sqrtf(accelerations[i] * decelerations[i]);
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_as_if_alone),
        cmocka_unit_test(as_the_theory_says),
        cmocka_unit_test(wishes_as_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
