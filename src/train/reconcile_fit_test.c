#include "train/reconcile_choice.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "num/shrinkage.h"
#include "pipeline/bundle.h"
#include "project/synthetic_project.h"
#include "train/train.h"
#include "train/training_fixture.h"

enum { RECORDS = 2, STEPS = 6 };

/* Made-up records over the synthetic shop: forecasts and outcomes from counters. */
static alm_origin_record *make_records(const training_case *c, fixture *f, bool holes)
{
    size_t series = c->panel.series_count;
    size_t nodes = c->panel.hierarchy->node_count;
    alm_origin_record *records = ALM_NEW_ARRAY(f->arena, alm_origin_record, RECORDS);
    for (size_t k = 0; k < RECORDS; k++) {
        alm_origin_record *r = &records[k];
        *r = (alm_origin_record){.origin = 100 + 7 * k, .steps = STEPS, .series_count = series};
        r->histories = ALM_NEW_ARRAY(f->arena, alm_history, series);
        r->forest = ALM_NEW_ARRAY(f->arena, double, series * STEPS);
        r->statistical = ALM_NEW_ARRAY(f->arena, double, series * STEPS);
        r->actual = ALM_NEW_ARRAY(f->arena, double, series * STEPS);
        r->node_statistical = ALM_NEW_ARRAY(f->arena, double, nodes * STEPS);
        r->node_actual = ALM_NEW_ARRAY(f->arena, double, nodes * STEPS);
        r->closed = ALM_NEW_ARRAY(f->arena, uint8_t, STEPS);
        r->closed[4] = 1;
        for (size_t i = 0; i < series * STEPS; i++) {
            r->forest[i] = alm_rng_uniform(1, ALM_RNG_TEST, i, k);
            r->statistical[i] = alm_rng_uniform(2, ALM_RNG_TEST, i, k);
            r->actual[i] = 2 * alm_rng_uniform(3, ALM_RNG_TEST, i, k);
            bool hole = holes && (i / STEPS == 3 || i % 17 == 0);
            r->actual[i] = hole ? (double)NAN : r->actual[i];
        }
        for (size_t i = 0; i < nodes * STEPS; i++) {
            r->node_statistical[i] = 9 * alm_rng_uniform(4, ALM_RNG_TEST, i, k);
            r->node_actual[i] = 9 * alm_rng_uniform(5, ALM_RNG_TEST, i, k);
        }
    }
    return records;
}

typedef struct fitted {
    training_case c;
    alm_method method;
    alm_reconcile_fit fit;
} fitted;

static void open_fit(fixture *f, fitted *out, bool holes)
{
    training_open(f, NULL, 256, &out->c);
    out->method = (alm_method){0};
    out->method.weight[ALM_CLASS_smooth] = .25; /* the class of zeroed histories */
    out->fit = (alm_reconcile_fit){.source = out->c.source,
                                   .hierarchy = out->c.panel.hierarchy,
                                   .records = make_records(&out->c, f, holes),
                                   .record_count = RECORDS,
                                   .method = &out->method};
}

/* Error of a node at a step: outcome less point. */
static double error_of(const fitted *t, size_t row, size_t record, size_t step)
{
    const alm_origin_record *r = &t->fit.records[record];
    size_t nodes = t->fit.hierarchy->node_count;
    if (row < nodes) {
        size_t at = row * STEPS + step;
        return r->node_actual[at] - r->node_statistical[at];
    }
    size_t at = (row - nodes) * STEPS + step;
    return r->actual[at] - (.25 * r->forest[at] + .75 * r->statistical[at]);
}

static alm_reconcile_node node_of(const fitted *t, fixture *f, size_t row)
{
    const alm_hierarchy *h = t->fit.hierarchy;
    if (row >= h->node_count) {
        return (alm_reconcile_node){
            ALM_STR(""), alm_panel_source_node_name(t->c.source, row - h->node_count, f->arena)};
    }
    uint32_t level = 0;
    while (row >= h->levels[level].first_node + h->levels[level].node_count) {
        level++;
    }
    return (alm_reconcile_node){h->levels[level].name, h->node_names[row]};
}

