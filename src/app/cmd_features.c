#include <math.h>
#include <string.h>

#include "app/plan_view.h"
#include "app/session.h"

static const almi_option options[] = {
    {"model", "NAME", "the model whose horizon decides what is legal (default: the only one)"},
};

static const almi_grid_column columns[] = {
    {.key = "name", .title = "FEATURE", .shrink = true},
    {.key = "op", .title = "OPERATOR"},
    {.key = "revision", .title = "REV", .right = true},
    {.key = "class", .title = "CLASS"},
    {.key = "column", .title = "COLUMN", .shrink = true},
    {.key = "reads", .title = "READS"},
    {.key = "window", .title = "WINDOW", .right = true},
    {.key = "season", .title = "SEASON", .right = true},
    {.key = "alpha", .title = "ALPHA", .right = true, .decimals = 3},
    {.key = "level", .title = "LEVEL", .right = true, .decimals = 3, .optional = true},
    {.key = "scaled", .title = "SCALED"},
};

static const almi_grid_column panel_columns[] = {
    {.key = "name", .title = "COLUMN", .shrink = true},
    {.key = "source", .title = "SOURCE"},
    {.key = "known", .title = "KNOWN"},
    {.key = "delay_days", .title = "DELAY", .right = true},
    {.key = "optional", .title = "OPTIONAL"},
};

typedef struct operator_facts {
    const char *name;
    int revision;
    const char *class;
} operator_facts;

static const operator_facts operators[] = {
#define OPERATOR_FACTS(name, revision, class) {#name, revision, #class},
    ALM_FEATURE_OP_MAP(OPERATOR_FACTS)
#undef OPERATOR_FACTS
};

static void put_positive(almi_grid *grid, int32_t value)
{
    if (value > 0) {
        almi_grid_i64(grid, value);
    } else {
        almi_grid_none(grid);
    }
}

static void add_feature(almi_cli *cli, const alm_feature_spec *spec, almi_grid *grid)
{
    const operator_facts *facts = &operators[spec->op];
    almi_grid_text(grid, spec->name);
    almi_grid_text(grid, facts->name);
    almi_grid_i64(grid, facts->revision);
    almi_grid_text(grid, strcmp(facts->class, "FINITE") == 0 ? "finite" : "anchored");
    almi_grid_text(grid, spec->column);
    almi_grid_text(grid, spec->column
                             ? alm_arena_printf(cli->arena, "%s %d",
                                                spec->anchor == ALM_ANCHOR_LAG ? "lag" : "age",
                                                spec->offset)
                             : NULL);
    put_positive(grid, spec->window);
    put_positive(grid, spec->season);
    almi_grid_double(grid, spec->alpha > 0 ? spec->alpha : (double)NAN);
    almi_grid_double(grid, spec->level > 0 ? spec->level : (double)NAN);
    almi_grid_bool(grid, spec->scaled);
}

/* What the features read beside static attributes, and when it is known. */
static almi_grid *panel_grid(almi_cli *cli)
{
    const alm_series_spec *series = &cli->project->series;
    const alm_source *own = alm_project_source(cli->project, series->source);
    almi_grid *grid = almi_grid_create(cli->arena, panel_columns,
                                       sizeof panel_columns / sizeof panel_columns[0]);
    almi_grid_str(grid, series->target);
    almi_grid_str(grid, series->source);
    almi_grid_text(grid, "observed");
    almi_grid_i64(grid, own ? own->publication_delay : 0);
    almi_grid_none(grid);
    for (size_t c = 0; c < series->column_count; c++) {
        const alm_series_column *column = &series->columns[c];
        almi_grid_str(grid, column->name);
        almi_grid_str(grid, column->source);
        almi_grid_text(grid, column->known ? "in advance" : "observed");
        almi_grid_i64(grid, column->delay);
        if (column->known) {
            almi_grid_bool(grid, column->is_optional);
        } else {
            almi_grid_none(grid);
        }
    }
    return grid;
}

/* ---- of bars ---- */

static const almi_grid_column bar_columns[] = {
    {.key = "name", .title = "COLUMN", .shrink = true},
    {.key = "class", .title = "CLASS"},
    {.key = "warmup_bars", .title = "WARM-UP", .right = true},
};

