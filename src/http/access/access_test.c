/* access_test.c: whole requests against whole settings. */
#include "http/access/access.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/fs_memory.h"
#include "base/http_memory.h"
#include "base/pool.h"
#include "http/access/access_fixture.h"
#include "http/access/api_keys.h"

#define NOW INT64_C(1800000000000000)
#define SECOND UINT64_C(1000000000)

typedef struct world {
    alm_arena *arena;
    alm_fs *fs;
    alm_http *http;
    alm_env env;
    alm_str served; /* the key set at the URL */
    int asked;
    alm_json_document *cases;
    alm_str api_key; /* a trainer's */
    alm_access *access;
} world;

static world w;

static void answer(void *context, const alm_http_request *request, alm_arena *arena,
                   alm_http_outcome *out, const char **reason)
{
    (void)context;
    (void)request;
    (void)arena;
    (void)reason;
    w.asked++;
    out->response.status = 200;
    out->response.body = w.served;
}

static int setup(void **state)
{
    (void)state;
    w = (world){.arena = alm_arena_create(0)};
    w.http = alm_http_memory_create(&(alm_http_memory_world){answer, NULL});
    assert_int_equal(alm_fs_memory_create(&w.fs, NULL), ALM_OK);
    w.env = (alm_env){.fs = w.fs, .http = w.http};
    w.served = golden_text("jwks.json", w.arena);
    w.cases = golden_json("cases.json", w.arena);
    alm_str keys = golden_text("api_keys.json", w.arena);
    assert_int_equal(alm_fs_write_all(w.fs, "api_keys.json", keys, NULL), ALM_OK);
    assert_int_equal(alm_fs_write_all(w.fs, "jwks.json", w.served, NULL), ALM_OK);
    const char *note = strstr(keys.data, "alm_");
    w.api_key = (alm_str){note, ALM_API_KEY_TEXT_BYTES - 1};
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    alm_access_destroy(w.access);
    alm_json_document_destroy(w.cases);
    alm_fs_destroy(w.fs);
    alm_http_destroy(w.http);
    alm_arena_destroy(w.arena);
    return 0;
}

#define TOKENS                                                       \
    "tokens:\n"                                                      \
    "  keys: https://id.example.test/keys\n"                         \
    "  issuer: https://id.example.test/realm\n"                      \
    "  audience: [almanac, almanac-batch]\n"
#define KEYS "api_keys: {file: api_keys.json}\n"

static alm_err read_settings(const char *text, alm_access_settings *out, alm_error *error)
{
    alm_yaml *map = NULL;
    ALM_TRY(alm_yaml_parse(alm_str_of(text), "serve.yaml", w.arena, &map, error));
    return alm_access_settings_read(map, ".", w.arena, out, error);
}

static void open_access(const char *text)
{
    alm_access_settings settings;
    alm_error error = {0};
    if (read_settings(text, &settings, &error) != ALM_OK ||
        alm_access_create(&w.env, &settings, true, 2, &w.access, &error) != ALM_OK) {
        fail_msg("%s", error.message);
    }
}

static alm_access_request request_with(alm_str bearer)
{
    return (alm_access_request){
        .authorization = bearer.size ? alm_str_of(alm_arena_printf(w.arena, "Bearer " ALM_STR_FMT,
                                                                   ALM_STR_ARG(bearer)))
                                     : bearer,
        .peer = ALM_STR("192.0.2.7"),
        .needed = ALM_ROLE_PREDICTOR,
        .now = NOW,
        .now_ns = SECOND,
    };
}

static alm_access_verdict check(const alm_access_request *request)
{
    alm_access_verdict verdict = alm_access_check(w.access, request, w.arena);
    assert_int_equal(verdict.status == 200, verdict.reason == ALM_ACCESS_ALLOWED);
    assert_int_equal(verdict.status < 400, verdict.title == NULL);
    assert_true(verdict.status != 401 || verdict.challenge.size > 0);
    return verdict;
}

static alm_str token(const char *name)
{
    return golden_token(w.cases, name);
}

/* ---- tokens ---- */

