// kernel_columns.h: the part of the wide kernel that looks over the columns of a group and moves nobody.
//
// THEORY    Before its rows move: which heads will look ahead. After they have: who wishes to change lanes, and what
//           others see of each lane. struct street_kernel says what each function does.
// CONTRACT  As street_kernel.h. Called through struct street_kernel only, as it is compiled once for each set.
// NOT HERE  How rows move (street_kernel.c).
#pragma once

#include "sim/traffic/street_kernel.h"

int32_t heads_prepare(const struct follow_job *job, struct moving *moving, int32_t first_place,
                      int32_t *ret_places);
void heads_soon(struct group *group, const struct row *heads, const uint8_t *aspects, int32_t first_cell,
                struct heads_soon *soon);
int32_t columns_list(uint32_t columns, int32_t first, int32_t *ret);
void heads_stay(const struct group *group, uint32_t columns, struct ahead *ahead);
void lane_wishes(const struct follow_job *job, const struct wishing *from, int32_t first, int32_t end,
                 struct lane_wishes *ret);
uint32_t columns_held(const int32_t *count, int32_t *ret_most);
struct published cells_publish(const struct group *group, const struct row *rows, uint32_t held,
                               struct seen *seen);
