/* signal_train.c: a signal from a snapshot: bars, fit, bundle, release. */
#include "base/build_info.h"
#include "project/bar_source.h"
#include "signal/signal_bundle.h"
#include "train/signal/signal_fit.h"
#include "train/train_internal.h"

typedef struct signal_training {
    const alm_env *env;
    const alm_train_options *options;
    const alm_signal_spec *signal;
    alm_arena *arena;
    alm_str plan; /* canonical JSON of the feature plan */
    alm_digest feature_version;
    alm_str inputs;
} signal_training;

static alm_err keep(const signal_training *t, alm_buffer *text, alm_str *out, alm_error *error)
{
    alm_err code = alm_buffer_status(text, error);
    if (code == ALM_OK) {
        *out = (alm_str){alm_arena_copy_text(t->arena, text->data, text->size), text->size};
    }
    alm_buffer_deinit(text);
    return code;
}

static alm_err compile_plan(signal_training *t, alm_error *error)
{
    alm_bars_plan *plan = NULL;
    alm_buffer text = {0};
    ALM_TRY(alm_project_bars_plan(t->options->project, &plan, error));
    t->feature_version = *alm_bars_plan_version(plan);
    alm_bars_plan_write(plan, &text);
    alm_bars_plan_destroy(plan);
    return keep(t, &text, &t->plan, error);
}

/* ---- inputs: what determines the result, keys sorted ---- */

static void put_bars(alm_json_writer *w, const alm_bars_spec *b)
{
    alm_json_key(w, "bars");
    alm_json_open_object(w);
    alm_json_put_str(w, "close", b->close);
    alm_json_put_str(w, "high", b->high);
    alm_json_put_str(w, "low", b->low);
    alm_json_put_str(w, "open", b->open);
    alm_json_put_str(w, "source", b->source);
    alm_json_put_str(w, "symbol", b->symbol);
    alm_json_put_str(w, "volume", b->volume);
    alm_json_close_object(w);
}

static void put_trees(alm_json_writer *w, const alm_signal_member_spec *m)
{
    alm_json_put_double(w, "bagging_fraction", m->bagging_fraction);
    alm_json_put_i64(w, "bins_max", m->bins_max);
    alm_json_put_i64(w, "depth", m->depth);
    alm_json_put_double(w, "feature_fraction", m->feature_fraction);
    alm_json_put_double(w, "lambda_l2", m->lambda_l2);
    alm_json_put_i64(w, "leaf_rows_min", m->leaf_rows_min);
    alm_json_put_i64(w, "leaves", m->leaves);
    alm_json_put_i64(w, "trees", m->trees);
}

static void put_net(alm_json_writer *w, const alm_signal_member_spec *m)
{
    alm_json_put_i64(w, "batch", m->batch);
    alm_json_put_double(w, "dropout", m->dropout);
    alm_json_put_i64(w, "epochs", m->epochs);
    alm_json_put_i64(w, "layers", m->layers);
    alm_json_put_i64(w, "patience", m->patience);
    alm_json_put_i64(w, "steps", m->steps);
    alm_json_put_i64(w, "units", m->units);
    alm_json_put_double(w, "weight_decay", m->weight_decay);
}

static bool is_tree(const alm_signal_member_spec *m)
{
    return m->learner == ALM_SIGNAL_LIGHTGBM || m->learner == ALM_SIGNAL_XGBOOST;
}

static void put_member(alm_json_writer *w, const alm_signal_member_spec *m)
{
    static const char *const LEARNERS[] = {"lightgbm", "xgboost", "lstm", "gru", "tcn"};
    alm_json_open_object(w);
    alm_json_key(w, "features");
    alm_json_open_array(w);
    for (size_t i = 0; i < m->feature_count; i++) {
        alm_json_str(w, m->features[i]);
    }
    alm_json_close_array(w);
    alm_json_put_text(w, "learner", LEARNERS[m->learner]);
    alm_json_put_double(w, "learning_rate", m->learning_rate);
    alm_json_put_str(w, "name", m->name);
    alm_json_key(w, "parameters");
    alm_json_open_object(w);
    if (is_tree(m)) {
        put_trees(w, m);
    } else {
        put_net(w, m);
    }
    alm_json_close_object(w);
    alm_json_close_object(w);
}

static void put_signal(alm_json_writer *w, const alm_signal_spec *s)
{
    static const char *const LABELS[] = {"triple_barrier", "threshold"};
    static const char *const CALIBRATIONS[] = {"none", "isotonic", "platt", "beta", "temperature"};
    static const char *const COMBINATIONS[] = {"one", "soft_vote", "hard_vote", "stacked"};
    alm_json_key(w, "signal");
    alm_json_open_object(w);
    alm_json_put_text(w, "calibration", CALIBRATIONS[s->calibration]);
    alm_json_put_text(w, "combination", COMBINATIONS[s->combination]);
    alm_json_put_i64(w, "embargo", s->embargo);
    alm_json_put_i64(w, "folds", s->folds);
    alm_json_key(w, "horizons");
    alm_json_open_array(w);
    for (size_t i = 0; i < s->horizon_count; i++) {
        alm_json_i64(w, s->horizon[i]);
    }
    alm_json_close_array(w);
    alm_json_put_text(w, "label", LABELS[s->label]);
    alm_json_put_double(w, "loss", s->loss);
    alm_json_key(w, "members");
    alm_json_open_array(w);
    for (size_t i = 0; i < s->member_count; i++) {
        put_member(w, &s->members[i]);
    }
    alm_json_close_array(w);
    alm_json_put_str(w, "name", s->name);
    alm_json_put_double(w, "profit", s->profit);
    alm_json_put_str(w, "scale", s->scale);
    alm_json_put_i64(w, "seed", (int64_t)s->seed);
    alm_json_put_double(w, "stacker_l2", s->stacker_l2);
    alm_json_put_double(w, "test_share", s->test_share);
    alm_json_close_object(w);
}