static void a_token_is_verified_once_per_worker(void **state)
{
    (void)state;
    open_access(TOKENS KEYS);
    alm_access_request request = request_with(token("RS256"));
    for (int i = 0; i < 4; i++) {
        request.worker = i % 2;
        alm_access_verdict verdict = check(&request);
        assert_int_equal(verdict.status, 200);
        assert_int_equal(verdict.was_remembered, i >= 2);
        assert_true(alm_str_is(verdict.identity.subject, "anna"));
        assert_int_equal(verdict.identity.kind, ALM_IDENTITY_TOKEN);
        assert_true(verdict.has_rate);
        assert_int_equal(verdict.rate.remaining, 499 - i); /* one bucket over the workers */
    }
    /* Remembered until it expires (with the skew), and no longer. */
    request.now = NOW + INT64_C(629) * 1000000;
    assert_true(check(&request).was_remembered);
    request.now = NOW + INT64_C(630) * 1000000;
    alm_access_verdict verdict = check(&request);
    assert_int_equal(verdict.reason, ALM_ACCESS_BAD_CREDENTIALS);
    assert_true(alm_str_is(verdict.detail, "the token has expired"));
    assert_true(alm_str_is(verdict.challenge, "Bearer realm=\"almanac\", error=\"invalid_token\", "
                                              "error_description=\"the token has expired\""));
}

static void the_scheme_may_be_in_any_case(void **state)
{
    (void)state;
    open_access(TOKENS);
    alm_access_request request = request_with(token("EdDSA"));
    static const char *const BEFORE[] = {"bearer ", "BEARER  ", "Bearer "};
    for (size_t i = 0; i < 3; i++) {
        request.authorization =
            alm_str_of(alm_arena_printf(w.arena, "%s%s ", BEFORE[i], token("EdDSA").data));
        assert_int_equal(check(&request).status, 200);
    }
}

static void roles_and_models_decide(void **state)
{
    (void)state;
    open_access(TOKENS);
    alm_access_request request = request_with(token("models")); /* predictor of demand-*, price */
    request.model = ALM_STR("demand-3");
    assert_int_equal(check(&request).status, 200);
    request.model = (alm_str){0};
    assert_int_equal(check(&request).status, 200);
    request.model = ALM_STR("stock\n");
    alm_access_verdict verdict = check(&request);
    assert_int_equal(verdict.reason, ALM_ACCESS_MODEL);
    assert_int_equal(verdict.status, 403);
    assert_non_null(strstr(verdict.detail.data, "stock\\n"));
    assert_non_null(strstr(verdict.challenge.data, "insufficient_scope"));
    request.model = (alm_str){0};
    request.needed = ALM_ROLE_APPROVER;
    verdict = check(&request);
    assert_int_equal(verdict.reason, ALM_ACCESS_ROLE);
    assert_true(alm_str_is(verdict.challenge, "Bearer realm=\"almanac\", "
                                              "error=\"insufficient_scope\", "
                                              "scope=\"almanac:approver\""));
    assert_true(alm_str_is(verdict.identity.subject, "anna")); /* for the log */
    request = request_with(token("roles"));
    request.needed = ALM_ROLE_APPROVER;
    assert_int_equal(check(&request).status, 200);
    request = request_with(token("bare names are of another system"));
    request.needed = ALM_ROLE_VIEWER;
    assert_int_equal(check(&request).status, 403);
}

static void bad_tokens_are_refused_without_their_text(void **state)
{
    (void)state;
    open_access(TOKENS "limits: {failures_per_minute: 1000}\n");
    static const char *const NAMES[] = {
        "alg none, some signature", "HS256 with the public key as its secret", "expired",
        "not yet valid", "wrong issuer", "wrong audience", "truncated", "oversize", "sub twice",
        "a changed payload", "an unknown kid",
    };
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++) {
        alm_str text = token(NAMES[i]);
        alm_access_request request = request_with(text);
        for (int again = 0; again < 2; again++) { /* a refusal is not remembered */
            alm_access_verdict verdict = check(&request);
            assert_int_equal(verdict.status, 401);
            assert_false(verdict.was_remembered);
            assert_int_equal(verdict.identity.kind, ALM_IDENTITY_NONE);
            assert_null(strstr(verdict.detail.data, "eyJ"));
            assert_null(strstr(verdict.challenge.data, "eyJ"));
        }
    }
}

