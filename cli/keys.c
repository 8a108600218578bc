// keys.c: the registry of a daemon (engine/serve/registry.h): who may come, in which role, with which token. The file
// is changed; the daemon takes it up at its next SIGHUP. Tokens are shown once, when they are made: the file has their
// hash.
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/operator_link.h"
#include "cli/run.h"
#include "cli/usage.h"
#include "engine/base/memory.h"
#include "engine/base/sha256.h"

#define TOKEN_RANDOM_BYTES 32
#define TOKEN_DIGITS (2 * TOKEN_RANDOM_BYTES)
#define PATH_BYTES 4096

static const char USAGE[] =
    "usage: intergreen keys list --registry FILE [--json]\n"
    "       intergreen keys new IDENTITY --role ROLE [THING ...] --registry FILE [-o CREDENTIAL | --certificate]\n"
    "       intergreen keys renew IDENTITY --registry FILE [-o CREDENTIAL | --certificate]\n"
    "       intergreen keys revoke IDENTITY --registry FILE\n"
    "  --registry FILE       what `registry` names in the daemon's configuration; `new` makes it where it is missing\n"
    "  --role ROLE           detector, controller, operator or simulator\n"
    "  THING                 what belongs to it: detector:NAME, camera:NAME, intersection:NAME, or * for all\n"
    "  -o CREDENTIAL         the token goes to this new file, to be read by its owner alone; else it is printed\n"
    "  --certificate         no token: it comes over TLS alone, with a certificate whose common name is IDENTITY\n"
    "`new` and `renew` take a token from the system's random source; the registry keeps its SHA-256 alone. The daemon\n"
    "takes the file up when it is told to reload (SIGHUP, `systemctl reload intergreend`), and ends the sessions of\n"
    "those whose key was revoked or renewed.\n";

struct keys_options {
    const char *registry, *role, *out;
    bool json, certificate;
};

static const struct option OPTIONS[] = {
    { "registry", required_argument, NULL, 'r' },
    { "role", required_argument, NULL, 'R' },
    { "output", required_argument, NULL, 'o' },
    { "certificate", no_argument, NULL, 'c' },
    { "json", no_argument, NULL, 'j' },
    { "help", no_argument, NULL, 'h' },
    { 0 },
};

// The file line by line. A line of a peer has its first words apart.
struct peer_line {
    char *text;                       // without the newline
    char *identity, *role, *proof;    // NULL: a comment, or nothing
    const char *things;               // the rest of the text
};

struct registry_file {
    LIST_OF(struct peer_line) lines;
    mode_t mode;
};

static void file_release(struct registry_file *file)
{
    for (int32_t i = 0; i < file->lines.count; i++) {
        struct peer_line *line = &file->lines.at[i];
        free(line->text);
        free(line->identity);
        free(line->role);
        free(line->proof);
    }
    free(file->lines.at);
    *file = (struct registry_file){ 0 };
}

static char *word_take(const char **at)
{
    *at += strspn(*at, " \t");
    size_t bytes = strcspn(*at, " \t");
    char *word = memory_take(bytes + 1, 1);
    memcpy(word, *at, bytes);
    *at += bytes;
    return word;
}

// Takes the text apart. false: neither a peer, a comment nor empty.
static bool line_add(struct registry_file *file, const char *text)
{
    struct peer_line *line = GROW(file->lines);
    line->text = memory_copy(text, strlen(text) + 1, 1);
    const char *at = line->text + strspn(line->text, " \t");
    if (*at == '\0' || *at == '#') {
        return true;
    }
    line->identity = word_take(&at);
    line->role = word_take(&at);
    line->proof = word_take(&at);
    line->things = at + strspn(at, " \t");
    return line->proof[0] != '\0';
}

