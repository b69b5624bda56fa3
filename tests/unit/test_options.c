/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/options.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdlib.h>

#include "scratch.h"
#include "unit.h"

enum { WORDS_MAX = 14 };

enum kind { STRING, INT64, INT, BOOLEAN };

static const struct {
    const char *name;
    enum kind kind;
    size_t offset;
} FIELDS[] = {
    {"database", STRING, offsetof(struct config, database)},
    {"path", STRING, offsetof(struct config, path)},
    {"source", STRING, offsetof(struct config, source)},
    {"slack", STRING, offsetof(struct config, slack_webhook_url)},
    {"wait_ms", INT64, offsetof(struct config, wait_timeout_ms)},
    {"lock_ms", INT64, offsetof(struct config, lock_timeout_ms)},
    {"ddl_ms", INT64, offsetof(struct config, ddl_lock_timeout_ms)},
    {"statement_ms", INT64, offsetof(struct config, statement_timeout_ms)},
    {"retry_ms", INT64, offsetof(struct config, retry_for_ms)},
    {"file_mib", INT64, offsetof(struct config, max_file_mib)},
    {"prefetch", INT64, offsetof(struct config, prefetch)},
    {"out_of_order", INT, offsetof(struct config, out_of_order)},
    {"drift", INT, offsetof(struct config, drift)},
    {"if_ahead", INT, offsetof(struct config, if_ahead)},
    {"log", INT, offsetof(struct config, log_format)},
    {"notify", INT, offsetof(struct config, notify)},
    {"format", INT, offsetof(struct config, format)},
    {"offline", BOOLEAN, offsetof(struct config, is_offline)},
    {"exit_code", BOOLEAN, offsetof(struct config, is_exit_code)},
    {"verbose", BOOLEAN, offsetof(struct config, is_verbose)},
    {"help", BOOLEAN, offsetof(struct config, is_help)},
    {"version", BOOLEAN, offsetof(struct config, is_version)},
    {"ext", STRING, offsetof(struct config, extension)},
    {"dir", STRING, offsetof(struct config, directory)},
    {"seq", BOOLEAN, offsetof(struct config, is_sequential)},
    {"digits", INT64, offsetof(struct config, digits)},
    {"time_format", STRING, offsetof(struct config, time_format)},
    {"tz", STRING, offsetof(struct config, time_zone)},
};

static void
add_field(const struct config *config, size_t index, struct text *text)
{
    const void *field = (const char *)config + FIELDS[index].offset;
    const char *string = NULL;

    text_printf(text, "%s=", FIELDS[index].name);
    switch (FIELDS[index].kind) {
    case STRING:
        memcpy(&string, field, sizeof(string));
        text_puts(text, string != NULL ? string : "none");
        break;
    case INT64:
        text_printf(text, "%" PRId64, *(const int64_t *)field);
        break;
    case INT:
        text_printf(text, "%d", *(const int *)field);
        break;
    case BOOLEAN:
        text_puts(text, *(const bool *)field ? "true" : "false");
        break;
    }
}

/* What differs from the defaults, then the command: "drift=1 verbose=true: up 3". */
static char *
describe(const struct config *config, const struct command_line *line)
{
    AUTO_CONFIG standard = {0};
    AUTO_TEXT text = TEXT_INIT;

    options_default(&standard);
    for (size_t i = 0; i < ARRAY_LENGTH(FIELDS); i++) {
        AUTO_TEXT ours = TEXT_INIT;
        AUTO_TEXT theirs = TEXT_INIT;

        add_field(config, i, &ours);
        add_field(&standard, i, &theirs);
        if (strcmp(text_string(&ours), text_string(&theirs)) != 0)
            text_printf(&text, "%s%s", text.size_bytes > 0 ? " " : "", text_string(&ours));
    }
    text_printf(&text, ": %s", line->command != NULL ? line->command : "none");
    for (size_t i = 0; i < line->arguments_count; i++)
        text_printf(&text, " %s", line->arguments[i]);
    return text_take(&text);
}

struct row {
    const char *arguments[WORDS_MAX];
    const char *environment[WORDS_MAX];
    const char *expected; /* NULL: refused */
    const char *message;
    const char *hint;
};

/* The vectors of main(): read alone, but not const. */
static size_t
make_vector(const char *first, const char *const words[WORDS_MAX], char *vector[WORDS_MAX + 2])
{
    size_t count = 0;

    if (first != NULL)
        vector[count++] = memory_string(first);
    for (size_t i = 0; i < WORDS_MAX && words[i] != NULL; i++)
        vector[count++] = memory_string(words[i]);
    vector[count] = NULL;
    return count;
}

