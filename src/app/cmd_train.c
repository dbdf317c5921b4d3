/* cmd_train.c: train and backtest; the work is alm_train's. */
#include <string.h>
#include <unistd.h>

#include "app/interrupt.h"
#include "app/metrics_view.h"
#include "app/parse.h"
#include "app/plan_view.h"
#include "app/session.h"
#include "app/signal_view.h"
#include "base/build_info.h"
#include "model/baseline.h"
#include "model/statistical/forecaster_kinds.h"
#include "pipeline/series/series_forecast.h"
#include "project/git.h"
#include "report/backtest_page.h"
#include "train/backtest/checkpoint.h"
#include "train/global/global_kind.h"
#include "train/train.h"

#define SNAPSHOT {"snapshot", "ID", "the snapshot to learn from; its first digits are enough"}
#define WHO {"who", "NAME", "who does this (default: git's user, else $USER)"}

static const almi_option train_options[] = {
    SNAPSHOT,
    {"experimental", NULL, "allow uncommitted changes; such a release can never be promoted"},
    {"why", "TEXT", "the reason, for the ledger (default: 'training')"},
    WHO,
};
static const almi_option backtest_options[] = {
    SNAPSHOT,
    {"beside", "KINDS", "further forecasters as rows, with commas: auto,theta,lstm,gbm_local"},
    {"origins", "N", "how many origins are scored (default: the model's backtest.origins)"},
    {"stride", "DAYS", "days between origins (default: backtest.origin_step)"},
    {"gap", "DAYS", "days before each origin of which nothing is known yet (default: 0)"},
    {"refit", "WHEN", "fit the model anew: every origin, once, or each so many origins: 3 "
                      "(default: backtest.refit_every)"},
    {"restart", NULL, "measure everything anew, also what an earlier start has kept"},
    {"no-resume", NULL, "keep nothing of this start, take over nothing"},
    {"reconcile", "METHODS", "the published forecast under other methods of reconciliation as "
     "further rows, with commas: ols,mint_shrink"},
    {"html", "FILE", "also as a page for a browser, with the errors of each step and the ranks"},
};

/* The path of the running program, kept as an object so that a rebuild after years is possible. */
static const char *engine_path(almi_cli *cli)
{
    char *path = alm_arena_alloc(cli->arena, 4096);
    ssize_t size = readlink("/proc/self/exe", path, 4095);
    return size > 0 ? path : NULL;
}

/* The project, and the model or signal that is meant. */
static alm_err open_subject(almi_cli *cli, alm_train_options *options, alm_error *error)
{
    ALM_TRY(almi_open_project(cli, error));
    const char *name = cli->argument_count ? cli->argument[0] : NULL;
    return cli->project->bars.source.size
               ? almi_find_signal(cli, name, &options->signal, error)
               : almi_find_model(cli, name, &options->model, error);
}

static alm_err train(almi_cli *cli, alm_train_options *options, alm_train_result *out,
                     alm_error *error)
{
    alm_snapshot *snapshot = ALM_NEW(cli->arena, alm_snapshot);
    ALM_TRY(almi_require_snapshot(cli, snapshot, error));
    if (!options->experimental && !options->backtest_only) {
        ALM_TRY(alm_git_require_clean(cli->project->directory, cli->arena, &options->project_commit,
                                      error));
    }
    options->project = cli->project;
    options->snapshot = snapshot;
    options->objects = cli->objects;
    options->registry = cli->registry;
    return alm_train(&cli->env, options, cli->arena, out, error);
}

static const almi_grid_column columns[] = {
    {.key = "release", .title = "release"},       {.key = "existed", .title = NULL},
    {.key = "bundle", .title = "bundle"},         {.key = "training_run", .title = "training run"},
    {.key = "commit", .title = "project commit"}, {.key = "experimental", .title = "experimental"},
    {.key = "snapshot", .title = "snapshot"},
};

