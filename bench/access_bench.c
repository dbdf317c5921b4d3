/* What access costs a request: a remembered token, first verifications, a bucket, the hash of an
 * API key.
 *
 *   access_bench [rounds]
 *
 * Reads tests/golden/access, so it is started in the top folder. Medians of the rounds, processor
 * time. */
#include "bench_measure.h"

#include <string.h>

#include "base/fs.h"
#include "base/hash.h"
#include "base/json.h"
#include "http/access/access.h"
#include "http/access/jose.h"
#include "http/access/secret.h"

#define NOW INT64_C(1800000000000000)

static alm_arena *arena;
static alm_error error;
static alm_env env;

static alm_str read_file(const char *path)
{
    alm_str text;
    bench_check(alm_fs_read_all(env.fs, path, (size_t)1 << 20, arena, &text, &error), &error);
    return text;
}

static alm_str token_called(const alm_json *cases, const char *name)
{
    for (size_t i = 0; i < alm_json_count(cases); i++) {
        alm_str found;
        alm_str token;
        bench_check(alm_json_get_str(alm_json_at(cases, i), "name", &found, &error), &error);
        bench_check(alm_json_get_str(alm_json_at(cases, i), "token", &token, &error), &error);
        if (alm_str_is(found, name)) {
            return token;
        }
    }
    bench_check(alm_fail(&error, ALM_ERR_NOT_FOUND, "no token is called %s", name), &error);
    return (alm_str){0};
}

typedef void (*work)(void *context, int count);

/* The median time of one of `count`, in `unit`: ns, us or ms. */
static void measure(const char *name, work run, void *context, int count, int rounds,
                    const char *unit)
{
    double scale = unit[0] == 'n' ? 1e9 : unit[0] == 'u' ? 1e6 : 1e3;
    double times[BENCH_ROUNDS_MAX];
    run(context, count / 10 + 1);
    for (int round = 0; round < rounds; round++) {
        double begin = bench_seconds();
        run(context, count);
        times[round] = (bench_seconds() - begin) / count * scale;
    }
    bench_print(name, bench_median(times, rounds), unit);
}

typedef struct verification {
    const alm_key_set *set;
    alm_str token;
} verification;

static void verify(void *context, int count)
{
    const verification *v = context;
    const alm_str audience = ALM_STR("almanac");
    const alm_token_rules rules = {ALM_STR("https://id.example.test/realm"), &audience, 1, 30};
    alm_arena *scratch = alm_arena_create(0);
    for (int i = 0; i < count; i++) {
        alm_token token;
        alm_identity identity;
        alm_arena_reset(scratch);
        bench_check(alm_token_parse(v->token, ALM_TOKEN_ALGORITHMS_ALL, scratch, &token, &error),
                    &error);
        bench_check(alm_key_set_verify(v->set, &token, &error), &error);
        bench_check(alm_token_claims(&token, &rules, NOW, scratch, &identity, &error), &error);
    }
    alm_arena_destroy(scratch);
}

typedef struct checking {
    alm_access *access;
    alm_access_request request;
} checking;

static void check(void *context, int count)
{
    checking *c = context;
    alm_arena *scratch = alm_arena_create(0);
    for (int i = 0; i < count; i++) {
        if (i % 64 == 0) {
            alm_arena_reset(scratch);
        }
        c->request.now_ns += 1000000;
        alm_access_verdict verdict = alm_access_check(c->access, &c->request, scratch);
        alm_assert(verdict.status == 200 || verdict.status == 429);
    }
    alm_arena_destroy(scratch);
}

typedef struct taking {
    alm_rate_limit *limit;
    uint64_t now_ns;
    int clients;
} taking;

static void take(void *context, int count)
{
    taking *t = context;
    for (int i = 0; i < count; i++) {
        uint64_t client = (uint64_t)(i % t->clients) * UINT64_C(0x9e3779b97f4a7c15);
        t->now_ns += 1000;
        (void)alm_rate_limit_take(t->limit, (alm_str){(const char *)&client, sizeof client},
                                  t->now_ns);
    }
}

static void hash_token(void *context, int count)
{
    const alm_str *token = context;
    int zeros = 0;
    for (int i = 0; i < count; i++) {
        zeros += alm_hash_bytes(token->data, token->size).bytes[0] == 0;
    }
    alm_assert(zeros == 0 || zeros == count);
}