static void
free_vector(char *vector[])
{
    for (size_t i = 0; vector[i] != NULL; i++)
        free(vector[i]);
}

static void
check(const struct row *row)
{
    char *arguments[WORDS_MAX + 2];
    char *environment[WORDS_MAX + 2];
    AUTO_CONFIG config = {0};
    struct command_line line = {0};
    struct error err = ERROR_INIT;
    size_t count = make_vector("pgstride", row->arguments, arguments);

    make_vector(NULL, row->environment, environment);
    options_default(&config);
    bool is_good = options_read((int)count, arguments, environment, &config, &line, &err);
    if (is_good != (row->expected != NULL))
        fail_msg("%s: %s", row->expected != NULL ? row->expected : row->message,
            is_good ? "is not refused" : err.message);
    if (is_good) {
        AUTO_STRING char *described = describe(&config, &line);
        assert_string_equal(described, row->expected);
        assert_int_equal(err.kind, ERROR_NONE);
    } else {
        assert_int_equal(err.kind, ERROR_USAGE);
        assert_string_equal(err.message, row->message);
        assert_string_equal(err.hint, row->hint != NULL ? row->hint : "");
    }
    free_vector(arguments);
    free_vector(environment);
}

static void
every_option_has_its_default(UNUSED void **state)
{
    AUTO_CONFIG config = {0};
    AUTO_TEXT text = TEXT_INIT;

    options_default(&config);
    for (size_t i = 0; i < ARRAY_LENGTH(FIELDS); i++) {
        text_puts(&text, i > 0 ? " " : "");
        add_field(&config, i, &text);
    }
    assert_string_equal(text_string(&text),
        "database=none path=none source=none slack=none wait_ms=60000 lock_ms=300000 ddl_ms=5000 "
        "statement_ms=0 retry_ms=300000 file_mib=64 prefetch=10 out_of_order=0 drift=0 if_ahead=0 "
        "log=0 notify=0 format=0 offline=false exit_code=false verbose=false help=false "
        "version=false ext=sql dir=none seq=false digits=6 time_format=none tz=UTC");
}

static void
flags_stand_anywhere_with_one_dash_or_two(UNUSED void **state)
{
    static const struct row TABLE[] = {
        {.arguments = {NULL}, .expected = ": none"},
        {.arguments = {"up"}, .expected = ": up"},
        {.arguments = {"up", "3"}, .expected = ": up 3"},
        {.arguments = {"-database", "postgres://a", "-path", "dir", "up", "2"},
            .expected = "database=postgres://a path=dir: up 2"},
        {.arguments = {"up", "--database", "postgres://a", "2", "--path=dir"},
            .expected = "database=postgres://a path=dir: up 2"},
        {.arguments = {"-database=postgres://a?b=c", "up"},
            .expected = "database=postgres://a?b=c: up"},
        {.arguments = {"-source", "file://x", "-verbose", "-prefetch", "3", "-lock-timeout", "15",
             "up"},
            .expected = "source=file://x lock_ms=15000 prefetch=3 verbose=true: up"},
        {.arguments = {"--wait-timeout=2min", "--ddl-lock-timeout", "500ms",
             "--statement-timeout=1h", "--retry-for=0", "up"},
            .expected = "wait_ms=120000 ddl_ms=500 statement_ms=3600000 retry_ms=0: up"},
        {.arguments = {"--out-of-order", "skip", "--drift=ignore", "--if-ahead=fail",
             "--log-format=json", "--notify=never", "--format=json", "status"},
            .expected = "out_of_order=2 drift=2 if_ahead=1 log=2 notify=3 format=1: status"},
        {.arguments = {"--verbose=false", "--exit-code=on", "--max-file-size=1024", "status"},
            .expected = "file_mib=1024 exit_code=true: status"},
        /* What create has for itself, wherever the command stands. */
        {.arguments = {"create", "-ext", "txt", "-dir", "db", "-seq", "-digits", "4", "name"},
            .expected = "ext=txt dir=db seq=true digits=4: create name"},
        {.arguments = {"-format", "unix", "-tz", "Europe/Berlin", "create", "name"},
            .expected = "time_format=unix tz=Europe/Berlin: create name"},
        {.arguments = {"create", "name", "--format=2006"},
            .expected = "time_format=2006: create name"},
        {.arguments = {"--path", "create", "--format", "json", "status"},
            .expected = "path=create format=1: status"},
        {.arguments = {"--format=json", "--", "create"}, .expected = "time_format=json: create"},
        {.arguments = {"--help"}, .expected = "help=true: none"},
        {.arguments = {"-version"}, .expected = "version=true: none"},
        {.arguments = {"--slack-webhook-url", "https://h/x"},
            .expected = "slack=https://h/x: none"},
        /* The last one wins; what looks like a flag may be a value. */
        {.arguments = {"--drift=warn", "--drift=ignore"}, .expected = "drift=2: none"},
        {.arguments = {"--path", "--database", "up"}, .expected = "path=--database: up"},
        {.arguments = {"--path=a", "--source=file://b"}, .expected = "source=file://b: none"},
        {.arguments = {"--source=file://b", "--path=a"}, .expected = "path=a: none"},
        {.arguments = {"force", "--", "-1", "--help"}, .expected = ": force -1 --help"},
        {.arguments = {"up", "-"}, .expected = ": up -"},
        {.arguments = {"x", "1", "2", "3", "4", "5", "6", "7", "8"},
            .expected = ": x 1 2 3 4 5 6 7 8"},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(TABLE); i++)
        check(&TABLE[i]);
}

