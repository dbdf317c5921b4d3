/* Kept answers have the bits of computed ones; what differs in anything is another question; a
 * model that is swapped never answers for the next. */
#include "serve/models/inference_cache.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/build_info.h"
#include "serve/models/model_set_cases.h"

#define FEATURES 5

static const alm_env NO_CLOCK = {0};

typedef struct world {
    alm_arena *arena;
    scorer_case files;
    case_source source;
    alm_model_set *set;
    alm_answer_cache *cache;
    alm_shared_store *share; /* not its own */
    alm_error error;
} world;

static void gone(void *context, const alm_served_info *info)
{
    alm_digest digest;
    assert_true(alm_digest_parse(alm_str_of(info->digest), &digest));
    alm_answer_cache_forget(context, &digest);
}

static void start(world *w)
{
    forest_shape shape = {.trees = 6, .outputs = 3, .features = FEATURES, .leaves = 12, .grid = 8};
    memset(w, 0, sizeof *w);
    w->arena = alm_arena_create(0);
    scorer_case_init(&w->files);
    for (uint64_t i = 0; i < 2; i++) {
        w->source.text[i] = case_named(w->arena, scorer_case_lightgbm(w->arena, &shape, 4 + i,
                                                                      "multiclass num_class:3"));
    }
    w->set = case_set(1, "m", &w->source);
    assert_int_equal(alm_answer_cache_create(1 << 20, 1, &w->cache, NULL), ALM_OK);
    alm_model_set_watch(w->set, gone, w->cache);
}

static void stop(world *w)
{
    alm_model_set_destroy(w->set);
    alm_answer_cache_destroy(w->cache);
    alm_arena_destroy(w->files.arena);
    alm_arena_destroy(w->arena);
}

/* What the default model says; how it came is given. */
static alm_cache_use ask(world *w, const alm_inference_input *input, alm_inference_answer *out)
{
    alm_cached_inference how = {.cache = w->cache, .share = w->share, .arena = w->arena,
                                .env = &NO_CLOCK};
    uint64_t cache_ns = 1;
    alm_cache_use use = ALM_CACHE_NONE;
    const alm_model_snapshot *s = alm_model_set_enter(w->set, 0);
    assert_int_equal(alm_model_snapshot_ready(s, ALM_STR("m"), ALM_STR(""), &how.model, NULL),
                     ALM_OK);
    alm_err code = alm_inference_run_cached(&how, input, out, &use, &cache_ns, &w->error);
    alm_model_set_leave(w->set, 0);
    if (code != ALM_OK) {
        fail_msg("%s", w->error.message);
    }
    assert_int_equal(cache_ns, 0); /* of a clock that stands still */
    return use;
}

static void assert_same(const alm_inference_answer *a, const alm_inference_answer *b)
{
    size_t answers = a->rows * a->horizons;
    assert_int_equal(a->rows, b->rows);
    assert_int_equal(a->horizons, b->horizons);
    assert_int_equal(a->classes, b->classes);
    assert_memory_equal(a->value, b->value, answers * sizeof(double));
    assert_memory_equal(a->probability, b->probability, answers * a->classes * sizeof(double));
    assert_memory_equal(a->confidence, b->confidence, answers * sizeof(double));
}

static void kept_answers_have_the_same_bits(void **state)
{
    (void)state;
    world w;
    start(&w);
    const double values[] = {0.5, -1.25, 3, 0, 2.5, NAN, 1, 2, 3, 4};
    alm_inference_input input = {.rows = 2, .column_count = FEATURES, .values = values};
    alm_inference_answer first, again;
    assert_int_equal(ask(&w, &input, &first), ALM_CACHE_STORED);
    assert_int_equal(ask(&w, &input, &again), ALM_CACHE_HIT);
    assert_ptr_not_equal(first.value, again.value);
    assert_same(&first, &again);
    stop(&w);
}

