#include "engine/optimize/priority.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"
#include "engine/model/units.h"

static const double CLEAR_LOST_S = 3.0;           // until the first of a queue is under way
static const double CLEAR_HEADWAY_S = 2.0;        // and each of it over the line [HCM2000]
static const double MARGIN_S = 6.0;               // a driver brakes for a red that he sees so far ahead
static const int64_t SILENT_MS = 1500;            // longer than between two reports
static const double AT_LINE_S = 3.0;              // so near a line a vehicle may be inside when it is not heard again
static const double TRANSIT_VEHICLES = 10.0;      // cars' worth of people in a bus
static const double TRANSIT_LATE_S = 60.0, TRANSIT_LATE_FULL_S = 300.0;   // from when on, and when in full
static const int64_t TRANSIT_AHEAD_MS = 40000;    // a call farther away does not weigh yet
static const double TRANSIT_WEIGHT_MAX = 8.0;
#define CALL_COUNT_MAX ((size_t)PRIORITY_VEHICLE_COUNT_MAX * PRIORITY_CALL_COUNT_MAX)

void priority_create(struct priority_book *book, const struct network *network)
{
    *book = (struct priority_book){ .network = network };
    book->vehicles = memory_take(PRIORITY_VEHICLE_COUNT_MAX, sizeof *book->vehicles);
    book->first = memory_take((size_t)network->intersection_count, sizeof *book->first);
    book->next = memory_take(CALL_COUNT_MAX, sizeof *book->next);
    book->called = memory_take(CALL_COUNT_MAX, sizeof *book->called);
}

void priority_release(struct priority_book *book)
{
    free(book->vehicles);
    free(book->first);
    free(book->next);
    free(book->called);
    *book = (struct priority_book){ 0 };
}

// ---- requests ------------------------------------------------------------------------------------------------------

// The groups of the intersection at the end of a link that let go towards another; from `lane` alone where that leads
// there. *ret_length_m is the way through, -1 where there is none.
static uint64_t turn_groups(const struct network *network, int32_t link, int32_t lane, int32_t to_link,
                            int32_t *ret_intersection, double *ret_length_m)
{
    const struct link *at = &network->links[link];
    uint64_t all = 0, own = 0;
    *ret_intersection = INDEX_NONE;
    *ret_length_m = -1.0;
    for (int32_t l = at->first_lane; l < at->first_lane + at->lane_count; l++) {
        for (int32_t i = 0; i < network->lanes[l].connection_count; i++) {
            const struct connection *connection = &network->connections[network->lanes[l].first_connection + i];
            if (network->lanes[connection->to_lane].link != to_link) {
                continue;
            }
            *ret_length_m = connection->length_m;
            if (connection->group != INDEX_NONE) {
                int32_t intersection = network->groups[connection->group].intersection;
                uint64_t bit = UINT64_C(1) << (connection->group - network->intersections[intersection].first_group);
                *ret_intersection = intersection;
                all |= bit;
                own |= l == lane ? bit : 0;
            }
        }
    }
    return own != 0 ? own : all;
}

static bool said_valid(const struct network *network, const struct priority *said)
{
    if (said->lane < 0 || said->lane >= network->lane_count || said->to_stop_mm < 0 || said->departs_in_ms < 0
        || said->route_count < 1
        || (said->kind != PRIORITY_EMERGENCY && said->kind != PRIORITY_TRANSIT)
        || said->route[0] != network->lanes[said->lane].link) {
        return false;
    }
    for (int32_t i = 0; i < said->route_count; i++) {
        if (said->route[i] < 0 || said->route[i] >= network->link_count) {
            return false;
        }
    }
    return true;
}

// The stop lines ahead, in order. False when the route is not connected.
static bool calls_fill(const struct network *network, const struct priority *said, int64_t now_ms,
                       struct priority_vehicle *ret)
{
    double ahead_s = s_from_ms(said->departs_in_ms)
        + 0.001 * said->to_stop_mm / network->links[said->route[0]].speed_mps;
    ret->call_count = 0;
    ret->gone_ms = now_ms + (ahead_s <= AT_LINE_S ? PRIORITY_INSIDE_MS : PRIORITY_AGE_MS);
    for (int32_t i = 0; i + 1 < said->route_count; i++) {
        int32_t intersection, to = said->route[i + 1];
        double through_m;
        uint64_t groups = turn_groups(network, said->route[i], i == 0 ? said->lane : INDEX_NONE, to, &intersection,
                                      &through_m);
        if (through_m < 0.0) {
            return false;
        }
        int64_t arrive_ms = now_ms + ms_from_s(ahead_s);
        if (arrive_ms - now_ms > PRIORITY_AHEAD_MS || ret->call_count == PRIORITY_CALL_COUNT_MAX) {
            return true;
        }
        if (groups != 0) {
            ret->calls[ret->call_count++] = (struct priority_call){ .intersection = intersection,
                .link = said->route[i], .to_link = to, .groups = groups, .arrive_ms = arrive_ms };
        }
        ahead_s += (through_m + network->links[to].length_m) / network->links[to].speed_mps;
    }
    return true;
}

