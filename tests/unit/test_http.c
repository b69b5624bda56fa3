/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "adapter/clock.h"
#include "adapter/http.h"
#include "base/memory.h"

#include "canned.h"

#define SECRET "sEcReT0123456789"

static void
a_url_is_https_or_loopback(void **state)
{
    static const char NOT_HTTPS[] = "the URL is not https; plain http is for loopback alone";
    static const char NO_URL[] = "this is not an https URL";
    static const char WHITE_SPACE[] = "the URL has white space in it";
    static const struct {
        const char *url;
        const char *message; /* NULL: accepted */
    } CASES[] = {
        {"https://hooks.slack.com/services/T/B/" SECRET, NULL},
        {"HTTPS://hooks.slack.com/" SECRET, NULL},
        {"https://user:word@example.com:8443/" SECRET, NULL},
        {"https://[2001:db8::1]/" SECRET, NULL},
        {"https://10.0.0.5/" SECRET, NULL},
        {"http://127.0.0.1:8080/" SECRET, NULL},
        {"http://127.255.255.254/" SECRET, NULL},
        {"http://localhost/" SECRET, NULL},
        {"http://LocalHost:1/" SECRET, NULL},
        {"http://[::1]:8080/" SECRET, NULL},
        {"http://[0:0:0:0:0:0:0:1]/" SECRET, NULL},
        {"http://hooks.slack.com/" SECRET, NOT_HTTPS},
        {"http://128.0.0.1/" SECRET, NOT_HTTPS},
        {"http://10.0.0.5/" SECRET, NOT_HTTPS},
        {"http://0.0.0.0/" SECRET, NOT_HTTPS},
        {"http://[::2]/" SECRET, NOT_HTTPS},
        {"http://[::]/" SECRET, NOT_HTTPS},
        {"http://127.0.0.1.example.com/" SECRET, NOT_HTTPS},
        {"http://localhost.example.com/" SECRET, NOT_HTTPS},
        {"http://127.0.0.1@example.com/" SECRET, NOT_HTTPS},
        {"http://localhost:80@example.com/" SECRET, NOT_HTTPS},
        {"http://example.com#@127.0.0.1/" SECRET, NOT_HTTPS},
        {"http://example.com/127.0.0.1/" SECRET, NOT_HTTPS},
        {"", "the URL is empty"},
        {"https://hooks.slack.com/" SECRET "\n", WHITE_SPACE},
        {" https://hooks.slack.com/" SECRET, WHITE_SPACE},
        {"https://hooks.slack.com/ " SECRET, WHITE_SPACE},
        {"https://hooks.slack.com/\x7F" SECRET, WHITE_SPACE},
        {"hooks.slack.com/" SECRET, NO_URL},
        {"https://", NO_URL},
        {"https:///", NO_URL},
        {"://hooks.slack.com/" SECRET, NO_URL},
        {"https://[::1/" SECRET, NO_URL},
        {"https://host:99999/" SECRET, NO_URL},
        {"ftp://127.0.0.1/" SECRET, NO_URL},
        {"file:///etc/" SECRET, NO_URL},
        {"gopher://localhost/" SECRET, NO_URL},
        {"httpss://localhost/" SECRET, NO_URL},
        {SECRET, NO_URL},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(CASES); i++) {
        struct error err = ERROR_INIT;
        bool is_accepted = http_url_check(CASES[i].url, &err);
        if (is_accepted != (CASES[i].message == NULL))
            fail_msg("%s: %s", CASES[i].url, is_accepted ? "accepted" : err.message);
        if (is_accepted) {
            assert_int_equal(err.kind, ERROR_NONE);
            continue;
        }
        assert_int_equal(err.kind, ERROR_USAGE);
        assert_string_equal(err.message, CASES[i].message);
        assert_null(strstr(err.message, SECRET));
        assert_null(strstr(err.hint, SECRET));
    }
}

static bool
post_to(const char *answer,
    int64_t total_ms,
    struct http_answer *got,
    struct error *err,
    char request[static CANNED_REQUEST_BYTES])
{
    const struct http_limits limits = {.connect_ms = 3000, .total_ms = total_ms};
    struct canned *server = canned_start(&answer, 1, "/" SECRET);
    bool is_answered = http_post_json(server->url, "{\"a\":1}", &limits, got, err);

    if (atomic_load(&server->requests_count) > 0)
        memcpy(request, server->request, CANNED_REQUEST_BYTES);
    canned_stop(server);
    return is_answered;
}

