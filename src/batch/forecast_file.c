#include "batch/forecast_file.h"

#include <math.h>
#include <string.h>

#include "batch/forecast_parquet.h"
#include "batch/whole_file.h"
#include "pipeline/series/regressor_words.h"
#include "table/csv.h"
#include "train/global/selector_train.h"

#define FLUSH_BYTES ((size_t)64 << 10)
static const char PARQUET[] = ".parquet";

/* ---- making ---- */

static void name_columns(alm_forecast_file *file, alm_arena *arena)
{
    const alm_forecast_plan *plan = &file->made.plan;
    size_t count = plan->level_count;
    alm_buffer level = {0};
    file->column = file->made.automatic ? "forecast" : plan->kind->name;
    file->bounds = ALM_NEW_ARRAY(arena, const char *, 2 * count);
    for (size_t k = 0; k < count; k++) {
        alm_buffer_clear(&level);
        alm_forecast_percent(&level, plan->level[k]);
        file->bounds[count - 1 - k] = alm_arena_printf(arena, "%s-lo-%s", file->column, level.data);
        file->bounds[count + k] = alm_arena_printf(arena, "%s-hi-%s", file->column, level.data);
    }
    alm_buffer_deinit(&level);
}

static alm_err check_horizon(const alm_forecast_made *made, alm_error *error)
{
    for (size_t i = 0; i < made->input.count; i++) {
        const alm_long_one *one = &made->input.series[i];
        int64_t last = 0;
        if (!alm_long_time(&made->input, one, one->count - 1 + made->plan.steps, &last)) {
            return alm_fail(error, ALM_ERR_INVALID, "%s: %zu steps behind the last time of series '"
                            ALM_STR_FMT "' there are no times any more: look less far ahead",
                            made->name, made->plan.steps, ALM_STR_ARG(one->id));
        }
    }
    return ALM_OK;
}

/* By rule: a longer season besides, where some series has it and the method can use it. */
static void add_long_season(alm_forecast_made *made)
{
    alm_forecast_plan *plan = &made->plan;
    size_t longer = alm_frequency_long_season(&made->input.frequency, &plan->cycles);
    bool is_there = false;
    for (size_t i = 0; i < made->input.count; i++) {
        is_there |= longer > 0 && made->input.series[i].count / plan->cycles >= longer;
    }
    if (is_there && (made->automatic || plan->kind == &alm_mstl)) {
        plan->seasons[0] = plan->season;
        plan->seasons[1] = longer;
        plan->season_count = 2;
        plan->seasons_tried = true;
    }
}

static void plan_seasons(alm_forecast_made *made, const alm_forecast_options *options)
{
    alm_forecast_plan *plan = &made->plan;
    if (!made->season_asked) {
        add_long_season(made);
        return;
    }
    plan->cycles = 2; /* a season that is asked for */
    plan->season_count = options->season_count;
    memcpy(plan->seasons, options->seasons, sizeof plan->seasons);
}

/* ---- regressors ---- */

static bool has_regressors(const alm_regressor_options *r)
{
    return r->in_advance || r->observed || r->future || r->holidays;
}

/* What regressors leave of demand is none: it falls below 0. */
static alm_err check_kind(const alm_forecast_options *options,
                          const alm_regressor_options *regressors, alm_error *error)
{
    if (!regressors || !options->kind || options->kind->traits.support == ALM_SUPPORT_REAL) {
        return ALM_OK;
    }
    return alm_fail(error, ALM_ERR_INVALID, "method %s forecasts demand, which is never below 0; "
                    "what regressors leave may be: take auto, arima, or another method",
                    options->kind->name);
}

/* ---- learned weights ---- */

/* For the forecast, and for the check from what lies before all that it judges; where that is too
 * little, the check has even weights. */
