// Goal: the two ends of engine/tls/tls.h agree however the line cuts their bytes, and give nothing that was not said: a
// stream that was cut waits, one that was changed breaks, whoever is not certified or has another name is not taken.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/tls/tls.h"

#define LINE_BYTES_MAX (1 << 18)
#define TEXT_BYTES 40000              // three records
#define DAY_S 86400L

static char folder[] = "/tmp/ig-tls-XXXXXX";
static EVP_PKEY *authority_key;
static X509 *authority;

static const char *path_of(const char *name)
{
    static char paths[8][128];
    static int next;
    char *path = paths[next++ % 8];
    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

static void write_pem(const char *name, X509 *certificate, EVP_PKEY *key)
{
    FILE *file = fopen(path_of(name), "w");
    assert_non_null(file);
    assert_int_equal(certificate != NULL ? PEM_write_X509(file, certificate)
                                         : PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL), 1);
    fclose(file);
}

static X509 *certificate_make(const char *name, EVP_PKEY *key, const char *alternative, long days)
{
    static long serial = 1;
    X509 *made = X509_new();
    X509_set_version(made, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(made), serial++);
    X509_gmtime_adj(X509_getm_notBefore(made), -2 * DAY_S);
    X509_gmtime_adj(X509_getm_notAfter(made), days * DAY_S);
    X509_set_pubkey(made, key);
    X509_NAME *subject = X509_get_subject_name(made);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const unsigned char *)name, -1, -1, 0);
    X509_set_issuer_name(made, authority != NULL ? X509_get_subject_name(authority) : subject);
    X509V3_CTX context;
    X509V3_set_ctx(&context, authority != NULL ? authority : made, made, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context,
        authority == NULL ? NID_basic_constraints : NID_subject_alt_name,
        authority == NULL ? "critical,CA:TRUE" : alternative != NULL ? alternative : "DNS:none");
    assert_non_null(extension);
    X509_add_ext(made, extension, -1);
    X509_EXTENSION_free(extension);
    assert_true(X509_sign(made, authority_key, EVP_sha256()) > 0);
    return made;
}

// NAME.pem and NAME.key in the folder.
static void sign(const char *name, const char *alternative, long days)
{
    char file[64];
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *made = certificate_make(name, key, alternative, days);
    snprintf(file, sizeof file, "%s.pem", name);
    write_pem(file, made, NULL);
    snprintf(file, sizeof file, "%s.key", name);
    write_pem(file, NULL, key);
    X509_free(made);
    EVP_PKEY_free(key);
}

static struct tls_credentials *credentials_of(const char *name, enum tls_side side)
{
    char certificate[64], key[64];
    struct problem problem;
    struct tls_credentials *credentials = NULL;
    snprintf(certificate, sizeof certificate, "%s.pem", name);
    snprintf(key, sizeof key, "%s.key", name);
    struct tls_files files = { .certificate = path_of(certificate), .key = path_of(key),
        .authority = path_of("ca.pem") };
    assert_int_equal(tls_credentials_read(&files, side, &credentials, &problem), STATUS_OK);
    return credentials;
}

static int set_up(void **state)
{
    (void)state;
    assert_non_null(mkdtemp(folder));
    authority_key = EVP_EC_gen("P-256");
    X509 *made = certificate_make("authority", authority_key, NULL, 90);
    write_pem("ca.pem", made, NULL);
    authority = made;
    sign("daemon", "DNS:localhost,IP:127.0.0.1", 90);
    sign("anna", NULL, 90);
    sign("old", NULL, -1);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    const char *const names[] = { "ca.pem", "daemon.pem", "daemon.key", "anna.pem", "anna.key", "old.pem", "old.key" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        (void)unlink(path_of(names[i]));
    }
    (void)rmdir(folder);
    X509_free(authority);
    EVP_PKEY_free(authority_key);
    return 0;
}

