#include "sim/replay/counts.h"

#include <stdlib.h>

#include "engine/base/memory.h"
#include "engine/model/units.h"

#define KNOWN_SHARE 0.2f              // of a period that must have been counted

void counts_create(struct counts_book *book, const struct network *network, int64_t begin_ms, int64_t end_ms,
                   int64_t period_ms)
{
    int64_t span_ms = end_ms > begin_ms ? end_ms - begin_ms : 1;
    *book = (struct counts_book){ .network = network, .begin_ms = begin_ms, .period_ms = period_ms,
        .period_count = (int32_t)((span_ms + period_ms - 1) / period_ms) };
    size_t periods = (size_t)book->period_count;
    book->loops = memory_take((size_t)network->detector_count * periods, sizeof *book->loops);
    book->turned = memory_take((size_t)network->camera_count * periods * TURN_COUNT, sizeof *book->turned);
}

void counts_release(struct counts_book *book)
{
    free(book->loops);
    free(book->turned);
    *book = (struct counts_book){ 0 };
}

// The period in which the middle of an interval lies, or -1.
static int32_t period_of(const struct counts_book *book, int64_t end_ms, int64_t length_ms)
{
    int64_t middle_ms = end_ms - length_ms / 2 - book->begin_ms;
    int64_t period = quantum_floor(middle_ms, book->period_ms) / book->period_ms;
    return period >= 0 && period < book->period_count ? (int32_t)period : -1;
}

static struct counted *loop_at(const struct counts_book *book, int32_t detector, int32_t period)
{
    return &book->loops[(size_t)detector * (size_t)book->period_count + (size_t)period];
}

static struct counted *turned_at(const struct counts_book *book, int32_t camera, int32_t period, int turn)
{
    size_t row = (size_t)camera * (size_t)book->period_count + (size_t)period;
    return &book->turned[row * TURN_COUNT + (size_t)turn];
}

void counts_add_loop(struct counts_book *book, int32_t detector, int64_t end_ms, int64_t length_ms, double vehicles)
{
    int32_t period = period_of(book, end_ms, length_ms);
    if (period >= 0) {
        struct counted *at = loop_at(book, detector, period);
        at->vehicles += (float)vehicles;
        at->seconds += (float)s_from_ms(length_ms);
        book->any_loops = true;
    }
}

void counts_add(struct counts_book *book, const struct observation_columns *seen)
{
    for (int32_t i = 0; i < seen->loops.count; i++) {
        counts_add_loop(book, seen->loops.detector[i], seen->loops.end_ms[i], seen->loops.length_ms[i],
                        seen->loops.vehicles[i]);
    }
    for (int32_t i = 0; i < seen->edges.count; i++) {
        int32_t period = period_of(book, seen->edges.at_ms[i], 0);
        if (period >= 0) {
            // A loop that sends edges counts all the time: silence is an empty road.
            struct counted *at = loop_at(book, seen->edges.detector[i], period);
            at->vehicles += seen->edges.on[i] == 0 ? 1.0f : 0.0f;
            at->seconds = (float)s_from_ms(book->period_ms);
            book->any_loops = true;
        }
    }
    for (int32_t i = 0; i < seen->cameras.count; i++) {
        int32_t period = period_of(book, seen->cameras.end_ms[i], seen->cameras.length_ms[i]);
        for (int t = 0; period >= 0 && t < TURN_COUNT; t++) {
            struct counted *at = turned_at(book, seen->cameras.camera[i], period, t);
            at->vehicles += (float)seen->cameras.turned[t][i];
            at->seconds += (float)s_from_ms(seen->cameras.length_ms[i]);
            book->any_cameras = true;
        }
    }
}

static double whole(const struct counts_book *book, const struct counted *at)
{
    float period_s = (float)s_from_ms(book->period_ms);
    return at->seconds < KNOWN_SHARE * period_s ? -1.0 : (double)(at->vehicles * period_s / at->seconds);
}

double counts_loop(const struct counts_book *book, int32_t detector, int32_t period)
{
    return whole(book, loop_at(book, detector, period));
}

double counts_turned(const struct counts_book *book, int32_t camera, int32_t period, int turn)
{
    return whole(book, turned_at(book, camera, period, turn));
}

static enum status block_read(struct counts_book *book, const struct recording *recording, int32_t block,
                              struct observation_buffer *seen, struct record_header *header, bool *headed)
{
    struct recording_stream *stream = recording_stream_open(recording, block);
    struct cursor bytes;
    enum status status;
    while ((status = recording_next(stream, &bytes)) == STATUS_OK) {
        struct record record;
        struct record_step step;
        if (record_open(bytes, &record) != STATUS_OK) {
            continue;
        }
        if (record.kind == RECORD_HEADER && !*headed) {
            *headed = record_get_header(record.body, header) == STATUS_OK;
        } else if (record.kind == RECORD_STEP
                   && record_get_step(record.body, book->network, seen, &step) == STATUS_OK) {
            counts_add(book, &seen->rows);
        }
    }
    recording_stream_release(stream);
    return status;
}

enum status counts_read(struct counts_book *book, const struct recording *recording, struct record_header *ret_header,
                        struct problem *problem)
{
    const struct network *network = book->network;
    if (recording->network_hash != network->hash) {
        return problem_report(problem, STATUS_VERSION, recording->path, NULL,
                              "Name the network and the site data that the recording was made with.",
                              "is a recording of another network");
    }
    struct observation_buffer seen;
    bool headed = false;
    observation_buffer_create(&seen, network->detector_count, network->detector_count, network->camera_count,
                              network->camera_count * CAMERA_BIN_COUNT_MAX);
    for (int32_t b = 0; b < recording->block_count; b++) {
        // A damaged block tells what it can; what is missing is scaled up.
        enum status status = block_read(book, recording, b, &seen, ret_header, &headed);
        (void)status;
    }
    observation_buffer_release(&seen);
    if (!headed || (!book->any_loops && !book->any_cameras)) {
        return problem_report(problem, STATUS_INFEASIBLE, recording->path, NULL, "Record with sensors that count.",
                              "holds no counts of vehicles");
    }
    return STATUS_OK;
}
