/* A run with a rule gives what decide/reconcile_method.h gives of the same forecasts, all nodes and
 * paths in one array. Those are had by runs that publish them: bottom-up the leaves', top-down from
 * a level that level's. */
#include "pipeline/paths/path_file.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "pipeline/pipeline_fixture.h"

#define PATHS 9
#define WIDTH ((PATHS + 1) * (size_t)SYNTHETIC_HORIZON)

typedef struct shop {
    fixture *f;
    alm_snapshot snapshot;
    alm_panel_source *source;
    const alm_hierarchy *h;
    size_t rows; /* aggregates, then leaves */
    size_t block;
} shop;

static void open_shop(shop *s, fixture *f, bool tree, size_t block)
{
    *s = (shop){.f = f, .block = block};
    synthetic_open(f, &(synthetic_options){.tree = tree});
    s->snapshot = synthetic_take(f, SYNTHETIC_END);
    alm_panel_options options = {.start = ALM_DATE_NONE, .end = fixture_date(SYNTHETIC_END),
                                 .future = SYNTHETIC_HORIZON, .membership_date = ALM_DATE_NONE,
                                 .block_series = block};
    assert_int_equal(alm_panel_source_open(&f->env, f->project, f->objects, &s->snapshot, &options,
                                           &s->source, &f->error), ALM_OK);
    s->h = alm_panel_source_hierarchy(s->source);
    assert_true(s->h->is_tree == tree);
    s->rows = alm_hierarchy_row_count(s->h);
}

typedef struct kept { /* reconciled values and base means of all nodes */
    const shop *s;
    double *values; /* rows x WIDTH: paths, then the mean */
    double *base;   /* rows x steps */
    size_t steps;
    alm_path_writer *writer;
} kept;

static alm_err keep(void *context, const alm_forecast_block *block, alm_error *error)
{
    kept *k = context;
    k->steps = block->steps;
    alm_str *names = ALM_NEW_ARRAY(k->s->f->arena, alm_str, block->count);
    for (size_t i = 0; i < block->count; i++) {
        const alm_forecast *f = &block->forecasts[i];
        size_t row = f->index + (block->aggregates ? 0 : k->s->h->node_count);
        memcpy(k->values + row * WIDTH, f->values, WIDTH * sizeof(double));
        memcpy(k->base + row * block->steps, f->base_mean, block->steps * sizeof(double));
        names[i] = block->aggregates
                       ? k->s->h->node_names[f->index]
                       : alm_panel_source_node_name(k->s->source, f->index, k->s->f->arena);
    }
    return k->writer ? alm_path_writer_block(k->writer, block, names, error) : ALM_OK;
}

static alm_err run_rule(const shop *s, const alm_reconcile_rule *rule, const char *paths, kept *out)
{
    fixture *f = s->f;
    alm_method method = synthetic_method(PATHS);
    method.weight[ALM_CLASS_aggregate] = rule->method == ALM_RECONCILE_BOTTOM_UP;
    alm_bundle_parts parts = synthetic_parts(f, alm_panel_source_schema(s->source), &method);
    alm_buffer text = {0};
    alm_reconcile_rule_write(rule, &text);
    parts.reconcile = fixture_keep(f->arena, &text);
    *out = (kept){.s = s, .values = ALM_NEW_ARRAY(f->arena, double, s->rows * WIDTH),
                  .base = ALM_NEW_ARRAY(f->arena, double, s->rows * SYNTHETIC_HORIZON)};
    alm_bundle *bundle = NULL;
    f->error = (alm_error){0};
    alm_err code = alm_bundle_of_parts(&parts, alm_panel_source_schema(s->source), &bundle,
                                       &f->error);
    if (code == ALM_OK && paths) {
        code = alm_path_writer_open(f->fs, paths, &bundle->method, s->h, &out->writer, &f->error);
    }
    if (code == ALM_OK) {
        alm_forecast_sink sink = {keep, out};
        alm_pipeline_request request = {.bundle = bundle, .source = s->source, .scratch = f->root,
                                        .stock = true};
        code = alm_pipeline_run(&f->env, &request, &sink, &f->error);
    }
    if (code == ALM_OK && paths) {
        code = alm_path_writer_finish(out->writer, &f->error);
    }
    alm_path_writer_close(out->writer);
    alm_bundle_destroy(bundle);
    return code;
}

static void must_run(const shop *s, const alm_reconcile_rule *rule, const char *paths, kept *out)
{
    alm_err code = run_rule(s, rule, paths, out);
    assert_string_equal(s->f->error.message, "");
    assert_int_equal(code, ALM_OK);
}

static alm_reconcile_rule plain_rule(alm_reconcile_method method, alm_str from)
{
    return (alm_reconcile_rule){.method = method, .from = from, .intensity = (double)NAN};
}

