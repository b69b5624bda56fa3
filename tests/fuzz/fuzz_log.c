/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzz: any bytes as what a log line says, in text and as JSON.
 *
 * What must hold: one event is one line, in text with its further lines
 * indented; nothing in it acts where it is shown; a password that the bytes
 * hold is not shown; the JSON is JSON.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "adapter/log.h"
#include "base/memory.h"
#include "base/secret.h"
#include "base/text.h"
#include "engine/passwords.h"
#include "fuzz.h"

enum { LINE_BYTES = 64 * 1024, INDENT = 19 };

static void
check_shown(const char *line, size_t size_bytes)
{
    MUST_HOLD(size_bytes > 0 && size_bytes < LINE_BYTES);
    MUST_HOLD(line[size_bytes - 1] == '\n');
    MUST_HOLD(utf8_valid(line, size_bytes) == size_bytes);
    for (size_t at = 0, length = 1; at < size_bytes; at += length) {
        for (length = 1; ((unsigned char)line[at + length] & 0xC0) == 0x80;)
            length++;
        MUST_HOLD(line[at] == '\n' || !utf8_is_acting(line + at, length));
    }
    MUST_HOLD(strstr(line, SECRET) == NULL);
}

static void
check_text(const char *line)
{
    for (const char *at = strchr(line, '\n'); at[1] != '\0'; at = strchr(at + 1, '\n'))
        MUST_HOLD(strspn(at + 1, " ") >= INDENT);
}

static void
check_json(const char *line, size_t size_bytes, bool has_message)
{
    MUST_HOLD(strchr(line, '\n') == line + size_bytes - 1);
    json_t *object = json_loads(line, 0, NULL);
    MUST_HOLD(json_is_object(object));
    MUST_HOLD(json_is_string(json_object_get(object, "message")) == has_message);
    json_decref(object);
}

static void
write_line(const char *message, bool is_json)
{
    AUTO_JSON json_t *fields = json_object();
    int descriptor = memfd_create("log", 0);
    struct log log = {.descriptor = descriptor, .is_json = is_json, .is_verbose = true};

    json_put_string(fields, "text", message);
    log_write(&log, LOG_INFO, "an.event", message, fields);
    size_t size = (size_t)lseek(descriptor, 0, SEEK_END);
    AUTO_STRING char *line = memory_new(size + 1);
    MUST_HOLD(pread(descriptor, line, size, 0) == (ssize_t)size);
    close(descriptor);
    check_shown(line, size);
    if (is_json)
        check_json(line, size, *message != '\0');
    else
        check_text(line);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
    AUTO_TEXT message = TEXT_INIT;

    /* A `~` stands for a secret. */
    text_puts(&message, "");
    for (size_t i = 0; i < size_bytes && data[i] != '\0'; i++) {
        if (data[i] == '~')
            text_puts(&message, SECRET);
        else
            text_add(&message, (const char *)data + i, 1);
    }
    secret_add(SECRET);
    passwords_remember(text_string(&message), message.size_bytes);
    write_line(text_string(&message), false);
    write_line(text_string(&message), true);
    secret_forget_all();
    return 0;
}
