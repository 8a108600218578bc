// Goal: whatever bytes a network file has, loading gives the network that was saved or a sentence; also when the file's
// own checksum is right, so that the message itself is what is looked at. The input: the first byte chooses (even:
// checksum as it then is, odd: made right), the rest see altered_text.h.
#include <stdlib.h>

#include "engine/base/hash.h"
#include "engine/import/network_file.h"
#include "engine/import/network_columns.h"
#include "tests/engine/crossings.h"
#include "tests/fuzz/altered_text.h"
#include "tests/fuzz/fuzz_target.h"

#define HEAD_BYTES 24

static uint8_t *whole, *altered;
static size_t whole_bytes;

static void put64(uint8_t *to, uint64_t value)
{
    for (int i = 0; i < 8; i++) {
        to[i] = (uint8_t)(value >> (8 * i));
    }
}

static void sign(uint8_t *image, size_t bytes)
{
    put64(image + 8, bytes - HEAD_BYTES);
    put64(image + 16, hash_bytes(HASH_SEED, image + HEAD_BYTES, bytes - HEAD_BYTES));
}

static void make_whole(void)
{
    struct crossings made = { 0 };
    crossings_build(&made, 1, 200.0);
    Intergreen__V1__Network *message = network_pack(&made.network);
    whole_bytes = HEAD_BYTES + intergreen__v1__network__get_packed_size(message);
    whole = memory_take(whole_bytes, 1);
    altered = memory_take(whole_bytes + ALTERED_CHANGES_MAX, 1);
    memcpy(whole, NETWORK_FILE_MAGIC, NETWORK_FILE_MAGIC_BYTES);
    (void)intergreen__v1__network__pack(message, whole + HEAD_BYTES);
    sign(whole, whole_bytes);
    intergreen__v1__network__free_unpacked(message, NULL);
    network_release(&made.network);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    if (whole == NULL) {
        make_whole();
    }
    memcpy(altered, whole, whole_bytes);
    size_t length = whole_bytes;
    bool honest = bytes > 0 && data[0] % 2 == 1;
    size_t kept = honest ? HEAD_BYTES : 0;
    size_t tail = length - kept;
    if (bytes > 1) {
        alter_text((char *)altered + kept, &tail, data + 1, bytes - 1);
    }
    length = kept + tail;
    if (honest) {
        sign(altered, length);
    }
    struct network network;
    struct problem problem = { "" };
    if (network_file_parse(altered, length, "x.net", &network, &problem) == STATUS_OK) {
        network_release(&network);
    } else if (problem.text[0] == '\0') {
        abort();
    }
    return 0;
}
