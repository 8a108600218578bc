// The strategy `program`: the network's own program, as every controller has it built in.
#include "engine/optimize/strategy.h"

static void decide(const struct view *view, void *memory, struct decision *ret)
{
    (void)view;
    (void)memory;
    *ret = (struct decision){ .kind = DECIDE_PROGRAM, .stage = INDEX_NONE,
                              .reason = { .kind = REASON_PROGRAM, .stage = INDEX_NONE } };
}

extern const struct strategy strategy_program;
const struct strategy strategy_program = { .name = "program", .memory_bytes = 0, .decide = decide };