static void only_allowed_algorithms_are_accepted(void **state)
{
    (void)state;
    open_access(TOKENS "  algorithms: [ES256]\n");
    alm_access_request request = request_with(token("RS256"));
    assert_int_equal(check(&request).status, 401);
    request = request_with(token("ES256"));
    assert_int_equal(check(&request).status, 200);
}

static void a_rotation_is_followed(void **state)
{
    (void)state;
    open_access(TOKENS);
    const alm_json *rotated = alm_json_member(alm_json_root(w.cases), "rotated");
    alm_access_request new = request_with(golden_member(alm_json_at(rotated, 0), "token"));
    alm_access_request old = request_with(golden_member(alm_json_at(rotated, 1), "token"));
    assert_int_equal(alm_access_refresh(w.access, SECOND, NULL, NULL, NULL), ALM_OK);
    assert_int_equal(check(&old).status, 200);
    assert_true(check(&old).was_remembered);
    w.served = golden_text("rotated.json", w.arena);
    int before = w.asked;
    assert_int_equal(check(&new).status, 401); /* which asks for a refresh */
    bool changed;
    assert_int_equal(alm_access_refresh(w.access, 30 * SECOND, &changed, NULL, NULL), ALM_OK);
    assert_int_equal(w.asked, before); /* not yet: 30 seconds after the last */
    assert_int_equal(alm_access_refresh(w.access, 31 * SECOND, &changed, NULL, NULL), ALM_OK);
    assert_true(changed);
    assert_int_equal(w.asked, before + 1);
    assert_int_equal(check(&new).status, 200);
    assert_int_equal(check(&old).status, 401); /* forgotten with its key */
}

/* ---- API keys ---- */

static void an_api_key_is_hashed_once_for_all_workers(void **state)
{
    (void)state;
    open_access(KEYS);
    alm_access_request request = request_with((alm_str){0});
    request.needed = ALM_ROLE_TRAINER;
    request.api_key = w.api_key;
    for (int i = 0; i < 4; i++) {
        request.worker = i % 2;
        alm_access_verdict verdict = check(&request);
        assert_int_equal(verdict.status, 200);
        assert_int_equal(verdict.was_remembered, i >= 1);
        assert_true(alm_str_is(verdict.identity.subject, "0123456789ab"));
    }
    /* As a Bearer value too; the same in both headers is one credential. */
    request = request_with(w.api_key);
    request.needed = ALM_ROLE_TRAINER;
    assert_int_equal(check(&request).status, 200);
    request.api_key = w.api_key;
    assert_int_equal(check(&request).status, 200);
    request.needed = ALM_ROLE_ADMIN;
    assert_int_equal(check(&request).status, 403);
    /* Taken out of the file: forgotten with the next refresh. */
    assert_int_equal(alm_access_refresh(w.access, SECOND, NULL, NULL, NULL), ALM_OK);
    assert_int_equal(alm_api_keys_remove(w.fs, "./api_keys.json", ALM_STR("0123456789ab"), NULL),
                     ALM_OK);
    bool changed;
    assert_int_equal(alm_access_refresh(w.access, 6 * SECOND, NULL, &changed, NULL), ALM_OK);
    assert_true(changed);
    request.needed = ALM_ROLE_TRAINER;
    assert_int_equal(check(&request).status, 401);
}

static void a_loop_may_leave_the_hash_to_another_thread(void **state)
{
    (void)state;
    open_access("api_keys: {file: api_keys.json, checks_per_minute: 1}\n");
    alm_access_request request = request_with(w.api_key);
    request.needed = ALM_ROLE_TRAINER;
    request.defers_hash = true;
    for (int i = 0; i < 3; i++) { /* and uses nothing up */
        alm_access_verdict verdict = check(&request);
        assert_int_equal(verdict.reason, ALM_ACCESS_DEFERRED);
        assert_int_equal(verdict.status, 0);
        assert_int_equal(verdict.identity.kind, ALM_IDENTITY_NONE);
        assert_false(verdict.has_rate);
    }
    alm_access_request blocking = request;
    blocking.worker = 1;
    blocking.defers_hash = false;
    assert_int_equal(check(&blocking).status, 200);
    assert_int_equal(check(&request).status, 200);
    assert_true(check(&request).was_remembered);
    request.authorization = request_with(token("RS256")).authorization;
    assert_int_equal(check(&request).status, 401); /* tokens are not put off */
}

