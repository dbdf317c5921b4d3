#include "pipeline/pipeline.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/fs_fault.h"
#include "num/quantile.h"
#include "pipeline/paths/paths.h"
#include "pipeline/pipeline_fixture.h"

static alm_bundle_parts parts_of(fixture *f, const alm_snapshot *snapshot,
                                 const alm_method *method)
{
    alm_panel_options options = {.start = ALM_DATE_NONE, .end = ALM_DATE_NONE, .future = 0,
                                 .membership_date = ALM_DATE_NONE, .block_series = 256};
    alm_panel_source *source = NULL;
    assert_int_equal(alm_panel_source_open(&f->env, f->project, f->objects, snapshot, &options,
                                           &source, &f->error), ALM_OK);
    alm_bundle_parts parts = synthetic_parts(f, alm_panel_source_schema(source), method);
    alm_panel_source_close(source);
    return parts;
}

static void must_run(fixture *f, const alm_snapshot *snapshot, const alm_bundle_parts *parts,
                     const pipeline_case *c, kept_forecasts *out)
{
    f->error = (alm_error){0};
    alm_err code = pipeline_case_run(f, snapshot, parts, c, f->arena, out);
    assert_string_equal(f->error.message, "");
    assert_int_equal(code, ALM_OK);
}

/* The hierarchy of the run, for sums; the source stays open until `close`. */
static alm_panel_source *open_source(fixture *f, const alm_snapshot *snapshot)
{
    alm_panel_options options = {.start = ALM_DATE_NONE, .end = fixture_date(SYNTHETIC_END),
                                 .future = SYNTHETIC_HORIZON,
                                 .membership_date = ALM_DATE_NONE, .block_series = 256};
    alm_panel_source *source = NULL;
    assert_int_equal(alm_panel_source_open(&f->env, f->project, f->objects, snapshot, &options,
                                           &source, &f->error), ALM_OK);
    return source;
}

typedef const double *(*read_values)(const alm_forecast *f, size_t quantile_offset);

static const double *read_mean(const alm_forecast *f, size_t offset)
{
    (void)offset;
    return f->mean;
}

static const double *read_quantile(const alm_forecast *f, size_t offset)
{
    return f->quantile + offset;
}

/* Every aggregate is the sum of its leaves within 1e-9 relative: the promise itself. */
static void expect_coherent(const kept_forecasts *k, const alm_hierarchy *h, read_values read,
                            size_t offset)
{
    assert_int_equal(k->leaves, h->leaf_count);
    assert_int_equal(k->count, h->leaf_count + h->node_count);
    for (uint32_t n = 0; n < h->node_count; n++) {
        uint32_t level = 0;
        while (n >= h->levels[level].first_node + h->levels[level].node_count) {
            level++;
        }
        const double *node = read(&k->list[k->leaves + n].f, offset);
        for (size_t step = 0; step < k->steps; step++) {
            double sum = 0;
            for (size_t i = 0; i < k->leaves; i++) {
                if (h->node_of_leaf[i * h->level_count + level] == n) {
                    sum += read(&k->list[i].f, offset)[step];
                }
            }
            assert_true(fabs(node[step] - sum) <= 1e-9 * (fabs(sum) + 1e-300));
        }
    }
}

/* What every published number must satisfy, whatever the method. */
static void expect_sound(const kept_forecasts *k, size_t paths)
{
    for (size_t i = 0; i < k->count; i++) {
        const alm_forecast *f = &k->list[i].f;
        for (size_t h = 0; h < k->steps; h++) {
            assert_true(isfinite(f->mean[h]) && f->mean[h] >= 0);
            double below = 0;
            for (size_t q = 0; q < k->quantiles; q++) {
                double value = f->quantile[q * k->steps + h];
                assert_true(isfinite(value) && value >= below);
                below = value;
            }
            double sum = 0;
            for (size_t line = 0; line < f->explanation_count[h]; line++) {
                sum += f->explanation[h * ALM_EXPLANATIONS_MAX + line].contribution;
            }
            assert_true(fabs(sum - f->mean[h]) <= 1e-8 * (1 + f->mean[h]));
        }
        for (size_t h = 0; f->has_stock && h < k->steps; h++) {
            double p = f->stockout_probability[h] * (double)paths;
            assert_true(p >= 0 && p <= (double)paths && fabs(p - round(p)) < 1e-9);
            assert_true(h == 0 || f->stockout_probability[h] >= f->stockout_probability[h - 1]);
            assert_true(f->shortfall[h] >= 0);
        }
    }
}