static enum status file_read(const char *path, bool may_miss, struct registry_file *ret, struct problem *problem)
{
    struct registry_file registry = { .mode = 0640 };
    struct stat about;
    FILE *file = fopen(path, "re");
    if (file == NULL && may_miss && errno == ENOENT) {
        *ret = registry;
        return STATUS_OK;
    }
    if (file == NULL) {
        return problem_report(problem, STATUS_IO, path, NULL, "Name the daemon's registry with --registry.", "%s",
                              strerror(errno));
    }
    registry.mode = fstat(fileno(file), &about) == 0 ? about.st_mode & 07777 : registry.mode;
    char *text = NULL;
    size_t room = 0;
    enum status status = STATUS_OK;
    while (status == STATUS_OK && getline(&text, &room, file) > 0) {
        text[strcspn(text, "\r\n")] = '\0';
        if (!line_add(&registry, text)) {
            char place[32];
            (void)snprintf(place, sizeof place, "line %d", registry.lines.count);
            status = problem_report(problem, STATUS_SYNTAX, path, place, NULL,
                                    "a line is IDENTITY ROLE PROOF THING ...");
        }
    }
    free(text);
    (void)fclose(file);
    if (status != STATUS_OK) {
        file_release(&registry);
        return status;
    }
    *ret = registry;
    return STATUS_OK;
}

static struct peer_line *peer_find(struct registry_file *file, const char *identity)
{
    for (int32_t i = 0; i < file->lines.count; i++) {
        if (file->lines.at[i].identity != NULL && strcmp(file->lines.at[i].identity, identity) == 0) {
            return &file->lines.at[i];
        }
    }
    return NULL;
}

// The file beside the registry that becomes it. That it cannot be made twice keeps two of these commands apart.
static enum status beside_open(const char *path, char *ret_beside, FILE **ret, mode_t mode, struct problem *problem)
{
    (void)snprintf(ret_beside, PATH_BYTES, "%s.new", path);
    int descriptor = open(ret_beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    if (descriptor < 0 && errno == EEXIST) {
        return problem_report(problem, STATUS_IO, ret_beside, NULL,
                              "Remove it if no other `intergreen keys` is at work.", "it is there already");
    }
    *ret = descriptor < 0 ? NULL : fdopen(descriptor, "w");
    return *ret != NULL ? STATUS_OK : problem_report(problem, STATUS_IO, ret_beside, NULL, NULL, "%s", strerror(errno));
}

static enum status beside_close(const char *path, const char *beside, FILE *file, mode_t mode, struct problem *problem)
{
    bool good = fchmod(fileno(file), mode) == 0 && fflush(file) == 0 && fsync(fileno(file)) == 0;
    good = fclose(file) == 0 && good;
    if (!good || rename(beside, path) != 0) {
        int error = errno;
        (void)unlink(beside);
        return problem_report(problem, STATUS_IO, path, NULL, NULL, "it cannot be written: %s", strerror(error));
    }
    return STATUS_OK;
}

// ---- tokens

static void hex_write(const uint8_t *bytes, size_t count, char *ret)
{
    for (size_t i = 0; i < count; i++) {
        (void)snprintf(ret + 2 * i, 3, "%02x", bytes[i]);
    }
}

static enum status token_make(char token[TOKEN_DIGITS + 1], char proof[8 + 2 * SHA256_BYTES], struct problem *problem)
{
    uint8_t random[TOKEN_RANDOM_BYTES], hash[SHA256_BYTES];
    if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random) {
        return problem_report(problem, STATUS_IO, "random source", NULL, NULL, "%s", strerror(errno));
    }
    hex_write(random, sizeof random, token);
    sha256(token, TOKEN_DIGITS, hash);
    (void)snprintf(proof, 8, "sha256:");
    hex_write(hash, sizeof hash, proof + 7);
    return STATUS_OK;
}

