#include "sim/report/run_outputs.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"
#include "engine/model/units.h"
#include "sim/report/report_file.h"

struct run_outputs {
    struct output_options options;
    const struct report_subject *subject;
    int64_t begin_ms;
    int32_t step_ms;
    struct trip_traces traces;
    struct summary_output summary;
    struct detector_output detectors;
    struct area_output areas;
    struct fcd_output fcd;
    int32_t results_seen;
    LIST_OF(struct vehicle_view) views;
};

static enum status open_files(struct run_outputs *outputs, struct problem *problem)
{
    const struct output_options *options = &outputs->options;
    enum status status = report_folder(options->directory, problem);
    status = status != STATUS_OK ? status : summary_open(&outputs->summary, options->directory, problem);
    status = status != STATUS_OK ? status
        : detectors_open(&outputs->detectors, options->directory, outputs->subject->network, outputs->begin_ms,
                         options->detector_period_ms, problem);
    status = status != STATUS_OK ? status
        : areas_open(&outputs->areas, options->directory, outputs->subject->network, outputs->begin_ms,
                     options->detector_period_ms, problem);
    return status != STATUS_OK || !options->fcd ? status
        : fcd_open(&outputs->fcd, options->directory, outputs->subject, &options->fcd_filter, outputs->begin_ms,
                   problem);
}

enum status run_outputs_open(const struct output_options *options, const struct report_subject *subject,
                             int64_t begin_ms, int32_t step_ms, struct run_outputs **ret, struct problem *problem)
{
    struct run_outputs *outputs = memory_take(1, sizeof *outputs);
    outputs->options = *options;
    outputs->subject = subject;
    outputs->begin_ms = begin_ms;
    outputs->step_ms = step_ms;
    outputs->traces.all_emissions = options->directory != NULL;
    enum status status = options->directory != NULL ? open_files(outputs, problem) : STATUS_OK;
    if (status != STATUS_OK) {
        run_outputs_abandon(outputs);
        return status;
    }
    *ret = outputs;
    return STATUS_OK;
}

void run_outputs_step(struct run_outputs *outputs, const struct closed_loop *loop)
{
    const struct street *street = closed_loop_street(loop);
    const struct street_counts *counts = street_counts(street);
    int64_t now_ms = closed_loop_now_ms(loop);
    int32_t result_count = 0;
    const struct trip_result *results = closed_loop_results(loop, &result_count);
    const struct trip_result *arrived = results + outputs->results_seen;
    int32_t arrived_count = result_count - outputs->results_seen;
    outputs->results_seen = result_count;
    memory_grow((void **)&outputs->views.at, &outputs->views.capacity, (int32_t)counts->under_way + 1,
                sizeof *outputs->views.at);
    int32_t count = street_list_vehicles(street, outputs->views.at, (int32_t)counts->under_way);
    const struct vehicle_view *views = outputs->views.at;
    trip_traces_look(&outputs->traces, outputs->subject->types, views, count, now_ms, outputs->step_ms);
    trip_traces_arrive(&outputs->traces, outputs->subject->types, arrived, arrived_count, outputs->step_ms);
    if (outputs->options.directory == NULL) {
        return;
    }
    summary_arrive(&outputs->summary, arrived, arrived_count);
    summary_row(&outputs->summary, outputs->subject->network, counts, views, count, now_ms, outputs->step_ms,
                (now_ms - outputs->begin_ms) % MS_PER_S == 0);
    detectors_take(&outputs->detectors, closed_loop_measured(loop), closed_loop_measured_ms(loop));
    areas_look(&outputs->areas, views, count, now_ms, outputs->step_ms);
    if (outputs->options.fcd) {
        fcd_step(&outputs->fcd, views, count, now_ms);
    }
}

static enum status close_files(struct run_outputs *outputs, int64_t now_ms, struct problem *problem)
{
    const char *directory = outputs->options.directory;
    enum status of_summary = summary_close(&outputs->summary, directory, problem);
    enum status of_detectors = detectors_close(&outputs->detectors, directory, now_ms, problem);
    enum status of_areas = areas_close(&outputs->areas, directory, now_ms, problem);
    enum status of_fcd = fcd_close(&outputs->fcd, directory, problem);
    return of_summary != STATUS_OK ? of_summary : of_detectors != STATUS_OK ? of_detectors
        : of_areas != STATUS_OK ? of_areas : of_fcd;
}

