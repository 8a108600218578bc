#include "sim/replay/counts.h"

#include <stdlib.h>

#include "engine/base/memory.h"
#include "engine/model/units.h"

#define KNOWN_SHARE 0.2               // of a period that must have been counted
#define SPREAD_MS 60000               // longer intervals are shared out among periods
#define VIEW_MS 1000                  // between two looks that tell who entered

void counts_create(struct counts_book *book, const struct network *network, int64_t begin_ms, int64_t end_ms,
                   int64_t period_ms)
{
    int64_t span_ms = end_ms > begin_ms ? end_ms - begin_ms : 1;
    *book = (struct counts_book){ .network = network, .begin_ms = begin_ms, .period_ms = period_ms,
        .period_count = (int32_t)((span_ms + period_ms - 1) / period_ms) };
    size_t periods = (size_t)book->period_count;
    book->loops = memory_take((size_t)network->detector_count * periods, sizeof *book->loops);
    book->turned = memory_take((size_t)network->camera_count * periods * TURN_COUNT, sizeof *book->turned);
    book->links = memory_take((size_t)network->link_count * periods, sizeof *book->links);
    book->entered = memory_take((size_t)network->link_count * periods, sizeof *book->entered);
    book->views = memory_take((size_t)network->link_count, sizeof *book->views);
    book->cameras = memory_take((size_t)network->link_count, sizeof *book->cameras);
    for (int32_t c = 0; c < network->camera_count; c++) {
        book->cameras[network->lanes[network->cameras[c].lane].link]++;
    }
    for (int32_t l = 0; l < network->link_count; l++) {
        const struct link *link = &network->links[l];
        int32_t lanes = 0;
        for (int32_t lane = link->first_lane; lane < link->first_lane + link->lane_count; lane++) {
            lanes += (network->lanes[lane].users & USER_MOTOR) != 0;
        }
        book->cameras[l] = book->cameras[l] >= lanes ? book->cameras[l] : 0;
        book->views[l] = (struct link_view){ .at_ms = INT64_MIN, .before = -1, .first = -1 };
    }
}

