#include "engine/serve/registry.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"

#define PROOF_BYTES 32            // SHA-256
#define LINE_BYTES_MAX 65536

struct registry_entry {
    enum role role;
    bool proof_needed, certificate_needed, all;
    uint8_t proof[PROOF_BYTES];
    LIST_OF(int32_t) owned[3];    // by enum owned_kind, sorted
};

struct registry {
    struct names identities;
    LIST_OF(struct registry_entry) entries;
};

static int compare(const void *left, const void *right)
{
    int32_t a = *(const int32_t *)left, b = *(const int32_t *)right;
    return a < b ? -1 : a > b;
}

static bool hex_read(const char *text, uint8_t *ret)
{
    if (strlen(text) != (size_t)2 * PROOF_BYTES) {
        return false;
    }
    for (int i = 0; i < PROOF_BYTES; i++) {
        unsigned value;
        int read = 0;
        if (sscanf(text + 2 * i, "%2x%n", &value, &read) != 1 || read != 2) {
            return false;
        }
        ret[i] = (uint8_t)value;
    }
    return true;
}

static enum role role_read(const char *text)
{
    for (int role = ROLE_DETECTOR; role < ROLE_COUNT; role++) {
        if (strcmp(role_name((enum role)role), text) == 0) {
            return (enum role)role;
        }
    }
    return ROLE_NONE;
}

// What is wrong with a thing, or NULL.
static const char *thing_read(const struct network *network, const char *text, struct registry_entry *entry)
{
    static const char *const KINDS[] = { "detector:", "camera:", "intersection:" };
    if (strcmp(text, "*") == 0) {
        entry->all = true;
        return NULL;
    }
    for (int kind = 0; kind < 3; kind++) {
        size_t bytes = strlen(KINDS[kind]);
        if (strncmp(text, KINDS[kind], bytes) != 0) {
            continue;
        }
        int32_t name = names_find(&network->names, text + bytes);
        const int32_t *table = kind == OWNED_DETECTOR ? network->detector_by_name
            : kind == OWNED_CAMERA ? network->camera_by_name : network->intersection_by_name;
        int32_t index = name == NAME_NONE ? INDEX_NONE : table[name];
        if (index == INDEX_NONE) {
            return "the network has no such thing";
        }
        *GROW(entry->owned[kind]) = index;
        return NULL;
    }
    return "neither detector:NAME, camera:NAME, intersection:NAME nor *";
}

// What is wrong with a line, or NULL. *ret_word is the word that is meant.
static const char *line_read(struct registry *registry, const struct network *network, char *line,
                             const char **ret_word)
{
    char *rest = NULL;
    char *identity = strtok_r(line, " \t\r\n", &rest);
    if (identity == NULL || identity[0] == '#') {
        return NULL;
    }
    char *role = strtok_r(NULL, " \t\r\n", &rest), *proof = strtok_r(NULL, " \t\r\n", &rest);
    *ret_word = identity;
    if (role == NULL || proof == NULL) {
        return "a line is IDENTITY ROLE PROOF THING ...";
    }
    if (names_find(&registry->identities, identity) != NAME_NONE) {
        return "this identity stands twice";
    }
    if (strlen(identity) >= IDENTITY_BYTES_MAX) {
        return "an identity has at most 63 letters";
    }
    names_add(&registry->identities, identity);
    struct registry_entry *entry = GROW(registry->entries);
    entry->role = role_read(role);
    *ret_word = role;
    if (entry->role == ROLE_NONE) {
        return "a role is detector, controller, operator or simulator";
    }
    *ret_word = proof;
    entry->proof_needed = strcmp(proof, "none") != 0;
    entry->certificate_needed = strcmp(proof, "certificate") == 0;
    entry->proof_needed = entry->proof_needed && !entry->certificate_needed;
    if (entry->proof_needed && (strncmp(proof, "sha256:", 7) != 0 || !hex_read(proof + 7, entry->proof))) {
        return "a proof is sha256: and 64 hexadecimal digits, certificate, or none";
    }
    for (char *thing = strtok_r(NULL, " \t\r\n", &rest); thing != NULL; thing = strtok_r(NULL, " \t\r\n", &rest)) {
        const char *fault = thing[0] == '#' ? NULL : thing_read(network, thing, entry);
        if (fault != NULL) {
            *ret_word = thing;
            return fault;
        }
        if (thing[0] == '#') {
            break;
        }
    }
    for (int kind = 0; kind < 3; kind++) {
        if (entry->owned[kind].count > 1) {
            qsort(entry->owned[kind].at, (size_t)entry->owned[kind].count, sizeof(int32_t), compare);
        }
    }
    return NULL;
}