static void variances_are_mean_squares_of_known_errors(void **state)
{
    fixture *f = *state;
    fitted t;
    alm_reconcile_rule rule;
    open_fit(f, &t, true);
    t.fit.reconciling = ALM_RECONCILING_WLS_VARIANCE;
    assert_int_equal(alm_reconcile_fit_rule(&t.fit, f->arena, &rule, &f->error), ALM_OK);
    size_t rows = alm_hierarchy_row_count(t.fit.hierarchy);
    assert_int_equal(rule.node_count, rows - 1); /* one series was never known */
    assert_int_equal(rule.errors, RECORDS * (STEPS - 1));
    for (size_t row = 0; row < rows; row++) {
        alm_reconcile_node node = node_of(&t, f, row);
        size_t at = alm_reconcile_rule_find(&rule, &node);
        if (row == t.fit.hierarchy->node_count + 3) {
            assert_int_equal(at, SIZE_MAX);
            continue;
        }
        double squares = 0;
        size_t known = 0;
        for (size_t k = 0; k < RECORDS * STEPS; k++) {
            double e = error_of(&t, row, k / STEPS, k % STEPS);
            bool counts = k % STEPS != 4 && isfinite(e); /* closed days say nothing */
            squares += counts ? e * e : 0;
            known += counts;
        }
        assert_true(fabs(rule.variance[at] - squares / (double)known) <= 1e-14 * squares);
    }
    training_close(&t.c);
}

/* Without holes W is that of the errors as the library makes it. */
static void the_covariance_is_that_of_the_errors(void **state)
{
    fixture *f = *state;
    fitted t;
    alm_reconcile_rule rule;
    open_fit(f, &t, false);
    t.fit.reconciling = ALM_RECONCILING_MINT_SHRINK;
    assert_int_equal(alm_reconcile_fit_rule(&t.fit, f->arena, &rule, &f->error), ALM_OK);
    size_t rows = alm_hierarchy_row_count(t.fit.hierarchy);
    size_t count = RECORDS * (STEPS - 1);
    double *errors = ALM_NEW_ARRAY(f->arena, double, rows * count);
    for (size_t row = 0; row < rows; row++) {
        size_t column = 0;
        for (size_t k = 0; k < RECORDS * STEPS; k++) {
            if (k % STEPS != 4) {
                errors[row * count + column++] = error_of(&t, row, k / STEPS, k % STEPS);
            }
        }
    }
    alm_error_sample sample = {errors, rows, count, true};
    alm_shrunk_covariance w;
    assert_int_equal(alm_shrunk_covariance_of(&sample, f->arena, &w, &f->error), ALM_OK);
    assert_true(w.intensity > 0 && w.intensity < 1);
    /* The same sums over the nodes in another order: rounding. */
    assert_true(fabs(rule.intensity - w.intensity) <= 1e-12);
    assert_int_equal(rule.node_count, rows);
    assert_int_equal(rule.factor_count, count);
    for (size_t row = 0; row < rows; row++) {
        alm_reconcile_node node = node_of(&t, f, row);
        size_t at = alm_reconcile_rule_find(&rule, &node);
        assert_true(fabs(rule.variance[at] - w.diagonal[row]) <= 1e-12 * w.diagonal[row]);
        for (size_t k = 0; k < count; k++) {
            assert_true(fabs(rule.factor[at * count + k] - w.factor[row * count + k]) <= 1e-12);
        }
    }
    training_close(&t.c);
}

static void what_cannot_be_done_is_refused_with_a_remedy(void **state)
{
    fixture *f = *state;
    fitted t;
    open_fit(f, &t, false);
    t.fit.reconciling = ALM_RECONCILING_TOP_DOWN_FORECAST_PROPORTIONS;
    assert_int_equal(alm_reconcile_fit_check(&t.fit, STEPS, &f->error), ALM_ERR_CONFIG);
    assert_non_null(strstr(f->error.message, "set reconcile_from to the last one, range, or take"));
    t.fit.from = ALM_STR("range");
    assert_int_equal(alm_reconcile_fit_check(&t.fit, STEPS, &f->error), ALM_OK);
    t.fit.reconciling = ALM_RECONCILING_MINT_SHRINK;
    assert_int_equal(alm_reconcile_fit_check(&t.fit, STEPS, &f->error), ALM_OK);
    assert_int_equal(alm_reconcile_fit_check(&t.fit, 3000, &f->error), ALM_ERR_LIMIT);
    assert_non_null(strstr(f->error.message, "lower backtest.selection_origins, or take "
                                             "wls_variance"));
    alm_reconcile_rule rule;
    for (size_t k = 0; k < RECORDS; k++) {
        memset(t.fit.records[k].closed, 1, STEPS);
    }
    assert_int_equal(alm_reconcile_fit_rule(&t.fit, f->arena, &rule, &f->error),
                     ALM_ERR_INCOMPLETE);
    assert_non_null(strstr(f->error.message, "raise backtest.selection_origins"));
    training_close(&t.c);
}