static alm_err learn(const alm_env *env, alm_forecast_made *made, alm_selector_trained trained[2],
                     alm_error *error)
{
    alm_error why;
    const alm_long_series *in = &made->input;
    alm_selector_plan plan = {.steps = made->plan.steps};
    alm_arena *arena = alm_arena_create(0);
    alm_past *pasts = ALM_NEW_ARRAY(arena, alm_past, in->count);
    for (size_t i = 0; i < in->count; i++) {
        pasts[i] = (alm_past){in->series[i].y, in->series[i].count, made->plan.season};
    }
    alm_err code = alm_selector_train(env, pasts, in->count, &plan, &trained[0], error);
    if (code == ALM_OK && (made->plan.origins > 0 || made->plan.calibrated)) {
        plan.unknown = alm_forecast_judged(&made->plan);
        alm_err before = alm_selector_train(env, pasts, in->count, &plan, &trained[1], &why);
        if (before != ALM_OK && before != ALM_ERR_INCOMPLETE) {
            code = alm_fail(error, before, "%s", why.message);
        }
    }
    alm_arena_destroy(arena);
    made->plan.selector = trained[0].selector;
    made->plan.selector_before = trained[1].selector;
    made->learned = trained[0].facts;
    made->learned_before = trained[1].facts;
    return code;
}

static alm_err forecast(const alm_env *env, alm_forecast_made *made, alm_arena *arena,
                        alm_error *error)
{
    alm_selector_trained trained[2] = {{.selector = NULL}, {.selector = NULL}};
    alm_err code = made->plan.kind == &alm_learned ? learn(env, made, trained, error) : ALM_OK;
    if (code == ALM_OK) {
        code = alm_series_forecast_all(env, &made->input, &made->plan, arena, &made->set, error);
    }
    alm_selector_destroy(trained[0].selector);
    alm_selector_destroy(trained[1].selector);
    made->plan.selector = NULL;
    made->plan.selector_before = NULL;
    return code;
}

alm_err alm_forecast_file_make(const alm_env *env, const alm_forecast_options *options,
                               alm_arena *arena, alm_forecast_file *out, alm_error *error)
{
    alm_forecast_file file = {
        .made = {.name = options->input.name ? options->input.name : options->input.path,
                 .automatic = !options->kind,
                 .frequency_asked = options->input.frequency != NULL,
                 .season_asked = options->season > 0,
                 .horizon_asked = options->steps > 0,
                 .zero_gaps = options->input.zero_gaps}};
    alm_forecast_made *made = &file.made;
    alm_long_options input = options->input;
    alm_regressor_options regressors = options->regressors;
    regressors.steps = options->steps;
    input.regressors = has_regressors(&regressors) ? &regressors : NULL;
    ALM_TRY(check_kind(options, input.regressors, error));
    ALM_TRY(alm_long_read(env->fs, &input, arena, &made->input, error));
    made->plan = (alm_forecast_plan){
        .kind = options->kind ? options->kind : alm_forecast_automatic(),
        .season = options->season ? options->season : alm_frequency_season(&made->input.frequency),
        .steps = options->steps ? options->steps : alm_frequency_horizon(&made->input.frequency),
        .paths = options->paths,
        .origins = options->origins,
        .seed = options->seed,
        .level_count = options->level_count,
        .calibrated = options->calibrated};
    memcpy(made->plan.level, options->level, sizeof made->plan.level);
    plan_seasons(made, options);
    ALM_TRY(check_horizon(made, error));
    ALM_TRY(alm_forecast_check_plans(&made->input, made->name, &made->plan, error));
    ALM_TRY(forecast(env, made, arena, error));
    name_columns(&file, arena);
    *out = file;
    return ALM_OK;
}

double alm_forecast_file_bound(const alm_forecast_file *file, size_t series, size_t step,
                               size_t place)
{
    size_t count = file->made.plan.level_count;
    const alm_series_forecast *one = &file->made.set.series[series];
    return place < count ? one->low[step * count + count - 1 - place]
                         : one->high[step * count + place - count];
}

int64_t alm_forecast_file_time(const alm_forecast_file *file, size_t series, size_t step)
{
    const alm_long_one *one = &file->made.input.series[series];
    int64_t time = one->start;
    bool exists = alm_long_time(&file->made.input, one, one->count + step, &time);
    alm_assert(exists); /* check_horizon */
    return time;
}

/* ---- CSV ---- */

