// read.h: plans and fallback tables out of their messages (proto/plan.proto). What is read may still be anything.
#pragma once

#include "clients/controller/player.h"
#include "clients/wire/bytes.h"

// false: not a whole plan; then *ret holds its version as far as it could be read.
bool plan_read(struct bytes_in in, struct plan *ret, uint32_t *ret_intersection);
bool table_read(struct bytes_in in, struct table *ret);