static void a_wrong_api_key_says_nothing_more(void **state)
{
    (void)state;
    open_access(KEYS TOKENS);
    char text[ALM_API_KEY_TEXT_BYTES];
    memcpy(text, w.api_key.data, w.api_key.size);
    text[w.api_key.size] = '\0';
    char *const places[] = {text + w.api_key.size - 1, text + 4, text};
    for (size_t i = 0; i < 3; i++) { /* another secret, an unknown id, no key at all */
        alm_access_request request = request_with((alm_str){0});
        *places[i] = *places[i] == 'f' ? 'e' : 'f';
        request.api_key = alm_str_of(text);
        alm_access_verdict verdict = check(&request);
        assert_int_equal(verdict.status, 401);
        assert_true(alm_str_is(verdict.detail, "the API key is not valid"));
    }
}

static void what_is_not_set_up_is_not_accepted(void **state)
{
    (void)state;
    open_access(KEYS);
    alm_access_request request = request_with(token("RS256"));
    assert_int_equal(check(&request).status, 401);
    alm_access_destroy(w.access);
    w.access = NULL;
    open_access(TOKENS);
    request = request_with(w.api_key);
    assert_int_equal(check(&request).status, 401);
}

/* ---- other credentials ---- */

static void no_credentials_are_challenged_without_an_error(void **state)
{
    (void)state;
    open_access(TOKENS "limits: {requests_per_minute: 3}\n");
    static const char *const NONE[] = {"", "Basic YTpi", "Bearer", "Bearer   ", "Bearerx y"};
    for (size_t i = 0; i < sizeof NONE / sizeof *NONE; i++) {
        alm_access_request request = request_with((alm_str){0});
        request.authorization = alm_str_of(NONE[i]);
        alm_access_verdict verdict = check(&request);
        if (i < 3) {
            assert_int_equal(verdict.reason, ALM_ACCESS_NO_CREDENTIALS);
            assert_true(alm_str_is(verdict.challenge, "Bearer realm=\"almanac\""));
        } else { /* the address has a limit of its own */
            assert_int_equal(verdict.reason, ALM_ACCESS_REQUESTS);
            assert_int_equal(verdict.rate.retry_after_s, 20);
        }
    }
    alm_access_request request = request_with(token("RS256")); /* who has some, has another */
    assert_int_equal(check(&request).status, 200);
}

static void two_different_credentials_are_a_bad_request(void **state)
{
    (void)state;
    open_access(TOKENS KEYS);
    alm_access_request request = request_with(token("RS256"));
    request.api_key = w.api_key;
    alm_access_verdict verdict = check(&request);
    assert_int_equal(verdict.status, 400);
    assert_non_null(strstr(verdict.challenge.data, "error=\"invalid_request\""));
}

/* ---- limits ---- */

static void the_501st_request_of_a_minute_is_too_many(void **state)
{
    (void)state;
    open_access(TOKENS);
    alm_access_request request = request_with(token("RS256"));
    for (int i = 0; i < 500; i++) {
        request.worker = i % 2;
        assert_int_equal(check(&request).status, 200);
    }
    alm_access_verdict verdict = check(&request);
    assert_int_equal(verdict.status, 429);
    assert_string_equal(verdict.type,
                        "https://iana.org/assignments/http-problem-types#quota-exceeded");
    assert_int_equal(verdict.rate.retry_after_s, 1);
    assert_true(alm_str_is(verdict.detail, "this client has used up its requests; try again in "
                                           "1 s"));
    alm_access_request same = request_with(token("ES256")); /* another token of the same subject */
    assert_int_equal(check(&same).status, 429);
    request.now_ns += SECOND;
    assert_int_equal(check(&request).status, 200);
}