/* What the rule works on: rows x WIDTH. */
static double *forecasts_of(const shop *s)
{
    kept k;
    alm_reconcile_rule rule = plain_rule(ALM_RECONCILE_BOTTOM_UP, ALM_STR(""));
    must_run(s, &rule, NULL, &k);
    double *out = ALM_NEW_ARRAY(s->f->arena, double, s->rows * WIDTH);
    size_t leaves = s->h->node_count * WIDTH;
    memcpy(out + leaves, k.values + leaves, s->h->leaf_count * WIDTH * sizeof(double));
    for (uint32_t level = 0; level < s->h->level_count; level++) {
        const alm_hierarchy_level *l = &s->h->levels[level];
        rule = plain_rule(ALM_RECONCILE_TOP_DOWN_PROPORTIONS_OF_AVERAGES, l->name);
        must_run(s, &rule, NULL, &k);
        size_t at = l->first_node * WIDTH;
        memcpy(out + at, k.values + at, l->node_count * WIDTH * sizeof(double));
    }
    return out;
}

/* Where a row stands: by level and name. */
static alm_reconcile_node node_of(const shop *s, size_t row)
{
    if (row >= s->h->node_count) {
        return (alm_reconcile_node){
            ALM_STR(""),
            alm_panel_source_node_name(s->source, row - s->h->node_count, s->f->arena)};
    }
    uint32_t level = 0;
    while (row >= s->h->levels[level].first_node + s->h->levels[level].node_count) {
        level++;
    }
    return (alm_reconcile_node){s->h->levels[level].name, s->h->node_names[row]};
}

/* Learned weights of all nodes, or of all but every seventh, which is new to the run. */
static alm_reconcile_rule learned_rule(const shop *s, alm_reconcile_method method, size_t factors,
                                       bool all)
{
    alm_arena *arena = s->f->arena;
    alm_reconcile_node *nodes = ALM_NEW_ARRAY(arena, alm_reconcile_node, s->rows);
    double *variance = ALM_NEW_ARRAY(arena, double, s->rows);
    double *factor = ALM_NEW_ARRAY(arena, double, s->rows * factors);
    size_t count = 0;
    for (size_t i = 0; i < s->rows; i++) {
        if (all || i % 7 != 3) {
            nodes[count++] = node_of(s, i);
        }
    }
    for (size_t i = 1; i < count; i++) { /* by level and name */
        for (size_t j = i; j > 0 && alm_reconcile_node_compare(&nodes[j - 1], &nodes[j]) > 0; j--) {
            alm_reconcile_node swap = nodes[j];
            nodes[j] = nodes[j - 1];
            nodes[j - 1] = swap;
        }
    }
    for (size_t i = 0; i < count; i++) {
        variance[i] = .5 + 4 * alm_rng_uniform(1, ALM_RNG_TEST, i, 0);
        for (size_t k = 0; k < factors; k++) {
            factor[i * factors + k] = alm_rng_uniform(1, ALM_RNG_TEST, i, 1 + k) - .3;
        }
    }
    return (alm_reconcile_rule){.method = method, .errors = 20, .intensity = .4,
                                .node_count = count, .nodes = nodes, .variance = variance,
                                .factor_count = factors, .factor = factor};
}

/* The same by the library, in place. */
static void reconcile(const shop *s, const alm_reconcile_rule *rule, double *values)
{
    alm_arena *arena = s->f->arena;
    double *variance = ALM_NEW_ARRAY(arena, double, s->rows);
    double *factor = ALM_NEW_ARRAY(arena, double, s->rows * (rule->factor_count + 1));
    for (size_t i = 0; i < s->rows && rule->node_count > 0; i++) {
        alm_reconcile_node node = node_of(s, i);
        size_t at = alm_reconcile_rule_find(rule, &node);
        assert_true(at < rule->node_count);
        variance[i] = rule->variance[at];
        for (size_t k = 0; k < rule->factor_count; k++) {
            factor[i * rule->factor_count + k] = rule->factor[at * rule->factor_count + k];
        }
    }
    alm_reconcile_request request = {.method = rule->method, .non_negative = true};
    while (rule->from.size > 0 &&
           !alm_str_equal(s->h->levels[request.from_level].name, rule->from)) {
        request.from_level++;
    }
    if (alm_reconcile_learns(rule->method)) {
        request.given = (alm_reconcile_weights){variance, factor, rule->factor_count};
    }
    alm_reconciliation *r = NULL;
    alm_reconcile_outcome outcome;
    assert_int_equal(alm_reconciliation_create(s->h, &request, &r, &s->f->error), ALM_OK);
    assert_int_equal(alm_reconciliation_apply(r, values, WIDTH, &outcome, &s->f->error), ALM_OK);
    assert_int_equal(outcome.unsettled, 0);
    alm_reconciliation_destroy(r);
}

