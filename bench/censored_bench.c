/* What sold-out days do to a global forest, on demand that is known to the bench.
 *
 *     censored_bench [SERIES [SEED]]
 *
 * Negative binomial demand with a level of its own per series, a weekday profile and a slow swell;
 * each day's stock is drawn around the level, so that some days are sold out: what was sold is the
 * smaller of the two. A forest is trained on the first 386 days and forecasts the next 14. A
 * line of JSON per way of training: bias of the mean and WAPE against the mean that demand was
 * drawn with, over all series and days.
 *
 * Labels, and features with the scale, are each of
 *   demand    what nobody sees
 *   sales     what was sold, as if it were demand
 *   masked    not known: left out, `censored: mask`
 *   imputed   the mean of demand of at least what was sold given the past, `censored: impute`
 *   known     the same mean under the distribution that demand was drawn with: the best that
 *             imputing could be */
#include "base/rng.h"
#include "model/forest/forest.h"
#include "num/negative_binomial.h"
#include "feature/sold_out.h"
#include "train/learner/training_rows.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PERIODS = 400, CUTOFF = 386, STEPS = 14, ORIGIN = CUTOFF - 1 };

typedef struct shop {
    size_t series;
    double *mean, *demand, *sold, *known; /* series x PERIODS */
    uint8_t *out;
} shop;

typedef struct way {
    const char *labels, *features;
} way;

static const alm_horizon_block BLOCK[] = {{1, STEPS}};
static const alm_feature_spec FEATURES[] = {
    {.name = "mean_7", .op = ALM_FEATURE_mean, .column = "units", .window = 7, .scaled = true},
    {.name = "mean_28", .op = ALM_FEATURE_mean, .column = "units", .window = 28, .scaled = true},
    {.name = "mean_91", .op = ALM_FEATURE_mean, .column = "units", .window = 91, .scaled = true},
    {.name = "max_28", .op = ALM_FEATURE_max, .column = "units", .window = 28, .scaled = true},
    {.name = "level", .op = ALM_FEATURE_ewm, .column = "units", .alpha = .1, .scaled = true},
    {.name = "lag_14", .op = ALM_FEATURE_lag, .column = "units", .anchor = ALM_ANCHOR_LAG,
     .offset = 14, .scaled = true},
    {.name = "weeks", .op = ALM_FEATURE_seasonal_mean, .column = "units", .window = 4, .season = 7,
     .anchor = ALM_ANCHOR_LAG, .offset = 14, .scaled = true},
    {.name = "zeros", .op = ALM_FEATURE_zero_share, .column = "units", .window = 28},
    {.name = "step", .op = ALM_FEATURE_step},
    {.name = "weekday", .op = ALM_FEATURE_weekday},
};

static _Noreturn void die(const char *what)
{
    (void)fprintf(stderr, "censored_bench: %s\n", what);
    exit(1);
}

static void draw_series(shop *s, size_t i, uint64_t seed)
{
    static const double WEEKDAY[] = {.8, .7, .9, 1, 1.3, 1.6, .7};
    alm_rng rng = alm_rng_stream(seed, i);
    double level = .5 + 8 * alm_rng_next_uniform(&rng) * alm_rng_next_uniform(&rng);
    double excess = .2 + 1.5 * alm_rng_next_uniform(&rng);
    double cover = .8 + 2.2 * alm_rng_next_uniform(&rng); /* stock, in means of a day */
    double phase = 182 * alm_rng_next_uniform(&rng);
    for (size_t t = 0; t < PERIODS; t++) {
        size_t at = i * PERIODS + t;
        double swell = fabs(fmod((double)t + phase, 182) / 91 - 1) - .5; /* a triangle */
        double mean = level * WEEKDAY[t % 7] * (1 + .6 * swell);
        alm_negative_binomial d = {mean, mean / excess};
        double demand = alm_negative_binomial_quantile(d, alm_rng_next_uniform(&rng));
        double stock = floor(1 + 2 * level * cover * alm_rng_next_uniform(&rng));
        s->mean[at] = mean;
        s->demand[at] = demand;
        s->out[at] = demand >= stock;
        s->sold[at] = s->out[at] ? stock : demand;
        s->known[at] = s->out[at] ? alm_negative_binomial_above(d, stock).mean : demand;
    }
}