bool priority_take(struct priority_book *book, const struct priority *said, int64_t now_ms, int64_t *ret_until_ms)
{
    assert(said != NULL);
    struct priority_vehicle vehicle;
    memset(&vehicle, 0, sizeof vehicle);          // Padding too: it is part of a snapshot.
    vehicle.vehicle = said->vehicle;
    vehicle.seen_ms = now_ms;
    vehicle.kind = said->kind;
    vehicle.late_s = said->late_s;
    *ret_until_ms = now_ms;
    if (!said_valid(book->network, said) || !calls_fill(book->network, said, now_ms, &vehicle)) {
        return false;
    }
    int32_t v = 0;
    while (v < book->count && book->vehicles[v].vehicle != said->vehicle) {
        v++;
    }
    if (v == PRIORITY_VEHICLE_COUNT_MAX) {
        return false;
    }
    book->count += v == book->count ? 1 : 0;
    book->vehicles[v] = vehicle;
    if (vehicle.call_count > 0) {
        *ret_until_ms = vehicle.calls[vehicle.call_count - 1].arrive_ms;
    }
    return true;
}

void priority_begin(struct priority_book *book, int64_t now_ms)
{
    int32_t kept = 0;
    for (int32_t i = 0; i < book->called_count; i++) {
        book->first[book->called[i]] = 0;
    }
    book->called_count = 0;
    for (int32_t v = 0; v < book->count; v++) {
        if (now_ms < book->vehicles[v].gone_ms) {
            book->vehicles[kept++] = book->vehicles[v];
        }
    }
    book->count = kept;
    for (int32_t v = 0; v < book->count; v++) {
        for (int32_t c = 0; c < book->vehicles[v].call_count; c++) {
            int32_t *first = &book->first[book->vehicles[v].calls[c].intersection];
            int32_t index = v * PRIORITY_CALL_COUNT_MAX + c;
            book->next[index] = *first;
            *first = index + 1;
            book->called[book->called_count++] = book->vehicles[v].calls[c].intersection;
        }
    }
}

// ---- what follows --------------------------------------------------------------------------------------------------

static const struct priority_call *call_of(const struct priority_book *book, int32_t index,
                                           const struct priority_vehicle **ret_vehicle)
{
    *ret_vehicle = &book->vehicles[index / PRIORITY_CALL_COUNT_MAX];
    return &(*ret_vehicle)->calls[index % PRIORITY_CALL_COUNT_MAX];
}

// The emergency vehicle that comes first; equals by number.
static const struct priority_call *first_emergency(const struct priority_book *book, int32_t intersection,
                                                   const struct priority_vehicle **ret_vehicle)
{
    const struct priority_call *best = NULL;
    for (int32_t i = book->first[intersection]; i != 0; i = book->next[i - 1]) {
        const struct priority_vehicle *vehicle;
        const struct priority_call *call = call_of(book, i - 1, &vehicle);
        if (vehicle->kind == PRIORITY_EMERGENCY
            && (best == NULL || call->arrive_ms < best->arrive_ms
                || (call->arrive_ms == best->arrive_ms && vehicle->vehicle < (*ret_vehicle)->vehicle))) {
            best = call;
            *ret_vehicle = vehicle;
        }
    }
    return best;
}