/* Coherent and not negative, whatever the rule. */
static void expect_sound(const shop *s, const kept *k)
{
    const alm_hierarchy *h = s->h;
    double *sums = ALM_NEW_ARRAY(s->f->arena, double, h->node_count * WIDTH);
    alm_hierarchy_add(h, 0, h->leaf_count, k->values + h->node_count * WIDTH, WIDTH, sums);
    for (size_t i = 0; i < s->rows * WIDTH; i++) {
        assert_true(isfinite(k->values[i]) && k->values[i] >= 0);
        if (i < h->node_count * WIDTH) {
            assert_true(fabs(k->values[i] - sums[i]) <= 1e-12 * (1 + sums[i]));
        }
    }
}

/* Removes the file. */
static void expect_same_paths(const shop *s, const char *path, const kept *k)
{
    fixture *f = s->f;
    alm_str bytes;
    alm_path_file *file = NULL;
    assert_int_equal(alm_fs_read_all(f->fs, path, 1 << 26, f->arena, &bytes, &f->error), ALM_OK);
    assert_int_equal(f->fs->ops->unlink(f->fs, path, &f->error), ALM_OK);
    assert_int_equal(alm_path_file_open(bytes, &file, &f->error), ALM_OK);
    for (size_t i = 0; i < s->rows; i++) {
        alm_arena *arena = alm_arena_create(0);
        alm_node_paths paths;
        assert_int_equal(alm_paths_of_node(file, node_of(s, i).name, arena, &paths, &f->error),
                         ALM_OK);
        assert_int_equal(paths.paths, PATHS);
        assert_memory_equal(paths.values, k->values + i * WIDTH, WIDTH * sizeof(double));
        alm_arena_destroy(arena);
    }
    alm_path_file_close(file);
}

/* Multipliers are a division by variances and back: a few digits of 1e-16, times the ratio of
 * variances and the size of the total. */
static void expect_close(const shop *s, const double *want, const double *have)
{
    double largest = 1;
    for (size_t i = 0; i < s->rows * WIDTH; i++) {
        largest = want[i] > largest ? want[i] : largest;
    }
    for (size_t i = 0; i < s->rows * WIDTH; i++) {
        if (!(fabs(want[i] - have[i]) <= 1e-9 * largest)) {
            fail_msg("row %zu, column %zu: %.12g, not %.12g", i / WIDTH, i % WIDTH, have[i],
                     want[i]);
        }
    }
}

static const alm_reconcile_method METHODS[] = {
    ALM_RECONCILE_OLS,
    ALM_RECONCILE_WLS_STRUCTURAL,
    ALM_RECONCILE_WLS_VARIANCE,
    ALM_RECONCILE_MINT_SHRINK,
    ALM_RECONCILE_TOP_DOWN_FORECAST_PROPORTIONS,
    ALM_RECONCILE_TOP_DOWN_PROPORTIONS_OF_AVERAGES,
    ALM_RECONCILE_TOP_DOWN_AVERAGE_PROPORTIONS,
    ALM_RECONCILE_BOTTOM_UP};
enum { METHOD_COUNT = sizeof METHODS / sizeof METHODS[0], BY_FORECASTS = 5 };

/* Top-down from the first level of a tree, else from the last. */
static alm_reconcile_rule rule_of(const shop *s, alm_reconcile_method method, bool all)
{
    if (alm_reconcile_learns(method)) {
        return learned_rule(s, method, method == ALM_RECONCILE_MINT_SHRINK ? 3 : 0, all);
    }
    uint32_t level = s->h->is_tree ? 0 : s->h->level_count - 1;
    return plain_rule(method, alm_reconcile_splits(method) ? s->h->levels[level].name
                                                           : ALM_STR(""));
}

static void runs_equal_the_library(void **state)
{
    for (int tree = 0; tree < 2; tree++) {
        shop s;
        open_shop(&s, *state, tree, 7);
        const double *base = forecasts_of(&s);
        double moved = 0;
        size_t held = 0;
        for (size_t m = 0; m < BY_FORECASTS; m++) {
            alm_reconcile_rule rule = rule_of(&s, METHODS[m], true);
            kept k;
            must_run(&s, &rule, NULL, &k);
            double *want = ALM_NEW_ARRAY(s.f->arena, double, s.rows * WIDTH);
            memcpy(want, base, s.rows * WIDTH * sizeof(double));
            reconcile(&s, &rule, want);
            expect_close(&s, want, k.values);
            for (size_t i = s.h->node_count * WIDTH; i < s.rows * WIDTH; i++) {
                moved += fabs(k.values[i] - base[i]);
                held += k.values[i] == 0 && base[i] > 0;
            }
        }
        assert_true(moved > 100); /* there was something to reconcile, and a bound to keep */
        assert_true(held > 10);
        alm_panel_source_close(s.source);
    }
}

