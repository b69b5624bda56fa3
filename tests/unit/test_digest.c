/* SPDX-License-Identifier: Apache-2.0 */
#include "adapter/digest.h"

#include <stdlib.h>

#include "unit.h"

/* FIPS 180-4's examples, the empty text among them. */
static void
a_text_is_hashed_with_sha_256(UNUSED void **state)
{
    static const struct {
        const char *text;
        const char *hex;
    } TABLE[] = {
        {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
        {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(TABLE); i++) {
        char hex[DIGEST_HEX_BYTES];

        digest_text(TABLE[i].text, strlen(TABLE[i].text), hex);
        assert_string_equal(hex, TABLE[i].hex);
    }
}

static void
a_million_letters_are_hashed(UNUSED void **state)
{
    enum { MILLION = 1000000 };
    AUTO_STRING char *text = memory_new(MILLION);
    char hex[DIGEST_HEX_BYTES];

    memset(text, 'a', MILLION);
    digest_text(text, MILLION, hex);
    assert_string_equal(hex, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

static void
line_ends_do_not_make_another_migration(UNUSED void **state)
{
    static const struct {
        const char *text;
        const char *other;
        bool is_same;
    } TABLE[] = {
        {"a\nb\n", "a\r\nb\r\n", true},
        {"a\nb", "a\r\nb\n\n\r\n", true},
        {"a\n\nb", "a\r\n\r\nb", true},
        {"\na", "\r\na", true},
        {"", "\n", true},
        {"", "\r\n\r\n", true},
        {"a", "a\r", true},
        {"a\r\r\nb", "a\r\nb", false},
        {"a\r\r\nb", "a\r\nb\r", false},
        {"a\rb", "a\nb", false},
        {"a\rb", "ab", false},
        {"a\n\nb", "a\nb", false},
        {"a ", "a", false},
        {"a\n ", "a", false},
        {" a", "a", false},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(TABLE); i++) {
        char hex[DIGEST_HEX_BYTES];
        char other[DIGEST_HEX_BYTES];

        digest_text(TABLE[i].text, strlen(TABLE[i].text), hex);
        digest_text(TABLE[i].other, strlen(TABLE[i].other), other);
        if ((strcmp(hex, other) == 0) != TABLE[i].is_same)
            fail_msg("row %zu", i);
    }
}

/* Raw bytes, asked on the way and at the end. */
static void
a_sum_grows_and_is_told_in_base64(UNUSED void **state)
{
    AUTO_DIGEST struct digest *digest = digest_new();
    char base64[DIGEST_BASE64_BYTES];

    digest_base64(digest, base64);
    assert_string_equal(base64, "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=");
    digest_add(digest, "ab", 2);
    digest_base64(digest, base64);
    assert_string_equal(base64, "+44g/C5MPySMYMOb1lLzwTRymLuXe4tNWQO4UFViBgM=");
    digest_add(digest, "c", 1);
    digest_base64(digest, base64);
    assert_string_equal(base64, "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=");
    digest_base64(digest, base64);
    assert_string_equal(base64, "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=");
    digest_add(digest, "\r\n", 2);
    digest_base64(digest, base64);
    assert_string_not_equal(base64, "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=");
}

/* The check value of CRC-32/ISO-HDLC, and well-known others. */
static void
a_crc_is_that_of_ieee_802_3(UNUSED void **state)
{
    static const struct {
        const char *bytes;
        size_t size_bytes;
        uint32_t crc;
    } TABLE[] = {
        {"123456789", 9, 0xCBF43926},
        {"", 0, 0x00000000},
        {"a", 1, 0xE8B7BE43},
        {"abc", 3, 0x352441C2},
        {"\0\0\0\0", 4, 0x2144DF1C},
        {"\xFF\xFF\xFF\xFF", 4, 0xFFFFFFFF},
        {"The quick brown fox jumps over the lazy dog", 43, 0x414FA339},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(TABLE); i++)
        assert_int_equal(digest_crc32(TABLE[i].bytes, TABLE[i].size_bytes), TABLE[i].crc);
}

/* RFC 4231's test cases 1, 2 and 6, whose key is longer than a block. */
static void
an_hmac_is_as_rfc_4231_has_it(UNUSED void **state)
{
    static const char LONG[] = "Test Using Larger Than Block-Size Key - Hash Key First";
    char keys[2][132];
    static const struct {
        int key; /* which of `keys`; -1: "Jefe" */
        size_t key_bytes;
        const char *text;
        const char *hex;
    } TABLE[] = {
        {0, 20, "Hi There", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
        {-1, 4, "what do ya want for nothing?",
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
        {1, 131, LONG, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"},
    };

    memset(keys[0], 0x0b, sizeof(keys[0]));
    memset(keys[1], 0xaa, sizeof(keys[1]));
    for (size_t i = 0; i < ARRAY_LENGTH(TABLE); i++) {
        const char *key = TABLE[i].key < 0 ? "Jefe" : keys[TABLE[i].key];
        unsigned char sum[DIGEST_BYTES];
        char hex[DIGEST_HEX_BYTES];

        digest_hmac(key, TABLE[i].key_bytes, TABLE[i].text, sum);
        digest_to_hex(sum, hex);
        assert_string_equal(hex, TABLE[i].hex);
    }
}

static void
bytes_are_hashed_with_their_line_ends(UNUSED void **state)
{
    char hex[DIGEST_HEX_BYTES];

    digest_bytes("abc", 3, hex);
    assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    digest_bytes("\n", 1, hex);
    assert_string_equal(hex, "01ba4719c80b6fe911b091a7c05124b64eeece964e09c058ef8f9805daca546b");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_text_is_hashed_with_sha_256),
        cmocka_unit_test(a_million_letters_are_hashed),
        cmocka_unit_test(line_ends_do_not_make_another_migration),
        cmocka_unit_test(a_sum_grows_and_is_told_in_base64),
        cmocka_unit_test(a_crc_is_that_of_ieee_802_3),
        cmocka_unit_test(an_hmac_is_as_rfc_4231_has_it),
        cmocka_unit_test(bytes_are_hashed_with_their_line_ends),
    };

    return RUN_TESTS(tests);
}
