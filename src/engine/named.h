/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Named: does a statement name what a catalog knows? As a word anywhere in it: no parser of ours.
 */
#ifndef ENGINE_NAMED_H
#define ENGINE_NAMED_H

/* SQL, for memory_printf, with the statement as $1. */
#define IS_NAMED(relation, name)                                                                   \
    "$1 ~* ('\\m' || regexp_replace(" relation "." name                                            \
    ", '([^[:alnum:]_])', '\\\\\\1', 'g') || '\\M')"

#endif