static alm_err show(almi_cli *cli, const alm_train_options *options, const alm_train_result *result,
                    alm_error *error)
{
    if (cli->quiet && !cli->json) {
        alm_buffer_str(&cli->out, result->release);
        alm_buffer_text(&cli->out, "\n");
        return ALM_OK;
    }
    almi_grid *grid = almi_grid_create(cli->arena, columns, sizeof columns / sizeof columns[0]);
    almi_grid_optional(grid, result->release);
    almi_grid_bool(grid, result->existed);
    almi_grid_optional(grid, result->bundle_hash);
    almi_grid_optional(grid, result->training_run_id);
    almi_grid_optional(grid, options->project_commit);
    almi_grid_bool(grid, options->experimental);
    almi_grid_optional(grid, options->snapshot->id);
    if (!cli->json && result->existed) {
        /* Whoever wants its figures again asks 'models show'. */
        alm_buffer_printf(&cli->out, "this bundle is " ALM_STR_FMT " already (%.12s): the same "
                          "snapshot, definition and code; nothing was registered\n",
                          ALM_STR_ARG(result->release), result->bundle_hash.data);
        return ALM_OK;
    }
    if (!cli->json) {
        almi_grid_print_facts(grid, &cli->term, &cli->out);
        return almi_print_report(cli, result->report, error);
    }
    alm_json_writer json = alm_json_writer_on(&cli->out);
    alm_json_open_object(&json);
    almi_grid_write_facts(grid, &json);
    almi_put_raw_json(&json, "report", result->report);
    alm_json_close_object(&json);
    alm_buffer_text(&cli->out, "\n");
    return ALM_OK;
}

static alm_err run_train(almi_cli *cli, alm_error *error)
{
    const char *why = almi_option_text(cli, "why");
    alm_train_options options = {.experimental = almi_option_flag(cli, "experimental"),
                                 .engine_path = engine_path(cli),
                                 .why = why ? alm_str_of(why) : ALM_STR("training")};
    ALM_TRY(open_subject(cli, &options, error));
    ALM_TRY(almi_who(cli, &options.who, error));
    alm_train_result result;
    ALM_TRY(train(cli, &options, &result, error));
    return show(cli, &options, &result, error);
}

static alm_err refuse_kind(almi_cli *cli, alm_str name, alm_error *error)
{
    size_t count = 0;
    const alm_forecaster_kind *const *kinds = alm_forecaster_kinds(&count);
    size_t global_count = 0;
    const alm_global_kind *const *global = alm_global_kinds(&global_count);
    const char **names = ALM_NEW_ARRAY(cli->arena, const char *, count + global_count);
    const char *all = "";
    for (size_t k = 0; k < count + global_count; k++) {
        names[k] = k < count ? kinds[k]->name : global[k - count]->name;
        all = alm_arena_printf(cli->arena, "%s%s%s", all, k ? ", " : "", names[k]);
    }
    const char *text = alm_arena_copy_text(cli->arena, name.data, name.size);
    return alm_fail(error, ALM_ERR_USAGE, "--beside: there is no '%s'%s; there are %s", text,
                    almi_suggestion(cli->arena, "", text, names, count + global_count), all);
}

static bool is_baseline(alm_str name)
{
    for (int b = 0; b < ALM_BASELINE_COUNT; b++) {
        if (alm_str_is(name, alm_baseline_name((alm_baseline)b))) {
            return true;
        }
    }
    return false;
}

static const alm_global_kind *global_kind(alm_str name)
{
    size_t count = 0;
    const alm_global_kind *const *kinds = alm_global_kinds(&count);
    for (size_t k = 0; k < count; k++) {
        if (alm_str_is(name, kinds[k]->name)) {
            return kinds[k];
        }
    }
    return NULL;
}

/* Names with commas between them. */
static alm_err read_beside(almi_cli *cli, alm_train_options *options, alm_error *error)
{
    const char *text = almi_option_text(cli, "beside");
    alm_str rest = alm_str_of(text ? text : "");
    const alm_forecaster_kind **kinds =
        ALM_NEW_ARRAY(cli->arena, const alm_forecaster_kind *, rest.size + 1);
    const alm_global_kind **global =
        ALM_NEW_ARRAY(cli->arena, const alm_global_kind *, rest.size + 1);
    options->beside = kinds;
    options->global = global;
    while (rest.size > 0) {
        alm_str name = alm_str_split(&rest, ',');
        global[options->global_count] = global_kind(name);
        if (global[options->global_count]) {
            options->global_count++;
            continue;
        }
        kinds[options->beside_count] = alm_forecast_kind(name);
        if (!kinds[options->beside_count++]) {
            return refuse_kind(cli, name, error);
        }
        if (is_baseline(name)) {
            return alm_fail(error, ALM_ERR_USAGE, "--beside: " ALM_STR_FMT " is a baseline and in "
                            "the table already", ALM_STR_ARG(name));
        }
    }
    return ALM_OK;
}