static void release(struct run_outputs *outputs)
{
    trip_traces_release(&outputs->traces);
    free(outputs->views.at);
    free(outputs);
}

enum status run_outputs_close(struct run_outputs *outputs, const struct closed_loop *loop, double *ret_co2_kg,
                              double *ret_fuel_l, struct problem *problem)
{
    enum status status = STATUS_OK;
    *ret_co2_kg = outputs->traces.co2_mg / 1e6;
    *ret_fuel_l = outputs->traces.fuel_l;
    if (outputs->options.directory != NULL) {
        detectors_take(&outputs->detectors, closed_loop_measured(loop), closed_loop_measured_ms(loop));
        int32_t count = 0;
        const struct trip_result *trips = closed_loop_results(loop, &count);
        status = tripinfo_write(outputs->options.directory, trips, count, outputs->subject, &outputs->traces, problem);
        enum status of_files = close_files(outputs, closed_loop_now_ms(loop), problem);
        status = status != STATUS_OK ? status : of_files;
    }
    release(outputs);
    return status;
}

void run_outputs_abandon(struct run_outputs *outputs)
{
    if (outputs != NULL) {
        if (outputs->options.directory != NULL) {
            struct problem second;           // the run's own failure is the one to tell
            enum status closed = close_files(outputs, outputs->begin_ms, &second);
            (void)closed;
        }
        release(outputs);
    }
}

void run_outputs_save(const struct run_outputs *outputs, struct byte_sink *sink)
{
    const struct trip_traces *traces = &outputs->traces;
    sink_number(sink, sizeof *traces->rows.at);
    sink_number(sink, traces->all_emissions);
    sink_put(sink, &traces->co2_mg, sizeof traces->co2_mg);
    sink_put(sink, &traces->fuel_l, sizeof traces->fuel_l);
    sink_number(sink, traces->seen_ms);
    sink_put(sink, &outputs->summary.waited_s, sizeof outputs->summary.waited_s);
    sink_put(sink, &outputs->summary.travelled_s, sizeof outputs->summary.travelled_s);
    sink_number(sink, outputs->summary.arrived);
    sink_number(sink, outputs->results_seen);
    sink_number(sink, traces->rows.count);
    sink_put(sink, traces->rows.at, (size_t)traces->rows.count * sizeof *traces->rows.at);
}

enum status run_outputs_load(struct run_outputs *outputs, struct byte_source *source, struct problem *problem)
{
    struct trip_traces *traces = &outputs->traces;
    if (source_number(source) != sizeof *traces->rows.at || source_number(source) != traces->all_emissions) {
        return problem_report(problem, STATUS_VERSION, "checkpoint", "outputs", "save it with --out, too",
                              "what trips emitted before it was not all kept");
    }
    source_take(source, &traces->co2_mg, sizeof traces->co2_mg);
    source_take(source, &traces->fuel_l, sizeof traces->fuel_l);
    traces->seen_ms = source_number(source);
    source_take(source, &outputs->summary.waited_s, sizeof outputs->summary.waited_s);
    source_take(source, &outputs->summary.travelled_s, sizeof outputs->summary.travelled_s);
    outputs->summary.arrived = source_number(source);
    outputs->detectors.begin_ms = outputs->areas.begin_ms = traces->seen_ms;   // their files begin here
    outputs->results_seen = (int32_t)source_number(source);
    int64_t rows = source_number(source);
    if (source->failed || rows < 0 || (size_t)rows > source->left / sizeof *traces->rows.at) {
        return problem_report(problem, STATUS_RANGE, "checkpoint", "outputs", "save it anew", "they are not all there");
    }
    memory_grow((void **)&traces->rows.at, &traces->rows.capacity, (int32_t)rows, sizeof *traces->rows.at);
    source_take(source, traces->rows.at, (size_t)rows * sizeof *traces->rows.at);
    traces->rows.count = (int32_t)rows;
    return STATUS_OK;
}
