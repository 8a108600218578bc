// loop_calls.h: which signal groups each loop calls for.
#pragma once

#include "sim/traffic/street_state.h"

// Room for street.loop_calls and loops_met is taken; layout_release gives it back.
void loop_calls_create(struct street *street);