static void
an_answer_is_read_whatever_its_status(void **state)
{
    static const struct {
        const char *answer;
        int status;
        int64_t retry_after_s;
        const char *body;
    } CASES[] = {
        {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", 200, 0, "ok"},
        {"HTTP/1.1 200 OK\r\n\r\nok until the end", 200, 0, "ok until the end"},
        {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 200, 0, ""},
        {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", 200, 0,
            "ok"},
        {"HTTP/1.1 204 Nothing\r\n\r\n", 204, 0, ""},
        {"HTTP/1.1 307 Go\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n", 307, 0,
            ""},
        {"HTTP/1.1 404 No\r\nContent-Length: 10\r\n\r\nno_service", 404, 0, "no_service"},
        {"HTTP/1.1 429 Slow\r\nRetry-After: 30\r\nContent-Length: 0\r\n\r\n", 429, 30, ""},
        {"HTTP/1.1 429 Slow\r\nretry-after:7 \r\nContent-Length: 0\r\n\r\n", 429, 7, ""},
        {"HTTP/1.1 429 Slow\r\nRetry-After: -1\r\nContent-Length: 0\r\n\r\n", 429, 0, ""},
        {"HTTP/1.1 429 Slow\r\nRetry-After:\r\nContent-Length: 0\r\n\r\n", 429, 0, ""},
        {"HTTP/1.1 429 Slow\r\nRetry-After: 1.5\r\nContent-Length: 0\r\n\r\n", 429, 0, ""},
        {"HTTP/1.1 429 Slow\r\nRetry-After: 99999999999999999999\r\nContent-Length: 0\r\n\r\n", 429,
            1000000000, ""},
        {"HTTP/1.1 503 Busy\r\nRetry-After: Sat, 01 Apr 2023 09:30:00 GMT\r\nContent-Length: 4\r\n"
         "\r\nbusy",
            503, 0, "busy"},
    };
    static char request[CANNED_REQUEST_BYTES];

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(CASES); i++) {
        struct error err = ERROR_INIT;
        struct http_answer got = {.status = 0};
        if (!post_to(CASES[i].answer, 5000, &got, &err, request))
            fail_msg("%zu: %s", i, err.message);
        assert_int_equal(got.status, CASES[i].status);
        assert_int_equal(got.retry_after_s, CASES[i].retry_after_s);
        assert_string_equal(got.body, CASES[i].body);
        assert_int_equal(got.body_size_bytes, strlen(CASES[i].body));
        assert_int_equal(err.kind, ERROR_NONE);
    }
}

static void
the_request_is_a_json_post(void **state)
{
    static char request[CANNED_REQUEST_BYTES];
    struct error err = ERROR_INIT;
    struct http_answer got = {.status = 0};

    (void)state;
    assert_true(post_to("HTTP/1.1 200 OK\r\n\r\nok", 5000, &got, &err, request));
    assert_ptr_equal(strstr(request, "POST /" SECRET " HTTP/1.1\r\n"), request);
    assert_non_null(strstr(request, "\r\nContent-Type: application/json\r\n"));
    assert_non_null(strstr(request, "\r\nContent-Length: 7\r\n"));
    assert_non_null(strstr(request, "\r\nUser-Agent: pgstride/"));
    assert_non_null(strstr(request, "\r\n\r\n{\"a\":1}"));
}

static void
a_long_body_is_read_in_part(void **state)
{
    static char request[CANNED_REQUEST_BYTES];
    struct error err = ERROR_INIT;
    struct http_answer got = {.status = 0};

    (void)state;
    assert_true(post_to(CANNED_FLOOD, 5000, &got, &err, request));
    assert_int_equal(got.status, 200);
    assert_int_equal(got.body_size_bytes, HTTP_BODY_BYTES);
    assert_int_equal(strlen(got.body), HTTP_BODY_BYTES);
    assert_memory_equal(got.body, "0123456789abcdef", 16);
}

static void
what_is_no_answer_is_an_error(void **state)
{
    static const struct {
        const char *answer;
        int64_t total_ms;
        enum error_kind kind;
        const char *message;
    } CASES[] = {
        {CANNED_HANG, 300, ERROR_TIMEOUT, "no answer from 127.0.0.1 within 300 ms"},
        {CANNED_HANG, 0, ERROR_CONNECTION, NULL},
        {"", 5000, ERROR_TIMEOUT, "127.0.0.1 closed the connection before it had answered"},
        {"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok", 5000, ERROR_TIMEOUT,
            "127.0.0.1 closed the connection before it had answered"},
        {"\x01\xff this is no HTTP\r\n\r\n", 5000, ERROR_SYSTEM,
            "what 127.0.0.1 answered is not HTTP"},
    };
    static char request[CANNED_REQUEST_BYTES];

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(CASES); i++) {
        struct error err = ERROR_INIT;
        struct http_answer got = {.status = -1};
        int64_t begun = clock_monotonic_ms();
        assert_false(post_to(CASES[i].answer, CASES[i].total_ms, &got, &err, request));
        assert_true(clock_monotonic_ms() - begun < 3000);
        assert_int_equal(got.status, -1);
        if (CASES[i].message == NULL)
            continue;
        assert_int_equal(err.kind, CASES[i].kind);
        assert_string_equal(err.message, CASES[i].message);
    }
}