static void the_odd_series_are_answered(void **state)
{
    fixture *f = *state;
    synthetic_open(f, NULL);
    alm_snapshot snapshot = synthetic_take(f, SYNTHETIC_END);
    alm_method method = synthetic_method(20);
    alm_bundle_parts parts = parts_of(f, &snapshot, &method);
    kept_forecasts k;
    must_run(f, &snapshot, &parts, &(pipeline_case){0}, &k);
    assert_int_equal(k.leaves, SYNTHETIC_SERIES);
    assert_int_equal(k.count, SYNTHETIC_SERIES + 1 + 2 + 4 + 3);
    expect_sound(&k, 20);
    for (size_t i = 0; i < k.leaves; i++) {
        assert_int_equal(k.list[i].f.index, i); /* leaves first, in order of their keys */
    }
    assert_int_equal(k.list[SYNTHETIC_NEW].f.fallback, ALM_FALLBACK_COLD_START);
    assert_int_equal(k.list[SYNTHETIC_ZERO].f.fallback, ALM_FALLBACK_NO_DEMAND);
    assert_int_equal(k.list[SYNTHETIC_POINT].f.fallback, ALM_FALLBACK_NONE);
    assert_int_equal(k.list[SYNTHETIC_DISCONTINUED].f.fallback, ALM_FALLBACK_NONE);
    assert_int_equal(k.list[SYNTHETIC_ZERO].f.class_of_series, ALM_CLASS_empty);
    assert_int_equal(k.list[SYNTHETIC_NEW].f.class_of_series, ALM_CLASS_new);
    assert_string_equal(k.list[1].f.method, "gbm+stat");
    assert_string_equal(k.list[SYNTHETIC_SERIES].f.method, "sum");
    double total = 0;
    for (size_t h = 0; h < k.steps; h++) {
        bool open = synthetic_open_day(SYNTHETIC_DAYS + (int)h);
        assert_true(open == (k.list[1].f.mean[h] > 0));
        for (size_t i = 0; i < k.count && !open; i++) {
            assert_true(k.list[i].f.mean[h] == 0);
            assert_true(k.list[i].f.quantile[(k.quantiles - 1) * k.steps + h] == 0);
        }
        total += k.list[SYNTHETIC_SERIES].f.mean[h];
    }
    assert_true(total > 100); /* the shop sells about 90 units a day */
    size_t stocked = 0;
    for (size_t i = 0; i < k.count; i++) {
        stocked += k.list[i].f.has_stock;
        assert_true(k.list[i].f.has_stock == (i < k.leaves && i % 5 != 4));
    }
    assert_int_equal(stocked, 32);
    must_run(f, &snapshot, &parts, &(pipeline_case){.no_stock = true}, &k);
    for (size_t i = 0; i < k.count; i++) {
        assert_false(k.list[i].f.has_stock);
    }
}

static void expect_counts(const kept_forecasts *k)
{
    for (size_t i = 0; i < k->leaves; i++) {
        for (size_t h = 0; h < k->steps; h++) {
            double value = k->list[i].f.quantile[h];
            assert_true(value == floor(value));
        }
    }
}

/* With one path every quantile is the path itself, with two the median is their mean: so sums of
 * published quantiles show that the sample paths themselves add up. */
static void means_and_paths_are_coherent(void **state)
{
    fixture *f = *state;
    synthetic_open(f, NULL);
    alm_snapshot snapshot = synthetic_take(f, SYNTHETIC_END);
    alm_panel_source *source = open_source(f, &snapshot);
    const alm_hierarchy *h = alm_panel_source_hierarchy(source);
    assert_false(h->is_tree);
    static const double WEIGHTS[] = {1, .5, 0};
    for (int c = 0; c < 3 * 2 * 3; c++) {
        int paths = 1 + c % 2;
        alm_method method = synthetic_method(paths);
        method.seed = (uint64_t)(c / 2 % 3 + 1);
        method.weight[ALM_CLASS_aggregate] = WEIGHTS[c / 6];
        for (int k = 0; method.seed == 3 && k < ALM_SHAPE_LEVELS; k++) {
            double u = alm_shape_levels()[k];
            method.remap[0][k] = u * (1.5 - .5 * u); /* a calibration that raises the means */
        }
        alm_bundle_parts parts = parts_of(f, &snapshot, &method);
        kept_forecasts k;
        must_run(f, &snapshot, &parts, &(pipeline_case){0}, &k);
        expect_sound(&k, (size_t)paths);
        expect_coherent(&k, h, read_mean, 0);
        expect_coherent(&k, h, read_quantile, 2 * k.steps); /* the median */
        if (paths == 1 && WEIGHTS[c / 6] == 1) { /* base paths, nothing adjusted */
            expect_counts(&k);
        }
    }
    alm_panel_source_close(source);
}

