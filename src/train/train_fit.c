/* train_fit.c: fits along the grid of origins, the records they give, and the scored ones. */
#include <math.h>
#include <string.h>

#include "train/train_internal.h"

/* On the very rows of the mean model: selected once, made into features anew for every forest. */
static alm_err fit_quantiles(almi_training *t, alm_training_rows *rows, size_t block,
                             almi_fit *out, alm_error *error)
{
    alm_training_fit fit = {t->model, 0, alm_pool_threads(t->env->pool)};
    for (size_t k = 0; k < t->model->quantile_count; k++) {
        alm_lightgbm_result forest;
        fit.quantile = t->model->quantiles[k];
        ALM_TRY(alm_training_rows_fit(rows, &fit, t->arena, &forest, error));
        out->quantile[k][block] = forest.text;
    }
    return ALM_OK;
}

static alm_err fit_block(almi_training *t, alm_training_window window, almi_fit *out,
                         alm_error *error)
{
    alm_training_rows rows = {0};
    alm_vintage_rows_request request = {&t->origins, t->plan, t->model, window, t->scratch};
    alm_training_fit mean = {t->model, 0, alm_pool_threads(t->env->pool)};
    alm_arena *scratch = alm_arena_create(1 << 20);
    alm_err code = t->origins.restated
                       ? alm_vintage_rows_select(&request, scratch, &rows, error)
                       : alm_training_rows_select(&t->panel, t->plan, t->model, window, scratch,
                                                  &rows, error);
    if (code == ALM_OK) {
        code = alm_training_rows_fit(&rows, &mean, t->arena, &out->block[window.block], error);
    }
    if (code == ALM_OK && t->model->marginals == ALM_MARGINALS_QUANTILE) {
        code = fit_quantiles(t, &rows, window.block, out, error);
    }
    alm_feature_file_close(rows.kept);
    alm_arena_destroy(scratch);
    return code;
}

alm_err almi_training_fit(almi_training *t, size_t cutoff, almi_fit *out, alm_error *error)
{
    *out = (almi_fit){0};
    if (t->model->method == ALM_MODEL_STATISTICAL) {
        return ALM_OK; /* a run fits every series to its own past */
    }
    for (size_t b = 0; b < t->model->block_count; b++) {
        ALM_TRY(fit_block(t, (alm_training_window){cutoff, b}, out, error));
    }
    return ALM_OK;
}

void almi_training_put_fit(const almi_training *t, const almi_fit *fit, alm_bundle_parts *parts,
                           alm_method *method)
{
    method->block_count = t->model->block_count;
    for (size_t b = 0; b < t->model->block_count; b++) {
        parts->mean_model[b] = fit->block[b].text;
        method->base_score[b] = fit->block[b].base_score;
    }
    memcpy(parts->quantile_model, fit->quantile, sizeof fit->quantile);
}

static alm_reconcile_fit reconcile_fit(const almi_training *t, alm_reconciling reconciling)
{
    return (alm_reconcile_fit){.reconciling = reconciling,
                               .from = t->model->reconcile_from,
                               .source = t->source,
                               .hierarchy = t->panel.hierarchy,
                               .record_count = t->grid.selection,
                               .lag = t->grid.lag};
}

static alm_err learn_reconcile(almi_training *t, alm_reconciling reconciling,
                                const alm_origin_record *records, alm_method *method,
                               almi_reconcile_learned *out, alm_error *error)
{
    *out = (almi_reconcile_learned){.intensity = (double)NAN};
    if (reconciling == ALM_RECONCILING_AUTOMATIC) {
        return ALM_OK;
    }
    alm_reconcile_fit fit = reconcile_fit(t, reconciling);
    fit.records = records;
    fit.method = method;
    alm_reconcile_rule learned;
    alm_buffer text = {0};
    alm_arena *scratch = alm_arena_create(1 << 20);
    alm_err code = ALM_OK;
    if (reconciling == ALM_RECONCILING_BEST) {
        code = alm_reconcile_choose(&fit, scratch, &out->choice, error);
        fit.reconciling = out->choice.chosen;
    }
    if (code == ALM_OK) {
        method->weight[ALM_CLASS_aggregate] = alm_reconciling_aggregate_weight(fit.reconciling);
        code = alm_reconcile_fit_rule(&fit, scratch, &learned, error);
    }
    if (code == ALM_OK) {
        alm_reconcile_rule_write(&learned, &text);
        code = alm_buffer_status(&text, error);
    }
    if (code == ALM_OK) {
        out->json = (alm_str){alm_arena_copy_text(t->arena, text.data, text.size), text.size};
        out->errors = learned.errors;
        out->intensity = learned.intensity;
    }
    alm_buffer_deinit(&text);
    alm_arena_destroy(scratch);
    return code;
}

