// Goal: whatever a SUMO network has become, reading it and deriving its signals gives a network that holds, or a
// sentence. The input: see altered_text.h; the file is one in memory, so that no disk is worn.
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "engine/import/derive.h"
#include "engine/import/sumo.h"
#include "tests/engine/crossroads.h"
#include "tests/fuzz/altered_text.h"
#include "tests/fuzz/fuzz_target.h"

static const char WHOLE[] = CROSSROADS;
static char altered[sizeof WHOLE + ALTERED_CHANGES_MAX];

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    size_t length = sizeof WHOLE - 1;
    memcpy(altered, WHOLE, length);
    alter_text(altered, &length, data, bytes);
    int file = memfd_create("x.net.xml", 0);
    char path[64];
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    if (file < 0 || write(file, altered, length) != (ssize_t)length) {
        abort();
    }
    struct import_options options = IMPORT_OPTIONS_DEFAULT;
    struct network_draft draft = { 0 };
    struct network network;
    struct problem problem = { "" };
    enum status status = sumo_read(path, &options, &draft, NULL, &problem);
    (void)close(file);
    if (status == STATUS_OK) {
        status = derive_signals(&draft, &options, NULL, &network, &problem);
        draft_release(&draft);
    }
    if (status == STATUS_OK) {
        network_release(&network);
    } else if (problem.text[0] == '\0') {
        abort();
    }
    return 0;
}