#define KINDS                                                                                    \
    "{\"aggregate\":\"ets\",\"erratic\":{\"fast\":\"auto\",\"slow\":\"ses\"},"                    \
    "\"intermittent\":{\"fast\":\"theta_dynamic_optimised\",\"slow\":\"count\"},"                \
    "\"lumpy\":{\"fast\":\"holt_winters_multiplicative\",\"slow\":\"tsb\"},"                     \
    "\"smooth\":{\"fast\":\"level\",\"slow\":\"mean\"}}"

/* Do the lines of every step that has any name a kind's parts, or none? */
static void expect_parts(const kept_forecasts *k, const kept_forecast *of, bool by_kind)
{
    static const char *const LEVEL = "statistical level";
    for (size_t h = 0; h < k->steps; h++) {
        const alm_explanation *lines = &of->lines[h * ALM_EXPLANATIONS_MAX];
        bool found = false;
        for (size_t l = 0; l < of->f.explanation_count[h]; l++) {
            found = found || strcmp(lines[l].feature, LEVEL) == 0;
            assert_false(by_kind && strcmp(lines[l].feature, "statistical") == 0);
        }
        assert_true(found == (by_kind && of->f.base_mean[h] > 0));
    }
}

/* By class and mover, beside a forest or alone; an odd series keeps its own reason. */
static void expect_methods(const kept_forecasts *k, bool blended)
{
    size_t kinds = 0;
    for (size_t i = 0; i < k->leaves; i++) {
        const alm_forecast *f = &k->list[i].f;
        bool level = strstr(f->method, "stat") != NULL;
        assert_true(blended == (strncmp(f->method, "gbm+", 4) == 0) ||
                    f->fallback != ALM_FALLBACK_NONE);
        if (f->index == SYNTHETIC_NEW || f->index == SYNTHETIC_ZERO) {
            assert_string_equal(f->method, "stat");
            assert_int_equal(f->fallback, f->index == SYNTHETIC_NEW ? ALM_FALLBACK_COLD_START
                                                                    : ALM_FALLBACK_NO_DEMAND);
        }
        kinds += !level;
        expect_parts(k, &k->list[i], !level);
    }
    assert_true(kinds > k->leaves / 2);
    assert_string_equal(k->list[k->leaves].f.method, "sum+ets");
    expect_parts(k, &k->list[k->leaves], true);
}

static void kinds_forecast_like_any_model(void **state)
{
    fixture *f = *state;
    synthetic_open(f, NULL);
    alm_snapshot snapshot = synthetic_take(f, SYNTHETIC_END);
    alm_panel_source *source = open_source(f, &snapshot);
    const alm_hierarchy *h = alm_panel_source_hierarchy(source);
    for (int blended = 0; blended < 2; blended++) {
        alm_method method = synthetic_method(20);
        method.weight[ALM_CLASS_aggregate] = .5;
        for (int c = 0; !blended && c < ALM_CLASS_aggregate; c++) {
            method.weight[c] = 0;
        }
        alm_bundle_parts parts = parts_of(f, &snapshot, &method);
        parts.mean_model[0] = blended ? parts.mean_model[0] : (alm_str){0};
        parts.kinds = ALM_STR(KINDS);
        kept_forecasts k, other;
        synthetic_threads(f, 1);
        must_run(f, &snapshot, &parts, &(pipeline_case){0}, &k);
        expect_sound(&k, 20);
        expect_coherent(&k, h, read_mean, 0);
        expect_methods(&k, blended);
        synthetic_threads(f, 3);
        must_run(f, &snapshot, &parts, &(pipeline_case){.block_series = 7}, &other);
        const char *difference = kept_difference(&k, &other);
        if (difference) {
            fail_msg("%s", difference);
        }
    }
    alm_panel_source_close(source);
}

