/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GCP token: the password of a Cloud SQL or AlloyDB login by IAM: an access token
 * of the service account that this runs as, from the metadata server.
 */
#ifndef ADAPTER_GCP_TOKEN_H
#define ADAPTER_GCP_TOKEN_H

#include "adapter/metadata.h"

/*
 * A token that is good for these two logins and nothing else, where the platform
 * heeds the scopes that are asked for (Cloud Run does, Compute Engine does not).
 *
 * Result   `*token`, remembered as a secret; the caller frees it.
 * Errors   those of metadata_get, with a hint; ERROR_USAGE: GCE_METADATA_HOST is no host.
 */
MUST_CHECK bool gcp_token_get(enum metadata_patience patience, char **token, struct error *err);

#endif