/* A whole number in [least, most] or what is there. */
static alm_err read_count(const almi_cli *cli, const char *name, int32_t least, int32_t most,
                          int32_t *out, alm_error *error)
{
    int64_t value = *out;
    ALM_TRY(almi_option_i64(cli, name, &value, error));
    if (almi_option_text(cli, name) && (value < least || value > most)) {
        return alm_fail(error, ALM_ERR_USAGE, "--%s takes %d to %d, not %lld", name, (int)least,
                        (int)most, (long long)value);
    }
    *out = (int32_t)value;
    return ALM_OK;
}

static alm_err read_refit(const almi_cli *cli, int32_t *out, alm_error *error)
{
    const char *text = almi_option_text(cli, "refit");
    int64_t value = 0;
    alm_str given = alm_str_of(text);
    if (!text) {
        return ALM_OK;
    }
    if (alm_str_is(given, "every") || alm_str_is(given, "once")) {
        *out = alm_str_is(given, "every");
        return ALM_OK;
    }
    if (!alm_str_to_i64(given, &value) || value < 1 || value > 1000) {
        return alm_fail(error, ALM_ERR_USAGE, "--refit takes every, once, or a number of origins "
                        "from 1 to 1000, not '%s'", text);
    }
    *out = (int32_t)value;
    return ALM_OK;
}

/* What the command line says otherwise than the project, of a copy of the model. */
static alm_err read_origins(almi_cli *cli, alm_train_options *options, alm_error *error)
{
    alm_model_spec *model = ALM_NEW(cli->arena, alm_model_spec);
    *model = *options->model;
    alm_backtest_spec *b = &model->backtest;
    ALM_TRY(read_count(cli, "origins", 1, 1000, &b->origins, error));
    ALM_TRY(read_count(cli, "stride", 1, 400, &b->origin_step, error));
    ALM_TRY(read_count(cli, "gap", 0, 400, &options->gap, error));
    ALM_TRY(read_refit(cli, &b->refit_every, error));
    options->restart = almi_option_flag(cli, "restart");
    bool keeps = !almi_option_flag(cli, "no-resume");
    if (options->restart && !keeps) {
        return alm_fail(error, ALM_ERR_USAGE, "--restart and --no-resume: the first keeps what it "
                        "measures, the second keeps nothing; give one");
    }
    options->keep = keeps ? almi_state_path(cli, "backtest") : NULL;
    options->model = model;
    return ALM_OK;
}

/* A signal is fitted and tested once, over folds that the project declares. */
static alm_err refuse_options(const almi_cli *cli, alm_error *error)
{
    for (size_t i = 0; i < sizeof backtest_options / sizeof backtest_options[0]; i++) {
        const char *name = backtest_options[i].name;
        if (strcmp(name, "snapshot") != 0 && almi_option_text(cli, name)) {
            return alm_fail(error, ALM_ERR_USAGE, "--%s is for models of demand; the test of a "
                            "signal follows from its section in almanac.yaml", name);
        }
    }
    return ALM_OK;
}

static alm_err write_page(almi_cli *cli, alm_str report, alm_error *error)
{
    const char *path = almi_option_text(cli, "html");
    alm_backtest_page_input input = {cli->project->name, ALM_STR("almanac " ALM_ENGINE_VERSION),
                                     report};
    alm_buffer page = {0};
    if (!path) {
        return ALM_OK;
    }
    alm_err code = alm_backtest_page_render(&input, &page, error);
    if (code == ALM_OK) {
        code = alm_fs_write_all(cli->env.fs, path, alm_buffer_view(&page), error);
    }
    alm_buffer_deinit(&page);
    return code;
}

/* What is kept is removed only when the result is out. */
static alm_err tell_backtest(almi_cli *cli, const alm_train_result *result, alm_error *error)
{
    ALM_TRY(write_page(cli, result->report, error));
    if (cli->json) {
        alm_buffer_str(&cli->out, result->report);
        alm_buffer_text(&cli->out, "\n");
    } else {
        ALM_TRY(almi_print_report(cli, result->report, error));
    }
    ALM_TRY(almi_flush(cli, error));
    if (result->damaged > 0) {
        almi_note(cli, "%zu kept steps of an earlier start were damaged and made anew",
                  result->damaged);
    }
    alm_checkpoint_remove(&cli->env, result->kept);
    return ALM_OK;
}

static alm_err refuse_method(almi_cli *cli, alm_str name, alm_error *error)
{
    const char *names[ALM_RECONCILING_COUNT];
    const char *all = "";
    for (int k = 0; k < ALM_RECONCILING_COUNT; k++) {
        names[k] = alm_reconciling_name((alm_reconciling)k);
        all = alm_arena_printf(cli->arena, "%s%s%s", all, k ? ", " : "", names[k]);
    }
    const char *text = alm_arena_copy_text(cli->arena, name.data, name.size);
    return alm_fail(error, ALM_ERR_USAGE, "--reconcile: there is no '%s'%s; there are %s", text,
                    almi_suggestion(cli->arena, "", text, names, ALM_RECONCILING_COUNT), all);
}