static alm_err give(const alm_forecast_sink *sink, alm_buffer *buffer, size_t least,
                    alm_error *error)
{
    if (buffer->size < least) {
        return ALM_OK;
    }
    ALM_TRY(alm_buffer_status(buffer, error));
    ALM_TRY(sink->write(sink->context, alm_buffer_view(buffer), error));
    alm_buffer_clear(buffer);
    return ALM_OK;
}

static void put_double(alm_buffer *out, double value)
{
    alm_buffer_text(out, ",");
    if (!isnan(value)) {
        alm_buffer_double(out, value);
    }
}

static void put_row(const alm_forecast_file *file, size_t i, size_t h, bool reasons,
                    alm_buffer *out)
{
    char time[ALM_INSTANT_TEXT_BYTES];
    const alm_series_forecast *one = &file->made.set.series[i];
    alm_time_write(&file->made.input.style, alm_forecast_file_time(file, i, h), time);
    alm_csv_write(out, file->made.input.series[i].id);
    alm_buffer_text(out, ",");
    alm_buffer_text(out, time);
    put_double(out, one->mean[h]);
    for (size_t k = 0; k < 2 * file->made.plan.level_count; k++) {
        put_double(out, alm_forecast_file_bound(file, i, h, k));
    }
    if (reasons) {
        alm_buffer_printf(out, ",%s,%s", one->kind ? one->kind->name : "",
                          alm_forecast_reason_text(one->reason));
    }
    alm_buffer_text(out, "\n");
}

static alm_err write_csv(const alm_forecast_file *file, bool reasons, const alm_forecast_sink *sink,
                         alm_buffer *buffer, alm_error *error)
{
    alm_buffer_printf(buffer, "unique_id,ds,%s", file->column);
    for (size_t k = 0; k < 2 * file->made.plan.level_count; k++) {
        alm_buffer_printf(buffer, ",%s", file->bounds[k]);
    }
    alm_buffer_text(buffer, reasons ? ",method,reason\n" : "\n");
    for (size_t i = 0; i < file->made.input.count; i++) {
        for (size_t h = 0; h < file->made.plan.steps; h++) {
            put_row(file, i, h, reasons, buffer);
        }
        ALM_TRY(give(sink, buffer, FLUSH_BYTES, error));
    }
    return give(sink, buffer, 0, error);
}

alm_err alm_forecast_file_csv(const alm_forecast_file *file, bool reasons,
                              const alm_forecast_sink *sink, alm_error *error)
{
    alm_buffer buffer = {0};
    alm_err code = write_csv(file, reasons, sink, &buffer, error);
    alm_buffer_deinit(&buffer);
    return code;
}

/* ---- JSON ---- */

static void put_time(alm_json_writer *json, const char *key, const alm_long_series *in,
                     int64_t time)
{
    char text[ALM_INSTANT_TEXT_BYTES];
    if (in->style.form == ALM_TIME_INDEX) {
        alm_json_put_i64(json, key, time);
        return;
    }
    alm_time_write(&in->style, time, text);
    alm_json_put_text(json, key, text);
}

static void put_input(alm_json_writer *json, const alm_forecast_made *made)
{
    static const char *const SHAPE[] = {"long", "column_per_series", "column_per_time"};
    char text[ALM_FREQUENCY_TEXT_BYTES];
    const alm_long_series *in = &made->input;
    alm_json_put_text(json, "file", made->name);
    alm_json_key(json, "columns");
    alm_json_open_object(json);
    alm_json_key(json, "id");
    if (in->facts.id.size > 0) {
        alm_json_str(json, in->facts.id);
    } else {
        alm_json_null(json);
    }
    alm_json_put_str(json, "time", in->facts.time);
    alm_json_put_str(json, "value", in->facts.value);
    alm_json_put_text(json, "shape", SHAPE[in->facts.wide]);
    alm_json_put_str(json, "unused", in->facts.unused);
    alm_json_close_object(json);
    alm_json_put_i64(json, "rows", (int64_t)in->facts.rows);
    alm_json_put_i64(json, "periods", (int64_t)in->facts.periods);
    alm_json_put_i64(json, "gaps", (int64_t)in->facts.gaps);
    alm_json_put_bool(json, "zero_gaps", made->zero_gaps);
    alm_json_put_i64(json, "empty", (int64_t)in->facts.empty);
    if (in->facts.sold_out.size > 0) {
        alm_json_put_str(json, "sold_out_column", in->facts.sold_out);
        alm_json_put_i64(json, "sold_out", (int64_t)in->facts.sold_out_periods);
        alm_json_put_text(json, "sold_out_as",
                          made->plan.kind == &alm_count ? "bounds" : "missing");
    }
    put_time(json, "first", in, in->facts.first);
    put_time(json, "last", in, in->facts.last);
    alm_frequency_code(&in->frequency, text);
    alm_json_put_text(json, "frequency", text);
    alm_frequency_text(&in->frequency, text);
    alm_json_put_text(json, "frequency_text", text);
}