static void anything_else_is_another_question(void **state)
{
    (void)state;
    world w;
    start(&w);
    static const alm_str names[] = {{"f0", 2}, {"f1", 2}, {"f2", 2}, {"f3", 2}, {"f4", 2}};
    static const alm_str other[] = {{"f1", 2}, {"f0", 2}, {"f2", 2}, {"f3", 2}, {"f4", 2}};
    const double values[] = {0.5, -1.25, 3, 0.0, 2.5, 0.5, -1.25, 3, 0.0, 2.5};
    const double signs[] = {0.5, -1.25, 3, -0.0, 2.5, 0.5, -1.25, 3, 0.0, 2.5};
    alm_inference_input input = {.rows = 1, .column_count = FEATURES, .values = values};
    alm_inference_answer answer, swapped;
    assert_int_equal(ask(&w, &input, &answer), ALM_CACHE_STORED);
    input.rows = 2;
    assert_int_equal(ask(&w, &input, &answer), ALM_CACHE_STORED);
    input.rows = 1;
    input.values = signs;
    assert_int_equal(ask(&w, &input, &answer), ALM_CACHE_STORED);
    input.values = values;
    input.name = names;
    assert_int_equal(ask(&w, &input, &answer), ALM_CACHE_STORED);
    input.name = other;
    assert_int_equal(ask(&w, &input, &swapped), ALM_CACHE_STORED);
    input.refuse_extra = true;
    assert_int_equal(ask(&w, &input, &answer), ALM_CACHE_STORED);
    assert_same(&answer, &swapped);
    input.name = names;
    input.refuse_extra = false;
    assert_int_equal(ask(&w, &input, &answer), ALM_CACHE_HIT);
    assert_int_equal(alm_answer_cache_count(w.cache).entries, 6);
    stop(&w);
}

/* Errors are not kept, and a question that is too large is only computed. */
static void what_is_not_kept(void **state)
{
    (void)state;
    world w;
    start(&w);
    enum { ROWS = 5000 };
    static double values[ROWS * FEATURES];
    alm_inference_input input = {.rows = 1, .column_count = FEATURES - 1, .values = values};
    alm_inference_answer answer;
    alm_cache_use use = ALM_CACHE_NONE;
    alm_cached_inference how = {.cache = w.cache, .arena = w.arena, .env = &NO_CLOCK};
    uint64_t cache_ns = 0;
    const alm_model_snapshot *s = alm_model_set_enter(w.set, 0);
    assert_int_equal(alm_model_snapshot_ready(s, ALM_STR("m"), ALM_STR(""), &how.model, NULL),
                     ALM_OK);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(alm_inference_run_cached(&how, &input, &answer, &use, &cache_ns, NULL),
                         ALM_ERR_INVALID);
    }
    input.rows = SIZE_MAX;
    assert_int_equal(alm_inference_run_cached(&how, &input, &answer, &use, &cache_ns, NULL),
                     ALM_ERR_LIMIT);
    alm_model_set_leave(w.set, 0);
    input.rows = ROWS;
    input.column_count = FEATURES;
    assert_int_equal(ask(&w, &input, &answer), ALM_CACHE_BYPASS);
    assert_int_equal(alm_answer_cache_count(w.cache).entries, 0);
    stop(&w);
}

static void a_swap_gives_no_old_answer(void **state)
{
    (void)state;
    world w;
    start(&w);
    const double values[] = {0.5, -1.25, 3, 0, 2.5};
    alm_inference_input input = {.rows = 1, .column_count = FEATURES, .values = values};
    alm_inference_answer first, second, again;
    assert_int_equal(ask(&w, &input, &first), ALM_CACHE_STORED);
    w.source.next = 1;
    assert_int_equal(alm_model_set_load(w.set, ALM_STR("m"), ALM_STR("1"), NULL), ALM_OK);
    assert_int_equal(alm_answer_cache_count(w.cache).bytes, 0); /* the old ones are freed */
    assert_int_equal(ask(&w, &input, &second), ALM_CACHE_STORED);
    assert_memory_not_equal(first.probability, second.probability, 3 * sizeof(double));
    w.source.next = 0;
    assert_int_equal(alm_model_set_load(w.set, ALM_STR("m"), ALM_STR("1"), NULL), ALM_OK);
    assert_int_equal(ask(&w, &input, &again), ALM_CACHE_STORED);
    assert_same(&first, &again);
    /* Loaded again from the same content it has its answers still. */
    assert_int_equal(alm_model_set_load(w.set, ALM_STR("m"), ALM_STR("1"), NULL), ALM_OK);
    assert_int_equal(ask(&w, &input, &again), ALM_CACHE_HIT);
    assert_same(&first, &again);
    assert_int_equal(alm_model_set_unload(w.set, ALM_STR("m"), ALM_STR("1"), NULL), ALM_OK);
    assert_int_equal(alm_answer_cache_count(w.cache).entries, 0);
    stop(&w);
}