void counts_release(struct counts_book *book)
{
    free(book->loops);
    free(book->turned);
    free(book->links);
    free(book->entered);
    free(book->views);
    free(book->cameras);
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

static struct counted *link_at(const struct counts_book *book, struct counted *rows, int32_t link, int32_t period)
{
    return &rows[(size_t)link * (size_t)book->period_count + (size_t)period];
}

// rows: of one place, a period each.
static void interval_add(const struct counts_book *book, struct counted *rows, int64_t end_ms, int64_t length_ms,
                         double vehicles)
{
    if (length_ms <= SPREAD_MS) {
        int32_t period = period_of(book, end_ms, length_ms);
        if (period >= 0) {
            rows[period].vehicles += (float)vehicles;
            rows[period].seconds += (float)s_from_ms(length_ms);
        }
        return;
    }
    for (int32_t p = 0; p < book->period_count; p++) {
        int64_t begin_ms = book->begin_ms + p * book->period_ms, stop_ms = begin_ms + book->period_ms;
        int64_t from_ms = end_ms - length_ms > begin_ms ? end_ms - length_ms : begin_ms;
        int64_t to_ms = end_ms < stop_ms ? end_ms : stop_ms;
        if (to_ms > from_ms) {
            rows[p].vehicles += (float)(vehicles * (double)(to_ms - from_ms) / (double)length_ms);
            rows[p].seconds += (float)s_from_ms(to_ms - from_ms);
        }
    }
}

void counts_add_loop(struct counts_book *book, int32_t detector, int64_t end_ms, int64_t length_ms, double vehicles)
{
    interval_add(book, loop_at(book, detector, 0), end_ms, length_ms, vehicles);
    book->any_loops = true;
}

void counts_add_link(struct counts_book *book, int32_t link, int64_t end_ms, int64_t length_ms, double vehicles)
{
    interval_add(book, link_at(book, book->links, link, 0), end_ms, length_ms, vehicles);
    book->any_loops = true;
}

// An instant of a link is over: all its cameras told, or they did not.
static void view_end(struct counts_book *book, int32_t link)
{
    struct link_view *view = &book->views[link];
    bool whole = view->cameras == book->cameras[link];
    int32_t period = period_of(book, view->at_ms, VIEW_MS);
    if (whole && view->before >= 0 && period >= 0) {
        int32_t came = view->in_view - view->before + view->passed;
        struct counted *at = link_at(book, book->entered, link, period);
        at->vehicles += came > 0 ? (float)came : 0.0f;
        at->seconds += (float)s_from_ms(VIEW_MS);
    }
    view->before = whole ? view->in_view : -1;
    view->first = view->first < 0 ? view->before : view->first;
}

static void view_add(struct counts_book *book, const struct camera_columns *seen, int32_t row)
{
    int32_t link = book->network->lanes[book->network->cameras[seen->camera[row]].lane].link;
    struct link_view *view = &book->views[link];
    if (book->cameras[link] == 0 || seen->length_ms[row] != VIEW_MS) {
        return;
    }
    if (seen->end_ms[row] != view->at_ms) {
        if (view->at_ms != INT64_MIN) {
            view_end(book, link);
        }
        bool next = view->at_ms != INT64_MIN && seen->end_ms[row] == view->at_ms + VIEW_MS;
        *view = (struct link_view){ .at_ms = seen->end_ms[row], .before = next ? view->before : -1,
            .first = view->first };
    }
    view->cameras++;
    view->in_view += seen->in_view[row];
    for (int t = 0; t < TURN_COUNT; t++) {
        view->passed += seen->turned[t][row];
    }
}

void counts_add(struct counts_book *book, const struct observation_columns *seen)
{
    for (int32_t i = 0; i < seen->loops.count; i++) {
        counts_add_loop(book, seen->loops.detector[i], seen->loops.end_ms[i], seen->loops.length_ms[i],
                        seen->loops.vehicles[i]);
        int32_t period = period_of(book, seen->loops.end_ms[i], seen->loops.length_ms[i]);
        if (period >= 0) {
            loop_at(book, seen->loops.detector[i], period)->present += (float)s_from_ms(seen->loops.occupied_ms[i]);
        }
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
        if (period >= 0) {
            turned_at(book, seen->cameras.camera[i], period, 0)->present +=
                (float)(seen->cameras.in_view[i] * s_from_ms(seen->cameras.length_ms[i]));
        }
        view_add(book, &seen->cameras, i);
    }
}

static double whole(const struct counts_book *book, const struct counted *at)
{
    float period_s = (float)s_from_ms(book->period_ms);
    bool known = (double)at->seconds >= KNOWN_SHARE * (double)period_s;
    return known ? (double)(at->vehicles * period_s / at->seconds) : -1.0;
}

double counts_loop(const struct counts_book *book, int32_t detector, int32_t period)
{
    return whole(book, loop_at(book, detector, period));
}

double counts_link(const struct counts_book *book, int32_t link, int32_t period)
{
    return whole(book, link_at(book, book->links, link, period));
}

double counts_entered(const struct counts_book *book, int32_t link, int32_t period)
{
    return whole(book, link_at(book, book->entered, link, period));
}

double counts_turned(const struct counts_book *book, int32_t camera, int32_t period, int turn)
{
    return whole(book, turned_at(book, camera, period, turn));
}

double counts_stock(const struct counts_book *book, int32_t link)
{
    const struct link_view *view = &book->views[link];
    return view->before >= 0 && view->first >= 0 ? view->before - view->first : 0.0;
}

double counts_last_occupancy(const struct counts_book *book, int32_t detector)
{
    double period_s = s_from_ms(book->period_ms);
    for (int32_t p = book->period_count - 1; p >= 0; p--) {
        const struct counted *at = loop_at(book, detector, p);
        if ((double)at->seconds >= KNOWN_SHARE * period_s) {
            return (double)at->present / (double)at->seconds;
        }
    }
    return -1.0;
}

static void present_add(const struct counted *a, const struct counted *b, double period_s, double *sum_a, double *sum_b)
{
    if ((double)a->seconds >= KNOWN_SHARE * period_s && (double)b->seconds >= KNOWN_SHARE * period_s) {
        *sum_a += (double)a->present / (double)a->seconds * period_s;
        *sum_b += (double)b->present / (double)b->seconds * period_s;
    }
}

// Whether a loop that is not at a stop line has counted: at the line somebody stands at every red, further up only
// where the queue is long.
static bool loops_further_up(const struct counts_book *book)
{
    for (int32_t d = 0; d < book->network->detector_count; d++) {
        if (book->network->detectors[d].place != DETECTOR_STOP_LINE && counts_last_occupancy(book, d) >= 0.0) {
            return true;
        }
    }
    return false;
}

void counts_presence(const struct counts_book *a, const struct counts_book *b, double *ret_a, double *ret_b)
{
    double period_s = s_from_ms(a->period_ms);
    bool further_up = loops_further_up(a);
    int32_t periods = a->period_count < b->period_count ? a->period_count : b->period_count;
    *ret_a = *ret_b = 0.0;
    for (int32_t p = 0; p < periods; p++) {
        for (int32_t c = 0; a->any_cameras && c < a->network->camera_count; c++) {
            present_add(turned_at(a, c, p, 0), turned_at(b, c, p, 0), period_s, ret_a, ret_b);
        }
        for (int32_t d = 0; !a->any_cameras && d < a->network->detector_count; d++) {
            if (!further_up || a->network->detectors[d].place != DETECTOR_STOP_LINE) {
                present_add(loop_at(a, d, p), loop_at(b, d, p), period_s, ret_a, ret_b);
            }
        }
    }
}

static enum status block_read(struct counts_book *book, const struct recording *recording, int32_t block,
                              struct observation_buffer *seen, struct record_header *header, bool *headed)
{
    struct recording_stream *stream = recording_stream_open(recording, block);
    struct loop_memory loops;
    struct cursor bytes;
    enum status status;
    loop_memory_create(&loops);
    while ((status = recording_next(stream, &bytes)) == STATUS_OK) {
        struct record record;
        struct record_step step;
        if (record_open(bytes, &record) != STATUS_OK) {
            continue;
        }
        if (record.kind == RECORD_HEADER && !*headed) {
            *headed = record_get_header(record.body, header) == STATUS_OK;
        } else if (record.kind == RECORD_STEP
                   && record_get_step(record.body, book->network, &loops, seen, &step) == STATUS_OK) {
            counts_add(book, &step.rows);
        }
    }
    loop_memory_release(&loops);
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
