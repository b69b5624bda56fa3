/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AWS token: the password of an RDS login by IAM, which is a presigned request.
 *
 * Pure: asks no clock, no environment and no network. The format is AWS's
 * Signature Version 4, as its query parameters carry it, for the service rds-db.
 */
#ifndef ADAPTER_AWS_TOKEN_H
#define ADAPTER_AWS_TOKEN_H

#include <stdint.h>

struct aws_keys {
    char *access_key_id;
    char *secret_access_key;
    char *session_token; /* NULL: keys of a user, not of a role */
};

void aws_keys_done(struct aws_keys *keys);
#define AUTO_AWS_KEYS __attribute__((cleanup(aws_keys_done))) struct aws_keys

/* Who logs in where. The host is the endpoint's own name: an alias is not signed for. */
struct aws_login {
    const char *host;
    const char *port;
    const char *user;
    const char *region;
};

/*
 * The token: host:port/?parameters&X-Amz-Signature=…, without a scheme. It is good
 * for 15 minutes from `unix_s`. The caller frees it.
 */
char *aws_token_new(const struct aws_login *login, const struct aws_keys *keys, int64_t unix_s);

/* What is signed of the request, on the way to the token. The caller frees it. */
char *aws_token_request(const struct aws_login *login, const struct aws_keys *keys, int64_t unix_s);

/*
 * The region in an endpoint's name, NAME.ID.REGION.rds.amazonaws.com (or .com.cn).
 * The caller frees it; NULL where the name is another one.
 */
char *aws_region_of_host(const char *host);

#endif
