/* SPDX-License-Identifier: Apache-2.0 */
#include "command/answer.h"

#include <stdio.h>

#include "base/memory.h"
#include "base/secret.h"
#include "base/text.h"

void
answer_print(const char *text)
{
    AUTO_TEXT shown = TEXT_INIT;
    AUTO_TEXT hidden = TEXT_INIT;

    text_puts(&hidden, text);
    secret_hide(&hidden);
    text_add_shown(&shown, text_string(&hidden), hidden.size_bytes);
    fputs(text_string(&shown), stdout);
}

void
answer_print_json(const json_t *answer)
{
    AUTO_JSON json_t *hidden = json_hide_secrets(answer);
    AUTO_STRING char *text = json_to_string(hidden);

    puts(text);
}
