/* SPDX-License-Identifier: Apache-2.0 */
#include "adapter/http.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <limits.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include <curl/curl.h>

#include "adapter/signals.h"
#include "base/memory.h"

#ifndef PGSTRIDE_VERSION
#define PGSTRIDE_VERSION "dev"
#endif

static void
url_release(CURLU **url)
{
    curl_url_cleanup(*url);
}
#define AUTO_URL __attribute__((cleanup(url_release)))

static void
easy_release(CURL **easy)
{
    curl_easy_cleanup(*easy);
}
#define AUTO_EASY __attribute__((cleanup(easy_release)))

static void
list_release(struct curl_slist **list)
{
    curl_slist_free_all(*list);
}
#define AUTO_LIST __attribute__((cleanup(list_release)))

static void
part_release(char **part)
{
    curl_free(*part);
}
#define AUTO_PART __attribute__((cleanup(part_release)))

/* Where a URL leads, as far as a message may say it. */
struct target {
    char host[256]; /* without the brackets of IPv6 */
    bool is_https;
    bool is_plain_fine; /* loopback, or another of the caller's */
};

/* What comes back, as it grows. */
struct reception {
    struct text body;
    size_t ceiling_bytes;
    bool is_over; /* there was more */
    size_t head_bytes;
    int64_t retry_after_s;
};

static void
reception_done(struct reception *reception)
{
    text_done(&reception->body);
}
#define AUTO_RECEPTION __attribute__((cleanup(reception_done))) struct reception

