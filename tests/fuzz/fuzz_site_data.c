// Goal: whatever a site file has become, laying it over a network changes it as a whole to one that holds, or not at
// all and says why. The input: see altered_text.h.
#include <stdlib.h>

#include "engine/import/site_data.h"
#include "tests/engine/crossings.h"
#include "tests/fuzz/altered_text.h"
#include "tests/fuzz/fuzz_target.h"

#define TEXT_BYTES 65536

static struct crossings made;
static char whole[TEXT_BYTES], altered[TEXT_BYTES + ALTERED_CHANGES_MAX];

static void make_whole(void)
{
    crossings_build(&made, 2, 200.0);
    FILE *file = fmemopen(whole, sizeof whole - 1, "w");
    if (file == NULL) {
        abort();
    }
    site_write(&made.network, (struct intersection_id){ 0 }, file);
    (void)fclose(file);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    if (whole[0] == '\0') {
        make_whole();
    }
    size_t length = strlen(whole);
    memcpy(altered, whole, length);
    alter_text(altered, &length, data, bytes);
    struct network network;
    struct problem problem = { "" };
    network_copy(&made.network, &network);
    enum status status = site_apply_text(&network, altered, length, "x.yaml", &problem);
    if (status != STATUS_OK && (problem.text[0] == '\0' || network.hash != made.network.hash)) {
        abort();
    }
    network_release(&network);
    return 0;
}