static void hash_key(void *context, int count)
{
    for (int i = 0; i < count; i++) {
        (void)alm_secret_matches(context, ALM_STR("not it"));
    }
}

static alm_access *open_access(void)
{
    static const alm_str AUDIENCES[] = {{"almanac", 7}};
    alm_access_settings settings = {.remembered = 4096};
    settings.tokens.is_set = true;
    settings.tokens.keys = ALM_STR("tests/golden/access/jwks.json");
    settings.tokens.issuer = ALM_STR("https://id.example.test/realm");
    settings.tokens.audiences = AUDIENCES;
    settings.tokens.audience_count = 1;
    settings.tokens.algorithms = ALM_TOKEN_ALGORITHMS_ALL;
    settings.tokens.refresh_s = settings.tokens.retry_s = 300;
    settings.limits.requests_per_minute = 1000000;
    settings.limits.failures_per_minute = 60;
    settings.limits.clients = 65536;
    alm_access *access = NULL;
    bench_check(alm_access_create(&env, &settings, true, 1, &access, &error), &error);
    return access;
}

static void measure_buckets(int rounds)
{
    taking t = {.clients = 1};
    const alm_rate_rule rule = {500, 60, 0, 65536};
    bench_check(alm_rate_limit_create(&rule, &t.limit, &error), &error);
    measure("access_bucket_one_client_ns", take, &t, 200000, rounds, "ns");
    t.clients = 20000;
    measure("access_bucket_20000_clients_ns", take, &t, 200000, rounds, "ns");
    alm_rate_limit_destroy(t.limit);
}

int main(int argc, char **argv)
{
    int64_t rounds = 9;
    if (argc > 1 && (!alm_str_to_i64(alm_str_of(argv[1]), &rounds) || rounds < 1 ||
                     rounds > BENCH_ROUNDS_MAX)) {
        fprintf(stderr, "access_bench [rounds]: 1 to %d\n", BENCH_ROUNDS_MAX);
        return 2;
    }
    arena = alm_arena_create(0);
    bench_check(alm_fs_real_create(&env.fs, &error), &error);
    bench_check(alm_secret_start(&error), &error);
    alm_json_document *document = NULL;
    bench_check(alm_json_parse(read_file("tests/golden/access/cases.json"), "cases", &document,
                               &error), &error);
    const alm_json *cases = alm_json_member(alm_json_root(document), "cases");
    alm_key_set *set = NULL;
    bench_check(alm_key_set_parse(read_file("tests/golden/access/jwks.json"), "keys", &set, &error),
                &error);
    static const char *const NAMES[][2] = {{"RS256", "access_first_rs256_us"},
                                           {"ES256", "access_first_es256_us"},
                                           {"EdDSA", "access_first_eddsa_us"}};
    for (size_t i = 0; i < 3; i++) {
        verification v = {set, token_called(cases, NAMES[i][0])};
        measure(NAMES[i][1], verify, &v, 300, (int)rounds, "us");
    }
    alm_str token = token_called(cases, "RS256");
    alm_str header = alm_str_of(alm_arena_printf(arena, "Bearer " ALM_STR_FMT,
                                                 ALM_STR_ARG(token)));
    checking c = {open_access(), {.authorization = header, .peer = ALM_STR("192.0.2.7"),
                                  .needed = ALM_ROLE_PREDICTOR, .now = NOW, .now_ns = 1}};
    printf("{\"name\":\"access_token_bytes\",\"value\":%zu,\"unit\":\"bytes\"}\n", token.size);
    measure("access_remembered_ns", check, &c, 100000, (int)rounds, "ns");
    measure("access_token_sha256_ns", hash_token, &token, 100000, (int)rounds, "ns");
    measure_buckets((int)rounds);
    char hash[ALM_SECRET_HASH_TEXT_BYTES];
    bench_check(alm_secret_hash(ALM_STR("a secret"), hash, &error), &error);
    measure("access_api_key_hash_ms", hash_key, hash, 10, (int)rounds, "ms");
    alm_access_destroy(c.access);
    alm_key_set_destroy(set);
    alm_json_document_destroy(document);
    alm_fs_destroy(env.fs);
    alm_arena_destroy(arena);
    return 0;
}
