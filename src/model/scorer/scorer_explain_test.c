/* scorer_explain_test.c: a forest and a net behind a scaler, explained through a scorer and alone:
 * the same bits, whatever the batch and the threads; sums; and what is refused. */
#include "model/scorer/scorer_explain.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "model/ensemble/robust_scaler.h"
#include "model/scorer/scorer_cases.h"
#include "model/sequence/network_attribution.h"

enum { ROWS = 7, FEATURES = 4, STEPS = 11, NET_STEPS = 9, NET_FEATURES = 3, WINDOW_COLUMNS = 4 };

static const char SCALER[] = "{\"center\":[0.5,-0.25,0],\"scale\":[2,0.5,1]}";
static const char DOCUMENT[] =
    "{\"almanac_scorer\":1,\"task\":\"value\",\"horizons\":[{\"name\":\"h\",\"members\":["
    "{\"name\":\"f\",\"model\":\"lgb.txt\",\"columns\":[\"a\",\"b\",\"c\",\"d\"],\"output\":1},"
    "{\"name\":\"n\",\"model\":\"net.bin\",\"steps\":9,\"output\":2,\"scaler\":\"scaler.json\","
    "\"columns\":[\"z\",\"x\",\"y\"]},"
    "{\"name\":\"g\",\"model\":\"lgb.txt\",\"columns\":[\"a\",\"b\",\"c\",\"d\"],\"output\":0}],"
    "\"combination\":{\"kind\":\"mean\"}}]}";

typedef struct world {
    scorer_case files;
    alm_scorer *scorer;
    alm_scorer_binding *binding;
    alm_scorer_scratch *scratch;
    alm_pool *pool;
    const double *rows, *windows;
    double baseline[STEPS * WINDOW_COLUMNS];
} world;

static void ok(const world *w, alm_err code)
{
    if (code != ALM_OK) {
        fail_msg("%s", w->files.error.message);
    }
}

static void open_world(world *w, const char *document, int threads)
{
    static const alm_str row[] = {{"d", 1}, {"b", 1}, {"a", 1}, {"c", 1}};
    static const alm_str window[] = {{"x", 1}, {"y", 1}, {"w", 1}, {"z", 1}};
    static const alm_network_spec spec = {
        .feature_count = NET_FEATURES, .layer_count = 1, .output_count = 3,
        .head = ALM_HEAD_QUANTILES, .layer = {{.kind = ALM_LAYER_LSTM, .units = 6}}};
    forest_shape shape = {.trees = 12, .outputs = 2, .features = FEATURES, .leaves = 9, .grid = 4};
    memset(w, 0, sizeof *w);
    scorer_case_init(&w->files);
    scorer_case_put(&w->files, "lgb.txt", case_text(w->files.arena, &shape, 3));
    scorer_case_put(&w->files, "net.bin", scorer_case_net(w->files.arena, &spec, 11));
    scorer_case_put_text(&w->files, "scaler.json", SCALER);
    ok(w, scorer_case_read(&w->files, document, &w->scorer));
    alm_scorer_columns columns = {row, FEATURES, window, WINDOW_COLUMNS, STEPS};
    ok(w, alm_scorer_bind(w->scorer, &columns, &w->binding, &w->files.error));
    ok(w, alm_pool_create(threads, &w->pool, &w->files.error));
    ok(w, alm_scorer_scratch_create(w->binding, w->pool, &w->scratch, &w->files.error));
    w->rows = case_rows(w->files.arena, ROWS, FEATURES, 4);
    alm_rng rng = alm_rng_stream(8, 8);
    double *windows = ALM_NEW_ARRAY(w->files.arena, double, ROWS * STEPS * WINDOW_COLUMNS);
    for (size_t i = 0; i < ROWS * STEPS * WINDOW_COLUMNS; i++) {
        windows[i] = alm_rng_next_normal(&rng);
    }
    w->windows = windows;
    for (size_t i = 0; i < STEPS * WINDOW_COLUMNS; i++) {
        w->baseline[i] = alm_rng_next_normal(&rng);
    }
}

static void close_world(world *w)
{
    alm_scorer_scratch_destroy(w->scratch);
    alm_scorer_binding_destroy(w->binding);
    alm_scorer_destroy(w->scorer);
    alm_pool_destroy(w->pool);
    alm_arena_destroy(w->files.arena);
}

