/* cmd_features_compute.c: the feature rows of one series, as a run would compute them. */
#include <math.h>

#include "app/plan_view.h"
#include "app/session.h"
#include "project/panel_source.h"

#define BLOCK_SERIES 256

static const almi_option options[] = {
    {"snapshot", "ID", "the snapshot to compute from; its first digits are enough"},
    {"series", "KEY", "the series: its keys joined by '|'"},
    {"date", "DATE", "first day that is not known any more (default: the snapshot's end)"},
    {"model", "NAME", "the model whose horizon is computed (default: the only one)"},
};

typedef struct computation {
    almi_cli *cli;
    const alm_model_spec *model;
    alm_snapshot snapshot; /* the source reads it */
    alm_panel_source *source;
    alm_feature_plan *plan;
    alm_arena *block; /* of the panel block at hand */
    alm_str series;
    size_t steps;
} computation;

/* The block that holds the series; *index is its place there. */
static alm_err find_series(computation *c, alm_panel *panel, size_t *index, alm_error *error)
{
    for (;;) {
        alm_arena_reset(c->block);
        ALM_TRY(alm_panel_source_next(c->source, c->block, panel, error));
        if (panel->series_count == 0) {
            return alm_fail(error, ALM_ERR_NOT_FOUND,
                            "the snapshot has no series '" ALM_STR_FMT "' (%zu others); a series "
                            "is named by its keys joined by '|'",
                            ALM_STR_ARG(c->series), alm_panel_source_series(c->source));
        }
        for (size_t i = 0; i < panel->series_count; i++) {
            alm_str name = alm_panel_source_node_name(c->source, panel->first_series + i, c->block);
            if (alm_str_equal(name, c->series)) {
                *index = i;
                return ALM_OK;
            }
        }
    }
}

/* One line per step: the day that is forecast, then every feature; a missing value is empty. */
static void write_csv(const computation *c, const alm_panel *panel, const double *values)
{
    alm_buffer *out = &c->cli->out;
    size_t width = alm_feature_plan_width(c->plan);
    alm_buffer_text(out, "target_date");
    for (size_t f = 0; f < width; f++) {
        alm_buffer_printf(out, ",%s", alm_feature_plan_name(c->plan, f));
    }
    alm_buffer_text(out, "\n");
    for (size_t step = 0; step < c->steps; step++) {
        char date[ALM_DATE_TEXT_BYTES];
        alm_date_text(panel->start + (alm_date)(panel->periods + step), date);
        alm_buffer_text(out, date);
        for (size_t f = 0; f < width; f++) {
            double value = values[step * width + f];
            alm_buffer_text(out, ",");
            if (isfinite(value)) {
                alm_buffer_double(out, value);
            }
        }
        alm_buffer_text(out, "\n");
    }
}

static void write_json(const computation *c, const alm_panel *panel, const double *values)
{
    size_t width = alm_feature_plan_width(c->plan);
    alm_json_writer json = alm_json_writer_on(&c->cli->out);
    alm_json_open_object(&json);
    alm_json_put_str(&json, "series", c->series);
    alm_json_key(&json, "rows");
    alm_json_open_array(&json);
    for (size_t step = 0; step < c->steps; step++) {
        char date[ALM_DATE_TEXT_BYTES];
        alm_date_text(panel->start + (alm_date)(panel->periods + step), date);
        alm_json_open_object(&json);
        alm_json_put_text(&json, "target_date", date);
        for (size_t f = 0; f < width; f++) {
            alm_json_put_double(&json, alm_feature_plan_name(c->plan, f),
                                values[step * width + f]);
        }
        alm_json_close_object(&json);
    }
    alm_json_close_array(&json);
    alm_json_close_object(&json);
    alm_buffer_text(&c->cli->out, "\n");
}

static alm_err compute(computation *c, alm_error *error)
{
    alm_panel panel;
    size_t index = 0;
    ALM_TRY(find_series(c, &panel, &index, error));
    /* Later rows of a recursive model are made from its own forecasts. */
    size_t steps = c->steps = c->model->recursive ? 1 : (size_t)c->model->horizon;
    size_t width = alm_feature_plan_width(c->plan);
    alm_feature_row *rows = ALM_NEW_ARRAY(c->cli->arena, alm_feature_row, steps);
    for (size_t s = 0; s < steps; s++) {
        /* Scale 1: values in units of the column, before a model divides them by the scale. */
        rows[s] = (alm_feature_row){(uint32_t)panel.periods - 1, (uint32_t)s + 1, 1.0};
    }
    double *values = ALM_NEW_ARRAY(c->cli->arena, double, steps * width);
    ALM_TRY(alm_feature_rows(c->plan, &panel, index, rows, steps, values, width, c->block, error));
    if (c->cli->json) {
        write_json(c, &panel, values);
    } else {
        write_csv(c, &panel, values);
    }
    return ALM_OK;
}

static alm_err open_source(computation *c, alm_error *error)
{
    almi_cli *cli = c->cli;
    alm_panel_options panel = {.start = ALM_DATE_NONE,
                               .end = ALM_DATE_NONE,
                               .membership_date = ALM_DATE_NONE,
                               .future = c->model->horizon,
                               .block_series = BLOCK_SERIES};
    ALM_TRY(almi_option_date(cli, "date", &panel.end, error));
    ALM_TRY(almi_require_snapshot(cli, &c->snapshot, error));
    ALM_TRY(alm_panel_source_open(&cli->env, cli->project, cli->objects, &c->snapshot, &panel,
                                  &c->source, error));
    return alm_project_plan(cli->project, c->model, alm_panel_source_schema(c->source), &c->plan,
                            error);
}

static alm_err run(almi_cli *cli, alm_error *error)
{
    computation c = {.cli = cli};
    ALM_TRY(almi_option_require(cli, "series", &c.series, error));
    ALM_TRY(almi_open_project(cli, error));
    ALM_TRY(almi_find_model(cli, almi_option_text(cli, "model"), &c.model, error));
    c.block = alm_arena_create(0);
    alm_err code = open_source(&c, error);
    if (code == ALM_OK) {
        code = compute(&c, error);
    }
    alm_feature_plan_destroy(c.plan);
    alm_panel_source_close(c.source);
    alm_arena_destroy(c.block);
    return code;
}

const almi_command almi_cmd_features_compute = {
    .name = "features compute",
    .summary = "print the feature rows of one series as CSV",
    .text = "Computes every feature of one series from a snapshot, with what was known before "
            "--date, one row per day of the horizon. The operators are those of training and runs. "
            "Scaled features are shown in units, before the division by the series' scale. Of a "
            "recursive model there is one row: the others are made from its own forecasts.",
    .example = "almanac features compute --snapshot cfdeed25 --series '22423|United_Kingdom'",
    ALMI_OPTIONS(options),
    .run = run,
};