static bool has_learner(const alm_signal_spec *s, alm_signal_learner learner)
{
    for (size_t i = 0; i < s->member_count; i++) {
        if (s->members[i].learner == learner) {
            return true;
        }
    }
    return false;
}

/* Only the libraries that have a part in it. */
static void put_libraries(alm_json_writer *w, const alm_signal_spec *s)
{
    alm_json_key(w, "libraries");
    alm_json_open_object(w);
    if (has_learner(s, ALM_SIGNAL_LIGHTGBM)) {
        alm_json_put_text(w, "lightgbm", ALM_LIGHTGBM_DIGEST);
    }
    if (has_learner(s, ALM_SIGNAL_XGBOOST)) {
        alm_json_put_text(w, "xgboost", ALM_XGBOOST_DIGEST);
    }
    alm_json_close_object(w);
}

static alm_err write_inputs(signal_training *t, alm_error *error)
{
    const alm_train_options *o = t->options;
    char version[ALM_DIGEST_TEXT_BYTES];
    char date[ALM_DATE_TEXT_BYTES];
    alm_buffer text = {0};
    alm_json_writer w = alm_json_writer_on(&text);
    alm_digest_text(&t->feature_version, version);
    alm_json_open_object(&w);
    put_bars(&w, &o->project->bars);
    alm_json_put_text(&w, "engine_source", ALM_ENGINE_SOURCE_DIGEST);
    alm_json_put_text(&w, "engine_version", ALM_ENGINE_VERSION);
    alm_json_put_bool(&w, "experimental", o->experimental);
    alm_json_put_text(&w, "feature_version", version);
    put_libraries(&w, t->signal);
    alm_json_put_str(&w, "project_commit", o->project_commit);
    put_signal(&w, t->signal);
    alm_json_put_str(&w, "snapshot_id", o->snapshot->id);
    alm_json_key(&w, "window");
    alm_json_open_array(&w);
    alm_date_text(o->snapshot->start, date);
    alm_json_text(&w, date);
    alm_date_text(o->snapshot->end, date);
    alm_json_text(&w, date);
    alm_json_close_array(&w);
    alm_json_close_object(&w);
    return keep(t, &text, &t->inputs, error);
}

/* ---- fit and keep ---- */

static alm_err fit(signal_training *t, alm_signal_result *out, alm_error *error)
{
    const alm_train_options *o = t->options;
    alm_bar_request request = {o->project, o->objects, o->snapshot};
    alm_bar_set set;
    alm_arena *bars = alm_arena_create(0);
    alm_err code = alm_bar_source_read(t->env, &request, bars, &set, error);
    if (code == ALM_OK) {
        alm_signal_symbol *symbols = ALM_NEW_ARRAY(bars, alm_signal_symbol, set.series_count);
        for (size_t i = 0; i < set.series_count; i++) {
            symbols[i] = (alm_signal_symbol){set.series[i].symbol, set.series[i].bars,
                                             set.series[i].count};
        }
        alm_signal_data data = {&o->project->bars, symbols, set.series_count};
        code = alm_signal_fit(t->env, t->signal, &data, t->arena, out, error);
    }
    alm_arena_destroy(bars);
    return code;
}

static alm_err train(signal_training *t, alm_train_result *out, alm_error *error)
{
    const alm_train_options *o = t->options;
    alm_signal_result fitted;
    ALM_TRY(compile_plan(t, error));
    ALM_TRY(write_inputs(t, error));
    ALM_TRY(fit(t, &fitted, error));
    alm_digest run_id = alm_hash_bytes(t->inputs.data, t->inputs.size);
    *out = (alm_train_result){.training_run_id = alm_digest_str(&run_id, t->arena),
                              .report = fitted.report};
    if (o->backtest_only) {
        return ALM_OK;
    }
    alm_signal_bundle bundle = {.signal = t->signal->name,
                                .training_run_id = out->training_run_id,
                                .inputs = t->inputs,
                                .feature_version = alm_digest_str(&t->feature_version, t->arena),
                                .snapshot_id = o->snapshot->id,
                                .file = fitted.file,
                                .file_count = fitted.file_count,
                                .report = fitted.report};
    almi_training_record record = {.name = t->signal->name,
                                   .feature_version = t->feature_version,
                                   .plan = t->plan,
                                   .inputs = t->inputs,
                                   .report = fitted.report,
                                   .run_id = run_id};
    ALM_TRY(alm_signal_bundle_save(o->objects, &bundle, &record.bundle, error));
    out->bundle_hash = alm_digest_str(&record.bundle, t->arena);
    return o->unregistered ? ALM_OK
                           : almi_training_register(t->env, o, &record, t->arena, out, error);
}

alm_err almi_signal_train(const alm_env *env, const alm_train_options *options, alm_arena *arena,
                          alm_train_result *out, alm_error *error)
{
    signal_training t = {.env = env, .options = options, .signal = options->signal,
                         .arena = arena};
    alm_train_result result = {0};
    alm_err code = train(&t, &result, error);
    if (code == ALM_OK) {
        *out = result;
    }
    return code;
}
