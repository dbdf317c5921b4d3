/* The same behaviour of every shared store: Redis behind a Unix socket (a small one of the test,
 * and the real one where it is installed), and the twin; then what Redis must not do to a caller.
 */
#include "base/shared_redis.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/redis_loopback.h"

#define CALL_MS 100     /* a limit that passes */
#define PATIENT_MS 60000 /* one that does not, however loaded the machine is */
#define PASSWORD "open sesame"

typedef struct world {
    char folder[64];
    alm_arena *arena;
    alm_error error;
    redis_loopback server;
} world;

static uint64_t clock_ns(void *context)
{
    struct timespec now;
    (void)context;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static const alm_env ENV = {.monotonic_ns = clock_ns};

static int start(void **state)
{
    static world w;
    memset(&w, 0, sizeof w);
    w.arena = alm_arena_create(0);
    (void)snprintf(w.folder, sizeof w.folder, "/tmp/almanac-redis-XXXXXX");
    (void)signal(SIGPIPE, SIG_IGN);
    *state = &w;
    return mkdtemp(w.folder) ? 0 : -1;
}

static int stop(void **state)
{
    world *w = *state;
    (void)rmdir(w->folder);
    alm_arena_destroy(w->arena);
    return 0;
}

static alm_redis_options options_of(const world *w, uint32_t call_ms)
{
    return (alm_redis_options){.socket = w->server.path, .lifetime_s = 60, .call_ms = call_ms,
                               .connecting_ms = PATIENT_MS, .connections = 2};
}

static alm_shared_store *open_store(world *w, const alm_redis_options *options)
{
    alm_shared_store *store = NULL;
    assert_int_equal(alm_shared_redis_create(options, &ENV, &store, &w->error), ALM_OK);
    return store;
}

static alm_str bytes_of(world *w, size_t size)
{
    char *bytes = alm_arena_alloc(w->arena, size);
    for (size_t i = 0; i < size; i++) {
        bytes[i] = (char)(i * 7 % 256);
    }
    return (alm_str){bytes, size};
}

static void assert_holds(world *w, alm_shared_store *store, alm_str key, alm_str value)
{
    alm_str got = {NULL, 0};
    assert_int_equal(alm_shared_get(store, key, w->arena, &got), ALM_SHARED_FOUND);
    assert_int_equal(got.size, value.size);
    assert_memory_equal(got.data, value.data, value.size);
    assert_int_equal(got.data[got.size], 0);
}

/* ---- every store ---- */

static void conform(world *w, alm_shared_store *store)
{
    alm_str got = {NULL, 0};
    alm_str odd = {"a b\r\n\0$3 \xff", 11}; /* keys are bytes */
    alm_str most = bytes_of(w, ALM_SHARED_VALUE_BYTES_MAX);
    alm_str longer = bytes_of(w, ALM_SHARED_VALUE_BYTES_MAX + 1);
    assert_int_equal(alm_shared_care(store, &w->error), ALM_OK);
    assert_int_equal(alm_shared_get(store, odd, w->arena, &got), ALM_SHARED_ABSENT);
    assert_true(alm_shared_put(store, odd, ALM_STR("one")));
    assert_true(alm_shared_put(store, ALM_STR("a"), ALM_STR("two")));
    assert_holds(w, store, odd, ALM_STR("one"));
    assert_holds(w, store, ALM_STR("a"), ALM_STR("two"));
    assert_true(alm_shared_put(store, ALM_STR("a"), bytes_of(w, 300))); /* in place of it */
    assert_holds(w, store, ALM_STR("a"), bytes_of(w, 300));
    assert_true(alm_shared_put(store, ALM_STR("most"), most));
    assert_holds(w, store, ALM_STR("most"), most);
    assert_false(alm_shared_put(store, ALM_STR("longer"), longer));
    assert_int_equal(alm_shared_get(store, ALM_STR("longer"), w->arena, &got), ALM_SHARED_ABSENT);
    alm_str key = bytes_of(w, ALM_SHARED_KEY_BYTES_MAX);
    assert_true(alm_shared_put(store, key, ALM_STR("x")));
    assert_holds(w, store, key, ALM_STR("x"));
    alm_shared_counts c = alm_shared_count(store);
    assert_int_equal(c.found, 5);
    assert_int_equal(c.absent, 2);
    assert_int_equal(c.failed, 0);
    assert_int_equal(alm_shared_care(store, &w->error), ALM_OK); /* nothing is to be done */
    alm_shared_destroy(store);
}

static void test_twin(void **state)
{
    alm_shared_store *store = NULL;
    assert_int_equal(alm_shared_memory_create(8, &store, NULL), ALM_OK);
    conform(*state, store);
}

static void test_redis(void **state)
{
    world *w = *state;
    assert_true(redis_start(&w->server, w->folder, REDIS_WORKS, NULL));
    alm_redis_options options = options_of(w, PATIENT_MS);
    conform(w, open_store(w, &options));
    redis_stop(&w->server);
}

/* Its port is a socket in the folder; it is not kept on disk. */
static pid_t start_real(world *w)
{
    (void)snprintf(w->server.path, sizeof w->server.path, "%s/redis.sock", w->folder);
    pid_t child = fork();
    if (child == 0) {
        (void)freopen("/dev/null", "w", stdout);
        (void)execlp("redis-server", "redis-server", "--port", "0", "--unixsocket",
                     w->server.path, "--save", "", "--requirepass", PASSWORD, "--dir", w->folder,
                     (char *)NULL);
        _exit(127);
    }
    return child;
}

static void test_real_redis(void **state)
{
    world *w = *state;
    int status = 0;
    struct stat there;
    pid_t child = start_real(w);
    assert_true(child > 0);
    while (stat(w->server.path, &there) != 0) {
        if (waitpid(child, &status, WNOHANG) == child) {
            assert_int_equal(WEXITSTATUS(status), 127); /* it is not installed */
            skip();
        }
        usleep(10000);
    }
    alm_redis_options options = options_of(w, PATIENT_MS);
    options.password = PASSWORD;
    options.user = "default";
    options.database = 3;
    conform(w, open_store(w, &options));
    options.lifetime_s = 1;
    alm_shared_store *store = open_store(w, &options);
    alm_str got;
    assert_int_equal(alm_shared_care(store, &w->error), ALM_OK);
    assert_true(alm_shared_put(store, ALM_STR("brief"), ALM_STR("x")));
    while (alm_shared_get(store, ALM_STR("brief"), w->arena, &got) == ALM_SHARED_FOUND) {
        usleep(50000); /* for ever, if it did not age */
    }
    assert_int_equal(alm_shared_count(store).failed, 0);
    alm_shared_destroy(store);
    (void)kill(child, SIGKILL);
    (void)waitpid(child, NULL, 0);
    (void)unlink(w->server.path);
}

/* ---- what goes wrong ---- */

/* A connection each of which is used up, or a reply that is none: no value, and no caller waits
 * longer than the limit, but for being held up by a loaded machine. */
static void test_faults(void **state)
{
    world *w = *state;
    const struct {
        redis_fault fault;
        alm_shared_found found;
        bool keeps; /* the connection */
    } CASES[] = {
        {REDIS_SILENT, ALM_SHARED_UNREACHED, false}, {REDIS_DRIPS, ALM_SHARED_UNREACHED, false},
        {REDIS_GARBAGE, ALM_SHARED_UNREACHED, false},
        {REDIS_HANGS_UP, ALM_SHARED_UNREACHED, false},
        {REDIS_REFUSES, ALM_SHARED_UNREACHED, true}, {REDIS_NUMBER, ALM_SHARED_UNREACHED, true},
        {REDIS_HUGE, ALM_SHARED_ABSENT, true},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        bool waits = CASES[i].fault == REDIS_SILENT || CASES[i].fault == REDIS_DRIPS;
        assert_true(redis_start(&w->server, w->folder, CASES[i].fault, NULL));
        alm_redis_options options = options_of(w, waits ? CALL_MS : PATIENT_MS);
        alm_shared_store *store = open_store(w, &options);
        alm_str got = {NULL, 0};
        assert_int_equal(alm_shared_care(store, &w->error), ALM_OK);
        for (size_t call = 0; call < 3; call++) { /* of two connections */
            alm_shared_found found = alm_shared_get(store, ALM_STR("k"), w->arena, &got);
            assert_int_equal(found, CASES[i].found);
            assert_null(got.data);
        }
        bool is_put = alm_shared_put(store, ALM_STR("k"), ALM_STR("v"));
        assert_int_equal(is_put, CASES[i].keeps && CASES[i].fault != REDIS_REFUSES);
        alm_shared_destroy(store);
        redis_stop(&w->server);
    }
}

/* Gone, and back: calls end at once, and go on after care. */
static void test_comes_back(void **state)
{
    world *w = *state;
    alm_str got;
    assert_true(redis_start(&w->server, w->folder, REDIS_WORKS, NULL));
    alm_redis_options options = options_of(w, PATIENT_MS);
    alm_shared_store *store = open_store(w, &options);
    assert_int_equal(alm_shared_get(store, ALM_STR("k"), w->arena, &got), ALM_SHARED_UNREACHED);
    assert_int_equal(alm_shared_care(store, &w->error), ALM_OK);
    assert_true(alm_shared_put(store, ALM_STR("k"), ALM_STR("v")));
    redis_stop(&w->server);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(alm_shared_get(store, ALM_STR("k"), w->arena, &got),
                         ALM_SHARED_UNREACHED);
        assert_false(alm_shared_put(store, ALM_STR("k"), ALM_STR("v")));
    }
    assert_int_equal(alm_shared_care(store, &w->error), ALM_ERR_IO);
    assert_non_null(strstr(w->error.message, w->server.path));
    assert_non_null(strstr(w->error.message, "No such file"));
    assert_true(redis_start(&w->server, w->folder, REDIS_WORKS, NULL));
    assert_int_equal(alm_shared_care(store, &w->error), ALM_OK);
    assert_int_equal(alm_shared_get(store, ALM_STR("k"), w->arena, &got), ALM_SHARED_ABSENT);
    alm_shared_destroy(store);
    redis_stop(&w->server);
}