static bool
is_loopback(const char *host)
{
    struct in_addr v4 = {0};
    struct in6_addr v6 = IN6ADDR_ANY_INIT;

    if (strcasecmp(host, "localhost") == 0)
        return true;
    if (inet_pton(AF_INET, host, &v4) == 1)
        return ntohl(v4.s_addr) >> 24 == IN_LOOPBACKNET;
    return inet_pton(AF_INET6, host, &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

/* One address may be written in several ways. */
static bool
is_same_host(const char *one, const char *other)
{
    struct in6_addr first = IN6ADDR_ANY_INIT;
    struct in6_addr second = IN6ADDR_ANY_INIT;

    if (inet_pton(AF_INET6, one, &first) == 1 && inet_pton(AF_INET6, other, &second) == 1)
        return memcmp(&first, &second, sizeof(first)) == 0;
    return strcasecmp(one, other) == 0;
}

static bool
is_among(const char *host, const char *const *hosts)
{
    for (; hosts != NULL && *hosts != NULL; hosts++) {
        if (is_same_host(host, *hosts))
            return true;
    }
    return false;
}

static bool
has_space(const char *url)
{
    for (const char *c = url; *c != '\0'; c++) {
        if ((unsigned char)*c <= ' ' || *c == 0x7F)
            return true;
    }
    return false;
}

static bool
copy_host(const char *host, struct target *target)
{
    size_t size = strlen(host);
    bool has_brackets = size > 2 && host[0] == '[';

    if (has_brackets) {
        host++;
        size -= 2;
    }
    if (size == 0 || size >= sizeof(target->host))
        return false;
    memcpy(target->host, host, size);
    target->host[size] = '\0';
    return true;
}

static bool
split_url(const char *url, const char *const *plain_hosts, struct target *target)
{
    AUTO_URL CURLU *parsed = curl_url();
    AUTO_PART char *scheme = NULL;
    AUTO_PART char *host = NULL;

    CURLUcode code = curl_url_set(parsed, CURLUPART_URL, url, CURLU_NON_SUPPORT_SCHEME);
    if (code == CURLUE_OK)
        code = curl_url_get(parsed, CURLUPART_SCHEME, &scheme, 0);
    if (code == CURLUE_OK)
        code = curl_url_get(parsed, CURLUPART_HOST, &host, 0);
    if (parsed == NULL || code == CURLUE_OUT_OF_MEMORY)
        memory_ran_out(); /* no fault of the URL's */
    if (code != CURLUE_OK || !copy_host(host, target))
        return false;

    bool is_http = strcasecmp(scheme, "http") == 0;
    target->is_https = strcasecmp(scheme, "https") == 0;
    target->is_plain_fine = is_loopback(target->host) || is_among(target->host, plain_hosts);
    return target->is_https || is_http;
}

static bool
read_url(const char *url, const char *const *plain_hosts, struct target *target, struct error *err)
{
    struct target found = {.is_https = false};

    if (*url == '\0')
        return error_set(err, ERROR_USAGE, "the URL is empty");
    if (has_space(url)) {
        error_set(err, ERROR_USAGE, "the URL has white space in it");
        return error_hint(err, "a line break at the end of a stored secret is the usual cause");
    }
    if (!split_url(url, plain_hosts, &found)) {
        error_set(err, ERROR_USAGE, "this is not an https URL");
        return error_hint(err, "it looks like https://host/path");
    }
    if (!found.is_https && !found.is_plain_fine) {
        error_set(err, ERROR_USAGE, "the URL is not https; plain http is for loopback %s",
            plain_hosts != NULL ? "and the platform's own addresses" : "alone");
        return error_hint(err, "begin the URL with https://");
    }
    *target = found;
    return true;
}

bool
http_url_check(const char *url, struct error *err)
{
    return http_url_check_among(url, NULL, err);
}

bool
http_url_check_among(const char *url, const char *const *plain_hosts, struct error *err)
{
    struct target target = {0};

    return read_url(url, plain_hosts, &target, err);
}

/* Keep what fits; taking less than was offered makes libcurl stop there. */
static size_t
keep_body(char *bytes, size_t one, size_t size, void *context)
{
    struct reception *reception = context;
    size_t room = reception->ceiling_bytes - reception->body.size_bytes;
    size_t kept = one * size < room ? one * size : room;

    text_add(&reception->body, bytes, kept);
    reception->is_over |= kept < one * size;
    return kept;
}

/* "delay-seconds" of RFC 9110 10.2.3; 0 where it is a date or nothing we know. */
static int64_t
read_seconds(const char *bytes, size_t size)
{
    const int64_t most = 1000000000;
    const char *end = bytes + size;
    int64_t seconds = 0;

    while (bytes < end && (*bytes == ' ' || *bytes == '\t'))
        bytes++;
    while (bytes < end && isspace((unsigned char)end[-1]))
        end--;
    for (; bytes < end; bytes++) {
        if (!isdigit((unsigned char)*bytes))
            return 0;
        seconds = seconds < most ? seconds * 10 + (*bytes - '0') : most;
    }
    return seconds < most ? seconds : most;
}

/* By ourselves: a libcurl built without its date parser gives CURLINFO_RETRY_AFTER as 0. */
static size_t
keep_retry_after(char *bytes, size_t one, size_t size, void *context)
{
    static const char NAME[] = "Retry-After:";
    const size_t name_size = sizeof(NAME) - 1;
    struct reception *reception = context;

    if (size > name_size && strncasecmp(bytes, NAME, name_size) == 0)
        reception->retry_after_s = read_seconds(bytes + name_size, size - name_size);
    reception->head_bytes += size;
    return reception->head_bytes <= HTTP_DOCUMENT_BYTES ? one * size : 0;
}

static long
to_milliseconds(int64_t ms)
{
    /* 0 would mean libcurl's default: five minutes, or no limit at all. */
    if (ms < 1)
        return 1;
    return ms < INT_MAX ? (long)ms : INT_MAX;
}

static bool
set_up_trust(CURL *easy, const struct target *target)
{
    const char *ca_file = getenv("SSL_CERT_FILE");
    const char *protocols = target->is_https ? "https" : "http";
    bool is_set = true;

    is_set &= curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, protocols) == CURLE_OK;
    is_set &= curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK;
    is_set &= curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L) == CURLE_OK;
    is_set &= curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L) == CURLE_OK;
    is_set &= curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) == CURLE_OK;
    if (ca_file != NULL && *ca_file != '\0')
        is_set &= curl_easy_setopt(easy, CURLOPT_CAINFO, ca_file) == CURLE_OK;
    if (target->is_plain_fine || !target->is_https)
        is_set &= curl_easy_setopt(easy, CURLOPT_PROXY, "") == CURLE_OK;
    return is_set;
}

/* Anything but 0 makes libcurl stop. */
static int
end_by_signal(void *context, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    (void)context;
    (void)(a + b + c + d);
    return signals_is_stop_requested();
}