static void a_batch_takes_its_share_or_nothing(void **state)
{
    (void)state;
    open_access(KEYS "limits: {requests_per_minute: 60, burst: 100}\n");
    alm_access_request request = request_with(w.api_key);
    request.needed = ALM_ROLE_VIEWER;
    alm_access_verdict first = check(&request);
    assert_int_equal(first.status, 200);
    assert_int_equal(first.rate.remaining, 99);
    alm_access_verdict v = alm_access_take(w.access, &first.identity, 49, SECOND, w.arena);
    assert_true(v.status == 200 && v.has_rate && v.rate.remaining == 50);
    v = alm_access_take(w.access, &first.identity, 51, SECOND, w.arena);
    assert_true(v.reason == ALM_ACCESS_REQUESTS && v.status == 429);
    assert_true(v.rate.remaining == 50 && v.rate.retry_after_s == 1);
    assert_true(alm_str_is(v.detail, "this client has used up its requests; try again in 1 s"));
    /* With its own request it would be 101, for which no client ever waits long enough. */
    v = alm_access_take(w.access, &first.identity, 100, SECOND, w.arena);
    assert_true(v.reason == ALM_ACCESS_ABOVE_BURST && v.status == 413);
    assert_true(v.rate.remaining == 50 && v.rate.retry_after_s == 0);
    assert_true(alm_str_is(v.detail, "this counts as 101 requests, and a client has at most 100 at "
                                     "once: send it in parts"));
    v = alm_access_take(w.access, &first.identity, UINT32_MAX, SECOND, w.arena);
    assert_int_equal(v.reason, ALM_ACCESS_ABOVE_BURST);
    v = alm_access_take(w.access, &first.identity, 99, SECOND + 50 * SECOND, w.arena);
    assert_true(v.status == 200 && v.rate.remaining == 1);
    alm_access_destroy(w.access);
    w.access = NULL;
    open_access("development: true\n");
    v = alm_access_take(w.access, &first.identity, UINT32_MAX, SECOND, w.arena);
    assert_true(v.status == 200 && !v.has_rate);
}

static void failed_attempts_close_an_address_but_not_known_clients(void **state)
{
    (void)state;
    open_access(TOKENS KEYS "limits: {failures_per_minute: 5}\n");
    alm_access_request good = request_with(token("RS256"));
    good.peer = ALM_STR("2001:db8:0:1::5");
    assert_int_equal(check(&good).status, 200);
    alm_access_request bad = request_with(token("a changed signature"));
    for (int i = 0; i < 8; i++) {
        char peer[40]; /* all of one /64 */
        (void)snprintf(peer, sizeof peer, "2001:db8::1:%x:0:0:%x", i, i);
        bad.peer = alm_str_of(peer);
        alm_access_verdict verdict = check(&bad);
        assert_int_equal(verdict.status, i < 5 ? 401 : 429);
        assert_int_equal(verdict.rate.retry_after_s, i < 5 ? 0 : 12);
    }
    assert_int_equal(check(&good).status, 200); /* remembered */
    alm_access_request unknown = request_with(token("EdDSA"));
    unknown.peer = good.peer;
    assert_int_equal(check(&unknown).reason, ALM_ACCESS_FAILURES);
    unknown.peer = ALM_STR("2001:db8:0:2::5");
    assert_int_equal(check(&unknown).status, 200);
    unknown.peer = good.peer;
    unknown.worker = 1; /* which does not remember it */
    unknown.now_ns += 12 * SECOND;
    assert_int_equal(check(&unknown).status, 200);
}

static void hashing_is_bounded_over_all_addresses(void **state)
{
    (void)state;
    open_access("api_keys: {file: api_keys.json, checks_per_minute: 3}\n");
    char text[ALM_API_KEY_TEXT_BYTES];
    memcpy(text, w.api_key.data, w.api_key.size);
    text[w.api_key.size] = '\0';
    text[w.api_key.size - 1] = text[w.api_key.size - 1] == 'f' ? 'e' : 'f';
    for (int i = 0; i < 5; i++) {
        alm_access_request request = request_with((alm_str){0});
        char peer[24];
        (void)snprintf(peer, sizeof peer, "198.51.100.%d", i);
        request.peer = alm_str_of(peer);
        request.api_key = alm_str_of(text);
        alm_access_verdict verdict = check(&request);
        assert_int_equal(verdict.status, i < 3 ? 401 : 429);
        assert_int_equal(verdict.rate.retry_after_s, i < 3 ? 0 : 20);
    }
}

