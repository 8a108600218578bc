#include "engine/serve/settings.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REDIS_PORT 6379
#define SENTINEL_PORT 26379
#define DATABASE_MAX 1023

struct settings settings_default(void)
{
    struct settings settings = {
        .intergreen_s = -1.0,
        .strategy = "max-pressure",
        .listen = {
            { .kind = LISTEN_TCP, .text = "127.0.0.1:7411", .host = "127.0.0.1", .port = 7411, .local = true },
        },
        .listen_count = 1,
        .http = { .kind = LISTEN_TCP, .text = "127.0.0.1:7412", .host = "127.0.0.1", .port = 7412, .local = true },
        .store = { .kind = STORE_EMBEDDED, .text = "embedded" },
        .redis_server = "redis-server",
        .recordings_mib_max = 16384,
        .lockstep = true,
        .loops = 2,
        .step_ms = 1000,
        .solve_latency_ms = 1000,   // a step of half a second, the way to the cabinet, and its clock's error
        .status_age_ms = 3000,
        .store_connect_ms = 3000,
        .store_answer_ms = 700,
        .store_retry_ms_min = 50,
        .store_retry_ms_max = 1000,
        .store_restore_ms = 10000,
        .lease_ms = 1000,
        .store_minutes = 10080,   // a week
        .stop_ms = 5000,
        .limits = {
            .connections = 16384,
            .frame_bytes = 1 << 20,
            .names = 8192,
            .hello_ms = 5000,
            .partial_ms = 10000,
            .strikes = 64,
            .write_queue_bytes = 256 << 10,
            .readings_per_step = 1 << 17,
            .events_per_step = 1 << 15,
        },
    };
    return settings;
}

// A whole decimal number in 0 .. max.
static bool number_read(const char *text, size_t bytes, int max, int *ret)
{
    int value = 0;
    if (bytes == 0 || bytes > 6) {
        return false;
    }
    for (size_t i = 0; i < bytes; i++) {
        if (text[i] < '0' || text[i] > '9') {
            return false;
        }
        value = value * 10 + (text[i] - '0');
    }
    if (value > max) {
        return false;
    }
    *ret = value;
    return true;
}

static bool part_copy(char *to, size_t room, const char *from, size_t bytes)
{
    if (bytes >= room) {
        return false;
    }
    memcpy(to, from, bytes);
    to[bytes] = '\0';
    return true;
}

// host:port, [v6]:port; the port may be missing when port_default >= 0.
static bool host_port_read(const char *text, size_t bytes, int port_default, char *host, size_t host_room,
                           int *ret_port)
{
    const char *end = text + bytes, *colon = NULL, *host_from = text, *host_end = end;
    if (bytes > 0 && text[0] == '[') {
        const char *bracket = memchr(text, ']', bytes);
        if (bracket == NULL) {
            return false;
        }
        host_from = text + 1;
        host_end = bracket;
        if (bracket + 1 < end && bracket[1] != ':') {
            return false;
        }
        colon = bracket + 1 < end ? bracket + 1 : NULL;
    } else {
        colon = memchr(text, ':', bytes);
        host_end = colon != NULL ? colon : end;
    }
    if (colon == NULL) {
        if (port_default < 0) {
            return false;
        }
        *ret_port = port_default;
    } else if (!number_read(colon + 1, (size_t)(end - colon - 1), 65535, ret_port)) {
        return false;
    }
    return host_end > host_from && part_copy(host, host_room, host_from, (size_t)(host_end - host_from));
}

// A name may begin with 127 too; only the number is the machine's own for certain.
static bool host_local(const char *host)
{
    struct in_addr four;
    return strcmp(host, "::1") == 0 || strcmp(host, "localhost") == 0
        || (inet_pton(AF_INET, host, &four) == 1 && ntohl(four.s_addr) >> 24 == 127);
}

enum status listen_address_read(const char *text, struct listen_address *ret, struct problem *problem)
{
    struct listen_address address = { .kind = LISTEN_TCP };
    const char *remedy = "Write HOST:PORT, tls:HOST:PORT or unix:PATH.";
    if (!part_copy(address.text, sizeof address.text, text, strlen(text))) {
        return problem_report(problem, STATUS_SYNTAX, "listen", NULL, remedy, "longer than 255 letters");
    }
    if (strncmp(text, "unix:", 5) == 0) {
        address.kind = LISTEN_UNIX;
        address.local = true;
        if (text[5] == '\0' || !part_copy(address.path, sizeof address.path, text + 5, strlen(text + 5))) {
            return problem_report(problem, STATUS_SYNTAX, "listen", text, remedy, "no path");
        }
        *ret = address;
        return STATUS_OK;
    }
    address.tls = strncmp(text, "tls:", 4) == 0;
    if (address.tls || strncmp(text, "tcp:", 4) == 0) {
        text += 4;
    }
    if (!host_port_read(text, strlen(text), -1, address.host, sizeof address.host, &address.port)) {
        return problem_report(problem, STATUS_SYNTAX, "listen", text, remedy, "not an address");
    }
    address.local = host_local(address.host);
    *ret = address;
    return STATUS_OK;
}

