/* error.h: the one error type of almanac.
 *
 * Every fallible function returns an `alm_err` and takes a caller-owned `alm_error *` as its last
 * argument (NULL when the caller wants the code only). On failure the outputs are untouched and the
 * message is one line that names the file, row, column or key and the remedy. One table below gives
 * the code, the text, the HTTP status and the exit status; nothing else may map codes.
 *
 * Thread safety: no shared state; an alm_error belongs to one thread at a time. */
#ifndef ALM_BASE_ERROR_H
#define ALM_BASE_ERROR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* X(name, text, HTTP status, exit status) */
#define ALM_ERR_MAP(X)                                              \
    X(INVALID, "invalid input", 400, 2)                             \
    X(USAGE, "wrong usage", 400, 2)                                 \
    X(CONFIG, "invalid project file", 400, 3)                       \
    X(NOT_FOUND, "not found", 404, 4)                               \
    X(EXISTS, "already there", 409, 5)                              \
    X(CONFLICT, "conflict", 409, 6)                                 \
    X(DENIED, "not allowed", 403, 7)                                \
    X(INCOMPLETE, "input incomplete", 409, 8)                       \
    X(CORRUPT, "corrupt data", 500, 9)                              \
    X(LIMIT, "limit exceeded", 413, 10)                             \
    X(MEMORY, "out of memory", 503, 11)                             \
    X(IO, "input/output error", 500, 12)                            \
    X(UNSUPPORTED, "not supported", 501, 13)                        \
    X(NUMERIC, "numerical failure", 500, 14)                        \
    X(EXTERNAL, "failure in a library", 500, 15)                    \
    X(INTERRUPTED, "interrupted", 503, 16)                          \
    X(UNAVAILABLE, "not available now", 503, 17)

typedef enum alm_err {
    ALM_OK = 0,
#define ALM_ERR_ENUM(name, text, http, exit) ALM_ERR_##name,
    ALM_ERR_MAP(ALM_ERR_ENUM)
#undef ALM_ERR_ENUM
        ALM_ERR_COUNT
} alm_err;

#define ALM_ERROR_MESSAGE_BYTES 512

typedef struct alm_error {
    alm_err code;
    char message[ALM_ERROR_MESSAGE_BYTES]; /* one line, NUL terminated, valid UTF-8 */
} alm_error;

#define ALM_NODISCARD __attribute__((warn_unused_result))
#define ALM_PRINTF(format_index, first) __attribute__((format(printf, format_index, first)))

/* Sets `error` (if not NULL) and returns `code`, so that `return alm_fail(...)` is one statement.
 * A message longer than the buffer is cut at a character boundary. */
alm_err alm_fail(alm_error *error, alm_err code, const char *format, ...) ALM_PRINTF(3, 4);

/* Puts context in front of the message ("reading sales.csv: ...") and keeps the code. */
alm_err alm_error_wrap(alm_error *error, alm_err code, const char *format, ...) ALM_PRINTF(3, 4);

void alm_error_clear(alm_error *error);

const char *alm_err_name(alm_err code); /* "NOT_FOUND"; "OK" for ALM_OK */
const char *alm_err_text(alm_err code); /* "not found" */
int alm_err_http_status(alm_err code);  /* 200 for ALM_OK */
int alm_err_exit_status(alm_err code);  /* 0 for ALM_OK */

/* Forwards a failure; the only forwarding macro. Functions with cleanup use `goto done` instead. */
#define ALM_TRY(expression)                      \
    do {                                         \
        alm_err alm_try_code_ = (expression);    \
        if (alm_try_code_ != ALM_OK) {           \
            return alm_try_code_;                \
        }                                        \
    } while (0)

/* For programmer errors; on in every build. Prints to standard error and aborts. */
#define alm_assert(condition) \
    ((condition) ? (void)0 : almi_assert_failed(#condition, __FILE__, __LINE__))

_Noreturn void almi_assert_failed(const char *condition, const char *file, int line);

#endif
