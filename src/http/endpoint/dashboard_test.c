/* The dashboard's files as a browser gets them: types, tags, policies, and nothing else. */
#include "http/web_files.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "http/service_cases.h"

typedef struct fixture {
    cases_service service;
    cases_answer answer;
} fixture;

static void start(fixture *f)
{
    *f = (fixture){0};
    cases_service_start(&f->service);
}

static void stop(fixture *f)
{
    cases_answer_end(&f->answer);
    cases_service_stop(&f->service);
}

static int ask(fixture *f, alm_http_method method, const char *target, const char *tag)
{
    const char *const headers[] = {"if-none-match", tag, NULL};
    if (f->answer.arena) {
        cases_answer_end(&f->answer);
    }
    cases_ask_service(&f->service.service, method, target, tag ? headers : NULL, ALM_STR(""),
                      &f->answer);
    return f->answer.reply.status;
}

static const char *header(const fixture *f, const char *name)
{
    const char *value = cases_reply_header(&f->answer, name);
    assert_non_null(value);
    return value;
}

static bool has(alm_str text, const char *part)
{
    size_t size = strlen(part);
    for (size_t i = 0; i + size <= text.size; i++) {
        if (memcmp(text.data + i, part, size) == 0) {
            return true;
        }
    }
    return false;
}

static alm_str content(const alm_web_file *file)
{
    return (alm_str){(const char *)file->bytes, file->size};
}

static void expect_policies(const fixture *f)
{
    const char *policy = header(f, "Content-Security-Policy");
    assert_memory_equal(policy, "default-src 'none'; script-src 'self'; style-src 'self'; ", 56);
    assert_null(strstr(policy, "unsafe"));
    assert_null(strstr(policy, "http"));
    assert_null(strstr(policy, "*"));
    assert_non_null(strstr(policy, "frame-ancestors 'none'"));
    assert_non_null(strstr(policy, "connect-src 'self'"));
    assert_string_equal(header(f, "X-Content-Type-Options"), "nosniff");
    assert_string_equal(header(f, "Referrer-Policy"), "no-referrer");
    assert_string_equal(header(f, "Cache-Control"), "no-cache");
}

static void the_page_is_at_the_root(void **state)
{
    (void)state;
    fixture f;
    start(&f);
    const alm_web_file *index = alm_web_file_find(ALM_STR("index.html"));
    assert_non_null(index);
    assert_int_equal(ask(&f, ALM_METHOD_GET, "/", NULL), 200);
    assert_string_equal(f.answer.reply.content_type, "text/html; charset=utf-8");
    assert_int_equal(f.answer.body.size, index->size);
    assert_memory_equal(f.answer.body.data, index->bytes, index->size);
    expect_policies(&f);
    /* The server leaves the body of HEAD out; the endpoint answers it like GET. */
    assert_int_equal(ask(&f, ALM_METHOD_HEAD, "/", NULL), 200);
    assert_string_equal(header(&f, "ETag"), index->etag);
    assert_int_equal(ask(&f, ALM_METHOD_POST, "/", NULL), 405);
    stop(&f);
}

static const char *type_of(const char *name)
{
    const char *ending = strrchr(name, '.');
    return strcmp(ending, ".js") == 0    ? "text/javascript; charset=utf-8"
           : strcmp(ending, ".css") == 0 ? "text/css; charset=utf-8"
           : strcmp(ending, ".svg") == 0 ? "image/svg+xml"
                                         : "text/html; charset=utf-8";
}

static void every_file_has_its_type_and_tag(void **state)
{
    (void)state;
    fixture f;
    start(&f);
    assert_true(alm_web_file_count > 10);
    for (size_t i = 0; i < alm_web_file_count; i++) {
        const alm_web_file *file = &alm_web_files[i];
        alm_arena *arena = alm_arena_create(256);
        const char *target = alm_arena_printf(arena, "/dashboard/%s", file->name);
        assert_true(i == 0 || strcmp(alm_web_files[i - 1].name, file->name) < 0);
        assert_ptr_equal(alm_web_file_find(alm_str_of(file->name)), file);
        assert_int_equal(ask(&f, ALM_METHOD_GET, target, NULL), 200);
        assert_string_equal(f.answer.reply.content_type, type_of(file->name));
        assert_int_equal(f.answer.body.size, file->size);
        assert_memory_equal(f.answer.body.data, file->bytes, file->size);
        expect_policies(&f);
        assert_int_equal(ask(&f, ALM_METHOD_GET, target, file->etag), 304);
        assert_int_equal(f.answer.body.size, 0);
        assert_null(f.answer.reply.content_type);
        expect_policies(&f);
        alm_arena_destroy(arena);
    }
    stop(&f);
}

