#include "engine/import/network_file.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/hash.h"
#include "engine/base/memory.h"
#include "engine/import/network_columns.h"

#define HEAD_BYTES (NETWORK_FILE_MAGIC_BYTES + 16)

static const uint64_t MESSAGE_BYTES_MAX = UINT64_C(1) << 30;

static void put64(uint8_t *to, uint64_t value)
{
    for (int i = 0; i < 8; i++) {
        to[i] = (uint8_t)(value >> (8 * i));
    }
}

static uint64_t get64(const uint8_t *from)
{
    uint64_t value = 0;
    for (int i = 0; i < 8; i++) {
        value |= (uint64_t)from[i] << (8 * i);
    }
    return value;
}

// Magic, length, hash, message; given to the caller.
static uint8_t *file_image(const struct network *network, size_t *ret_bytes)
{
    Intergreen__V1__Network *message = network_pack(network);
    size_t length = intergreen__v1__network__get_packed_size(message);
    uint8_t *image = memory_take(HEAD_BYTES + length, 1);
    memcpy(image, NETWORK_FILE_MAGIC, NETWORK_FILE_MAGIC_BYTES);
    (void)intergreen__v1__network__pack(message, image + HEAD_BYTES);
    put64(image + NETWORK_FILE_MAGIC_BYTES, length);
    put64(image + NETWORK_FILE_MAGIC_BYTES + 8, hash_bytes(HASH_SEED, image + HEAD_BYTES, length));
    intergreen__v1__network__free_unpacked(message, NULL);
    *ret_bytes = HEAD_BYTES + length;
    return image;
}

enum status network_file_save(const struct network *network, const char *path, struct problem *problem)
{
    size_t bytes = 0;
    uint8_t *image = file_image(network, &bytes);
    size_t path_bytes = strlen(path) + sizeof ".part";
    char *part = memory_take(path_bytes, 1);
    (void)snprintf(part, path_bytes, "%s.part", path);
    errno = 0;
    FILE *file = fopen(part, "wb");
    bool written = file != NULL && fwrite(image, 1, bytes, file) == bytes;
    written = (file == NULL || fclose(file) == 0) && written;
    written = written && rename(part, path) == 0;   // Whole or not at all.
    enum status status = STATUS_OK;
    if (!written) {
        status = problem_report(problem, STATUS_IO, path, NULL, "check the folder and the space on the disk",
                                "cannot be written: %s", strerror(errno));
        if (file != NULL) {
            (void)remove(part);
        }
    }
    free(part);
    free(image);
    return status;
}

static enum status file_read(const char *path, uint8_t **ret, size_t *ret_bytes, struct problem *problem)
{
    errno = 0;
    FILE *file = fopen(path, "rb");
    long end = file != NULL && fseek(file, 0, SEEK_END) == 0 ? ftell(file) : -1;
    if (end < 0 || (uint64_t)end > MESSAGE_BYTES_MAX + HEAD_BYTES || fseek(file, 0, SEEK_SET) != 0) {
        enum status status = problem_report(problem, STATUS_IO, path, NULL, "check the path", "cannot be read: %s",
                                            end > 0 ? "larger than 1 GiB" : strerror(errno));
        if (file != NULL) {
            (void)fclose(file);
        }
        return status;
    }
    uint8_t *bytes = memory_take((size_t)end, 1);
    size_t length = fread(bytes, 1, (size_t)end, file);
    (void)fclose(file);
    *ret = bytes;
    *ret_bytes = length;
    return STATUS_OK;
}

enum status network_file_parse(const uint8_t *image, size_t bytes, const char *path, struct network *ret,
                               struct problem *problem)
{
    const char *remedy = "import the network again, or take another copy of the file";
    if (bytes < HEAD_BYTES) {
        return problem_report(problem, STATUS_SYNTAX, path, NULL, remedy, "is cut off within its first %d bytes",
                              HEAD_BYTES);
    }
    if (memcmp(image, NETWORK_FILE_MAGIC, 5) != 0) {
        return problem_report(problem, STATUS_SYNTAX, path, "byte 0", "name a file that `intergreen import` wrote",
                              "is no network file");
    }
    if (memcmp(image, NETWORK_FILE_MAGIC, NETWORK_FILE_MAGIC_BYTES) != 0) {
        return problem_report(problem, STATUS_VERSION, path, "byte 5", "import the network again with this version",
                              "is of version %d or altered in transfer, this program reads version %d", image[5],
                              NETWORK_FILE_MAGIC[5]);
    }
    uint64_t length = get64(image + NETWORK_FILE_MAGIC_BYTES);
    if (length != bytes - HEAD_BYTES) {
        return problem_report(problem, STATUS_SYNTAX, path, NULL, remedy,
                              "holds %zu bytes of a message that has %llu: it is cut off or altered",
                              bytes - HEAD_BYTES,
                              (unsigned long long)length);
    }
    const uint8_t *packed = image + HEAD_BYTES;
    if (hash_bytes(HASH_SEED, packed, length) != get64(image + NETWORK_FILE_MAGIC_BYTES + 8)) {
        return problem_report(problem, STATUS_SYNTAX, path, NULL, remedy, "was altered: its bytes have another hash");
    }
    Intergreen__V1__Network *message = intergreen__v1__network__unpack(NULL, length, packed);
    if (message == NULL) {
        return problem_report(problem, STATUS_SYNTAX, path, NULL, remedy, "holds no Network message");
    }
    enum status status = network_unpack(message, path, ret, problem);
    intergreen__v1__network__free_unpacked(message, NULL);
    return status;
}

enum status network_file_load(const char *path, struct network *ret, struct problem *problem)
{
    uint8_t *image = NULL;
    size_t bytes = 0;
    enum status status = file_read(path, &image, &bytes, problem);
    if (status == STATUS_OK) {
        status = network_file_parse(image, bytes, path, ret, problem);
        free(image);
    }
    return status;
}