/* ---- threads and memory ---- */

#define CHECKERS 3

typedef struct traffic {
    alm_access *access;
    alm_str token, rotated;
    atomic_bool stop;
    atomic_int unexpected;
    alm_str sets[2];
} traffic;

/* Task 0 swaps the key sets, the others are workers. */
static alm_err check_or_rotate(void *context, size_t task, int worker, alm_error *error)
{
    (void)worker;
    traffic *t = context;
    uint64_t now_ns = SECOND;
    for (int round = 0; task == 0 && round < 200; round++) {
        w.served = t->sets[round % 2];
        now_ns += 300 * SECOND;
        ALM_TRY(alm_access_refresh(t->access, now_ns, NULL, NULL, error));
    }
    if (task == 0) {
        atomic_store(&t->stop, true);
        return ALM_OK;
    }
    alm_arena *arena = alm_arena_create(0);
    char header[2048];
    for (uint64_t i = 0; !atomic_load(&t->stop); i++) {
        alm_arena_reset(arena);
        int size = snprintf(header, sizeof header, "Bearer " ALM_STR_FMT,
                            ALM_STR_ARG(i % 2 ? t->token : t->rotated));
        alm_access_request request = {
            .worker = (int)task - 1,
            .authorization = {header, (size_t)size},
            .peer = ALM_STR("192.0.2.7"),
            .now = NOW,
            .now_ns = i * SECOND,
        };
        alm_access_verdict verdict = alm_access_check(t->access, &request, arena);
        if (verdict.status != 200 && verdict.status != 401 && verdict.status != 429) {
            atomic_fetch_add(&t->unexpected, 1);
        }
    }
    alm_arena_destroy(arena);
    return ALM_OK;
}

static void workers_check_while_keys_change(void **state)
{
    (void)state;
    alm_access_settings settings;
    alm_error error = {0};
    alm_pool *pool = NULL;
    assert_int_equal(read_settings(TOKENS, &settings, &error), ALM_OK);
    assert_int_equal(alm_access_create(&w.env, &settings, true, CHECKERS, &w.access, &error),
                     ALM_OK);
    const alm_json *rotated = alm_json_member(alm_json_root(w.cases), "rotated");
    traffic t = {.access = w.access, .token = token("ES256"),
                 .rotated = golden_member(alm_json_at(rotated, 0), "token"),
                 .sets = {golden_text("rotated.json", w.arena), w.served}};
    atomic_init(&t.stop, false);
    atomic_init(&t.unexpected, 0);
    assert_int_equal(alm_pool_create(CHECKERS + 1, &pool, &error), ALM_OK);
    assert_int_equal(alm_pool_run(pool, CHECKERS + 1, check_or_rotate, &t, &error), ALM_OK);
    alm_pool_destroy(pool);
    assert_int_equal(atomic_load(&t.unexpected), 0);
    /* The last set in force is the old one; what the other verified is forgotten. */
    for (int worker = 0; worker < CHECKERS; worker++) {
        alm_access_request request = request_with(t.rotated);
        request.worker = worker;
        request.now_ns = UINT64_C(1) << 60;
        assert_int_equal(check(&request).status, 401);
    }
}

static void without_memory_nothing_is_opened(void **state)
{
    (void)state;
    alm_access_settings settings;
    alm_error error = {0};
    assert_int_equal(read_settings(TOKENS KEYS, &settings, &error), ALM_OK);
    size_t before = alm_heap_held_bytes();
    alm_err code = ALM_ERR_MEMORY;
    for (uint64_t nth = 1; code != ALM_OK; nth++) {
        (void)alm_heap_fail_at(nth);
        code = alm_access_create(&w.env, &settings, true, 2, &w.access, &error);
        (void)alm_heap_fail_at(0);
        assert_true(code == ALM_OK || code == ALM_ERR_MEMORY);
        assert_true(code == ALM_OK || alm_heap_held_bytes() == before);
        assert_true(nth < 1000);
    }
}

/* ---- development ---- */