static void test_password(void **state)
{
    world *w = *state;
    assert_true(redis_start(&w->server, w->folder, REDIS_WORKS, PASSWORD));
    alm_redis_options options = options_of(w, PATIENT_MS);
    options.password = PASSWORD;
    conform(w, open_store(w, &options));
    options.password = "sesame";
    options.user = "me";
    alm_shared_store *store = open_store(w, &options);
    assert_int_equal(alm_shared_care(store, &w->error), ALM_ERR_IO);
    assert_non_null(strstr(w->error.message, "AUTH: WRONGPASS"));
    assert_null(strstr(w->error.message, "sesame")); /* which the server's error repeats */
    alm_shared_destroy(store);
    redis_stop(&w->server);
}

/* A port where nobody listens, and options that cannot be. */
static void test_refused(void **state)
{
    world *w = *state;
    alm_shared_store *store = NULL;
    alm_redis_options options = {.host = "127.0.0.1", .port = 1, .lifetime_s = 1, .call_ms = 1,
                                 .connecting_ms = PATIENT_MS, .connections = 1};
    store = open_store(w, &options);
    assert_int_equal(alm_shared_care(store, &w->error), ALM_ERR_IO);
    assert_string_equal(w->error.message, "Redis at 127.0.0.1:1: Connection refused");
    alm_shared_destroy(store);
    options.connections = 0;
    assert_int_equal(alm_shared_redis_create(&options, &ENV, &store, &w->error), ALM_ERR_INVALID);
    options.connections = ALM_REDIS_CONNECTIONS_MAX + 1;
    assert_int_equal(alm_shared_redis_create(&options, &ENV, &store, &w->error), ALM_ERR_INVALID);
    options.connections = 1;
    options.user = "who";
    assert_int_equal(alm_shared_redis_create(&options, &ENV, &store, &w->error), ALM_ERR_INVALID);
    options.user = NULL;
    char *name = alm_arena_alloc(w->arena, 2000);
    memset(name, 'a', 1999);
    name[1999] = '\0';
    options.host = name;
    assert_int_equal(alm_shared_redis_create(&options, &ENV, &store, &w->error), ALM_ERR_INVALID);
}

