#include <errno.h>
#include <math.h>
#include <string.h>
#include <sys/stat.h>

#include "engine/import/site_data.h"
#include "engine/import/site_edit.h"
#include "engine/model/units.h"

#define PATH_BYTES_MAX 4096

static const char *const GROUP_KINDS[] = { "vehicle", "pedestrian", "bicycle", "transit" };
static const char *const DETECTOR_PLACES[] = { "stop_line", "advance", "exit", "midblock" };

// A YAML scalar in double quotes; what is no printable ASCII stands as it is if it is UTF-8 already, controls
// escaped.
static void put_text(FILE *to, const char *text)
{
    (void)fputc('"', to);
    for (const unsigned char *at = (const unsigned char *)text; *at != '\0'; at++) {
        if (*at == '"' || *at == '\\') {
            (void)fprintf(to, "\\%c", *at);
        } else if (*at < 0x20 || *at == 0x7f) {
            (void)fprintf(to, "\\x%02x", *at);
        } else {
            (void)fputc(*at, to);
        }
    }
    (void)fputc('"', to);
}

// Seconds with as many decimals as they need.
static void put_seconds(FILE *to, int32_t ms)
{
    char text[32];
    int length = snprintf(text, sizeof text, "%d.%03d", ms / MS_PER_S, ms % MS_PER_S);
    while (length > 1 && text[length - 1] == '0') {
        text[--length] = '\0';
    }
    if (length > 1 && text[length - 1] == '.') {
        text[--length] = '\0';
    }
    (void)fputs(text, to);
}

static void put_limits(FILE *to, const char *key, int32_t min_ms, int32_t max_ms)
{
    (void)fprintf(to, "%s: {min: ", key);
    put_seconds(to, min_ms);
    (void)fputs(", max: ", to);
    put_seconds(to, max_ms);
    (void)fputc('}', to);
}

static void write_groups(const struct network *network, const struct intersection *at, FILE *to)
{
    (void)fputs(at->group_count > 0 ? "groups:\n" : "groups: {}\n", to);
    for (int32_t i = 0; i < at->group_count; i++) {
        const struct signal_group *group = &network->groups[at->first_group + i];
        (void)fputs("  ", to);
        put_text(to, site_local_name(network, at, group->name));
        (void)fprintf(to, ": {kind: %s, ", GROUP_KINDS[group->kind]);
        put_limits(to, "green_s", group->green_ms_min, group->green_ms_max);
        (void)fputs(", red_s: {max: ", to);
        put_seconds(to, group->red_ms_max);
        (void)fputs(", emergency: ", to);
        put_seconds(to, group->red_ms_max_emergency);
        (void)fputs("}, yellow_s: ", to);
        put_seconds(to, group->yellow_ms);
        (void)fputs(", red_clearance_s: ", to);
        put_seconds(to, group->red_clearance_ms);
        (void)fputs(group->on_call ? ", on_call: true}\n" : "}\n", to);
    }
}

static void write_intergreens(const struct network *network, const struct intersection *at, FILE *to)
{
    (void)fputs("# from the end of the first to the start of the second; pairs that are not listed do not conflict\n",
                to);
    bool any = false;
    for (int32_t i = 0; i < at->group_count; i++) {
        const char *between = NULL;
        for (int32_t j = 0; j < at->group_count; j++) {
            int32_t ms = network_intergreen_ms(network, at, i, j);
            if (ms < 0) {
                continue;
            }
            if (between == NULL) {
                (void)fputs(any ? "  " : "intergreens_s:\n  ", to);
                put_text(to, site_local_name(network, at, network->groups[at->first_group + i].name));
                (void)fputs(": {", to);
                any = true;
            }
            (void)fputs(between == NULL ? "" : ", ", to);
            put_text(to, site_local_name(network, at, network->groups[at->first_group + j].name));
            (void)fputs(": ", to);
            put_seconds(to, ms);
            between = ", ";
        }
        (void)fputs(between != NULL ? "}\n" : "", to);
    }
    (void)fputs(any ? "" : "intergreens_s: {}\n", to);
}