/* QUICK_EXIT: the thread that looks up a host's name is left behind where time is over. */
static bool
set_up_request(CURL *easy,
    const struct http_request *request,
    const struct curl_slist *headers,
    const struct http_limits *limits)
{
    long is_deaf = request->is_ended_by_signal ? 0 : 1;
    long connect_ms = to_milliseconds(limits->connect_ms);
    long total_ms = to_milliseconds(limits->total_ms);
    bool is_set = true;

    is_set &= curl_easy_setopt(easy, CURLOPT_URL, request->url) == CURLE_OK;
    is_set &= curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) == CURLE_OK;
    is_set &= curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L) == CURLE_OK;
    is_set &= curl_easy_setopt(easy, CURLOPT_NOPROGRESS, is_deaf) == CURLE_OK;
    is_set &= curl_easy_setopt(easy, CURLOPT_XFERINFOFUNCTION, end_by_signal) == CURLE_OK;
    is_set &= curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers) == CURLE_OK;
    is_set &= curl_easy_setopt(easy, CURLOPT_USERAGENT, "pgstride/" PGSTRIDE_VERSION) == CURLE_OK;
    is_set &= curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, connect_ms) == CURLE_OK;
    is_set &= curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, total_ms) == CURLE_OK;
    return is_set;
}

static bool
set_up_post(CURL *easy, const char *body)
{
    return curl_easy_setopt(easy, CURLOPT_POST, 1L) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, (long)strlen(body)) == CURLE_OK;
}

static bool
set_up_answer(CURL *easy, struct reception *reception, char *reason)
{
    bool is_set = true;

    is_set &= curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, keep_body) == CURLE_OK;
    is_set &= curl_easy_setopt(easy, CURLOPT_WRITEDATA, reception) == CURLE_OK;
    is_set &= curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, keep_retry_after) == CURLE_OK;
    is_set &= curl_easy_setopt(easy, CURLOPT_HEADERDATA, reception) == CURLE_OK;
    is_set &= curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, reason) == CURLE_OK;
    return is_set;
}

/*
 * With CURLOPT_NOSIGNAL libcurl leaves SIGPIPE alone, and OpenSSL writes to a
 * socket that the other side may have closed: hold the signal back meanwhile.
 */
static CURLcode
perform_without_sigpipe(CURL *easy)
{
    const struct timespec now = {0};
    sigset_t pipe;
    sigset_t pending;
    sigset_t before;

    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    sigemptyset(&pending);
    sigpending(&pending);
    pthread_sigmask(SIG_BLOCK, &pipe, &before);
    CURLcode code = curl_easy_perform(easy);
    if (!sigismember(&pending, SIGPIPE))
        sigtimedwait(&pipe, NULL, &now);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return code;
}

static bool
fail_time_out(
    CURL *easy, const struct target *target, const struct http_limits *limits, struct error *err)
{
    curl_off_t sending_us = 0;

    curl_easy_getinfo(easy, CURLINFO_PRETRANSFER_TIME_T, &sending_us);
    if (sending_us == 0)
        return error_set(err, ERROR_CONNECTION, "no connection to %s within %ld ms", target->host,
            to_milliseconds(
                limits->connect_ms < limits->total_ms ? limits->connect_ms : limits->total_ms));
    return error_set(err, ERROR_TIMEOUT, "no answer from %s within %ld ms", target->host,
        to_milliseconds(limits->total_ms));
}

/*
 * Only these failures quote libcurl's own words, for these hold names and
 * numbers of hosts, files and certificates, never a path of the URL.
 */
static bool
fail_tls(CURLcode code, const struct target *target, const char *reason, struct error *err)
{
    const char *why = *reason != '\0' ? reason : curl_easy_strerror(code);

    if (code == CURLE_SSL_CACERT_BADFILE) {
        error_set(err, ERROR_SYSTEM, "cannot read the CA certificates: %.300s", why);
        return error_hint(err,
            "copy a CA bundle to /etc/ssl/certs/ca-certificates.crt in the image, "
            "or name one with SSL_CERT_FILE");
    }
    error_set(err, ERROR_SYSTEM, "%s is not trusted: %.300s", target->host, why);
    return error_hint(err, "SSL_CERT_FILE names the bundle of the CAs to trust");
}

static bool
fail(CURL *easy,
    CURLcode code,
    const struct target *target,
    const struct http_limits *limits,
    const char *reason,
    struct error *err)
{
    const char *why = *reason != '\0' ? reason : curl_easy_strerror(code);

