// The strategy `adaptive`: at every second the stage that opens the cheapest course of the next minute and a half.
//
// THEORY    horizon.h searches, forecast.h says what will come, outlook.h is what neighbours mean to send. Here the
//           site is put in the search's terms:
//
//             stream     a stop-line lane that some stage holds back; lanes of one link with the same groups become one
//                        stream where there are more than STREAM_COUNT_MAX
//             capacity   saturation flow; less where some of its vehicles must wait, since they block those behind:
//                        of n vehicles a share of p + p^2 + ... + p^n over n gets through when p may go. Those who give
//                        way are slower, and stand while their foes pass (horizon.h). A queue that did not move for
//                        STUCK_S of its green is taken to be blocked, by whatever it is, until the stage is over,
//                        but not for a stage in which it gives way less
//             weight     falls with the queue on the exits; for those who wait now it rises with the time that the
//                        head of their queue has waited, and with each second more
//             stages     those that serve somebody who will come; one that serves them no better than another is left
//                        out, and better is also what need not give way
//
//           While the present stage cannot be left there is nothing to search.
#include "engine/optimize/strategy.h"

#include <math.h>
#include <string.h>

#include "engine/base/clones.h"
#include "engine/model/units.h"
#include "engine/optimize/forecast.h"

#define SETTLED_S 2                   // a stage that must stay longer than this needs no search
#define START_LOSS_S 0                // the first of a queue crosses the line within a second or two
#define YELLOW_GAIN_S 0               // of the yellow: of a queue hardly anybody still goes
#define GREEN_VEHICLES 5              // of a lane, let go by one green: what a blocked lane is judged by
#define SOON_S 10                     // who comes by then is counted for a derived stage
#define DERIVED_COUNT 1               // derived stages that are searched beside the green one
#define STUCK_S 5                     // a queue that stands for so long although it is green is stuck
static const float SATURATION_VPS = 0.5f;         // per lane, near HCM's 1900 veh/h
static const float YIELDING_VPS = 0.4f;           // of those who give way while nobody comes: 2.5 s each [HCM2000]
static const float WIDE_TURN = 0.95f;             // part of the saturation flow of those who turn across the opposite
static const float TIGHT_TURN = 0.85f;            // traffic, or to their own side or round [HCM2000, exhibit 16-7]
static const float SHUT_S = 2.5f;                 // of a gap that each vehicle on a foe's lane shuts
static const float STUCK_VPS = 0.02f;
static const float YIELDS_LESS = 0.01f;           // of the time of a lane's vehicles: less is as much
static const float WAITED_WEIGHT = 0.01f;         // per second that the head of a queue has waited, or is to wait
static const float WAITED_S_MAX = 120.0f;
static const double SPACE_M = 7.5;                // of one who stands
static const double EXIT_WEIGHT = 0.1;            // per vehicle that stands on an exit lane
static const float SWITCH_PRICE = 1.0f, END_PRICE = 15.0f, WAIT_PRICE = 15.0f, SERVE_PRICE = 3.0f,
    QUEUE_PRICE = 0.5f;               // horizon.h: half of 1 / 2c of a lane, flat from there to the whole
static const float ASKED_VEH_MIN = 0.3f;          // fewer than this to come by the end of the horizon are nobody

struct adaptive_memory {
    uint64_t stuck_rows;              // queues that did not move although their groups were green
    uint64_t stuck_groups;            // the groups that were green then
};

// What a row lets go in a stage.
struct row_flow {
    float vps;                        // nobody in the way
    float part;                       // of the time per vehicle that is theirs who give way
};

// How the streams of a site lie; filled anew for every search.
struct site {
    const struct view *view;
    const struct intersection *at;
    const struct intersection_rows *rows;
    int8_t stream_of_row[STREAM_COUNT_MAX * 4];
    int32_t row_of_stream[STREAM_COUNT_MAX];      // its first row
    float lanes[STREAM_COUNT_MAX];
    int32_t stream_count;
    int8_t stage[HORIZON_STAGE_COUNT_MAX];        // of the search -> of the site
    struct row_flow flows[STAGE_COUNT_MAX][STREAM_COUNT_MAX];
};