// Before the registry is changed: a token that nobody could read would lock its owner out.
static enum status token_give(const char *token, const char *out, struct problem *problem)
{
    if (out == NULL) {
        return STATUS_OK;
    }
    int descriptor = open(out, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (descriptor < 0) {
        return problem_report(problem, STATUS_IO, out, NULL, "Name a new file.", "%s", strerror(errno));
    }
    char line[TOKEN_DIGITS + 2];
    int bytes = snprintf(line, sizeof line, "%s\n", token);
    bool good = write(descriptor, line, (size_t)bytes) == bytes;
    good = close(descriptor) == 0 && good;
    return good ? STATUS_OK : problem_report(problem, STATUS_IO, out, NULL, NULL, "it cannot be written");
}

// ---- the commands

static int keys_list(struct registry_file *file, const struct keys_options *options)
{
    int32_t shown = 0;
    if (options->json) {
        printf("{\"peers\":[");
    } else {
        printf("%-24s  %-10s  %-11s  %s\n", "IDENTITY", "ROLE", "PROOF", "WHAT BELONGS TO IT");
    }
    for (int32_t i = 0; i < file->lines.count; i++) {
        const struct peer_line *line = &file->lines.at[i];
        if (line->identity == NULL) {
            continue;
        }
        bool word = strcmp(line->proof, "none") == 0 || strcmp(line->proof, "certificate") == 0;
        const char *proof = word ? line->proof : "token";
        if (options->json) {
            printf("%s{\"identity\":", shown > 0 ? "," : "");
            json_string_print(line->identity);
            printf(",\"role\":");
            json_string_print(line->role);
            printf(",\"proof\":\"%s\",\"things\":", proof);
            json_string_print(line->things);
            putchar('}');
        } else {
            printf("%-24s  %-10s  %-11s  %s\n", line->identity, line->role, proof, line->things);
        }
        shown++;
    }
    printf(options->json ? "]}\n" : "%d peers\n", shown);
    return CLI_DONE;
}

// What is wrong with a word, or NULL.
static const char *word_fault(const char *word)
{
    for (const char *at = word; *at != '\0'; at++) {
        if ((unsigned char)*at <= ' ' || *at == 0x7f || *at == '#') {
            return "may have neither spaces nor #";
        }
    }
    return word[0] == '\0' ? "is empty" : NULL;
}

static bool thing_known(const char *thing)
{
    static const char *const KINDS[] = { "detector:", "camera:", "intersection:" };
    bool known = strcmp(thing, "*") == 0;
    for (size_t i = 0; i < sizeof KINDS / sizeof *KINDS; i++) {
        known = known || (strncmp(thing, KINDS[i], strlen(KINDS[i])) == 0 && thing[strlen(KINDS[i])] != '\0');
    }
    return known && word_fault(thing) == NULL;
}

static bool new_good(const struct keys_options *options, const char *identity, int thing_count, char **things)
{
    bool role = false;
    for (int r = ROLE_DETECTOR; options->role != NULL && r < ROLE_COUNT; r++) {
        role = role || strcmp(role_name((enum role)r), options->role) == 0;
    }
    if (!role) {
        fprintf(stderr, "intergreen: --role is detector, controller, operator or simulator\n");
        return false;
    }
    const char *fault = strlen(identity) >= IDENTITY_BYTES_MAX ? "has at most 63 letters" : word_fault(identity);
    if (fault != NULL) {
        fprintf(stderr, "intergreen: the identity '%s' %s\n", identity, fault);
        return false;
    }
    for (int i = 0; i < thing_count; i++) {
        if (!thing_known(things[i])) {
            fprintf(stderr, "intergreen: '%s' is neither detector:NAME, camera:NAME, intersection:NAME nor *\n",
                    things[i]);
            return false;
        }
    }
    return true;
}

static void line_put(FILE *to, const struct peer_line *line)
{
    fprintf(to, "%s\n", line->text);
}

enum change { CHANGE_NEW, CHANGE_RENEW, CHANGE_REVOKE };

// Writes the registry anew with one line added, changed or left out.
static enum status change_write(struct registry_file *file, const struct keys_options *options, enum change change,
                                const char *identity, const char *proof, int thing_count, char **things,
                                struct problem *problem)
{
    char beside[PATH_BYTES];
    FILE *to = NULL;
    enum status status = beside_open(options->registry, beside, &to, file->mode, problem);
    if (status != STATUS_OK) {
        return status;
    }
    const struct peer_line *meant = peer_find(file, identity);
    for (int32_t i = 0; i < file->lines.count; i++) {
        const struct peer_line *line = &file->lines.at[i];
        if (line != meant) {
            line_put(to, line);
        } else if (change == CHANGE_RENEW) {
            fprintf(to, "%s %s %s %s\n", line->identity, line->role, proof, line->things);
        }
    }
    if (change == CHANGE_NEW) {
        fprintf(to, "%s %s %s", identity, options->role, proof);
        for (int i = 0; i < thing_count; i++) {
            fprintf(to, " %s", things[i]);
        }
        fputc('\n', to);
    }
    return beside_close(options->registry, beside, to, file->mode, problem);
}

static int keys_change(struct registry_file *file, const struct keys_options *options, enum change change,
                       const char *identity, int thing_count, char **things)
{
    struct problem problem;
    char token[TOKEN_DIGITS + 1] = "", proof[8 + 2 * SHA256_BYTES] = "";
    bool known = peer_find(file, identity) != NULL;
    if (known != (change != CHANGE_NEW)) {
        const char *remedy = known ? "`keys renew` gives it another token." : "`keys list` shows who is there.";
        return run_failed(problem_report(&problem, STATUS_UNKNOWN, options->registry, identity, remedy,
                                         known ? "is there already" : "there is no such identity"), &problem);
    }
    bool makes = change != CHANGE_REVOKE && !options->certificate;
    enum status status = makes ? token_make(token, proof, &problem) : STATUS_OK;
    status = status != STATUS_OK || !makes ? status : token_give(token, options->out, &problem);
    status = status != STATUS_OK ? status
        : change_write(file, options, change, identity, options->certificate ? "certificate" : proof, thing_count,
                       things, &problem);
    if (status != STATUS_OK) {
        return run_failed(status, &problem);
    }
    if (makes && options->out == NULL) {
        printf("%s\n", token);
    }
    fprintf(stderr, "%s: %s %s. The daemon takes it up when it is told to reload (SIGHUP).\n", options->registry,
            identity, change == CHANGE_NEW ? "may come" : change == CHANGE_RENEW ? "has another proof"
                : "may not come any more");
    return CLI_DONE;
}

int cli_keys(int argc, char **argv)
{
    struct keys_options options = { 0 };
    for (int code; (code = getopt_long(argc, argv, "o:", OPTIONS, NULL)) != -1;) {
        switch (code) {
        case 'r': options.registry = optarg; break;
        case 'R': options.role = optarg; break;
        case 'o': options.out = optarg; break;
        case 'c': options.certificate = true; break;
        case 'j': options.json = true; break;
        default:
            if (code != 'h') {
                return usage_hint("keys");
            }
            fputs(USAGE, stdout);
            return CLI_DONE;
        }
    }
    int count = argc - optind;
    const char *word = count > 0 ? argv[optind] : "";
    bool lists = strcmp(word, "list") == 0 && count == 1, makes = strcmp(word, "new") == 0 && count >= 2;
    bool renews = strcmp(word, "renew") == 0 && count == 2, revokes = strcmp(word, "revoke") == 0 && count == 2;
    if (!(lists || makes || renews || revokes)) {
        return usage_wrong("keys", "say list, or new, renew or revoke and one identity");
    }
    if (options.registry == NULL || strlen(options.registry) > PATH_BYTES - 8) {
        return usage_wrong("keys", "name the file with --registry");
    }
    if ((options.role != NULL && !makes) || (options.out != NULL && !(makes || renews))) {
        return usage_wrong("keys", "%s is not for %s", options.role != NULL && !makes ? "--role" : "-o", word);
    }
    if (options.certificate && (options.out != NULL || !(makes || renews))) {
        return usage_wrong("keys", "--certificate is not for %s", options.out != NULL ? "-o" : word);
    }
    if (makes && !new_good(&options, argv[optind + 1], count - 2, argv + optind + 2)) {
        return CLI_USAGE;
    }
    struct problem problem;
    struct registry_file file = { 0 };
    enum status status = file_read(options.registry, makes, &file, &problem);
    if (status != STATUS_OK) {
        return run_failed(status, &problem);
    }
    int code = lists ? keys_list(&file, &options)
        : keys_change(&file, &options, makes ? CHANGE_NEW : renews ? CHANGE_RENEW : CHANGE_REVOKE, argv[optind + 1],
                      makes ? count - 2 : 0, argv + optind + 2);
    file_release(&file);
    return code;
}