    if (code == CURLE_ABORTED_BY_CALLBACK)
        return error_set(err, ERROR_STOPPED, "stopped by %s", signals_stop_name());
    if (code == CURLE_OPERATION_TIMEDOUT)
        return fail_time_out(easy, target, limits, err);
    if (code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CACERT_BADFILE)
        return fail_tls(code, target, reason, err);
    if (code == CURLE_COULDNT_RESOLVE_HOST || code == CURLE_COULDNT_RESOLVE_PROXY ||
        code == CURLE_COULDNT_CONNECT || code == CURLE_SSL_CONNECT_ERROR)
        return error_set(err, ERROR_CONNECTION, "cannot connect to %s: %.300s", target->host, why);
    if (code == CURLE_GOT_NOTHING || code == CURLE_SEND_ERROR || code == CURLE_RECV_ERROR ||
        code == CURLE_PARTIAL_FILE)
        return error_set(
            err, ERROR_TIMEOUT, "%s closed the connection before it had answered", target->host);
    if (code == CURLE_UNSUPPORTED_PROTOCOL || code == CURLE_WEIRD_SERVER_REPLY ||
        code == CURLE_WRITE_ERROR) /* its head has no end */
        return error_set(err, ERROR_SYSTEM, "what %s answered is not HTTP", target->host);
    return error_set(err, ERROR_SYSTEM, "cannot talk to %s: %s (libcurl %d)", target->host,
        curl_easy_strerror(code), (int)code);
}

/* Behind those that are there; false when there is no memory. */
static bool
add_header(struct curl_slist **headers, const char *line)
{
    struct curl_slist *longer = curl_slist_append(*headers, line);

    if (longer != NULL)
        *headers = longer;
    return longer != NULL;
}

/* All of one call, after its URL was read; `body` NULL: a GET. An answer that is cut is one. */
static bool
exchange(const struct target *target,
    const struct http_request *request,
    const char *body,
    const struct http_limits *limits,
    struct reception *reception,
    int *status,
    struct error *err)
{
    char reason[CURL_ERROR_SIZE] = "";
    long code_of_answer = 0;
    AUTO_EASY CURL *easy = curl_easy_init();
    AUTO_LIST struct curl_slist *headers = NULL;
    const char *const *line = request->headers;
    bool is_set = easy != NULL;

    if (is_set && body != NULL)
        is_set = add_header(&headers, "Content-Type: application/json") && set_up_post(easy, body);
    for (; is_set && line != NULL && *line != NULL; line++)
        is_set = add_header(&headers, *line);
    if (!is_set || !set_up_trust(easy, target) || !set_up_request(easy, request, headers, limits) ||
        !set_up_answer(easy, reception, reason))
        return error_set(err, ERROR_SYSTEM, "cannot set up libcurl");

    CURLcode code = perform_without_sigpipe(easy);
    if (code != CURLE_OK && !(code == CURLE_WRITE_ERROR && reception->is_over))
        return fail(easy, code, target, limits, reason, err);
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &code_of_answer);
    *status = (int)code_of_answer;
    return true;
}

bool
http_post(const struct http_request *request,
    const char *body,
    const struct http_limits *limits,
    struct http_answer *answer,
    struct error *err)
{
    AUTO_RECEPTION reception = {.ceiling_bytes = HTTP_BODY_BYTES};
    struct target target = {0};
    struct http_answer got = {.status = 0};

    if (!read_url(request->url, request->plain_hosts, &target, err) ||
        !exchange(&target, request, body, limits, &reception, &got.status, err))
        return false;
    got.retry_after_s = reception.retry_after_s;
    got.body_size_bytes = reception.body.size_bytes;
    memcpy(got.body, text_string(&reception.body), got.body_size_bytes + 1);
    *answer = got;
    return true;
}

bool
http_get(const struct http_request *request,
    const struct http_limits *limits,
    int *status,
    struct text *document,
    struct error *err)
{
    AUTO_RECEPTION reception = {.ceiling_bytes = HTTP_DOCUMENT_BYTES};
    struct target target = {0};
    int got = 0;

    if (!read_url(request->url, request->plain_hosts, &target, err) ||
        !exchange(&target, request, NULL, limits, &reception, &got, err))
        return false;
    if (reception.is_over)
        return error_set(err, ERROR_SYSTEM, "the answer of %s is larger than %d KiB", target.host,
            HTTP_DOCUMENT_BYTES / 1024);
    text_add(document, text_string(&reception.body), reception.body.size_bytes);
    *status = got;
    return true;
}
