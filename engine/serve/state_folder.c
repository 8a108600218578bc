#include "engine/serve/state_folder.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/serve/city_clock.h"

#define CRASH_WINDOW_MS 60000
#define START_COUNT_MAX 8             // remembered

static enum status failed(const struct state_folder *folder, const char *what, struct problem *problem)
{
    return problem_report(problem, STATUS_IO, "state folder", folder->path,
                          "Name a folder that the daemon may write to under `state_dir`.", "%s: %s", what,
                          strerror(errno));
}

// Makes every missing folder of the path.
static void folders_make(const char *path)
{
    char part[512];
    for (size_t i = 1; path[i] != '\0' && i < sizeof part; i++) {
        if (path[i] == '/') {
            memcpy(part, path, i);
            part[i] = '\0';
            mkdir(part, 0750);
        }
    }
    mkdir(path, 0750);
}

static bool file_read(const struct state_folder *folder, const char *name, char *text, size_t room)
{
    int file = openat(folder->descriptor, name, O_RDONLY | O_CLOEXEC);
    if (file < 0) {
        return false;
    }
    ssize_t bytes = read(file, text, room - 1);
    close(file);
    if (bytes < 0) {
        return false;
    }
    text[bytes] = '\0';
    return true;
}

// Replaces a small file so that it is either the old or the new one, whenever the power goes.
static bool file_replace(const struct state_folder *folder, const char *name, const char *text)
{
    char beside[64];
    snprintf(beside, sizeof beside, "%s.new", name);
    int file = openat(folder->descriptor, beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
    if (file < 0) {
        return false;
    }
    size_t bytes = strlen(text);
    bool written = write(file, text, bytes) == (ssize_t)bytes && fsync(file) == 0;
    written = close(file) == 0 && written;
    return written && renameat(folder->descriptor, beside, folder->descriptor, name) == 0
        && fsync(folder->descriptor) == 0;
}

static void starts_note(struct state_folder *folder)
{
    char text[512] = "", kept[512] = "";
    int64_t now_ms = wall_ms();
    size_t used = 0;
    folder->crashes = 0;
    if (file_read(folder, "starts", text, sizeof text)) {
        char *at = text, *end = NULL;
        for (int i = 0; i < START_COUNT_MAX; i++) {
            int64_t start_ms = strtoll(at, &end, 10);
            if (end == at) {
                break;
            }
            at = end;
            if (now_ms - start_ms < CRASH_WINDOW_MS && start_ms <= now_ms) {
                used += (size_t)snprintf(kept + used, sizeof kept - used, "%" PRId64 "\n", start_ms);
                folder->crashes++;
            }
        }
    }
    snprintf(kept + used, sizeof kept - used, "%" PRId64 "\n", now_ms);
    file_replace(folder, "starts", kept);
}

enum status state_folder_open(const char *path, struct state_folder *ret, struct problem *problem)
{
    struct state_folder folder = { .descriptor = -1, .lock = -1 };
    snprintf(folder.path, sizeof folder.path, "%s", path);
    folders_make(folder.path);
    folder.descriptor = open(folder.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder.descriptor < 0) {
        return failed(&folder, "cannot be opened", problem);
    }
    char *whole = realpath(folder.path, NULL);
    if (whole != NULL && strlen(whole) < sizeof folder.path) {
        snprintf(folder.path, sizeof folder.path, "%s",
                 whole); // The daemon may change its folder; people copy the path.
    }
    free(whole);
    folder.lock = openat(folder.descriptor, "lock", O_RDWR | O_CREAT | O_CLOEXEC, 0640);
    if (folder.lock < 0) {
        enum status status = failed(&folder, "cannot be written to", problem);
        state_folder_close(&folder);
        return status;
    }
    if (flock(folder.lock, LOCK_EX | LOCK_NB) != 0) {
        state_folder_close(&folder);
        return problem_report(problem, STATUS_REFUSED, "state folder", folder.path,
                              "End that one first, or give this one a folder of its own under `state_dir`.",
                              "another intergreend uses it");
    }
    char text[64];
    if (file_read(&folder, "epoch", text, sizeof text)
        && sscanf(text, "%" SCNu32 " %" SCNu32, &folder.epoch, &folder.daemon) != 2) {
        state_folder_close(&folder);
        return problem_report(problem, STATUS_SYNTAX, "state folder", folder.path,
                              "Write the highest epoch ever used and the daemon's id into the file `epoch`.",
                              "the file `epoch` cannot be read");
    }
    while (folder.daemon == 0) {
        uint16_t id = 0;
        if (getrandom(&id, sizeof id, 0) != (ssize_t)sizeof id) {
            id = (uint16_t)getpid();
        }
        folder.daemon = id;
    }
    starts_note(&folder);
    *ret = folder;
    return STATUS_OK;
}

enum status state_folder_epoch(struct state_folder *folder, uint32_t epoch, struct problem *problem)
{
    char text[64];
    snprintf(text, sizeof text, "%" PRIu32 " %" PRIu32 "\n", epoch, folder->daemon);
    if (!file_replace(folder, "epoch", text)) {
        return failed(folder, "the epoch cannot be written", problem);
    }
    folder->epoch = epoch;
    return STATUS_OK;
}

void state_folder_clean_end(struct state_folder *folder)
{
    unlinkat(folder->descriptor, "starts", 0);
}

void state_folder_close(struct state_folder *folder)
{
    if (folder->lock >= 0) {
        close(folder->lock);
    }
    if (folder->descriptor >= 0) {
        close(folder->descriptor);
    }
    folder->lock = -1;
    folder->descriptor = -1;
}
