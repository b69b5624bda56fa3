/* SPDX-License-Identifier: Apache-2.0 */
#include "adapter/aws_token.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "adapter/digest.h"
#include "base/memory.h"
#include "base/text.h"

/* The date alone is the first DATE_CHARACTERS of the whole. */
enum { TIME_BYTES = 17, DATE_CHARACTERS = 8 };

void
aws_keys_done(struct aws_keys *keys)
{
    free(keys->access_key_id);
    free(keys->secret_access_key);
    free(keys->session_token);
    *keys = (struct aws_keys){0};
}

static void
format_time(int64_t unix_s, char out[TIME_BYTES])
{
    time_t seconds = (time_t)unix_s;
    struct tm utc = {0};

    gmtime_r(&seconds, &utc);
    if (strftime(out, TIME_BYTES, "%Y%m%dT%H%M%SZ", &utc) == 0)
        out[0] = '\0';
}

/* RFC 3986: all but the unreserved characters, byte by byte. */
static void
add_encoded(struct text *text, const char *value)
{
    for (; *value != '\0'; value++) {
        unsigned char byte = (unsigned char)*value;
        if (byte < 0x80 && (isalnum(byte) || strchr("-_.~", byte) != NULL))
            text_add(text, value, 1);
        else
            text_printf(text, "%%%02X", byte);
    }
}

static void
add_parameter(struct text *query, const char *name, const char *value)
{
    text_printf(query, "%s%s=", query->size_bytes > 0 ? "&" : "", name);
    add_encoded(query, value);
}

static char *
make_scope(const struct aws_login *login, const char *date)
{
    return memory_printf("%.*s/%s/rds-db/aws4_request", DATE_CHARACTERS, date, login->region);
}

static void
lower(char *name)
{
    for (; *name != '\0'; name++)
        *name = (char)tolower((unsigned char)*name);
}

/* Names are compared without regard to case, signatures are not. */
static char *
make_place(const struct aws_login *login)
{
    char *place = memory_printf("%s:%s", login->host, login->port);

    lower(place);
    return place;
}

/* In the order of their names: that is how they are signed. */
static char *
make_query(const struct aws_login *login, const struct aws_keys *keys, const char *date)
{
    AUTO_TEXT query = TEXT_INIT;
    AUTO_STRING char *scope = make_scope(login, date);
    AUTO_STRING char *credential = memory_printf("%s/%s", keys->access_key_id, scope);

    add_parameter(&query, "Action", "connect");
    add_parameter(&query, "DBUser", login->user);
    add_parameter(&query, "X-Amz-Algorithm", "AWS4-HMAC-SHA256");
    add_parameter(&query, "X-Amz-Credential", credential);
    add_parameter(&query, "X-Amz-Date", date);
    add_parameter(&query, "X-Amz-Expires", "900");
    if (keys->session_token != NULL)
        add_parameter(&query, "X-Amz-Security-Token", keys->session_token);
    add_parameter(&query, "X-Amz-SignedHeaders", "host");
    return text_take(&query);
}

/* The canonical request: method, path, query, headers, their names, the sum of no body. */
static char *
make_request(const char *query, const char *place)
{
    char of_nothing[DIGEST_HEX_BYTES];

    digest_bytes("", 0, of_nothing);
    return memory_printf("GET\n/\n%s\nhost:%s\n\nhost\n%s", query, place, of_nothing);
}

char *
aws_token_request(const struct aws_login *login, const struct aws_keys *keys, int64_t unix_s)
{
    char date[TIME_BYTES];

    format_time(unix_s, date);
    AUTO_STRING char *query = make_query(login, keys, date);
    AUTO_STRING char *place = make_place(login);
    return make_request(query, place);
}

/* A key of the day, the region and the service is derived, and signs. */
static void
sign(const struct aws_login *login,
    const struct aws_keys *keys,
    const char *date,
    const char *request,
    char hex[DIGEST_HEX_BYTES])
{
    AUTO_STRING char *first = memory_printf("AWS4%s", keys->secret_access_key);
    AUTO_STRING char *day = memory_copy(date, DATE_CHARACTERS);
    AUTO_STRING char *scope = make_scope(login, date);
    const char *const steps[] = {login->region, "rds-db", "aws4_request"};
    unsigned char key[DIGEST_BYTES];
    char sum[DIGEST_HEX_BYTES];

    digest_bytes(request, strlen(request), sum);
    AUTO_STRING char *text = memory_printf("AWS4-HMAC-SHA256\n%s\n%s\n%s", date, scope, sum);
    digest_hmac(first, strlen(first), day, key);
    for (size_t i = 0; i < ARRAY_LENGTH(steps); i++)
        digest_hmac(key, sizeof(key), steps[i], key);
    digest_hmac(key, sizeof(key), text, key);
    digest_to_hex(key, hex);
}

char *
aws_token_new(const struct aws_login *login, const struct aws_keys *keys, int64_t unix_s)
{
    char date[TIME_BYTES];
    char signature[DIGEST_HEX_BYTES];

    format_time(unix_s, date);
    AUTO_STRING char *query = make_query(login, keys, date);
    AUTO_STRING char *place = make_place(login);
    AUTO_STRING char *request = make_request(query, place);
    sign(login, keys, date, request, signature);
    return memory_printf("%s/?%s&X-Amz-Signature=%s", place, query, signature);
}

static bool
is_region(const char *name, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (!isalnum((unsigned char)name[i]) && name[i] != '-')
            return false;
    }
    return size > 0;
}

/* How long the name is in front of RDS's own domain; 0 where it ends otherwise. */
static size_t
size_before_domain(const char *host)
{
    static const char *const DOMAINS[] = {".rds.amazonaws.com", ".rds.amazonaws.com.cn"};
    size_t size = strlen(host);

    for (size_t i = 0; i < ARRAY_LENGTH(DOMAINS); i++) {
        size_t domain_size = strlen(DOMAINS[i]);
        if (size > domain_size && strcasecmp(host + size - domain_size, DOMAINS[i]) == 0)
            return size - domain_size;
    }
    return 0;
}

char *
aws_region_of_host(const char *host)
{
    size_t size = size_before_domain(host);
    size_t from = size;

    while (from > 0 && host[from - 1] != '.')
        from--;
    /* In front of it stand the name and the account's part. */
    if (from < 2 || memchr(host, '.', from - 1) == NULL || !is_region(host + from, size - from))
        return NULL;
    char *region = memory_copy(host + from, size - from);
    lower(region);
    return region;
}