static void development_is_for_loopback_only(void **state)
{
    (void)state;
    alm_access_settings settings;
    alm_error error = {0};
    assert_int_equal(read_settings("development: true\n", &settings, &error), ALM_OK);
    assert_int_equal(alm_access_create(&w.env, &settings, false, 1, &w.access, &error),
                     ALM_ERR_CONFIG);
    assert_non_null(strstr(error.message, "loopback"));
    assert_null(w.access);
    open_access("development: true\n");
    alm_access_request request = request_with((alm_str){0});
    request.needed = ALM_ROLE_ADMIN;
    assert_int_equal(check(&request).reason, ALM_ACCESS_NOT_LOCAL);
    request.is_loopback = true;
    alm_access_verdict verdict = check(&request);
    assert_int_equal(verdict.status, 200);
    assert_int_equal(verdict.identity.kind, ALM_IDENTITY_DEVELOPMENT);
    assert_false(verdict.has_rate);
    assert_int_equal(alm_access_refresh(w.access, SECOND, NULL, NULL, NULL), ALM_OK);
}

static void development_is_not_for_pages_of_others(void **state)
{
    (void)state;
    static const struct {
        const char *origin;
        alm_access_reason reason;
    } cases[] = {
        {"http://localhost", ALM_ACCESS_ALLOWED},
        {"http://localhost:8080", ALM_ACCESS_ALLOWED},
        {"https://127.0.0.1:8443", ALM_ACCESS_ALLOWED},
        {"http://127.0.1.1", ALM_ACCESS_ALLOWED},
        {"http://[::1]:8080", ALM_ACCESS_ALLOWED},
        {"http://localhost.example.org", ALM_ACCESS_FOREIGN_PAGE},
        {"http://127.0.0.1.example.org:80", ALM_ACCESS_FOREIGN_PAGE},
        {"http://localhost@example.org", ALM_ACCESS_FOREIGN_PAGE},
        {"https://example.org", ALM_ACCESS_FOREIGN_PAGE},
        {"http://127.example.org", ALM_ACCESS_FOREIGN_PAGE},
        {"http://", ALM_ACCESS_FOREIGN_PAGE},
        {"localhost", ALM_ACCESS_FOREIGN_PAGE},
        {"null", ALM_ACCESS_FOREIGN_PAGE}, /* a file, or a page that may not say whose it is */
    };
    open_access("development: true\n");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        alm_access_request request = request_with((alm_str){0});
        request.needed = ALM_ROLE_ADMIN;
        request.is_loopback = true;
        request.origin = alm_str_of(cases[i].origin);
        alm_access_verdict verdict = check(&request);
        assert_int_equal(verdict.reason, cases[i].reason);
        assert_int_equal(verdict.status, cases[i].reason == ALM_ACCESS_ALLOWED ? 200 : 403);
    }
}

/* ---- settings ---- */

static void settings_that_are_left_out_take_their_defaults(void **state)
{
    (void)state;
    alm_access_settings s;
    alm_error error = {0};
    assert_int_equal(read_settings(TOKENS KEYS, &s, &error), ALM_OK);
    assert_true(s.tokens.is_url && s.tokens.algorithms == 7 && s.tokens.skew_s == 30);
    assert_int_equal(s.limits.requests_per_minute, 500);
    assert_int_equal(s.api_keys.refresh_s, 5);
    assert_int_equal(s.remembered, 4096);
    assert_true(alm_str_is(s.api_keys.file, "./api_keys.json"));
    assert_int_equal(read_settings("tokens: {keys: jwks.json, issuer: i, audience: a}\n", &s,
                                   &error), ALM_OK);
    assert_false(s.tokens.is_url);
    assert_true(alm_str_is(s.tokens.keys, "./jwks.json"));
    assert_int_equal(s.tokens.audience_count, 1);
}

