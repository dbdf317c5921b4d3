/* train_inputs.c: the JSON that identifies a training run, and the JSON that reports on it. */
#include <math.h>

#include "base/build_info.h"
#include "train/train_internal.h"

static alm_str keep(const almi_training *t, alm_buffer *text)
{
    alm_assert(!text->failed);
    alm_str copy = {alm_arena_copy_text(t->arena, text->data, text->size), text->size};
    alm_buffer_deinit(text);
    return copy;
}

static void put_gbm(alm_json_writer *w, const alm_gbm_spec *g)
{
    static const char *const OBJECTIVES[] = {
#define OBJECTIVE_TEXT(name, text) text,
        ALM_OBJECTIVE_MAP(OBJECTIVE_TEXT)
#undef OBJECTIVE_TEXT
    };
    alm_json_key(w, "gbm");
    alm_json_open_object(w);
    alm_json_put_double(w, "bagging_fraction", g->bagging_fraction);
    alm_json_put_i64(w, "bins_max", g->bins_max);
    alm_json_put_double(w, "feature_fraction", g->feature_fraction);
    alm_json_put_i64(w, "history_min", g->history_min);
    alm_json_put_double(w, "lambda_l2", g->lambda_l2);
    alm_json_put_i64(w, "leaf_rows_min", g->leaf_rows_min);
    alm_json_put_double(w, "learning_rate", g->learning_rate);
    alm_json_put_i64(w, "leaves", g->leaves);
    alm_json_put_text(w, "objective", OBJECTIVES[g->objective]);
    alm_json_put_i64(w, "origin_stride", g->origin_stride);
    alm_json_put_i64(w, "steps_per_origin", g->steps_per_origin);
    alm_json_put_i64(w, "trees", g->trees);
    alm_json_put_double(w, "tweedie_power", g->tweedie_power);
    alm_json_close_object(w);
}

static void put_kinds(alm_json_writer *w, const alm_kind_candidates *kinds)
{
    alm_json_key(w, "kinds");
    alm_json_open_object(w);
    for (int c = 0; c < ALM_CLASS_COUNT; c++) {
        if (kinds->count[c] > 0) {
            alm_json_key(w, alm_class_name((alm_class)c));
            alm_json_open_array(w);
            for (size_t k = 0; k < kinds->count[c]; k++) {
                alm_json_text(w, alm_kind_name(kinds->kind[c][k]));
            }
            alm_json_close_array(w);
        }
    }
    alm_json_close_object(w);
}

static void put_model(alm_json_writer *w, const alm_model_spec *m, const alm_kind_candidates *kinds)
{
    alm_json_key(w, "model");
    alm_json_open_object(w);
    alm_json_key(w, "backtest");
    alm_json_open_array(w);
    alm_json_i64(w, m->backtest.origins);
    alm_json_i64(w, m->backtest.selection_origins);
    alm_json_i64(w, m->backtest.origin_step);
    alm_json_i64(w, m->backtest.refit_every);
    alm_json_close_array(w);
    if (m->method == ALM_MODEL_GBM) {
        put_gbm(w, &m->gbm);
    }
    alm_json_put_i64(w, "horizon", m->horizon);
    if (kinds->given) { /* the key is younger than others' run ids; so are the next two */
        put_kinds(w, kinds);
    }
    if (m->marginals == ALM_MARGINALS_QUANTILE) {
        alm_json_put_text(w, "marginals", "quantile");
    }
    if (m->method == ALM_MODEL_STATISTICAL) {
        alm_json_put_text(w, "method", "statistical");
    }
    alm_json_put_str(w, "name", m->name);
    alm_json_put_i64(w, "paths", m->paths);
    alm_json_key(w, "quantiles");
    alm_json_open_array(w);
    for (size_t k = 0; k < m->quantile_count; k++) {
        alm_json_double(w, m->quantiles[k]);
    }
    alm_json_close_array(w);
    if (m->reconcile != ALM_RECONCILING_AUTOMATIC) { /* younger, too */
        alm_json_put_text(w, "reconcile", alm_reconciling_name(m->reconcile));
        alm_json_put_str(w, "reconcile_from", m->reconcile_from);
    }
    alm_json_put_i64(w, "season", m->season);
    alm_json_put_i64(w, "seed", (int64_t)m->seed);
    alm_json_close_object(w);
}

alm_str almi_training_inputs(const almi_training *t)
{
    char start[ALM_DATE_TEXT_BYTES];
    char end[ALM_DATE_TEXT_BYTES];
    alm_date_text(t->options->snapshot->start, start);
    alm_date_text(t->options->snapshot->end, end);
    alm_buffer text = {0};
    alm_json_writer w = alm_json_writer_on(&text);
    alm_json_open_object(&w);
    alm_json_put_text(&w, "engine_source", ALM_ENGINE_SOURCE_DIGEST);
    alm_json_put_text(&w, "engine_version", ALM_ENGINE_VERSION);
    alm_json_put_bool(&w, "experimental", t->options->experimental);
    alm_json_put_text(&w, "feature_version", t->feature_version_text);
    alm_json_key(&w, "libraries");
    alm_json_open_object(&w);
    if (t->model->method == ALM_MODEL_GBM) {
        alm_json_put_text(&w, "lightgbm", ALM_LIGHTGBM_DIGEST);
    }
    alm_json_close_object(&w);
    put_model(&w, t->model, &t->kinds);
    alm_json_put_str(&w, "project_commit", t->options->project_commit);
    alm_json_put_str(&w, "snapshot_id", t->options->snapshot->id);
    alm_json_key(&w, "window");
    alm_json_open_array(&w);
    alm_json_text(&w, start);
    alm_json_text(&w, end);
    alm_json_close_array(&w);
    alm_json_close_object(&w);
    return keep(t, &text);
}

