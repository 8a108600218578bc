#include "cli/run_checkpoint.h"

#include <stdlib.h>

#include "sim/loop/checkpoint_file.h"

enum status run_checkpoint_save(const char *path, const struct closed_loop *loop, const struct run_outputs *outputs,
                                const struct approach_sampler *sampler, struct problem *problem)
{
    struct byte_sink sink = { 0 };
    enum status status = closed_loop_save(loop, &sink, problem);
    if (status == STATUS_OK) {
        sink_number(&sink, sampler->vehicle_samples);
        red_watch_save(&sampler->reds, &sink);
        sink_number(&sink, outputs != NULL);
        if (outputs != NULL) {
            run_outputs_save(outputs, &sink);
        }
        status = checkpoint_write(path, &sink, problem);
    }
    sink_release(&sink);
    return status;
}

static enum status outputs_load(struct run_outputs *outputs, struct byte_source *source, struct problem *problem)
{
    bool kept = source_number(source) != 0;
    if (kept != (outputs != NULL)) {
        return problem_report(problem, STATUS_VERSION, "checkpoint", "outputs",
                              "load it with --out and --no-emissions as it was saved",
                              kept ? "they are kept in it, and nobody asks for them" : "they are not kept in it");
    }
    return outputs != NULL ? run_outputs_load(outputs, source, problem) : STATUS_OK;
}

enum status run_checkpoint_load(const char *path, struct closed_loop *loop, struct run_outputs *outputs,
                                struct approach_sampler *sampler, struct problem *problem)
{
    uint8_t *bytes = NULL;
    size_t count = 0;
    enum status status = checkpoint_read(path, &bytes, &count, problem);
    if (status != STATUS_OK) {
        return status;
    }
    struct byte_source source = { .at = bytes, .left = count };
    status = closed_loop_load(loop, &source, problem);
    if (status == STATUS_OK) {
        sampler->vehicle_samples = source_number(&source);
        red_watch_load(&sampler->reds, &source);
    }
    status = status != STATUS_OK ? status : outputs_load(outputs, &source, problem);
    if (status == STATUS_OK && (source.failed || source.left > 0)) {
        status = problem_report(problem, STATUS_SYNTAX, path, NULL, "save it anew",
                                "the checkpoint holds more or less than a run");
    }
    free(bytes);
    return status;
}