alm_err almi_training_reconcile_check(const almi_training *t, alm_error *error)
{
    const alm_train_options *o = t->options;
    for (size_t k = 0; k < 1 + o->reconcile_count; k++) {
        alm_reconcile_fit fit = reconcile_fit(t, k ? o->reconcile[k - 1] : t->model->reconcile);
        if (fit.reconciling == ALM_RECONCILING_BEST) {
            ALM_TRY(alm_reconcile_choice_check(&fit, error));
        } else if (fit.reconciling != ALM_RECONCILING_AUTOMATIC) {
            ALM_TRY(alm_reconcile_fit_check(&fit, (size_t)t->model->horizon, error));
        }
    }
    return ALM_OK;
}

alm_err almi_training_choose(almi_training *t, const alm_origin_record *records, bool all,
                             alm_arena *scratch, almi_chosen *chosen, alm_error *error)
{
    size_t count = t->grid.selection;
    size_t nodes = t->panel.hierarchy->node_count;
    const alm_train_options *o = t->options;
    alm_origin_record *used = ALM_NEW_ARRAY(scratch, alm_origin_record, count);
    alm_kind_choose(&t->kinds, records, count, nodes, &chosen->scores, &chosen->kinds);
    for (size_t r = 0; r < count; r++) {
        used[r] = alm_kind_record_of(&t->kinds, &chosen->kinds, &records[r], nodes, scratch);
    }
    alm_calibration calibration = {used, count, t->panel.hierarchy, t->choices};
    alm_calibrate(&calibration, scratch, &chosen->method);
    const almi_chosen published = *chosen;
    for (size_t k = 0; k < (all ? 1 + o->reconcile_count : 1); k++) {
        alm_reconciling reconciling = k ? o->reconcile[k - 1] : t->model->reconcile;
        chosen[k] = published;
        ALM_TRY(learn_reconcile(t, reconciling, used, &chosen[k].method, &chosen[k].reconcile,
                                error));
    }
    return ALM_OK;
}

alm_err almi_training_put_choice(const almi_chosen *chosen, alm_buffer *method, alm_buffer *kinds,
                                 alm_bundle_parts *parts, alm_error *error)
{
    alm_method_write(&chosen->method, method);
    if (chosen->kinds.given) {
        alm_kind_table_write(&chosen->kinds, kinds);
    }
    parts->method = alm_buffer_view(method);
    parts->kinds = alm_buffer_view(kinds);
    parts->reconcile = chosen->reconcile.json;
    ALM_TRY(alm_buffer_status(method, error));
    return alm_buffer_status(kinds, error);
}

alm_err almi_training_bundle(almi_training *t, const almi_fit *fit, const almi_chosen *chosen,
                             alm_bundle **out, alm_error *error)
{
    almi_chosen complete = *chosen;
    alm_bundle_parts parts = {.model = t->model->name,
                              .feature_version = alm_str_of(t->feature_version_text),
                              .plan = t->plan_json,
                              .encoders = t->encoders_json,
                              .report = ALM_STR("{}")};
    alm_buffer method = {0};
    alm_buffer kinds = {0};
    almi_training_put_fit(t, fit, &parts, &complete.method);
    alm_err code = almi_training_put_choice(&complete, &method, &kinds, &parts, error);
    if (code == ALM_OK) {
        code = alm_bundle_of_parts(&parts, alm_panel_source_schema(t->source), out, error);
    }
    alm_buffer_deinit(&method);
    alm_buffer_deinit(&kinds);
    return code;
}