static uint64_t groups_of(const struct site *site, int32_t stage)
{
    return site->view->network->stages[site->at->first_stage + stage].groups;
}

// Groups that every stage shows green hold nobody back.
static uint64_t groups_held(const struct site *site)
{
    uint64_t always = ~UINT64_C(0);
    for (int32_t s = 0; s < site->at->stage_count; s++) {
        always &= groups_of(site, s);
    }
    return ~always;
}

static bool rows_alike(const struct site *site, int32_t a, int32_t b)
{
    const struct approach_row *rows = site->view->estimate->approaches.rows;
    const struct lane *lanes = site->view->network->lanes;
    return rows[a].groups == rows[b].groups && lanes[rows[a].lane].link == lanes[rows[b].lane].link;
}

static void streams_lay(struct site *site, bool merge)
{
    uint64_t held = groups_held(site);
    site->stream_count = 0;
    int32_t before = INDEX_NONE;
    for (int32_t i = 0; i < site->rows->count && i < (int32_t)sizeof site->stream_of_row; i++) {
        int32_t row = site->rows->first + i;
        site->stream_of_row[i] = -1;
        if ((site->view->estimate->approaches.rows[row].groups & held) == 0) {
            continue;
        }
        bool joins = merge && before != INDEX_NONE && rows_alike(site, before, row);
        if (!joins && site->stream_count == STREAM_COUNT_MAX) {
            site->stream_count++;     // One too many: to be merged.
            return;
        }
        if (!joins) {
            site->row_of_stream[site->stream_count] = row;
            site->lanes[site->stream_count++] = 0.0f;
        }
        site->stream_of_row[i] = (int8_t)(site->stream_count - 1);
        site->lanes[site->stream_count - 1] += 1.0f;
        before = row;
    }
}

static bool movement_goes(const struct movement *movement, uint64_t green)
{
    return movement->group == INDEX_NONE || (green >> movement->group & 1) != 0;
}

static bool movement_yields(const struct approaches *approaches, const struct movement *movement, uint64_t green)
{
    for (int32_t f = movement->first_foe; f < movement->first_foe + movement->foe_count; f++) {
        if (movement_goes(&approaches->movements[approaches->foes[f]], green)) {
            return true;
        }
    }
    return false;
}

// Saturation flow of a movement of whom nobody is in the way.
static float saturation_vps(const struct network *network, enum turn turn)
{
    enum turn wide = network->left_hand ? TURN_RIGHT : TURN_LEFT;
    return turn == TURN_THROUGH ? SATURATION_VPS : SATURATION_VPS * (turn == wide ? WIDE_TURN : TIGHT_TURN);
}

// Vehicles whose movement is red block the lane for the others.
static struct row_flow row_flow_of(const struct site *site, int32_t row, uint64_t green)
{
    const struct approaches *approaches = &site->view->estimate->approaches;
    const struct approach_row *at = &approaches->rows[row];
    float share = 0.0f, free_s = 0.0f, yielding_s = 0.0f;
    for (int32_t m = at->first_movement; m < at->first_movement + at->movement_count; m++) {
        const struct movement *movement = &approaches->movements[m];
        if (movement_goes(movement, green)) {
            float part = (float)estimate_share(site->view->estimate, m);
            bool yields = movement_yields(approaches, movement, green);
            share += part;
            free_s += yields ? 0.0f : part / saturation_vps(site->view->network, movement->turn);
            yielding_s += yields ? part / YIELDING_VPS : 0.0f;
        }
    }
    if (share <= 0.0f) {
        return (struct row_flow){ 0.0f, 0.0f };
    }
    float open = 0.0f;                // mean over a green's vehicles of the chance that nobody before had to stay
    for (int32_t i = 0; i < GREEN_VEHICLES; i++) {
        open = share * (1.0f + open);
    }
    open *= 1.0f / GREEN_VEHICLES;
    float vps = share / (free_s + yielding_s) * (share > 0.999f ? 1.0f : open / share);
    return (struct row_flow){ vps, yielding_s / (free_s + yielding_s) };
}

