#include "train/train.h"

#include <string.h>

#include "project/scratch.h"
#include "train/train_internal.h"

static void declare_method(almi_training *t)
{
    const alm_model_spec *m = t->model;
    alm_objective objective = m->gbm.objective;
    t->method = (alm_method){.horizon = m->horizon,
                             .block_count = m->block_count,
                             .paths = m->paths,
                             .templates = 24,
                             .season = m->season,
                             .seed = m->seed,
                             .counts = t->options->project->series.counts,
                             .log_link = objective == ALM_OBJECTIVE_POISSON ||
                                         objective == ALM_OBJECTIVE_TWEEDIE,
                             .quantile_count = m->quantile_count};
    memcpy(t->method.quantile, m->quantiles, sizeof m->quantiles);
    /* The identity until something is learned. */
    for (int c = 0; c < ALM_CLASS_COUNT; c++) {
        t->method.weight[c] = c == ALM_CLASS_aggregate ? 1 : 0.5;
    }
    for (size_t k = 0; k < ALM_SHAPE_LEVELS; k++) {
        t->method.remap[0][k] = alm_shape_levels()[k];
        t->method.remap[1][k] = alm_shape_levels()[k];
    }
    for (size_t b = 0; b < ALM_SHAPE_BINS; b++) {
        t->method.bin_edge[b] = 1;
        for (size_t k = 0; k < ALM_SHAPE_LEVELS; k++) {
            t->method.bin_shape[b][k] = 1;
        }
    }
}

static alm_err keep_text(almi_training *t, alm_buffer *text, alm_str *out, alm_error *error)
{
    alm_err code = alm_buffer_status(text, error);
    if (code == ALM_OK) {
        out->data = alm_arena_copy_text(t->arena, text->data, text->size);
        out->size = text->size;
    }
    alm_buffer_deinit(text);
    return code;
}

static alm_err compile_plan(almi_training *t, alm_error *error)
{
    const alm_project *project = t->options->project;
    ALM_TRY(alm_project_plan(project, t->model, alm_panel_source_schema(t->source), &t->plan,
                             error));
    t->feature_version = *alm_feature_plan_version(t->plan);
    alm_digest_text(&t->feature_version, t->feature_version_text);
    alm_buffer json = {0};
    alm_feature_plan_write(t->plan, &json);
    ALM_TRY(keep_text(t, &json, &t->plan_json, error));
    alm_encoders_of(t->source, project, t->arena, &t->encoders);
    alm_encoders_write(&t->encoders, &json);
    return keep_text(t, &json, &t->encoders_json, error);
}

static alm_err open_panel(almi_training *t, alm_error *error)
{
    const alm_source *source =
        alm_project_source(t->options->project, t->options->project->series.source);
    alm_panel_options options = {.start = ALM_DATE_NONE,
                                 .end = ALM_DATE_NONE,
                                 .future = 0,
                                 .membership_date = ALM_DATE_NONE,
                                 .block_series = 256};
    ALM_TRY(alm_panel_source_open(t->env, t->options->project, t->options->objects,
                                  t->options->snapshot, &options, &t->source, error));
    ALM_TRY(alm_training_panel_read(t->env, t->source, (size_t)source->publication_delay,
                                    &t->panel, error));
    t->origins = (alm_origin_panels){.env = t->env,
                                     .project = t->options->project,
                                     .objects = t->options->objects,
                                     .snapshot = t->options->snapshot,
                                     .source = t->source,
                                     .final = &t->panel,
                                     .horizon = (size_t)t->model->horizon,
                                     .restated = alm_panel_restates(t->options->project)};
    return ALM_OK;
}

static alm_err final_choice(almi_training *t, almi_chosen *chosen, alm_error *error)
{
    alm_arena *scratch = alm_arena_create(1 << 20);
    size_t origin = t->panel.blocks[0].periods - 1;
    alm_profile profile = alm_training_profile(&t->panel, origin);
    alm_history *histories = ALM_NEW_ARRAY(scratch, alm_history, t->panel.series_count);
    alm_arena *one = alm_arena_create(0);
    for (size_t i = 0; i < t->panel.series_count; i++) {
        alm_history_view view = alm_training_view(&t->panel, i, origin, &profile);
        alm_arena_reset(one);
        alm_history_of(&view, one, &histories[i]);
    }
    alm_arena_destroy(one);
    chosen->method = t->method;
    alm_calibrate_bins(histories, t->panel.series_count, scratch, &chosen->method);
    alm_err code = almi_training_choose(t, t->records, false, scratch, chosen, error);
    alm_arena_destroy(scratch);
    return code;
}