static alm_err make_record(almi_training *t, size_t number, alm_error *error)
{
    alm_bundle *bundle = NULL;
    const alm_training_panel *known = NULL;
    size_t origin = t->grid.newest - number * t->grid.step;
    ALM_TRY(alm_origin_panel_at(&t->origins, origin + 1, &known, error));
    almi_chosen nothing = {.method = t->method};
    ALM_TRY(almi_training_bundle(t, &t->fit_of[number], &nothing, &bundle, error));
    alm_err code = alm_origin_record_make(t->env, known, bundle, origin, t->arena,
                                          &t->records[number], error);
    alm_bundle_destroy(bundle);
    if (code == ALM_OK && t->kinds.given) {
        alm_kind_record_make(t->env, known, &t->kinds, (size_t)t->method.season,
                             &t->records[number], t->arena);
    }
    if (code == ALM_OK && known != &t->panel) {
        alm_origin_record_judge(&t->panel, t->arena, &t->records[number]);
    }
    return code;
}

static alm_err open_at(almi_training *t, size_t origin, alm_panel_source **out, alm_error *error)
{
    alm_date start = t->panel.blocks[0].start;
    alm_panel_options options = {.start = start,
                                 .end = start + (alm_date)origin + 1,
                                 .future = t->model->horizon,
                                 .membership_date = t->options->snapshot->end,
                                 .block_series = 256,
                                 .categories = t->encoders.categories,
                                 .category_count = t->encoders.count};
    return alm_panel_source_open(t->env, t->options->project, t->options->objects,
                                 t->options->snapshot, &options, out, error);
}

static int compare_keys(const almi_training *t, const alm_panel_source *past, size_t leaf,
                        size_t series)
{
    int order = 0;
    for (size_t k = 0; order == 0 && k < t->options->project->series.key_count; k++) {
        order = alm_str_compare(alm_panel_source_key(past, leaf, k),
                                alm_panel_source_key(t->source, series, k));
    }
    return order;
}

/* Both are sorted by the same keys, so one pass finds every leaf. */
static void match_leaves(almi_training *t, const alm_panel_source *past)
{
    size_t count = alm_panel_source_series(past);
    uint32_t *series_of_leaf = ALM_NEW_ARRAY(t->arena, uint32_t, count);
    size_t series = 0;
    for (size_t leaf = 0; leaf < count; leaf++) {
        while (compare_keys(t, past, leaf, series) > 0) {
            series++;
        }
        alm_assert(compare_keys(t, past, leaf, series) == 0);
        series_of_leaf[leaf] = (uint32_t)series;
    }
    t->backtest.series_of_leaf = series_of_leaf;
}

static void match_nodes(almi_training *t, const alm_hierarchy *past)
{
    const alm_hierarchy *all = t->panel.hierarchy;
    uint32_t *node_of_node = ALM_NEW_ARRAY(t->arena, uint32_t, past->node_count);
    for (uint32_t level = 0; level < past->level_count; level++) {
        uint32_t number = all->levels[level].first_node;
        for (uint32_t n = 0; n < past->levels[level].node_count; n++) {
            uint32_t node = past->levels[level].first_node + n;
            while (!alm_str_equal(all->node_names[number], past->node_names[node])) {
                number++;
                alm_assert(number < all->node_count);
            }
            node_of_node[node] = number;
        }
    }
    t->backtest.node_of_node = node_of_node;
}

/* What would have been chosen at a scored origin: the outcomes of its earlier records, too, are
 * those that were known then. */
