#include "engine/tls/tls.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define CHAIN_BYTES_MAX (32 << 10)    // of certificates that a peer may send
#define CHAIN_DEPTH_MAX 4

struct tls_credentials {
    SSL_CTX *context;
    enum tls_side side;
    int64_t until_s;
};

struct tls {
    SSL *ssl;
    struct tls_line line;
    const uint8_t *at, *end;          // lent
    bool ready, ended, broken, foreign;
    char identity[TLS_IDENTITY_BYTES_MAX];
    char fault[TLS_FAULT_BYTES_MAX];
};

// ---- the line, as OpenSSL sees it ----

static int line_read(BIO *bio, char *bytes, int room)
{
    struct tls *tls = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    size_t count = (size_t)(tls->end - tls->at);
    if (room <= 0 || count == 0) {
        BIO_set_retry_read(bio);
        return -1;
    }
    count = count < (size_t)room ? count : (size_t)room;
    memcpy(bytes, tls->at, count);
    tls->at += count;
    return (int)count;
}

static int line_write(BIO *bio, const char *bytes, int count)
{
    struct tls *tls = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    return count > 0 && tls->line.out(tls->line.owner, (const uint8_t *)bytes, (size_t)count) ? count : -1;
}

static long line_control(BIO *bio, int command, long number, void *pointer)
{
    (void)bio;
    (void)number;
    (void)pointer;
    return command == BIO_CTRL_FLUSH;
}

// Made once, by the first credentials, before there is a second thread; it lives as long as the process.
static BIO_METHOD *line_method(void)
{
    static BIO_METHOD *method;
    if (method == NULL) {
        method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "line");
        if (method != NULL) {
            BIO_meth_set_read(method, line_read);
            BIO_meth_set_write(method, line_write);
            BIO_meth_set_ctrl(method, line_control);
        }
    }
    return method;
}

// ---- credentials ----

// What went wrong first, in the system's words or OpenSSL's.
static const char *said(void)
{
    unsigned long error = ERR_peek_error();
    const char *reason = ERR_SYSTEM_ERROR(error) ? strerror(ERR_GET_REASON(error)) : ERR_reason_error_string(error);
    return reason != NULL ? reason : "cannot be read";
}

// A key behind a pass phrase would make a daemon ask on its terminal.
static int no_pass_phrase(char *text, int room, int writes, void *context)
{
    (void)text;
    (void)room;
    (void)writes;
    (void)context;
    return -1;
}

static int64_t certificate_until_s(const X509 *certificate)
{
    struct tm parts = { 0 };
    return certificate != NULL && ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &parts) == 1
        ? (int64_t)timegm(&parts) : 0;
}

static enum status context_fill(SSL_CTX *context, const struct tls_files *files, enum tls_side side,
                                struct problem *problem)
{
    ERR_clear_error();
    SSL_CTX_set_default_passwd_cb(context, no_pass_phrase);
    if (SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) != 1 || line_method() == NULL) {
        return problem_report(problem, STATUS_IO, "tls", NULL, NULL, "OpenSSL has no TLS 1.3 here: %s", said());
    }
    if (SSL_CTX_use_certificate_chain_file(context, files->certificate) != 1) {
        return problem_report(problem, STATUS_IO, files->certificate, NULL, "Name a certificate in PEM.",
                              "the certificate cannot be taken: %s", said());
    }
    if (SSL_CTX_use_PrivateKey_file(context, files->key, SSL_FILETYPE_PEM) != 1
        || SSL_CTX_check_private_key(context) != 1) {
        return problem_report(problem, STATUS_IO, files->key, NULL,
                              "Name the certificate's own key, in PEM and without a pass phrase.",
                              "the key cannot be taken: %s", said());
    }
    if (SSL_CTX_load_verify_file(context, files->authority) != 1) {
        return problem_report(problem, STATUS_IO, files->authority, NULL, "Name certificates of authorities in PEM.",
                              "the authorities cannot be taken: %s", said());
    }
    if (side == TLS_DAEMON) {
        SSL_CTX_set_client_CA_list(context, SSL_load_client_CA_file(files->authority));
    }
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    SSL_CTX_set_verify_depth(context, CHAIN_DEPTH_MAX);
    SSL_CTX_set_max_cert_list(context, CHAIN_BYTES_MAX);
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_NO_AUTO_CHAIN);
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_num_tickets(context, 0);
    return STATUS_OK;
}