static void write_stages(const struct network *network, const struct intersection *at, FILE *to)
{
    (void)fputs(at->stage_count > 0 ? "stages:\n" : "stages: {}\n", to);
    for (int32_t s = 0; s < at->stage_count; s++) {
        const struct stage *stage = &network->stages[at->first_stage + s];
        (void)fputs("  ", to);
        put_text(to, site_local_name(network, at, stage->name));
        (void)fputs(": {groups: [", to);
        const char *between = "";
        for (int32_t i = 0; i < at->group_count; i++) {
            if (stage->groups >> i & 1) {
                (void)fputs(between, to);
                put_text(to, site_local_name(network, at, network->groups[at->first_group + i].name));
                between = ", ";
            }
        }
        (void)fputs("], ", to);
        put_limits(to, "green_s", stage->green_ms_min, stage->green_ms_max);
        (void)fputs("}\n", to);
    }
}

static void write_program(const struct network *network, const struct intersection *at, FILE *to)
{
    (void)fputs("program:\n  cycle_s: ", to);
    put_seconds(to, at->cycle_ms);
    (void)fputs("\n  offset_s: ", to);
    put_seconds(to, at->offset_ms);
    (void)fputs(at->green_count > 0 ? "\n  greens:\n" : "\n  greens: []\n", to);
    for (int32_t g = 0; g < at->green_count; g++) {
        const struct program_green *green = &network->program_greens[at->first_green + g];
        (void)fputs("    - {group: ", to);
        put_text(to, site_local_name(network, at, network->groups[at->first_group + green->group].name));
        (void)fputs(", stage: ", to);
        put_text(to, site_local_name(network, at, network->stages[at->first_stage + green->stage].name));
        (void)fputs(", from_s: ", to);
        put_seconds(to, green->start_ms);
        (void)fputs(", to_s: ", to);
        put_seconds(to, green->end_ms);
        (void)fputs("}\n", to);
    }
}

static void write_detectors(const struct network *network, int32_t intersection, FILE *to)
{
    bool any = false;
    for (int32_t i = 0; i < network->detector_count; i++) {
        const struct detector *detector = &network->detectors[i];
        if (detector->intersection != intersection) {
            continue;
        }
        const struct lane *lane = &network->lanes[detector->lane];
        (void)fputs(any ? "  " : "detectors:\n  ", to);
        any = true;
        put_text(to, network_name(network, detector->name));
        (void)fputs(": {link: ", to);
        put_text(to, network_name(network, network->links[lane->link].name));
        // 17 digits give the same double back.
        (void)fprintf(to, ", lane: %d, place: %s, to_stop_m: %.17g, length_m: %.17g}\n", lane->position,
                      DETECTOR_PLACES[detector->place], detector->to_stop_m, detector->length_m);
    }
}

static void write_corridors(const struct network *network, const struct intersection *at, FILE *to)
{
    const char *before = "corridors: [";
    for (int32_t i = 0; i < network->corridors.count; i++) {
        if ((at->corridors >> i & 1) != 0) {
            (void)fputs(before, to);
            put_text(to, names_text(&network->corridors, i));
            before = ", ";
        }
    }
    if (at->corridors != 0) {
        (void)fputs("]\n", to);
    }
}

void site_write(const struct network *network, struct intersection_id intersection, FILE *to)
{
    const struct intersection *at = &network->intersections[intersection.index];
    (void)fputs("intersection: ", to);
    put_text(to, network_name(network, at->name));
    (void)fprintf(to, "\n# Whoever approves the data adds, with the site hash that `intergreen site check` tells:\n"
                  "# approved: {by: NAME, on: YYYY-MM-DD, site_hash: 0x%016llx}\n", (unsigned long long)at->site_hash);
    (void)fputs("quantum_s: ", to);
    put_seconds(to, at->quantum_ms);
    (void)fputc('\n', to);
    put_limits(to, "cycle_s", at->cycle_ms_min, at->cycle_ms_max);
    (void)fprintf(to, "\n# what its controller plays when it hears nothing: its program, or actuated by its own loops\n"
                  "fallback: %s\n", at->falls_back_to_actuated ? "actuated" : "program");
    (void)fputs("coordinated_stage: ", to);
    if (at->coordinated_stage == INDEX_NONE) {
        (void)fputs("none", to);
    } else {
        put_text(to, site_local_name(network, at, network->stages[at->first_stage + at->coordinated_stage].name));
    }
    (void)fputc('\n', to);
    write_corridors(network, at, to);
    write_groups(network, at, to);
    write_intergreens(network, at, to);
    write_stages(network, at, to);
    write_program(network, at, to);
    write_detectors(network, intersection.index, to);
}