static void test_twin_breaks(void **state)
{
    world *w = *state;
    alm_shared_store *store = NULL;
    alm_str got;
    assert_int_equal(alm_shared_memory_create(2, &store, NULL), ALM_OK);
    assert_true(alm_shared_put(store, ALM_STR("a"), ALM_STR("1")));
    alm_shared_memory_break(store, true);
    assert_int_equal(alm_shared_get(store, ALM_STR("a"), w->arena, &got), ALM_SHARED_UNREACHED);
    assert_false(alm_shared_put(store, ALM_STR("a"), ALM_STR("2")));
    assert_int_equal(alm_shared_care(store, &w->error), ALM_ERR_IO);
    alm_shared_memory_break(store, false);
    assert_true(alm_shared_put(store, ALM_STR("b"), ALM_STR("2")));
    assert_true(alm_shared_put(store, ALM_STR("c"), ALM_STR("3"))); /* the oldest goes */
    assert_int_equal(alm_shared_get(store, ALM_STR("a"), w->arena, &got), ALM_SHARED_ABSENT);
    assert_holds(w, store, ALM_STR("c"), ALM_STR("3"));
    assert_int_equal(alm_shared_count(store).failed, 2);
    alm_shared_destroy(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_twin),       cmocka_unit_test(test_redis),
        cmocka_unit_test(test_real_redis), cmocka_unit_test(test_faults),
        cmocka_unit_test(test_comes_back), cmocka_unit_test(test_password),
        cmocka_unit_test(test_refused),    cmocka_unit_test(test_twin_breaks),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