enum status tls_credentials_read(const struct tls_files *files, enum tls_side side, struct tls_credentials **ret,
                                 struct problem *problem)
{
    if (files->certificate == NULL || files->key == NULL || files->authority == NULL) {
        return problem_report(problem, STATUS_IO, "tls", NULL,
                              side == TLS_DAEMON
                                  ? "Write `tls: { certificate: FILE, key: FILE, client_authorities: FILE }`."
                                  : "Name --certificate, --key and --authority, or set INTERGREEN_CERTIFICATE, "
                                    "INTERGREEN_KEY and INTERGREEN_AUTHORITY.",
                              "TLS needs a certificate, its key and the authority of the other side");
    }
    struct tls_credentials *credentials = calloc(1, sizeof *credentials);
    SSL_CTX *context = SSL_CTX_new(side == TLS_DAEMON ? TLS_server_method() : TLS_client_method());
    enum status status = credentials == NULL || context == NULL
        ? problem_report(problem, STATUS_IO, "tls", NULL, NULL, "out of memory")
        : context_fill(context, files, side, problem);
    if (status != STATUS_OK) {
        SSL_CTX_free(context);
        free(credentials);
        return status;
    }
    *credentials = (struct tls_credentials){ .context = context, .side = side,
        .until_s = certificate_until_s(SSL_CTX_get0_certificate(context)) };
    *ret = credentials;
    return STATUS_OK;
}

void tls_credentials_release(struct tls_credentials *credentials)
{
    if (credentials != NULL) {
        SSL_CTX_free(credentials->context);
        free(credentials);
    }
}

int64_t tls_credentials_until_s(const struct tls_credentials *credentials)
{
    return credentials->until_s;
}

bool tls_expiry_say(const struct tls_credentials *credentials, char *text, size_t room)
{
    int64_t left_s = credentials->until_s - (int64_t)time(NULL);
    if (left_s > TLS_EXPIRY_WARN_S) {
        return false;
    }
    struct tm parts = { 0 };
    char until[32] = "";
    time_t until_s = (time_t)credentials->until_s;
    if (gmtime_r(&until_s, &parts) != NULL) {
        strftime(until, sizeof until, "%Y-%m-%d %H:%M:%S UTC", &parts);
    }
    snprintf(text, room, left_s <= 0 ? "the daemon's certificate has expired, at %s: no peer takes it any more"
                                     : "the daemon's certificate expires within 30 days, at %s: renew it", until);
    return true;
}

// ---- one connection ----