/* The shortest, and all of them with the number of series that have them. */
static void put_seasons(alm_json_writer *json, const alm_forecast_made *made)
{
    const alm_forecast_plan *plan = &made->plan;
    alm_json_put_i64(json, "season", (int64_t)plan->season);
    if (plan->season_count < 2) {
        return;
    }
    alm_json_key(json, "seasons");
    alm_json_open_array(json);
    for (size_t i = 0; i < plan->season_count; i++) {
        size_t lacking = alm_forecast_season_lacking(made, i);
        alm_json_open_object(json);
        alm_json_put_i64(json, "steps", (int64_t)plan->seasons[i]);
        alm_json_put_i64(json, "series", (int64_t)(made->input.count - lacking));
        alm_json_close_object(json);
    }
    alm_json_close_array(json);
}

static void put_learned(alm_json_writer *json, const alm_forecast_made *made)
{
    static const char *const GROUPS[] = {"regular", "intermittent"};
    if (made->plan.kind != &alm_learned) {
        return;
    }
    alm_json_key(json, "learned");
    alm_json_open_array(json);
    for (int group = 0; group < ALM_SELECTOR_GROUP_COUNT; group++) {
        alm_json_open_object(json);
        alm_json_put_text(json, "demand", GROUPS[group]);
        alm_json_put_i64(json, "series", (int64_t)made->learned.series[group]);
        alm_json_put_i64(json, "origins", (int64_t)made->learned.rows[group]);
        alm_json_put_bool(json, "learned", made->learned.is_learned[group]);
        alm_json_put_bool(json, "learned_for_check", made->learned_before.is_learned[group]);
        alm_json_close_object(json);
    }
    alm_json_close_array(json);
}

static void put_plan(alm_json_writer *json, const alm_forecast_made *made)
{
    const alm_forecast_plan *plan = &made->plan;
    put_seasons(json, made);
    alm_json_put_i64(json, "horizon", (int64_t)plan->steps);
    alm_json_put_text(json, "method", plan->kind->name);
    put_learned(json, made);
    alm_json_key(json, "levels");
    alm_json_open_array(json);
    for (size_t k = 0; k < plan->level_count; k++) {
        alm_json_double(json, floor(plan->level[k] * 1e6 + .5) / 1e4);
    }
    alm_json_close_array(json);
    alm_json_put_text(json, "intervals", plan->calibrated ? "calibrated" : "model");
    alm_json_put_i64(json, "paths", (int64_t)plan->paths);
    alm_json_put_i64(json, "seed", (int64_t)plan->seed);
}

/* What is known of regressors; the effects are those of each series. */
static void put_regressors(alm_json_writer *json, const alm_forecast_made *made)
{
    const alm_regressor_table *table = made->input.regressors;
    if (!table) {
        return;
    }
    alm_json_key(json, "regressors");
    alm_json_open_array(json);
    for (size_t i = 0; i < table->column_count; i++) {
        const alm_regressor_column *column = &table->column[i];
        alm_json_open_object(json);
        alm_json_put_str(json, "column", column->name);
        alm_json_put_text(json, "kind", column->is_holidays   ? "holidays"
                                        : column->is_category ? "indicators" : "number");
        alm_json_put_text(json, "known", column->is_observed ? "observed" : "in_advance");
        alm_json_put_i64(json, "lag", column->is_observed ? (int64_t)table->steps : 0);
        if (column->is_category && !column->is_holidays) {
            alm_json_put_str(json, "usual", column->usual);
        }
        alm_json_key(json, "names");
        alm_json_open_array(json);
        for (size_t k = column->first; k < column->first + column->count; k++) {
            alm_json_text(json, table->names[k]);
        }
        alm_json_close_array(json);
        alm_json_close_object(json);
    }
    alm_json_close_array(json);
}

