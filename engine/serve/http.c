#include "engine/serve/http.h"

#include <errno.h>
#include <libwebsockets.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"
#include "engine/serve/console.h"
#include "engine/serve/desk.h"
#include "engine/serve/journal.h"
#include "engine/serve/page.h"

#define CHUNK_BYTES 65536
#define POST_BYTES_MAX 4096

struct http {
    struct lws_context *context;
    struct lws_vhost *vhost;
    struct http_hooks hooks;
    struct lws_protocols protocols[2];
    void *loops[1];
    char host[128];
};

// Of one request.
struct request {
    struct page_text body;
    size_t sent;
    struct lws *wsi;
    struct http *http;
    struct page_text posted;          // what came of a POST
    char from[64];
    enum desk_kind asks;              // what a POST asks for
    bool posts, local;                // a POST that is to be heard; from this machine
    bool answered;                    // the body of the answer is there, its headers are not sent
    struct desk *desk;                // what waits for an answer, or NULL
};

struct asset {
    const char *path, *type;
    const unsigned char *at;
    const unsigned int *bytes;
};

static const struct asset ASSETS[] = {
    { "/", "text/html; charset=utf-8", page_index, &page_index_bytes },
    { "/index.html", "text/html; charset=utf-8", page_index, &page_index_bytes },
    { "/console.js", "text/javascript; charset=utf-8", page_script, &page_script_bytes },
    { "/draw.js", "text/javascript; charset=utf-8", page_draw, &page_draw_bytes },
    { "/console.css", "text/css; charset=utf-8", page_style, &page_style_bytes },
};

static bool asset_write(const char *path, struct request *request, const char **ret_type)
{
    for (size_t i = 0; i < sizeof ASSETS / sizeof *ASSETS; i++) {
        if (strcmp(path, ASSETS[i].path) == 0) {
            *ret_type = ASSETS[i].type;
            page_text_add(&request->body, "%.*s", (int)*ASSETS[i].bytes, (const char *)ASSETS[i].at);
            return true;
        }
    }
    return false;
}

// What the console asks for. false: nothing of that name.
static bool console_write(struct http *http, const char *path, struct request *request)
{
    struct gauges gauges;
    static const char plan[] = "/api/plan/";
    http->hooks.gauges(http->hooks.owner, &gauges);
    if (strcmp(path, "/api/state") == 0) {
        gauges_state(&gauges, &request->body);
    } else if (strcmp(path, "/api/network") == 0) {
        console_network(&gauges, &request->body);
    } else if (strcmp(path, "/api/live") == 0) {
        http->hooks.detail(http->hooks.owner);
        console_live(&gauges, &request->body);
    } else if (strcmp(path, "/api/journal") == 0) {
        console_journal(&request->body);
    } else if (strcmp(path, "/api/alarms") == 0) {
        console_alarms(&gauges, &request->body);
    } else if (strncmp(path, plan, sizeof plan - 1) == 0) {
        char *end;
        const char *digits = path + sizeof plan - 1;
        unsigned long index = strtoul(digits, &end, 10);
        return *digits >= '0' && *digits <= '9' && *end == '\0' && index <= INT32_MAX
            && console_plan(&gauges, (int32_t)index, &request->body);
    } else {
        return false;
    }
    return true;
}

static void body_write(struct http *http, const char *path, struct request *request, const char **ret_type,
                       int *ret_code)
{
    struct gauges gauges;
    *ret_code = HTTP_STATUS_OK;
    *ret_type = "text/plain; charset=utf-8";
    if (console_write(http, path, request)) {
        *ret_type = "application/json";
    } else if (strcmp(path, "/metrics") == 0) {
        *ret_type = "text/plain; version=0.0.4; charset=utf-8";
        http->hooks.gauges(http->hooks.owner, &gauges);
        gauges_metrics(&gauges, &request->body);
    } else if (strcmp(path, "/healthz") == 0) {
        bool healthy = http->hooks.healthy(http->hooks.owner);
        *ret_code = healthy ? HTTP_STATUS_OK : HTTP_STATUS_SERVICE_UNAVAILABLE;
        page_text_add(&request->body, "%s\n", healthy ? "ok" : "no step of late");
    } else if (!asset_write(path, request, ret_type)) {
        *ret_code = HTTP_STATUS_NOT_FOUND;
        page_text_add(&request->body, "no such page\n");
    }
}

static int head_write(struct lws *wsi, struct request *request, const char *type, int code)
{
    uint8_t header[LWS_PRE + 2048], *start = header + LWS_PRE, *at = start, *end = header + sizeof header - 1;
    static const char policy[] =
        "default-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
    if (lws_add_http_common_headers(wsi, (unsigned)code, type, request->body.used, &at, end) != 0
        || lws_add_http_header_by_name(wsi, (const unsigned char *)"cache-control:", (const unsigned char *)"no-store",
                                       8, &at, end) != 0
        || lws_add_http_header_by_name(wsi, (const unsigned char *)"content-security-policy:",
                                       (const unsigned char *)policy, (int)sizeof policy - 1, &at, end) != 0
        || lws_finalize_write_http_header(wsi, start, &at, end) != 0) {
        return 1;
    }
    lws_callback_on_writable(wsi);
    return 0;
}