/* Shares of the run's own past, from the sales themselves. */
static void shares_are_those_of_the_past(void **state)
{
    shop s;
    open_shop(&s, *state, true, 256);
    alm_panel panel;
    assert_int_equal(alm_panel_source_next(s.source, s.f->arena, &panel, &s.f->error), ALM_OK);
    const alm_panel *nodes = alm_panel_source_aggregates(s.source);
    for (int averages = 0; averages < 2; averages++) {
        alm_reconcile_rule rule =
            plain_rule(averages ? ALM_RECONCILE_TOP_DOWN_PROPORTIONS_OF_AVERAGES
                                : ALM_RECONCILE_TOP_DOWN_AVERAGE_PROPORTIONS, ALM_STR("region"));
        kept k;
        must_run(&s, &rule, NULL, &k);
        for (size_t i = 0; i < s.h->leaf_count; i++) {
            uint32_t node = s.h->node_of_leaf[i * s.h->level_count + 1];
            double own = 0;
            double all = 0;
            for (size_t t = 0; t < panel.periods; t++) {
                double y = alm_panel_value(&panel, 0, i, t);
                double total = alm_panel_value(nodes, 0, node, t);
                y = isfinite(y) ? y : 0; /* before the launch */
                own += averages ? y : total > 0 ? y / total : 0;
                all += averages ? total : total > 0;
            }
            const double *mean = k.values + (s.h->node_count + i) * WIDTH + PATHS * k.steps;
            const double *above = k.base + node * k.steps;
            for (size_t h = 0; h < k.steps; h++) {
                double want = own / all * above[h];
                assert_true(fabs(mean[h] - want) <= 1e-9 * (1 + want));
            }
        }
    }
    alm_panel_source_close(s.source);
}

/* Every rule, with nodes that it does not know: coherent and not negative; the same bits for any
 * threads, blocks and batches; and the file of sample paths gives every node's again. */
static void every_rule_keeps_the_promises(void **state)
{
    static const struct {
        int threads;
        size_t block;
        uint64_t memory; /* little: two paths at once, a few of those at a time */
    } CASES[] = {{1, 256, 0}, {3, 7, 340000}};
    fixture *f = *state;
    for (size_t m = 0; m < 2 * METHOD_COUNT; m++) {
        kept first = {0};
        for (size_t c = 0; c < 2; c++) {
            shop s;
            synthetic_threads(f, CASES[c].threads);
            open_shop(&s, f, m % 2, CASES[c].block);
            alm_reconcile_rule rule = rule_of(&s, METHODS[m / 2], false);
            const char *path = alm_path_join(f->arena, f->root, "paths");
            kept k;
            f->env.memory_limit_bytes = CASES[c].memory;
            must_run(&s, &rule, path, &k);
            f->env.memory_limit_bytes = 0;
            expect_sound(&s, &k);
            expect_same_paths(&s, path, &k);
            first = c == 0 ? k : first;
            assert_memory_equal(first.values, k.values, s.rows * WIDTH * sizeof(double));
            alm_panel_source_close(s.source);
        }
    }
}

static void a_rule_that_does_not_fit_is_refused(void **state)
{
    shop s;
    open_shop(&s, *state, false, 256);
    kept k;
    alm_reconcile_rule rule =
        plain_rule(ALM_RECONCILE_TOP_DOWN_FORECAST_PROPORTIONS, ALM_STR("total"));
    assert_int_equal(run_rule(&s, &rule, NULL, &k), ALM_ERR_UNSUPPORTED);
    assert_non_null(strstr(s.f->error.message, "set reconcile_from to its last level, range"));
    rule.from = ALM_STR("shelf");
    assert_int_equal(run_rule(&s, &rule, NULL, &k), ALM_ERR_UNSUPPORTED);
    assert_non_null(strstr(s.f->error.message, "splits the forecasts of level shelf, which"));
    s.f->env.memory_limit_bytes = 1000;
    rule = plain_rule(ALM_RECONCILE_OLS, ALM_STR(""));
    assert_int_equal(run_rule(&s, &rule, NULL, &k), ALM_ERR_LIMIT);
    s.f->env.memory_limit_bytes = 0;
    alm_panel_source_close(s.source);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, synthetic_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(runs_equal_the_library),
        CASE(shares_are_those_of_the_past),
        CASE(every_rule_keeps_the_promises),
        CASE(a_rule_that_does_not_fit_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