/* ---- the best ---- */

enum { CHOICE_RECORDS = 3, LAG = 2, BEST_AT = 0 }; /* the newest alone can be judged */

/* Three records, the newest first; `own`: how far the aggregates' own forecasts are off. */
static void open_choice(fixture *f, fitted *t, double own)
{
    open_fit(f, t, false);
    size_t nodes = t->c.panel.hierarchy->node_count;
    size_t series = t->c.panel.series_count;
    const alm_hierarchy *h = t->c.panel.hierarchy;
    alm_origin_record *r = ALM_NEW_ARRAY(f->arena, alm_origin_record, CHOICE_RECORDS);
    for (size_t k = 0; k < CHOICE_RECORDS; k++) {
        r[k] = make_records(&t->c, f, false)[k % RECORDS];
        r[k].scale_squared = ALM_NEW_ARRAY(f->arena, double, series);
        r[k].node_scale = ALM_NEW_ARRAY(f->arena, double, nodes);
        memset(r[k].node_actual, 0, nodes * STEPS * sizeof(double));
        for (size_t i = 0; i < series; i++) {
            r[k].scale_squared[i] = i == 7 ? 0 : 1; /* one without a scale */
            for (size_t at = 0; at < h->level_count * STEPS; at++) {
                size_t node = h->node_of_leaf[i * h->level_count + at / STEPS];
                r[k].node_actual[node * STEPS + at % STEPS] += r[k].actual[i * STEPS + at % STEPS];
            }
        }
        for (size_t i = 0; i < nodes * STEPS; i++) {
            double u = alm_rng_uniform(6, ALM_RNG_TEST, i, k);
            r[k].node_statistical[i] = r[k].node_actual[i] + own * (2 * u - 1);
            r[k].node_scale[i / STEPS] = 4;
        }
    }
    t->fit.records = r;
    t->fit.record_count = CHOICE_RECORDS;
    t->fit.lag = LAG;
}

/* Of bottom-up, from sums of the points alone. */
static double bottom_up_score(const fitted *t)
{
    const alm_hierarchy *h = t->fit.hierarchy;
    const alm_origin_record *r = &t->fit.records[BEST_AT];
    double levels = 0;
    for (uint32_t level = 0; level <= h->level_count; level++) {
        bool is_series = level == h->level_count;
        size_t count = is_series ? h->leaf_count : h->levels[level].node_count;
        double sum = 0;
        size_t scored = 0;
        for (size_t n = 0; n < count; n++) {
            double squares = 0;
            for (size_t step = 0; step < STEPS; step++) {
                double error = 0;
                for (size_t i = 0; i < h->leaf_count; i++) {
                    size_t of = is_series ? i
                                          : h->node_of_leaf[i * h->level_count + level] -
                                                h->levels[level].first_node;
                    error += of == n ? error_of(t, h->node_count + i, BEST_AT, step) : 0;
                }
                squares += step == 4 ? 0 : error * error; /* a closed day */
            }
            bool has_scale = !is_series || r->scale_squared[n] > 0;
            sum += has_scale ? sqrt(squares / (STEPS - 1) / (is_series ? 1 : 4)) : 0;
            scored += has_scale;
        }
        levels += sum / (double)scored;
    }
    return levels / (h->level_count + 1);
}

static double least_of(const alm_reconcile_choice *choice)
{
    double least = INFINITY;
    for (size_t k = 0; k < ALM_RECONCILE_CANDIDATES; k++) {
        least = choice->rmsse[k] < least ? choice->rmsse[k] : least;
    }
    return least;
}