/* A kind that refuses every series: level x profile answers for it, and says why. */
static void a_kind_that_refuses_gives_way(void **state)
{
    fixture *f = *state;
    synthetic_open(f, NULL);
    alm_snapshot snapshot = synthetic_take(f, SYNTHETIC_END);
    alm_method method = synthetic_method(5);
    for (int c = 0; c < ALM_CLASS_aggregate; c++) {
        method.weight[c] = 0;
    }
    alm_bundle_parts parts = parts_of(f, &snapshot, &method);
    parts.mean_model[0] = (alm_str){0};
    kept_forecasts plain, refused;
    must_run(f, &snapshot, &parts, &(pipeline_case){0}, &plain);
#define HOLT "\"holt_winters_multiplicative\""
#define REFUSES "{\"fast\":" HOLT ",\"slow\":" HOLT "}"
    parts.kinds = ALM_STR("{\"aggregate\":\"level\",\"erratic\":" REFUSES ",\"intermittent\":"
                          REFUSES ",\"lumpy\":" REFUSES ",\"smooth\":" REFUSES "}");
    must_run(f, &snapshot, &parts, &(pipeline_case){0}, &refused);
    size_t refusals = 0;
    for (size_t i = 0; i < plain.leaves; i++) {
        const alm_forecast *x = &plain.list[i].f;
        alm_forecast *y = &refused.list[i].f;
        bool odd = x->fallback != ALM_FALLBACK_NO_FOREST;
        /* Sundays are closed, so there are no seven indices; what a class has anyway is no
         * fallback. */
        bool is_new = x->class_of_series == ALM_CLASS_new;
        assert_int_equal(y->fallback, odd      ? x->fallback
                                      : is_new ? ALM_FALLBACK_NONE
                                               : ALM_FALLBACK_TOO_SHORT);
        refusals += y->fallback == ALM_FALLBACK_TOO_SHORT;
        y->fallback = x->fallback; /* all else is the same */
    }
    assert_true(refusals > plain.leaves / 2);
    assert_null(kept_difference(&plain, &refused));
}

/* Shapes from quantile forests that cross and fall below zero: what is published still adds up,
 * rises from level to level and explains its means. */
static void shapes_from_forests_are_coherent(void **state)
{
    fixture *f = *state;
    synthetic_open(f, NULL);
    alm_snapshot snapshot = synthetic_take(f, SYNTHETIC_END);
    alm_panel_source *source = open_source(f, &snapshot);
    static const int PATHS[] = {20, 1, 2};
    kept_forecasts plain;
    for (int c = 0; c < 3; c++) {
        alm_method method = synthetic_method(PATHS[c]);
        method.weight[ALM_CLASS_aggregate] = c == 1 ? 1 : .5;
        alm_bundle_parts parts = parts_of(f, &snapshot, &method);
        if (c == 0) {
            must_run(f, &snapshot, &parts, &(pipeline_case){0}, &plain);
        }
        synthetic_quantiles(f, method.quantile_count, &parts);
        kept_forecasts k;
        must_run(f, &snapshot, &parts, &(pipeline_case){0}, &k);
        expect_sound(&k, (size_t)PATHS[c]);
        expect_coherent(&k, alm_panel_source_hierarchy(source), read_mean, 0);
        if (PATHS[c] < 20) {
            expect_coherent(&k, alm_panel_source_hierarchy(source), read_quantile, 2 * k.steps);
        }
        for (size_t i = 0; i < k.leaves; i++) {
            bool own = i == SYNTHETIC_NEW || i == SYNTHETIC_ZERO;
            assert_true(own == same_doubles(k.list[i].f.shape, plain.list[i].f.shape,
                                            ALM_SHAPE_LEVELS));
        }
    }
    alm_panel_source_close(source);
}

/* Squared distance of the total's published mean, and of the plain sum, from its own forecast. */
static void aggregates_move_towards_their_own(void **state)
{
    fixture *f = *state;
    synthetic_open(f, NULL);
    alm_snapshot snapshot = synthetic_take(f, SYNTHETIC_END);
    static const double WEIGHTS[] = {.5, 0};
    for (int w = 0; w < 2; w++) {
        alm_method method = synthetic_method(20);
        method.weight[ALM_CLASS_aggregate] = WEIGHTS[w];
        alm_bundle_parts parts = parts_of(f, &snapshot, &method);
        kept_forecasts k;
        must_run(f, &snapshot, &parts, &(pipeline_case){0}, &k);
        const alm_forecast *total = &k.list[k.leaves].f;
        assert_string_equal(total->method, "sum+stat");
        double before = 0;
        double after = 0;
        bool adjusted = false;
        for (size_t h = 0; h < k.steps; h++) {
            double sum = 0;
            for (size_t i = 0; i < k.leaves; i++) {
                sum += k.list[i].f.base_mean[h];
            }
            before += (sum - total->base_mean[h]) * (sum - total->base_mean[h]);
            double off = total->mean[h] - total->base_mean[h];
            after += off * off;
            for (size_t line = 0; line < k.list[1].f.explanation_count[h]; line++) {
                const alm_explanation *e =
                    &k.list[1].f.explanation[h * ALM_EXPLANATIONS_MAX + line];
                adjusted = adjusted || strcmp(e->feature, "reconciliation") == 0;
            }
        }
        assert_true(before > 1); /* there was something to reconcile */
        assert_true(after < .5 * before);
        assert_true(adjusted);
    }
}

