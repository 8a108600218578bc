#include "engine/import/group_parts.h"

#include <stdlib.h>

#include "engine/base/memory.h"
#include "engine/model/network.h"

// One program under examination; letters stand for the parts that they are the first of.
struct parting {
    const struct network_draft *draft;
    const struct program_parts *parts;
    const int32_t *renumbered;
    const struct network *network;
    const struct light *light;
    int32_t *letter_of;              // by connection of the network; INDEX_NONE for those of other programs
    int32_t part[DRAFT_STATE_MAX];   // the first letter of the part that a letter is in
    bool *conflict;                  // of parts, letter_count by letter_count
};

static const struct draft_connection *connection_at(const struct parting *in, int32_t i)
{
    return &in->draft->connections.at[in->parts->connections[i]];
}

static bool same_group(const struct parting *in, int32_t a, int32_t b)
{
    return in->light->group[a] != INDEX_NONE && in->light->group[a] == in->light->group[b];
}

static void join(struct parting *in, int32_t a, int32_t b)
{
    int32_t kept = in->part[a] < in->part[b] ? in->part[a] : in->part[b];
    int32_t gone = in->part[a] < in->part[b] ? in->part[b] : in->part[a];
    for (int32_t letter = 0; letter < in->light->letter_count; letter++) {
        in->part[letter] = in->part[letter] == gone ? kept : in->part[letter];
    }
}

// Parts are the approaches of each group; heads of no connection (crossings) stay together.
static void parts_lay(struct parting *in)
{
    const struct light *light = in->light;
    int32_t first = in->parts->first_connection[light->program];
    int32_t after = in->parts->first_connection[light->program + 1];
    bool driven[DRAFT_STATE_MAX] = { false };
    for (int32_t letter = 0; letter < light->letter_count; letter++) {
        in->part[letter] = letter;
    }
    for (int32_t i = first; i < after; i++) {
        const struct draft_connection *a = connection_at(in, i);
        driven[a->letter] = true;
        for (int32_t j = first; j < i; j++) {
            const struct draft_connection *b = connection_at(in, j);
            bool one = in->draft->lanes.at[a->from_lane].link == in->draft->lanes.at[b->from_lane].link;
            if (one && same_group(in, a->letter, b->letter)) {
                join(in, a->letter, b->letter);
            }
        }
    }
    for (int32_t a = 0; a < light->letter_count; a++) {
        for (int32_t b = 0; b < a; b++) {
            if (same_group(in, a, b) && !driven[a] && !driven[b]) {
                join(in, a, b);
            }
        }
    }
}

static bool green_together(const struct parting *in, int32_t a, int32_t b)
{
    const struct draft_phase *phases = light_phases(in->draft, in->light->program);
    for (int32_t p = 0; p < in->draft->programs.at[in->light->program].phase_count; p++) {
        if (letter_is_green(phases[p].state[a]) && letter_is_green(phases[p].state[b])) {
            return true;
        }
    }
    return false;
}

// Calls `meet` for any two letters whose connections meet.
static void meetings_walk(struct parting *in, void (*meet)(struct parting *in, int32_t a, int32_t b))
{
    int32_t program = in->light->program;
    for (int32_t i = in->parts->first_connection[program]; i < in->parts->first_connection[program + 1]; i++) {
        int32_t own = in->renumbered[in->parts->connections[i]];
        for (int32_t f = 0; own != INDEX_NONE && f < in->network->connections[own].foe_count; f++) {
            int32_t foe = in->network->foes[in->network->connections[own].first_foe + f].connection;
            int32_t a = connection_at(in, i)->letter, b = in->letter_of[foe];
            if (b != INDEX_NONE && in->light->group[a] != INDEX_NONE && in->light->group[b] != INDEX_NONE) {
                meet(in, a, b);
            }
        }
    }
}

static void meet_within(struct parting *in, int32_t a, int32_t b)
{
    if (same_group(in, a, b)) {
        join(in, a, b);
    }
}

static void meet_across(struct parting *in, int32_t a, int32_t b)
{
    if (!green_together(in, a, b)) {
        int32_t p = in->part[a], q = in->part[b];
        in->conflict[p * in->light->letter_count + q] = in->conflict[q * in->light->letter_count + p] = true;
    }
}

static bool is_part(const struct parting *in, int32_t letter)
{
    return in->light->group[letter] != INDEX_NONE && in->part[letter] == letter;
}

// Whether somebody may go with one part of the group and not with another.
static bool group_parts(const struct parting *in, int32_t group)
{
    int32_t count = in->light->letter_count;
    for (int32_t q = 0; q < count; q++) {
        bool with = false, without = false;
        for (int32_t p = 0; p < count && is_part(in, q) && in->light->group[q] != group; p++) {
            bool own = is_part(in, p) && in->light->group[p] == group;
            with = with || (own && !in->conflict[p * count + q]);
            without = without || (own && in->conflict[p * count + q]);
        }
        if (with && without) {
            return true;
        }
    }
    return false;
}

// group[letter] of the light as it will be; returns their number.
static int32_t groups_number(const struct parting *in, int32_t *group)
{
    bool parted[DRAFT_STATE_MAX];
    int32_t count = 0;
    for (int32_t g = 0; g < in->light->group_count; g++) {
        parted[g] = group_parts(in, g);
    }
    for (int32_t letter = 0; letter < in->light->letter_count; letter++) {
        int32_t own = in->light->group[letter];
        group[letter] = INDEX_NONE;
        for (int32_t before = 0; before < letter && own != INDEX_NONE && group[letter] == INDEX_NONE; before++) {
            bool one = same_group(in, before, letter) && (!parted[own] || in->part[before] == in->part[letter]);
            group[letter] = one ? group[before] : INDEX_NONE;
        }
        count += own != INDEX_NONE && group[letter] == INDEX_NONE;
        group[letter] = own != INDEX_NONE && group[letter] == INDEX_NONE ? count - 1 : group[letter];
    }
    return count;
}

void groups_part(const struct network_draft *draft, const struct program_parts *parts, const int32_t *renumbered,
                 const struct network *network, struct light *light)
{
    struct parting in = { .draft = draft, .parts = parts, .renumbered = renumbered, .network = network,
        .light = light, .letter_of = memory_take((size_t)network->connection_count, sizeof *in.letter_of),
        .conflict = memory_take((size_t)light->letter_count * (size_t)light->letter_count, sizeof *in.conflict) };
    for (int32_t i = 0; i < network->connection_count; i++) {
        in.letter_of[i] = INDEX_NONE;
    }
    for (int32_t i = parts->first_connection[light->program]; i < parts->first_connection[light->program + 1]; i++) {
        if (renumbered[parts->connections[i]] != INDEX_NONE) {
            in.letter_of[renumbered[parts->connections[i]]] = connection_at(&in, i)->letter;
        }
    }
    parts_lay(&in);
    meetings_walk(&in, meet_within);
    meetings_walk(&in, meet_across);
    int32_t group[DRAFT_STATE_MAX];
    int32_t count = groups_number(&in, group);
    for (int32_t letter = 0; letter < light->letter_count && count <= GROUP_COUNT_MAX; letter++) {
        light->group[letter] = group[letter];
    }
    light->group_count = count <= GROUP_COUNT_MAX ? count : light->group_count;
    free(in.letter_of);
    free(in.conflict);
}
