#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/fs_memory.h"
#include "http/serve_settings.h"

typedef struct fixture {
    alm_fs *fs;
    alm_arena *arena;
    alm_serve_settings settings;
    alm_error error;
} fixture;

static void start(fixture *f)
{
    *f = (fixture){.arena = alm_arena_create(0)};
    assert_int_equal(alm_fs_memory_create(&f->fs, NULL), ALM_OK);
    assert_int_equal(alm_fs_make_directories(f->fs, "/p", NULL), ALM_OK);
}

static void stop(fixture *f)
{
    alm_fs_destroy(f->fs);
    alm_arena_destroy(f->arena);
}

static void put(fixture *f, const char *path, const char *text)
{
    assert_int_equal(alm_fs_write_all(f->fs, path, alm_str_of(text), NULL), ALM_OK);
}

static alm_err read_file(fixture *f)
{
    return alm_serve_settings_read(f->fs, "/p/serve.yaml", f->arena, &f->settings, &f->error);
}

static void nothing_gives_the_defaults(void **state)
{
    (void)state;
    fixture f;
    start(&f);
    assert_int_equal(alm_serve_settings_read(f.fs, NULL, f.arena, &f.settings, NULL), ALM_OK);
    const alm_server_settings *server = &f.settings.server;
    assert_string_equal(server->address, alm_server_defaults.address);
    assert_int_equal(server->port, alm_server_defaults.port);
    assert_int_equal(server->body_bytes_max, alm_server_defaults.body_bytes_max);
    assert_int_equal(server->head_bytes_max, alm_server_defaults.head_bytes_max);
    assert_int_equal(server->headers_max, alm_server_defaults.headers_max);
    assert_int_equal(server->connections_max, alm_server_defaults.connections_max);
    assert_int_equal(server->request_seconds, alm_server_defaults.request_seconds);
    assert_int_equal(server->drain_seconds, alm_server_defaults.drain_seconds);
    assert_false(f.settings.has_workers);
    assert_false(f.settings.server.is_realtime);
    assert_null(f.settings.access);
    assert_null(f.settings.predictions.folder); /* nobody's data is kept unless it is said */
    assert_int_equal(f.settings.cache_bytes, 0);
    assert_false(f.settings.has_redis);
    stop(&f);
}

/* A file that says nothing is no error: all is left out. What is not a map is one. */
static void a_blank_file_gives_the_defaults(void **state)
{
    (void)state;
    static const char *const blank[] = {"", "\n", "  \n\t\r\n", "# listen: {port: 1}\n\n  # more"};
    static const char *const wrong[] = {"---\n", "~", "[]", "# nothing\nnothing\n"};
    fixture f;
    start(&f);
    for (size_t i = 0; i < sizeof blank / sizeof *blank; i++) {
        put(&f, "/p/serve.yaml", blank[i]);
        assert_int_equal(read_file(&f), ALM_OK);
        assert_int_equal(f.settings.server.port, alm_server_defaults.port);
        assert_null(f.settings.access);
        assert_string_equal(f.settings.folder, "/p");
    }
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        put(&f, "/p/serve.yaml", wrong[i]);
        assert_int_equal(read_file(&f), ALM_ERR_CONFIG);
    }
    stop(&f);
}

static void everything_that_is_said_is_taken(void **state)
{
    (void)state;
    fixture f;
    start(&f);
    put(&f, "/p/c.pem", "CERT");
    put(&f, "/p/k.pem", "KEY");
    put(&f, "/p/serve.yaml",
        "listen: {address: \"::1\", port: 8443, workers: 3, realtime: true}\n"
        "limits: {body_mib: 2, head_kib: 8, headers: 20, connections: 100,\n"
        "         connections_per_address: 5, request_seconds: 9, drain_seconds: 0,\n"
        "         memory_mib: 3}\n"
        "tls: {certificate: c.pem, key: k.pem}\n"
        "access: {development: true}\n"
        "predictions: {folder: log, rate: 0.5, file_mib: 2, files_max: 0, buffer_kib: 64}\n"
        "cache: {mib: 3}\n"
        "shared_cache: {socket: run/redis, user: me, password_file: word, database: 2,\n"
        "               lifetime_s: 60, call_ms: 7, host: cache, port: 7000}\n");
    put(&f, "/p/word", " open sesame \nno more\n");
    assert_int_equal(read_file(&f), ALM_OK);
    const alm_server_settings *server = &f.settings.server;
    assert_string_equal(server->address, "::1");
    assert_int_equal(server->port, 8443);
    assert_int_equal(server->workers, 3);
    assert_true(f.settings.has_workers);
    assert_true(server->is_realtime);
    assert_int_equal(server->body_bytes_max, 2 << 20);
    assert_int_equal(server->head_bytes_max, 8 << 10);
    assert_int_equal(server->headers_max, 20);
    assert_int_equal(server->connections_max, 100);
    assert_int_equal(server->connections_per_address_max, 5);
    assert_int_equal(server->request_seconds, 9);
    assert_int_equal(server->drain_seconds, 0);
    assert_int_equal(f.settings.memory_bytes, 3 << 20);
    assert_string_equal(server->certificate.data, "CERT");
    assert_string_equal(server->key.data, "KEY");
    assert_non_null(f.settings.access);
    assert_string_equal(f.settings.folder, "/p");
    const alm_serve_predictions *predictions = &f.settings.predictions;
    assert_string_equal(predictions->folder, "/p/log");
    assert_true(predictions->rate == 0.5);
    assert_int_equal(predictions->file_bytes, 2 << 20);
    assert_int_equal(predictions->files_max, 0);
    assert_int_equal(predictions->ring_bytes, 64 << 10);
    assert_int_equal(f.settings.cache_bytes, 3 << 20);
    const alm_redis_options *redis = &f.settings.redis;
    assert_true(f.settings.has_redis);
    assert_string_equal(redis->socket, "/p/run/redis");
    assert_string_equal(redis->host, "cache");
    assert_int_equal(redis->port, 7000);
    assert_string_equal(redis->user, "me");
    assert_string_equal(redis->password, "open sesame");
    assert_int_equal(redis->database, 2);
    assert_int_equal(redis->lifetime_s, 60);
    assert_int_equal(redis->call_ms, 7);
    stop(&f);
}