static void the_best_is_who_was_least_off(void **state)
{
    fixture *f = *state;
    fitted t;
    alm_reconcile_choice choice;
    open_choice(f, &t, 1e4); /* their own forecasts are nonsense */
    assert_int_equal(alm_reconcile_choose(&t.fit, f->arena, &choice, &f->error), ALM_OK);
    assert_int_equal(choice.origins, 1);
    assert_true(fabs(choice.rmsse[0] - bottom_up_score(&t)) < 1e-12); /* sums in another order */
    assert_true(choice.rmsse[1] > 2 * choice.rmsse[0]); /* ols believes in them */
    assert_true(choice.rmsse[3] < 1.1 * choice.rmsse[0]); /* wls_variance has seen them */
    assert_int_equal(choice.candidate[1], ALM_RECONCILING_OLS);
    assert_int_equal(choice.candidate[3], ALM_RECONCILING_WLS_VARIANCE);
    for (size_t k = 0; k < ALM_RECONCILE_CANDIDATES; k++) {
        assert_true(choice.candidate[k] != choice.chosen || choice.rmsse[k] == least_of(&choice));
    }
    training_close(&t.c);
    open_choice(f, &t, 0); /* they are what came */
    assert_int_equal(alm_reconcile_choose(&t.fit, f->arena, &choice, &f->error), ALM_OK);
    assert_int_not_equal(choice.chosen, ALM_RECONCILING_BOTTOM_UP);
    for (size_t k = 0; k < ALM_RECONCILE_CANDIDATES; k++) {
        assert_true(choice.candidate[k] != choice.chosen || choice.rmsse[k] == least_of(&choice));
    }
    training_close(&t.c);
}

/* Weights at the newest origin know the one that was over before it, neither itself nor the one in
 * between, whose horizon ran into it. */
static void weights_are_judged_by_days_that_they_do_not_know(void **state)
{
    fixture *f = *state;
    fitted t;
    alm_reconcile_choice first, between, older;
    open_choice(f, &t, 3);
    alm_origin_record *r = (alm_origin_record *)t.fit.records;
    assert_int_equal(alm_reconcile_choose(&t.fit, f->arena, &first, &f->error), ALM_OK);
    for (size_t i = 0; i < t.c.panel.hierarchy->node_count * STEPS; i++) {
        r[1].node_statistical[i] *= 1 + (double)(i % 5);
        r[1].node_actual[i] = (double)(i % 7);
    }
    assert_int_equal(alm_reconcile_choose(&t.fit, f->arena, &between, &f->error), ALM_OK);
    assert_memory_equal(first.rmsse, between.rmsse, sizeof first.rmsse);
    for (size_t i = 0; i < t.c.panel.hierarchy->node_count * STEPS; i++) {
        r[2].node_statistical[i] *= 1 + (double)(i % 5);
    }
    assert_int_equal(alm_reconcile_choose(&t.fit, f->arena, &older, &f->error), ALM_OK);
    for (size_t k = 0; k < ALM_RECONCILE_CANDIDATES; k++) {
        bool learns = first.candidate[k] == ALM_RECONCILING_WLS_VARIANCE ||
                      first.candidate[k] == ALM_RECONCILING_MINT_SHRINK;
        assert_int_equal(first.rmsse[k] != older.rmsse[k], learns);
    }
    training_close(&t.c);
}

static void the_best_needs_an_origin_that_judges(void **state)
{
    fixture *f = *state;
    fitted t;
    alm_reconcile_choice choice;
    open_choice(f, &t, 3);
    assert_int_equal(alm_reconcile_choice_check(&t.fit, &f->error), ALM_OK);
    t.fit.record_count = LAG;
    assert_int_equal(alm_reconcile_choice_check(&t.fit, &f->error), ALM_ERR_CONFIG);
    assert_non_null(strstr(f->error.message, "selection_origins of 3 or more here, and there are "
                                             "2: raise"));
    t.fit.record_count = CHOICE_RECORDS;
    memset(t.fit.records[BEST_AT].closed, 1, STEPS);
    assert_int_equal(alm_reconcile_choose(&t.fit, f->arena, &choice, &f->error),
                     ALM_ERR_INCOMPLETE);
    assert_non_null(strstr(f->error.message, "or name a method"));
    training_close(&t.c);
    open_choice(f, &t, 3); /* nothing to learn from: the others are judged */
    memset(t.fit.records[LAG].closed, 1, STEPS);
    assert_int_equal(alm_reconcile_choose(&t.fit, f->arena, &choice, &f->error), ALM_OK);
    assert_true(isfinite(choice.rmsse[2]) && isnan(choice.rmsse[3]) && isnan(choice.rmsse[4]));
    training_close(&t.c);
}

