// Goal: whatever a CityFlow roadnet has become, reading it and deriving its signals gives a network that holds, or a
// sentence. The input: see altered_text.h.
#include <stdlib.h>

#include "engine/import/cityflow.h"
#include "engine/import/derive.h"
#include "tests/engine/cityflow_crossing.h"
#include "tests/fuzz/altered_text.h"
#include "tests/fuzz/fuzz_target.h"

static char *whole;
static char altered[CITYFLOW_TEXT_BYTES + ALTERED_CHANGES_MAX];

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    if (whole == NULL) {
        whole = cityflow_text(&(struct cityflow_crossing){ .legs = 0xd, .lanes = 3 });
    }
    size_t length = strlen(whole);
    memcpy(altered, whole, length);
    alter_text(altered, &length, data, bytes);
    struct import_options options = IMPORT_OPTIONS_DEFAULT;
    struct network_draft draft = { 0 };
    struct network network;
    struct problem problem = { "" };
    enum status status = cityflow_parse(altered, length, "x.json", &draft, NULL, &problem);
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