static void faults_are_told_with_their_place(void **state)
{
    (void)state;
    static const struct {
        const char *text, *message;
        alm_err code;
    } cases[] = {
        {"lisen: {}\n", "serve.yaml:1:1: unknown key lisen", ALM_ERR_CONFIG},
        {"listen:\n  port: 70000\n", "serve.yaml:2:3", ALM_ERR_CONFIG},
        {"listen: 80\n", "serve.yaml:1:1", ALM_ERR_CONFIG},
        {"limits: {headers: many}\n", "serve.yaml:1:", ALM_ERR_CONFIG},
        {"predictions: {rate: 0.1}\n", "folder", ALM_ERR_CONFIG},
        {"predictions: {folder: a, rate: 1.5}\n", "serve.yaml:1:", ALM_ERR_CONFIG},
        {"predictions: {folder: a, rate: -1}\n", "serve.yaml:1:", ALM_ERR_CONFIG},
        {"predictions: {folder: a, redis: b}\n", "redis", ALM_ERR_CONFIG},
        {"cache: {}\n", "mib", ALM_ERR_CONFIG},
        {"cache: {mib: 0}\n", "serve.yaml:1:", ALM_ERR_CONFIG},
        {"shared_cache: {lifetime_s: 0}\n", "serve.yaml:1:", ALM_ERR_CONFIG},
        {"shared_cache: {password: a}\n", "password", ALM_ERR_CONFIG},
        {"shared_cache: {user: a}\n", "a user needs a password_file", ALM_ERR_CONFIG},
        {"shared_cache: {password_file: none}\n", "none", ALM_ERR_NOT_FOUND},
        {"shared_cache: {password_file: blank}\n", "no password", ALM_ERR_CONFIG},
        {"tls: {certificate: c.pem}\n", "key", ALM_ERR_CONFIG},
        {"tls: {certificate: c.pem, key: k.pem}\n", "c.pem", ALM_ERR_NOT_FOUND},
    };
    fixture f;
    start(&f);
    put(&f, "/p/blank", " \nlate\n");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        put(&f, "/p/serve.yaml", cases[i].text);
        alm_serve_settings before = f.settings;
        assert_int_equal(read_file(&f), cases[i].code);
        if (!strstr(f.error.message, cases[i].message)) {
            fail_msg("%s: %s", cases[i].text, f.error.message);
        }
        assert_memory_equal(&before, &f.settings, sizeof before);
    }
    put(&f, "/p/night.yaml", "listen: 80\n");
    assert_int_equal(alm_serve_settings_read(f.fs, "/p/night.yaml", f.arena, &f.settings, &f.error),
                     ALM_ERR_CONFIG);
    assert_non_null(strstr(f.error.message, "night.yaml:1:1"));
    stop(&f);
}

static void the_page_has_the_tables(void **state)
{
    (void)state;
    alm_fs *real = NULL;
    alm_str page;
    alm_buffer tables = {0};
    alm_arena *arena = alm_arena_create(0);
    assert_int_equal(alm_fs_real_create(&real, NULL), ALM_OK);
    assert_int_equal(alm_fs_read_all(real, "docs/serving.md", 1 << 20, arena, &page, NULL),
                     ALM_OK);
    alm_serve_settings_document(&tables);
    if (!strstr(page.data, tables.data)) {
        fail_msg("docs/serving.md lacks these tables:\n%s", tables.data);
    }
    alm_buffer_deinit(&tables);
    alm_fs_destroy(real);
    alm_arena_destroy(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_gives_the_defaults),
        cmocka_unit_test(a_blank_file_gives_the_defaults),
        cmocka_unit_test(everything_that_is_said_is_taken),
        cmocka_unit_test(faults_are_told_with_their_place),
        cmocka_unit_test(the_page_has_the_tables),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
