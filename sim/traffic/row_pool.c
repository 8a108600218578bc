#include "sim/traffic/row_pool.h"

#include <assert.h>
#include <string.h>

#include "engine/team/team.h"

#define SPARE_ROWS 3               // in a smaller piece, or it would be outgrown at once

static int32_t size_rows(int32_t size)
{
    int32_t rows = ROW_PIECE_ROWS_MIN << (size / 2);
    return size % 2 == 1 ? rows + rows / 2 : rows;
}

static int32_t size_for(int32_t rows)
{
    int32_t size = 0;
    while (size_rows(size) < rows) {
        size++;
    }
    assert(size < ROW_PIECE_SIZES);
    return size;
}

int64_t rows_bound(int32_t rows)
{
    int64_t bound = 0;
    for (int32_t size = size_for(rows); size >= 0; size--) {
        bound += size_rows(size);
    }
    return bound;
}

static int64_t chain_take(const struct street *street, struct row_pool *pool, int32_t size)
{
    int64_t piece = pool->free[size];
    memcpy(&pool->free[size], &street->rows[piece], sizeof piece);
    memset(&street->rows[piece], 0, sizeof piece);   // what was an index is a number again
    return piece;
}

static void chain_add(const struct street *street, struct row_pool *pool, int32_t size, int64_t piece)
{
    memcpy(&street->rows[piece], &pool->free[size], sizeof piece);
    pool->free[size] = piece;
}

static int64_t piece_take(const struct street *street, struct row_pool *pool, int32_t size)
{
    if (pool->free[size] >= 0) {
        return chain_take(street, pool, size);
    }
    if (size + 2 < ROW_PIECE_SIZES && pool->free[size + 2] >= 0) {   // one twice as long
        int64_t piece = chain_take(street, pool, size + 2);
        chain_add(street, pool, size, piece + size_rows(size));
        return piece;
    }
    int64_t piece = pool->next_row;
    pool->next_row += size_rows(size);
    assert(pool->next_row <= pool->row_end);
    return piece;
}

// Few groups change their piece in a step, and it is done at once: so one waits for another by asking again.
static void pool_lock(struct row_pool *pool)
{
    while (__atomic_exchange_n(&pool->lock, 1, __ATOMIC_ACQUIRE) != 0) {
        team_pause();
    }
}

static void pool_unlock(struct row_pool *pool)
{
    __atomic_store_n(&pool->lock, 0, __ATOMIC_RELEASE);
}

static void piece_move(struct street *street, struct row_pool *pool, struct group *group, int32_t size)
{
    pool_lock(pool);
    int64_t piece = piece_take(street, pool, size);
    pool_unlock(pool);
    memcpy(&street->rows[piece], &street->rows[group->first_row], (size_t)group->count_max * sizeof(struct row));
    pool_lock(pool);
    chain_add(street, pool, size_for(group->row_count), group->first_row);
    pool_unlock(pool);
    group->first_row = piece;
    group->row_count = size_rows(size);
}

void rows_begin(struct street *street, struct share *share)
{
    memset(share->pool.free, 0xff, sizeof share->pool.free);
    for (int32_t i = share->first_block; i < share->block_end; i++) {
        const struct block *block = &street->blocks[i];
        for (int32_t k = 0; k < block->lane_count; k++) {
            struct group *group = &street->groups[block->first_group + k];
            group->row_count = ROW_PIECE_ROWS_MIN;
            group->first_row = piece_take(street, &share->pool, 0);
        }
    }
}

void rows_reserve(struct street *street, struct row_pool *pool, struct group *group, int32_t rows)
{
    if (rarely(rows > group->row_count)) {
        assert(rows <= group->row_count_max);
        piece_move(street, pool, group, size_for(rows));
    }
}

void rows_shrink(struct street *street, struct row_pool *pool, struct group *group)
{
    int32_t enough = group->count_max + SPARE_ROWS;
    if (rarely((group->row_count > ROW_PIECE_ROWS_MIN) & (3 * enough <= 2 * group->row_count))) {
        piece_move(street, pool, group, size_for(enough));
    }
}