// The groups to whose drivers the vehicle gives way where they are green with it.
static uint64_t foes_of(const struct estimate *estimate, const struct priority_call *call)
{
    const struct approaches *approaches = &estimate->approaches;
    const struct intersection_rows *rows = &approaches->at[call->intersection];
    uint64_t foes = 0;
    for (int32_t m = rows->first_movement; m < rows->first_movement + rows->movement_count; m++) {
        const struct movement *movement = &approaches->movements[m];
        int32_t link = estimate->network->lanes[approaches->rows[movement->row].lane].link;
        bool own = link == call->link && movement->to_link == call->to_link && movement->group != INDEX_NONE
            && (call->groups >> movement->group & 1) != 0;
        for (int32_t f = movement->first_foe; own && f < movement->first_foe + movement->foe_count; f++) {
            int32_t group = approaches->movements[approaches->foes[f]].group;
            foes |= group != INDEX_NONE ? UINT64_C(1) << group : 0;
        }
    }
    return foes;
}

// Vehicles of the longest lane among those that the vehicle may use, and among those that it gives way to in a stage.
static double queue_before(const struct estimate *estimate, const struct priority_call *call, uint64_t foes)
{
    const struct intersection_rows *rows = &estimate->approaches.at[call->intersection];
    double queue = 0.0;
    for (int32_t r = rows->first; r < rows->first + rows->count; r++) {
        const struct approach_row *row = &estimate->approaches.rows[r];
        bool own = estimate->network->lanes[row->lane].link == call->link && (row->groups & call->groups) != 0;
        queue = fmax(queue, own ? estimate->rows[r].vehicles
            : (row->groups & foes) != 0 ? estimate->rows[r].queue : 0.0);
    }
    return queue;
}

static double others_served(const struct estimate *estimate, struct intersection_id intersection, uint64_t groups)
{
    double vehicles = 0.0;
    for (int32_t g = 0; g < estimate->network->intersections[intersection.index].group_count; g++) {
        vehicles += (groups >> g & 1) != 0 ? estimate_group_vehicles(estimate, intersection, g) : 0.0;
    }
    return vehicles;
}

static int32_t bits(uint64_t groups)
{
    int32_t count = 0;
    for (; groups != 0; groups &= groups - 1) {
        count++;
    }
    return count;
}

// The stage that serves a call best: most of its groups, then one in which it need not give way, then the one that is
// green, then most of the others.
static int32_t stage_for(const struct priority_book *book, const struct estimate *estimate,
                         const struct priority_call *call, uint64_t foes, int32_t now)
{
    const struct intersection *at = &book->network->intersections[call->intersection];
    int32_t best = INDEX_NONE;
    double most = 0.0;
    for (int32_t s = 0; s < at->stage_count; s++) {
        uint64_t groups = book->network->stages[at->first_stage + s].groups;
        if ((groups & call->groups) == 0) {
            continue;
        }
        double vehicles = s == now ? 1e4
            : fmin(9e3, others_served(estimate, (struct intersection_id){ call->intersection }, groups));
        double worth = 1e5 * bits(groups & call->groups) + ((groups & foes) == 0 ? 5e4 : 0.0) + vehicles;
        if (worth > most) {
            most = worth;
            best = s;
        }
    }
    return best;
}

static double green_s_min(const struct network *network, const struct intersection *at)
{
    int32_t most_ms = 0;
    for (int32_t g = 0; g < at->group_count; g++) {
        int32_t ms = network->groups[at->first_group + g].green_ms_min;
        most_ms = ms > most_ms ? ms : most_ms;
    }
    return s_from_ms(most_ms);
}

// How long it takes to be in `to` when the lamps leave for it now, by way of another stage (or INDEX_NONE).
static double way_s(const struct priority_book *book, const struct transitions *transitions, const struct lamps *lamps,
                    int32_t via, int32_t to)
{
    const struct intersection *at = &book->network->intersections[lamps->intersection];
    int32_t first = via == INDEX_NONE ? to : via;
    int64_t leave_ms = lamps_leave_ms(book->network, lamps, first);
    double wait_s = leave_ms > lamps->at_ms ? s_from_ms(leave_ms - lamps->at_ms) : 0.0;
    double there_s = wait_s + s_from_ms(transition_ms(transitions, lamps->intersection, lamps->stage, first));
    return via == INDEX_NONE || via == to ? there_s
        : there_s + green_s_min(book->network, at)
            + s_from_ms(transition_ms(transitions, lamps->intersection, via, to));
}

