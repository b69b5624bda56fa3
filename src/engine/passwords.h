/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Passwords: those that a migration file holds. What the server says of a
 * statement, and the line that an error shows, would repeat them.
 */
#ifndef ENGINE_PASSWORDS_H
#define ENGINE_PASSWORDS_H

#include <stddef.h>

/*
 * Remember each as a secret: the literal behind the word PASSWORD, with `=` in
 * between or not; within a literal, a connection string's `password=WORD` and
 * the one of a URL.
 *
 * `text` ends with a NUL. It need not be whole or right: a literal that is not
 * closed ends with its line.
 */
void passwords_remember(const char *text, size_t size_bytes);

#endif
