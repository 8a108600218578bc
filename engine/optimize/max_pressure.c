// The strategy `max-pressure`: each 15 s the stage that relieves the greatest imbalance. [Varaiya2013]
//
// THEORY    The pressure of a movement is what waits for it upstream less all that stands on the link it leads to, as
//           the published comparisons count; that of a stage is the sum over its movements. The stage of greatest
//           pressure is green until the next decision; on equal terms the one that is green goes on. Vehicles wait
//           when they stand: those that roll towards the line are no queue yet, in [Varaiya2013] as in the published
//           comparisons. Each queue is counted over its whole reach with its feeders, and each vehicle once: by its
//           row, shared out among the row's movements. Decision 0040 has what else it could count. Where the queue on
//           an exit fills a good part of it, who would go there takes nothing from those who share his stage: two
//           signals, each with a full link to the other, would let nobody go (0044).
#include "engine/optimize/strategy.h"

#include <math.h>
#include <stdbool.h>

#define DECISION_MS 15000             // as in the published comparisons, docs/sources.md
static const double UNIT = 1000.0;    // reasons are told in 1/1000 vehicle
static const double SPACE_M = 7.5;    // of one who stands
static const double FILLED = 0.25;    // of an exit's length

struct pressure_memory {
    int64_t next_ms;                  // of the next decision; 0: none yet
    int32_t stage;                    // what the last one chose
};

// Whether those who stand on a link fill FILLED of it.
static bool link_filled(const struct view *view, int32_t link)
{
    return SPACE_M * (estimate_link_queue(view->estimate, (struct link_id){ link }) + 1.0)
        >= FILLED * view->network->links[link].length_m;
}

static double stage_pressure(const struct view *view, uint64_t groups)
{
    const struct approaches *approaches = &view->estimate->approaches;
    const struct intersection_rows *at = &approaches->at[view->intersection.index];
    double pressure = 0.0;
    for (int32_t m = at->first_movement; m < at->first_movement + at->movement_count; m++) {
        const struct movement *movement = &approaches->movements[m];
        if (movement->group == INDEX_NONE || (groups >> movement->group & 1) == 0) {
            continue;
        }
        double share = estimate_share(view->estimate, m);
        double before = view->estimate->rows[movement->row].queue;
        double after = estimate_link_queue(view->estimate, (struct link_id){ movement->to_link })
            * view->network->links[movement->to_link].lane_count;
        double pull = before - after;
        pressure += pull < 0.0 && link_filled(view, movement->to_link) ? 0.0 : share * pull;
    }
    return pressure;
}

static void decide(const struct view *view, void *memory, struct decision *ret)
{
    struct pressure_memory *mine = memory;
    const struct intersection *at = &view->network->intersections[view->intersection.index];
    int32_t now_stage = view->lamps != NULL ? view->lamps->stage : INDEX_NONE;
    *ret = (struct decision){ .kind = DECIDE_STAGE, .stage = now_stage };
    if (now_stage != INDEX_NONE && mine->next_ms != 0 && view->at_ms < mine->next_ms) {
        ret->stage = mine->stage;
        ret->reason = (struct plan_reason){ .kind = REASON_MINIMUM, .stage = mine->stage };
        return;
    }
    mine->next_ms = view->at_ms + DECISION_MS;

    double best = -INFINITY, now = -INFINITY;
    for (int32_t s = 0; s < at->stage_count; s++) {
        double pressure = stage_pressure(view, view->network->stages[at->first_stage + s].groups);
        now = s == now_stage ? pressure : now;
        if (pressure > best) {
            best = pressure;
            ret->stage = s;
        }
    }
    if (now >= best) {
        ret->stage = now_stage;
    }
    mine->stage = ret->stage;
    ret->reason = (struct plan_reason){ .kind = ret->stage == now_stage ? REASON_STAY : REASON_SWITCH,
        .stage = ret->stage, .now_value = now_stage == INDEX_NONE ? 0 : (int32_t)(now * UNIT),
        .best_value = (int32_t)(best * UNIT) };
}

extern const struct strategy strategy_max_pressure;
const struct strategy strategy_max_pressure = { .name = "max-pressure", .memory_bytes = sizeof(struct pressure_memory),
                                                .decide = decide };
