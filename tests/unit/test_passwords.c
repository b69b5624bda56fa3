/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/passwords.h"

#include "base/secret.h"
#include "base/text.h"

#include "unit.h"

static void
check_hidden(const char *sql, const char *expected)
{
    AUTO_TEXT text = TEXT_INIT;

    passwords_remember(sql, strlen(sql));
    text_puts(&text, sql);
    secret_hide(&text);
    assert_string_equal(text_string(&text), expected);
    secret_forget_all();
}

static void
each_way_to_write_one_is_known(UNUSED void **state)
{
    static const struct {
        const char *sql;
        const char *hidden;
    } TABLE[] = {
        {"ALTER ROLE a PASSWORD 'hunter2';", "ALTER ROLE a PASSWORD '***';"},
        {"create role a login encrypted password\n  'hunter2'",
            "create role a login encrypted password\n  '***'"},
        {"ALTER ROLE a PASSWORD E'hun\\ter2', x", "ALTER ROLE a PASSWORD E'***', x"},
        {"ALTER ROLE a PASSWORD U&'hun\\0074'", "ALTER ROLE a PASSWORD U&'***'"},
        {"ALTER ROLE a PASSWORD $x$hun'ter2$x$;", "ALTER ROLE a PASSWORD $x$***$x$;"},
        {"ALTER ROLE a PASSWORD $$hunter2$$;", "ALTER ROLE a PASSWORD $$***$$;"},
        {"ALTER ROLE a PASSWORD 'it''s me'; -- it's me", "ALTER ROLE a PASSWORD '***'; -- ***"},
        {"DO $$ BEGIN EXECUTE 'ALTER ROLE a PASSWORD ''hunter2'''; END $$",
            "DO $$ BEGIN EXECUTE 'ALTER ROLE a PASSWORD ''***'''; END $$"},
        {"CREATE USER MAPPING FOR a SERVER b OPTIONS (user 'u', password 'hunter2')",
            "CREATE USER MAPPING FOR a SERVER b OPTIONS (user 'u', password '***')"},
        {"SELECT dblink('host=a password=hunter2 user=b')",
            "SELECT dblink('host=a password=*** user=b')"},
        {"CREATE SUBSCRIPTION s CONNECTION 'postgres://u:hunter2@h/d'",
            "CREATE SUBSCRIPTION s CONNECTION 'postgres://u:***@h/d'"},
        {"SET my.password = 'hunter2'", "SET my.password = '***'"},
        {"-- it's\nALTER ROLE a PASSWORD 'hunter2'", "-- it's\nALTER ROLE a PASSWORD '***'"},
        {"/* it's */ SELECT 'password=hunter2'", "/* it's */ SELECT 'password=***'"},
        {"ALTER ROLE a PASSWORD 'hunter2\n;", "ALTER ROLE a PASSWORD '***\n;"},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(TABLE); i++)
        check_hidden(TABLE[i].sql, TABLE[i].hidden);
}

static void
what_is_none_is_left_alone(UNUSED void **state)
{
    static const char *const TABLE[] = {
        "",
        "password",
        "ALTER ROLE a PASSWORD NULL",
        "ALTER TABLE users ADD password text DEFAULT 'none'",
        "UPDATE users SET password=crypt(clear, salt)",
        "COMMENT ON COLUMN users.password IS 'hashed'",
        "SELECT 'https://example.com/a@b'",
        "ALTER ROLE a PASSWORD ''",
        "ALTER ROLE a PASSWORD 'abc'", /* too short to tell from ordinary text */
        "ALTER ROLE a PASSWORD $1",
        "ALTER ROLE a PASSWORD $",
        "SELECT 'password",
        "SELECT 'password=",
        "ALTER ROLE a PASSWORD '",
    };

    for (size_t i = 0; i < ARRAY_LENGTH(TABLE); i++)
        check_hidden(TABLE[i], TABLE[i]);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_way_to_write_one_is_known),
        cmocka_unit_test(what_is_none_is_left_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
