#include "engine/record/recording.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#include "engine/base/memory.h"
#include "engine/record/chunk.h"
#include "engine/wire/fields.h"

#define WINDOW_LOG_MAX 26
// A varint and a fingerprint protect from damage, not from malice: no chunk may claim more than this times its bytes.
#define RATIO_MAX 100000u

// The chunk at `offset`: its head is whole and its payload lies within the file.
static bool chunk_at(const struct recording *recording, uint64_t offset, struct chunk_head *ret)
{
    return offset <= recording->bytes && recording->bytes - offset >= CHUNK_HEAD_BYTES
        && chunk_head_read(recording->map + offset, ret)
        && recording->bytes - offset - CHUNK_HEAD_BYTES >= ret->stored_bytes
        && ret->raw_bytes <= RECORDING_CHUNK_BYTES_MAX && ret->raw_bytes / RATIO_MAX <= ret->stored_bytes;
}

static const uint8_t *chunk_payload(const struct recording *recording, uint64_t offset)
{
    return recording->map + offset + CHUNK_HEAD_BYTES;
}

// ---- blocks: from the index, or from the heads of the chunks ------------------------------------------------------

static bool column_u64s(struct cursor column, int64_t count, uint64_t *ret)
{
    for (int64_t i = 0; i < count; i++) {
        if (!varint_read(&column, &ret[i])) {
            return false;
        }
    }
    return column.at == column.end;
}

static bool index_blocks(struct recording *recording, struct cursor payload)
{
    struct fields fields;
    struct cursor column[7];
    if (fields_read(payload, &fields) != STATUS_OK) {
        return false;
    }
    int64_t count = -1;
    for (uint32_t f = 1; f <= 6; f++) {
        if (!fields_column(&fields, f, &column[f]) || (f > 1 && column_count(column[f]) != count)) {
            return false;
        }
        count = f == 1 ? column_count(column[1]) : count;
    }
    if (count < 0 || count > INT32_MAX / 64) {
        return false;
    }
    recording->blocks = memory_take((size_t)count, sizeof *recording->blocks);
    uint64_t *values = memory_take((size_t)count * 7, sizeof *values);
    bool good = true;
    for (uint32_t f = 1; f <= 6; f++) {
        good = good && column_u64s(column[f], count, values + (int64_t)f * count);
    }
    for (int64_t i = 0; i < count && good; i++) {
        struct recording_block *block = &recording->blocks[i];
        *block = (struct recording_block){ .first_ms = zigzag_decode(values[count + i]),
            .last_ms = zigzag_decode(values[2 * count + i]), .offset = values[3 * count + i],
            .end = values[4 * count + i], .chunk_count = (int32_t)(values[5 * count + i] & INT32_MAX),
            .raw_bytes = values[6 * count + i] };
        good = block->offset < block->end && block->end <= recording->bytes;
    }
    free(values);
    recording->block_count = good ? (int32_t)count : 0;
    return good;
}

// What recording_close left at the end. false: nothing, or not whole.
static bool index_read(struct recording *recording)
{
    if (recording->bytes < FILE_HEADER_BYTES + CHUNK_HEAD_BYTES + FOOTER_BYTES) {
        return false;
    }
    const uint8_t *footer = recording->map + recording->bytes - FOOTER_BYTES;
    struct chunk_head head;
    uint64_t offset = chunk_get(footer + 8, 8);
    if (chunk_get(footer, 8) != FOOTER_MAGIC || chunk_get(footer + 16, 8) != hash_bytes(HASH_SEED, footer, 16)
        || !chunk_at(recording, offset, &head) || (head.flags & CHUNK_IS_INDEX) == 0) {
        return false;
    }
    const uint8_t *payload = chunk_payload(recording, offset);
    return hash_bytes(HASH_SEED, payload, head.stored_bytes) == head.payload_hash
        && index_blocks(recording, (struct cursor){ payload, payload + head.stored_bytes });
}

static void damage_note(struct recording *recording, uint64_t offset)
{
    recording->damage_offset = recording->damage_count == 0 ? offset : recording->damage_offset;
    recording->damage_count++;
}

