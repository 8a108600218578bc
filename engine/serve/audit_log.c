#include "engine/serve/audit_log.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "engine/base/memory.h"
#include "engine/serve/city_clock.h"
#include "engine/wire/frame.h"

#define QUEUE_COUNT_MAX 4096
#define MARK_EVERY 64                 // records between two places of the file that are remembered
#define LOOK_BYTES_MAX (2u << 20)     // of the file that one request looks through
#define PAGE_BYTES_MAX (512u << 10)   // of records in one answer
#define READ_BYTES (256u << 10)

struct waiting {
    int64_t time_ms;
    enum audit_kind kind;
    char who[64], from[64], intersection[256], text[AUDIT_TEXT_BYTES_MAX];
    bool of_intersection, accepted;
};

struct mark { int64_t number, at; };  // the record that begins at this byte

struct audit_log {
    int file;
    pthread_t thread;
    pthread_mutex_t mutex;            // guards all below
    pthread_cond_t changed;
    LIST_OF(struct waiting) queue;
    LIST_OF(struct mark) marks;
    int64_t lost;                     // notes without room
    struct audit_head head;
    int64_t bytes;                    // of the file, all whole lines
    int64_t broken_at;                // number of the record where the chain broke; 0: whole
    const char *broken_why;
    int write_error;                  // errno, 0: good
    bool quit;
};

static void mark_add(struct audit_log *log, int64_t number, int64_t at)
{
    if ((number - 1) % MARK_EVERY == 0) {
        *GROW(log->marks) = (struct mark){ number, at };
    }
}

// A line of the file as it is found. It stays where the chain goes on after it, even where it does not belong.
static void line_look(struct audit_log *log, const char *line, size_t bytes)
{
    const char *why = NULL;
    struct audit_head said;
    int64_t before = log->head.number;
    if (!audit_line_follows(line, bytes, &log->head, &why)) {
        log->broken_why = log->broken_at == 0 ? why : log->broken_why;
        log->broken_at = log->broken_at == 0 ? before + 1 : log->broken_at;
        if (audit_line_head(line, bytes, &said, NULL)) {
            log->head = said;
        }
    }
    mark_add(log, log->head.number, log->bytes);
    log->bytes += (int64_t)bytes + 1;
}

// Reads the file from its begin. Gives how many bytes stand after the last newline, -1 with errno.
static int64_t file_look(struct audit_log *log)
{
    char *buffer = memory_take(READ_BYTES + 1, 1);
    size_t held = 0;
    ssize_t got;
    while ((got = pread(log->file, buffer + held, READ_BYTES - held, log->bytes + (int64_t)held)) > 0) {
        held += (size_t)got;
        char *at = buffer, *end;
        while ((end = memchr(at, '\n', held - (size_t)(at - buffer))) != NULL) {
            line_look(log, at, (size_t)(end - at));
            at = end + 1;
        }
        held -= (size_t)(at - buffer);
        memmove(buffer, at, held);
        if (held == READ_BYTES) {     // A line that no record can be.
            line_look(log, buffer, held - 1);
            held = 0;
        }
    }
    free(buffer);
    return got < 0 ? -1 : (int64_t)held;
}

static void copy_text(char *to, size_t room, const char *from)
{
    snprintf(to, room, "%s", from != NULL ? from : "");
}

void audit_log_note(struct audit_log *log, const struct audit_record *record)
{
    if (log == NULL) {
        return;
    }
    pthread_mutex_lock(&log->mutex);
    if (log->queue.count >= QUEUE_COUNT_MAX) {
        log->lost++;
    } else {
        struct waiting *waiting = GROW(log->queue);
        waiting->time_ms = wall_ms();
        waiting->kind = record->kind;
        waiting->accepted = record->accepted;
        waiting->of_intersection = record->intersection != NULL;
        copy_text(waiting->who, sizeof waiting->who, record->who);
        copy_text(waiting->from, sizeof waiting->from, record->from);
        copy_text(waiting->intersection, sizeof waiting->intersection, record->intersection);
        copy_text(waiting->text, sizeof waiting->text, record->text);
        pthread_cond_signal(&log->changed);
    }
    pthread_mutex_unlock(&log->mutex);
}