static bool row_moved(const struct view *view, const struct approach_row *row)
{
    int64_t now_s = quantum_floor(view->now_ms, MS_PER_S) / MS_PER_S;
    double left = 0.0;
    for (int32_t m = row->first_movement; m < row->first_movement + row->movement_count; m++) {
        for (int32_t ago_s = 0; ago_s < STUCK_S; ago_s++) {
            left += upstream_left_in(&view->estimate->upstream, m, now_s, ago_s);
        }
    }
    return left > 0.0;
}

// Notes which queues stand although they are green: whoever is first cannot go, and nobody behind him.
static void stuck_note(const struct site *site, struct adaptive_memory *mine)
{
    const struct view *view = site->view;
    uint64_t green = view->lamps->green;
    if (green != mine->stuck_groups) {
        mine->stuck_rows = 0;
    }
    bool long_green = view->lamps->at_ms - view->lamps->stage_start_ms >= (STUCK_S + 2) * MS_PER_S;
    for (int32_t i = 0; i < site->rows->count && i < 64; i++) {
        const struct approach_row *row = &view->estimate->approaches.rows[site->rows->first + i];
        if ((mine->stuck_rows >> i & 1) == 0 && !(long_green && (row->groups & green) != 0)) {
            continue;
        }
        bool moved = row_moved(view, row);
        bool queue = view->estimate->rows[site->rows->first + i].queue >= 1.0;
        mine->stuck_rows &= ~(moved ? UINT64_C(1) << i : 0);
        if (long_green && (row->groups & green) != 0 && !moved && queue) {
            mine->stuck_rows = (green == mine->stuck_groups ? mine->stuck_rows : 0) | UINT64_C(1) << i;
            mine->stuck_groups = green;
        }
    }
}

static bool row_noted(const struct site *site, const struct adaptive_memory *mine, int32_t row)
{
    int32_t i = row - site->rows->first;
    return i < 64 && (mine->stuck_rows >> i & 1) != 0;
}

// Fills in what a stream lets go in every stage. One that got stuck is blocked in each that shows no more of its groups
// than it had, even where it is red, since a change does not help it. But where some stage lets it give way less, it is
// blocked only where it gives way as much as when it got stuck: it goes in that stage, and is red where it is red.
static void stream_flows(struct site *site, const struct adaptive_memory *mine, int32_t stream)
{
    int32_t row = site->row_of_stream[stream];
    bool noted = row_noted(site, mine, row), helped = false;
    float part = noted ? row_flow_of(site, row, mine->stuck_groups).part - YIELDS_LESS : 0.0f;
    for (int32_t s = 0; s < site->at->stage_count; s++) {
        site->flows[s][stream] = row_flow_of(site, row, groups_of(site, s));
        helped = helped || (site->flows[s][stream].vps > 0.0f && site->flows[s][stream].part < part);
    }
    uint64_t groups = site->view->estimate->approaches.rows[row].groups & ~mine->stuck_groups;
    for (int32_t s = 0; s < site->at->stage_count && noted; s++) {
        struct row_flow *flow = &site->flows[s][stream];
        if ((groups & groups_of(site, s)) == 0 && (!helped || flow->part >= part)) {
            flow->vps = STUCK_VPS;
        }
    }
}

// Falls with the queue on the exits.
static float row_weight(const struct site *site, int32_t row)
{
    const struct estimate *estimate = site->view->estimate;
    const struct approach_row *at = &estimate->approaches.rows[row];
    double exits = 0.0;
    for (int32_t m = at->first_movement; m < at->first_movement + at->movement_count; m++) {
        struct link_id exit = { estimate->approaches.movements[m].to_link };
        exits += estimate_share(estimate, m) * estimate_link_queue(estimate, exit);
    }
    return 1.0f / (float)(1.0 + EXIT_WEIGHT * exits);
}

