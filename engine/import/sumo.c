#include "engine/import/sumo.h"

#include <assert.h>
#include <stdlib.h>

#include "engine/import/sumo_config.h"
#include "engine/import/sumo_raw.h"
#include "engine/import/sumo_tie.h"

// What the file is of, or has, that is not modelled as SUMO does.
static void note_what_differs(const struct sumo_raw *raw, struct import_report *report)
{
    if (raw->version[0] == '\0' || strtod(raw->version, NULL) < 1.0) {
        import_note(report, NOTE_WARNING, "the network's version is %s, none of SUMO 1.0 or later: what it does not "
                    "say is taken as of today; netconvert -s brings it up to date",
                    raw->version[0] != '\0' ? raw->version : "not said");
    }
    if (raw->rail_crossing_count > 0) {
        import_note(report, NOTE_WARNING, "%d rail crossings have no gates here: who crosses yields to trains that "
                    "come", raw->rail_crossing_count);
    }
    if (raw->rail_signal_count > 0) {
        import_note(report, NOTE_WARNING, "%d rail signals are not worked: trains keep their distance by sight",
                    raw->rail_signal_count);
    }
    if (raw->acceleration_count > 0) {
        import_note(report, NOTE_WARNING, "%d acceleration lanes are lanes like others here",
                    raw->acceleration_count);
    }
}

static void note_what_was_read(const struct sumo_raw *raw, const struct network_draft *draft,
                               struct import_report *report)
{
    import_note(report, NOTE_DERIVED, "%d links, %d lanes, %d junctions, %d signals, %d detectors", draft->links.count,
                draft->lanes.count, draft->junctions.count, draft->programs.count, draft->detectors.count);
    if (raw->rounded) {
        import_note(report, NOTE_WARNING, "times of programs that are no multiple of 0.1 s were rounded");
    }
    if (raw->branching) {
        import_note(report, NOTE_WARNING, "a phase names several that may follow it: programs are taken in the order "
                    "of the file");
    }
    note_what_differs(raw, report);
}

// files: the network, then the additional files. path: what the caller named.
static enum status read_files(const char *path, const char *const *files, int32_t count, struct network_draft *ret,
                              struct import_report *report, struct problem *problem)
{
    struct sumo_raw raw = { 0 };
    struct network_draft draft = { .origin = ORIGIN_SUMO };
    enum status status = sumo_raw_read_network(files[0], &raw, problem);
    for (int32_t i = 1; status == STATUS_OK && i < count; i++) {
        status = sumo_raw_read_additional(files[i], i, &raw, problem);
    }
    if (status == STATUS_OK) {
        draft.left_hand = raw.left_hand;
        status = sumo_tie(&raw, files, &draft, report, problem);
    }
    if (status == STATUS_OK) {
        note_what_was_read(&raw, &draft, report);
        draft.source = path;
        *ret = draft;
    } else {
        draft_release(&draft);
    }
    sumo_raw_release(&raw);
    return status;
}

enum status sumo_read(const char *path, const struct import_options *options, struct network_draft *ret,
                      struct import_report *report, struct problem *problem)
{
    assert(path != NULL);
    assert(options != NULL);
    assert(ret != NULL);
    enum file_kind kind;
    struct sumo_config config = { .network = NULL };
    enum status status = import_sniff(path, &kind, problem);
    if (status == STATUS_OK && kind == FILE_SUMO_CONFIG) {
        status = sumo_config_read(path, &config, problem);
    }
    if (status != STATUS_OK) {
        return status;
    }
    int32_t count = 1 + config.additional.count + options->additional_count;
    const char **files = memory_take((size_t)count, sizeof *files);
    files[0] = config.network != NULL ? config.network : path;
    for (int32_t i = 0; i < config.additional.count; i++) {
        files[1 + i] = config.additional.at[i];
    }
    for (int32_t i = 0; i < options->additional_count; i++) {
        files[1 + config.additional.count + i] = options->additional[i];
    }
    status = read_files(path, files, count, ret, report, problem);
    free(files);
    sumo_config_release(&config);
    return status;
}