static alm_answer_key key_of_first(world *w, alm_str question)
{
    alm_answer_key key = {.question = question};
    const alm_model_snapshot *s = alm_model_set_enter(w->set, 0);
    const alm_served_model *model = NULL;
    assert_int_equal(alm_model_snapshot_ready(s, ALM_STR("m"), ALM_STR(""), &model, NULL), ALM_OK);
    assert_true(alm_digest_parse(alm_str_of(alm_served_model_describe(model)->digest), &key.model));
    alm_model_set_leave(w->set, 0);
    return key;
}

/* Two services and what they share: the second has the first's answer, and then one of its own. */
static void services_share_answers(void **state)
{
    (void)state;
    world a, b;
    start(&a);
    start(&b);
    const double values[] = {0.5, -1.25, 3, 0, 2.5, NAN, 1, 2, 3, 4};
    alm_inference_input input = {.rows = 2, .column_count = FEATURES, .values = values};
    alm_inference_answer first, again;
    assert_int_equal(alm_shared_memory_create(8, &a.share, NULL), ALM_OK);
    b.share = a.share;
    assert_int_equal(ask(&a, &input, &first), ALM_CACHE_STORED);
    assert_int_equal(ask(&b, &input, &again), ALM_CACHE_SHARED);
    assert_same(&first, &again);
    assert_int_equal(ask(&b, &input, &again), ALM_CACHE_HIT);
    assert_same(&first, &again);
    input.rows = 1; /* nobody is reached: as without it */
    alm_shared_memory_break(a.share, true);
    assert_int_equal(ask(&a, &input, &first), ALM_CACHE_STORED);
    assert_int_equal(ask(&b, &input, &again), ALM_CACHE_STORED);
    assert_same(&first, &again);
    alm_shared_memory_break(a.share, false);
    alm_answer_cache *own = b.cache;
    b.cache = NULL; /* shared only */
    assert_int_equal(ask(&b, &input, &again), ALM_CACHE_STORED);
    assert_int_equal(ask(&b, &input, &again), ALM_CACHE_SHARED);
    assert_same(&first, &again);
    assert_int_equal(alm_model_set_load(b.set, ALM_STR("m"), ALM_STR("1"), NULL), ALM_OK);
    assert_int_equal(ask(&b, &input, &again), ALM_CACHE_SHARED);
    b.source.next = 1; /* other content */
    assert_int_equal(alm_model_set_load(b.set, ALM_STR("m"), ALM_STR("1"), NULL), ALM_OK);
    assert_int_equal(ask(&b, &input, &again), ALM_CACHE_STORED);
    assert_memory_not_equal(first.probability, again.probability, 3 * sizeof(double));
    b.cache = own;
    alm_shared_destroy(a.share);
    stop(&a);
    stop(&b);
}

/* What somebody wrote there that is no answer to the question is not given. */
static void what_is_no_answer_is_not_taken(void **state)
{
    (void)state;
    world w;
    start(&w);
    alm_shared_store *store = NULL;
    alm_str kept, got;
    assert_int_equal(alm_shared_memory_create(8, &store, NULL), ALM_OK);
    alm_answer_key key = key_of_first(&w, ALM_STR("question"));
    assert_false(alm_answer_share_get(store, &key, w.arena, &got));
    assert_true(alm_answer_share_put(store, &key, ALM_STR("answer"), w.arena));
    assert_true(alm_answer_share_get(store, &key, w.arena, &got));
    assert_true(alm_str_is(got, "answer"));
    alm_answer_key other = key_of_first(&w, ALM_STR("questiom"));
    assert_false(alm_answer_share_get(store, &other, w.arena, &got));
    /* Every byte that is changed, and every part of it. */
    char model[ALM_DIGEST_TEXT_BYTES], question[ALM_DIGEST_TEXT_BYTES];
    alm_hash hash;
    alm_hash_init(&hash);
    alm_hash_update_str(&hash, ALM_STR(ALM_ENGINE_SOURCE_DIGEST));
    alm_hash_update_str(&hash, key.question);
    alm_digest digest = alm_hash_final(&hash);
    alm_digest_text(&key.model, model);
    alm_digest_text(&digest, question);
    alm_str name = alm_str_of(alm_arena_printf(w.arena, "almanac:answers:%s:%s", model, question));
    assert_int_equal(alm_shared_get(store, name, w.arena, &kept), ALM_SHARED_FOUND);
    char *bytes = alm_arena_copy_text(w.arena, kept.data, kept.size);
    for (size_t i = 0; i < kept.size; i++) {
        bytes[i] ^= 1;
        assert_true(alm_shared_put(store, name, (alm_str){bytes, kept.size}));
        assert_false(alm_answer_share_get(store, &key, w.arena, &got));
        bytes[i] ^= 1;
        assert_true(alm_shared_put(store, name, (alm_str){bytes, i + 1}));
        assert_int_equal(alm_answer_share_get(store, &key, w.arena, &got), i + 1 == kept.size);
    }
    alm_shared_destroy(store);
    stop(&w);
}