// How long the head of a row's queue has waited at red, at most WAITED_S_MAX.
static float row_waited_s(const struct site *site, int32_t row)
{
    const struct estimate *estimate = site->view->estimate;
    const struct approach_row *at = &estimate->approaches.rows[row];
    const struct lamps *lamps = site->view->lamps;
    int64_t red_ms = INT64_MIN;
    for (int32_t m = at->first_movement; m < at->first_movement + at->movement_count; m++) {
        const struct movement *movement = &estimate->approaches.movements[m];
        if (movement->group != INDEX_NONE && lamps->end_ms[movement->group] > red_ms) {
            red_ms = lamps->end_ms[movement->group];
        }
    }
    float waited_s = red_ms == INT64_MIN || red_ms >= lamps->at_ms || estimate->rows[row].queue < 0.5
        ? 0.0f : (float)s_from_ms(lamps->at_ms - red_ms);
    return waited_s < WAITED_S_MAX ? waited_s : WAITED_S_MAX;
}

static int32_t seconds_up(int64_t ms)
{
    return (int32_t)((ms + MS_PER_S - 1) / MS_PER_S);
}

// The earliest second at which the present stage may end for any other.
static int32_t leave_s(const struct site *site)
{
    const struct lamps *lamps = site->view->lamps;
    int64_t leave_ms = INT64_MAX;
    for (int32_t s = 0; s < site->at->stage_count; s++) {
        int64_t ms = s == lamps->stage ? INT64_MAX : lamps_leave_ms(site->view->network, lamps, s);
        leave_ms = ms < leave_ms ? ms : leave_ms;
    }
    return leave_ms == INT64_MAX ? HORIZON_S : seconds_up(leave_ms - lamps->at_ms);
}

static int32_t stage_green_s(const struct site *site, int32_t stage)
{
    uint64_t groups = groups_of(site, stage) & groups_held(site);
    int32_t green_ms = site->at->quantum_ms;
    for (int32_t g = 0; g < site->at->group_count; g++) {
        int32_t least_ms = site->view->network->groups[site->at->first_group + g].green_ms_min;
        green_ms = (groups >> g & 1) != 0 && least_ms > green_ms ? least_ms : green_ms;
    }
    return seconds_up(green_ms);
}

static bool stream_asked(const struct horizon *horizon, int32_t stream)
{
    return horizon->arrived[HORIZON_S][stream] >= ASKED_VEH_MIN;
}

static bool stage_serves(const struct site *site, const struct horizon *horizon, int32_t stage)
{
    for (int32_t r = 0; r < site->stream_count; r++) {
        if (stream_asked(horizon, r) && site->flows[stage][r].vps > 0.0f) {
            return true;
        }
    }
    return false;
}

// Whether whoever comes is served by stage b as well as by stage a, be it that he gives way in neither or in both.
static bool stage_covers(const struct site *site, const struct horizon *horizon, int32_t b, int32_t a)
{
    for (int32_t r = 0; r < site->stream_count; r++) {
        const struct row_flow *of_a = &site->flows[a][r], *of_b = &site->flows[b][r];
        if (stream_asked(horizon, r) && (of_b->vps < of_a->vps || of_b->part > of_a->part)) {
            return false;
        }
    }
    return true;
}

// Whether those whom a stage lets in may lock one another up, so that it is not gone to.
static bool locks(const struct site *site, int32_t stage)
{
    return stage_locks(site->view->transitions, site->view->intersection.index, stage);
}

static bool stage_derived(const struct site *site, int32_t stage)
{
    return site->view->network->stages[site->at->first_stage + stage].program_phase == INDEX_NONE;
}

// How many wait, or are about to come, whom the stage serves.
static float stage_asked(const struct site *site, const struct horizon *horizon, int32_t stage)
{
    float vehicles = 0.0f;
    for (int32_t r = 0; r < site->stream_count; r++) {
        vehicles += site->flows[stage][r].vps > 0.0f ? horizon->weight[r] * horizon->arrived[SOON_S][r] : 0.0f;
    }
    return vehicles;
}

