/* SPDX-License-Identifier: Apache-2.0 */
#include "adapter/aws_credentials.h"

#include <stdlib.h>

#include "base/secret.h"

#include "unit.h"

#define RELATIVE "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"
#define FULL "AWS_CONTAINER_CREDENTIALS_FULL_URI"

static void
set(const char *name, const char *value)
{
    if (value != NULL)
        setenv(name, value, 1);
    else
        unsetenv(name);
}

static int
without_credentials(UNUSED void **state)
{
    static const char *const NAMES[] = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN", "AWS_CONTAINER_AUTHORIZATION_TOKEN",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", RELATIVE, FULL};

    for (size_t i = 0; i < ARRAY_LENGTH(NAMES); i++)
        unsetenv(NAMES[i]);
    secret_forget_all();
    return 0;
}

static void
the_relative_uri_wins(UNUSED void **state)
{
    static const struct {
        const char *relative, *full, *url;
    } TABLE[] = {
        {"/v2/credentials/1", NULL, "http://169.254.170.2/v2/credentials/1"},
        {"/v2", "https://example.com/", "http://169.254.170.2/v2"},
        {"@example.com/", NULL, "http://169.254.170.2/@example.com/"},
        {".example.com/", NULL, "http://169.254.170.2/.example.com/"},
        {NULL, "http://169.254.170.23/v1", "http://169.254.170.23/v1"},
        {"", "https://example.com/", "https://example.com/"},
        {NULL, NULL, NULL},
        {"", "", NULL},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(TABLE); i++) {
        set(RELATIVE, TABLE[i].relative);
        set(FULL, TABLE[i].full);
        AUTO_STRING char *url = aws_credentials_url();
        if (TABLE[i].url == NULL)
            assert_null(url);
        else
            assert_string_equal(url, TABLE[i].url);
    }
}

static void
plain_http_goes_to_the_machines_own_links_alone(UNUSED void **state)
{
    static const struct {
        const char *full;
        bool is_fine;
    } TABLE[] = {
        {"https://example.com/keys", true},
        {"http://127.0.0.1:8080/", true},
        {"http://localhost/", true},
        {"http://[::1]/", true},
        {"http://169.254.170.2/", true},
        {"http://169.254.170.23/v1/credentials", true},
        {"http://[fd00:ec2::23]/v1/credentials", true},
        {"http://169.254.169.254/", false},
        {"http://10.0.0.5/", false},
        {"http://example.com/", false},
        {"http://169.254.170.2@example.com/", false},
        {"file:///etc/passwd", false},
        {"https://example.com/\n", false},
        {"keys", false},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(TABLE); i++) {
        struct error err = ERROR_INIT;
        set(FULL, TABLE[i].full);
        if (aws_credentials_check(&err) != TABLE[i].is_fine)
            fail_msg("%s: %s", TABLE[i].full, err.message);
        assert_int_equal(err.kind, TABLE[i].is_fine ? ERROR_NONE : ERROR_USAGE);
    }
}

static void
half_a_pair_of_keys_is_refused(UNUSED void **state)
{
    struct error err = ERROR_INIT;

    assert_false(aws_credentials_check(&err));
    assert_string_equal(err.message, "--auth aws-iam finds no AWS credentials");
    set("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE");
    assert_false(aws_credentials_check(&err));
    assert_string_equal(err.message, "AWS_ACCESS_KEY_ID is set, and AWS_SECRET_ACCESS_KEY is not");
    set("AWS_ACCESS_KEY_ID", NULL);
    set("AWS_SECRET_ACCESS_KEY", "word");
    assert_false(aws_credentials_check(&err));
    assert_string_equal(err.message, "AWS_SECRET_ACCESS_KEY is set, and AWS_ACCESS_KEY_ID is not");
}

static void
the_environments_keys_come_first(UNUSED void **state)
{
    AUTO_AWS_KEYS keys = {0};
    struct error err = ERROR_INIT;
    AUTO_TEXT text = TEXT_INIT;

    set("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE");
    set("AWS_SECRET_ACCESS_KEY", "secret-word");
    set("AWS_SESSION_TOKEN", "session-word");
    set(RELATIVE, "/v2/credentials/1");
    assert_true(aws_credentials_get(METADATA_BRIEF, &keys, &err));
    assert_string_equal(keys.access_key_id, "AKIDEXAMPLE");
    assert_string_equal(keys.secret_access_key, "secret-word");
    assert_string_equal(keys.session_token, "session-word");
    text_puts(&text, "AKIDEXAMPLE secret-word session-word");
    secret_hide(&text);
    assert_string_equal(text_string(&text), "*** *** ***");
}

static void
a_line_break_in_the_authorization_is_refused(UNUSED void **state)
{
    static const char *const TABLE[] = {"word\r\nHost: other", "word\n", "word\r", "\nword"};

    set(RELATIVE, "/v2/credentials/1");
    for (size_t i = 0; i < ARRAY_LENGTH(TABLE); i++) {
        AUTO_AWS_KEYS keys = {0};
        struct error err = ERROR_INIT;

        set("AWS_CONTAINER_AUTHORIZATION_TOKEN", TABLE[i]);
        assert_false(aws_credentials_get(METADATA_BRIEF, &keys, &err));
        assert_int_equal(err.kind, ERROR_REFUSED);
        assert_string_equal(err.message, "AWS_CONTAINER_AUTHORIZATION_TOKEN holds a line break");
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(the_relative_uri_wins, without_credentials),
        cmocka_unit_test_setup(
            plain_http_goes_to_the_machines_own_links_alone, without_credentials),
        cmocka_unit_test_setup(half_a_pair_of_keys_is_refused, without_credentials),
        cmocka_unit_test_setup_teardown(
            the_environments_keys_come_first, without_credentials, without_credentials),
        cmocka_unit_test_setup_teardown(
            a_line_break_in_the_authorization_is_refused, without_credentials, without_credentials),
    };

    return RUN_TESTS(tests);
}
