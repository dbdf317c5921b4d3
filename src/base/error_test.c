#include "base/error.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/str.h"

static void codes_have_one_row_each(void **state)
{
    (void)state;
    assert_string_equal(alm_err_name(ALM_OK), "OK");
    assert_int_equal(alm_err_http_status(ALM_OK), 200);
    assert_int_equal(alm_err_exit_status(ALM_OK), 0);
    assert_string_equal(alm_err_name(ALM_ERR_NOT_FOUND), "NOT_FOUND");
    assert_string_equal(alm_err_text(ALM_ERR_NOT_FOUND), "not found");
    assert_int_equal(alm_err_http_status(ALM_ERR_NOT_FOUND), 404);
    assert_int_equal(alm_err_exit_status(ALM_ERR_NOT_FOUND), 4);
    for (int code = 1; code < ALM_ERR_COUNT; code++) {
        assert_true(alm_err_text((alm_err)code)[0] != '\0');
        assert_in_range(alm_err_http_status((alm_err)code), 400, 599);
        /* 0 is success, 1 is what a shell or a crash gives. */
        assert_in_range(alm_err_exit_status((alm_err)code), 2, 63);
        for (int other = 1; other < code; other++) {
            assert_string_not_equal(alm_err_name((alm_err)code), alm_err_name((alm_err)other));
        }
    }
}

static void fail_sets_code_and_message(void **state)
{
    (void)state;
    alm_error error = {0};
    assert_int_equal(alm_fail(&error, ALM_ERR_IO, "%s: row %d", "a.csv", 7), ALM_ERR_IO);
    assert_int_equal(error.code, ALM_ERR_IO);
    assert_string_equal(error.message, "a.csv: row 7");
    assert_int_equal(alm_fail(NULL, ALM_ERR_LIMIT, "nobody listens"), ALM_ERR_LIMIT);
    assert_int_equal(alm_error_wrap(NULL, ALM_ERR_LIMIT, "nobody"), ALM_ERR_LIMIT);
    alm_error_clear(&error);
    alm_error_clear(NULL);
    assert_int_equal(error.code, ALM_OK);
    assert_string_equal(error.message, "");
}

static void wrap_puts_context_in_front(void **state)
{
    (void)state;
    alm_error error = {0};
    alm_err code = alm_fail(&error, ALM_ERR_CORRUPT, "row 3 is short");
    assert_int_equal(alm_error_wrap(&error, code, "reading %s", "b.csv"), ALM_ERR_CORRUPT);
    assert_string_equal(error.message, "reading b.csv: row 3 is short");
    alm_error_wrap(&error, ALM_ERR_INVALID, "snapshot");
    assert_int_equal(error.code, ALM_ERR_INVALID);
    assert_string_equal(error.message, "snapshot: reading b.csv: row 3 is short");
}

static bool is_one_line_of_utf8(const char *message)
{
    alm_str text = alm_str_of(message);
    for (size_t i = 0; i < text.size; i++) {
        if ((unsigned char)text.data[i] < 0x20 || text.data[i] == 0x7F) {
            return false;
        }
    }
    return alm_str_is_utf8(text, NULL);
}

/* Every length around the cut and every position of the cut within characters of 1 to 4 bytes. */
static void a_long_message_is_cut_between_characters(void **state)
{
    (void)state;
    static const char *CHARACTERS[] = {"x", "é", "€", "𝄞"};
    for (size_t kind = 0; kind < 4; kind++) {
        size_t size = strlen(CHARACTERS[kind]);
        for (size_t lead = 0; lead < 8; lead++) {
            char text[700];
            memset(text, 'a', sizeof text);
            size_t end = lead;
            while (end + size < 600) {
                memcpy(text + end, CHARACTERS[kind], size);
                end += size;
            }
            text[end] = '\0';
            alm_error error = {0};
            alm_fail(&error, ALM_ERR_INVALID, "%s", text);
            size_t kept = strlen(error.message);
            assert_true(is_one_line_of_utf8(error.message));
            assert_in_range(kept, ALM_ERROR_MESSAGE_BYTES - 5, ALM_ERROR_MESSAGE_BYTES - 1);
            assert_memory_equal(error.message, text, kept);
            alm_error_wrap(&error, ALM_ERR_INVALID, "context of %s", CHARACTERS[kind]);
            assert_true(is_one_line_of_utf8(error.message));
            assert_memory_equal(error.message, "context of ", 11);
        }
    }
}

/* Messages quote input, which may hold anything; the message stays one line of UTF-8. */
static void quoted_input_cannot_break_the_line_or_the_encoding(void **state)
{
    (void)state;
    alm_error error = {0};
    alm_fail(&error, ALM_ERR_INVALID, "value '%s'", "a\nb\r\nc\td\x1b[31m\x7f");
    assert_string_equal(error.message, "value 'a b  c d [31m '");
    alm_fail(&error, ALM_ERR_INVALID, "value '%s' in %s", "caf\xE9", "Zürich");
    assert_string_equal(error.message, "value 'caf?' in Zürich");
    alm_fail(&error, ALM_ERR_INVALID, "%s", "\xED\xA0\x80|\xF0\x9F\x98|\xC3");
    assert_true(is_one_line_of_utf8(error.message));
    assert_string_equal(error.message, "???|???|?");
}

static alm_err forwards(alm_err code, int *after)
{
    ALM_TRY(code);
    *after += 1;
    return ALM_OK;
}

static void try_forwards_failures_only(void **state)
{
    (void)state;
    int after = 0;
    assert_int_equal(forwards(ALM_ERR_DENIED, &after), ALM_ERR_DENIED);
    assert_int_equal(after, 0);
    assert_int_equal(forwards(ALM_OK, &after), ALM_OK);
    assert_int_equal(after, 1);
}

/* In a child, since the process ends. */
static void assertions_are_on_and_abort(void **state)
{
    (void)state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        signal(SIGABRT, SIG_DFL); /* cmocka catches it */
        dup2(ends[1], STDERR_FILENO);
        alm_assert(2 + 2 == 5);
        _exit(0);
    }
    close(ends[1]);
    char text[400] = {0};
    ssize_t size = read(ends[0], text, sizeof text - 1);
    close(ends[0]);
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    assert_true(size > 0);
    assert_non_null(strstr(text, "assertion failed: 2 + 2 == 5"));
    assert_non_null(strstr(text, "error_test.c:"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(codes_have_one_row_each),
        cmocka_unit_test(fail_sets_code_and_message),
        cmocka_unit_test(wrap_puts_context_in_front),
        cmocka_unit_test(a_long_message_is_cut_between_characters),
        cmocka_unit_test(quoted_input_cannot_break_the_line_or_the_encoding),
        cmocka_unit_test(try_forwards_failures_only),
        cmocka_unit_test(assertions_are_on_and_abort),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