static void
the_environment_is_read_and_a_flag_beats_it(UNUSED void **state)
{
    static const struct row TABLE[] = {
        {.environment = {"PGSTRIDE_DATABASE=postgres://a", "PGSTRIDE_DRIFT=warn",
             "PGSTRIDE_VERBOSE=yes", "PGSTRIDE_LOCK_TIMEOUT=7"},
            .expected = "database=postgres://a lock_ms=7000 drift=1 verbose=true: none"},
        {.arguments = {"--drift", "fail"},
            .environment = {"PGSTRIDE_DRIFT=warn"},
            .expected = ": none"},
        {.environment = {"DATABASE_URL=postgres://a"}, .expected = "database=postgres://a: none"},
        {.environment = {"MIGRATION_DB=postgres://a"}, .expected = "database=postgres://a: none"},
        {.environment = {"MIGRATION_DB=postgres://m", "DATABASE_URL=postgres://d"},
            .expected = "database=postgres://d: none"},
        {.environment = {"DATABASE_URL=postgres://d", "PGSTRIDE_DATABASE=postgres://p"},
            .expected = "database=postgres://p: none"},
        {.environment = {"SLACK_WEBHOOK_URL=https://h/x"}, .expected = "slack=https://h/x: none"},
        {.arguments = {"--source=file://b"},
            .environment = {"PGSTRIDE_PATH=a"},
            .expected = "source=file://b: none"},
        /* Empty is as good as not there. */
        {.environment = {"PGSTRIDE_DATABASE=", "DATABASE_URL=postgres://d", "PGSTRIDE_DRIFT="},
            .expected = "database=postgres://d: none"},
        /* Kubernetes' own, and other programs'. */
        {.environment = {"PGSTRIDE_SERVICE_HOST=10.0.0.1", "PGSTRIDE_PORT_5432_TCP=tcp://x",
             "PGSTRIDE_PORT=tcp://x", "PGSTRIDE=1", "PGSTRIDER_X=1", "PATH=/bin", "odd"},
            .expected = ": none"},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(TABLE); i++)
        check(&TABLE[i]);
}