// Derived stages multiply the changes to be searched: of those that are not green the most asked for stay.
static void derived_thin(const struct site *site, struct horizon *horizon, int8_t *stages)
{
    for (;;) {
        int32_t derived = 0, least = 0;
        float fewest = INFINITY;
        for (int32_t s = 1; s < horizon->stage_count; s++) {
            bool counts = stage_derived(site, stages[s]);
            float vehicles = counts ? stage_asked(site, horizon, stages[s]) : INFINITY;
            derived += counts;
            least = vehicles < fewest ? s : least;
            fewest = vehicles < fewest ? vehicles : fewest;
        }
        if (derived <= DERIVED_COUNT) {
            return;
        }
        horizon->stage_count--;
        for (int32_t s = least; s < horizon->stage_count; s++) {
            stages[s] = stages[s + 1];
        }
    }
}

// The present stage, and every other that is worth a thought.
static void stages_choose(struct site *site, const struct adaptive_memory *mine, struct horizon *horizon)
{
    int32_t now = site->view->lamps->stage;
    for (int32_t r = 0; r < site->stream_count; r++) {
        stream_flows(site, mine, r);
    }
    site->stage[0] = (int8_t)now;
    horizon->stage_count = 1;
    for (int32_t s = 0; s < site->at->stage_count && horizon->stage_count < HORIZON_STAGE_COUNT_MAX; s++) {
        bool worth = s != now && !locks(site, s) && stage_serves(site, horizon, s);
        for (int32_t other = 0; other < site->at->stage_count && worth; other++) {
            bool equal = stage_covers(site, horizon, s, other);
            bool least = (groups_of(site, s) & ~groups_of(site, other)) == 0;
            bool same = groups_of(site, s) == groups_of(site, other);
            worth = other == s || locks(site, other) || !stage_covers(site, horizon, other, s) || (equal && !least)
                || (same && other > s);
        }
        if (worth) {
            site->stage[horizon->stage_count++] = (int8_t)s;
        }
    }
    derived_thin(site, horizon, site->stage);
}

// Derived stages multiply the changes to be searched; late in a plan those of the program stand for them, as long as
// these serve whom they serve.
static void stages_early(const struct site *site, struct horizon *horizon)
{
    for (int32_t s = 0; s < horizon->stage_count; s++) {
        horizon->early_only[s] = stage_derived(site, site->stage[s]);
        for (int32_t r = 0; r < site->stream_count && horizon->early_only[s]; r++) {
            bool served = site->flows[site->stage[s]][r].vps <= 0.0f;
            for (int32_t t = 0; t < horizon->stage_count; t++) {
                served = served || (site->flows[site->stage[t]][r].vps > 0.0f && !stage_derived(site, site->stage[t]));
            }
            horizon->early_only[s] = served;
        }
    }
}

// Who shuts the gaps of a stream in a stage, and for how long with each of its vehicles.
static bool foes_fill(const struct site *site, struct horizon *horizon, int32_t stream, uint64_t green,
                      struct giving_way *giving, int32_t *foe_count)
{
    const struct approaches *approaches = &site->view->estimate->approaches;
    const struct approach_row *row = &approaches->rows[site->row_of_stream[stream]];
    float shut_s[STREAM_COUNT_MAX] = { 0 };
    for (int32_t m = row->first_movement; m < row->first_movement + row->movement_count; m++) {
        const struct movement *movement = &approaches->movements[m];
        int32_t foes = movement_goes(movement, green) ? movement->foe_count : 0;
        for (int32_t f = movement->first_foe; f < movement->first_foe + foes; f++) {
            int32_t other = approaches->foes[f];
            int32_t foe = site->stream_of_row[approaches->movements[other].row - site->rows->first];
            if (foe >= 0 && foe != stream && movement_goes(&approaches->movements[other], green)) {
                float with = SHUT_S * (float)estimate_share(site->view->estimate, other);
                shut_s[foe] = with > shut_s[foe] ? with : shut_s[foe];
            }
        }
    }
    giving->first_foe = (int16_t)*foe_count;
    for (int32_t r = 0; r < site->stream_count; r++) {
        if (shut_s[r] > 0.0f && *foe_count < FOE_COUNT_MAX) {
            horizon->foes[(*foe_count)++] = (struct way_foe){ .stream = (int16_t)r, .shut_s = shut_s[r] };
        }
    }
    giving->foe_count = (int16_t)(*foe_count - giving->first_foe);
    return giving->foe_count > 0;
}