/* ---- a whole training ---- */

static alm_train_result must_train(fixture *f, const alm_train_options *options)
{
    alm_train_result result = {0};
    alm_err code = alm_train(&f->env, options, f->arena, &result, &f->error);
    if (code != ALM_OK) {
        fail_msg("%s", f->error.message);
    }
    return result;
}

static alm_train_options options_of(fixture *f, const alm_snapshot *snapshot)
{
    return (alm_train_options){.project = f->project, .model = &f->project->models[0],
                               .snapshot = snapshot, .objects = f->objects, .experimental = true,
                               .unregistered = true, .who = ALM_STR("ann"), .why = ALM_STR("t")};
}

/* Row `method` of every level, one after the other, without its name and what only the published
 * forecast has. */
static alm_str rows_of(fixture *f, alm_str report, const char *method)
{
    static const char *const KEYS[] = {"wape", "bias", "rmsse", "mase", "mape", "rmse", "mae",
                                       "pinball"};
    alm_json_document *document = NULL;
    const alm_json *levels = NULL;
    alm_buffer out = {0};
    alm_json_writer w = alm_json_writer_on(&out);
    assert_int_equal(alm_json_parse(report, "report", &document, &f->error), ALM_OK);
    assert_int_equal(alm_json_get(alm_json_root(document), "levels", ALM_JSON_ARRAY, &levels,
                                  &f->error), ALM_OK);
    alm_json_open_array(&w);
    for (size_t l = 0; l < alm_json_count(levels); l++) {
        const alm_json *methods = alm_json_member(alm_json_at(levels, l), "methods");
        for (size_t m = 0; m < alm_json_count(methods); m++) {
            alm_str name;
            const alm_json *row = alm_json_at(methods, m);
            assert_int_equal(alm_json_get_str(row, "method", &name, &f->error), ALM_OK);
            for (size_t k = 0; alm_str_is(name, method) && k < sizeof KEYS / sizeof *KEYS; k++) {
                alm_json_copy(&w, alm_json_member(row, KEYS[k]));
            }
        }
    }
    alm_json_close_array(&w);
    alm_json_document_destroy(document);
    alm_str text = {alm_arena_copy_text(f->arena, out.data, out.size), out.size};
    alm_buffer_deinit(&out);
    return text;
}

/* What --reconcile shows of a method is what the model publishes once it has it; and its bundle
 * comes back with the rule. */