static void
a_closed_port_is_a_connection_error_without_the_path(void **state)
{
    const struct http_limits limits = {.connect_ms = 3000, .total_ms = 5000};
    static const char PREFIX[] = "cannot connect to 127.0.0.1: ";
    struct error err = ERROR_INIT;
    struct http_answer got = {.status = -1};

    (void)state;
    assert_false(http_post_json("http://127.0.0.1:1/" SECRET, "{}", &limits, &got, &err));
    assert_int_equal(err.kind, ERROR_CONNECTION);
    assert_memory_equal(err.message, PREFIX, strlen(PREFIX));
    assert_null(strstr(err.message, SECRET));
}

static void
a_refused_url_is_not_connected_to(void **state)
{
    const struct http_limits limits = {.connect_ms = 3000, .total_ms = 5000};
    struct error err = ERROR_INIT;
    struct http_answer got = {.status = -1};

    (void)state;
    assert_false(http_post_json("http://192.0.2.1/" SECRET, "{}", &limits, &got, &err));
    assert_int_equal(err.kind, ERROR_USAGE);
    assert_string_equal(err.message, "the URL is not https; plain http is for loopback alone");
    assert_int_equal(got.status, -1);
}

static void
a_plain_server_is_no_https_server(void **state)
{
    static const char *const ANSWERS[] = {"HTTP/1.1 400 Plain\r\n\r\n"};
    const struct http_limits limits = {.connect_ms = 1000, .total_ms = 1000};
    struct canned *server = canned_start(ANSWERS, 1, "/" SECRET);
    AUTO_STRING char *url = memory_printf("https%s", server->url + strlen("http"));
    struct error err = ERROR_INIT;
    struct http_answer got = {.status = -1};

    (void)state;
    assert_false(http_post_json(url, "{}", &limits, &got, &err));
    assert_int_equal(err.kind, ERROR_CONNECTION);
    assert_null(strstr(err.message, SECRET));
    canned_stop(server);
}

static bool
get_from(const char *answer, int *status, struct text *document, struct error *err, char *request)
{
    static const char *const HEADERS[] = {"Metadata-Flavor: Google", "Authorization: word", NULL};
    const struct http_limits limits = {.connect_ms = 500, .total_ms = 500};
    struct canned *server = canned_start(&answer, 1, "/" SECRET "?a=b");
    const struct http_request asked = {.url = server->url, .headers = HEADERS};
    bool is_answered = http_get(&asked, &limits, status, document, err);

    if (atomic_load(&server->requests_count) > 0)
        memcpy(request, server->request, CANNED_REQUEST_BYTES);
    canned_stop(server);
    return is_answered;
}

static void
a_document_is_got_with_headers(void **state)
{
    static char request[CANNED_REQUEST_BYTES];
    struct error err = ERROR_INIT;
    AUTO_TEXT document = TEXT_INIT;
    int status = 0;

    (void)state;
    assert_true(get_from("HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n{\"a\":1}", &status,
        &document, &err, request));
    assert_int_equal(status, 200);
    assert_string_equal(text_string(&document), "{\"a\":1}");
    assert_ptr_equal(strstr(request, "GET /" SECRET "?a=b HTTP/1.1\r\n"), request);
    assert_non_null(strstr(request, "\r\nMetadata-Flavor: Google\r\n"));
    assert_non_null(strstr(request, "\r\nAuthorization: word\r\n"));
    assert_null(strstr(request, "Content-Type"));
}

static void
a_get_tells_what_came_or_why_not(void **state)
{
    static const struct {
        const char *answer;
        int status; /* 0: none */
        enum error_kind kind;
        const char *text; /* the document, or the message */
    } CASES[] = {
        {"HTTP/1.1 302 Go\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n", 302,
            ERROR_NONE, ""},
        {"HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno", 403, ERROR_NONE, "no"},
        {CANNED_HANG, 0, ERROR_TIMEOUT, "no answer from 127.0.0.1 within 500 ms"},
        {CANNED_FLOOD, 0, ERROR_SYSTEM, "the answer of 127.0.0.1 is larger than 64 KiB"},
        {"", 0, ERROR_TIMEOUT, "127.0.0.1 closed the connection before it had answered"},
        {"\x01\xff no HTTP\r\n\r\n", 0, ERROR_SYSTEM, "what 127.0.0.1 answered is not HTTP"},
    };
    static char request[CANNED_REQUEST_BYTES];

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(CASES); i++) {
        struct error err = ERROR_INIT;
        AUTO_TEXT document = TEXT_INIT;
        int status = 0;
        bool is_got = get_from(CASES[i].answer, &status, &document, &err, request);
        assert_int_equal(is_got, CASES[i].kind == ERROR_NONE);
        assert_int_equal(status, CASES[i].status);
        assert_int_equal(err.kind, CASES[i].kind);
        assert_string_equal(is_got ? text_string(&document) : err.message, CASES[i].text);
        assert_true(is_got || document.size_bytes == 0);
    }
}