/* An answer of another shape, or with a number that is none, under the very key: computed. */
typedef struct forger {
    alm_shared_store store; /* gives the same to every question */
    alm_str answer;
} forger;

static alm_shared_found forge(alm_shared_store *store, alm_str key, alm_arena *arena, alm_str *out)
{
    const forger *self = (const forger *)store;
    alm_hash hash;
    alm_hash_init(&hash);
    alm_hash_update_str(&hash, key);
    alm_hash_update_str(&hash, self->answer);
    alm_digest seal = alm_hash_final(&hash);
    size_t size = sizeof seal + self->answer.size;
    char *bytes = alm_arena_alloc(arena, size);
    memcpy(bytes, seal.bytes, sizeof seal);
    memcpy(bytes + sizeof seal, self->answer.data, self->answer.size);
    *out = (alm_str){bytes, size};
    return ALM_SHARED_FOUND;
}

static bool put_nothing(alm_shared_store *store, alm_str key, alm_str value)
{
    (void)store;
    (void)key;
    (void)value;
    return false;
}

static void forged_answers_are_not_taken(void **state)
{
    (void)state;
    static const alm_shared_store_ops OPS = {"forger", forge, put_nothing, NULL, NULL};
    world w;
    start(&w);
    const double values[] = {0.5, -1.25, 3, 0, 2.5};
    alm_inference_input input = {.rows = 1, .column_count = FEATURES, .values = values};
    alm_inference_answer answer;
    struct {
        uint64_t shape[3];
        double number[5]; /* a label, three probabilities, confidence */
    } given = {{1, 1, 3}, {1, 0.25, 0.5, 0.25, 0.5}}, bad;
    forger f = {.store.ops = &OPS, .answer = {(const char *)&bad, sizeof bad}};
    alm_answer_cache *own = w.cache;
    w.cache = NULL;
    w.share = &f.store;
    bad = given; /* the forger is believed when all is right */
    assert_int_equal(ask(&w, &input, &answer), ALM_CACHE_SHARED);
    assert_true(answer.probability[1] == 0.5);
    for (size_t i = 0; i < 3; i++) {
        bad = given;
        bad.shape[i] = UINT64_MAX;
        assert_int_equal(ask(&w, &input, &answer), ALM_CACHE_MISS);
        bad.shape[i] = given.shape[i] + 1;
        assert_int_equal(ask(&w, &input, &answer), ALM_CACHE_MISS);
    }
    for (size_t i = 0; i < 5; i++) {
        bad = given;
        bad.number[i] = i % 2 ? NAN : INFINITY;
        assert_int_equal(ask(&w, &input, &answer), ALM_CACHE_MISS);
    }
    bad = given;
    for (size_t size = 0; size < sizeof bad; size++) {
        f.answer.size = size;
        assert_int_equal(ask(&w, &input, &answer), ALM_CACHE_MISS);
    }
    w.cache = own;
    stop(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kept_answers_have_the_same_bits),
        cmocka_unit_test(anything_else_is_another_question),
        cmocka_unit_test(what_is_not_kept),
        cmocka_unit_test(a_swap_gives_no_old_answer),
        cmocka_unit_test(services_share_answers),
        cmocka_unit_test(what_is_no_answer_is_not_taken),
        cmocka_unit_test(forged_answers_are_not_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
