// record_day: a day of a large city's loops, told to a brain second by second and recorded, without a street.
//
// THEORY    Driving a day of 1,300 intersections takes longer than a bench may, and a recording asks of the street only
//           what its loops say. So an hour of the peak is driven once (`intergreen sim --record`), and its readings are
//           told over and over, thinned to the share of the peak that the time of day has: of each loop, spans of
//           SPAN_S are told as they were or with nobody there. Controllers are real ones (sim/traffic/signals.h):
//           they take the brain's plans and report each second. The street does not answer the plans, which matters
//           to no cost: as many readings change, and as many plans are made.
//
// usage: record-day NETWORK HOUR.igr FOLDER STRATEGY BEGIN_S SECONDS THREADS. Prints the seconds of the brain's steps.
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "engine/base/memory.h"
#include "engine/base/random.h"
#include "engine/brain.h"
#include "engine/import/network_file.h"
#include "engine/model/units.h"
#include "engine/record/record_codec.h"
#include "engine/record/recorder.h"
#include "engine/record/recording.h"
#include "engine/record/recording_folder.h"
#include "sim/traffic/signals.h"

#define SPAN_S 20

// Traffic by hour of the day, as a share of the peak's: a working day's two peaks.
static const double SHARE[24] = { 0.08, 0.05, 0.04, 0.04, 0.07, 0.18, 0.45, 0.85, 0.95, 0.70, 0.60, 0.62,
                                  0.65, 0.63, 0.66, 0.75, 0.90, 1.00, 0.85, 0.60, 0.42, 0.32, 0.22, 0.14 };

// The recorded hour, read again and again.
struct hour {
    const struct network *network;
    struct recording *recording;
    struct recording_stream *stream;
    int32_t block;
    struct loop_memory memory;
    struct observation_buffer seen;
    struct record_step step;          // the newest
    int64_t at_ms;                    // its time
};

static void must(enum status status, const struct problem *problem)
{
    if (status != STATUS_OK) {
        (void)fprintf(stderr, "record-day: %s\n", problem->text);
        exit(1);
    }
}

static void block_next(struct hour *hour)
{
    recording_stream_release(hour->stream);
    hour->block = (hour->block + 1) % hour->recording->block_count;
    hour->stream = recording_stream_open(hour->recording, hour->block);
    loop_memory_forget(&hour->memory);
}

static void hour_step(struct hour *hour)
{
    struct problem problem = { .text = "the hour is damaged" };
    for (;;) {
        struct cursor bytes;
        struct record record;
        enum status status = recording_next(hour->stream, &bytes);
        if (status == STATUS_UNKNOWN) {
            block_next(hour);
            continue;
        }
        must(status, &problem);
        must(record_open(bytes, &record), &problem);
        if (record.kind == RECORD_STEP) {
            must(record_get_step(record.body, hour->network, &hour->memory, &hour->seen, &hour->step),
                 &problem);
            hour->at_ms = record.now_ms;
            return;
        }
    }
}

// The step's readings as of now, thinned; in columns of their own, since the hour's are the memory of its next step.
static void thin(const struct hour *hour, int64_t now_ms, struct observation_buffer *ret)
{
    struct problem problem = { .text = "no room for a second's readings" };
    observation_buffer_clear(ret);
    must(observation_buffer_append(ret, &hour->step.rows), &problem);
    struct loop_columns *loops = &ret->rows.loops;
    double share = SHARE[now_ms / (3600 * MS_PER_S) % 24];
    for (int32_t i = 0; i < loops->count; i++) {
        uint64_t span = (uint64_t)(now_ms / (SPAN_S * MS_PER_S));
        loops->end_ms[i] += now_ms - hour->at_ms;
        if (random_unit(1, RANDOM_TEST, (uint64_t)loops->detector[i], span) >= share) {
            loops->vehicles[i] = loops->occupied_ms[i] = 0;
            loops->speed_mmps[i] = -1;
        }
    }
}

static double core_now(void)
{
    struct timespec at;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &at);
    return (double)at.tv_sec + 1e-9 * (double)at.tv_nsec;
}

struct day {
    struct network network;
    struct brain *brain;
    struct recorder *recorder;
    struct signals *signals;
    uint8_t *aspects;
    double brain_s;
};

static void tell(struct day *day, const struct event *event, struct actions *ret)
{
    brain_step(day->brain, event, ret);
    recorder_told(day->recorder, day->brain, event, ret);
}

static void second(struct day *day, int64_t now_ms, const struct observation_columns *seen)
{
    struct actions actions;
    signals_show(day->signals, now_ms, day->aspects);
    for (int32_t i = 0; i < day->network.intersection_count; i++) {
        struct controller_report report;
        signals_report(day->signals, (struct intersection_id){ i }, &report);
        struct event told = { .kind = EVENT_STATUS, .now_ms = now_ms, .report = &report, .intersection = i };
        tell(day, &told, &actions);
    }
    struct event event = { .kind = EVENT_STEP, .now_ms = now_ms, .seen = seen, .intersection = INDEX_NONE };
    double began_s = core_now();
    brain_step(day->brain, &event, &actions);
    day->brain_s += core_now() - began_s;
    recorder_told(day->recorder, day->brain, &event, &actions);
    for (int32_t p = 0; p < actions.publish_count; p++) {
        (void)!signals_offer(day->signals, &actions.publish[p], now_ms);
    }
}

int main(int argc, char **argv)
{
    if (argc != 8) {
        (void)fprintf(stderr, "usage: record-day NETWORK HOUR.igr FOLDER STRATEGY BEGIN_S SECONDS THREADS\n");
        return 2;
    }
    struct problem problem;
    struct day day = { .brain_s = 0.0 };
    struct hour hour = { .network = &day.network, .block = -1 };
    int64_t begin_ms = atoll(argv[5]) * MS_PER_S;
    struct brain_options options = { .strategy = argv[4], .epoch = 1, .daemon = 1, .threads = atoi(argv[7]) };
    must(network_file_load(argv[1], &day.network, &problem), &problem);
    must(recording_open(argv[2], &hour.recording, &problem), &problem);
    must(brain_create(&day.network, &options, &day.brain, &problem), &problem);
    struct recording_folder *folder;
    must(recording_folder_open(argv[3], day.network.hash, 0, &folder, &problem), &problem);
    recorder_create(&day.network, argv[1], recording_folder_sink(folder), &day.recorder);
    recorder_begin(day.recorder, day.brain, &options, begin_ms, true);
    day.signals = signals_create(&day.network, begin_ms);
    day.aspects = memory_take((size_t)day.network.group_count, 1);
    loop_memory_create(&hour.memory);
    struct observation_buffer seen;
    observation_buffer_create(&hour.seen, day.network.detector_count, 1, 1, 1);
    observation_buffer_create(&seen, day.network.detector_count, 1, 1, 1);
    block_next(&hour);
    for (int64_t s = 0; s < atoll(argv[6]); s++) {
        hour_step(&hour);
        thin(&hour, begin_ms + s * MS_PER_S, &seen);
        second(&day, begin_ms + s * MS_PER_S, &seen.rows);
    }
    recorder_release(day.recorder);
    must(recording_folder_close(folder, &problem), &problem);
    (void)printf("{\"brain_core_s\": %.3f}\n", day.brain_s);
    recording_stream_release(hour.stream);
    recording_release(hour.recording);
    loop_memory_release(&hour.memory);
    observation_buffer_release(&hour.seen);
    observation_buffer_release(&seen);
    signals_release(day.signals);
    brain_release(day.brain);
    free(day.aspects);
    network_release(&day.network);
    return 0;
}