// Writes the lines behind the file's end, through to the disk. 0, or errno with the file as it was.
static int lines_append(struct audit_log *log, const char *lines, size_t bytes, int64_t at)
{
    size_t done = 0;
    while (done < bytes) {
        ssize_t put = pwrite(log->file, lines + done, bytes - done, at + (int64_t)done);
        if (put < 0 && errno == EINTR) {
            continue;
        }
        if (put <= 0) {
            break;
        }
        done += (size_t)put;
    }
    int error = done < bytes ? (errno != 0 ? errno : ENOSPC) : fdatasync(log->file) != 0 ? errno : 0;
    if (error != 0 && ftruncate(log->file, at) != 0) {
        return errno;
    }
    return error;
}

// Packs what waits into lines. Gives their bytes; *ret_count of the queue are in them.
static size_t lines_pack(struct audit_log *log, struct audit_head *head, char *lines, size_t room, int32_t *ret_count,
                         bool *ret_loss)
{
    size_t used = 0;
    int32_t count = 0;
    for (; count < log->queue.count && used + (size_t)2 * AUDIT_LINE_BYTES_MAX < room; count++) {
        const struct waiting *waiting = &log->queue.at[count];
        struct audit_record record = { .time_ms = waiting->time_ms, .kind = waiting->kind, .who = waiting->who,
            .from = waiting->from, .intersection = waiting->of_intersection ? waiting->intersection : NULL,
            .text = waiting->text, .accepted = waiting->accepted };
        used += audit_line_write(&record, head, lines + used, room - used);
    }
    *ret_loss = log->lost > 0;
    if (*ret_loss) {
        char text[80];
        snprintf(text, sizeof text, "%" PRId64 " records found no room and are lost", log->lost);
        struct audit_record record = { .time_ms = wall_ms(), .kind = AUDIT_LOSS, .who = "daemon", .text = text };
        used += audit_line_write(&record, head, lines + used, room - used);
    }
    *ret_count = count;
    return used;
}

static void written(struct audit_log *log, const char *lines, size_t bytes, int32_t count)
{
    int64_t number = log->head.number;
    for (size_t at = 0; at < bytes;) {
        mark_add(log, ++number, log->bytes + (int64_t)at);
        at += (size_t)((const char *)memchr(lines + at, '\n', bytes - at) - (lines + at)) + 1;
    }
    log->bytes += (int64_t)bytes;
    log->queue.count -= count;
    memmove(log->queue.at, log->queue.at + count, (size_t)log->queue.count * sizeof *log->queue.at);
}

static void *run(void *owner)
{
    struct audit_log *log = owner;
    char *lines = memory_take(READ_BYTES, 1);
    pthread_mutex_lock(&log->mutex);
    for (;;) {
        while (log->queue.count == 0 && log->lost == 0 && !log->quit) {
            pthread_cond_wait(&log->changed, &log->mutex);
        }
        if ((log->queue.count == 0 && log->lost == 0) || (log->quit && log->write_error != 0)) {
            break;
        }
        struct audit_head head = log->head;
        int32_t count;
        bool loss;
        size_t bytes = lines_pack(log, &head, lines, READ_BYTES, &count, &loss);
        int64_t at = log->bytes, lost = log->lost;
        pthread_mutex_unlock(&log->mutex);
        errno = 0;
        int error = lines_append(log, lines, bytes, at);
        pthread_mutex_lock(&log->mutex);
        log->write_error = error;
        if (error == 0) {
            written(log, lines, bytes, count);
            log->head = head;
            log->lost -= loss ? lost : 0;
        } else if (!log->quit) {
            struct timespec until;
            clock_gettime(CLOCK_REALTIME, &until);
            until.tv_sec++;
            (void)pthread_cond_timedwait(&log->changed, &log->mutex, &until);
        }
    }
    pthread_mutex_unlock(&log->mutex);
    free(lines);
    return NULL;
}