static void tags_are_compared_weakly(void **state)
{
    (void)state;
    fixture f;
    start(&f);
    const char *tag = alm_web_file_find(ALM_STR("app.js"))->etag;
    alm_arena *arena = alm_arena_create(1024);
    const struct {
        const char *given;
        int status;
    } CASE[] = {
        {tag, 304},
        {tag + 2, 304}, /* without the W/ */
        {alm_arena_printf(arena, "\"one\", %s , \"two\"", tag), 304},
        {"*", 304},
        {"\"one\"", 200},
        {"W/\"one\", W/\"two\"", 200},
        {alm_arena_printf(arena, "W/W/%s", tag + 2), 200},
        {",,", 200},
        {"W/", 200},
        {alm_web_file_find(ALM_STR("app.css"))->etag, 200}, /* of another file */
    };
    for (size_t i = 0; i < sizeof CASE / sizeof *CASE; i++) {
        if (ask(&f, ALM_METHOD_GET, "/dashboard/app.js", CASE[i].given) != CASE[i].status) {
            fail_msg("%s gave %d", CASE[i].given, f.answer.reply.status);
        }
        assert_string_equal(header(&f, "ETag"), tag);
    }
    alm_arena_destroy(arena);
    stop(&f);
}

static void nothing_else_is_given(void **state)
{
    (void)state;
    static const char *const TARGET[] = {
        "/dashboard/none.js",       "/dashboard/App.js",         "/dashboard/app.js.map",
        "/dashboard/..%2findex.html", "/dashboard/%2e%2e",       "/dashboard/../app.js",
        "/dashboard/./app.js",      "/dashboard//app.js",        "/dashboard/app.js/",
        "/dashboard/",              "/dashboard",                "/dashboard/%2fetc%2fpasswd",
        "/dashboard/app.js%00.css", "/index.html",               "//",
        "/dashboard/app",           "/dashboard/app.js%20",
    };
    fixture f;
    start(&f);
    for (size_t i = 0; i < sizeof TARGET / sizeof *TARGET; i++) {
        if (ask(&f, ALM_METHOD_GET, TARGET[i], NULL) != 404) {
            fail_msg("%s gave %d", TARGET[i], f.answer.reply.status);
        }
        assert_string_equal(f.answer.reply.content_type, ALM_TYPE_PROBLEM);
    }
    stop(&f);
}

/* Everything comes from here: no address of another place but names of XML, no script in a page,
 * and nothing that the policy would have to stop. */
static void no_file_names_another_place(void **state)
{
    (void)state;
    static const char *const BANNED[] = {
        "https://", "//cdn", "innerHTML", "insertAdjacentHTML", "document.write", "eval(",
        "new Function", "localStorage.setItem(KEY", "javascript:", " style=\"", "onclick=\"",
        "@import",
    };
    for (size_t i = 0; i < alm_web_file_count; i++) {
        alm_str text = content(&alm_web_files[i]);
        for (size_t b = 0; b < sizeof BANNED / sizeof *BANNED; b++) {
            if (has(text, BANNED[b])) {
                fail_msg("%s has %s", alm_web_files[i].name, BANNED[b]);
            }
        }
        for (size_t at = 0; at + 8 <= text.size; at++) {
            bool is_url = memcmp(text.data + at, "http://", 7) == 0;
            bool is_name = at + 18 <= text.size &&
                           memcmp(text.data + at, "http://www.w3.org/", 18) == 0;
            if (is_url && !is_name) {
                fail_msg("%s names an address", alm_web_files[i].name);
            }
        }
    }
    assert_false(has(content(alm_web_file_find(ALM_STR("index.html"))), "<script>"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_page_is_at_the_root),
        cmocka_unit_test(every_file_has_its_type_and_tag),
        cmocka_unit_test(tags_are_compared_weakly),
        cmocka_unit_test(nothing_else_is_given),
        cmocka_unit_test(no_file_names_another_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