static void
plain_http_goes_to_named_hosts_too(void **state)
{
    static const char *const HOSTS[] = {"169.254.170.2", "fd00:ec2::23", "metadata.internal", NULL};
    static const struct {
        const char *url;
        bool is_fine;
    } CASES[] = {
        {"http://169.254.170.2/v2", true},
        {"http://0251.254.170.2/v2", true}, /* octal: the same address */
        {"http://[fd00:ec2::23]/v1", true},
        {"http://[FD00:0EC2:0::23]:80/v1", true},
        {"http://Metadata.Internal/", true},
        {"http://127.0.0.1:8080/", true},
        {"https://example.com/", true},
        {"http://169.254.170.3/", false},
        {"http://169.254.170.2@example.com/", false},
        {"http://169.254.170.2.example.com/", false},
        {"http://[fd00:ec2::24]/", false},
        {"http://example.com/", false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(CASES); i++) {
        struct error err = ERROR_INIT;
        if (http_url_check_among(CASES[i].url, HOSTS, &err) != CASES[i].is_fine)
            fail_msg("%s: %s", CASES[i].url, err.message);
        if (!CASES[i].is_fine)
            assert_string_equal(err.message, "the URL is not https; plain http is for loopback and "
                                             "the platform's own addresses");
    }
}

static void
a_post_can_carry_headers(void **state)
{
    static const char *const ANSWERS[] = {"HTTP/1.1 204 Nothing\r\n\r\n"};
    static const char *const HEADERS[] = {"Authorization: Bearer word", "X-Other: 1", NULL};
    const struct http_limits limits = {.connect_ms = 3000, .total_ms = 5000};
    struct canned *server = canned_start(ANSWERS, 1, "/" SECRET);
    const struct http_request request = {
        .url = server->url, .headers = HEADERS, .is_ended_by_signal = true};
    struct http_answer got = {.status = 0};
    struct error err = ERROR_INIT;

    (void)state;
    bool is_answered = http_post(&request, "{}", &limits, &got, &err);
    static char seen[CANNED_REQUEST_BYTES];
    memcpy(seen, server->request, sizeof(seen));
    canned_stop(server);
    assert_true(is_answered);
    assert_int_equal(got.status, 204);
    assert_non_null(strstr(seen, "\r\nAuthorization: Bearer word\r\n"));
    assert_non_null(strstr(seen, "\r\nX-Other: 1\r\n"));
    assert_non_null(strstr(seen, "\r\nContent-Type: application/json\r\n"));
    assert_non_null(strstr(seen, "\r\n\r\n{}"));
}

static void
a_quoted_answer_is_one_line_without_the_url(void **state)
{
    static const struct {
        const char *body;
        const char *quoted;
    } CASES[] = {
        {"", ""},
        {"  frozen\n", "frozen"},
        {"two\r\nlines\x01", "two  lines"},
        {"no /" SECRET " here", "no /**************** here"},
        {"0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567"
         "890123456789tail",
            "01234567890123456789012345678901234567890123456789012345678901234567890123456789012345"
            "67890123456789…"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(CASES); i++) {
        struct http_answer answer = {.body_size_bytes = strlen(CASES[i].body)};
        memcpy(answer.body, CASES[i].body, answer.body_size_bytes);
        AUTO_STRING char *quoted = http_quote(&answer, "https://example.com/" SECRET);
        assert_string_equal(quoted, CASES[i].quoted);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_url_is_https_or_loopback),
        cmocka_unit_test(an_answer_is_read_whatever_its_status),
        cmocka_unit_test(the_request_is_a_json_post),
        cmocka_unit_test(a_long_body_is_read_in_part),
        cmocka_unit_test(what_is_no_answer_is_an_error),
        cmocka_unit_test(a_closed_port_is_a_connection_error_without_the_path),
        cmocka_unit_test(a_refused_url_is_not_connected_to),
        cmocka_unit_test(a_plain_server_is_no_https_server),
        cmocka_unit_test(a_document_is_got_with_headers),
        cmocka_unit_test(a_get_tells_what_came_or_why_not),
        cmocka_unit_test(a_post_can_carry_headers),
        cmocka_unit_test(a_quoted_answer_is_one_line_without_the_url),
        cmocka_unit_test(plain_http_goes_to_named_hosts_too),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