static alm_err choose_at(almi_training *t, size_t number, almi_chosen *chosen, alm_error *error)
{
    const alm_origin_record *record = &t->records[number];
    const alm_origin_record *earlier = t->records + number + t->grid.lag;
    const alm_training_panel *known = NULL;
    ALM_TRY(alm_origin_panel_at(&t->origins, record->origin + 1, &known, error));
    alm_arena *scratch = alm_arena_create(1 << 20);
    if (known != &t->panel) {
        alm_origin_record *judged = ALM_NEW_ARRAY(scratch, alm_origin_record, t->grid.selection);
        for (size_t i = 0; i < t->grid.selection; i++) {
            judged[i] = earlier[i];
            alm_origin_record_judge(known, scratch, &judged[i]);
        }
        earlier = judged;
    }
    t->backtest.known = known;
    chosen[0].method = t->method;
    alm_calibrate_bins(record->histories, record->series_count, scratch, &chosen[0].method);
    alm_err code = almi_training_choose(t, earlier, true, scratch, chosen, error);
    alm_arena_destroy(scratch);
    return code;
}

static alm_err score_row(almi_training *t, size_t number, const almi_chosen *how,
                         alm_panel_source *source, alm_error *error)
{
    alm_bundle *bundle = NULL;
    ALM_TRY(almi_training_bundle(t, &t->fit_of[number], how, &bundle, error));
    alm_env quiet = *t->env; /* what is counted is origins */
    quiet.progress = NULL;
    alm_forecast_sink sink = alm_backtest_sink(&t->backtest);
    alm_pipeline_request request = {.bundle = bundle,
                                    .source = source,
                                    .scratch = t->scratch,
                                    .delay = (int32_t)t->panel.delay};
    alm_err code = alm_pipeline_run(&quiet, &request, &sink, error);
    alm_bundle_destroy(bundle);
    return code;
}

/* Global forecasters keep a fit for `refit_every` scored origins (0: all), as the forests do. The
 * origin, this or an earlier one, at which the fit in force at a scored origin was made. */
static size_t global_fit_of(const almi_training *t, size_t number)
{
    size_t every = (size_t)t->model->backtest.refit_every;
    size_t scored = t->grid.scored - 1 - number;
    return number + (every == 0 ? scored : scored % every);
}

/* Fits are not kept: one that was in force when a backtest was stopped is made again, of the same
 * bits, and does not count twice. */
static alm_err fit_global(almi_training *t, size_t number, alm_error *error)
{
    size_t fitted = global_fit_of(t, number);
    alm_backtest *b = &t->backtest;
    if (fitted != number && t->scored_before > 0 &&
        t->grid.scored - number == t->scored_before + 1) {
        size_t now = t->records[number].origin + 1;
        ALM_TRY(alm_origin_panel_at(&t->origins, t->records[fitted].origin + 1, &b->known, error));
        b->record = &t->records[fitted];
        ALM_TRY(alm_backtest_global_again(b, t->env, error));
        /* One past panel is held at a time: the one of this origin is read again. */
        ALM_TRY(alm_origin_panel_at(&t->origins, now, &b->known, error));
    }
    b->record = &t->records[number];
    return alm_backtest_global_at(b, t->env, fitted == number, error);
}

static alm_err score_origin(almi_training *t, size_t number, alm_error *error)
{
    const alm_origin_record *record = &t->records[number];
    size_t rows = 1 + t->options->reconcile_count;
    almi_chosen *chosen = ALM_NEW_ARRAY(t->arena, almi_chosen, rows);
    ALM_TRY(choose_at(t, number, chosen, error));
    ALM_TRY(fit_global(t, number, error));
    alm_panel_source *source = NULL;
    alm_err code = open_at(t, record->origin, &source, error);
    alm_arena *parts = alm_arena_create(0);
    alm_origin_record as_chosen = alm_kind_record_of(&t->kinds, &chosen->kinds, record,
                                                     t->panel.hierarchy->node_count, parts);
    if (code == ALM_OK) {
        t->backtest.record = &as_chosen;
        match_leaves(t, source);
        match_nodes(t, alm_panel_source_hierarchy(source));
    }
    for (size_t k = 0; k < rows && code == ALM_OK; k++) {
        t->backtest.row = k ? alm_backtest_reconcile_row(&t->backtest, k - 1) : ALM_SCORE_FINAL;
        code = score_row(t, number, &chosen[k], source, error);
    }
    t->backtest.record = NULL;
    alm_arena_destroy(parts);
    alm_panel_source_close(source);
    return code;
}