static void same_bits_for_threads_and_blocks(void **state)
{
    fixture *f = *state;
    synthetic_open(f, NULL);
    alm_snapshot snapshot = synthetic_take(f, SYNTHETIC_END);
    static const struct {
        int threads;
        size_t block_series;
    } CASES[] = {{1, 256}, {2, 256}, {3, 256}, {5, 256}, {1, 1}, {3, 1}, {2, 7}, {5, 7}, {1, 39}};
    for (int w = 0; w < 3; w++) {
        alm_method method = synthetic_method(20);
        method.weight[ALM_CLASS_aggregate] = w ? .5 : 1;
        alm_bundle_parts parts = parts_of(f, &snapshot, &method);
        if (w == 2) {
            synthetic_quantiles(f, method.quantile_count, &parts);
        }
        kept_forecasts first;
        size_t cases = w == 2 ? 6 : sizeof CASES / sizeof CASES[0];
        for (size_t c = 0; c < cases; c += w == 2 ? 5 : 1) {
            synthetic_threads(f, CASES[c].threads);
            kept_forecasts k;
            must_run(f, &snapshot, &parts, &(pipeline_case){.block_series = CASES[c].block_series},
                     &k);
            if (c == 0) {
                first = k;
            }
            const char *difference = kept_difference(&first, &k);
            if (difference) {
                fail_msg("threads %d, blocks of %zu: %s", CASES[c].threads, CASES[c].block_series,
                         difference);
            }
        }
    }
}

/* ---- brute force: the paths are made again here, one leaf after the other ---- */

typedef struct brute {
    const alm_method *method;
    const kept_forecasts *k;
    const alm_panel *panel;
    alm_profile profile;
    size_t templates, paths, steps;
    double *values; /* leaves x paths x steps */
} brute;

static alm_profile profile_of(fixture *f, const alm_panel *nodes, const alm_hierarchy *h)
{
    double *total = ALM_NEW_ARRAY(f->arena, double, nodes->periods);
    for (size_t t = 0; t < nodes->periods; t++) {
        for (uint32_t n = 0; n < h->levels[0].node_count; n++) {
            total[t] += alm_panel_value(nodes, 0, n, t);
        }
    }
    return alm_profile_of(total, nodes->closed, nodes->start, nodes->periods - 1, 0);
}

static void make_brute(fixture *f, brute *b)
{
    b->values = ALM_NEW_ARRAY(f->arena, double, b->k->leaves * b->paths * b->steps);
    for (size_t i = 0; i < b->k->leaves; i++) {
        const alm_forecast *leaf = &b->k->list[i].f;
        alm_history_view view = {b->panel, i, b->panel->periods - 1, 0, b->profile};
        const uint8_t *rank =
            alm_path_ranks_of(b->method, &view, i, b->templates, f->arena, f->arena);
        alm_path_node node = {i, leaf->base_marginal_mean, leaf->shape, rank};
        alm_paths_make(b->method, &node, b->templates, 0, b->paths,
                       b->values + i * b->paths * b->steps);
    }
}

static void expect_quantiles(const brute *b, const double *paths, const alm_forecast *f,
                             double tolerance)
{
    double column[64];
    for (size_t h = 0; h < b->steps; h++) {
        for (size_t s = 0; s < b->paths; s++) {
            column[s] = paths[s * b->steps + h];
        }
        alm_sort_doubles(column, b->paths);
        for (size_t q = 0; q < b->k->quantiles; q++) {
            double want = alm_quantile_sorted(column, b->paths, b->method->quantile[q]);
            assert_true(fabs(f->quantile[q * b->steps + h] - want) <= tolerance * (1 + want));
        }
    }
}

