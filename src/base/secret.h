/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Secret: what must never be shown. Each secret is named once when it is read;
 * whatever leaves the program passes through secret_hide.
 */
#ifndef BASE_SECRET_H
#define BASE_SECRET_H

#include "base/text.h"

/*
 * Remember a secret. NULL and values too short to tell from ordinary text are
 * not kept, nor more than some thousand of them.
 */
void secret_add(const char *value);

/* Replace each secret within `text` by "***". */
void secret_hide(struct text *text);

/* The same, for a buffer of a fixed size: a secret is hidden before it can be cut in two. */
void secret_copy(const char *string, char *into, size_t size_bytes);

void secret_forget_all(void);

#endif