// The file of an intersection: its name, bytes that a file name may not hold as %XX.
static bool file_path(const struct network *network, int32_t intersection, const char *folder, char *ret)
{
    int length = snprintf(ret, PATH_BYTES_MAX, "%s/", folder);
    const char *name = network_name(network, network->intersections[intersection].name);
    for (const unsigned char *at = (const unsigned char *)name; *at != '\0'; at++) {
        if (length < 0 || length >= PATH_BYTES_MAX - 16) {
            return false;
        }
        bool plain = (*at >= '0' && *at <= '9') || (*at >= 'A' && *at <= 'Z') || (*at >= 'a' && *at <= 'z')
            || *at == '-'
            || *at == '_' || (*at == '.' && (const char *)at != name);
        length += snprintf(ret + length, 8, plain ? "%c" : "%%%02X", *at);
    }
    (void)snprintf(ret + length, 8, ".yaml");
    return true;
}

static enum status write_one(const struct network *network, int32_t intersection, const char *path,
                             struct problem *problem)
{
    errno = 0;
    FILE *file = fopen(path, "wb");
    bool written = file != NULL;
    if (written) {
        site_write(network, (struct intersection_id){ intersection }, file);
        written = ferror(file) == 0;
        written = fclose(file) == 0 && written;
    }
    return written
        ? STATUS_OK : problem_report(problem, STATUS_IO, path, NULL, "check the folder and the space on the disk",
                                                "cannot be written: %s", strerror(errno));
}

enum status site_export(const struct network *network, const char *folder, bool overwrite, struct problem *problem)
{
    char path[PATH_BYTES_MAX];
    struct stat found;
    if (mkdir(folder, 0777) != 0 && errno != EEXIST) {
        return problem_report(problem, STATUS_IO, folder, NULL, "name a folder in one that exists",
                              "cannot be made: %s",
                              strerror(errno));
    }
    for (int32_t i = 0; i < network->intersection_count; i++) {
        if (!file_path(network, i, folder, path)) {
            return problem_report(problem, STATUS_LIMIT, folder, NULL, "give it a shorter name",
                                  "the name of intersection %d makes no file name", i);
        }
        if (!overwrite && stat(path, &found) == 0) {
            return problem_report(problem, STATUS_REFUSED, path, NULL, "export to another folder, or say --overwrite",
                                  "is there already, and may be signed");
        }
    }
    for (int32_t i = 0; i < network->intersection_count; i++) {
        (void)file_path(network, i, folder, path);
        enum status status = write_one(network, i, path, problem);
        if (status != STATUS_OK) {
            return status;
        }
    }
    return STATUS_OK;
}

// What site_diff goes on with: the intersection, and where lines go.
struct difference {
    const struct network *before, *after;
    const struct intersection *old, *new;
    struct import_report *lines;
    const char *name;
};

static void diff_ms(const struct difference *difference, const char *what, const char *of, int32_t before,
                    int32_t after)
{
    if (before != after) {
        import_note(difference->lines, NOTE_DERIVED, "%s: %s%s%s%s %g s -> %g s", difference->name, of[0]
                    ? "group '" : "",
                    of, of[0] ? "': " : "", what, s_from_ms(before), s_from_ms(after));
    }
}