static void expect_stockout(const brute *b, size_t i, const double *receipts)
{
    const alm_forecast *f = &b->k->list[i].f;
    const double *paths = b->values + i * b->paths * b->steps;
    double days = 0;
    for (size_t h = 0; h < b->steps; h++) {
        double out = 0;
        double shortfall = 0;
        for (size_t s = 0; s < b->paths; s++) {
            double balance = f->on_hand;
            bool crossed = false;
            for (size_t t = 0; t <= h; t++) {
                balance += receipts[t] - paths[s * b->steps + t];
                crossed = crossed || balance < 0;
            }
            out += crossed;
            shortfall += balance < 0 ? -balance : 0;
        }
        /* Counts and stock are whole: the sums are exact, the divisions round once. */
        assert_true(f->stockout_probability[h] == out / (double)b->paths);
        double mean = shortfall / (double)b->paths;
        assert_true(fabs(f->shortfall[h] - mean) <= 1e-12 * (1 + mean));
        days += (double)b->paths - out; /* paths that are still in stock after step h + 1 */
    }
    /* min(first crossing, steps): 1 for all, and one more for each further step survived */
    double last = (1 - f->stockout_probability[b->steps - 1]) * (double)b->paths;
    assert_true(fabs(f->days_to_stockout - (1 + (days - last) / (double)b->paths)) < 1e-9);
}

static void published_numbers_equal_brute_force(void **state)
{
    fixture *f = *state;
    synthetic_open(f, NULL);
    alm_snapshot snapshot = synthetic_take(f, SYNTHETIC_END);
    alm_method method = synthetic_method(48);
    alm_bundle_parts parts = parts_of(f, &snapshot, &method);
    kept_forecasts k;
    must_run(f, &snapshot, &parts, &(pipeline_case){.block_series = 7}, &k);
    alm_panel_source *source = open_source(f, &snapshot);
    const alm_hierarchy *hierarchy = alm_panel_source_hierarchy(source);
    alm_panel panel;
    assert_int_equal(alm_panel_source_next(source, f->arena, &panel, &f->error), ALM_OK);
    double *on_hand = NULL;
    double *receipts = NULL;
    assert_int_equal(alm_panel_source_stock(source, &panel, f->arena, &on_hand, &receipts,
                                            &f->error), ALM_OK);
    brute b = {.method = &method, .k = &k, .panel = &panel, .paths = 48, .steps = k.steps};
    b.templates = alm_path_template_count(&method, panel.periods - 1, 0);
    assert_true(b.templates > 4);
    b.profile = profile_of(f, alm_panel_source_aggregates(source), hierarchy);
    make_brute(f, &b);
    size_t cells = b.paths * b.steps;
    for (size_t i = 0; i < k.leaves; i++) {
        for (size_t c = 0; c < cells; c++) {
            double value = b.values[i * cells + c];
            assert_true(value >= 0 && value == floor(value));
        }
        expect_quantiles(&b, b.values + i * cells, &k.list[i].f, 0);
        if (k.list[i].f.has_stock) {
            assert_true(k.list[i].f.on_hand == on_hand[i]);
            expect_stockout(&b, i, receipts + i * panel.future);
        }
    }
    double *sums = ALM_NEW_ARRAY(f->arena, double, hierarchy->node_count * cells);
    alm_hierarchy_add(hierarchy, 0, hierarchy->leaf_count, b.values, cells, sums);
    for (uint32_t n = 0; n < hierarchy->node_count; n++) {
        expect_quantiles(&b, sums + n * cells, &k.list[k.leaves + n].f, 0);
    }
    alm_panel_source_close(source);
}

/* ---- a young series ---- */

/* Established leaves that share the aggregates of `leaf` on levels [first, last], by a plain scan;
 * their levels into `out`. */
static size_t lenders_of(const brute *b, const alm_hierarchy *h, size_t leaf, uint32_t first,
                         uint32_t last, double *out)
{
    alm_arena *arena = alm_arena_create(0);
    size_t count = 0;
    for (size_t i = 0; i < h->leaf_count; i++) {
        bool kin = true;
        for (uint32_t level = first; level <= last; level++) {
            kin = kin && h->node_of_leaf[i * h->level_count + level] ==
                             h->node_of_leaf[leaf * h->level_count + level];
        }
        alm_history_view view = {b->panel, i, b->panel->periods - 1, 0, b->profile};
        alm_history history;
        alm_history_of(&view, arena, &history);
        if (kin && history.class_of_series < ALM_CLASS_new && history.level > 0) {
            out[count++] = history.level;
        }
    }
    alm_arena_destroy(arena);
    return count;
}

/* level = (n own + 14 median) / (n + 14), the median over the closest kin of which there are three;
 * three of them are named. Read back from the explanation: statistical = level x profile. */
