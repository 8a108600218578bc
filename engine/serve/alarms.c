#include "engine/serve/alarms.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"
#include "engine/serve/city_clock.h"
#include "engine/wire/hello_codec.h"

struct row {
    char key[ALARM_KEY_BYTES_MAX], text[ALARM_TEXT_BYTES_MAX], acknowledged_by[IDENTITY_BYTES_MAX];
    const char *intersection;
    uint32_t id, times;
    enum alarm_severity severity;
    bool once;
    int64_t since_ms, ended_ms, acknowledged_ms;
};

struct alarms {
    pthread_mutex_t mutex;
    int32_t count;
    uint32_t last_id, left_out;
    struct row rows[ALARM_ROW_COUNT_MAX];
};

void alarms_create(struct alarms **ret)
{
    struct alarms *alarms = memory_take(1, sizeof *alarms);
    pthread_mutex_init(&alarms->mutex, NULL);
    *ret = alarms;
}

void alarms_release(struct alarms *alarms)
{
    if (alarms != NULL) {
        pthread_mutex_destroy(&alarms->mutex);
        free(alarms);
    }
}

static struct row *find(struct alarms *alarms, const char *key)
{
    for (int32_t i = 0; i < alarms->count; i++) {
        if (strcmp(alarms->rows[i].key, key) == 0) {
            return &alarms->rows[i];
        }
    }
    return NULL;
}

// A row for a new key, or NULL: every one is in force.
static struct row *row_take(struct alarms *alarms)
{
    struct row *oldest = NULL;
    if (alarms->count < ALARM_ROW_COUNT_MAX) {
        return &alarms->rows[alarms->count++];
    }
    for (int32_t i = 0; i < alarms->count; i++) {
        struct row *row = &alarms->rows[i];
        if (row->ended_ms != 0 && (oldest == NULL || row->ended_ms < oldest->ended_ms)) {
            oldest = row;
        }
    }
    return oldest;
}

void alarms_come(struct alarms *alarms, const struct alarm *alarm, const char *format, ...)
{
    char text[ALARM_TEXT_BYTES_MAX];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    for (char *at = text; *at != '\0'; at++) {
        *at = (unsigned char)*at < 0x20 || *at == 0x7f ? ' ' : *at;
    }
    pthread_mutex_lock(&alarms->mutex);
    struct row *row = find(alarms, alarm->key);
    bool fresh = row == NULL;
    row = fresh ? row_take(alarms) : row;
    if (row == NULL) {
        alarms->left_out++;
    } else {
        if (fresh) {
            *row = (struct row){ .id = ++alarms->last_id };
            snprintf(row->key, sizeof row->key, "%s", alarm->key);
        }
        if (fresh || row->ended_ms != 0 || alarm->once) {
            row->since_ms = wall_ms();
            row->ended_ms = 0;
            row->acknowledged_ms = 0;
            row->acknowledged_by[0] = '\0';
            row->times++;
        }
        row->severity = alarm->severity;
        row->intersection = alarm->intersection;
        row->once = alarm->once;
        snprintf(row->text, sizeof row->text, "%s", text);
    }
    pthread_mutex_unlock(&alarms->mutex);
}

void alarms_end(struct alarms *alarms, const char *key)
{
    pthread_mutex_lock(&alarms->mutex);
    struct row *row = find(alarms, key);
    if (row != NULL && row->ended_ms == 0) {
        row->ended_ms = wall_ms();
    }
    pthread_mutex_unlock(&alarms->mutex);
}

int32_t alarms_acknowledge(struct alarms *alarms, uint32_t id, const char *who)
{
    int32_t count = 0;
    pthread_mutex_lock(&alarms->mutex);
    for (int32_t i = 0; i < alarms->count; i++) {
        struct row *row = &alarms->rows[i];
        bool meant = id == 0 ? row->ended_ms == 0 : row->id == id;
        if (!meant || row->acknowledged_ms != 0) {
            count += meant && id != 0;   // Somebody was first: that is not changed, and it is no fault.
            continue;
        }
        row->acknowledged_ms = wall_ms();
        snprintf(row->acknowledged_by, sizeof row->acknowledged_by, "%s", who);
        row->ended_ms = row->once && row->ended_ms == 0 ? row->acknowledged_ms : row->ended_ms;
        count++;
    }
    pthread_mutex_unlock(&alarms->mutex);
    return count;
}

static int newest_first(const void *left, const void *right)
{
    const struct alarm_row *a = left, *b = right;
    if ((a->ended_ms == 0) != (b->ended_ms == 0)) {
        return a->ended_ms == 0 ? -1 : 1;
    }
    if (a->since_ms != b->since_ms) {
        return a->since_ms > b->since_ms ? -1 : 1;
    }
    return a->id > b->id ? -1 : a->id < b->id;
}

static const char *text_keep(char **at, const char *text)
{
    size_t bytes = strlen(text) + 1;
    char *kept = memcpy(*at, text, bytes);
    *at += bytes;
    return kept;
}

void alarms_copy(struct alarms *alarms, struct alarms_copy *ret)
{
    pthread_mutex_lock(&alarms->mutex);
    struct alarms_copy copy = { .count = alarms->count, .left_out = alarms->left_out };
    copy.rows = memory_take((size_t)copy.count + 1, sizeof *copy.rows);
    copy.texts = memory_take((size_t)copy.count + 1, ALARM_TEXT_BYTES_MAX + IDENTITY_BYTES_MAX);
    char *at = copy.texts;
    for (int32_t i = 0; i < copy.count; i++) {
        const struct row *row = &alarms->rows[i];
        copy.rows[i] = (struct alarm_row){ .id = row->id, .severity = row->severity, .since_ms = row->since_ms,
            .ended_ms = row->ended_ms, .times = row->times, .acknowledged_ms = row->acknowledged_ms,
            .intersection = row->intersection != NULL ? row->intersection : "",
            .acknowledged_by = text_keep(&at, row->acknowledged_by), .text = text_keep(&at, row->text) };
        copy.in_force += row->ended_ms == 0;
    }
    pthread_mutex_unlock(&alarms->mutex);
    qsort(copy.rows, (size_t)copy.count, sizeof *copy.rows, newest_first);
    *ret = copy;
}

void alarms_copy_release(struct alarms_copy *copy)
{
    free(copy->rows);
    free(copy->texts);
    *copy = (struct alarms_copy){ 0 };
}