static void diff_groups(const struct difference *difference)
{
    for (int32_t i = 0; i < difference->old->group_count; i++) {
        const struct signal_group *a = &difference->before->groups[difference->old->first_group + i];
        const struct signal_group *b = &difference->after->groups[difference->new->first_group + i];
        const char *name = site_local_name(difference->before, difference->old, a->name);
        if (a->kind != b->kind) {
            import_note(difference->lines, NOTE_DERIVED, "%s: group '%s': kind %s -> %s", difference->name, name,
                        GROUP_KINDS[a->kind], GROUP_KINDS[b->kind]);
        }
        diff_ms(difference, "minimum green", name, a->green_ms_min, b->green_ms_min);
        diff_ms(difference, "maximum green", name, a->green_ms_max, b->green_ms_max);
        diff_ms(difference, "maximum red", name, a->red_ms_max, b->red_ms_max);
        diff_ms(difference, "maximum red in an emergency", name, a->red_ms_max_emergency, b->red_ms_max_emergency);
        diff_ms(difference, "yellow", name, a->yellow_ms, b->yellow_ms);
        diff_ms(difference, "red clearance", name, a->red_clearance_ms, b->red_clearance_ms);
        if (a->on_call != b->on_call) {
            import_note(difference->lines, NOTE_DERIVED, "%s: group '%s': on call %s -> %s", difference->name, name,
                        a->on_call ? "true" : "false", b->on_call ? "true" : "false");
        }
    }
}

static void diff_intergreens(const struct difference *difference)
{
    for (int32_t i = 0; i < difference->old->group_count; i++) {
        for (int32_t j = 0; j < difference->old->group_count; j++) {
            int32_t a = network_intergreen_ms(difference->before, difference->old, i, j);
            int32_t b = network_intergreen_ms(difference->after, difference->new, i, j);
            const struct signal_group *groups = difference->before->groups + difference->old->first_group;
            const char *one = site_local_name(difference->before, difference->old, groups[i].name);
            const char *other = site_local_name(difference->before, difference->old, groups[j].name);
            if (a >= 0 && b >= 0 && a != b) {
                import_note(difference->lines, NOTE_DERIVED, "%s: intergreen '%s' to '%s' %g s -> %g s",
                            difference->name,
                            one, other, s_from_ms(a), s_from_ms(b));
            } else if (a != b && b < 0 && i < j) {
                import_note(difference->lines, NOTE_WARNING, "%s: '%s' and '%s' no longer conflict", difference->name,
                            one,
                            other);
            } else if (a != b && a < 0) {
                import_note(difference->lines, NOTE_DERIVED, "%s: '%s' and '%s' conflict now, intergreen %g s",
                            difference->name, one, other, s_from_ms(b));
            }
        }
    }
}

static const struct stage *stage_named(const struct network *network, const struct intersection *at, const char *name)
{
    for (int32_t s = 0; s < at->stage_count; s++) {
        const struct stage *stage = &network->stages[at->first_stage + s];
        if (site_name_is(network, at, stage->name, name)) {
            return stage;
        }
    }
    return NULL;
}

static void diff_stages(const struct difference *difference)
{
    for (int32_t s = 0; s < difference->old->stage_count; s++) {
        const struct stage *a = &difference->before->stages[difference->old->first_stage + s];
        const char *name = site_local_name(difference->before, difference->old, a->name);
        const struct stage *b = stage_named(difference->after, difference->new, name);
        if (b == NULL) {
            import_note(difference->lines, NOTE_DERIVED, "%s: stage '%s' is no longer allowed", difference->name, name);
        } else if (a->groups != b->groups || a->green_ms_min != b->green_ms_min || a->green_ms_max != b->green_ms_max) {
            import_note(difference->lines, NOTE_DERIVED, "%s: stage '%s' has other groups or other times",
                        difference->name,
                        name);
        }
    }
    for (int32_t s = 0; s < difference->new->stage_count; s++) {
        const char *name = site_local_name(difference->after, difference->new,
                                           difference->after->stages[difference->new->first_stage + s].name);
        if (stage_named(difference->before, difference->old, name) == NULL) {
            import_note(difference->lines, NOTE_DERIVED, "%s: stage '%s' is new", difference->name, name);
        }
    }
}

static const char *coordinated(const struct network *network, const struct intersection *at)
{
    return at->coordinated_stage == INDEX_NONE
        ? "none" : site_local_name(network, at, network->stages[at->first_stage + at->coordinated_stage].name);
}

