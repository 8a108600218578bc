#include "engine/record/recording.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zstd.h>

#include "engine/base/memory.h"
#include "engine/record/chunk.h"
#include "engine/wire/fields.h"

// Measured on an hour of 1,300 intersections: level 1 is half the work of level 3 for 8 % more bytes.
#define LEVEL 1
#define WINDOW_LOG 23              // 8 MiB: half a minute of 10,000 loops, so that a second finds the one before it

struct recording_writer {
    char *path;
    int fd;
    uint64_t bytes;
    ZSTD_CCtx *stream;
    uint8_t *stored;
    size_t stored_capacity;
    bool begin_block;
    LIST_OF(struct recording_block) blocks;
};

static enum status write_all(struct recording_writer *writer, const uint8_t *bytes, size_t count,
                             struct problem *problem)
{
    size_t done = 0;
    while (done < count) {
        ssize_t written = write(writer->fd, bytes + done, count - done);
        if (written < 0 && errno == EINTR) {
            continue;
        }
        if (written <= 0) {
            enum status status = problem_report(problem, STATUS_IO, writer->path, NULL,
                "Make room on the disk, or bound the recordings in the configuration.", "cannot be written: %s",
                strerror(errno));
            // Half a chunk is taken back, so that the next one follows a whole one.
            if (ftruncate(writer->fd, (off_t)writer->bytes) != 0 || lseek(writer->fd, 0, SEEK_END) < 0) {
                return status;        // Then a reader finds the next block by its head.
            }
            return status;
        }
        done += (size_t)written;
    }
    writer->bytes += count;
    return STATUS_OK;
}

static void writer_release(struct recording_writer *writer)
{
    ZSTD_freeCCtx(writer->stream);
    free(writer->blocks.at);
    free(writer->stored);
    free(writer->path);
    free(writer);
}

enum status recording_create(const char *path, uint64_t network_hash, struct recording_writer **ret,
                             struct problem *problem)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (fd < 0) {
        return problem_report(problem, STATUS_IO, path, NULL, "Name a new file in a folder that can be written.",
                              "cannot be made: %s", strerror(errno));
    }
    struct recording_writer *writer = memory_take(1, sizeof *writer);
    writer->fd = fd;
    writer->path = memory_copy(path, strlen(path) + 1, 1);
    writer->stream = ZSTD_createCCtx();
    writer->begin_block = true;
    assert(writer->stream != NULL);
    (void)ZSTD_CCtx_setParameter(writer->stream, ZSTD_c_compressionLevel, LEVEL);
    (void)ZSTD_CCtx_setParameter(writer->stream, ZSTD_c_windowLog, WINDOW_LOG);
    uint8_t header[FILE_HEADER_BYTES];
    chunk_put(header, FILE_MAGIC, 8);
    chunk_put(header + 8, RECORDING_FORMAT, 8);
    chunk_put(header + 16, network_hash, 8);
    chunk_put(header + 24, hash_bytes(HASH_SEED, header, 24), 8);
    enum status status = write_all(writer, header, sizeof header, problem);
    if (status != STATUS_OK) {
        (void)close(fd);
        writer_release(writer);
        return status;
    }
    *ret = writer;
    return STATUS_OK;
}

void recording_begin_block(struct recording_writer *writer)
{
    writer->begin_block = true;
}

int64_t recording_bytes(const struct recording_writer *writer)
{
    return (int64_t)writer->bytes;
}

// Compresses behind the head's place in `stored`; gives the bytes, or 0.
static size_t compress(struct recording_writer *writer, const uint8_t *records, size_t bytes)
{
    size_t needed = CHUNK_HEAD_BYTES + ZSTD_compressBound(bytes) + 1024;   // A flush adds a few bytes to the bound.
    if (writer->stored_capacity < needed) {
        free(writer->stored);
        writer->stored = memory_take(needed, 1);
        writer->stored_capacity = needed;
    }
    if (writer->begin_block) {
        (void)ZSTD_CCtx_reset(writer->stream, ZSTD_reset_session_only);
    }
    ZSTD_inBuffer in = { records, bytes, 0 };
    ZSTD_outBuffer out = { writer->stored, writer->stored_capacity, CHUNK_HEAD_BYTES };
    size_t left = ZSTD_compressStream2(writer->stream, &out, &in, ZSTD_e_flush);
    return left == 0 && in.pos == bytes ? out.pos - CHUNK_HEAD_BYTES : 0;
}