static void a_young_series_borrows_its_level(void **state)
{
    fixture *f = *state;
    synthetic_open(f, NULL);
    alm_snapshot snapshot = synthetic_take(f, SYNTHETIC_END);
    alm_method method = synthetic_method(20);
    alm_bundle_parts parts = parts_of(f, &snapshot, &method);
    kept_forecasts k;
    must_run(f, &snapshot, &parts, &(pipeline_case){0}, &k);
    alm_panel_source *source = open_source(f, &snapshot);
    const alm_hierarchy *h = alm_panel_source_hierarchy(source);
    alm_panel panel;
    assert_int_equal(alm_panel_source_next(source, f->arena, &panel, &f->error), ALM_OK);
    brute b = {.method = &method, .panel = &panel};
    b.profile = profile_of(f, alm_panel_source_aggregates(source), h);
    double levels[SYNTHETIC_SERIES];
    size_t count = lenders_of(&b, h, SYNTHETIC_NEW, 0, h->level_count - 1, levels);
    for (uint32_t level = h->level_count; count < 3 && level-- > 0;) {
        count = lenders_of(&b, h, SYNTHETIC_NEW, level, level, levels);
    }
    assert_true(count >= 3);
    alm_sort_doubles(levels, count);
    double median = alm_quantile_sorted(levels, count, 0.5);
    alm_history_view view = {&panel, SYNTHETIC_NEW, panel.periods - 1, 0, b.profile};
    alm_history own;
    alm_history_of(&view, f->arena, &own);
    double n = (double)own.open_periods;
    double level = (n * own.level + 14 * median) / (n + 14);
    const kept_forecast *young = &k.list[SYNTHETIC_NEW];
    size_t open_steps = 0;
    for (size_t s = 0; s < k.steps; s++) {
        for (size_t line = 0; line < young->f.explanation_count[s]; line++) {
            const alm_explanation *e = &young->lines[s * ALM_EXPLANATIONS_MAX + line];
            if (strcmp(e->feature, "statistical") == 0) {
                int weekday = alm_date_weekday(panel.start + (alm_date)(panel.periods + s));
                assert_true(e->contribution == level * b.profile.weekday[weekday]);
                open_steps++;
            }
        }
    }
    assert_true(open_steps > 0);
    for (size_t a = 0; a < ALM_ANALOGUES_MAX; a++) {
        assert_true(young->f.analogue[a] < h->leaf_count);
        assert_true(young->f.analogue[a] != SYNTHETIC_NEW);
    }
    alm_panel_source_close(source);
}

/* ---- failures ---- */

static size_t files_in(fixture *f, alm_fs *fs, const char *folder)
{
    alm_fs_entry *entries = NULL;
    size_t count = 0;
    assert_int_equal(fs->ops->list(fs, folder, f->arena, &entries, &count, &f->error), ALM_OK);
    return count;
}

/* Every call of the file system fails once; nothing is left on disk or in memory, and the next run
 * is as good as ever. */
static void every_failing_call_leaves_nothing(void **state)
{
    fixture *f = *state;
    synthetic_open(f, NULL);
    alm_snapshot snapshot = synthetic_take(f, SYNTHETIC_END);
    alm_method method = synthetic_method(8);
    method.weight[ALM_CLASS_aggregate] = .5;
    alm_bundle_parts parts = parts_of(f, &snapshot, &method);
    alm_fs *faulty = NULL;
    assert_int_equal(alm_fs_fault_create(f->fs, &faulty, &f->error), ALM_OK);
    size_t files = files_in(f, f->fs, f->root);
    pipeline_case c = {.block_series = 13, .fs = faulty};
    /* unlink is how it cleans up: a failure there can only leave scratch behind */
    uint32_t calls = ALM_FS_CALLS_ALL & ~ALM_FS_CALL_BIT(UNLINK);
    alm_fs_fault_set(faulty, &(alm_fs_fault){.mode = ALM_FS_FAULT_NONE, .calls = calls});
    kept_forecasts whole;
    must_run(f, &snapshot, &parts, &c, &whole);
    uint64_t total = alm_fs_fault_count(faulty);
    assert_true(total > 20);
    size_t refused = 0;
    for (uint64_t nth = 1; nth <= total; nth += 1 + nth / 8) {
        alm_arena *arena = alm_arena_create(0);
        size_t held = alm_heap_held_bytes();
        alm_fs_fault_set(faulty, &(alm_fs_fault){ALM_FS_FAULT_FAIL, calls, nth, NULL});
        kept_forecasts k;
        alm_arena *one = alm_arena_create(0);
        alm_err code = pipeline_case_run(f, &snapshot, &parts, &c, one, &k);
        assert_true(alm_fs_fault_happened(faulty));
        if (code == ALM_OK) { /* a close of a file that was only read */
            assert_null(kept_difference(&whole, &k));
        } else {
            refused++;
            assert_int_equal(code, ALM_ERR_IO);
            /* the injected failure of an open file does not know its name */
            assert_true(strstr(f->error.message, "/leaves") || strstr(f->error.message, "(file)"));
        }
        alm_arena_destroy(one);
        assert_int_equal(alm_heap_held_bytes(), held);
        assert_int_equal(files_in(f, f->fs, f->root), files);
        alm_arena_destroy(arena);
    }
    assert_true(refused > 5);
    kept_forecasts again;
    alm_fs_fault_set(faulty, &(alm_fs_fault){.mode = ALM_FS_FAULT_NONE});
    must_run(f, &snapshot, &parts, &c, &again);
    assert_null(kept_difference(&whole, &again));
    alm_fs_destroy(faulty);
}

