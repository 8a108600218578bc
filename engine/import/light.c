#include "engine/import/light.h"

#include "engine/model/inside.h"

static bool off_letter(char letter)
{
    return letter == 'o' || letter == 'O';
}

static enum group_kind kind_of_users(uint32_t users)
{
    const uint32_t transit = USER_BUS | USER_TRAM | USER_RAIL;
    const uint32_t beside_transit = USER_TAXI | USER_EMERGENCY | USER_BICYCLE;   // whom bus lanes let in
    if (users != 0 && (users & ~(uint32_t)USER_BICYCLE) == 0) {
        return GROUP_BICYCLE;
    }
    return (users & transit) != 0 && (users & ~(transit | beside_transit)) == 0 ? GROUP_TRANSIT : GROUP_VEHICLE;
}

static void mark_used(const struct network_draft *draft, const struct program_parts *parts, struct light *light)
{
    uint32_t users[DRAFT_STATE_MAX] = { 0 };
    for (int32_t i = parts->first_connection[light->program]; i < parts->first_connection[light->program + 1]; i++) {
        const struct draft_connection *connection = &draft->connections.at[parts->connections[i]];
        light->use[connection->letter] = LETTER_SIGNALLED;
        users[connection->letter] |= draft->lanes.at[connection->from_lane].users
            & draft->lanes.at[connection->to_lane].users;
        light->kind[connection->letter] = kind_of_users(users[connection->letter]);
    }
    for (int32_t i = parts->first_crossing[light->program]; i < parts->first_crossing[light->program + 1]; i++) {
        int32_t letter = draft->crossings.at[parts->crossings[i]].letter;
        if (light->use[letter] == LETTER_UNUSED) {   // shared with vehicles: the vehicles' rules hold
            light->use[letter] = LETTER_SIGNALLED;
            light->kind[letter] = GROUP_PEDESTRIAN;
        }
    }
}

// Letters that let vehicles onto a short link inside the signal are apart from all others: who may be let in depends on
// who is inside (engine/model/inside.h).
static void mark_inside(const struct network_draft *draft, const struct program_parts *parts, struct light *light)
{
    for (int32_t i = parts->first_connection[light->program]; i < parts->first_connection[light->program + 1]; i++) {
        const struct draft_connection *connection = &draft->connections.at[parts->connections[i]];
        int32_t to = draft->lanes.at[connection->to_lane].link;
        const struct draft_link *link = &draft->links.at[to];
        bool inside = link->length_m < INSIDE_LINK_M_MAX && link->from_junction != INDEX_NONE
            && link->to_junction != INDEX_NONE && draft->junctions.at[link->from_junction].program == light->program
            && draft->junctions.at[link->to_junction].program == light->program;
        if (inside) {
            light->inside[connection->letter] = to + 1;
        }
    }
}

static bool same_group(const struct draft_phase *phases, int32_t count, const struct light *light, int32_t a, int32_t b)
{
    if (light->kind[a] != light->kind[b] || light->inside[a] != light->inside[b]) {
        return false;
    }
    for (int32_t p = 0; p < count; p++) {
        if (letter_is_green(phases[p].state[a]) != letter_is_green(phases[p].state[b])) {
            return false;
        }
    }
    return true;
}

static void letter_read(const struct draft_phase *phases, int32_t count, int32_t letter, struct light *ret)
{
    int32_t green = 0, off = 0;
    for (int32_t p = 0; p < count; p++) {
        green += letter_is_green(phases[p].state[letter]);
        off += off_letter(phases[p].state[letter]);
        ret->turns_on_red[letter] |= phases[p].state[letter] == 's';
    }
    if (green + off == count) {
        ret->use[letter] = LETTER_FREE;
        return;
    }
    if (green == 0) {
        ret->use[letter] = LETTER_CLOSED;
        return;
    }
    for (int32_t other = 0; other < letter; other++) {
        if (ret->use[other] == LETTER_SIGNALLED && same_group(phases, count, ret, other, letter)) {
            ret->group[letter] = ret->group[other];
            return;
        }
    }
    ret->group[letter] = ret->group_count++;
}

void light_read(const struct network_draft *draft, const struct program_parts *parts, int32_t program,
                struct light *ret)
{
    *ret = (struct light){ .program = program, .letter_count = draft->programs.at[program].letter_count };
    mark_used(draft, parts, ret);
    mark_inside(draft, parts, ret);
    for (int32_t letter = 0; letter < ret->letter_count; letter++) {
        ret->group[letter] = INDEX_NONE;
        if (ret->use[letter] == LETTER_SIGNALLED) {
            letter_read(light_phases(draft, program), draft->programs.at[program].phase_count, letter, ret);
        }
    }
}