static double *explain(world *w, const alm_scorer_explain_options *options, size_t first,
                       size_t count, size_t *width)
{
    alm_scorer_explainer *e = NULL;
    ok(w, alm_scorer_explainer_create(w->binding, options, w->pool, &e, &w->files.error));
    (void)alm_scorer_explainer_describe(e, width);
    double *out = ALM_NEW_ARRAY(w->files.arena, double, count * *width);
    alm_scorer_batch batch = {.count = count, .first = first, .rows = w->rows + first * FEATURES,
                              .stride = FEATURES,
                              .windows = w->windows + first * STEPS * WINDOW_COLUMNS};
    ok(w, alm_scorer_explain(e, w->scratch, &batch, out, &w->files.error));
    alm_scorer_explainer_destroy(e);
    return out;
}

/* Contributions of the forest alone: rows x 2 outputs x 5. */
static double *forest_alone(world *w, bool strict)
{
    static const size_t place[FEATURES] = {2, 1, 3, 0}; /* a, b, c, d of d, b, a, c */
    double *rows = ALM_NEW_ARRAY(w->files.arena, double, ROWS * FEATURES);
    double *raw = ALM_NEW_ARRAY(w->files.arena, double, ROWS * 2);
    double *out = ALM_NEW_ARRAY(w->files.arena, double, ROWS * 2 * (FEATURES + 1));
    for (size_t i = 0; i < ROWS * FEATURES; i++) {
        rows[i] = w->rows[i / FEATURES * FEATURES + place[i % FEATURES]];
    }
    alm_forest *forest = NULL;
    alm_forest_explain *e = NULL;
    alm_forest_explain_scratch *scratch = NULL;
    alm_error *error = &w->files.error;
    ok(w, alm_forest_parse_lightgbm(w->files.file[0].bytes, "f", &forest, error));
    alm_forest_score(forest, rows, ROWS, FEATURES, raw);
    alm_forest_explain_options options = {.way = strict ? ALM_EXPLAIN_STRICT : ALM_EXPLAIN_FAST};
    ok(w, alm_forest_explain_create(forest, &options, &e, error));
    ok(w, alm_forest_explain_scratch_create(e, &scratch, error));
    alm_explain_rows all = {rows, ROWS, FEATURES, raw, 0};
    ok(w, alm_forest_explain_rows(e, scratch, &all, out, error));
    alm_forest_explain_scratch_destroy(scratch);
    alm_forest_explain_destroy(e);
    alm_forest_destroy(forest);
    return out;
}

/* z, x, y of x, y, w, z; the last steps, scaled. */
static void cut(world *w, const double *from, size_t count, double *to)
{
    static const size_t place[NET_FEATURES] = {3, 0, 1};
    alm_robust_scaler scaler;
    for (size_t i = 0; i < count * NET_STEPS * NET_FEATURES; i++) {
        size_t row = i / NET_FEATURES / NET_STEPS, step = i / NET_FEATURES % NET_STEPS;
        to[i] = from[(row * STEPS + STEPS - NET_STEPS + step) * WINDOW_COLUMNS +
                     place[i % NET_FEATURES]];
    }
    ok(w, alm_robust_scaler_read(alm_str_of(SCALER), "s", w->files.arena, &scaler,
                                 &w->files.error));
    alm_robust_scaler_apply(&scaler, to, count * NET_STEPS);
}

static void net_alone(world *w, bool baseline, double *out, alm_attribution_facts *facts)
{
    static double windows[ROWS * NET_STEPS * NET_FEATURES], base[NET_STEPS * NET_FEATURES];
    alm_network *net = NULL;
    alm_network_explainer *e = NULL;
    cut(w, w->windows, ROWS, windows);
    cut(w, w->baseline, 1, base);
    ok(w, alm_network_read(w->files.file[1].bytes, "n", &net, &w->files.error));
    ok(w, alm_network_explainer_create(net, &e, &w->files.error));
    alm_network_windows batch = {windows, ROWS, NET_STEPS};
    alm_attribution_request request = {.windows = &batch, .baseline = baseline ? base : NULL,
                                       .output = 2, .after_head = true};
    ok(w, alm_network_attribute(e, &request, out, facts, &w->files.error));
    alm_network_explainer_destroy(e);
    alm_network_destroy(net);
}

