/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/login.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/secret.h"

#include "unit.h"

#define RDS "mydb.abc.eu-west-1.rds.amazonaws.com"

static int
forget_environment(UNUSED void **state)
{
    static const char *const NAMES[] = {"PGHOST", "PGHOSTADDR", "PGPORT", "PGUSER", "PGPASSWORD",
        "PGDATABASE", "PGSSLMODE", "PGSSLROOTCERT", "PGSERVICE", "AWS_REGION", "AWS_DEFAULT_REGION",
        "AWS_SESSION_TOKEN"};

    for (size_t i = 0; i < ARRAY_LENGTH(NAMES); i++)
        unsetenv(NAMES[i]);
    setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE", 1);
    setenv("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", 1);
    secret_forget_all();
    return 0;
}

/* "NAME=value" into the environment for one row; NULL: nothing. */
static void
put(const char *assignment)
{
    if (assignment == NULL)
        return;
    AUTO_STRING char *name = memory_copy(assignment, strcspn(assignment, "="));
    setenv(name, assignment + strlen(name) + 1, 1);
}

static void
a_login_is_checked_before_anything_is_asked(UNUSED void **state)
{
    static const char BOTH[] = "--auth gcp-iam takes the place of a password, and ";
    static const char CLEAR[] = "--auth gcp-iam needs TLS: sslmode=";
    static const char HOST[] = "--auth aws-iam needs one host: the token is signed for it";
    static const struct {
        int auth;             /* enum auth_choice */
        const char *conninfo; /* NULL: the environment alone */
        const char *variable;
        const char *message; /* how it begins; NULL: fine */
    } TABLE[] = {
        {AUTH_PASSWORD, "postgres://u:p@db/c?sslmode=disable", NULL, NULL},
        {AUTH_GCP_IAM, "postgres://u@db/c", NULL, NULL},
        {AUTH_GCP_IAM, "postgres://u@db/c?sslmode=require", NULL, NULL},
        {AUTH_GCP_IAM, "postgres://u@db/c?sslmode=verify-ca", NULL, NULL},
        {AUTH_GCP_IAM, "postgres://u@db/c?sslmode=verify-full", "PGSSLMODE=disable", NULL},
        {AUTH_GCP_IAM, "host=db user=u", NULL, NULL},
        {AUTH_GCP_IAM, NULL, "PGHOST=db", NULL},
        {AUTH_GCP_IAM, "postgres://u@/c?host=/cloudsql/a:b:c", NULL, NULL},
        {AUTH_GCP_IAM, "postgres://u@/c?host=/cloudsql/a:b:c&sslmode=disable", NULL, NULL},
        {AUTH_GCP_IAM, "postgres://u@/c?sslmode=disable", "PGHOST=/cloudsql/a:b:c", NULL},
        {AUTH_GCP_IAM, "postgres://u:@db/c", NULL, NULL},
        {AUTH_GCP_IAM, "postgres://u:p@db/c", NULL, BOTH},
        {AUTH_GCP_IAM, "host=db user=u password=p", NULL, BOTH},
        {AUTH_GCP_IAM, "postgres://u@db/c", "PGPASSWORD=p", BOTH},
        {AUTH_GCP_IAM, "postgres://u@db/c?sslmode=disable", NULL, CLEAR},
        {AUTH_GCP_IAM, "postgres://u@db/c?sslmode=allow", NULL, CLEAR},
        {AUTH_GCP_IAM, "postgres://u@db/c?sslmode=prefer", NULL, CLEAR},
        {AUTH_GCP_IAM, "host=db sslmode=prefer", NULL, CLEAR},
        {AUTH_GCP_IAM, "postgres://u@db/c", "PGSSLMODE=prefer", CLEAR},
        {AUTH_GCP_IAM, "host=/cloudsql/a:b:c,db sslmode=disable", NULL, CLEAR},
        {AUTH_GCP_IAM, "host=/cloudsql/a:b:c hostaddr=10.0.0.5 sslmode=disable", NULL, CLEAR},
        {AUTH_GCP_IAM, "host=db service=company", NULL,
            "--auth gcp-iam needs the host and the user named, not a service file"},
        {AUTH_GCP_IAM, "host=db", "PGSERVICE=company",
            "--auth gcp-iam needs the host and the user named, not a service file"},
        {AUTH_AWS_IAM, "postgres://u@" RDS "/c", NULL, NULL},
        {AUTH_AWS_IAM, "postgres://u@" RDS "/c", "AWS_REGION=us-east-1", NULL},
        {AUTH_AWS_IAM, "postgres://u@db.internal/c", "AWS_DEFAULT_REGION=us-east-1", NULL},
        {AUTH_AWS_IAM, "postgres://u@db.internal/c", NULL, "--auth aws-iam finds no region"},
        {AUTH_AWS_IAM, "postgres://u@" RDS "/c?sslmode=prefer", NULL,
            "--auth aws-iam needs TLS: sslmode=prefer may send the token in the clear"},
        {AUTH_AWS_IAM, "postgres://u@/c?host=/tmp", "AWS_REGION=us-east-1", HOST},
        {AUTH_AWS_IAM, "postgres://u@/c", "AWS_REGION=us-east-1", HOST},
        {AUTH_AWS_IAM, "postgres://u@a,b/c", "AWS_REGION=us-east-1", HOST},
        {AUTH_AWS_IAM, "user=u hostaddr=10.0.0.5", "AWS_REGION=us-east-1", HOST},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(TABLE); i++) {
        AUTO_CONFIG config = {
            .auth = TABLE[i].auth, .url.conninfo = memory_string(TABLE[i].conninfo)};
        struct error err = ERROR_INIT;

        forget_environment(NULL);
        put(TABLE[i].variable);
        bool is_fine = login_check(&config, &err);
        if (is_fine != (TABLE[i].message == NULL))
            fail_msg("row %zu: %s", i, is_fine ? "accepted" : err.message);
        assert_int_equal(err.kind, is_fine ? ERROR_NONE : ERROR_USAGE);
        if (!is_fine)
            assert_memory_equal(err.message, TABLE[i].message, strlen(TABLE[i].message));
    }
}

