#include "cli/operator_link.h"
#include "cli/usage.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct operator_link operator_link_default(void)
{
    const char *identity = getenv("INTERGREEN_IDENTITY");
    return (struct operator_link){ .daemon = getenv("INTERGREEN_DAEMON"),
        .identity = identity, .tls = tls_files_default() };
}

bool operator_link_option(struct operator_link *link, int code, const char *value)
{
    switch (code) {
    case 'd': link->daemon = value; return true;
    case 'c': link->credential = value; return true;
    case 'I': link->identity = value; return true;
    case 'C': link->tls.certificate = value; return true;
    case 'K': link->tls.key = value; return true;
    case 'A': link->tls.authority = value; return true;
    default: return false;
    }
}

bool operator_link_named(const struct operator_link *link, const char *command)
{
    if (link->daemon == NULL) {
        (void)usage_wrong(command, "name the daemon with --daemon or INTERGREEN_DAEMON");
    }
    if (link->daemon != NULL && strchr(link->daemon, ':') == NULL) {
        (void)usage_wrong(command, "%s is no address: write unix:PATH, HOST:PORT or tls:HOST:PORT", link->daemon);
        return false;
    }
    return link->daemon != NULL;
}

enum status operator_connect(const struct operator_link *options, struct daemon_link **ret, struct problem *problem)
{
    char token[TOKEN_BYTES_MAX] = "";
    const char *identity = options->identity != NULL ? options->identity
        : daemon_address_tls(options->daemon) ? "" : "operator";
    struct hello hello = { .role = ROLE_OPERATOR, .identity = identity, .software = "intergreen" };
    if (options->credential != NULL) {
        FILE *file = fopen(options->credential, "r");
        if (file == NULL || fgets(token, sizeof token, file) == NULL) {
            if (file != NULL) {
                (void)fclose(file);
            }
            return problem_report(problem, STATUS_IO, options->credential, NULL, NULL, "the credential cannot be read");
        }
        (void)fclose(file);
        token[strcspn(token, "\r\n")] = '\0';
        hello.token = (const uint8_t *)token;
        hello.token_bytes = (int32_t)strlen(token);
    }
    return daemon_link_open(options->daemon, &options->tls, &hello, DAEMON_TIMEOUT_MS_DEFAULT, ret, NULL, problem);
}

enum status operator_ask(struct daemon_link *link, enum status written, enum client_event_kind wanted,
                         struct client_event *ret, struct problem *problem)
{
    enum status status = written != STATUS_OK
        ? problem_report(problem, written, "request", NULL, NULL, "does not fit into a frame")
        : daemon_link_send(link, problem);
    do {
        status = status != STATUS_OK ? status : daemon_link_receive(link, true, ret, problem);
    } while (status == STATUS_OK && ret->kind != wanted);
    return status;
}

const char *time_text(int64_t time_ms, char ret[TIME_TEXT_BYTES])
{
    time_t seconds = (time_t)(time_ms / 1000);
    struct tm parts;
    if (time_ms == 0 || localtime_r(&seconds, &parts) == NULL
        || strftime(ret, TIME_TEXT_BYTES, "%Y-%m-%d %H:%M:%S", &parts) == 0) {
        (void)snprintf(ret, TIME_TEXT_BYTES, "-");
    }
    return ret;
}

const char *time_iso(int64_t time_ms, char ret[TIME_ISO_BYTES])
{
    char second[TIME_TEXT_BYTES], zone[8], part[8] = "";
    int64_t left_ms = (time_ms % 1000 + 1000) % 1000;
    time_t seconds = (time_t)((time_ms - left_ms) / 1000);
    struct tm parts;
    if (localtime_r(&seconds, &parts) == NULL || strftime(second, sizeof second, "%Y-%m-%dT%H:%M:%S", &parts) == 0
        || strftime(zone, sizeof zone, "%z", &parts) != 5) {
        (void)snprintf(ret, TIME_ISO_BYTES, "-");
        return ret;
    }
    if (left_ms != 0) {
        (void)snprintf(part, sizeof part, ".%03d", (int)left_ms);
    }
    (void)snprintf(ret, TIME_ISO_BYTES, "%s%s%.3s:%s", second, part, zone, zone + 3);
    return ret;
}

void json_string_print(const char *text)
{
    putchar('"');
    for (; *text != '\0'; text++) {
        unsigned char letter = (unsigned char)*text;
        if (letter < 0x20) {
            printf("\\u%04x", letter);
        } else {
            printf(letter == '"' || letter == '\\' ? "\\%c" : "%c", letter);
        }
    }
    putchar('"');
}