static void
what_is_not_understood_is_refused(UNUSED void **state)
{
    static const char LISTS[] = "pgstride --help lists them.";
    static const char LISTS_VARIABLES[] =
        "pgstride --help lists them; remove it, or mend its name.";
    static const struct row TABLE[] = {
        {.arguments = {"--nonsense", "up"}, .message = "unknown option --nonsense", .hint = LISTS},
        {.arguments = {"-nonsense=postgres://u:secret@h", "up"},
            .message = "unknown option --nonsense",
            .hint = LISTS},
        /* A URL that went astray. */
        {.arguments = {"--postgres://u:secret@h", "up"},
            .message = "unknown option --postgres",
            .hint = LISTS},
        {.arguments = {"--lock-timeout", "postgres://u:secret@h"},
            .message = "--lock-timeout: a URL is not what it takes"},
        {.environment = {"PGSTRIDE_DRIFT=postgres://u:secret@h"},
            .message = "PGSTRIDE_DRIFT: a URL is not what it takes"},
        {.arguments = {"--databas", "x"}, .message = "unknown option --databas", .hint = LISTS},
        {.arguments = {"--databases", "x"}, .message = "unknown option --databases", .hint = LISTS},

        {.arguments = {"up", "--database"}, .message = "--database needs a value"},
        {.arguments = {"--database="}, .message = "--database: the value is empty"},
        {.arguments = {"--path", ""}, .message = "--path: the value is empty"},
        {.arguments = {"--lock-timeout", "soon"},
            .message = "--lock-timeout: \"soon\" is not a duration: write 500ms, 5s, 2min or 1h (a "
                       "bare number is seconds)"},
        {.arguments = {"--drift=perhaps"},
            .message = "--drift: \"perhaps\" is none of fail|warn|ignore"},
        {.arguments = {"--drift=fai"}, .message = "--drift: \"fai\" is none of fail|warn|ignore"},
        {.arguments = {"--drift=fail|warn"},
            .message = "--drift: \"fail|warn\" is none of fail|warn|ignore"},
        {.arguments = {"--drift="}, .message = "--drift: \"\" is none of fail|warn|ignore"},
        {.arguments = {"--max-file-size=0"},
            .message = "--max-file-size: \"0\" is not a whole number from 1 to 1024"},
        {.arguments = {"--max-file-size=1025"},
            .message = "--max-file-size: \"1025\" is not a whole number from 1 to 1024"},
        {.arguments = {"--verbose=maybe"},
            .message = "--verbose: \"maybe\" is neither true nor false"},
        {.arguments = {"up", "--seq"},
            .message = "--seq is an option of another command",
            .hint = "pgstride COMMAND --help lists what each takes."},
        {.arguments = {"--digits", "3", "up"},
            .message = "--digits is an option of another command",
            .hint = "pgstride COMMAND --help lists what each takes."},
        {.arguments = {"--format", "unix", "status"},
            .message = "--format: \"unix\" is none of text|json"},
        {.arguments = {"--format", "unix"}, .message = "--format: \"unix\" is none of text|json"},
        {.arguments = {"create", "--digits=0"},
            .message = "--digits: \"0\" is not a whole number from 1 to 19"},
        {.arguments = {"create", "--format="}, .message = "--format: the value is empty"},
        {.arguments = {"x", "1", "2", "3", "4", "5", "6", "7", "8", "9"},
            .message = "too many arguments"},
        {.environment = {"PGSTRIDE_DRIFT=perhaps"},
            .message = "PGSTRIDE_DRIFT: \"perhaps\" is none of fail|warn|ignore"},
        {.arguments = {"--nonsense"},
            .environment = {"PGSTRIDE_NOTIFY=perhaps", "PGSTRIDE_DRIFT=perhaps"},
            .message = "PGSTRIDE_DRIFT: \"perhaps\" is none of fail|warn|ignore"},
        {.environment = {"PGSTRIDE_NONSENSE=1"},
            .message = "unknown environment variable PGSTRIDE_NONSENSE",
            .hint = LISTS_VARIABLES},
        {.environment = {"PGSTRIDE_DRIFTS=fail"},
            .message = "unknown environment variable PGSTRIDE_DRIFTS",
            .hint = LISTS_VARIABLES},
        {.environment = {"PGSTRIDE_PASSWORD=secret"},
            .message = "unknown environment variable PGSTRIDE_PASSWORD",
            .hint = LISTS_VARIABLES},
        {.environment = {"PGSTRIDE_DRIFT_FILE=/x"},
            .message = "unknown environment variable PGSTRIDE_DRIFT_FILE",
            .hint = LISTS_VARIABLES},
        {.environment = {"PGSTRIDE_="},
            .message = "unknown environment variable PGSTRIDE_",
            .hint = LISTS_VARIABLES},
        /* golang-migrate's flag is no variable. */
        {.environment = {"PGSTRIDE_PREFETCH=1"},
            .message = "unknown environment variable PGSTRIDE_PREFETCH",
            .hint = LISTS_VARIABLES},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(TABLE); i++)
        check(&TABLE[i]);
}