static void
a_token_has_tls_and_is_hidden(UNUSED void **state)
{
    static const struct {
        const char *conninfo;
        const char *variable;
        const char *sslmode;
    } TABLE[] = {
        {"host=" RDS " user=u", NULL, "require"},
        {"postgres://u@" RDS "/c?sslmode=verify-ca", "PGSSLMODE=verify-full", "verify-ca"},
        {"postgres://u@" RDS "/c", "PGSSLMODE=verify-full", "verify-full"},
        {"postgres://u@" RDS "/c?sslrootcert=system", NULL, "verify-full"},
        {"postgres://u@" RDS "/c", "PGSSLROOTCERT=system", "verify-full"},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(TABLE); i++) {
        AUTO_CONFIG config = {
            .auth = AUTH_AWS_IAM, .url.conninfo = memory_string(TABLE[i].conninfo)};
        AUTO_LOGIN login = {0};
        AUTO_TEXT text = TEXT_INIT;
        struct error err = ERROR_INIT;

        forget_environment(NULL);
        put(TABLE[i].variable);
        assert_true(login_get(&config, METADATA_BRIEF, &login, &err));
        assert_string_equal(login.sslmode, TABLE[i].sslmode);
        assert_memory_equal(login.password, RDS ":5432/?Action=connect&DBUser=u&", 40);
        text_puts(&text, login.password);
        secret_hide(&text);
        assert_string_equal(text_string(&text), "***");
    }
}

static void
a_password_is_left_to_libpq(UNUSED void **state)
{
    AUTO_CONFIG config = {.url.conninfo = memory_string("postgres://u:p@db/c")};
    AUTO_LOGIN login = {0};
    struct error err = ERROR_INIT;

    assert_true(login_get(&config, METADATA_BRIEF, &login, &err));
    assert_null(login.password);
    assert_null(login.sslmode);
}

static void
a_refused_login_says_what_it_needs(UNUSED void **state)
{
    static const struct {
        int auth; /* enum auth_choice */
        const char *user;
        const char *sqlstate;
        const char *hint; /* how it begins */
    } TABLE[] = {
        {AUTH_PASSWORD, "u", "28P01", "as it was"},
        {AUTH_GCP_IAM, "u", "3D000", "as it was"},
        {AUTH_GCP_IAM, "u", "", "as it was"},
        {AUTH_GCP_IAM, "migrate@p.iam.gserviceaccount.com", "28P01",
            "The user is the account without .gserviceaccount.com: migrate@p.iam."},
        {AUTH_GCP_IAM, "migrate@p.iam", "28000",
            "The user is the service account that this runs as, without .gserviceaccount.com; "},
        {AUTH_AWS_IAM, "u", "28000", "GRANT rds_iam TO the user, "},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(TABLE); i++) {
        AUTO_CONFIG config = {
            .auth = TABLE[i].auth, .url.conninfo = memory_printf("user=%s", TABLE[i].user)};
        struct error err = ERROR_INIT;

        error_hint(&err, "as it was");
        snprintf(err.sqlstate, sizeof(err.sqlstate), "%s", TABLE[i].sqlstate);
        login_explain(&config, &err);
        assert_memory_equal(err.hint, TABLE[i].hint, strlen(TABLE[i].hint));
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_login_is_checked_before_anything_is_asked, forget_environment),
        cmocka_unit_test_setup_teardown(
            a_token_has_tls_and_is_hidden, forget_environment, forget_environment),
        cmocka_unit_test_setup(a_password_is_left_to_libpq, forget_environment),
        cmocka_unit_test_setup(a_refused_login_says_what_it_needs, forget_environment),
    };

    return RUN_TESTS(tests);
}