static void members_are_explained_as_alone(void **state)
{
    (void)state;
    enum { NET = NET_STEPS * NET_FEATURES };
    world w;
    size_t width = 0;
    open_world(&w, DOCUMENT, 2);
    for (int form = 0; form < 4; form++) {
        alm_scorer_explain_options options = {.strict = form % 2 == 1,
                                              .baseline = form < 2 ? NULL : w.baseline};
        const double *all = explain(&w, &options, 0, ROWS, &width);
        assert_int_equal(width, 5 + NET + 1 + 5);
        const double *forest = forest_alone(&w, options.strict);
        double net[ROWS * NET];
        alm_attribution_facts facts[ROWS];
        net_alone(&w, options.baseline != NULL, net, facts);
        for (size_t i = 0; i < ROWS; i++) {
            const double *own = all + i * width;
            assert_memory_equal(own, forest + (i * 2 + 1) * 5, 5 * sizeof *own);
            assert_memory_equal(own + 5, net + i * NET, NET * sizeof *own);
            assert_true(own[5 + NET] == facts[i].baseline_value);
            assert_memory_equal(own + 5 + NET + 1, forest + i * 2 * 5, 5 * sizeof *own);
            const double *alone = explain(&w, &options, i, 1, &width);
            assert_memory_equal(alone, own, width * sizeof *own);
        }
    }
    close_world(&w);
}

static void members_say_where_they_are(void **state)
{
    (void)state;
    world w;
    size_t width = 0;
    alm_scorer_explainer *e = NULL;
    alm_scorer_explain_options options = {0};
    open_world(&w, DOCUMENT, 1);
    ok(&w, alm_scorer_explainer_create(w.binding, &options, NULL, &e, &w.files.error));
    const alm_scorer_explained *m = alm_scorer_explainer_describe(e, &width);
    assert_true(m[0].at == 0 && m[0].outputs == 1 && m[0].steps == 0 && m[0].columns == 4);
    assert_true(m[1].at == 5 && m[1].outputs == 1 && m[1].steps == 9 && m[1].columns == 3);
    assert_true(m[2].at == 33 && width == 38);
    alm_scorer_explainer_destroy(e);
    close_world(&w);
}

static void refusals_name_the_member(void **state)
{
    (void)state;
    world w;
    double out[ROWS * 38];
    alm_scorer_explainer *e = NULL;
    open_world(&w, DOCUMENT, 1);
    alm_scorer_explain_options options = {.evaluations_max = 16, .tolerance = 1e-10};
    ok(&w, alm_scorer_explainer_create(w.binding, &options, NULL, &e, &w.files.error));
    alm_scorer_batch batch = {.count = 2, .first = 40, .rows = w.rows, .stride = FEATURES,
                              .windows = w.windows};
    assert_int_equal(alm_scorer_explain(e, w.scratch, &batch, out, &w.files.error),
                     ALM_ERR_NUMERIC);
    assert_non_null(strstr(w.files.error.message, "member n: window 41: after 15 gradients"));
    double *windows = ALM_NEW_ARRAY(w.files.arena, double, 2 * STEPS * WINDOW_COLUMNS);
    memcpy(windows, w.windows, 2 * STEPS * WINDOW_COLUMNS * sizeof *windows);
    windows[STEPS * WINDOW_COLUMNS + 5 * WINDOW_COLUMNS] = (double)NAN;
    batch.windows = windows;
    assert_int_equal(alm_scorer_explain(e, w.scratch, &batch, out, &w.files.error),
                     ALM_ERR_NUMERIC);
    assert_non_null(strstr(w.files.error.message, "row 42, step 6 of its window, column x"));
    alm_scorer_explainer_destroy(e);
    w.baseline[6 * WINDOW_COLUMNS] = (double)INFINITY;
    options = (alm_scorer_explain_options){.baseline = w.baseline};
    e = NULL;
    assert_int_equal(alm_scorer_explainer_create(w.binding, &options, NULL, &e, &w.files.error),
                     ALM_ERR_NUMERIC);
    assert_non_null(strstr(w.files.error.message, "member n: step 7 of the baseline, column "));
    assert_null(e);
    close_world(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(members_are_explained_as_alone),
        cmocka_unit_test(members_say_where_they_are),
        cmocka_unit_test(refusals_name_the_member),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
