/* key_checker_test.c: the queue with a gate before its thread, and keys through a whole service. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/fs_memory.h"
#include "base/thread.h"
#include "http/access/access_fixture.h"
#include "http/access/api_keys.h"
#include "http/access/key_checker.h"
#include "http/service_cases.h"

typedef struct gate {
    alm_mutex busy;
    alm_condition moved;
    bool is_open;
    int told;
} gate;

static void wait_at(void *context)
{
    gate *g = context;
    alm_mutex_lock(&g->busy);
    g->told++;
    alm_condition_broadcast(&g->moved);
    while (!g->is_open) {
        alm_condition_wait(&g->moved, &g->busy);
    }
    alm_mutex_unlock(&g->busy);
}

static void as_many_wait_as_may_and_all_are_told(void **state)
{
    (void)state;
    static alm_key_check checks[ALM_KEY_CHECKS_WAITING_MAX + 2];
    gate g = {.is_open = false};
    alm_env env = {.now = cases_service_now};
    alm_access_settings settings = {.development = true};
    alm_access *access = NULL;
    alm_key_checker *checker = NULL;
    alm_arena *arena = alm_arena_create(0);
    alm_mutex_init(&g.busy);
    alm_condition_init(&g.moved);
    assert_int_equal(alm_access_create(&env, &settings, true, 2, &access, NULL), ALM_OK);
    assert_int_equal(alm_key_checker_create(access, 1, &checker, NULL), ALM_OK);
    for (size_t i = 0; i < ALM_KEY_CHECKS_WAITING_MAX + 2; i++) {
        checks[i] = (alm_key_check){.request = {.is_loopback = true}, .arena = arena,
                                    .told = wait_at, .context = &g};
    }
    assert_true(alm_key_checker_ask(checker, &checks[0]));
    alm_mutex_lock(&g.busy); /* until the thread is held at the gate with the first */
    while (g.told == 0) {
        alm_condition_wait(&g.moved, &g.busy);
    }
    alm_mutex_unlock(&g.busy);
    for (size_t i = 1; i <= ALM_KEY_CHECKS_WAITING_MAX; i++) {
        assert_true(alm_key_checker_ask(checker, &checks[i]));
    }
    assert_false(alm_key_checker_ask(checker, &checks[ALM_KEY_CHECKS_WAITING_MAX + 1]));
    alm_mutex_lock(&g.busy);
    g.is_open = true;
    alm_condition_broadcast(&g.moved);
    alm_mutex_unlock(&g.busy);
    alm_key_checker_destroy(checker); /* tells whoever still waits */
    assert_int_equal(g.told, ALM_KEY_CHECKS_WAITING_MAX + 1);
    for (size_t i = 0; i <= ALM_KEY_CHECKS_WAITING_MAX; i++) {
        assert_int_equal(checks[i].verdict.reason, ALM_ACCESS_ALLOWED);
        assert_int_equal(checks[i].verdict.identity.kind, ALM_IDENTITY_DEVELOPMENT);
    }
    alm_access_destroy(access);
    alm_condition_deinit(&g.moved);
    alm_mutex_deinit(&g.busy);
    alm_arena_destroy(arena);
}

static int64_t status_with(alm_service *service, const char *key)
{
    const char *const headers[] = {"x-api-key", key, NULL};
    cases_answer answer;
    cases_ask_service(service, ALM_METHOD_GET, "/metrics", headers, (alm_str){0}, &answer);
    int64_t status = answer.reply.status;
    cases_answer_end(&answer);
    return status;
}

static void a_service_asks_the_checker(void **state)
{
    (void)state;
    cases_service f;
    cases_service_start(&f);
    alm_arena *arena = alm_arena_create(0);
    alm_fs *fs = NULL;
    alm_yaml *map = NULL;
    alm_access_settings settings;
    assert_int_equal(alm_fs_memory_create(&fs, NULL), ALM_OK);
    alm_str keys = golden_text("api_keys.json", arena);
    assert_int_equal(alm_fs_write_all(fs, "api_keys.json", keys, NULL), ALM_OK);
    assert_int_equal(alm_yaml_parse(ALM_STR("api_keys: {file: api_keys.json}\n"), "serve.yaml",
                                    arena, &map, NULL), ALM_OK);
    assert_int_equal(alm_access_settings_read(map, ".", arena, &settings, NULL), ALM_OK);
    alm_access_destroy(f.service.access);
    alm_env env = {.now = cases_service_now, .fs = fs};
    alm_service *s = &f.service;
    assert_int_equal(alm_access_create(&env, &settings, true, 2, &s->access, NULL), ALM_OK);
    assert_int_equal(alm_key_checker_create(s->access, 1, &s->keys, NULL), ALM_OK);
    char key[ALM_API_KEY_TEXT_BYTES] = "";
    memcpy(key, strstr(keys.data, "alm_"), ALM_API_KEY_TEXT_BYTES - 1);
    assert_int_equal(status_with(s, key), 200);
    assert_int_equal(status_with(s, key), 200); /* remembered */
    key[ALM_API_KEY_TEXT_BYTES - 2] = key[ALM_API_KEY_TEXT_BYTES - 2] == 'f' ? 'e' : 'f';
    assert_int_equal(status_with(s, key), 401);
    assert_int_equal(status_with(s, "no key"), 401);
    alm_key_checker_destroy(s->keys);
    cases_service_stop(&f);
    alm_fs_destroy(fs);
    alm_arena_destroy(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_many_wait_as_may_and_all_are_told),
        cmocka_unit_test(a_service_asks_the_checker),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