static void put_origins(const almi_training *t, alm_json_writer *w, const char *key, size_t first,
                        size_t count)
{
    alm_json_key(w, key);
    alm_json_open_array(w);
    for (size_t k = count; k-- > 0;) {
        size_t origin = t->grid.newest - (first + k) * t->grid.step;
        char text[ALM_DATE_TEXT_BYTES];
        /* The first day forecast, as in a run's prediction date. */
        alm_date_text(t->panel.blocks[0].start + (alm_date)origin + 1, text);
        alm_json_text(w, text);
    }
    alm_json_close_array(w);
}

static void put_importance(const almi_training *t, alm_json_writer *w,
                           const almi_fit *fit)
{
    alm_json_key(w, "importance");
    alm_json_open_array(w);
    for (size_t f = 0; f < alm_feature_plan_width(t->plan); f++) {
        double gain = 0; /* of the models of all horizon blocks */
        for (size_t b = 0; b < t->model->block_count; b++) {
            gain += fit->block[b].gain[f];
        }
        alm_json_open_object(w);
        alm_json_put_text(w, "feature", alm_feature_plan_name(t->plan, f));
        alm_json_put_double(w, "gain", gain);
        alm_json_close_object(w);
    }
    alm_json_close_array(w);
}

/* What `best` chose from. */
static void put_candidates(const alm_reconcile_choice *choice, alm_json_writer *w)
{
    alm_json_put_i64(w, "judged_at", (int64_t)choice->origins);
    alm_json_key(w, "best_of");
    alm_json_open_array(w);
    for (size_t k = 0; k < ALM_RECONCILE_CANDIDATES; k++) {
        alm_json_open_object(w);
        alm_json_put_text(w, "method", alm_reconciling_name(choice->candidate[k]));
        alm_json_put_double(w, "rmsse", choice->rmsse[k]); /* null: it was not judged */
        alm_json_close_object(w);
    }
    alm_json_close_array(w);
}

/* Nothing where the project does not choose. */
static void put_reconcile(const almi_training *t, const almi_reconcile_learned *learned,
                          alm_json_writer *w)
{
    if (t->model->reconcile == ALM_RECONCILING_AUTOMATIC) {
        return;
    }
    alm_json_key(w, "reconcile");
    alm_json_open_object(w);
    const alm_reconcile_choice *choice = &learned->choice;
    alm_json_put_text(w, "method", alm_reconciling_name(choice->origins > 0 ? choice->chosen
                                                                            : t->model->reconcile));
    if (choice->origins > 0) {
        put_candidates(choice, w);
    }
    if (alm_reconciling_splits(t->model->reconcile)) {
        alm_json_put_str(w, "from", t->model->reconcile_from.size
                                        ? t->model->reconcile_from
                                        : t->panel.hierarchy->levels[0].name);
    }
    alm_json_put_i64(w, "errors", (int64_t)learned->errors);
    if (!isnan(learned->intensity)) {
        alm_json_put_double(w, "intensity", learned->intensity);
    }
    alm_json_close_object(w);
}

/* How many days of series were sold out, and what they count as. Only where there are any. */
static void put_sold_out(const almi_training *t, alm_json_writer *w)
{
    int64_t days = 0;
    for (size_t i = 0; i < t->panel.series_count; i++) {
        const alm_panel *block = &t->panel.blocks[i / t->panel.block_series];
        for (size_t at = 0; at < block->periods; at++) {
            days += alm_panel_sold_out(block, i % t->panel.block_series, at);
        }
    }
    if (days > 0) {
        bool imputed = alm_feature_plan_sold_out(t->plan) == ALM_SOLD_OUT_IMPUTED;
        alm_json_put_i64(w, "sold_out_days", days);
        alm_json_put_text(w, "sold_out_as", imputed ? "imputed" : "masked");
    }
}

alm_str almi_training_report(const almi_training *t, const almi_chosen *chosen,
                             const almi_fit *fit)
{
    alm_buffer text = {0};
    alm_json_writer w = alm_json_writer_on(&text);
    alm_json_open_object(&w);
    alm_json_put_str(&w, "model", t->model->name);
    alm_json_put_i64(&w, "horizon", t->model->horizon);
    alm_json_put_str(&w, "snapshot_id", t->options->snapshot->id);
    alm_json_put_text(&w, "feature_version", t->feature_version_text);
    put_sold_out(t, &w);
    alm_json_key(&w, "origins");
    alm_json_open_object(&w);
    put_origins(t, &w, "scored", 0, t->grid.scored);
    put_origins(t, &w, "selection", t->grid.lag, t->grid.count - t->grid.lag);
    alm_json_close_object(&w);
    alm_json_key(&w, "weights");
    alm_json_open_object(&w);
    for (int c = 0; c < ALM_CLASS_COUNT; c++) {
        alm_json_put_double(&w, alm_class_name((alm_class)c), chosen->method.weight[c]);
    }
    alm_json_close_object(&w);
    put_reconcile(t, &chosen->reconcile, &w);
    if (chosen->kinds.given) {
        alm_kind_choice_write(&t->kinds, &chosen->scores, &chosen->kinds, &w);
    }
    alm_backtest_write(&t->backtest, &chosen->method, &w);
    if (t->model->method == ALM_MODEL_GBM) {
        put_importance(t, &w, fit);
    }
    alm_json_close_object(&w);
    return keep(t, &text);
}