// One end and what it has for the other.
struct end {
    struct tls *tls;
    uint8_t line[LINE_BYTES_MAX], plain[LINE_BYTES_MAX];
    size_t line_used, plain_used, line_most;
    enum tls_result last;
};

static struct end ends[2];            // the client's, the daemon's

static bool on_out(void *owner, const uint8_t *bytes, size_t count)
{
    struct end *end = owner;
    if (count > end->line_most - end->line_used) {
        return false;
    }
    memcpy(end->line + end->line_used, bytes, count);
    end->line_used += count;
    return true;
}

static void open_ends(struct tls_credentials *client, struct tls_credentials *daemon, const char *host)
{
    for (int i = 0; i < 2; i++) {
        struct tls_line line = { .owner = &ends[i], .out = on_out };
        ends[i].line_used = ends[i].plain_used = 0;
        ends[i].line_most = LINE_BYTES_MAX;
        ends[i].last = TLS_WAITS;
        ends[i].tls = tls_open(i == 0 ? client : daemon, i == 0 ? host : NULL, &line);
        assert_non_null(ends[i].tls);
    }
}

static void close_ends(void)
{
    tls_release(ends[0].tls);
    tls_release(ends[1].tls);
}

static void take(struct end *end, const uint8_t *bytes, size_t count)
{
    size_t more = 0;
    tls_input(end->tls, bytes, count);
    while ((end->last = tls_read(end->tls, end->plain + end->plain_used, LINE_BYTES_MAX - end->plain_used, &more))
           == TLS_DATA) {
        end->plain_used += more;
    }
}

// Carries what they have for each other, `cut` bytes at a time, until neither has any.
static void carry(size_t cut)
{
    uint8_t none = 0;
    if (!tls_ready(ends[0].tls) && ends[0].line_used == 0) {
        take(&ends[0], &none, 0);
    }
    for (int from = 0; ends[0].line_used + ends[1].line_used > 0; from = 1 - from) {
        static uint8_t way[LINE_BYTES_MAX];
        size_t count = ends[from].line_used;
        memcpy(way, ends[from].line, count);
        ends[from].line_used = 0;
        for (size_t at = 0; at < count; at += cut) {
            take(&ends[1 - from], way + at, count - at < cut ? count - at : cut);
        }
    }
}

static void both_agree_however_the_line_cuts(void **state)
{
    (void)state;
    static uint8_t text[TEXT_BYTES];
    const size_t cuts[] = { 1, 7, 100, 16384, LINE_BYTES_MAX };
    struct tls_credentials *client = credentials_of("anna", TLS_CLIENT), *daemon = credentials_of("daemon", TLS_DAEMON);
    for (size_t i = 0; i < TEXT_BYTES; i++) {
        text[i] = (uint8_t)(i * 2654435761u >> 13);
    }
    for (size_t c = 0; c < sizeof cuts / sizeof *cuts; c++) {
        open_ends(client, daemon, c % 2 == 0 ? "localhost" : "127.0.0.1");
        carry(cuts[c]);
        assert_true(tls_ready(ends[0].tls) && tls_ready(ends[1].tls));
        assert_string_equal(tls_identity(ends[1].tls), "anna");
        for (int from = 0; from < 2; from++) {
            assert_true(tls_write(ends[from].tls, text, TEXT_BYTES));
            // 22 bytes a record: five of head, sixteen of tag, one of kind [RFC 8446, 5.2].
            assert_int_equal(ends[from].line_used, TEXT_BYTES + 3 * 22);
            carry(cuts[c]);
            assert_int_equal(ends[1 - from].plain_used, TEXT_BYTES);
            assert_memory_equal(ends[1 - from].plain, text, TEXT_BYTES);
        }
        tls_end(ends[1].tls);
        assert_true(tls_write(ends[1].tls, text, 10));   // dropped
        carry(cuts[c]);
        assert_int_equal(ends[0].last, TLS_ENDED);
        assert_int_equal(ends[0].plain_used, TEXT_BYTES);
        close_ends();
    }
    tls_credentials_release(client);
    tls_credentials_release(daemon);
}

