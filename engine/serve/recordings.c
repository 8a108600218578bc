#include "engine/serve/recordings.h"

#include <assert.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "engine/base/memory.h"
#include "engine/record/recording_folder.h"

#define QUEUE_BYTES_MAX ((size_t)256 << 20)
#define WRITER_NICE 10             // behind the loops and the compute thread

struct queued {
    struct queued *next;
    size_t bytes;
    int64_t first_ms, last_ms;
    bool begins_file, begins_block;
    uint8_t records[];
};

struct recordings {
    struct recordings_hooks hooks;
    struct recorder *recorder;
    struct recording_folder *folder;   // of the thread
    pthread_t thread;

    pthread_mutex_t mutex;             // guards what follows
    pthread_cond_t filled, drained;
    struct queued *first, *last;
    size_t queued_bytes;
    bool wait, quit, losing;
};

// On the compute thread.
static bool put(void *owner, const uint8_t *records, size_t bytes, int64_t first_ms, int64_t last_ms, bool begins_file,
                bool begins_block)
{
    struct recordings *recordings = owner;
    struct queued *chunk = malloc(sizeof *chunk + bytes);
    if (chunk == NULL) {
        return false;                  // Nothing of the engine depends on it: not a reason to end.
    }
    *chunk = (struct queued){ .bytes = bytes, .first_ms = first_ms, .last_ms = last_ms, .begins_file = begins_file,
        .begins_block = begins_block };
    memcpy(chunk->records, records, bytes);
    pthread_mutex_lock(&recordings->mutex);
    while (recordings->wait && recordings->queued_bytes > QUEUE_BYTES_MAX) {
        pthread_cond_wait(&recordings->drained, &recordings->mutex);
    }
    bool room = recordings->queued_bytes <= QUEUE_BYTES_MAX;
    bool began_losing = !room && !recordings->losing;
    recordings->losing = !room;
    if (room) {
        *(recordings->last != NULL ? &recordings->last->next : &recordings->first) = chunk;
        recordings->last = chunk;
        recordings->queued_bytes += bytes;
        pthread_cond_signal(&recordings->filled);
    }
    pthread_mutex_unlock(&recordings->mutex);
    if (!room) {
        free(chunk);
    }
    if (began_losing) {
        recordings->hooks.said(recordings->hooks.owner, true,
                               "the disk is too slow for the recording: seconds are lost");
    }
    return room;
}

static void write_chunk(struct recordings *recordings, const struct recorder_sink *sink, const struct queued *chunk,
                        bool *broken)
{
    // After a fault the rest of the block cannot be read: the next one is tried.
    if (*broken && !chunk->begins_block) {
        return;
    }
    bool said = *broken;
    *broken = !sink->put(sink->owner, chunk->records, chunk->bytes, chunk->first_ms, chunk->last_ms,
                         chunk->begins_file, chunk->begins_block);
    struct problem fault;
    if (*broken && recording_folder_fault(recordings->folder, &fault) && !said) {
        recordings->hooks.said(recordings->hooks.owner, true, fault.text);
    }
}

static void *run(void *owner)
{
    struct recordings *recordings = owner;
    struct recorder_sink sink = recording_folder_sink(recordings->folder);
    bool broken = false;
    setpriority(PRIO_PROCESS, (id_t)gettid(), WRITER_NICE);
    pthread_mutex_lock(&recordings->mutex);
    for (;;) {
        while (recordings->first == NULL && !recordings->quit) {
            pthread_cond_wait(&recordings->filled, &recordings->mutex);
        }
        struct queued *chunk = recordings->first;
        if (chunk == NULL) {
            break;
        }
        recordings->first = chunk->next;
        recordings->last = chunk->next != NULL ? recordings->last : NULL;
        pthread_mutex_unlock(&recordings->mutex);
        write_chunk(recordings, &sink, chunk, &broken);
        pthread_mutex_lock(&recordings->mutex);
        recordings->queued_bytes -= chunk->bytes;
        free(chunk);
        pthread_cond_signal(&recordings->drained);
    }
    pthread_mutex_unlock(&recordings->mutex);
    return NULL;
}

enum status recordings_start(const char *folder, int64_t bytes_max, const struct network *network,
                             const char *network_name, const struct recordings_hooks *hooks, struct recordings **ret,
                             struct problem *problem)
{
    struct recordings *recordings = memory_take(1, sizeof *recordings);
    recordings->hooks = *hooks;
    enum status status = recording_folder_open(folder, network->hash, bytes_max, &recordings->folder, problem);
    if (status != STATUS_OK) {
        free(recordings);
        return status;
    }
    pthread_mutex_init(&recordings->mutex, NULL);
    pthread_cond_init(&recordings->filled, NULL);
    pthread_cond_init(&recordings->drained, NULL);
    recorder_create(network, network_name, (struct recorder_sink){ recordings, put }, &recordings->recorder);
    int error = pthread_create(&recordings->thread, NULL, run, recordings);
    if (error != 0) {
        recorder_release(recordings->recorder);
        status = recording_folder_close(recordings->folder, problem);
        free(recordings);
        return status != STATUS_OK ? status
            : problem_report(problem, STATUS_IO, "recording", NULL, NULL, "no thread: %s", strerror(error));
    }
    *ret = recordings;
    return STATUS_OK;
}

struct recorder *recordings_recorder(struct recordings *recordings)
{
    return recordings->recorder;
}

void recordings_wait(struct recordings *recordings, bool wait)
{
    pthread_mutex_lock(&recordings->mutex);
    recordings->wait = wait;
    pthread_mutex_unlock(&recordings->mutex);
}

void recordings_stop(struct recordings *recordings)
{
    if (recordings == NULL) {
        return;
    }
    recordings_wait(recordings, true);
    recorder_release(recordings->recorder);
    pthread_mutex_lock(&recordings->mutex);
    recordings->quit = true;
    pthread_cond_signal(&recordings->filled);
    pthread_mutex_unlock(&recordings->mutex);
    pthread_join(recordings->thread, NULL);
    struct problem problem;
    if (recording_folder_close(recordings->folder, &problem) != STATUS_OK) {
        recordings->hooks.said(recordings->hooks.owner, true, problem.text);
    }
    pthread_cond_destroy(&recordings->filled);
    pthread_cond_destroy(&recordings->drained);
    pthread_mutex_destroy(&recordings->mutex);
    free(recordings);
}
