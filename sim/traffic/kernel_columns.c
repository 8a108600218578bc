#include "sim/traffic/kernel_columns.h"

#include <stddef.h>

#include "sim/traffic/row_types.h"

static const float CLEARANCE_M = 0.1f;        // as in street_kernel.c
static const float GAP_M_MIN = 0.1f;          // as there

int32_t heads_prepare(const struct follow_job *job, struct moving *moving, int32_t first_place,
                      int32_t *ret_places)
{
    struct types_room room;
    const struct group *restrict group = moving->at;
    const struct row *restrict heads = moving->rows;
    struct ahead *restrict ahead = &moving->ahead;
    const struct wide_types *restrict types = types_of(job, heads->kind, group->count, 0, &room);
    float *restrict from = moving->from;
    uint32_t red = group->red & ~group->over;
    _Alignas(64) int32_t looks[WIDE];
    FOR_WIDE {
        float v = heads->speed[c];
        float to_line = group->length[c] - heads->front[c];
        float reach = v * v / types->deceleration[c] + v * LOOK_S + LOOK_M;
        // A rear beyond the line reaches back to it, from however far a line.
        bool near = (group->count[c] > 0) & ((to_line <= reach) | ((group->over & COLUMN_BIT[c]) != 0));
        bool stays = near & ((red & COLUMN_BIT[c]) != 0);
        looks[c] = -(near & !stays);
        from[c] = heads->front[c];
        ahead->rear[c] = stays ? group->length[c] - STOP_MARGIN_M : FAR_M;
        ahead->margin[c] = stays ? 0.0f : types->gap[c];
        ahead->bound[c] = stays ? group->length[c] - LINE_MARGIN_M : FAR_M;
        ahead->speed[c] = 0.0f;
        ahead->cap[c] = ahead->hold[c] = FAR_M;
        ahead->line[c] = group->length[c] - LINE_MARGIN_M;
    }
    ahead->red = 0;
    ahead->holds = false;
    return chosen_list(bits_of(looks), first_place, ret_places);
}

// All are asked, as to leave out some costs more.
static INLINE uint32_t heads_at_red(const struct group *group, const uint8_t *aspects)
{
    _Alignas(64) int32_t asked[WIDE], lit[WIDE];
    FOR_WIDE {
        int32_t signal = group->head_signal[c];
        lit[c] = -(signal >= 0);
        asked[c] = signal > 0 ? signal : 0;
    }
    return bytes_equal(aspects, asked, ASPECT_RED) & bits_of(lit);
}

void heads_soon(struct group *group, const struct row *heads, const uint8_t *aspects, int32_t first_cell,
                struct heads_soon *soon)
{
    const float braking = 0.25f;       // s2/m: of a hard brake
    _Alignas(64) int32_t looks[WIDE];
    uint32_t waits = group->held & group->clear;
    group->red = waits != 0 ? waits & heads_at_red(group, aspects) : 0;
    FOR_WIDE {
        float v = heads->speed[c];
        float beyond = group->length[c] - heads->front[c] - v * (v * braking + LOOK_S) - LOOK_M;
        looks[c] = -((group->count[c] > 0) & (beyond <= 0.0f));
    }
    uint32_t columns = bits_of(looks) & ~group->red;
    int32_t n = soon->count;
    soon->count = n + chosen_list(columns, first_cell, &soon->cell[n]);
    chosen_lay_numbers(heads->path, columns, &soon->path[n]);
    chosen_lay_numbers(heads->trip, columns, &soon->trip[n]);
    soon->reached_count += chosen_list(group->over, first_cell, &soon->reached[soon->reached_count]);
}

int32_t columns_list(uint32_t columns, int32_t first, int32_t *ret)
{
    return chosen_list(columns, first, ret);
}

