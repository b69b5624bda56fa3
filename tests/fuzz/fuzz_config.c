/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzz: any bytes as the command line and the environment.
 *
 * A line is one argument, or, after a `$`, one variable; each is tried as a
 * database URL by itself, too. A `~` stands for a secret. What must hold: a
 * failure says why, in UTF-8, and never shows what stands where a URL has its
 * password; what a URL is read as reads the same again.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "adapter/postgres.h"
#include "base/memory.h"
#include "base/secret.h"
#include "base/text.h"
#include "cli/options.h"
#include "fuzz.h"

enum { INPUT_BYTES = 4096, WORDS_MAX = 64 };

struct input {
    char *arguments[WORDS_MAX + 2]; /* a NULL ends them, as for main() */
    size_t arguments_count;
    char *environment[WORDS_MAX + 1];
    size_t environment_count;
    bool is_secret_elsewhere; /* the secret stands outside a password, where it may be quoted */
};

static void
input_done(struct input *input)
{
    for (size_t i = 0; i < input->arguments_count; i++)
        free(input->arguments[i]);
    for (size_t i = 0; i < input->environment_count; i++)
        free(input->environment[i]);
}
#define AUTO_INPUT __attribute__((cleanup(input_done))) struct input

/*
 * Does the secret stand in the password alone? As a person reads a URL, whose
 * password may hold any character: from the first colon to the last `@`.
 */
static bool
is_secret_hidden(const char *word)
{
    const char *scheme = strstr(word, "://");
    const char *colon = scheme != NULL ? strchr(scheme + 3, ':') : NULL;
    const char *at = strrchr(word, '@');

    for (const char *found = strstr(word, SECRET); found != NULL;
         found = strstr(found + 1, SECRET)) {
        if (colon == NULL || at == NULL || found <= colon || found >= at)
            return false;
    }
    return true;
}

static void
check_error(const struct error *err, bool is_secret_allowed)
{
    MUST_HOLD(err->kind == ERROR_USAGE);
    MUST_HOLD(err->message[0] != '\0');
    MUST_HOLD(utf8_valid(err->message, strlen(err->message)) == strlen(err->message));
    MUST_HOLD(utf8_valid(err->hint, strlen(err->hint)) == strlen(err->hint));
    MUST_HOLD(is_secret_allowed || strstr(err->message, SECRET) == NULL);
    MUST_HOLD(is_secret_allowed || strstr(err->hint, SECRET) == NULL);
}

static void
check_same(const char *one, const char *other)
{
    MUST_HOLD((one == NULL) == (other == NULL));
    MUST_HOLD(one == NULL || strcmp(one, other) == 0);
}

/* Only what is libpq's was left in the conninfo, so nothing is taken out of it again. */
static void
check_read(const struct database_url *url)
{
    AUTO_DATABASE_URL again = {.statement_timeout_ms = -7};
    struct error err = ERROR_INIT;

    MUST_HOLD(url->conninfo != NULL);
    MUST_HOLD(pg_check_conninfo(url->conninfo, &err));
    MUST_HOLD(url->statement_timeout_ms >= -1);
    MUST_HOLD(url->schema == NULL || url->table != NULL);
    for (size_t i = 0; i < url->settings_count; i++) {
        MUST_HOLD(url->settings[i].name[0] != '\0');
        MUST_HOLD(strpbrk(url->settings[i].name, "'\"; ()") == NULL); /* it goes into SQL */
        MUST_HOLD(url->settings[i].value != NULL);
    }
    MUST_HOLD(database_url_parse(url->conninfo, &again, &err));
    MUST_HOLD(again.settings_count == 0);
    MUST_HOLD(again.table == NULL);
    MUST_HOLD(again.statement_timeout_ms == -1);
    check_same(again.conninfo, url->conninfo);
    MUST_HOLD(err.kind == ERROR_NONE);
}