static void the_row_is_what_the_choice_publishes(void **state)
{
    fixture *f = *state;
    static const alm_reconciling LIST[] = {ALM_RECONCILING_MINT_SHRINK,
                                           ALM_RECONCILING_TOP_DOWN_PROPORTIONS_OF_AVERAGES,
                                           ALM_RECONCILING_AUTOMATIC};
    synthetic_options shop = {.model = "    reconcile_from: store\n"
                                       "    reconcile: top_down_average_proportions\n"};
    synthetic_open(f, &shop);
    alm_snapshot snapshot = synthetic_take(f, SYNTHETIC_END);
    alm_train_options options = options_of(f, &snapshot);
    options.backtest_only = true;
    options.reconcile = LIST;
    options.reconcile_count = 3;
    alm_str shown = must_train(f, &options).report;
    for (size_t k = 0; k < 3; k++) {
        const char *name = alm_reconciling_name(LIST[k]);
        const char *from = k == 1 ? "    reconcile_from: store\n" : "";
        synthetic_open(f, &(synthetic_options){
                              .model = alm_arena_printf(f->arena, "    reconcile: %s\n%s", name,
                                                        from)});
        options = options_of(f, &snapshot);
        alm_train_result result = must_train(f, &options);
        assert_string_equal(rows_of(f, shown, name).data, rows_of(f, result.report, "final").data);
        assert_true(rows_of(f, shown, name).size > 1000);
        alm_digest hash;
        alm_bundle_parts parts;
        assert_true(alm_digest_parse(result.bundle_hash, &hash));
        assert_int_equal(alm_bundle_read(f->objects, &hash, f->arena, &parts, &f->error), ALM_OK);
        alm_reconcile_rule rule;
        if (k == 2) { /* today's bundle, with nothing in it or in its inputs about it */
            assert_int_equal(parts.reconcile.size, 0);
            assert_null(strstr(parts.inputs.data, "reconcile"));
            assert_null(strstr(result.report.data, "reconcile"));
            continue;
        }
        assert_int_equal(alm_reconcile_rule_read(parts.reconcile, "r", f->arena, &rule, &f->error),
                         ALM_OK);
        assert_string_equal(alm_reconcile_method_name(rule.method), name);
        assert_int_equal(rule.errors > 0, k == 0);
        assert_non_null(strstr(result.report.data, name));
    }
}

/* More origins to choose by, so that some judge. */
static void open_with(fixture *f, const char *model)
{
    synthetic_open(f, &(synthetic_options){.model = model});
    ((alm_model_spec *)f->project->models)[0].backtest.selection_origins = 4;
}

/* The same of the best, which at every scored origin is chosen anew, and a bundle holds the rule of
 * the one that was chosen. */
static void the_best_row_is_what_the_best_publishes(void **state)
{
    fixture *f = *state;
    static const alm_reconciling LIST[] = {ALM_RECONCILING_BEST};
    open_with(f, "");
    alm_snapshot snapshot = synthetic_take(f, SYNTHETIC_END);
    alm_train_options options = options_of(f, &snapshot);
    options.backtest_only = true;
    options.reconcile = LIST;
    options.reconcile_count = 1;
    alm_str shown = must_train(f, &options).report;
    open_with(f, "    reconcile: best\n");
    options = options_of(f, &snapshot);
    alm_train_result result = must_train(f, &options);
    assert_string_equal(rows_of(f, shown, "best_reconciled").data,
                        rows_of(f, result.report, "final").data);
    assert_true(rows_of(f, shown, "best_reconciled").size > 1000);
    alm_digest hash;
    alm_bundle_parts parts;
    alm_reconcile_rule rule;
    assert_true(alm_digest_parse(result.bundle_hash, &hash));
    assert_int_equal(alm_bundle_read(f->objects, &hash, f->arena, &parts, &f->error), ALM_OK);
    assert_int_equal(alm_reconcile_rule_read(parts.reconcile, "r", f->arena, &rule, &f->error),
                     ALM_OK);
    assert_non_null(strstr(parts.inputs.data, "\"reconcile\":\"best\""));
    assert_non_null(strstr(result.report.data,
                           alm_arena_printf(f->arena, "\"reconcile\":{\"method\":\"%s\","
                                            "\"judged_at\":2,\"best_of\":[",
                                            alm_reconcile_method_name(rule.method))));
}

static void names_are_those_of_the_library(void **state)
{
    (void)state;
    for (int k = 1; k < ALM_RECONCILING_BEST; k++) {
        alm_reconcile_method method;
        const char *name = alm_reconciling_name((alm_reconciling)k);
        assert_true(alm_reconcile_method_parse(alm_str_of(name), &method));
        assert_true(alm_reconcile_splits(method) == alm_reconciling_splits((alm_reconciling)k));
    }
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, synthetic_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(variances_are_mean_squares_of_known_errors),
        CASE(the_covariance_is_that_of_the_errors),
        CASE(what_cannot_be_done_is_refused_with_a_remedy),
        CASE(the_best_is_who_was_least_off),
        CASE(weights_are_judged_by_days_that_they_do_not_know),
        CASE(the_best_needs_an_origin_that_judges),
        CASE(the_row_is_what_the_choice_publishes),
        CASE(the_best_row_is_what_the_best_publishes),
        cmocka_unit_test(names_are_those_of_the_library),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