static alm_err finish(almi_training *t, alm_train_result *out, alm_error *error)
{
    size_t periods = t->panel.blocks[0].periods;
    almi_fit fit;
    bool found = false;
    ALM_TRY(almi_kept_find_fit(t, ALMI_FINAL_FIT, &fit, &found, error));
    if (!found) {
        ALM_TRY(almi_training_fit(t, periods, &fit, error));
        ALM_TRY(almi_kept_put_fit(t, ALMI_FINAL_FIT, &fit, error));
    }
    almi_chosen chosen;
    ALM_TRY(final_choice(t, &chosen, error));
    alm_bundle_parts parts = {0};
    alm_buffer json = {0};
    alm_buffer kinds = {0};
    almi_training_put_fit(t, &fit, &parts, &chosen.method);
    alm_err code = almi_training_put_choice(&chosen, &json, &kinds, &parts, error);
    alm_str inputs = almi_training_inputs(t);
    alm_digest run_id = alm_hash_bytes(inputs.data, inputs.size);
    parts.model = t->model->name;
    parts.training_run_id = alm_digest_str(&run_id, t->arena);
    parts.inputs = inputs;
    parts.feature_version = alm_str_of(t->feature_version_text);
    parts.snapshot_id = t->options->snapshot->id;
    parts.plan = t->plan_json;
    parts.encoders = t->encoders_json;
    parts.report = almi_training_report(t, &chosen, &fit);
    alm_train_result result = {.training_run_id = parts.training_run_id, .report = parts.report,
                               .kept = t->kept.folder, .damaged = t->kept.damaged};
    if (code == ALM_OK && !t->options->backtest_only) {
        alm_digest bundle;
        code = alm_bundle_save(t->options->objects, &parts, &bundle, error);
        if (code == ALM_OK) {
            result.bundle_hash = alm_digest_str(&bundle, t->arena);
        }
        if (code == ALM_OK && !t->options->unregistered) {
            almi_training_record record = {.name = t->model->name,
                                           .feature_version = t->feature_version,
                                           .plan = t->plan_json,
                                           .inputs = inputs,
                                           .report = parts.report,
                                           .run_id = run_id,
                                           .bundle = bundle};
            code = almi_training_register(t->env, t->options, &record, t->arena, &result, error);
        }
    }
    alm_buffer_deinit(&json);
    alm_buffer_deinit(&kinds);
    if (code == ALM_OK) {
        *out = result;
    }
    return code;
}

alm_err alm_train_check_model(const alm_model_spec *m, alm_error *error)
{
    if (m->gbm.objective == ALM_OBJECTIVE_QUANTILE) {
        return alm_fail(error, ALM_ERR_UNSUPPORTED, "model %.*s: the mean model cannot have the "
                        "objective quantile; use l2, poisson or tweedie, and marginals: quantile "
                        "for quantile forests beside it", ALM_STR_ARG(m->name));
    }
    if (m->recursive && m->marginals == ALM_MARGINALS_QUANTILE) {
        return alm_fail(error, ALM_ERR_UNSUPPORTED, "model %.*s: a recursive model feeds back "
                        "means, so there is no quantile of a later step; use marginals: history, "
                        "or a direct model", ALM_STR_ARG(m->name));
    }
    unsigned choices = 0;
    return alm_choices_of(m, &choices, error);
}

static alm_err train(almi_training *t, alm_train_result *out, alm_error *error)
{
    ALM_TRY(alm_train_check_model(t->model, error));
    ALM_TRY(alm_choices_of(t->model, &t->choices, error));
    t->kinds = alm_kind_candidates_of(t->model);
    ALM_TRY(alm_scratch_create(t->env, t->options->project, t->arena, &t->scratch, error));
    ALM_TRY(open_panel(t, error));
    ALM_TRY(compile_plan(t, error));
    declare_method(t);
    ALM_TRY(almi_training_plan_grid(t, error));
    ALM_TRY(almi_training_reconcile_check(t, error));
    ALM_TRY(almi_kept_open(t, error));
    ALM_TRY(almi_training_origins(t, error));
    return finish(t, out, error);
}

/* The project as if everything that is not known in advance were published `gap` days later. */
static alm_err delay_project(const alm_project *project, int32_t gap, alm_arena *arena,
                             const alm_project **out, alm_error *error)
{
    alm_project *later = ALM_NEW(arena, alm_project);
    alm_source *sources = ALM_NEW_ARRAY(arena, alm_source, project->source_count);
    alm_series_column *columns =
        ALM_NEW_ARRAY(arena, alm_series_column, project->series.column_count);
    for (size_t i = 0; i < project->source_count; i++) {
        sources[i] = project->sources[i];
        if (sources[i].known_at.size > 0) {
            return alm_fail(error, ALM_ERR_UNSUPPORTED, "source " ALM_STR_FMT " says with its "
                            "column " ALM_STR_FMT " when a row was known, so a gap cannot move "
                            "that: backtest without a gap", ALM_STR_ARG(sources[i].name),
                            ALM_STR_ARG(sources[i].known_at));
        }
        bool comes_late = sources[i].time.size > 0 && !sources[i].known_in_advance;
        sources[i].publication_delay += comes_late ? gap : 0;
    }
    for (size_t i = 0; i < project->series.column_count; i++) {
        columns[i] = project->series.columns[i];
        columns[i].delay += columns[i].known ? 0 : gap;
    }
    *later = *project;
    later->sources = sources;
    later->series.columns = columns;
    *out = later;
    return ALM_OK;
}

static alm_err train_model(const alm_env *env, const alm_train_options *options, alm_arena *arena,
                           alm_train_result *out, alm_error *error)
{
    alm_assert(options->backtest_only || (!options->keep && options->gap == 0));
    alm_train_options own = *options;
    if (own.gap > 0) {
        ALM_TRY(delay_project(options->project, own.gap, arena, &own.project, error));
    }
    almi_training t = {.env = env, .options = &own, .model = options->model, .arena = arena};
    alm_err code = train(&t, out, error);
    alm_global_fits_close(&t.backtest.global);
    alm_feature_plan_destroy(t.plan);
    alm_origin_panels_close(&t.origins);
    alm_training_panel_deinit(&t.panel);
    alm_panel_source_close(t.source);
    alm_scratch_remove(env, t.scratch);
    return code == ALM_OK || own.gap == 0
               ? code : alm_error_wrap(error, code, "with a gap of %d days", own.gap);
}

alm_err alm_train(const alm_env *env, const alm_train_options *options, alm_arena *arena,
                  alm_train_result *out, alm_error *error)
{
    alm_assert(options->experimental || options->project_commit.size > 0);
    alm_assert(options->gap >= 0);
    return options->signal ? almi_signal_train(env, options, arena, out, error)
                           : train_model(env, options, arena, out, error);
}