/* A standard error that is not known is null. */
static void put_effects(alm_json_writer *json, const alm_forecast_made *made, size_t i)
{
    const alm_regressor_table *table = made->input.regressors;
    const alm_effects *effects = &made->set.series[i].effects;
    if (!table || !made->set.series[i].kind) {
        return;
    }
    if (effects->used > 0) {
        alm_buffer errors = {0};
        alm_effect_errors(&errors, effects);
        alm_json_put_str(json, "effects_with", alm_buffer_view(&errors));
        alm_buffer_deinit(&errors);
    }
    alm_json_key(json, "effects");
    alm_json_open_array(json);
    for (size_t k = 0; k < effects->count; k++) {
        const alm_effect *effect = &effects->effect[k];
        alm_json_open_object(json);
        alm_json_put_text(json, "name", table->names[k]);
        alm_json_put_double(json, "coefficient", effect->coefficient);
        alm_json_put_double(json, "standard_error", effect->deviation);
        alm_json_put_text(json, "reason", alm_effect_reason_text(effect->reason));
        alm_json_close_object(json);
    }
    alm_json_close_array(json);
}

static void put_figures(alm_json_writer *json, const char *key, const alm_forecast_score *score)
{
    alm_json_key(json, key);
    alm_json_open_object(json);
    alm_json_put_double(json, "mase", alm_forecast_mase(score));
    alm_json_put_double(json, "wape", alm_forecast_wape(score));
    alm_json_put_double(json, "smape", alm_forecast_smape(score));
    alm_json_close_object(json);
}

/* null where nothing could be checked. */
static void put_check(alm_json_writer *json, const alm_forecast_made *made)
{
    const alm_forecast_score *score = &made->set.score;
    alm_json_key(json, "check");
    if (made->set.checked == 0) {
        alm_json_null(json);
        return;
    }
    alm_json_open_object(json);
    alm_json_put_i64(json, "series", (int64_t)made->set.checked);
    alm_json_put_i64(json, "windows", (int64_t)score->windows);
    put_figures(json, "forecast", score);
    put_figures(json, "seasonal_naive", &made->set.naive);
    alm_json_key(json, "coverage");
    alm_json_open_array(json);
    for (size_t k = 0; k < made->plan.level_count; k++) {
        alm_json_open_object(json);
        alm_json_put_double(json, "level", floor(made->plan.level[k] * 1e6 + .5) / 1e4);
        alm_json_put_double(json, "measured", 100 * alm_forecast_coverage(score, k));
        alm_json_put_i64(json, "values", (int64_t)score->interval_pairs[k]);
        alm_json_put_bool(json, "calibrated", made->set.level_calibrated[k]);
        alm_json_put_double(json, "model", 100 * alm_forecast_coverage(&made->set.model, k));
        alm_json_close_object(json);
    }
    alm_json_close_array(json);
    alm_json_close_object(json);
}

static void put_forecasts(alm_json_writer *json, const alm_forecast_file *file, size_t i)
{
    alm_json_key(json, "forecast");
    alm_json_open_array(json);
    for (size_t h = 0; h < file->made.plan.steps; h++) {
        alm_json_open_object(json);
        put_time(json, "ds", &file->made.input, alm_forecast_file_time(file, i, h));
        alm_json_put_double(json, file->column, file->made.set.series[i].mean[h]);
        for (size_t k = 0; k < 2 * file->made.plan.level_count; k++) {
            alm_json_put_double(json, file->bounds[k], alm_forecast_file_bound(file, i, h, k));
        }
        alm_json_close_object(json);
    }
    alm_json_close_array(json);
}

