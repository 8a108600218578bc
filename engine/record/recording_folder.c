#include "engine/record/recording_folder.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/memory.h"
#include "engine/model/units.h"
#include "engine/record/recording.h"

#define PATH_BYTES_MAX 4096
#define NAME_BYTES_MAX 64
#define SAME_INSTANT_MAX 10000         // files that may begin at the same instant: runs of a simulator
#define DAY_MS (86400 * (int64_t)MS_PER_S)

struct recording_folder {
    char *path;
    uint64_t network_hash;
    int64_t bytes_max;
    struct recording_writer *writer;
    char file[PATH_BYTES_MAX];
    int64_t day;                      // of the file, since 1970-01-01
    bool faulty;
    struct problem fault;
};

// The folder and those above it.
static bool folder_make(const char *path)
{
    char part[PATH_BYTES_MAX];
    size_t length = strlen(path);
    for (size_t i = 1; i <= length && length < sizeof part; i++) {
        if (path[i] == '/' || path[i] == '\0') {
            memcpy(part, path, i);
            part[i] = '\0';
            if (mkdir(part, 0755) != 0 && errno != EEXIST) {
                return false;
            }
        }
    }
    return true;
}

enum status recording_folder_open(const char *path, uint64_t network_hash, int64_t bytes_max,
                                  struct recording_folder **ret, struct problem *problem)
{
    struct stat about;
    if (!folder_make(path) || stat(path, &about) != 0 || !S_ISDIR(about.st_mode)) {
        return problem_report(problem, STATUS_IO, path, NULL, "Name a folder that can be written.",
                              "is no folder for recordings: %s", strerror(errno));
    }
    struct recording_folder *folder = memory_take(1, sizeof *folder);
    folder->path = memory_copy(path, strlen(path) + 1, 1);
    folder->network_hash = network_hash;
    folder->bytes_max = bytes_max;
    *ret = folder;
    return STATUS_OK;
}

enum status recording_folder_close(struct recording_folder *folder, struct problem *problem)
{
    if (folder == NULL) {
        return STATUS_OK;
    }
    enum status status = recording_close(folder->writer, problem);
    free(folder->path);
    free(folder);
    return status;
}

// Year, month and day of a day since 1970-01-01 in the Gregorian calendar, by counting years of 365 or 366 days from
// the start of a cycle of 400 years, which has 146,097 days.
static void civil_date(int64_t day, int64_t *ret_year, int *ret_month, int *ret_day)
{
    int64_t cycle = quantum_floor(day, 146097) / 146097;
    int64_t rest = day - cycle * 146097, year = 1970 + 400 * cycle;
    for (;; year++) {
        bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
        if (rest < 365 + leap) {
            break;
        }
        rest -= 365 + leap;
    }
    static const int DAYS[12] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    int month = 0;
    while (rest >= DAYS[month] + (month == 1 && leap)) {
        rest -= DAYS[month] + (month == 1 && leap);
        month++;
    }
    *ret_year = year;
    *ret_month = month + 1;
    *ret_day = (int)rest + 1;
}

static void file_name(int64_t begin_ms, int again, char *ret, size_t capacity)
{
    int64_t day = quantum_floor(begin_ms, DAY_MS) / DAY_MS, year;
    int month, date, second = (int)((begin_ms - day * DAY_MS) / MS_PER_S);
    civil_date(day, &year, &month, &date);
    int used = snprintf(ret, capacity, "%04lld%02d%02dT%02d%02d%02dZ", (long long)year, month, date, second / 3600,
                        second / 60 % 60, second % 60);
    assert(used > 0 && (size_t)used < capacity);
    (void)snprintf(ret + used, capacity - (size_t)used, again > 1 ? "-%d" RECORDING_SUFFIX : RECORDING_SUFFIX, again);
}

static bool is_recording(const char *name)
{
    size_t length = strlen(name), suffix = strlen(RECORDING_SUFFIX);
    return length > suffix && strcmp(name + length - suffix, RECORDING_SUFFIX) == 0;
}

// Deletes the oldest recordings until the rest has room, but never the one that is being written.
static void bound_keep(const struct recording_folder *folder)
{
    struct dirent **names = NULL;
    int count = folder->bytes_max > 0 ? scandir(folder->path, &names, NULL, alphasort) : 0;
    int64_t total = 0;
    for (int pass = 0; pass < 2; pass++) {
        for (int i = 0; i < count; i++) {
            char path[PATH_BYTES_MAX];
            struct stat about;
            int length = snprintf(path, sizeof path, "%s/%s", folder->path, names[i]->d_name);
            if (!is_recording(names[i]->d_name) || length >= (int)sizeof path || stat(path, &about) != 0) {
                continue;
            }
            if (pass == 0) {
                total += about.st_size;
            } else if (total > folder->bytes_max && strcmp(path, folder->file) != 0 && unlink(path) == 0) {
                total -= about.st_size;
            }
        }
    }
    for (int i = 0; i < count; i++) {
        free(names[i]);
    }
    free(names);
}

static enum status file_begin(struct recording_folder *folder, int64_t begin_ms, struct problem *problem)
{
    enum status status = recording_close(folder->writer, problem);
    folder->writer = NULL;
    if (status != STATUS_OK) {
        return status;
    }
    for (int again = 1; again < SAME_INSTANT_MAX; again++) {
        char name[NAME_BYTES_MAX];
        file_name(begin_ms, again, name, sizeof name);
        int length = snprintf(folder->file, sizeof folder->file, "%s/%s", folder->path, name);
        if (length >= (int)sizeof folder->file) {
            return problem_report(problem, STATUS_LIMIT, folder->path, NULL, NULL, "the path is too long");
        }
        if (access(folder->file, F_OK) != 0) {
            break;
        }
    }
    folder->day = quantum_floor(begin_ms, DAY_MS) / DAY_MS;
    status = recording_create(folder->file, folder->network_hash, &folder->writer, problem);
    bound_keep(folder);
    return status;
}

static bool put(void *owner, const uint8_t *records, size_t bytes, int64_t first_ms, int64_t last_ms, bool begins_file,
                bool begins_block)
{
    struct recording_folder *folder = owner;
    enum status status = STATUS_OK;
    int64_t day = quantum_floor(first_ms, DAY_MS) / DAY_MS;
    if (begins_file || (begins_block && (folder->writer == NULL || day != folder->day))) {
        status = file_begin(folder, first_ms, &folder->fault);
    }
    if (folder->writer == NULL) {
        folder->faulty = folder->faulty || status != STATUS_OK;
        return false;
    }
    if (begins_block) {
        recording_begin_block(folder->writer);
        bound_keep(folder);
    }
    if (status == STATUS_OK) {
        status = recording_put(folder->writer, records, bytes, first_ms, last_ms, &folder->fault);
    }
    folder->faulty = folder->faulty || status != STATUS_OK;
    return status == STATUS_OK;
}

struct recorder_sink recording_folder_sink(struct recording_folder *folder)
{
    return (struct recorder_sink){ .owner = folder, .put = put };
}

bool recording_folder_fault(struct recording_folder *folder, struct problem *ret)
{
    bool faulty = folder->faulty;
    if (faulty) {
        *ret = folder->fault;
        folder->faulty = false;
    }
    return faulty;
}

const char *recording_folder_file(const struct recording_folder *folder)
{
    return folder->file;
}
