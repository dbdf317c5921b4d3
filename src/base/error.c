#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"

typedef struct err_row {
    const char *name;
    const char *text;
    int http_status;
    int exit_status;
} err_row;

static const err_row ERR_ROWS[ALM_ERR_COUNT] = {
    [ALM_OK] = {"OK", "ok", 200, 0},
#define ALM_ERR_ROW(name, text, http, exit) [ALM_ERR_##name] = {#name, text, http, exit},
    ALM_ERR_MAP(ALM_ERR_ROW)
#undef ALM_ERR_ROW
};

static const err_row *row_of(alm_err code)
{
    alm_assert((unsigned)code < ALM_ERR_COUNT);
    return &ERR_ROWS[code];
}

/* A message is one line of UTF-8 whatever input it quotes: a cut never leaves half a character,
 * control characters (line breaks, terminal escapes) become blanks, other bytes that are not
 * UTF-8 question marks. */
static void tidy_message(char *message)
{
    size_t size = strlen(message);
    if (size == ALM_ERROR_MESSAGE_BYTES - 1) {
        size_t lead = size;
        while (lead > 0 && ((unsigned char)message[lead - 1] & 0xC0) == 0x80) {
            lead--;
        }
        if (lead > 0 && (unsigned char)message[lead - 1] >= 0xC0) {
            message[lead - 1] = '\0';
        }
    }
    for (char *c = message; *c; c++) {
        if ((unsigned char)*c < 0x20 || *c == 0x7F) {
            *c = ' ';
        }
    }
    size_t bad = 0;
    while (!alm_str_is_utf8(alm_str_of(message), &bad)) {
        message[bad] = '?';
    }
}

alm_err alm_fail(alm_error *error, alm_err code, const char *format, ...)
{
    alm_assert(code != ALM_OK);
    if (error) {
        va_list arguments;
        va_start(arguments, format);
        vsnprintf(error->message, sizeof error->message, format, arguments);
        va_end(arguments);
        tidy_message(error->message);
        error->code = code;
    }
    return code;
}

/* As much of `text` as there is room for. */
static void append(char *message, const char *text)
{
    size_t used = strlen(message);
    size_t room = ALM_ERROR_MESSAGE_BYTES - 1 - used;
    size_t size = strlen(text);
    size = size < room ? size : room;
    memcpy(message + used, text, size);
    message[used + size] = '\0';
}

alm_err alm_error_wrap(alm_error *error, alm_err code, const char *format, ...)
{
    alm_assert(code != ALM_OK);
    if (error) {
        char cause[ALM_ERROR_MESSAGE_BYTES];
        memcpy(cause, error->message, sizeof cause);
        va_list arguments;
        va_start(arguments, format);
        vsnprintf(error->message, sizeof error->message, format, arguments);
        va_end(arguments);
        append(error->message, ": ");
        append(error->message, cause);
        tidy_message(error->message);
        error->code = code;
    }
    return code;
}

void alm_error_clear(alm_error *error)
{
    if (error) {
        error->code = ALM_OK;
        error->message[0] = '\0';
    }
}

const char *alm_err_name(alm_err code)
{
    return row_of(code)->name;
}

const char *alm_err_text(alm_err code)
{
    return row_of(code)->text;
}

int alm_err_http_status(alm_err code)
{
    return row_of(code)->http_status;
}

int alm_err_exit_status(alm_err code)
{
    return row_of(code)->exit_status;
}

_Noreturn void almi_assert_failed(const char *condition, const char *file, int line)
{
    fprintf(stderr, "almanac: assertion failed: %s (%s:%d)\n", condition, file, line);
    abort();
}