/* What an automatic forecast is made of. */
static void put_choice(alm_json_writer *json, const alm_choice_facts *choice)
{
    if (choice->count == 0) {
        return;
    }
    if (choice->is_of_class) {
        alm_json_put_text(json, "demand", alm_demand_class_name(choice->class_of_demand));
    }
    alm_json_key(json, "choice");
    alm_json_open_array(json);
    for (size_t i = 0; i < choice->count; i++) {
        alm_json_open_object(json);
        alm_json_put_text(json, "method", choice->member[i].name);
        alm_json_put_double(json, "weight", choice->member[i].weight);
        alm_json_put_text(json, "reason", alm_choice_reason_name(choice->member[i].reason));
        if (!isnan(choice->member[i].error)) {
            alm_json_put_double(json, "error", choice->member[i].error);
        }
        alm_json_close_object(json);
    }
    alm_json_close_array(json);
}

static void put_series(alm_json_writer *json, const alm_forecast_file *file, size_t i)
{
    const alm_long_one *one = &file->made.input.series[i];
    const alm_series_forecast *made = &file->made.set.series[i];
    alm_json_open_object(json);
    alm_json_put_str(json, "unique_id", one->id);
    alm_json_put_i64(json, "periods", (int64_t)one->count);
    alm_json_put_i64(json, "known", (int64_t)one->known);
    alm_json_key(json, "method");
    if (made->kind) {
        alm_json_text(json, made->kind->name);
    } else {
        alm_json_null(json);
    }
    alm_json_put_text(json, "reason", alm_forecast_reason_text(made->reason));
    put_choice(json, &made->choice);
    put_effects(json, &file->made, i);
    alm_json_put_text(json, "intervals", alm_forecast_spread_text(made->spread));
    alm_json_put_bool(json, "calibrated", made->calibrated);
    alm_json_put_text(json, "support", alm_support_text(made->support));
    alm_json_put_double(json, "mase", alm_forecast_mase(&made->score));
    alm_json_put_double(json, "seasonal_naive_mase", alm_forecast_mase(&made->naive));
    put_forecasts(json, file, i);
    alm_json_close_object(json);
}

alm_err alm_forecast_file_json(const alm_forecast_file *file, alm_buffer *buffer,
                               const alm_forecast_sink *sink, alm_error *error)
{
    alm_json_writer json = alm_json_writer_on(buffer);
    alm_json_open_object(&json);
    put_input(&json, &file->made);
    put_plan(&json, &file->made);
    put_regressors(&json, &file->made);
    put_check(&json, &file->made);
    alm_json_key(&json, "series");
    alm_json_open_array(&json);
    for (size_t i = 0; i < file->made.input.count; i++) {
        put_series(&json, file, i);
        ALM_TRY(give(sink, buffer, FLUSH_BYTES, error));
    }
    alm_json_close_array(&json);
    alm_json_close_object(&json);
    alm_buffer_text(buffer, "\n");
    return give(sink, buffer, 0, error);
}

/* ---- into a file ---- */

typedef struct destination {
    alm_fs *fs;
    const alm_forecast_file *file;
    const char *path; /* the name that it will have, for messages */
    bool reasons;
} destination;

static alm_err write_csv_file(void *context, const char *temporary, alm_error *error)
{
    const destination *to = context;
    alm_text_file file;
    alm_err code = alm_text_file_create(to->fs, temporary, &file, error);
    if (code == ALM_OK) {
        alm_forecast_sink sink = {alm_text_file_write, &file};
        code = alm_text_file_close(
            &file, alm_forecast_file_csv(to->file, to->reasons, &sink, error), error);
    }
    return code == ALM_OK ? code : alm_error_wrap(error, code, "writing %s", to->path);
}

static alm_err write_parquet_file(void *context, const char *temporary, alm_error *error)
{
    const destination *to = context;
    alm_err code = almi_forecast_parquet_write(to->file, temporary, to->reasons, error);
    return code == ALM_OK ? code : alm_error_wrap(error, code, "writing %s", to->path);
}

alm_err alm_forecast_file_write(const alm_env *env, const alm_forecast_file *file,
                                const char *path, bool reasons, alm_error *error)
{
    size_t size = strlen(path), ending = sizeof PARQUET - 1;
    bool parquet = size > ending && strcmp(path + size - ending, PARQUET) == 0;
    destination to = {env->fs, file, path, reasons};
    return alm_whole_file_write(env->fs, path, parquet ? write_parquet_file : write_csv_file, &to,
                                error);
}
