// Goal: instants are read as people write them; counts fall into the right periods, whatever their interval; cameras
// that tell each second whom they see tell who entered a link; a mapping file names places or the line that is wrong.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "sim/replay/count_file.h"
#include "sim/replay/counts.h"
#include "sim/replay/day_time.h"
#include "tests/engine/crossings.h"
#include "tests/engine/scratch.h"

// 2026-11-27 is day 20784 since 1970-01-01 (56 years of 365 days, 14 leap days, and 330 days into the year).
static void instants_are_read(void **state)
{
    (void)state;
    int64_t day_ms = INT64_C(20784) * 86400000;
    static const struct { const char *text; int64_t ms; } GOOD[] = { { "63600", 63600000 }, { "-1.5", -1500 },
        { "2026-11-27", 0 }, { "2026-11-27 17:40", 63600000 }, { "2026-11-27T17:40:30", 63630000 },
        { "17:40", 63600000 }, { "24:00", 86400000 } };
    for (size_t i = 0; i < sizeof GOOD / sizeof *GOOD; i++) {
        struct day_time at;
        assert_true(day_time_parse(GOOD[i].text, &at));
        int64_t wanted = i < 2 ? GOOD[i].ms : day_ms + GOOD[i].ms;
        assert_int_equal(day_time_ms(&at, day_ms + 5000000, -7), wanted);
    }
    static const char *const BAD[] = { "", "noon", "17:60", "24:01", "17:4x", "2026-02-29", "2026-13-01", "1e99", "nan",
        "2026-11-27x", "2026-11-27 25:00" };
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
        struct day_time at;
        assert_false(day_time_parse(BAD[i], &at));
    }
    struct day_time none = { DAY_TIME_NONE, 0 };
    assert_int_equal(day_time_ms(&none, day_ms, -7), -7);
    int64_t days;
    assert_true(civil_days(1970, 1, 1, &days) && days == 0);
    assert_true(civil_days(2000, 2, 29, &days) && days == 11016);
    assert_false(civil_days(1900, 2, 29, &days));
}

// An hour's count of 120 is 10 in each of its twelve periods; a minute's falls where its middle lies; a period that was
// counted for a half is scaled to the whole.
static void counts_fall_into_periods(void **state)
{
    (void)state;
    struct crossings made;
    struct counts_book book;
    crossings_build(&made, 1, 300.0);
    counts_create(&book, &made.network, 0, 3600000, 300000);
    assert_int_equal(book.period_count, 12);
    counts_add_loop(&book, 0, 3600000, 3600000, 120.0);
    for (int32_t p = 0; p < 12; p++) {
        assert_float_equal(counts_loop(&book, 0, p), 10.0, 1e-4);
    }
    counts_add_loop(&book, 1, 330000, 60000, 7.0);           // its middle is 300 s: the second period
    assert_true(counts_loop(&book, 1, 0) < 0.0);
    counts_add_loop(&book, 1, 420000, 60000, 8.0);
    counts_add_loop(&book, 1, 480000, 60000, 0.0);
    assert_float_equal(counts_loop(&book, 1, 1), 25.0, 1e-4);   // 15 in three of five minutes
    counts_add_link(&book, 0, 450000, 300000, 30.0);         // half of it in each period
    assert_float_equal(counts_link(&book, 0, 0), 30.0, 1e-4);
    assert_float_equal(counts_link(&book, 0, 1), 30.0, 1e-4);
    assert_true(counts_link(&book, 0, 2) < 0.0);
    counts_release(&book);
    network_release(&made.network);
}

struct view { int32_t in_view, passed; };

// One camera on a link. In view 0, then 1 entered, 2 more, one of them passed and one came, one ended on the link.
static void cameras_tell_who_entered(void **state)
{
    (void)state;
    struct crossings made;
    struct counts_book book;
    crossings_build(&made, 1, 300.0);
    assert_true(made.network.camera_count > 0);
    int32_t camera = 0, link = made.network.lanes[made.network.cameras[0].lane].link;
    counts_create(&book, &made.network, 0, 300000, 300000);
    if (book.cameras[link] != 1) {
        book.cameras[link] = 1;
    }
    static const struct view SEEN[] = { { 0, 0 }, { 1, 0 }, { 3, 0 }, { 3, 1 }, { 2, 0 }, { 2, 0 } };
    for (int i = 0; i < 6; i++) {
        int64_t end_ms = (i + 1) * 1000;
        int32_t length_ms = 1000, queued = 0, tail = 0, speed = -1, zero = 0, first[2] = { 0 };
        int32_t in_view = SEEN[i].in_view, passed = SEEN[i].passed;
        struct observation_columns seen = { .cameras = { .count = 1, .camera = &camera, .end_ms = &end_ms,
            .length_ms = &length_ms, .in_view = &in_view, .queued = &queued, .tail_mm = &tail, .speed_mmps = &speed,
            .turned = { &passed, &zero, &zero, &zero }, .first_bin = first } };
        counts_add(&book, &seen);
    }
    // 1 + 2 + 1 entered in the four seconds whose end and begin were seen: as many as in 75 times that time.
    struct counted *entered = &book.entered[(size_t)link];
    assert_float_equal(entered->vehicles, 4.0, 1e-6);
    assert_float_equal(entered->seconds, 4.0, 1e-6);
    counts_release(&book);
    network_release(&made.network);
}

