/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AWS credentials: the keys of this container: from its environment, or from the
 * endpoint that ECS, CodeBuild, Batch and EKS Pod Identity give it.
 */
#ifndef ADAPTER_AWS_CREDENTIALS_H
#define ADAPTER_AWS_CREDENTIALS_H

#include "adapter/aws_token.h"
#include "adapter/metadata.h"

/*
 * Are credentials named in the environment, and in a way that can be used? Connects
 * nowhere. What the environment holds of secrets is remembered as such.
 *
 * Errors   ERROR_USAGE
 */
MUST_CHECK bool aws_credentials_check(struct error *err);

/*
 * The keys: AWS_ACCESS_KEY_ID and its kin, else the answer of
 * AWS_CONTAINER_CREDENTIALS_RELATIVE_URI or _FULL_URI, in this order.
 *
 * Result   `*keys`, remembered as secrets; the caller frees them.
 * Errors   those of aws_credentials_check and metadata_get; ERROR_REFUSED also: the
 *          file of the authorization token cannot be read, or has a line break.
 */
MUST_CHECK bool aws_credentials_get(
    enum metadata_patience patience, struct aws_keys *keys, struct error *err);

/* The endpoint; the caller frees it, NULL where the environment names none. */
char *aws_credentials_url(void);

#endif