// The corridors of the one that are none of the other's, by name: two networks number them as they came.
static bool corridors_within(const struct network *of, uint64_t corridors, const struct network *other,
                             uint64_t other_corridors)
{
    for (int32_t i = 0; i < of->corridors.count; i++) {
        int32_t there = (corridors >> i & 1) != 0 ? names_find(&other->corridors, names_text(&of->corridors, i)) : 0;
        if ((corridors >> i & 1) != 0 && (there == NAME_NONE || (other_corridors >> there & 1) == 0)) {
            return false;
        }
    }
    return true;
}

static bool same_greens(const struct difference *difference)
{
    if (difference->old->green_count != difference->new->green_count) {
        return false;
    }
    for (int32_t g = 0; g < difference->old->green_count; g++) {
        const struct program_green *a = &difference->before->program_greens[difference->old->first_green + g];
        const struct program_green *b = &difference->after->program_greens[difference->new->first_green + g];
        if (a->group != b->group || a->start_ms != b->start_ms || a->end_ms != b->end_ms) {
            return false;
        }
    }
    return true;
}

static void diff_detectors(const struct network *before, const struct network *after, struct import_report *lines)
{
    for (int32_t i = 0; i < after->detector_count; i++) {
        const struct detector *b = &after->detectors[i];
        const char *name = network_name(after, b->name);
        const char *at = b->intersection == INDEX_NONE ? "network"
            : network_name(after, after->intersections[b->intersection].name);
        int32_t index = network_find_detector(before, name).index;
        if (index == INDEX_NONE) {
            import_note(lines, NOTE_DERIVED, "%s: detector '%s' is new", at, name);
            continue;
        }
        const struct detector *a = &before->detectors[index];
        if (a->lane != b->lane || a->place != b->place || fabs(a->to_stop_m - b->to_stop_m) > 0.0
            || fabs(a->length_m - b->length_m) > 0.0) {
            import_note(lines, NOTE_DERIVED, "%s: detector '%s' lies elsewhere or is of another kind", at, name);
        }
    }
}

void site_diff(const struct network *before, const struct network *after, struct import_report *ret)
{
    for (int32_t i = 0; i < before->intersection_count && i < after->intersection_count; i++) {
        struct difference difference = { before, after, &before->intersections[i], &after->intersections[i], ret,
            network_name(before, before->intersections[i].name) };
        const struct intersection *a = difference.old, *b = difference.new;
        diff_ms(&difference, "quantum", "", a->quantum_ms, b->quantum_ms);
        diff_ms(&difference, "shortest cycle", "", a->cycle_ms_min, b->cycle_ms_min);
        diff_ms(&difference, "longest cycle", "", a->cycle_ms_max, b->cycle_ms_max);
        diff_groups(&difference);
        diff_intergreens(&difference);
        diff_stages(&difference);
        if (strcmp(coordinated(before, a), coordinated(after, b)) != 0) {
            import_note(ret, NOTE_DERIVED, "%s: coordinated stage '%s' -> '%s'", difference.name, coordinated(before,
                                                                                                              a),
                        coordinated(after, b));
        }
        if (!corridors_within(before, a->corridors, after, b->corridors)
            || !corridors_within(after, b->corridors, before, a->corridors)) {
            import_note(ret, NOTE_DERIVED, "%s: lies on other corridors", difference.name);
        }
        diff_ms(&difference, "cycle of its program", "", a->cycle_ms, b->cycle_ms);
        diff_ms(&difference, "offset of its program", "", a->offset_ms, b->offset_ms);
        if (!same_greens(&difference)) {
            import_note(ret, NOTE_DERIVED, "%s: its program has other greens", difference.name);
        }
        if (a->falls_back_to_actuated != b->falls_back_to_actuated) {
            import_note(ret, NOTE_DERIVED, "%s: falls back to %s", difference.name,
                        b->falls_back_to_actuated ? "actuated control" : "its program");
        }
        if (a->approved != b->approved) {
            import_note(ret, NOTE_DERIVED, "%s: %s", difference.name, b->approved ? "approved" : "no longer approved");
        }
    }
    diff_detectors(before, after, ret);
}