static alm_err run_bars(almi_cli *cli, alm_error *error)
{
    alm_bars_plan *plan = NULL;
    char version[ALM_DIGEST_TEXT_BYTES];
    ALM_TRY(alm_project_bars_plan(cli->project, &plan, error));
    alm_digest_text(alm_bars_plan_version(plan), version);
    size_t lookback = alm_bars_plan_lookback(plan);
    almi_grid *grid =
        almi_grid_create(cli->arena, bar_columns, sizeof bar_columns / sizeof bar_columns[0]);
    for (size_t i = 0; i < alm_bars_plan_width(plan); i++) {
        almi_grid_text(grid, alm_bars_plan_name(plan, i));
        almi_grid_text(grid, alm_bars_plan_is_anchored(plan, i) ? "anchored" : "finite");
        almi_grid_i64(grid, (int64_t)alm_bars_plan_warmup(plan, i));
    }
    alm_bars_plan_destroy(plan);
    if (!cli->json) {
        almi_show_rows(cli, grid, "features", "no features");
        alm_buffer_printf(&cli->out, "\nfeature version  %s\nlook-back        %zu bars of the "
                          "finite ones\n", version, lookback);
        return ALM_OK;
    }
    alm_json_writer json = alm_json_writer_on(&cli->out);
    alm_json_open_object(&json);
    alm_json_put_text(&json, "feature_version", version);
    alm_json_put_i64(&json, "lookback_bars", (int64_t)lookback);
    alm_json_key(&json, "features");
    almi_grid_write_rows(grid, &json);
    alm_json_close_object(&json);
    alm_buffer_text(&cli->out, "\n");
    return ALM_OK;
}

/* ---- of a model ---- */

static alm_err run(almi_cli *cli, alm_error *error)
{
    ALM_TRY(almi_open_project(cli, error));
    if (cli->project->bars.source.size) {
        return run_bars(cli, error);
    }
    const alm_model_spec *model = NULL;
    ALM_TRY(almi_find_model(cli, almi_option_text(cli, "model"), &model, error));
    alm_feature_plan *plan = NULL;
    ALM_TRY(almi_compile_plan(cli, model, &plan, error));
    char version[ALM_DIGEST_TEXT_BYTES];
    alm_digest_text(alm_feature_plan_version(plan), version);
    size_t lookback = alm_feature_plan_lookback(plan);
    alm_feature_plan_destroy(plan);
    almi_grid *grid = almi_grid_create(cli->arena, columns, sizeof columns / sizeof columns[0]);
    for (size_t f = 0; f < cli->project->feature_count; f++) {
        add_feature(cli, &cli->project->features[f], grid);
    }
    if (!cli->json) {
        almi_show_rows(cli, grid, "features", "no features");
        alm_buffer_printf(&cli->out,
                          "\nfeature version  %s\nlook-back        %zu days\nhorizon          %d "
                          "days of model " ALM_STR_FMT "\n",
                          version, lookback, model->horizon, ALM_STR_ARG(model->name));
        alm_buffer_text(&cli->out, "\n");
        almi_grid_print(panel_grid(cli), &cli->term, &cli->out);
        return ALM_OK;
    }
    alm_json_writer json = alm_json_writer_on(&cli->out);
    alm_json_open_object(&json);
    alm_json_put_text(&json, "feature_version", version);
    alm_json_put_str(&json, "model", model->name);
    alm_json_put_i64(&json, "lookback_days", (int64_t)lookback);
    alm_json_key(&json, "features");
    almi_grid_write_rows(grid, &json);
    alm_json_key(&json, "columns");
    almi_grid_write_rows(panel_grid(cli), &json);
    alm_json_close_object(&json);
    alm_buffer_text(&cli->out, "\n");
    return ALM_OK;
}

const almi_command almi_cmd_features_list = {
    .name = "features",
    .summary = "list the compiled features, their lags and their version",
    .text = "Compiles the declared features for a model and lists them: the operator and its "
            "revision, the column, how far back it reads (age: days before the newest known "
            "value; lag: days before the day that is forecast), and its window. The feature "
            "version is the hash of all this; it changes when anything of it changes. Below it "
            "stand the columns that features may read: known in advance or observed, with the days "
            "that pass until they are known, and whether a day to come may have no value. Of bars: "
            "the columns of the declarations and how many bars each needs first.",
    .example = "almanac features --model demand",
    ALMI_OPTIONS(options),
    .run = run,
};