static bool server_name_set(SSL *ssl, const char *name)
{
    X509_VERIFY_PARAM *wanted = SSL_get0_param(ssl);
    SSL_set_hostflags(ssl, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT | X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    return X509_VERIFY_PARAM_set1_ip_asc(wanted, name) == 1
        || (SSL_set1_host(ssl, name) == 1 && SSL_set_tlsext_host_name(ssl, name) == 1);
}

struct tls *tls_open(const struct tls_credentials *credentials, const char *server_name, const struct tls_line *line)
{
    struct tls *tls = calloc(1, sizeof *tls);
    SSL *ssl = SSL_new(credentials->context);
    BIO *bio = BIO_new(line_method());
    if (tls == NULL || ssl == NULL || bio == NULL
        || (credentials->side == TLS_CLIENT && (server_name == NULL || !server_name_set(ssl, server_name)))) {
        BIO_free(bio);
        SSL_free(ssl);
        free(tls);
        return NULL;
    }
    *tls = (struct tls){ .ssl = ssl, .line = *line };
    BIO_set_data(bio, tls);
    BIO_set_init(bio, 1);
    SSL_set_bio(ssl, bio, bio);
    if (credentials->side == TLS_DAEMON) {
        SSL_set_accept_state(ssl);
    } else {
        SSL_set_connect_state(ssl);
    }
    return tls;
}

void tls_release(struct tls *tls)
{
    if (tls != NULL) {
        SSL_free(tls->ssl);
        free(tls);
    }
}

void tls_input(struct tls *tls, const uint8_t *bytes, size_t count)
{
    tls->at = bytes;
    tls->end = bytes + count;
}

static enum tls_result broken(struct tls *tls, const char *why)
{
    tls->at = tls->end;
    if (!tls->broken) {
        tls->broken = true;
        snprintf(tls->fault, sizeof tls->fault, "TLS: %s", why);
    }
    return TLS_BROKEN;
}

// Why the last call failed, in words.
static enum tls_result failed(struct tls *tls, int result)
{
    int kind = SSL_get_error(tls->ssl, result);
    if (kind == SSL_ERROR_WANT_READ) {
        return TLS_WAITS;
    }
    if (kind == SSL_ERROR_ZERO_RETURN) {
        return TLS_ENDED;
    }
    long verdict = SSL_get_verify_result(tls->ssl);
    unsigned long error = ERR_peek_error();
    bool here = ERR_GET_LIB(error) == ERR_LIB_SSL;
    if (here && ERR_GET_REASON(error) == SSL_R_CERTIFICATE_VERIFY_FAILED && verdict != X509_V_OK) {
        return broken(tls, X509_verify_cert_error_string(verdict));
    }
    int cause = here ? ERR_GET_REASON(error) : 0;
    if (!tls->ready && (cause == SSL_R_WRONG_VERSION_NUMBER || cause == SSL_R_HTTP_REQUEST
                        || cause == SSL_R_PACKET_LENGTH_TOO_LONG || cause == SSL_R_BAD_RECORD_TYPE)) {
        tls->foreign = true;
        return broken(tls, "these bytes are no TLS: is the other side speaking plainly?");
    }
    const char *reason = ERR_reason_error_string(error);
    return broken(tls, reason != NULL ? reason : "the session broke");
}

// The subject's one common name. What could not stand in a registry is none.
static const char *identity_take(struct tls *tls)
{
    const X509 *certificate = SSL_get0_peer_certificate(tls->ssl);
    const X509_NAME *subject = certificate == NULL ? NULL : X509_get_subject_name(certificate);
    int at = subject == NULL ? -1 : X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
    if (at < 0 || X509_NAME_get_index_by_NID(subject, NID_commonName, at) >= 0) {
        return "the certificate's subject needs one common name (CN): it is the identity";
    }
    unsigned char *text = NULL;
    int bytes = ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
    bool good = bytes > 0 && bytes < TLS_IDENTITY_BYTES_MAX;
    for (int i = 0; good && i < bytes; i++) {
        good = text[i] > ' ' && text[i] != 0x7f;
    }
    if (good) {
        memcpy(tls->identity, text, (size_t)bytes);
        tls->identity[bytes] = '\0';
    }
    OPENSSL_free(text);
    return good ? NULL : "the certificate's common name is no identity: 1 to 63 bytes, no spaces";
}

static enum tls_result handshake(struct tls *tls)
{
    int result = SSL_do_handshake(tls->ssl);
    if (result != 1) {
        return failed(tls, result);
    }
    const char *why = SSL_is_server(tls->ssl) ? identity_take(tls) : NULL;
    if (why != NULL) {
        snprintf(tls->fault, sizeof tls->fault, "%s", why);
    }
    tls->ready = true;
    return TLS_DATA;
}

enum tls_result tls_read(struct tls *tls, uint8_t *plain, size_t room, size_t *ret_count)
{
    if (tls->broken) {
        return TLS_BROKEN;
    }
    ERR_clear_error();
    if (!tls->ready) {
        enum tls_result result = handshake(tls);
        if (result != TLS_DATA) {
            return result;
        }
    }
    int result = SSL_read_ex(tls->ssl, plain, room, ret_count);
    return result == 1 ? TLS_DATA : failed(tls, result);
}

bool tls_ready(const struct tls *tls)
{
    return tls->ready;
}

bool tls_write(struct tls *tls, const uint8_t *plain, size_t count)
{
    size_t written = 0;
    ERR_clear_error();
    if (tls->broken || tls->ended || count == 0) {
        return !tls->broken;
    }
    int result = SSL_write_ex(tls->ssl, plain, count, &written);
    if (result != 1 || written != count) {
        (void)failed(tls, result);
        (void)broken(tls, "the session takes no more");
        return false;
    }
    return true;
}

void tls_end(struct tls *tls)
{
    ERR_clear_error();
    if (!tls->broken && tls->ready && !tls->ended) {
        tls->ended = true;
        (void)SSL_shutdown(tls->ssl);
    }
}

bool tls_foreign(const struct tls *tls)
{
    return tls->foreign;
}

const char *tls_identity(const struct tls *tls)
{
    return tls->identity;
}

const char *tls_fault(const struct tls *tls)
{
    return tls->fault;
}