enum status recording_put(struct recording_writer *writer, const uint8_t *records, size_t bytes, int64_t first_ms,
                          int64_t last_ms, struct problem *problem)
{
    assert(first_ms <= last_ms);
    if (bytes == 0 || bytes > RECORDING_CHUNK_BYTES_MAX) {
        return problem_report(problem, STATUS_LIMIT, writer->path, NULL, NULL, "a chunk of %zu bytes", bytes);
    }
    size_t stored = compress(writer, records, bytes);
    struct chunk_head head = { .flags = writer->begin_block ? CHUNK_BEGINS_BLOCK : 0, .first_ms = first_ms,
        .last_ms = last_ms, .stored_bytes = (uint32_t)stored, .raw_bytes = (uint32_t)bytes,
        .payload_hash = hash_bytes(HASH_SEED, writer->stored + CHUNK_HEAD_BYTES, stored) };
    chunk_head_write(&head, writer->stored);
    uint64_t offset = writer->bytes;
    enum status status = stored == 0
        ? problem_report(problem, STATUS_IO, writer->path, NULL, NULL, "cannot be compressed")
        : write_all(writer, writer->stored, CHUNK_HEAD_BYTES + stored, problem);
    if (status != STATUS_OK) {
        writer->begin_block = true;   // The stream has lost a part.
        return status;
    }
    if (writer->begin_block) {
        struct recording_block *begun = GROW(writer->blocks);
        *begun = (struct recording_block){ .first_ms = first_ms, .offset = offset };
    }
    struct recording_block *block = &writer->blocks.at[writer->blocks.count - 1];
    block->last_ms = last_ms;
    block->end = writer->bytes;
    block->chunk_count++;
    block->raw_bytes += bytes;
    writer->begin_block = false;
    return STATUS_OK;
}

static enum status index_write(struct recording_writer *writer, struct problem *problem)
{
    const struct recording_block *blocks = writer->blocks.at;
    int32_t count = writer->blocks.count;
    size_t capacity = CHUNK_HEAD_BYTES + FOOTER_BYTES + 256 + (size_t)count * 6 * VARINT_BYTES_MAX;
    uint8_t *bytes = memory_take(capacity, 1);
    struct frame_writer out = { .at = bytes + CHUNK_HEAD_BYTES, .capacity = capacity - CHUNK_HEAD_BYTES };
    PUT_COLUMN(&out, 1, count, i, zigzag_encode(blocks[i].first_ms));
    PUT_COLUMN(&out, 2, count, i, zigzag_encode(blocks[i].last_ms));
    PUT_COLUMN(&out, 3, count, i, blocks[i].offset);
    PUT_COLUMN(&out, 4, count, i, blocks[i].end);
    PUT_COLUMN(&out, 5, count, i, (uint64_t)blocks[i].chunk_count);
    PUT_COLUMN(&out, 6, count, i, blocks[i].raw_bytes);
    assert(!out.full);
    struct chunk_head head = { .flags = CHUNK_IS_INDEX, .stored_bytes = (uint32_t)out.used,
        .raw_bytes = (uint32_t)out.used, .payload_hash = hash_bytes(HASH_SEED, out.at, out.used) };
    chunk_head_write(&head, bytes);
    uint8_t *footer = out.at + out.used;
    chunk_put(footer, FOOTER_MAGIC, 8);
    chunk_put(footer + 8, writer->bytes, 8);
    chunk_put(footer + 16, hash_bytes(HASH_SEED, footer, 16), 8);
    enum status status = write_all(writer, bytes, CHUNK_HEAD_BYTES + out.used + FOOTER_BYTES, problem);
    free(bytes);
    return status;
}

enum status recording_close(struct recording_writer *writer, struct problem *problem)
{
    if (writer == NULL) {
        return STATUS_OK;
    }
    enum status status = index_write(writer, problem);
    if (close(writer->fd) != 0 && status == STATUS_OK) {
        status = problem_report(problem, STATUS_IO, writer->path, NULL, NULL, "cannot be closed: %s",
                                strerror(errno));
    }
    writer_release(writer);
    return status;
}