static int answer(struct http *http, struct lws *wsi, const char *path, struct request *request)
{
    const char *type;
    int code;
    body_write(http, path, request, &type, &code);
    return head_write(wsi, request, type, code);
}

// ---- an operator's hand

// A host as a browser names this machine: an address, or localhost. Any other name may be made to point here.
static bool host_plain(const char *host)
{
    char name[128];
    snprintf(name, sizeof name, "%.127s", host[0] == '[' ? host + 1 : host);
    name[strcspn(name, host[0] == '[' ? "]" : ":")] = '\0';
    struct addrinfo hints = { .ai_flags = AI_NUMERICHOST }, *found = NULL;
    bool plain = strcmp(name, "localhost") == 0 || getaddrinfo(name, NULL, &hints, &found) == 0;
    if (found != NULL) {
        freeaddrinfo(found);
    }
    return plain;
}

static bool address_local(const char *address)
{
    return strncmp(address, "127.", 4) == 0 || strcmp(address, "::1") == 0;
}

static bool post_known(const char *path, enum desk_kind *ret)
{
    *ret = strcmp(path, "/api/acknowledge") == 0 ? DESK_ACKNOWLEDGE : DESK_OVERRIDE;
    return *ret == DESK_ACKNOWLEDGE || strcmp(path, "/api/override") == 0;
}

static bool post_wanted(struct lws *wsi, const char *path, struct http *http, enum desk_kind *ret_asks)
{
    char host[160] = "", origin[200] = "", type[64] = "", own[200];
    if (!post_known(path, ret_asks) || !http->hooks.service->settings.console_operates) {
        return false;
    }
    lws_hdr_copy(wsi, host, sizeof host, WSI_TOKEN_HOST);
    lws_hdr_copy(wsi, origin, sizeof origin, WSI_TOKEN_ORIGIN);
    lws_hdr_copy(wsi, type, sizeof type, WSI_TOKEN_HTTP_CONTENT_TYPE);
    snprintf(own, sizeof own, "http://%.150s", host);
    return strncmp(type, "application/json", 16) == 0 && host_plain(host)
        && (origin[0] == '\0' || strcmp(origin, own) == 0);
}

static void answer_text(struct request *request, const struct desk_answer *answer)
{
    page_text_release(&request->body);
    request->sent = 0;
    console_request_answer(answer, &request->body);
    request->answered = true;
    lws_callback_on_writable(request->wsi);
}

static void on_desk(void *owner, const struct desk_answer *answer)
{
    struct request *request = owner;
    request->desk = NULL;
    answer_text(request, answer);
}

static void answer_no(struct request *request, enum error_code code, const char *text)
{
    struct desk_answer answer = { .code = code };
    snprintf(answer.text, sizeof answer.text, "%.255s", text);
    answer_text(request, &answer);
}

static void post_take(struct request *request)
{
    struct service *service = request->http->hooks.service;
    struct desk_request asked;
    const char *why;
    void *memory;
    if (!console_request_read(request->asks, request->posted.at, request->posted.used, service->network, &asked,
                              &memory, &why)) {
        answer_no(request, ERROR_FIELD, why);
        return;
    }
    asked.local = request->local;
    asked.from = request->from;
    request->desk = desk_ask(request->http->hooks.loop, service, &asked, on_desk, request);
    console_request_release(memory);
    if (request->desk == NULL) {
        answer_no(request, ERROR_OVERLOADED, "too many requests wait for an answer");
    }
}

static int on_post(struct http *http, struct lws *wsi, const char *path, struct request *request)
{
    request->wsi = wsi;
    request->http = http;
    request->posts = post_wanted(wsi, path, http, &request->asks);
    if (!request->posts) {
        lws_return_http_status(wsi, HTTP_STATUS_FORBIDDEN, NULL);
        return -1;
    }
    static const char mapped[] = "::ffff:";   // an IPv4 peer on a socket of both kinds
    char from[sizeof request->from] = "";
    lws_get_peer_simple(wsi, from, sizeof from);
    bool four = strncmp(from, mapped, sizeof mapped - 1) == 0;
    snprintf(request->from, sizeof request->from, "%s", four ? from + sizeof mapped - 1 : from);
    request->local = address_local(request->from) && lws_hdr_total_length(wsi, WSI_TOKEN_X_FORWARDED_FOR) == 0;
    return 0;
}

static void request_end(struct request *request)
{
    if (request->desk != NULL) {
        desk_cancel(request->desk);
        request->desk = NULL;
    }
    if (request->posted.at != NULL) {
        explicit_bzero(request->posted.at, request->posted.capacity);   // It may hold a token.
    }
    page_text_release(&request->posted);
    page_text_release(&request->body);
}

