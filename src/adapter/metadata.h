/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Metadata: what a platform's own server on its own link knows: credentials.
 */
#ifndef ADAPTER_METADATA_H
#define ADAPTER_METADATA_H

#include "adapter/http.h"
#include "adapter/json.h"

/*
 * HOST[:PORT] of Google's metadata server: GCE_METADATA_HOST, else by its number,
 * as Google's own client for Go has it: no name to look up, whose wait nothing ends.
 */
const char *metadata_google_place(void);

enum metadata_patience {
    METADATA_PATIENT, /* 2 s a try, three tries, the next one only where it may help */
    METADATA_BRIEF,   /* one try of 1 s */
};

/*
 * Get a JSON object. No error quotes the answer.
 *
 * Input    `name` is what the server is called in messages.
 * Errors   ERROR_CONNECTION  nothing answered, or "later" (429, 5xx): it may be
 *                            there in a while.
 *          ERROR_REFUSED     any other answer: a 403, a redirect, no JSON object,
 *                            one that is too large.
 *          ERROR_USAGE       the URL; ERROR_STOPPED.
 */
MUST_CHECK bool metadata_get(const struct http_request *request,
    const char *name,
    enum metadata_patience patience,
    json_t **object,
    struct error *err);

/*
 * A member that has to be there: a string that is not empty, borrowed.
 * Errors   ERROR_REFUSED
 */
MUST_CHECK bool metadata_member(
    const json_t *object, const char *name, const char *key, const char **value, struct error *err);

#endif
