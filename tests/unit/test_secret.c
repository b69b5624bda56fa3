/* SPDX-License-Identifier: Apache-2.0 */
#include "base/secret.h"

#include "unit.h"

enum { SECRETS_MAX = 4 };

static void
secrets_are_replaced_wherever_they_stand(UNUSED void **state)
{
    static const struct {
        const char *secrets[SECRETS_MAX];
        const char *text;
        const char *hidden;
    } TABLE[] = {
        {{NULL}, "a plain word", "a plain word"},
        {{"hunter2"}, "a plain word", "a plain word"},
        {{"hunter2"}, "hunter2", "***"},
        {{"hunter2"}, "password=hunter2 host=db", "password=*** host=db"},
        {{"hunter2"}, "hunter2hunter2 hunter2", "****** ***"},
        {{"hunter2"}, "hunter hunter3", "hunter hunter3"},
        {{"hunter2", "correct horse"}, "hunter2, correct horse", "***, ***"},
        {{"hunter2", "hunter2", "hunter2"}, "hunter2", "***"},
        {{"aaaa"}, "aaaaaa", "***aa"},
        {{"p\"w\\d"}, "it is p\"w\\d.", "it is ***."},
        {{"geheimé"}, "geheimé€", "***€"},
        {{"four"}, "four", "***"},
        {{"****"}, "****", "***"},
        /* Too short to tell from ordinary text. */
        {{"abc"}, "abc", "abc"},
        {{""}, "abc", "abc"},
        {{"hunter2"}, "", ""},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(TABLE); i++) {
        AUTO_TEXT text = TEXT_INIT;

        for (size_t k = 0; k < SECRETS_MAX; k++)
            secret_add(TABLE[i].secrets[k]); /* NULL is allowed */
        text_puts(&text, TABLE[i].text);
        secret_hide(&text);
        assert_string_equal(text_string(&text), TABLE[i].hidden);
        assert_int_equal(text.size_bytes, strlen(TABLE[i].hidden));
        secret_forget_all();
    }
}

static void
a_text_without_content_is_left_alone(UNUSED void **state)
{
    AUTO_TEXT text = TEXT_INIT;

    secret_add("hunter2");
    secret_hide(&text);
    assert_string_equal(text_string(&text), "");
    secret_forget_all();
}

static void
what_is_forgotten_is_shown_again(UNUSED void **state)
{
    AUTO_TEXT text = TEXT_INIT;

    secret_add("hunter2");
    secret_forget_all();
    secret_forget_all();
    text_puts(&text, "hunter2");
    secret_hide(&text);
    assert_string_equal(text_string(&text), "hunter2");
}

/* Its owner may free it, or write over it. */
static void
a_secret_is_remembered_by_value(UNUSED void **state)
{
    char secret[] = "hunter2";
    AUTO_TEXT text = TEXT_INIT;

    secret_add(secret);
    memset(secret, 'x', sizeof(secret) - 1);
    text_puts(&text, "hunter2");
    secret_hide(&text);
    assert_string_equal(text_string(&text), "***");
    secret_forget_all();
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(secrets_are_replaced_wherever_they_stand),
        cmocka_unit_test(a_text_without_content_is_left_alone),
        cmocka_unit_test(what_is_forgotten_is_shown_again),
        cmocka_unit_test(a_secret_is_remembered_by_value),
    };

    return RUN_TESTS(tests);
}