// By how many seconds a stream starts before the stage that it is green in: as the last of its groups does. One that
// gives way waits for its foes then, so that nothing is counted.
static uint8_t stream_lead_s(const struct site *site, int32_t stream, int32_t to, uint64_t starting,
                             const uint8_t *group_s)
{
    const struct approaches *approaches = &site->view->estimate->approaches;
    const struct approach_row *row = &approaches->rows[site->row_of_stream[stream]];
    uint8_t lead_s = UINT8_MAX;
    for (int32_t m = row->first_movement; m < row->first_movement + row->movement_count; m++) {
        int32_t group = approaches->movements[m].group;
        if (group != INDEX_NONE && (starting >> group & 1) != 0 && group_s[group] < lead_s) {
            lead_s = group_s[group];
        }
    }
    return lead_s == UINT8_MAX || site->flows[to][stream].part > 0.0f ? 0 : lead_s < LEAD_S_MAX ? lead_s : LEAD_S_MAX;
}

static void change_fill(const struct site *site, struct horizon *horizon, int32_t s, int32_t t)
{
    const struct view *view = site->view;
    int32_t from = site->stage[s], to = site->stage[t];
    const uint8_t *group_s = group_leads_s(view->transitions, view->intersection.index, from, to);
    horizon->transition_s[s][t] = (uint8_t)seconds_up(transition_ms(view->transitions, view->intersection.index, from,
                                                                    to));
    horizon->lead_s_most[s][t] = 0;
    bool leads = false;
    for (int32_t g = 0; g < site->at->group_count; g++) {
        leads = leads || group_s[g] > 0;
    }
    if (!leads) {
        return;
    }
    uint64_t starting = groups_of(site, to) & ~groups_of(site, from);
    memset(horizon->lead_s[s][t], 0, sizeof horizon->lead_s[s][t]);
    for (int32_t r = 0; r < site->stream_count; r++) {
        uint8_t lead_s = stream_lead_s(site, r, to, starting, group_s);
        horizon->lead_s[s][t][r] = lead_s;
        horizon->lead_s_most[s][t] = lead_s > horizon->lead_s_most[s][t] ? lead_s : horizon->lead_s_most[s][t];
    }
}

static void stages_fill(const struct site *site, struct horizon *horizon)
{
    int32_t giving_count = 0, foe_count = 0;
    for (int32_t s = 0; s < horizon->stage_count; s++) {
        horizon->first_giving[s] = giving_count;
        horizon->green_s_min[s] = stage_green_s(site, site->stage[s]);
        for (int32_t t = 0; t < horizon->stage_count; t++) {
            change_fill(site, horizon, s, t);
        }
        for (int32_t r = 0; r < site->stream_count; r++) {
            uint64_t green = groups_of(site, site->stage[s]);
            struct row_flow flow = site->flows[site->stage[s]][r];
            struct giving_way giving = { .stream = (int16_t)r, .part = flow.part };
            horizon->capacity[s][r] = site->lanes[r] * flow.vps;
            if (flow.part > 0.0f && giving_count < GIVING_COUNT_MAX
                && foes_fill(site, horizon, r, green, &giving, &foe_count)) {
                horizon->giving[giving_count++] = giving;
            }
        }
    }
    horizon->first_giving[horizon->stage_count] = giving_count;
}

CLONED static void arrivals_clear(struct horizon *horizon, int32_t width)
{
    for (int32_t first = 0; first < width; first += 8) {
        for (int32_t k = 0; k <= HORIZON_S; k++) {
#pragma omp simd
            for (int32_t r = first; r < first + 8; r++) {
                horizon->arrived[k][r] = 0.0f;
            }
        }
    }
}