enum status audit_log_open(const struct state_folder *folder, struct audit_log **ret, struct problem *problem)
{
    struct audit_log *log = memory_take(1, sizeof *log);
    log->file = openat(folder->descriptor, AUDIT_FILE_NAME, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
    int64_t torn = log->file < 0 ? -1 : file_look(log);
    int error = torn < 0 || (torn > 0 && ftruncate(log->file, log->bytes) != 0) ? errno : 0;
    if (error == 0) {
        pthread_mutex_init(&log->mutex, NULL);
        pthread_cond_init(&log->changed, NULL);
        error = pthread_create(&log->thread, NULL, run, log);
    }
    if (error != 0) {
        if (log->file >= 0) {
            close(log->file);
        }
        free(log->marks.at);
        free(log);
        return problem_report(problem, STATUS_IO, folder->path, AUDIT_FILE_NAME,
                              "The daemon must be able to read and write its audit log.", "%s", strerror(error));
    }
    if (torn > 0) {
        char text[96];
        snprintf(text, sizeof text, "%" PRId64 " bytes of a record that was not finished were taken off", torn);
        audit_log_note(log, &(struct audit_record){ .kind = AUDIT_LOSS, .who = "daemon", .text = text });
    }
    *ret = log;
    return STATUS_OK;
}

void audit_log_close(struct audit_log *log)
{
    if (log == NULL) {
        return;
    }
    pthread_mutex_lock(&log->mutex);
    log->quit = true;
    pthread_cond_signal(&log->changed);
    pthread_mutex_unlock(&log->mutex);
    pthread_join(log->thread, NULL);
    pthread_cond_destroy(&log->changed);
    pthread_mutex_destroy(&log->mutex);
    close(log->file);
    free(log->queue.at);
    free(log->marks.at);
    free(log);
}

bool audit_log_fault(struct audit_log *log, char *text, size_t room)
{
    pthread_mutex_lock(&log->mutex);
    int error = log->write_error;
    int64_t broken_at = log->broken_at;
    pthread_mutex_unlock(&log->mutex);
    if (error != 0) {
        snprintf(text, room, "the audit log cannot be written: %s", strerror(error));
    } else if (broken_at != 0) {
        snprintf(text, room, "the audit log is broken at record %" PRId64 ": %s", broken_at, log->broken_why);
    }
    return error != 0 || broken_at != 0;
}

// ---- reading

// Where to begin so that no record after `after` is missed.
static int64_t place_after(const struct audit_log *log, int64_t after)
{
    int64_t at = 0;
    for (int32_t i = 0; i < log->marks.count && log->marks.at[i].number <= after + 1; i++) {
        at = log->marks.at[i].at;
    }
    return at;
}

static void lines_pick(char *text, size_t bytes, const struct audit_request *request, const char **records,
                       struct audit_page *page, size_t *ret_looked)
{
    size_t at = 0, taken = 0;
    char *end;
    page->last = request->after;
    while (at < bytes && (end = memchr(text + at, '\n', bytes - at)) != NULL) {
        size_t line_bytes = (size_t)(end - (text + at));
        struct audit_head head = { 0 };
        int64_t time_ms = 0;
        bool known = audit_line_head(text + at, line_bytes, &head, &time_ms);
        if (known && head.number > request->after && time_ms >= request->since_ms) {
            if (page->record_count == AUDIT_PAGE_COUNT_MAX || taken + line_bytes > PAGE_BYTES_MAX) {
                break;
            }
            *end = '\0';
            taken += line_bytes;
            records[page->record_count++] = text + at;
        }
        page->last = known && head.number > page->last ? head.number : page->last;
        at += line_bytes + 1;
    }
    *ret_looked = at;
}

size_t audit_log_reply(struct audit_log *log, const struct audit_request *request, uint8_t **ret_bytes)
{
    pthread_mutex_lock(&log->mutex);
    int64_t at = place_after(log, request->after), end = log->bytes;
    pthread_mutex_unlock(&log->mutex);
    size_t wanted = end - at > LOOK_BYTES_MAX ? LOOK_BYTES_MAX : (size_t)(end - at), got = 0;
    char *text = memory_take(wanted + 1, 1);
    const char **records = memory_take(AUDIT_PAGE_COUNT_MAX, sizeof *records);
    for (ssize_t more; got < wanted && (more = pread(log->file, text + got, wanted - got, at + (int64_t)got)) > 0;) {
        got += (size_t)more;
    }
    struct audit_page page = { .request = request->request, .records = records };
    size_t looked = 0, room = PAGE_BYTES_MAX + (size_t)AUDIT_PAGE_COUNT_MAX * 8 + 256;
    lines_pick(text, got, request, records, &page, &looked);
    page.more = at + (int64_t)looked < end && looked > 0 && page.last > request->after;
    uint8_t *bytes = memory_take(room, 1);
    struct frame_writer out = frame_writer_over(bytes, room);
    size_t byte_count = wire_put_audit_page(&out, &page) == STATUS_OK ? out.used : 0;
    free(text);
    free((void *)records);
    *ret_bytes = bytes;
    return byte_count;
}