enum status registry_read(const char *path, const struct network *network, struct registry **ret,
                          struct problem *problem)
{
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return problem_report(problem, STATUS_IO, path, NULL, "Name a file that can be read under `registry`.", "%s",
                              strerror(errno));
    }
    struct registry *registry = memory_take(1, sizeof *registry);
    char *line = memory_take(LINE_BYTES_MAX, 1);
    enum status status = STATUS_OK;
    for (int number = 1; status == STATUS_OK && fgets(line, LINE_BYTES_MAX, file) != NULL; number++) {
        char place[32];
        const char *word = "";
        const char *fault = line_read(registry, network, line, &word);
        if (fault != NULL) {
            snprintf(place, sizeof place, "line %d", number);
            status = problem_report(problem, STATUS_SYNTAX, path, place, NULL, "`%s`: %s", word, fault);
        }
    }
    fclose(file);
    free(line);
    if (status != STATUS_OK) {
        registry_release(registry);
        return status;
    }
    *ret = registry;
    return STATUS_OK;
}

void registry_release(struct registry *registry)
{
    if (registry == NULL) {
        return;
    }
    for (int32_t i = 0; i < registry->entries.count; i++) {
        for (int kind = 0; kind < 3; kind++) {
            free(registry->entries.at[i].owned[kind].at);
        }
    }
    free(registry->entries.at);
    names_release(&registry->identities);
    free(registry);
}

bool registry_admits(const struct registry *registry, const struct hello *hello, bool local, bool certified,
                     const struct registry_entry **ret, const char **ret_why)
{
    *ret = NULL;
    int32_t found = registry == NULL ? NAME_NONE : names_find(&registry->identities, hello->identity);
    if (found == NAME_NONE) {
        *ret_why = "this identity is not in the daemon's registry";
        return local && (registry == NULL || !certified);
    }
    const struct registry_entry *entry = &registry->entries.at[found];
    uint8_t proof[EVP_MAX_MD_SIZE];
    unsigned proof_bytes = 0;
    if (certified) {
        // It has proved itself.
    } else if (entry->certificate_needed) {
        *ret_why = "this identity comes over TLS alone, with its certificate";
        return false;
    } else if (entry->proof_needed) {
        *ret_why = "the token is wrong";
        if (EVP_Digest(hello->token, (size_t)hello->token_bytes, proof, &proof_bytes, EVP_sha256(), NULL) != 1
            || proof_bytes != PROOF_BYTES || CRYPTO_memcmp(proof, entry->proof, PROOF_BYTES) != 0) {
            return false;
        }
    } else if (!local) {
        *ret_why = "an identity without proof may come from the daemon's own machine alone";
        return false;
    }
    *ret_why = "the registry gives this identity another role";
    *ret = entry;
    return entry->role == hello->role;
}

const struct registry_entry *registry_find(const struct registry *registry, const char *identity)
{
    int32_t found = registry == NULL ? NAME_NONE : names_find(&registry->identities, identity);
    return found == NAME_NONE ? NULL : &registry->entries.at[found];
}

uint64_t registry_stamp(const struct registry_entry *entry)
{
    uint64_t stamp;
    memcpy(&stamp, entry->proof, sizeof stamp);
    return (stamp ^ (uint64_t)entry->role << 1 ^ (uint64_t)entry->proof_needed
            ^ (uint64_t)entry->certificate_needed << 8) | UINT64_C(1) << 63;   // Never 0.
}

int32_t registry_count(const struct registry *registry)
{
    return registry == NULL ? 0 : registry->entries.count;
}

bool registry_owns(const struct registry_entry *entry, enum owned_kind kind, int32_t index)
{
    if (entry->all) {
        return true;
    }
    return entry->owned[kind].count > 0
        && bsearch(&index, entry->owned[kind].at, (size_t)entry->owned[kind].count, sizeof index, compare) != NULL;
}