/* Names with commas between them. */
static alm_err read_reconcile(almi_cli *cli, alm_train_options *options, alm_error *error)
{
    const char *text = almi_option_text(cli, "reconcile");
    alm_str rest = alm_str_of(text ? text : "");
    alm_reconciling *list = ALM_NEW_ARRAY(cli->arena, alm_reconciling, rest.size + 1);
    if (rest.size == 0) {
        return ALM_OK;
    }
    ALM_TRY(almi_open_project(cli, error));
    if (cli->project->level_count == 0) {
        return alm_fail(error, ALM_ERR_USAGE, "--reconcile: the project has no `hierarchy`, so "
                        "there is nothing to reconcile");
    }
    while (rest.size > 0) {
        alm_str name = alm_str_split(&rest, ',');
        int k = 0;
        while (k < ALM_RECONCILING_COUNT &&
               !alm_str_is(name, alm_reconciling_name((alm_reconciling)k))) {
            k++;
        }
        if (k == ALM_RECONCILING_COUNT) {
            return refuse_method(cli, name, error);
        }
        list[options->reconcile_count++] = (alm_reconciling)k;
    }
    options->reconcile = list;
    return ALM_OK;
}

static alm_err run_backtest(almi_cli *cli, alm_error *error)
{
    alm_train_options options = {.backtest_only = true, .experimental = true};
    alm_train_result result;
    ALM_TRY(open_subject(cli, &options, error));
    if (options.signal) {
        ALM_TRY(refuse_options(cli, error));
    } else {
        ALM_TRY(read_beside(cli, &options, error));
        ALM_TRY(read_reconcile(cli, &options, error));
        ALM_TRY(read_origins(cli, &options, error));
    }
    ALM_TRY(almi_check_output(cli, almi_option_text(cli, "html"), error));
    if (options.keep) {
        almi_interrupt_say("the same command goes on with what .almanac/backtest has kept");
    }
    ALM_TRY(train(cli, &options, &result, error));
    return tell_backtest(cli, &result, error);
}

const almi_command almi_cmd_train = {
    .name = "train",
    .arguments = "[MODEL]",
    .arguments_max = 1,
    .summary = "train a model from a snapshot and register a release",
    .text = "Fits MODEL (default: the only one of the project) on the named snapshot, scores it on "
            "rolling origins beside the baselines, and registers the bundle as the next release. "
            "The project folder must be committed and unchanged, because the commit is part of the "
            "record. The same inputs give the same bundle: then the release that is there is named "
            "again.\n"
            "In a project of bars MODEL is a signal: it is fitted on all but the newest bars and "
            "scored on those, beside the prior and a logistic regression.",
    .example = "almanac train demand --snapshot 3f9a2c --why 'weekly retraining'",
    ALMI_OPTIONS(train_options),
    .run = run_train,
};

const almi_command almi_cmd_backtest = {
    .name = "backtest",
    .arguments = "[MODEL]",
    .arguments_max = 1,
    .summary = "score a model on rolling origins, register nothing",
    .text = "The backtest of 'almanac train' alone: each origin sees only what was known then. "
            "Prints every level beside the baselines and the forecasters of --beside, and whether "
            "the published forecast is better than the best of them by more than chance. Those of "
            "one series alone (auto, theta, ets, ...) are fitted anew at every origin; those that "
            "learn from all series (lstm, gru, tcn, gbm_global, gbm_local) as often as the model "
            "is, which takes from seconds to minutes each. With --reconcile also what the "
            "published forecast would be if another method made it add up (`reconcile` of the "
            "model), at every level. With --json and --html also every step and every class. Of a "
            "signal: the fit and its test.\n"
            "Each step is kept in the project's .almanac/backtest until the result is out, so the "
            "same command goes on after Ctrl-C, a kill or a power cut, with the same result. "
            "Whatever else is asked, of other data, by another engine or project file, begins "
            "anew; what nobody went on with for a week is removed.",
    .example = "almanac backtest demand --snapshot 3f9a2c --beside auto,lstm,gbm_local\n"
               "almanac backtest demand --snapshot 3f9a2c --origins 12 --stride 7 --refit once",
    ALMI_OPTIONS(backtest_options),
    .tells_progress = true,
    .run = run_backtest,
};