static void
try_url(const char *text)
{
    AUTO_DATABASE_URL url = {.statement_timeout_ms = -7};
    struct error err = ERROR_INIT;

    if (database_url_parse(text, &url, &err)) {
        MUST_HOLD(err.kind == ERROR_NONE);
        check_read(&url);
        return;
    }
    check_error(&err, strstr(text, "://") != NULL && !is_secret_hidden(text));
    MUST_HOLD(url.conninfo == NULL && url.table == NULL && url.schema == NULL);
    MUST_HOLD(url.settings == NULL && url.settings_count == 0);
    MUST_HOLD(url.statement_timeout_ms == -7);
}

/* A variable that names a file is left out: any file of the machine could be read. */
static bool
is_file_variable(const char *variable)
{
    size_t size = strcspn(variable, "=");

    return size >= 5 && strncmp(variable + size - 5, "_FILE", 5) == 0;
}

static void
add_word(struct input *input, const char *bytes, size_t size_bytes)
{
    bool is_variable = size_bytes > 0 && bytes[0] == '$';
    char *word = fuzz_put_secrets(bytes + is_variable, size_bytes - is_variable, NULL);

    /* A variable's name is no place for a URL. */
    const char *value = is_variable ? word + strcspn(word, "=") : word;
    const char *first = strstr(word, SECRET);
    input->is_secret_elsewhere |= !is_secret_hidden(value) || (first != NULL && first < value);
    if (is_variable && !is_file_variable(word))
        input->environment[input->environment_count++] = word;
    else if (!is_variable)
        input->arguments[input->arguments_count++] = word;
    else
        free(word);
}

static void
read_input(struct input *input, const char *bytes, size_t size_bytes)
{
    input->arguments[input->arguments_count++] = memory_string("pgstride");
    for (size_t from = 0, words = 0; from < size_bytes && words < WORDS_MAX; words++) {
        const char *newline = memchr(bytes + from, '\n', size_bytes - from);
        size_t to = newline != NULL ? (size_t)(newline - bytes) : size_bytes;
        add_word(input, bytes + from, to - from);
        from = to + 1;
    }
}

static void
check_config(const struct config *config)
{
    MUST_HOLD(config->path != NULL);
    MUST_HOLD(config->table != NULL && config->table[0] != '\0');
    MUST_HOLD(config->wait_timeout_ms >= 0 && config->lock_timeout_ms >= 0);
    MUST_HOLD(config->ddl_lock_timeout_ms >= 0 && config->statement_timeout_ms >= 0);
    MUST_HOLD(config->max_file_mib >= 1);
}

static void
try_command_line(const struct input *input)
{
    AUTO_CONFIG config = {0};
    struct command_line line = {0};
    struct error err = ERROR_INIT;

    options_default(&config);
    if (!options_read((int)input->arguments_count, input->arguments, input->environment, &config,
            &line, &err)) {
        check_error(&err, input->is_secret_elsewhere);
        return;
    }
    MUST_HOLD(err.kind == ERROR_NONE);
    MUST_HOLD(line.arguments_count <= ARGUMENTS_MAX);
    MUST_HOLD(line.arguments_count == 0 || line.command != NULL);
    if (config_finish_webhooks(&config, &err) && config_finish(&config, true, &err)) {
        MUST_HOLD(err.kind == ERROR_NONE);
        check_config(&config);
    } else {
        check_error(&err, input->is_secret_elsewhere);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
    AUTO_INPUT input = {.arguments_count = 0};

    if (size_bytes > INPUT_BYTES || memchr(data, '\0', size_bytes) != NULL)
        return 0; /* neither arguments nor variables hold a NUL */
    read_input(&input, (const char *)data, size_bytes);
    for (size_t i = 1; i < input.arguments_count; i++)
        try_url(input.arguments[i]);
    for (size_t i = 0; i < input.environment_count; i++)
        try_url(input.environment[i] + strcspn(input.environment[i], "=") +
                (strchr(input.environment[i], '=') != NULL));
    try_command_line(&input);
    secret_forget_all();
    return 0;
}