static void bad_settings_are_refused_with_their_place(void **state)
{
    (void)state;
    static const char *const BAD[][2] = {
        {"{}\n", "tokens or api_keys"},
        {"token: {}\n", "serve.yaml:1:1: unknown key token in access: did you mean tokens?"},
        {KEYS "nonsense: 1\n", "serve.yaml:2:1: unknown key nonsense in access (docs/access.md"},
        {"tokens: {keys: k, issuer: i}\n", "audience"},
        {"tokens: {keys: k, issuer: i, audience: []}\n", "audience must not be empty"},
        {"tokens: {keys: k, issuer: i, audience: a, algorithms: [none]}\n", "not none"},
        {"tokens: {keys: k, issuer: i, audience: a, algorithms: [HS256]}\n", "not HS256"},
        {"tokens: {keys: k, issuer: i, audience: a, algorithms: []}\n", "not be empty"},
        {"tokens: {keys: k, issuer: i, audience: a, skew_seconds: 61}\n", "between 0 and 60"},
        {KEYS "limits: {requests_per_minute: 0}\n", "serve.yaml:2:10: requests_per_minute"},
        {KEYS "limits: {clients: -1}\n", "clients"},
        {KEYS "development: yes\n", "true or false"},
        {"api_keys: keys.json\n", "must be a map"},
    };
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
        alm_access_settings s;
        alm_error error = {0};
        alm_err code = read_settings(BAD[i][0], &s, &error);
        if (code != ALM_ERR_CONFIG || !strstr(error.message, BAD[i][1])) {
            fail_msg("%s: %s", BAD[i][0], error.message);
        }
    }
}

static void the_page_has_the_tables_of_the_settings(void **state)
{
    (void)state;
    alm_fs *real = NULL;
    alm_str page;
    alm_buffer tables = {0};
    assert_int_equal(alm_fs_real_create(&real, NULL), ALM_OK);
    assert_int_equal(alm_fs_read_all(real, "docs/access.md", 1 << 20, w.arena, &page, NULL),
                     ALM_OK);
    alm_access_settings_document(&tables);
    if (!strstr(page.data, tables.data)) {
        fail_msg("docs/access.md lacks these tables:\n%s", tables.data);
    }
    alm_buffer_deinit(&tables);
    alm_fs_destroy(real);
}

static void keys_that_are_not_there_are_told_at_the_start(void **state)
{
    (void)state;
    static const char *const BAD[][2] = {
        {"api_keys: {file: none.json}\n", "none.json"},
        {"tokens: {keys: none.json, issuer: i, audience: a}\n", "none.json"},
        {"tokens: {keys: api_keys.json, issuer: i, audience: a}\n", "api_keys.json"},
        {"tokens: {keys: \"http://id.example.test\", issuer: i, audience: a}\n", "https://"},
    };
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
        alm_access_settings s;
        alm_error error = {0};
        assert_int_equal(read_settings(BAD[i][0], &s, &error), ALM_OK);
        assert_int_not_equal(alm_access_create(&w.env, &s, true, 1, &w.access, &error), ALM_OK);
        if (!strstr(error.message, BAD[i][1])) {
            fail_msg("%s: %s", BAD[i][0], error.message);
        }
        assert_null(w.access);
    }
}

#define CASE(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_token_is_verified_once_per_worker),
        CASE(the_scheme_may_be_in_any_case),
        CASE(roles_and_models_decide),
        CASE(bad_tokens_are_refused_without_their_text),
        CASE(only_allowed_algorithms_are_accepted),
        CASE(a_rotation_is_followed),
        CASE(an_api_key_is_hashed_once_for_all_workers),
        CASE(a_loop_may_leave_the_hash_to_another_thread),
        CASE(a_wrong_api_key_says_nothing_more),
        CASE(what_is_not_set_up_is_not_accepted),
        CASE(no_credentials_are_challenged_without_an_error),
        CASE(two_different_credentials_are_a_bad_request),
        CASE(the_501st_request_of_a_minute_is_too_many),
        CASE(a_batch_takes_its_share_or_nothing),
        CASE(failed_attempts_close_an_address_but_not_known_clients),
        CASE(hashing_is_bounded_over_all_addresses),
        CASE(workers_check_while_keys_change),
        CASE(without_memory_nothing_is_opened),
        CASE(development_is_for_loopback_only),
        CASE(development_is_not_for_pages_of_others),
        CASE(settings_that_are_left_out_take_their_defaults),
        CASE(bad_settings_are_refused_with_their_place),
        CASE(the_page_has_the_tables_of_the_settings),
        CASE(keys_that_are_not_there_are_told_at_the_start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