// The client's second words (certificate, proof, end of the handshake) with one byte changed, and cut short.
static void what_was_changed_or_cut_lets_nobody_in(void **state)
{
    (void)state;
    struct tls_credentials *client = credentials_of("anna", TLS_CLIENT), *daemon = credentials_of("daemon", TLS_DAEMON);
    size_t length = 1;
    for (size_t at = 0; at < length; at += 1 + at / 16) {
        uint8_t none = 0;
        open_ends(client, daemon, "localhost");
        take(&ends[0], &none, 0);
        take(&ends[1], ends[0].line, ends[0].line_used);
        ends[0].line_used = 0;
        take(&ends[0], ends[1].line, ends[1].line_used);
        length = ends[0].line_used;
        take(&ends[1], ends[0].line, at);
        assert_int_equal(ends[1].last, TLS_WAITS);
        assert_false(tls_ready(ends[1].tls));
        ends[0].line[at] ^= 0x20;
        take(&ends[1], ends[0].line + at, length - at);
        assert_true(ends[1].last == TLS_BROKEN || ends[1].last == TLS_WAITS);   // a longer length waits for more
        assert_false(tls_ready(ends[1].tls));
        close_ends();
    }
    assert_true(length > 500);
    tls_credentials_release(client);
    tls_credentials_release(daemon);
}

static void strangers_are_named(void **state)
{
    (void)state;
    struct tls_credentials *client = credentials_of("anna", TLS_CLIENT), *daemon = credentials_of("daemon", TLS_DAEMON);
    struct tls_credentials *old = credentials_of("old", TLS_CLIENT);
    char text[200];
    const uint8_t plain[] = "\x05\x0a\x03\x08\x01\x10";
    open_ends(client, daemon, "elsewhere");
    carry(1000);
    assert_int_equal(ends[0].last, TLS_BROKEN);
    assert_string_equal(tls_fault(ends[0].tls), "TLS: hostname mismatch");
    close_ends();
    open_ends(old, daemon, "localhost");
    carry(1000);
    assert_int_equal(ends[1].last, TLS_BROKEN);
    assert_string_equal(tls_fault(ends[1].tls), "TLS: certificate has expired");
    assert_int_equal(ends[0].last, TLS_BROKEN);   // by the daemon's alert
    assert_non_null(strstr(tls_fault(ends[0].tls), "certificate expired"));
    assert_false(tls_foreign(ends[1].tls));
    close_ends();
    open_ends(client, daemon, "localhost");
    take(&ends[1], plain, sizeof plain);
    assert_int_equal(ends[1].last, TLS_BROKEN);
    assert_true(tls_foreign(ends[1].tls));
    assert_int_equal(ends[1].line_used, 0);
    close_ends();
    assert_true(tls_expiry_say(old, text, sizeof text) && strstr(text, "has expired") != NULL);
    assert_false(tls_expiry_say(client, text, sizeof text));
    tls_credentials_release(client);
    tls_credentials_release(daemon);
    tls_credentials_release(old);
}

static void a_line_that_takes_no_more_breaks_it(void **state)
{
    (void)state;
    static const uint8_t text[TEXT_BYTES];
    struct tls_credentials *client = credentials_of("anna", TLS_CLIENT), *daemon = credentials_of("daemon", TLS_DAEMON);
    open_ends(client, daemon, "localhost");
    tls_credentials_release(client);              // The ends keep what they need.
    tls_credentials_release(daemon);
    carry(1000);
    ends[1].line_most = TEXT_BYTES / 2;
    assert_false(tls_write(ends[1].tls, text, TEXT_BYTES));
    assert_false(tls_write(ends[1].tls, text, 1));
    close_ends();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_agree_however_the_line_cuts),
        cmocka_unit_test(what_was_changed_or_cut_lets_nobody_in),
        cmocka_unit_test(strangers_are_named),
        cmocka_unit_test(a_line_that_takes_no_more_breaks_it),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