// From those who come in each second to those who have come by then.
CLONED static void arrivals_sum(struct horizon *horizon, int32_t width)
{
    for (int32_t first = 0; first < width; first += 8) {
        float sum[8] = { 0 };
        for (int32_t k = 0; k <= HORIZON_S; k++) {
            float *row = horizon->arrived[k] + first;
#pragma omp simd
            for (int32_t r = 0; r < 8; r++) {
                sum[r] += row[r];
                row[r] = sum[r];
            }
        }
    }
}

static void horizon_fill(struct site *site, const struct adaptive_memory *mine, struct horizon *horizon)
{
    const struct view *view = site->view;
    int32_t width = horizon_width(site->stream_count);
    arrivals_clear(horizon, width);
    memset(horizon->capacity, 0, sizeof horizon->capacity);
    memset(horizon->weight, 0, sizeof horizon->weight);
    memset(horizon->waited, 0, sizeof horizon->waited);
    horizon->stream_count = site->stream_count;
    horizon->stage_now = 0;
    horizon->leave_s = leave_s(site);
    horizon->start_loss_s = START_LOSS_S;
    horizon->yellow_gain_s = YELLOW_GAIN_S;
    horizon->switch_price = SWITCH_PRICE;
    horizon->end_price = END_PRICE;
    horizon->wait_price = WAIT_PRICE;
    horizon->serve_price = SERVE_PRICE;
    horizon->queue_price = QUEUE_PRICE;
    horizon->waited_rise = WAITED_WEIGHT;
    struct forecast_query query = { .estimate = view->estimate, .outlook = view->outlook,
        .intersection = view->intersection, .now_ms = view->now_ms, .at_ms = view->at_ms,
        .stream_of_row = site->stream_of_row, .stream_count = site->stream_count };
    forecast_add(&query, horizon->arrived);
    arrivals_sum(horizon, width);
    for (int32_t r = 0; r < site->stream_count; r++) {
        horizon->weight[r] = row_weight(site, site->row_of_stream[r]);
        horizon->waited[r] = WAITED_WEIGHT * row_waited_s(site, site->row_of_stream[r]);
        if (view->priority != NULL) {
            horizon->weight[r] *= (float)priority_weight(view->priority, view->estimate, site->row_of_stream[r],
                                                         view->at_ms);
        }
    }
    stages_choose(site, mine, horizon);
    stages_early(site, horizon);
    stages_fill(site, horizon);
}

// Whether those who stand on a link leave no room for one more.
static bool link_packed(const struct view *view, int32_t link)
{
    const struct link *at = &view->network->links[link];
    return SPACE_M * (estimate_link_queue(view->estimate, (struct link_id){ link }) + 1.0) >= at->length_m;
}

// A queue that stands for want of room on its exit goes as soon as the next signal makes room: that signal is told so,
// or of the whole queue it knows of no more than its own short link holds.
static void held_up_free(const struct site *site, const struct adaptive_memory *mine, struct horizon *horizon)
{
    const struct approaches *approaches = &site->view->estimate->approaches;
    for (int32_t r = 0; r < site->stream_count; r++) {
        const struct approach_row *row = &approaches->rows[site->row_of_stream[r]];
        double full = 0.0;
        for (int32_t m = row->first_movement; m < row->first_movement + row->movement_count; m++) {
            bool packed = link_packed(site->view, approaches->movements[m].to_link);
            full += packed ? estimate_share(site->view->estimate, m) : 0.0;
        }
        if (!row_noted(site, mine, site->row_of_stream[r]) || full < 0.5) {
            continue;
        }
        for (int32_t s = 0; s < horizon->stage_count; s++) {
            struct row_flow flow = row_flow_of(site, site->row_of_stream[r], groups_of(site, site->stage[s]));
            horizon->capacity[s][r] = site->lanes[r] * flow.vps;
        }
    }
}