static int write_more(struct lws *wsi, struct request *request)
{
    uint8_t chunk[LWS_PRE + CHUNK_BYTES];
    size_t bytes = request->body.used - request->sent;
    if (bytes > CHUNK_BYTES) {
        bytes = CHUNK_BYTES;
    }
    memcpy(chunk + LWS_PRE, request->body.at + request->sent, bytes);
    request->sent += bytes;
    bool last = request->sent == request->body.used;
    if (lws_write(wsi, chunk + LWS_PRE, bytes, last ? LWS_WRITE_HTTP_FINAL : LWS_WRITE_HTTP) != (int)bytes) {
        return 1;
    }
    if (!last) {
        lws_callback_on_writable(wsi);
        return 0;
    }
    page_text_release(&request->body);
    request->sent = 0;
    return lws_http_transaction_completed(wsi) != 0;
}

static int on_http(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t bytes)
{
    struct request *request = user;
    struct http *http = lws_context_user(lws_get_context(wsi));
    switch ((int)reason) {
    case LWS_CALLBACK_HTTP:
        request_end(request);
        request->answered = request->posts = false;
        if (lws_hdr_total_length(wsi, WSI_TOKEN_POST_URI) != 0) {
            return on_post(http, wsi, in, request);
        }
        if (lws_hdr_total_length(wsi, WSI_TOKEN_GET_URI) == 0) {
            lws_return_http_status(wsi, HTTP_STATUS_METHOD_NOT_ALLOWED, NULL);
            return -1;
        }
        request->sent = 0;
        return answer(http, wsi, in, request);
    case LWS_CALLBACK_HTTP_BODY:
        if (!request->posts || request->posted.used + bytes > POST_BYTES_MAX) {
            return -1;
        }
        page_text_add(&request->posted, "%.*s", (int)bytes, (const char *)in);
        return 0;
    case LWS_CALLBACK_HTTP_BODY_COMPLETION:
        if (request->posts) {
            request->posts = false;
            post_take(request);
        }
        return 0;
    case LWS_CALLBACK_HTTP_WRITEABLE:
        if (request != NULL && request->answered) {
            request->answered = false;
            return head_write(wsi, request, "application/json", HTTP_STATUS_OK);
        }
        return request == NULL || request->body.at == NULL ? 0 : write_more(wsi, request);
    case LWS_CALLBACK_CLOSED_HTTP:
    case LWS_CALLBACK_HTTP_DROP_PROTOCOL:
        if (request != NULL) {
            request_end(request);
        }
        return 0;
    default:
        return 0;
    }
}

static void on_log(int level, const char *line)
{
    journal((level & LLL_ERR) != 0 ? JOURNAL_WARNING : JOURNAL_DETAIL, "http: %.*s", (int)strcspn(line, "\n"), line);
}

enum status http_start(uv_loop_t *loop, const struct listen_address *address, const struct http_hooks *hooks,
                       struct http **ret, struct problem *problem)
{
    struct http *http = memory_take(1, sizeof *http);
    http->hooks = *hooks;
    http->loops[0] = loop;
    snprintf(http->host, sizeof http->host, "%s", address->host);
    http->protocols[0] = (struct lws_protocols){ .name = "http", .callback = on_http,
        .per_session_data_size = sizeof(struct request) };
    lws_set_log_level(LLL_ERR, on_log);
    struct lws_context_creation_info info = { .port = address->port, .iface = http->host,
        .protocols = http->protocols, .gid = -1, .uid = -1, .user = http, .foreign_loops = http->loops,
        .server_string = "intergreen", .keepalive_timeout = 30, .timeout_secs = 10, .fd_limit_per_thread = 1024,
        .pcontext = &http->context,
        .options = LWS_SERVER_OPTION_LIBUV | LWS_SERVER_OPTION_UV_NO_SIGSEGV_SIGFPE_SPIN
            | LWS_SERVER_OPTION_EXPLICIT_VHOSTS | LWS_SERVER_OPTION_FAIL_UPON_UNABLE_TO_BIND };
    http->context = lws_create_context(&info);
    if (http->context == NULL) {
        free(http);
        return problem_report(problem, STATUS_IO, "http", address->text,
                              "Install libwebsockets-evlib-uv, or say `http: off`.", "libwebsockets cannot start");
    }
    http->vhost = lws_create_vhost(http->context, &info);
    if (http->vhost == NULL) {
        *ret = http;
        return problem_report(problem, STATUS_IO, "http", address->text,
                              "End the program that uses it, choose another under `http`, or say `http: off`.",
                              "cannot listen");
    }
    *ret = http;
    return STATUS_OK;
}

int http_port(const struct http *http)
{
    return lws_get_vhost_listen_port(http->vhost);
}

void http_stop(struct http *http)
{
    if (http != NULL && http->context != NULL) {
        lws_context_destroy(http->context);
    }
}

void http_release(struct http *http)
{
    free(http);
}
