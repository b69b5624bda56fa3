/* SPDX-License-Identifier: Apache-2.0 */
#include "adapter/aws_token.h"

#include "adapter/digest.h"

#include "unit.h"

/* 2025-01-02T03:04:05Z */
enum { UNIX_S = 1735787045 };

#define ENDPOINT "mydb.123456789012.us-east-1.rds.amazonaws.com"
#define ID "AKIDEXAMPLE"
#define SECRET "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"

static const struct {
    const char *host, *port, *user, *region, *session_token;
    const char *request_sum;
    const char *signature;
    const char *token; /* without the signature */
} VECTORS[] = {
    {ENDPOINT, "5432", "migrator", "us-east-1", NULL,
        "3d3811d89875c35ca8cc936481b8c8f6585d5b0d7ce48d265f31c76a467c773f",
        "30778e1ff772d8c946dc9a3fdcb1179e3dee8c0da28c9cecbba6d0e24d82db44",
        ENDPOINT ":5432/?Action=connect&DBUser=migrator&X-Amz-Algorithm=AWS4-HMAC-SHA256"
                 "&X-Amz-Credential=" ID "%2F20250102%2Fus-east-1%2Frds-db%2Faws4_request"
                 "&X-Amz-Date=20250102T030405Z&X-Amz-Expires=900&X-Amz-SignedHeaders=host"},
    {ENDPOINT, "5432", "migrator", "us-east-1", "FwoGZXIvYXdzEXAMPLE//////////wEaDToken+/==",
        "bad6819b9c82079107af8890f7a65aecd23e652b26ffc33fe4429ea2dfab6192",
        "b70c0dc76c86d07a409e9f0cc1b44dcdfcd80a625a00f3961b9bfe9ab8b5e0ba",
        ENDPOINT ":5432/?Action=connect&DBUser=migrator&X-Amz-Algorithm=AWS4-HMAC-SHA256"
                 "&X-Amz-Credential=" ID "%2F20250102%2Fus-east-1%2Frds-db%2Faws4_request"
                 "&X-Amz-Date=20250102T030405Z&X-Amz-Expires=900"
                 "&X-Amz-Security-Token=FwoGZXIvYXdzEXAMPLE%2F%2F%2F%2F%2F%2F%2F%2F%2F%2F"
                 "wEaDToken%2B%2F%3D%3D&X-Amz-SignedHeaders=host"},
    {"mydb.cluster-abc.eu-west-1.rds.amazonaws.com", "6543", "app user+x@y/z~\xC3\xA9", "eu-west-1",
        NULL, "d4f08d8c752e9b95039ac630e8ab78ce27ae589f9f2eee762a455fc221bc1dc8",
        "31a178fc639159cc8dec2c9daf26de6392ad8080c7cb69166028f8fb8e73d9d3",
        "mydb.cluster-abc.eu-west-1.rds.amazonaws.com:6543/?Action=connect"
        "&DBUser=app%20user%2Bx%40y%2Fz~%C3%A9&X-Amz-Algorithm=AWS4-HMAC-SHA256"
        "&X-Amz-Credential=" ID "%2F20250102%2Feu-west-1%2Frds-db%2Faws4_request"
        "&X-Amz-Date=20250102T030405Z&X-Amz-Expires=900&X-Amz-SignedHeaders=host"},
};

static void
a_token_is_signed_as_aws_has_it(UNUSED void **state)
{
    for (size_t i = 0; i < ARRAY_LENGTH(VECTORS); i++) {
        const struct aws_login login = {.host = VECTORS[i].host,
            .port = VECTORS[i].port,
            .user = VECTORS[i].user,
            .region = VECTORS[i].region};
        AUTO_AWS_KEYS keys = {.access_key_id = memory_string(ID),
            .secret_access_key = memory_string(SECRET),
            .session_token = memory_string(VECTORS[i].session_token)};
        AUTO_STRING char *request = aws_token_request(&login, &keys, UNIX_S);
        AUTO_STRING char *token = aws_token_new(&login, &keys, UNIX_S);
        AUTO_STRING char *expected =
            memory_printf("%s&X-Amz-Signature=%s", VECTORS[i].token, VECTORS[i].signature);
        char sum[DIGEST_HEX_BYTES];

        digest_bytes(request, strlen(request), sum);
        assert_string_equal(sum, VECTORS[i].request_sum);
        assert_string_equal(token, expected);
    }
}

static void
a_host_is_signed_in_lower_case(UNUSED void **state)
{
    const struct aws_login login = {
        .host = "MyDB.123456789012.us-east-1.RDS.amazonaws.com",
        .port = VECTORS[0].port,
        .user = VECTORS[0].user,
        .region = VECTORS[0].region,
    };
    AUTO_AWS_KEYS keys = {
        .access_key_id = memory_string(ID), .secret_access_key = memory_string(SECRET)};
    AUTO_STRING char *token = aws_token_new(&login, &keys, UNIX_S);

    assert_memory_equal(token, VECTORS[0].token, strlen(VECTORS[0].token));
    assert_non_null(strstr(token, VECTORS[0].signature));
}

static void
a_region_is_read_from_the_endpoint(UNUSED void **state)
{
    static const struct {
        const char *host;
        const char *region; /* NULL: none */
    } TABLE[] = {
        {ENDPOINT, "us-east-1"},
        {"mydb.cluster-abc.eu-west-1.rds.amazonaws.com", "eu-west-1"},
        {"mydb.cluster-ro-abc.ap-southeast-2.rds.amazonaws.com", "ap-southeast-2"},
        {"mydb.proxy-abc.us-gov-west-1.rds.amazonaws.com", "us-gov-west-1"},
        {"mydb.abc.cn-north-1.rds.amazonaws.com.cn", "cn-north-1"},
        {"mydb.endpoint.proxy-abc.us-east-1.rds.amazonaws.com", "us-east-1"},
        {"MYDB.ABC.US-EAST-1.RDS.AMAZONAWS.COM", "us-east-1"},
        {"rds.amazonaws.com", NULL},
        {".rds.amazonaws.com", NULL},
        {"us-east-1.rds.amazonaws.com", NULL},
        {"abc.us-east-1.rds.amazonaws.com", NULL},
        {"mydb.abc..rds.amazonaws.com", NULL},
        {"mydb.abc.us_east_1.rds.amazonaws.com", NULL},
        {"mydb.abc.us-east-1.rds.amazonaws.com.example.com", NULL},
        {"mydb.abc.us-east-1.rdsXamazonaws.com", NULL},
        {"db.company.internal", NULL},
        {"127.0.0.1", NULL},
        {"", NULL},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(TABLE); i++) {
        AUTO_STRING char *region = aws_region_of_host(TABLE[i].host);
        if ((region == NULL) != (TABLE[i].region == NULL))
            fail_msg("%s: %s", TABLE[i].host, region != NULL ? region : "no region");
        if (region != NULL)
            assert_string_equal(region, TABLE[i].region);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_token_is_signed_as_aws_has_it),
        cmocka_unit_test(a_host_is_signed_in_lower_case),
        cmocka_unit_test(a_region_is_read_from_the_endpoint),
    };

    return RUN_TESTS(tests);
}