static void a_mapping_names_its_places(void **state)
{
    (void)state;
    struct crossings made;
    struct count_map map;
    struct problem problem;
    char text[512];
    struct scratch scratch;
    scratch_create(&scratch);
    crossings_build(&made, 1, 300.0);
    const char *loop = network_name(&made.network, made.network.detectors[1].name);
    const char *link = network_name(&made.network, made.network.links[0].name);
    (void)snprintf(text, sizeof text,
                   "source,lane,place,factor\r\n# a station\n \"717, B\" ,2, %s ,0.5\r\n9,,%s,\n", loop, link);
    const char *path = scratch_write(&scratch, "map.csv", text);
    assert_int_equal(count_map_read(path, &made.network, &map, &problem), STATUS_OK);
    int32_t first = count_map_find(&map, "717, B"), second = count_map_find(&map, "9");
    assert_int_equal(map.places.at[first].detector, 1);
    assert_int_equal(map.places.at[first].lane, 2);
    assert_float_equal(map.places.at[first].factor, 0.5, 1e-9);
    assert_int_equal(map.places.at[second].link, 0);
    assert_int_equal(map.places.at[second].lane, COUNT_LANE_ALL);
    assert_int_equal(count_map_find(&map, "10"), INDEX_NONE);
    count_map_release(&map);
    path = scratch_write(&scratch, "short.csv", "source,place\n1\n");
    assert_int_equal(count_map_read(path, &made.network, &map, &problem), STATUS_SYNTAX);
    assert_non_null(strstr(problem.text, "line 2"));
    path = scratch_write(&scratch, "empty.csv", "");
    assert_int_equal(count_map_read(path, &made.network, &map, &problem), STATUS_SYNTAX);
    scratch_release(&scratch);
    network_release(&made.network);
}

// UTD19 does not tell the interval's length: 180 s here, by the rows. 600 veh/h are 30 in it.
static void the_least_step_is_the_interval(void **state)
{
    (void)state;
    struct crossings made;
    struct count_map map;
    struct count_file file;
    struct problem problem;
    char text[1024];
    struct scratch scratch;
    scratch_create(&scratch);
    crossings_build(&made, 1, 300.0);
    const char *loop = network_name(&made.network, made.network.detectors[0].name);
    (void)snprintf(text, sizeof text, "day,interval,detid,flow,occ,error,city,speed\n"
                   "2026-11-27,540,%s,300,0.1,,x,\n2026-11-27,0,%s,600,0.1,,x,\n2026-11-27,180,%s,1200,0.1,0,x,\n"
                   "2026-11-27,360,%s,600,0.1,1,x,\n2026-11-27,360,other,600,0.1,,x,\n", loop, loop, loop, loop);
    const char *path = scratch_write(&scratch, "utd.csv", text);
    count_map_by_name(&made.network, &map);
    assert_int_equal(count_file_read(path, &map, &file, &problem), STATUS_OK);
    assert_int_equal(file.layout, COUNTS_UTD19);
    assert_int_equal(file.rows.count, 3);
    assert_int_equal(file.rows_missing, 1);
    assert_int_equal(file.rows_foreign, 1);
    assert_float_equal(file.rows.at[0].vehicles, 30.0, 1e-9);
    assert_float_equal(file.rows.at[1].vehicles, 60.0, 1e-9);
    assert_float_equal(file.rows.at[2].vehicles, 15.0, 1e-9);
    assert_int_equal(file.end_ms - file.begin_ms, 720000);
    count_file_release(&file);
    count_map_release(&map);
    scratch_release(&scratch);
    network_release(&made.network);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(instants_are_read),
        cmocka_unit_test(counts_fall_into_periods),
        cmocka_unit_test(cameras_tell_who_entered),
        cmocka_unit_test(a_mapping_names_its_places),
        cmocka_unit_test(the_least_step_is_the_interval),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
