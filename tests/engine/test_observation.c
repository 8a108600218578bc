// Goal: a buffer takes rows of every kind in order, moves the bins of cameras to where they belong, and takes nothing
// at all when one kind has no room.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "engine/model/observation.h"

struct rows {
    int32_t a[4], b[4], c[4], first_bin[5], bins[8], speeds[8];
    int64_t t[4];
    struct observation_columns columns;
};

// `count` rows of each kind, numbered from `number`; camera row i has i + 1 bins, which do not start at 0.
static void fill(struct rows *rows, int32_t count, int32_t number)
{
    int32_t bin = 2;
    for (int32_t i = 0; i < count; i++) {
        rows->a[i] = number + i;
        rows->b[i] = 10 * (number + i);
        rows->c[i] = 100 * (number + i);
        rows->t[i] = 1000 * (number + i);
        rows->first_bin[i] = bin;
        for (int32_t k = 0; k <= i; k++, bin++) {
            rows->bins[bin] = 1000 * (number + i) + k;
            rows->speeds[bin] = -1;
        }
    }
    rows->first_bin[count] = bin;
    rows->columns = (struct observation_columns){
        .loops = { count, rows->a, rows->t, rows->b, rows->c, rows->b, rows->c },
        .edges = { count, rows->a, rows->t, rows->b },
        .cameras = { .count = count, .camera = rows->a, .end_ms = rows->t, .length_ms = rows->b, .in_view = rows->c,
            .queued = rows->b, .tail_mm = rows->c, .speed_mmps = rows->b,
            .turned = { rows->a, rows->b, rows->c, rows->a }, .first_bin = rows->first_bin,
            .bin_vehicles = rows->bins, .bin_speed_mmps = rows->speeds },
    };
}

static void appends_in_order(void **state)
{
    (void)state;
    struct observation_buffer buffer;
    observation_buffer_create(&buffer, 4, 4, 4, 6);
    struct rows rows;
    fill(&rows, 2, 1);
    assert_int_equal(observation_buffer_append(&buffer, &rows.columns), STATUS_OK);
    fill(&rows, 2, 3);
    assert_int_equal(observation_buffer_append(&buffer, &rows.columns), STATUS_OK);
    const struct observation_columns *seen = &buffer.rows;
    static const int32_t FIRST_BIN[] = { 0, 1, 3, 4, 6 };
    static const int32_t BINS[] = { 1000, 2000, 2001, 3000, 4000, 4001 };
    for (int32_t i = 0; i < 4; i++) {
        assert_int_equal(seen->loops.detector[i], i + 1);
        assert_int_equal(seen->loops.speed_mmps[i], 100 * (i + 1));
        assert_int_equal(seen->edges.at_ms[i], 1000 * (i + 1));
        assert_int_equal(seen->cameras.turned[2][i], 100 * (i + 1));
        assert_int_equal(seen->cameras.first_bin[i + 1], FIRST_BIN[i + 1]);
    }
    assert_memory_equal(seen->cameras.bin_vehicles, BINS, sizeof BINS);
    observation_buffer_clear(&buffer);
    assert_int_equal(seen->loops.count + seen->edges.count + seen->cameras.count, 0);
    assert_int_equal(observation_buffer_append(&buffer, &rows.columns), STATUS_OK);
    observation_buffer_release(&buffer);
}

static void takes_all_or_nothing(void **state)
{
    (void)state;
    static const int32_t ROOM[][4] = { { 1, 9, 9, 9 }, { 9, 1, 9, 9 }, { 9, 9, 1, 9 }, { 9, 9, 9, 2 } };
    for (int i = 0; i < 4; i++) {
        struct observation_buffer buffer;
        observation_buffer_create(&buffer, ROOM[i][0], ROOM[i][1], ROOM[i][2], ROOM[i][3]);
        struct rows rows;
        fill(&rows, 2, 1);   // Needs 2, 2, 2 and 3 bins.
        assert_int_equal(observation_buffer_append(&buffer, &rows.columns), STATUS_LIMIT);
        assert_int_equal(buffer.rows.loops.count + buffer.rows.edges.count + buffer.rows.cameras.count, 0);
        struct observation_columns nothing = { 0 };
        assert_int_equal(observation_buffer_append(&buffer, &nothing), STATUS_OK);
        observation_buffer_release(&buffer);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(appends_in_order), cmocka_unit_test(takes_all_or_nothing) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