// The stage that stops those to whom a vehicle gives way that waits inside for them: the soonest reached.
static int32_t stage_without(const struct priority_book *book, const struct transitions *transitions,
                             const struct lamps *lamps, uint64_t foes)
{
    const struct intersection *at = &book->network->intersections[lamps->intersection];
    int32_t best = INDEX_NONE;
    double least_s = HUGE_VAL;
    for (int32_t s = 0; s < at->stage_count; s++) {
        double there_s = way_s(book, transitions, lamps, INDEX_NONE, s);
        uint64_t goes_on = book->network->stages[at->first_stage + s].groups & lamps->green;
        if ((goes_on & foes) == 0 && there_s < least_s) {
            least_s = there_s;
            best = s;
        }
    }
    return best;
}

// Whether a vehicle that should be over its line by now is heard no more, since it waits inside.
static bool waits_inside(const struct priority_vehicle *vehicle, const struct priority_call *call, int64_t at_ms)
{
    return vehicle->calls == call && vehicle->seen_ms + SILENT_MS <= at_ms && call->arrive_ms + SILENT_MS <= at_ms;
}

bool priority_wish(const struct priority_book *book, const struct estimate *estimate,
                   const struct transitions *transitions, const struct lamps *lamps, int32_t wanted,
                   struct priority_wish *ret)
{
    if (lamps == NULL || lamps->stage == INDEX_NONE || book->first[lamps->intersection] == 0) {
        return false;
    }
    const struct priority_vehicle *vehicle = NULL;
    const struct priority_call *call = first_emergency(book, lamps->intersection, &vehicle);
    if (call == NULL) {
        return false;
    }
    uint64_t foes = foes_of(estimate, call);
    int32_t stage = stage_for(book, estimate, call, foes, lamps->stage);
    if (stage == INDEX_NONE) {
        return false;
    }
    *ret = (struct priority_wish){ .stage = stage, .vehicle = vehicle->vehicle, .arrive_ms = call->arrive_ms };
    uint64_t yields_to = foes & book->network->stages[
        book->network->intersections[lamps->intersection].first_stage + stage].groups;
    if (yields_to != 0 && (lamps->green & yields_to) != 0 && waits_inside(vehicle, call, lamps->at_ms)) {
        int32_t clears = stage_without(book, transitions, lamps, foes);
        ret->stage = clears != INDEX_NONE ? clears : stage;
        return true;
    }
    double need_s = CLEAR_LOST_S + CLEAR_HEADWAY_S * queue_before(estimate, call, yields_to) + MARGIN_S;
    if (wanted != lamps->stage && wanted != stage) {
        need_s += way_s(book, transitions, lamps, wanted, stage);   // Who goes there must come back in time.
    } else if (stage != lamps->stage) {
        need_s += way_s(book, transitions, lamps, INDEX_NONE, stage);
    }
    return s_from_ms(call->arrive_ms - lamps->at_ms) <= need_s;
}

double priority_weight(const struct priority_book *book, const struct estimate *estimate, int32_t row, int64_t at_ms)
{
    const struct approach_row *at = &estimate->approaches.rows[row];
    double more = 0.0;
    for (int32_t i = book->first[at->intersection]; i != 0; i = book->next[i - 1]) {
        const struct priority_vehicle *vehicle;
        const struct priority_call *call = call_of(book, i - 1, &vehicle);
        if (vehicle->kind != PRIORITY_TRANSIT || vehicle->late_s <= TRANSIT_LATE_S
            || call->arrive_ms - at_ms > TRANSIT_AHEAD_MS || (call->groups & at->groups) == 0
            || estimate->network->lanes[at->lane].link != call->link) {
            continue;
        }
        more += TRANSIT_VEHICLES
            * fmin(1.0, (vehicle->late_s - TRANSIT_LATE_S) / (TRANSIT_LATE_FULL_S - TRANSIT_LATE_S));
    }
    return more == 0.0 ? 1.0 : fmin(TRANSIT_WEIGHT_MAX, 1.0 + more / fmax(1.0, estimate->rows[row].vehicles));
}

void priority_snapshot(struct priority_book *book, struct snapshot_walk *walk)
{
    snapshot_column(walk, book->vehicles, PRIORITY_VEHICLE_COUNT_MAX, sizeof *book->vehicles);
    snapshot_column(walk, &book->count, 1, sizeof book->count);
    snapshot_column(walk, book->first, (size_t)book->network->intersection_count, sizeof *book->first);
    snapshot_column(walk, book->next, CALL_COUNT_MAX, sizeof *book->next);
    snapshot_column(walk, book->called, CALL_COUNT_MAX, sizeof *book->called);
    snapshot_column(walk, &book->called_count, 1, sizeof book->called_count);
}