// What the plan lets go, by movement, for the neighbours.
static void tell(const struct site *site, const struct horizon *horizon, const struct horizon_plan *plan)
{
    const struct view *view = site->view;
    const struct approaches *approaches = &view->estimate->approaches;
    float gone[HORIZON_S + 1][STREAM_COUNT_MAX];
    horizon_departures(horizon, plan->visits, plan->visit_count, gone);
    for (int32_t m = site->rows->first_movement; m < site->rows->first_movement + site->rows->movement_count; m++) {
        int32_t stream = site->stream_of_row[approaches->movements[m].row - site->rows->first];
        if (stream < 0) {
            outlook_forget(view->outlook, m);
            continue;
        }
        float share = (float)estimate_share(view->estimate, m) / site->lanes[stream];
        float vehicles[OUTLOOK_BIN_COUNT];
        for (int32_t i = 0; i < OUTLOOK_BIN_COUNT; i++) {
            int32_t from_s = i * OUTLOOK_BIN_S, to_s = from_s + OUTLOOK_BIN_S;
            vehicles[i] = share * (gone[to_s][stream] - gone[from_s][stream]);
        }
        outlook_tell(view->outlook, m, view->at_ms, vehicles);
    }
}

// The stage to begin with: the one that lets go most of those who wait.
static int32_t stage_first(const struct view *view)
{
    const struct intersection *at = &view->network->intersections[view->intersection.index];
    int32_t best = 0;
    double most = -1e9;
    for (int32_t s = 0; s < at->stage_count; s++) {
        double vehicles = 0.0;
        for (int32_t g = 0; g < at->group_count; g++) {
            bool green = (view->network->stages[at->first_stage + s].groups >> g & 1) != 0;
            vehicles += green ? estimate_group_vehicles(view->estimate, view->intersection, g) : 0.0;
        }
        vehicles -= stage_locks(view->transitions, view->intersection.index, s) ? 1e6 : 0.0;
        if (vehicles > most) {
            most = vehicles;
            best = s;
        }
    }
    return best;
}

static int32_t told_price(float price)
{
    return price < 1e8f ? (int32_t)price : INT32_MAX;
}

static void decide(const struct view *view, void *memory, struct decision *ret)
{
    struct adaptive_memory *mine = memory;
    struct site site = { .view = view, .at = &view->network->intersections[view->intersection.index],
        .rows = &view->estimate->approaches.at[view->intersection.index] };
    if (view->lamps == NULL || view->lamps->stage == INDEX_NONE) {
        int32_t first = stage_first(view);
        *ret = (struct decision){ .kind = DECIDE_STAGE,
                                  .stage = first,
                                  .reason = { .kind = REASON_SWITCH, .stage = first } };
        return;
    }
    int32_t now = view->lamps->stage;
    *ret = (struct decision){ .kind = DECIDE_STAGE, .stage = now, .reason = { .kind = REASON_MINIMUM, .stage = now } };
    if (locks(&site, now)) {          // Entered by others: left as soon as may be.
        ret->stage = stage_first(view);
        ret->reason = (struct plan_reason){ .kind = REASON_SWITCH, .stage = ret->stage };
        return;
    }
    streams_lay(&site, false);
    if (site.stream_count > STREAM_COUNT_MAX) {
        streams_lay(&site, true);
    }
    if (site.stream_count > STREAM_COUNT_MAX || leave_s(&site) > SETTLED_S) {
        return;
    }
    struct horizon horizon;
    struct horizon_plan plan;
    stuck_note(&site, mine);
    horizon_fill(&site, mine, &horizon);
    horizon_search(&horizon, &plan);
    held_up_free(&site, mine, &horizon);
    tell(&site, &horizon, &plan);
    bool leaves = plan.visit_count > 1 && plan.visits[0].end_s == 0;
    ret->stage = leaves ? site.stage[plan.visits[1].stage] : now;
    ret->reason = (struct plan_reason){ .kind = leaves ? REASON_SWITCH : REASON_STAY, .stage = ret->stage,
        .now_value = told_price(plan.stay_price), .best_value = told_price(plan.price) };
}

extern const struct strategy strategy_adaptive;
const struct strategy strategy_adaptive = { .name = "adaptive", .memory_bytes = sizeof(struct adaptive_memory),
                                            .decide = decide };
