/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP: posts one JSON document and reads a short answer, or gets one document.
 * The only user of libcurl.
 *
 * This is not a general client: no redirects, no cookies, no streaming, one
 * connection a call. TLS is always verified, against the CA bundle that
 * libcurl was built with or the one that SSL_CERT_FILE names. HTTPS_PROXY and
 * NO_PROXY are honoured for https; plain http takes no proxy.
 *
 * A webhook's URL is a secret. No error says more of it than host and port.
 */
#ifndef ADAPTER_HTTP_H
#define ADAPTER_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"

enum {
    HTTP_BODY_BYTES = 4096,
    HTTP_DOCUMENT_BYTES = 64 * 1024,
};

struct http_limits {
    int64_t connect_ms; /* name, TCP and TLS together; at least 1 */
    int64_t total_ms;   /* all of it; at least 1 */
};

struct http_answer {
    int status;                     /* 200, 404, … */
    int64_t retry_after_s;          /* what Retry-After says; 0: nothing, or a date */
    char body[HTTP_BODY_BYTES + 1]; /* the first bytes as they came, and a NUL; any encoding */
    size_t body_size_bytes;
};

/*
 * May we send to `url`: https to any host, plain http to loopback alone
 * (127.0.0.0/8, ::1, localhost).
 *
 * Pure: connects nowhere. libcurl's own parser decides what the host is, so
 * that what was checked is what is connected to.
 *
 * Errors   ERROR_USAGE   says what is wrong with the URL, never the URL.
 */
MUST_CHECK bool http_url_check(const char *url, struct error *err);

/*
 * The same with some more hosts that plain http may go to, names or addresses,
 * a NULL behind the last: a platform's metadata server on a link of its own.
 */
MUST_CHECK bool http_url_check_among(
    const char *url, const char *const *plain_hosts, struct error *err);

struct http_request {
    const char *url;
    const char *const *headers;     /* "Name: value", a NULL behind the last; or NULL */
    const char *const *plain_hosts; /* as in http_url_check_among */
    bool is_ended_by_signal;        /* a stop that is requested meanwhile ends it */
};

/*
 * POST `body`, a JSON document.
 *
 * Result   `*answer`, whatever its status: a 404 is an answer, not an error.
 *          What comes after the first HTTP_BODY_BYTES is not read.
 * Errors   ERROR_USAGE       http_url_check_among refuses the URL.
 *          ERROR_CONNECTION  no connection, so nothing was sent.
 *          ERROR_TIMEOUT     sent, but no answer came in time, or the
 *                            connection broke: it may have been handled.
 *          ERROR_STOPPED     a signal, for `is_ended_by_signal`.
 *          ERROR_SYSTEM      anything that another try would meet again: a
 *                            certificate, an answer that is not HTTP.
 */
MUST_CHECK bool http_post(const struct http_request *request,
    const char *body,
    const struct http_limits *limits,
    struct http_answer *answer,
    struct error *err);

/* The same, with the URL alone. */
MUST_CHECK static inline bool
http_post_json(const char *url,
    const char *body,
    const struct http_limits *limits,
    struct http_answer *answer,
    struct error *err)
{
    const struct http_request request = {.url = url};

    return http_post(&request, body, limits, answer, err);
}

/*
 * GET a document.
 *
 * Result   `*status` and what came as the body, whatever the status; a redirect
 *          is an answer, too. The body is added to `document`.
 * Errors   as http_post; ERROR_SYSTEM also for a body that is larger than
 *          HTTP_DOCUMENT_BYTES.
 */
MUST_CHECK bool http_get(const struct http_request *request,
    const struct http_limits *limits,
    int *status,
    struct text *document,
    struct error *err);

/*
 * What was answered, as an error may show it: the body's beginning in one short
 * printable line, with nothing of the URL's words in it. The caller frees it.
 */
char *http_quote(const struct http_answer *answer, const char *url);

#endif