void heads_stay(const struct group *group, uint32_t columns, struct ahead *ahead)
{
    FOR_WIDE {
        bool stays = (columns & COLUMN_BIT[c]) != 0;
        ahead->rear[c] = stays ? group->length[c] - STOP_MARGIN_M : ahead->rear[c];
        ahead->margin[c] = stays ? 0.0f : ahead->margin[c];
        ahead->bound[c] = stays ? group->length[c] - LINE_MARGIN_M : ahead->bound[c];
    }
}

// Columns of row k whose leader costs them more than MOBIL's threshold: more than that no lane can give.
static uint32_t held_up(const struct follow_job *job, const struct group *group, const struct row *rows, int32_t k)
{
    struct types_room room, room_before;
    const struct row *row = &rows[k];
    const struct wide_types *types = types_of(job, row->kind, group->count, k, &room);
    _Alignas(64) float rear[WIDE], speed[WIDE], margin[WIDE];
    _Alignas(64) int32_t held[WIDE];
    FOR_WIDE {
        rear[c] = group->leaders.rear[c];
        speed[c] = group->leaders.speed[c];
        margin[c] = group->leaders.margin[c];
    }
    if (k > 0) {
        const struct wide_types *before = types_of(job, rows[k - 1].kind, group->count, k - 1, &room_before);
        FOR_WIDE {
            rear[c] = rows[k - 1].front[c] - before->length[c];
            speed[c] = rows[k - 1].speed[c];
            margin[c] = types->gap[c];
        }
    }
    FOR_WIDE {
        float v = row->speed[c];
        float s = rear[c] - row->front[c];
        s = s > GAP_M_MIN ? s : GAP_M_MIN;
        float reach = v * (types->headway[c] + (v - speed[c]) * types->closing[c]);
        float near = (margin[c] + (reach > 0.0f ? reach : 0.0f)) / s;
        held[c] = -(types->acceleration[c] * near * near > GAIN_MPS2);
    }
    return bits_of(held);
}

// A number of 12 bits, times this and shifted, is divided by 3.
#define THIRD 21846u
#define THIRD_SHIFT 16

static uint32_t lanes_passed(const struct wishing *from)
{
    const struct row *heads = from->rows, *beside = from->beside_rows;
    _Alignas(64) int32_t passed[WIDE];
    FOR_WIDE {
        bool flows = (from->beside->count[c] == 0) | (beside->speed[c] > GAIN_SPEED_MPS);
        passed[c] = -((from->group->count[c] > 1) & (heads->speed[c] <= GAIN_SPEED_MPS) & flows);
    }
    return bits_of(passed);
}

void lane_wishes(const struct follow_job *job, const struct wishing *from, int32_t first, int32_t end,
                 struct lane_wishes *ret)
{
    const struct group *group = from->group;
    uint32_t must_bit = from->side.left ? KIND_LEFT : KIND_RIGHT;
    uint32_t free_bit = from->side.left ? KIND_FREE_LEFT : KIND_FREE_RIGHT;
    uint32_t passed = first == 0 ? lanes_passed(from) : ret->passed;
    uint64_t rows = 0;
    for (int32_t k = first; k < end; k++) {
        const struct row *row = &from->rows[k];
        _Alignas(64) int32_t must[WIDE], may[WIDE], stands[WIDE];
        FOR_WIDE {
            uint32_t kind = row->kind[c];
            float v = row->speed[c];
            uint32_t luck = kind >> KIND_LUCK_SHIFT;
            uint32_t turn = luck - (luck * THIRD >> THIRD_SHIFT) * GAIN_TURNS;   // its remainder
            bool here = k < group->count[c];
            bool looks = here & ((kind & free_bit) != 0) & (turn == from->side.turn);
            must[c] = -(here & ((kind & must_bit) != 0));
            stands[c] = -(looks & (v <= GAIN_SPEED_MPS));
            may[c] = -(looks & (v < GAIN_HELD_UP * row->desired[c]) & (v > GAIN_SPEED_MPS)
                & (row->front[c] < group->length[c] - GAIN_LAST_M));
        }
        int32_t i = k - first;
        uint32_t looks = bits_of(may), musts = bits_of(must), behind = k > 0 ? bits_of(stands) & passed : 0;
        uint32_t gains = looks != 0 ? looks & held_up(job, group, from->rows, k) : 0;
        ret->must[i] = musts;
        ret->gain[i] = gains;
        ret->behind[i] = behind;
        rows |= (uint64_t)((musts | gains | behind) != 0) << i;
    }
    ret->passed = passed;
    ret->rows = rows;
}