/* Scoring takes longer than the rest, so before the first scored origin nobody knows. */
static uint64_t time_left(const almi_training *t)
{
    size_t left = t->grid.count - t->done;
    size_t scored = left < t->grid.scored ? left : t->grid.scored;
    if (t->scores.count == 0) {
        return 0;
    }
    /* One more fit comes behind the last origin. */
    uint64_t make = t->makes.count > 0 ? t->makes.ns / t->makes.count : 0;
    return (left + 1) * make + scored * (t->scores.ns / t->scores.count);
}

static void tell(const almi_training *t)
{
    alm_progress progress = {"backtest", t->done, t->grid.count, "origin", time_left(t)};
    alm_env_tell(t->env, &progress);
}

/* Once: what was taken over is not told. */
static void begin_work(almi_training *t)
{
    if (!t->works) {
        t->works = true;
        tell(t);
    }
}

static void add_pace(const almi_training *t, uint64_t start, almi_pace *pace)
{
    pace->ns += alm_env_monotonic_ns(t->env) - start;
    pace->count++;
}

/* A fit serves `refit_every` origins, 0: all. */
static alm_err fit_origin(almi_training *t, size_t number, alm_error *error)
{
    size_t every = (size_t)t->model->backtest.refit_every;
    bool found = false;
    if (t->done > 0 && (every == 0 || t->done % every != 0)) {
        t->fit_of[number] = t->fit_of[number + 1];
        return ALM_OK;
    }
    ALM_TRY(almi_kept_find_fit(t, number, &t->fit_of[number], &found, error));
    if (found) {
        return ALM_OK;
    }
    begin_work(t);
    size_t cutoff = t->grid.newest - number * t->grid.step + 1;
    ALM_TRY(almi_training_fit(t, cutoff, &t->fit_of[number], error));
    return almi_kept_put_fit(t, number, &t->fit_of[number], error);
}

static alm_err record_origin(almi_training *t, size_t number, alm_error *error)
{
    bool found = false;
    ALM_TRY(almi_kept_find_record(t, number, &t->records[number], &found, error));
    if (found) {
        return ALM_OK;
    }
    begin_work(t);
    ALM_TRY(make_record(t, number, error));
    return almi_kept_put_record(t, number, &t->records[number], error);
}

static alm_err one_origin(almi_training *t, alm_error *error)
{
    size_t number = t->grid.count - 1 - t->done;
    uint64_t start = alm_env_monotonic_ns(t->env);
    ALM_TRY(fit_origin(t, number, error));
    ALM_TRY(record_origin(t, number, error));
    if (t->works) {
        add_pace(t, start, &t->makes);
    }
    size_t scored = t->grid.scored - number; /* with this one, when it is one */
    if (number >= t->grid.scored || scored <= t->scored_before) {
        return ALM_OK;
    }
    begin_work(t);
    start = alm_env_monotonic_ns(t->env);
    ALM_TRY(score_origin(t, number, error));
    add_pace(t, start, &t->scores);
    return almi_kept_put_scores(t, scored, error);
}

alm_err almi_training_origins(almi_training *t, alm_error *error)
{
    size_t count = t->grid.count;
    t->records = ALM_NEW_ARRAY(t->arena, alm_origin_record, count);
    t->fit_of = ALM_NEW_ARRAY(t->arena, almi_fit, count);
    alm_backtest_init(&t->backtest, &t->panel, &t->method, t->arena);
    if (t->options->backtest_only) {
        alm_backtest_reconcile(&t->backtest, t->options->reconcile, t->options->reconcile_count);
        alm_backtest_detail(&t->backtest, t->options->beside, t->options->beside_count,
                            t->env->pool, t->arena);
        alm_backtest_global(&t->backtest, t->options->global, t->options->global_count, t->arena);
    }
    ALM_TRY(almi_kept_find_scores(t, &t->scored_before, error));
    for (t->done = 0; t->done < count;) {
        ALM_TRY(one_origin(t, error));
        t->done++;
        if (t->works) {
            tell(t);
        }
    }
    return ALM_OK;
}