// The next place from `offset` on that looks like a chunk that begins a block.
static uint64_t resume_at(const struct recording *recording, uint64_t offset)
{
    uint8_t magic[4];
    chunk_put(magic, CHUNK_MAGIC, 4);
    while (offset < recording->bytes) {
        const uint8_t *found = memmem(recording->map + offset, recording->bytes - offset, magic, sizeof magic);
        struct chunk_head head;
        if (found == NULL) {
            break;
        }
        offset = (uint64_t)(found - recording->map);
        if (chunk_at(recording, offset, &head) && (head.flags & (CHUNK_BEGINS_BLOCK | CHUNK_IS_INDEX)) != 0) {
            return offset;
        }
        offset++;
    }
    return recording->bytes;
}

// The file was not closed, or its end is damaged: from head to head.
static void blocks_scan(struct recording *recording)
{
    LIST_OF(struct recording_block) blocks = { 0 };
    uint64_t offset = FILE_HEADER_BYTES;
    bool broken = true;               // no block is open to be gone on with
    while (offset < recording->bytes) {
        struct chunk_head head;
        if (!chunk_at(recording, offset, &head)) {
            damage_note(recording, offset);
            offset = resume_at(recording, offset + 1);
            broken = true;
            continue;
        }
        if ((head.flags & CHUNK_IS_INDEX) != 0) {
            break;
        }
        uint64_t end = offset + CHUNK_HEAD_BYTES + head.stored_bytes;
        if ((head.flags & CHUNK_BEGINS_BLOCK) != 0) {
            struct recording_block *begun = GROW(blocks);
            *begun = (struct recording_block){ .first_ms = head.first_ms, .offset = offset };
            broken = false;
        }
        if (!broken) {
            struct recording_block *block = &blocks.at[blocks.count - 1];
            block->last_ms = head.last_ms;
            block->end = end;
            block->chunk_count++;
            block->raw_bytes += head.raw_bytes;
        }
        offset = end;
    }
    recording->blocks = blocks.at;
    recording->block_count = blocks.count;
}

// ---- the file -----------------------------------------------------------------------------------------------------

static enum status header_check(const struct recording *recording, struct problem *problem)
{
    const uint8_t *header = recording->map;
    if (recording->bytes < FILE_HEADER_BYTES || chunk_get(header, 8) != FILE_MAGIC) {
        return problem_report(problem, STATUS_SYNTAX, recording->path, NULL,
                              "Name a file that the daemon or `intergreen sim --record` has written.",
                              "is not a recording");
    }
    if (chunk_get(header + 24, 8) != hash_bytes(HASH_SEED, header, 24)) {
        return problem_report(problem, STATUS_SYNTAX, recording->path, "byte 0", "Take a copy of the file.",
                              "its header is damaged");
    }
    if (chunk_get(header + 8, 8) < 1 || chunk_get(header + 8, 8) > RECORDING_FORMAT) {
        return problem_report(problem, STATUS_VERSION, recording->path, "byte 8",
                              "Read it with the version that wrote it, or a later one.",
                              "is of format %llu; this program reads formats 1 to %d",
                              (unsigned long long)chunk_get(header + 8, 8), RECORDING_FORMAT);
    }
    return STATUS_OK;
}

bool recording_is(const char *path)
{
    size_t length = strlen(path);
    if (length > 4 && strcmp(path + length - 4, ".igr") == 0) {
        return true;
    }
    uint8_t magic[8] = { 0 };
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    bool is = fd >= 0 && read(fd, magic, sizeof magic) == (ssize_t)sizeof magic && chunk_get(magic, 8) == FILE_MAGIC;
    if (fd >= 0) {
        (void)close(fd);
    }
    return is;
}

enum status recording_open(const char *path, struct recording **ret, struct problem *problem)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat about;
    if (fd < 0 || fstat(fd, &about) != 0 || !S_ISREG(about.st_mode)) {
        int error = fd < 0 ? errno : EINVAL;
        if (fd >= 0) {
            (void)close(fd);
        }
        return problem_report(problem, STATUS_IO, path, NULL, "Name a recording (a file *.igr).",
                              "cannot be read: %s", strerror(error));
    }
    struct recording *recording = memory_take(1, sizeof *recording);
    recording->path = memory_copy(path, strlen(path) + 1, 1);
    recording->bytes = (uint64_t)about.st_size;
    if (recording->bytes > 0) {
        void *map = mmap(NULL, recording->bytes, PROT_READ, MAP_PRIVATE, fd, 0);
        recording->map = map == MAP_FAILED ? NULL : map;
        recording->bytes = map == MAP_FAILED ? 0 : recording->bytes;
    }
    (void)close(fd);
    enum status status = header_check(recording, problem);
    if (status != STATUS_OK) {
        recording_release(recording);
        return status;
    }
    recording->network_hash = chunk_get(recording->map + 16, 8);
    recording->closed = index_read(recording);
    if (!recording->closed) {
        free(recording->blocks);
        recording->blocks = NULL;
        blocks_scan(recording);
    }
    *ret = recording;
    return STATUS_OK;
}