uint32_t columns_held(const int32_t *restrict count, int32_t *restrict ret_most)
{
    int32_t most = 0;
    _Alignas(64) int32_t held[WIDE];
    _Pragma("omp simd reduction(max:most)")
    for (int c = 0; c < WIDE; c++) {
        most = count[c] > most ? count[c] : most;
        held[c] = -(count[c] > 0);
    }
    *ret_most = most;
    return bits_of(held);
}

#ifdef LINES_AT_ONCE
#define SEEN_FIRST 5                // the words before, of what others see of a cell, never change
_Static_assert(offsetof(struct seen, count) == 4 * SEEN_FIRST && offsetof(struct seen, head_front) == 4 * 6
    && offsetof(struct seen, second_front) == 4 * 9 && offsetof(struct seen, tail_rear) == 4 * 12
    && offsetof(struct seen, head_yielded) == 4 * 15 && offsetof(struct seen, head_held) == 4 * 15 + 2
    && sizeof(struct seen) == 4 * WIDE, "seen_write writes words");

static INLINE void seen_write(const struct group *group, const struct row *rows, const int32_t *second_path,
                              uint32_t held, struct seen *seen)
{
    _Alignas(64) int32_t yielded[WIDE];         // head_yielded and head_held in one word
    FOR_WIDE {
        yielded[c] = group->yielding[c] | (int32_t)(group->held >> c & 1u) << 16;
    }
    const void *words[WIDE] = { NULL, NULL, NULL, NULL, NULL, group->count, rows[0].front, rows[0].speed, rows[0].path,
        rows[1].front, rows[1].speed, second_path, group->tails.rear, group->tails.speed, group->entered, yielded };
    lines_write(words, SEEN_FIRST, held, seen);
}
#else
static INLINE void seen_write(const struct group *restrict group, const struct row *restrict rows,
                              const int32_t *restrict second_path, uint32_t held, struct seen *restrict seen)
{
    for (; held != 0; held &= held - 1) {
        int c = __builtin_ctz(held);
        struct seen *to = &seen[c];
        to->count = group->count[c];
        to->head_front = rows[0].front[c];
        to->head_speed = rows[0].speed[c];
        to->head_path = rows[0].path[c];
        to->second_front = rows[1].front[c];
        to->second_speed = rows[1].speed[c];
        to->second_path = second_path[c];
        to->tail_rear = group->tails.rear[c];
        to->tail_speed = group->tails.speed[c];
        to->tail_path = group->entered[c];
        to->head_yielded = group->yielding[c];
        to->head_held = (uint16_t)(group->held >> c & 1u);
    }
}
#endif

// Of the second row there is always a place, if nobody's.
struct published cells_publish(const struct group *group, const struct row *rows, uint32_t held,
                               struct seen *seen)
{
    _Alignas(64) int32_t other_head[WIDE], reaching[WIDE], second_path[WIDE];
    FOR_WIDE {
        other_head[c] = -(group->head_path[c] != rows[0].path[c]);
        reaching[c] = -(group->tails.rear[c] < CLEARANCE_M);
        second_path[c] = group->count[c] > 1 ? rows[1].path[c] : PATH_NONE;
    }
    seen_write(group, rows, second_path, held, seen);
    return (struct published){ bits_of(other_head) & held, bits_of(reaching) & held };
}
