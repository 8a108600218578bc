#include "sim/loop/checkpoint_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/hash.h"
#include "engine/base/memory.h"

#define MAGIC "IGCHECK1"
#define PATH_BYTES_MAX 4096

struct head {
    char magic[8];
    uint64_t bytes, fingerprint;
};

enum status checkpoint_write(const char *path, const struct byte_sink *sink, struct problem *problem)
{
    char part[PATH_BYTES_MAX];
    struct head head = { .bytes = sink->count, .fingerprint = hash_bytes(HASH_SEED, sink->bytes, sink->count) };
    memcpy(head.magic, MAGIC, sizeof head.magic);
    if (snprintf(part, sizeof part, "%s.part", path) >= (int)sizeof part) {
        return problem_report(problem, STATUS_LIMIT, path, NULL, "name a shorter one", "the path is too long");
    }
    errno = 0;
    FILE *file = fopen(part, "wb");
    bool written = file != NULL && fwrite(&head, sizeof head, 1, file) == 1
        && fwrite(sink->bytes, 1, sink->count, file) == sink->count && fflush(file) == 0 && fsync(fileno(file)) == 0;
    written = (file == NULL || fclose(file) == 0) && written;
    if (!written || rename(part, path) != 0) {
        int why = errno;
        (void)remove(part);
        return problem_report(problem, STATUS_IO, path, NULL, "look for room on the disk and for the right to write",
                              "the checkpoint cannot be written: %s", strerror(why));
    }
    return STATUS_OK;
}

static enum status file_read(const char *path, FILE *file, uint8_t **ret_bytes, size_t *ret_count,
                             struct problem *problem)
{
    static const char REMEDY[] = "save it anew";
    struct head head;
    if (fread(&head, sizeof head, 1, file) != 1 || memcmp(head.magic, MAGIC, sizeof head.magic) != 0) {
        return problem_report(problem, STATUS_SYNTAX, path, NULL, "name one that --save-checkpoint wrote",
                              "this is no checkpoint");
    }
    if (fseek(file, 0, SEEK_END) != 0 || ftell(file) < 0
        || (uint64_t)ftell(file) - sizeof head != head.bytes || fseek(file, sizeof head, SEEK_SET) != 0) {
        return problem_report(problem, STATUS_SYNTAX, path, NULL, REMEDY,
                              "the checkpoint is not as long as it says: it was cut, or written to afterwards");
    }
    uint8_t *bytes = memory_take(head.bytes > 0 ? head.bytes : 1, 1);
    if (fread(bytes, 1, head.bytes, file) != head.bytes
        || hash_bytes(HASH_SEED, bytes, head.bytes) != head.fingerprint) {
        free(bytes);
        return problem_report(problem, STATUS_SYNTAX, path, NULL, REMEDY, "the checkpoint is damaged");
    }
    *ret_bytes = bytes;
    *ret_count = head.bytes;
    return STATUS_OK;
}

enum status checkpoint_read(const char *path, uint8_t **ret_bytes, size_t *ret_count, struct problem *problem)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        return problem_report(problem, STATUS_IO, path, NULL, NULL, "cannot be opened: %s", strerror(errno));
    }
    enum status status = file_read(path, file, ret_bytes, ret_count, problem);
    (void)fclose(file);
    return status;
}
