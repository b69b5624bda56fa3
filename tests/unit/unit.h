/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every unit test includes: cmocka, with the headers it wants first.
 */
#ifndef TESTS_UNIT_H
#define TESTS_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/memory.h"

/* The tests' functions take cmocka's state, which none of ours uses. */
#define UNUSED __attribute__((unused))

#define RUN_TESTS(tests) cmocka_run_group_tests((tests), NULL, NULL)

#endif