void recording_release(struct recording *recording)
{
    if (recording == NULL) {
        return;
    }
    if (recording->map != NULL) {
        (void)munmap((void *)recording->map, recording->bytes);
    }
    free(recording->blocks);
    free(recording->path);
    free(recording);
}

int32_t recording_find(const struct recording *recording, int64_t t_ms)
{
    int32_t first = 0, end = recording->block_count;
    while (end - first > 1) {
        int32_t middle = first + (end - first) / 2;
        if (recording->blocks[middle].first_ms <= t_ms) {
            first = middle;
        } else {
            end = middle;
        }
    }
    return first;
}

// ---- one block ----------------------------------------------------------------------------------------------------

struct recording_stream {
    const struct recording *recording;
    uint64_t offset, end;             // of the next chunk, of the block
    ZSTD_DCtx *zstd;
    uint8_t *raw;
    size_t raw_capacity;
    struct cursor records;            // of the chunk, not yet given
    bool damaged;
};

struct recording_stream *recording_stream_open(const struct recording *recording, int32_t block)
{
    struct recording_stream *stream = memory_take(1, sizeof *stream);
    stream->recording = recording;
    stream->zstd = ZSTD_createDCtx();
    assert(stream->zstd != NULL);
    (void)ZSTD_DCtx_setParameter(stream->zstd, ZSTD_d_windowLogMax, WINDOW_LOG_MAX);
    recording_stream_seek(stream, block);
    return stream;
}

void recording_stream_seek(struct recording_stream *stream, int32_t block)
{
    const struct recording *recording = stream->recording;
    assert(block >= 0 && block < recording->block_count);
    stream->offset = recording->blocks[block].offset;
    stream->end = recording->blocks[block].end;
    stream->records = (struct cursor){ 0 };
    stream->damaged = false;
    (void)ZSTD_DCtx_reset(stream->zstd, ZSTD_reset_session_only);
}

void recording_stream_release(struct recording_stream *stream)
{
    if (stream != NULL) {
        ZSTD_freeDCtx(stream->zstd);
        free(stream->raw);
        free(stream);
    }
}

static bool chunk_open(struct recording_stream *stream)
{
    struct chunk_head head;
    if (!chunk_at(stream->recording, stream->offset, &head)) {
        return false;
    }
    const uint8_t *payload = chunk_payload(stream->recording, stream->offset);
    if (hash_bytes(HASH_SEED, payload, head.stored_bytes) != head.payload_hash) {
        return false;
    }
    if (stream->raw_capacity < head.raw_bytes) {
        free(stream->raw);
        stream->raw = memory_take(head.raw_bytes, 1);
        stream->raw_capacity = head.raw_bytes;
    }
    ZSTD_inBuffer in = { payload, head.stored_bytes, 0 };
    ZSTD_outBuffer out = { stream->raw, head.raw_bytes, 0 };
    while (in.pos < in.size) {
        size_t read = in.pos, made = out.pos;
        if (ZSTD_isError(ZSTD_decompressStream(stream->zstd, &out, &in)) || (in.pos == read && out.pos == made)) {
            return false;             // Not zstd's, or more than the head said.
        }
    }
    stream->offset += CHUNK_HEAD_BYTES + head.stored_bytes;
    stream->records = (struct cursor){ stream->raw, stream->raw + out.pos };
    return out.pos == head.raw_bytes;
}

enum status recording_next(struct recording_stream *stream, struct cursor *ret)
{
    while (!stream->damaged && stream->records.at == stream->records.end) {
        if (stream->offset >= stream->end) {
            return STATUS_UNKNOWN;
        }
        stream->damaged = !chunk_open(stream);
    }
    uint64_t bytes;
    if (stream->damaged || !varint_read(&stream->records, &bytes) || bytes > cursor_bytes(&stream->records)) {
        stream->damaged = true;
        return STATUS_SYNTAX;
    }
    *ret = (struct cursor){ stream->records.at, stream->records.at + bytes };
    stream->records.at += bytes;
    return STATUS_OK;
}
