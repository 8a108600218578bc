#include "engine/import/draft.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

void draft_create(struct network_draft *draft)
{
    *draft = (struct network_draft){ 0 };
}

void draft_release(struct network_draft *draft)
{
    names_release(&draft->names);
    free(draft->points.at);
    free(draft->junctions.at);
    free(draft->links.at);
    free(draft->lanes.at);
    free(draft->connections.at);
    free(draft->foes.at);
    free(draft->crossings.at);
    free(draft->programs.at);
    free(draft->phases.at);
    free(draft->states.at);
    free(draft->detectors.at);
    free(draft->cameras.at);
    *draft = (struct network_draft){ 0 };
}

int32_t draft_point(struct network_draft *draft, double x_m, double y_m)
{
    *GROW(draft->points) = (struct point){ x_m, y_m };
    return draft->points.count - 1;
}

char draft_letter(const struct network_draft *draft, const struct draft_phase *phase, int32_t letter)
{
    assert(letter >= 0);
    assert(phase->first_letter + letter < draft->states.count);
    return draft->states.at[phase->first_letter + letter];
}

static bool within(int32_t index, int32_t count)
{
    return index >= 0 && index < count;
}

static bool none_or_within(int32_t index, int32_t count)
{
    return index == INDEX_NONE || within(index, count);
}

static bool span_within(int32_t first, int32_t count, int32_t total)
{
    return first >= 0 && count >= 0 && first <= total && count <= total - first;
}

// The first list that holds an index out of range, or NULL.
static const char *stray_index(const struct network_draft *draft)
{
    for (int32_t i = 0; i < draft->links.count; i++) {
        const struct link *link = &draft->links.at[i];
        if (!within(link->from_junction, draft->junctions.count) || !within(link->to_junction, draft->junctions.count)
            || !span_within(link->first_point, link->point_count, draft->points.count)
            || !within(link->name, draft->names.count)) {
            return "links";
        }
    }
    for (int32_t i = 0; i < draft->lanes.count; i++) {
        if (!within(draft->lanes.at[i].link, draft->links.count) || draft->lanes.at[i].position < 0) {
            return "lanes";
        }
    }
    for (int32_t i = 0; i < draft->connections.count; i++) {
        const struct draft_connection *connection = &draft->connections.at[i];
        if (!within(connection->from_lane, draft->lanes.count) || !within(connection->to_lane, draft->lanes.count)
            || !within(connection->junction, draft->junctions.count)
            || !none_or_within(connection->program, draft->programs.count)
            || !span_within(connection->first_point, connection->point_count, draft->points.count)
            || (connection->program != INDEX_NONE
                && !none_or_within(connection->letter, draft->programs.at[connection->program].letter_count))) {
            return "connections";
        }
    }
    for (int32_t i = 0; i < draft->foes.count; i++) {
        if (!within(draft->foes.at[i].connection, draft->connections.count)
            || !within(draft->foes.at[i].foe, draft->connections.count)) {
            return "foes";
        }
    }
    return NULL;
}

// The same for signals and sensors.
static const char *stray_signal_index(const struct network_draft *draft)
{
    for (int32_t i = 0; i < draft->junctions.count; i++) {
        if (!none_or_within(draft->junctions.at[i].intersection, draft->programs.count)
            || !within(draft->junctions.at[i].name, draft->names.count)) {
            return "junctions";
        }
    }
    for (int32_t i = 0; i < draft->crossings.count; i++) {
        const struct draft_crossing *crossing = &draft->crossings.at[i];
        if (!within(crossing->junction, draft->junctions.count)
            || !none_or_within(crossing->program, draft->programs.count)
            || !span_within(crossing->first_point, crossing->point_count, draft->points.count)
            || (crossing->program != INDEX_NONE
                && !none_or_within(crossing->letter, draft->programs.at[crossing->program].letter_count))) {
            return "crossings";
        }
    }
    for (int32_t i = 0; i < draft->programs.count; i++) {
        const struct draft_program *program = &draft->programs.at[i];
        if (program->letter_count < 0 || !within(program->name, draft->names.count)
            || !span_within(program->first_phase, program->phase_count, draft->phases.count)) {
            return "programs";
        }
        for (int32_t j = 0; j < program->phase_count; j++) {
            if (!span_within(draft->phases.at[program->first_phase + j].first_letter, program->letter_count,
                             draft->states.count)) {
                return "phases";
            }
        }
    }
    for (int32_t i = 0; i < draft->detectors.count; i++) {
        if (!within(draft->detectors.at[i].lane, draft->lanes.count)) {
            return "detectors";
        }
    }
    for (int32_t i = 0; i < draft->cameras.count; i++) {
        if (!within(draft->cameras.at[i].lane, draft->lanes.count)) {
            return "cameras";
        }
    }
    return NULL;
}

// A row's keys and where it stood. Compared key by key, then by where it stood: a stable order.
struct rank {
    int32_t key[3], old;
};

static int rank_compare(const void *left, const void *right)
{
    const struct rank *a = left, *b = right;
    for (int i = 0; i < 3; i++) {
        if (a->key[i] != b->key[i]) {
            return a->key[i] < b->key[i] ? -1 : 1;
        }
    }
    return (a->old > b->old) - (a->old < b->old);
}