/* So that the error is told in the form that was asked for. */
static void
what_can_be_read_is_read_beside_what_cannot(UNUSED void **state)
{
    char name[] = "pgstride";
    char bad[] = "--drift=perhaps";
    char worse[] = "--nonsense";
    char good[] = "--log-format=json";
    char command[] = "status";
    char *arguments[] = {name, bad, worse, good, command, NULL};
    char variable[] = "PGSTRIDE_VERBOSE=true";
    char *environment[] = {variable, NULL};
    AUTO_CONFIG config = {0};
    struct command_line line = {0};
    struct error err = ERROR_INIT;

    options_default(&config);
    assert_false(options_read(5, arguments, environment, &config, &line, &err));
    assert_int_equal(err.kind, ERROR_USAGE);
    assert_string_equal(err.message, "--drift: \"perhaps\" is none of fail|warn|ignore");
    AUTO_STRING char *described = describe(&config, &line);
    assert_string_equal(described, "log=2 verbose=true: status");
}

static void
a_secret_may_stand_in_a_file(UNUSED void **state)
{
    static const char *const VARIABLES[] = {"PGSTRIDE_DATABASE", "DATABASE_URL", "MIGRATION_DB"};
    AUTO_SCRATCH char *folder = scratch_new();

    scratch_put(folder, "url", "postgres://u:secret@h\r\n");
    for (size_t i = 0; i < ARRAY_LENGTH(VARIABLES); i++) {
        AUTO_STRING char *variable = memory_printf("%s_FILE=%s/url", VARIABLES[i], folder);
        struct row row = {
            .environment = {variable}, .expected = "database=postgres://u:secret@h: none"};

        check(&row);
    }

    /* The value itself goes before its file; the file before other tools' names. */
    AUTO_STRING char *file = memory_printf("PGSTRIDE_DATABASE_FILE=%s/url", folder);
    struct row value = {
        .environment = {file, "PGSTRIDE_DATABASE=direct"}, .expected = "database=direct: none"};
    struct row other = {.environment = {file, "DATABASE_URL=other"},
        .expected = "database=postgres://u:secret@h: none"};
    check(&value);
    check(&other);
}

static void
a_secrets_file_that_cannot_be_read_is_an_error(UNUSED void **state)
{
    AUTO_SCRATCH char *folder = scratch_new();
    AUTO_STRING char *empty = memory_printf("DATABASE_URL_FILE=%s/empty", folder);
    char *arguments[] = {NULL};
    char missing[] = "DATABASE_URL_FILE=/nonexistent/url";
    char *environment[] = {missing, NULL};
    AUTO_CONFIG config = {0};
    struct command_line line = {0};
    struct error err = ERROR_INIT;

    options_default(&config);
    assert_false(options_read(0, arguments, environment, &config, &line, &err));
    assert_string_equal(
        err.message, "DATABASE_URL_FILE: cannot read /nonexistent/url: No such file or directory");

    /* White space alone is no secret. */
    scratch_put(folder, "empty", " \n");
    struct row row = {.environment = {empty}, .expected = ": none"};
    check(&row);
}

static void
help_says_what_each_option_takes(UNUSED void **state)
{
    static const char *const PARTS[] = {
        "  --database URL\n      the database: postgres://USER:PASSWORD@HOST:PORT/DATABASE\n"
        "      PGSTRIDE_DATABASE DATABASE_URL MIGRATION_DB, each also as NAME_FILE\n",
        "  --lock-timeout TIME\n      how long to wait for another run that holds the migration "
        "lock (default 5min)\n      PGSTRIDE_LOCK_TIMEOUT\n",
        "  --drift WHAT\n      an applied migration whose file was edited: fail|warn|ignore "
        "(default fail)\n      PGSTRIDE_DRIFT\n",
        "  --verbose\n      log more: the connection, each wait\n      PGSTRIDE_VERBOSE\n",
        "  --version\n      the program's version\n",
    };
    AUTO_TEXT help = TEXT_INIT;

    options_describe(&help);
    for (size_t i = 0; i < ARRAY_LENGTH(PARTS); i++) {
        if (strstr(text_string(&help), PARTS[i]) == NULL)
            fail_msg("not in the help: %s", PARTS[i]);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_option_has_its_default),
        cmocka_unit_test(flags_stand_anywhere_with_one_dash_or_two),
        cmocka_unit_test(the_environment_is_read_and_a_flag_beats_it),
        cmocka_unit_test(what_is_not_understood_is_refused),
        cmocka_unit_test(what_can_be_read_is_read_beside_what_cannot),
        cmocka_unit_test(a_secret_may_stand_in_a_file),
        cmocka_unit_test(a_secrets_file_that_cannot_be_read_is_an_error),
        cmocka_unit_test(help_says_what_each_option_takes),
    };

    return RUN_TESTS(tests);
}
