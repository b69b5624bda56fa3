/* SPDX-License-Identifier: Apache-2.0 */
/* write NAME: writes the pair that makes of the folder's schema the one that is wanted. */
#include <stdio.h>
#include <stdlib.h>

#include "adapter/files.h"
#include "base/memory.h"
#include "base/secret.h"
#include "command/command.h"
#include "command/narrator.h"
#include "command/new_pairs.h"
#include "engine/author.h"

static const char USAGE[] =
    "pgstride write --schema FILE --dev-database URL [-dir DIR] [-seq] NAME, or --check for NAME";

static bool
check_usage(const struct invocation *invocation, struct error *err)
{
    const struct config *config = invocation->config;

    if (!command_check_arguments(invocation, config->is_check ? 0 : 1, USAGE, err))
        return false;
    if (invocation->arguments_count == 0 && !config->is_check)
        error_set(err, ERROR_USAGE, "write needs a name");
    else if (config->schema_file == NULL)
        error_set(err, ERROR_USAGE, "write needs --schema FILE, the schema that is wanted");
    else if (config->dev_database == NULL)
        error_set(err, ERROR_USAGE, "write needs --dev-database URL, a server to try it on");
    else
        return true;
    return error_hint(err, "Usage: %s", USAGE);
}

/* The two of them, on scratch databases of the development server. */
static bool
compare(
    const struct invocation *invocation, char *folder, struct authored *authored, struct error *err)
{
    struct config config = *invocation->config;
    AUTO_DATABASE_URL url = {0};
    AUTO_NARRATOR narrator = {0};
    AUTO_IDENTITY identity = {0};

    if (!database_url_parse(config.dev_database, &url, err))
        return error_prefix(err, "--dev-database");
    AUTO_STRING char *password = pg_conninfo_value(url.conninfo, "password");
    secret_add(password);
    config.url = url;
    config.path = folder;
    config.table = "schema_migrations";
    narrator_init(&narrator, invocation->log);
    identity_init(&identity, invocation->platform);
    const struct listener listener = narrator_listener(&narrator);
    return author_write(&config, &identity, config.schema_file, &listener, authored, err);
}

static bool
check_losses(
    const struct invocation *invocation, const struct authored *authored, struct error *err)
{
    if (authored->losses.size_bytes == 0 || invocation->config->is_destructive)
        return true;
    error_set(err, ERROR_PLAN, "the migration would lose data: %s", text_string(&authored->losses));
    return error_hint(err, "Nothing was written. If that is meant: --allow-destructive. If it was "
                           "renamed: a comment before the new name, \"-- pgstride: renamed-from "
                           "OLD_NAME\".");
}

static bool
write_files(const struct invocation *invocation, const struct authored *authored, struct error *err)
{
    AUTO_NEW_PAIRS pairs = {0};

    if (!check_losses(invocation, authored, err) ||
        !new_pairs_name(invocation->config, invocation->arguments[0], authored->count, &pairs, err))
        return false;
    const char **texts = memory_new(pairs.count * sizeof(*texts));
    for (size_t i = 0; i < authored->count; i++) {
        texts[2 * i] = text_string(&authored->files[i].down);
        texts[2 * i + 1] = text_string(&authored->files[i].up);
    }
    bool is_written = new_pairs_write(&pairs, texts, err);
    free(texts);
    return is_written;
}

bool
command_write(const struct invocation *invocation, struct error *err)
{
    const struct config *config = invocation->config;
    AUTO_AUTHORED authored = {0};
    AUTO_STRING char *folder = new_pairs_folder(config);

    if (!check_usage(invocation, err) || !compare(invocation, folder, &authored, err))
        return false;
    if (authored.count == 0) {
        printf("%s and %s agree\n", config->schema_file, folder);
        return true;
    }
    for (size_t i = 0; config->is_check && i < authored.count; i++)
        printf("%s%s", i > 0 ? "\n" : "", text_string(&authored.files[i].up));
    if (!config->is_check && !write_files(invocation, &authored, err))
        return false;
    return !config->is_check && !config->is_exit_code;
}