static void a_refusing_sink_stops_it(void **state)
{
    fixture *f = *state;
    synthetic_open(f, NULL);
    alm_snapshot snapshot = synthetic_take(f, SYNTHETIC_END);
    alm_method method = synthetic_method(8);
    alm_bundle_parts parts = parts_of(f, &snapshot, &method);
    size_t files = files_in(f, f->fs, f->root);
    for (size_t at = 1; at <= 5; at++) {
        size_t held = alm_heap_held_bytes();
        alm_arena *one = alm_arena_create(0);
        kept_forecasts k;
        pipeline_case c = {.block_series = 10, .sink_fails_at = at};
        f->error = (alm_error){0};
        assert_int_equal(pipeline_case_run(f, &snapshot, &parts, &c, one, &k), ALM_ERR_LIMIT);
        assert_string_equal(f->error.message, "the sink is full");
        assert_int_equal(k.blocks, at); /* 4 blocks of leaves, then the aggregates */
        alm_arena_destroy(one);
        assert_int_equal(alm_heap_held_bytes(), held);
        assert_int_equal(files_in(f, f->fs, f->root), files);
    }
}

static void too_much_is_refused_before_it_starts(void **state)
{
    fixture *f = *state;
    synthetic_open(f, NULL);
    alm_snapshot snapshot = synthetic_take(f, SYNTHETIC_END);
    alm_method method = synthetic_method(200);
    alm_bundle_parts parts = parts_of(f, &snapshot, &method);
    kept_forecasts k;
    f->env.memory_limit_bytes = 4 << 20;
    size_t files = files_in(f, f->fs, f->root);
    assert_int_equal(pipeline_case_run(f, &snapshot, &parts, &(pipeline_case){0}, f->arena, &k),
                     ALM_ERR_LIMIT);
    assert_non_null(strstr(f->error.message, "10 aggregate nodes x 200 paths x 14 steps"));
    assert_non_null(strstr(f->error.message, "use fewer paths or levels"));
    assert_int_equal(files_in(f, f->fs, f->root), files);
    assert_int_equal(k.count, 0);
}

/* Numbers do not depend on what the snapshot holds after the origin. */
static void nothing_after_the_origin_matters(void **state)
{
    fixture *f = *state;
    static const char *END = "2023-05-12"; /* day 130 */
    for (int delay = 0; delay <= 2; delay += 2) {
        kept_forecasts k[2];
        for (int poisoned = 0; poisoned < 2; poisoned++) {
            synthetic_open(f, &(synthetic_options){.poison_from = poisoned ? 130 : 0,
                                                   .delay = delay});
            alm_snapshot snapshot = synthetic_take(f, SYNTHETIC_END);
            alm_method method = synthetic_method(20);
            method.weight[ALM_CLASS_aggregate] = .5;
            alm_bundle_parts parts = parts_of(f, &snapshot, &method);
            must_run(f, &snapshot, &parts, &(pipeline_case){.end = END, .delay = delay},
                     &k[poisoned]);
        }
        const char *difference = kept_difference(&k[0], &k[1]);
        if (difference) {
            fail_msg("delay %d: %s", delay, difference);
        }
        assert_int_equal(k[0].leaves, SYNTHETIC_SERIES - 1); /* one was launched later */
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_odd_series_are_answered, synthetic_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(shapes_from_forests_are_coherent, synthetic_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(means_and_paths_are_coherent, synthetic_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(kinds_forecast_like_any_model, synthetic_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(a_kind_that_refuses_gives_way, synthetic_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(aggregates_move_towards_their_own, synthetic_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(same_bits_for_threads_and_blocks, synthetic_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(a_young_series_borrows_its_level, synthetic_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(published_numbers_equal_brute_force, synthetic_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(every_failing_call_leaves_nothing, synthetic_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(a_refusing_sink_stops_it, synthetic_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(too_much_is_refused_before_it_starts, synthetic_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(nothing_after_the_origin_matters, synthetic_setup,
                                        fixture_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