static shop open_shop(size_t series, uint64_t seed, alm_arena *arena)
{
    size_t cells = series * PERIODS;
    shop s = {series, ALM_NEW_ARRAY(arena, double, cells), ALM_NEW_ARRAY(arena, double, cells),
              ALM_NEW_ARRAY(arena, double, cells), ALM_NEW_ARRAY(arena, double, cells),
              ALM_NEW_ARRAY(arena, uint8_t, cells)};
    for (size_t i = 0; i < series; i++) {
        draw_series(&s, i, seed);
    }
    return s;
}

/* ---- panels ---- */

typedef struct view { /* a panel, and where it lies */
    alm_panel_column column;
    alm_panel block;
    alm_training_panel panel;
    alm_sold_out_rule rule;
} view;

static bool is_named(const char *name, const char *what)
{
    return strcmp(name, what) == 0;
}

static void see(const shop *s, const char *how, alm_arena *arena, view *out)
{
    size_t cells = s->series * PERIODS;
    uint8_t *state = ALM_NEW_ARRAY(arena, uint8_t, cells);
    bool marked = is_named(how, "masked") || is_named(how, "imputed");
    for (size_t at = 0; at < cells; at++) {
        state[at] = marked && s->out[at] ? ALM_PERIOD_STOCKOUT : ALM_PERIOD_OBSERVED;
    }
    out->rule = is_named(how, "imputed") ? ALM_SOLD_OUT_IMPUTED : ALM_SOLD_OUT_MASKED;
    out->column = (alm_panel_column){
        "units", ALM_ROLE_OBSERVED,
        is_named(how, "demand") ? s->demand : is_named(how, "known") ? s->known : s->sold,
        PERIODS, NULL};
    out->block = (alm_panel){.start = 19359, /* a Monday */
                             .periods = PERIODS, .series_count = s->series, .state = state,
                             .column_count = 1, .columns = &out->column};
    alm_error error;
    if (alm_sold_out_impute(&out->block, out->rule, arena, &error) != ALM_OK) {
        die(error.message);
    }
    out->panel = (alm_training_panel){.blocks = &out->block, .block_count = 1,
                                      .block_series = s->series, .series_count = s->series};
}

/* ---- one way ---- */

static const alm_gbm_spec GBM = {.objective = ALM_OBJECTIVE_L2, .trees = 150, .leaves = 31,
                                 .learning_rate = .06, .leaf_rows_min = 50, .feature_fraction = 1,
                                 .bagging_fraction = 1, .lambda_l2 = 1, .bins_max = 127,
                                 .rows_max = 10000000, .origin_stride = 3, .steps_per_origin = 4,
                                 .history_min = 56};

/* The rows that the features' panel gives, with the labels of another one; those that it does not
 * know are left out. */
static void relabel(const view *labels, alm_training_rows *rows)
{
    size_t kept = 0;
    for (size_t i = 0; i < rows->count; i++) {
        const alm_training_row *r = &rows->rows[i];
        size_t at = r->series * (size_t)PERIODS + r->row.origin + r->row.step;
        bool out = labels->block.state[at] == ALM_PERIOD_STOCKOUT;
        double y = !out                    ? labels->column.values[at]
                   : labels->block.imputed ? labels->block.imputed[at]
                                           : (double)NAN;
        if (!isnan(y)) {
            rows->rows[kept] = *r;
            rows->label[kept++] = y / r->row.scale;
        }
    }
    rows->count = kept;
}