// Sorts ranks; ret_new[old] = the new place of each row.
static void ranks_sort(struct rank *ranks, int32_t count, int32_t *ret_new)
{
    if (count > 0) {
        qsort(ranks, (size_t)count, sizeof *ranks, rank_compare);
    }
    for (int32_t i = 0; i < count; i++) {
        ret_new[ranks[i].old] = i;
    }
}

static void lanes_sort(struct network_draft *draft)
{
    int32_t count = draft->lanes.count;
    struct rank *ranks = memory_take((size_t)count, sizeof *ranks);
    int32_t *moved = memory_take((size_t)count, sizeof *moved);
    for (int32_t i = 0; i < count; i++) {
        const struct lane *lane = &draft->lanes.at[i];
        ranks[i] = (struct rank){ { lane->link, lane->position, 0 }, i };
    }
    ranks_sort(ranks, count, moved);
    struct lane *lanes = memory_take((size_t)count, sizeof *lanes);
    for (int32_t i = 0; i < count; i++) {
        lanes[i] = draft->lanes.at[ranks[i].old];
    }
    free(draft->lanes.at);
    draft->lanes.at = lanes;
    draft->lanes.capacity = count;
    for (int32_t i = 0; i < draft->connections.count; i++) {
        draft->connections.at[i].from_lane = moved[draft->connections.at[i].from_lane];
        draft->connections.at[i].to_lane = moved[draft->connections.at[i].to_lane];
    }
    for (int32_t i = 0; i < draft->detectors.count; i++) {
        draft->detectors.at[i].lane = moved[draft->detectors.at[i].lane];
    }
    for (int32_t i = 0; i < draft->cameras.count; i++) {
        draft->cameras.at[i].lane = moved[draft->cameras.at[i].lane];
    }
    free(ranks);
    free(moved);
}

static void connections_sort(struct network_draft *draft)
{
    int32_t count = draft->connections.count;
    struct rank *ranks = memory_take((size_t)count, sizeof *ranks);
    int32_t *moved = memory_take((size_t)count, sizeof *moved);
    for (int32_t i = 0; i < count; i++) {
        const struct draft_connection *connection = &draft->connections.at[i];
        ranks[i] = (struct rank){ { connection->from_lane, connection->junction, connection->to_lane }, i };
    }
    ranks_sort(ranks, count, moved);
    struct draft_connection *connections = memory_take((size_t)count, sizeof *connections);
    for (int32_t i = 0; i < count; i++) {
        connections[i] = draft->connections.at[ranks[i].old];
    }
    free(draft->connections.at);
    draft->connections.at = connections;
    draft->connections.capacity = count;
    for (int32_t i = 0; i < draft->foes.count; i++) {
        draft->foes.at[i].connection = moved[draft->foes.at[i].connection];
        draft->foes.at[i].foe = moved[draft->foes.at[i].foe];
    }
    free(ranks);
    free(moved);
}

static enum status lanes_count(struct network_draft *draft, const char *source, struct problem *ret)
{
    for (int32_t i = 0; i < draft->links.count; i++) {
        draft->links.at[i].first_lane = draft->links.at[i].lane_count = 0;
    }
    for (int32_t i = 0; i < draft->lanes.count; i++) {
        struct link *link = &draft->links.at[draft->lanes.at[i].link];
        if (link->lane_count == 0) {
            link->first_lane = i;
        }
        if (draft->lanes.at[i].position != link->lane_count) {
            return problem_report(ret, STATUS_RANGE, source, names_text(&draft->names, link->name),
                                  "number the lanes of a link 0, 1, 2 ... without gaps",
                                  "lane %d stands where lane %d is due", draft->lanes.at[i].position,
                                  link->lane_count);
        }
        link->lane_count++;
    }
    int32_t lane = 0;
    for (int32_t i = 0; i < draft->links.count; i++) {
        if (draft->links.at[i].lane_count == 0) {
            return problem_report(ret, STATUS_RANGE, source, names_text(&draft->names, draft->links.at[i].name),
                                  "give the link a lane or take the link out", "a link without lanes");
        }
        assert(draft->links.at[i].first_lane == lane);
        lane += draft->links.at[i].lane_count;
    }
    return STATUS_OK;
}

enum status draft_sort(struct network_draft *draft, const char *source, struct problem *ret)
{
    const char *stray = stray_index(draft);
    stray = stray != NULL ? stray : stray_signal_index(draft);
    if (stray != NULL) {
        return problem_report(ret, STATUS_RANGE, source, stray, "check what the entry names",
                              "an entry names something that is not there");
    }
    lanes_sort(draft);
    connections_sort(draft);
    enum status status = lanes_count(draft, source, ret);
    if (status != STATUS_OK) {
        return status;
    }
    int32_t connection = 0;
    for (int32_t i = 0; i < draft->lanes.count; i++) {
        struct lane *lane = &draft->lanes.at[i];
        lane->first_connection = connection;
        while (connection < draft->connections.count && draft->connections.at[connection].from_lane == i) {
            connection++;
        }
        lane->connection_count = connection - lane->first_connection;
    }
    return STATUS_OK;
}
