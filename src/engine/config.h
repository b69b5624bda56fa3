/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Config: flags and environment as one validated struct.
 */
#ifndef ENGINE_CONFIG_H
#define ENGINE_CONFIG_H

#include "engine/database_url.h"

enum out_of_order { OUT_OF_ORDER_FAIL, OUT_OF_ORDER_APPLY, OUT_OF_ORDER_SKIP };
enum drift_policy { DRIFT_FAIL, DRIFT_WARN, DRIFT_IGNORE };
enum if_ahead { IF_AHEAD_OK, IF_AHEAD_FAIL };
enum log_choice { LOG_CHOICE_AUTO, LOG_CHOICE_TEXT, LOG_CHOICE_JSON };
enum notify_choice { NOTIFY_CHANGES, NOTIFY_ALWAYS, NOTIFY_FAILURE, NOTIFY_NEVER };
enum auth_choice { AUTH_PASSWORD, AUTH_GCP_IAM, AUTH_AWS_IAM };
enum fail_on { FAIL_ON_NEVER, FAIL_ON_BRIEF, FAIL_ON_WRITES, FAIL_ON_ALL, FAIL_ON_BREAKS };
enum answer_format { ANSWER_TEXT, ANSWER_JSON };

struct config {
    /* As given; the options table writes here. */
    char *database; /* a URL, libpq's words, or a JSON secret; NULL: libpq's own environment */
    char *path;
    char *source; /* golang-migrate's -source: file://DIR */
    char *slack_webhook_url;
    char *before_url; /* the hooks; NULL: none */
    char *after_url;
    char *hook_token; /* NULL: without */
    char *image;      /* NULL: what the platform tells */
    char *role;       /* SET ROLE for the run; NULL: the login itself */
    char *method;     /* the command, as the first Go job spelled it; NULL: not given */
    char *name;       /* and its argument */
    int64_t wait_timeout_ms;
    int64_t lock_timeout_ms;
    int64_t ddl_lock_timeout_ms; /* 0: off; the same for the next */
    int64_t statement_timeout_ms;
    int64_t retry_for_ms;
    int64_t heartbeat_ms; /* 0: none */
    int64_t timeout_ms;   /* of wait */
    int64_t hook_timeout_ms;
    int64_t max_file_mib;
    int64_t prefetch;  /* golang-migrate's; accepted, means nothing here */
    int auth;          /* enum auth_choice */
    int out_of_order;  /* enum out_of_order */
    int drift;         /* enum drift_policy */
    int if_ahead;      /* enum if_ahead */
    int log_format;    /* enum log_choice */
    int notify;        /* enum notify_choice */
    int format;        /* enum answer_format */
    bool is_all;       /* down: every migration */
    bool is_forced;    /* drop: without asking */
    bool is_exit_code; /* status: 1 when something is pending; write: was written */
    bool is_offline;   /* verify: without a database */
    bool is_atomic;    /* a run is one transaction */
    char *observe;     /* rehearse, plan: a scratch database that has the schema; NULL: none */
    int fail_on;       /* rehearse, plan: enum fail_on */
    char *extension;   /* create, as the rest of these: golang-migrate's -ext */
    char *directory;   /* NULL: see is_path_given */
    char *time_format; /* "unix", "unixNano" or a layout of Go's; NULL: as YYYYMMDDHHMMSS */
    char *time_zone;
    int64_t digits; /* of a sequential version */
    bool is_sequential;
    char *schema_file;       /* write: the schema that is wanted */
    char *dev_database;      /* and the server that it is tried on */
    bool is_with_grants;     /* of write: owners and privileges are compared too */
    bool is_destructive;     /* it may lose data */
    bool is_check;           /* it writes nothing */
    bool is_online;          /* in steps that hold no lock for long */
    bool is_without_effects; /* what the run changed in the schema is not looked at */
    bool is_verbose;
    bool is_help;
    bool is_version;

    /* What config_finish makes of it. */
    bool is_path_given; /* `path` is not the one that is taken where none is named */
    struct database_url url;
    const char *scratch_name; /* a database beside the URL's, on its server; NULL: the URL's own */
    const char *table;        /* schema_migrations unless the URL says otherwise */
};

void config_done(struct config *config);
#define AUTO_CONFIG __attribute__((cleanup(config_done))) struct config

/*
 * Validate the addresses that are told of a run, before what else can be wrong
 * with it. Their secrets are remembered, so that no message can show them.
 *
 * Errors   ERROR_USAGE: a webhook or hook that is not https, a token that no
 *          header can hold.
 */
MUST_CHECK bool config_finish_webhooks(const struct config *config, struct error *err);

/*
 * Validate the rest, and find what was not given: the migrations folder, and
 * for a command that needs one the database URL. Its secrets are remembered too.
 *
 * Errors   ERROR_USAGE: no database, a bad URL or secret, a login that --auth
 *          cannot make.
 */
MUST_CHECK bool config_finish(struct config *config, bool is_database_needed, struct error *err);

#endif