static void tell(const shop *s, const view *v, const alm_feature_plan *plan, const way *w,
                 const alm_lightgbm_result *fit)
{
    alm_error error;
    alm_forest *forest = NULL;
    alm_arena *arena = alm_arena_create(0);
    size_t width = alm_feature_plan_width(plan);
    double forecast = 0, actual = 0, absolute = 0;
    if (alm_forest_parse_lightgbm(fit->text, "forest", &forest, &error) != ALM_OK) {
        die(error.message);
    }
    for (size_t i = 0; i < s->series; i++) {
        alm_arena_reset(arena);
        alm_history_view past = {&v->block, i, ORIGIN, 0, {{1, 1, 1, 1, 1, 1, 1}}};
        double scale = alm_history_scale(&past, arena);
        alm_feature_row rows[STEPS];
        double *values = ALM_NEW_ARRAY(arena, double, STEPS * width);
        double score[STEPS];
        for (uint32_t h = 0; h < STEPS; h++) {
            rows[h] = (alm_feature_row){ORIGIN, h + 1, scale};
        }
        if (scale <= 0) {
            continue;
        }
        if (alm_feature_rows(plan, &v->block, i, rows, STEPS, values, width, arena, &error) !=
            ALM_OK) {
            die(error.message);
        }
        alm_forest_score(forest, values, STEPS, width, score);
        for (size_t h = 0; h < STEPS; h++) {
            double mean = s->mean[i * PERIODS + ORIGIN + 1 + h];
            double f = score[h] + fit->base_score > 0 ? scale * (score[h] + fit->base_score) : 0;
            forecast += f;
            actual += mean;
            absolute += fabs(f - mean);
        }
    }
    (void)printf("{\"labels\":\"%s\",\"features\":\"%s\",\"bias\":%.4f,\"wape\":%.4f}\n",
                 w->labels, w->features, forecast / actual - 1, absolute / actual);
    alm_forest_destroy(forest);
    alm_arena_destroy(arena);
}

/* Every day is a label: rows are chosen on a panel that knows all of them. */
static void run(const shop *s, const way *w)
{
    alm_error error;
    alm_arena *arena = alm_arena_create(0);
    alm_model_spec model = {.name = ALM_STR("bench"), .horizon = STEPS, .blocks = BLOCK,
                            .block_count = 1, .seed = 3, .gbm = GBM};
    view features, labels, all;
    see(s, w->features, arena, &features);
    see(s, w->labels, arena, &labels);
    see(s, "sales", arena, &all);
    alm_panel_column name = {"units", ALM_ROLE_OBSERVED, NULL, PERIODS, NULL};
    alm_feature_schema schema = {.columns = &name, .column_count = 1, .sold_out = features.rule};
    alm_feature_plan *plan = NULL;
    alm_training_rows rows;
    alm_lightgbm_result fit;
    if (alm_feature_plan_compile(FEATURES, sizeof FEATURES / sizeof FEATURES[0], BLOCK, 1, &schema,
                                 &plan, &error) != ALM_OK ||
        alm_training_rows_select(&all.panel, plan, &model, (alm_training_window){CUTOFF, 0}, arena,
                                 &rows, &error) != ALM_OK) {
        die(error.message);
    }
    for (size_t i = 0; i < rows.count; i++) {
        alm_history_view past = {&features.block, rows.rows[i].series, rows.rows[i].row.origin, 0,
                                 {{1, 1, 1, 1, 1, 1, 1}}};
        alm_arena *scratch = alm_arena_create(0);
        double scale = alm_history_scale(&past, scratch);
        rows.rows[i].row.scale = scale > 0 ? scale : rows.rows[i].row.scale;
        alm_arena_destroy(scratch);
    }
    relabel(&labels, &rows);
    rows.panel = &features.panel;
    alm_training_fit how = {&model, 0, 1};
    if (alm_training_rows_fit(&rows, &how, arena, &fit, &error) != ALM_OK) {
        die(error.message);
    }
    tell(s, &features, plan, w, &fit);
    alm_feature_plan_destroy(plan);
    alm_arena_destroy(arena);
}

int main(int count, char **argument)
{
    static const way WAYS[] = {
        {"demand", "demand"},  {"sales", "sales"},   {"masked", "masked"}, {"imputed", "imputed"},
        {"known", "known"},    {"imputed", "masked"}, {"demand", "masked"}, {"demand", "sales"},
        {"demand", "imputed"}, {"demand", "known"}};
    alm_arena *arena = alm_arena_create(0);
    shop s = open_shop(count > 1 ? (size_t)atol(argument[1]) : 500,
                       count > 2 ? (uint64_t)atol(argument[2]) : 1, arena);
    double out = 0;
    for (size_t at = 0; at < s.series * PERIODS; at++) {
        out += s.out[at];
    }
    (void)printf("{\"series\":%zu,\"sold_out\":%.3f}\n", s.series,
                 out / (double)(s.series * PERIODS));
    for (size_t i = 0; i < sizeof WAYS / sizeof WAYS[0]; i++) {
        run(&s, &WAYS[i]);
    }
    alm_arena_destroy(arena);
    return 0;
}