// [[USER]:PASSWORD@], where there is one; *at moves behind it.
static bool account_read(const char **at, const char *end, struct store_address *ret)
{
    const char *sign = memrchr(*at, '@', (size_t)(end - *at));
    if (sign == NULL) {
        return true;
    }
    const char *colon = memchr(*at, ':', (size_t)(sign - *at));
    if (colon == NULL || !part_copy(ret->user, sizeof ret->user, *at, (size_t)(colon - *at))
        || !part_copy(ret->password, sizeof ret->password, colon + 1, (size_t)(sign - colon - 1))) {
        return false;
    }
    *at = sign + 1;
    return true;
}

// HOST[:PORT][,HOST[:PORT]...]/NAME; *at moves behind it, to a slash or the end.
static bool sentinels_read(const char **at, const char *end, struct store_address *ret)
{
    const char *slash = memchr(*at, '/', (size_t)(end - *at));
    if (slash == NULL) {
        return false;
    }
    while (*at < slash) {
        const char *comma = memchr(*at, ',', (size_t)(slash - *at));
        const char *one_end = comma != NULL ? comma : slash;
        if (ret->sentinel_count == SENTINEL_COUNT_MAX) {
            return false;
        }
        struct host_port *one = &ret->sentinels[ret->sentinel_count++];
        if (!host_port_read(*at, (size_t)(one_end - *at), SENTINEL_PORT, one->host, sizeof one->host, &one->port)) {
            return false;
        }
        *at = comma != NULL ? comma + 1 : slash;
    }
    const char *name_end = memchr(slash + 1, '/', (size_t)(end - slash - 1));
    name_end = name_end != NULL ? name_end : end;
    *at = name_end;
    return ret->sentinel_count > 0 && name_end > slash + 1
        && part_copy(ret->name, sizeof ret->name, slash + 1, (size_t)(name_end - slash - 1));
}

enum status store_address_read(const char *text, struct store_address *ret, struct problem *problem)
{
    struct store_address address = { .kind = STORE_EMBEDDED };
    const char *remedy = "Write embedded, none, unix:PATH, redis://[[USER]:PASSWORD@]HOST[:PORT][/DATABASE] or "
                         "sentinel://[[USER]:PASSWORD@]HOST[:PORT][,HOST[:PORT]...]/NAME[/DATABASE].";
    if (strcmp(text, "embedded") == 0 || strcmp(text, "none") == 0) {
        address.kind = strcmp(text, "none") == 0 ? STORE_NONE : STORE_EMBEDDED;
        snprintf(address.text, sizeof address.text, "%s", text);
        *ret = address;
        return STATUS_OK;
    }
    if (strncmp(text, "unix:", 5) == 0) {
        address.kind = STORE_UNIX;
        if (text[5] == '\0' || !part_copy(address.path, sizeof address.path, text + 5, strlen(text + 5))) {
            return problem_report(problem, STATUS_SYNTAX, "store", NULL, remedy, "no path");
        }
        snprintf(address.text, sizeof address.text, "unix:%.240s", address.path);
        *ret = address;
        return STATUS_OK;
    }
    bool sentinel = strncmp(text, "sentinel://", 11) == 0;
    if (!sentinel && strncmp(text, "redis://", 8) != 0) {
        return problem_report(problem, STATUS_SYNTAX, "store", NULL, remedy, "not a store");
    }
    address.kind = sentinel ? STORE_SENTINEL : STORE_TCP;
    const char *at = text + (sentinel ? 11 : 8), *end = at + strlen(at);
    if (!account_read(&at, end, &address)) {
        return problem_report(problem, STATUS_SYNTAX, "store", NULL, remedy, "user or password cannot be read");
    }
    if (sentinel && !sentinels_read(&at, end, &address)) {
        return problem_report(problem, STATUS_SYNTAX, "store", NULL, remedy, "sentinels and name cannot be read");
    }
    const char *slash = memchr(at, '/', (size_t)(end - at));
    if (slash != NULL && slash + 1 < end
        && !number_read(slash + 1, (size_t)(end - slash - 1), DATABASE_MAX, &address.database)) {
        return problem_report(problem, STATUS_SYNTAX, "store", NULL, remedy, "the database is not a number");
    }
    if (sentinel) {
        snprintf(address.text, sizeof address.text, "sentinel://%.127s:%d/%s/%d", address.sentinels[0].host,
                 address.sentinels[0].port, address.name, address.database);
        *ret = address;
        return STATUS_OK;
    }
    const char *host_end = slash != NULL ? slash : end;
    if (!host_port_read(at, (size_t)(host_end - at), REDIS_PORT, address.host, sizeof address.host, &address.port)) {
        return problem_report(problem, STATUS_SYNTAX, "store", NULL, remedy, "host and port cannot be read");
    }
    snprintf(address.text, sizeof address.text, "redis://%.127s:%d/%d", address.host, address.port,
             address.database);
    *ret = address;
    return STATUS_OK;
}
