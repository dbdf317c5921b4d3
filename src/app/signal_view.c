#include "app/signal_view.h"

#include <string.h>

alm_err almi_find_signal(almi_cli *cli, const char *name, const alm_signal_spec **out,
                         alm_error *error)
{
    const alm_project *project = cli->project;
    if (!name && project->signal_count == 1) {
        *out = &project->signals[0];
        return ALM_OK;
    }
    const alm_signal_spec *signal = name ? alm_project_signal(project, alm_str_of(name)) : NULL;
    if (signal) {
        *out = signal;
        return ALM_OK;
    }
    const char *all = "";
    for (size_t i = 0; i < project->signal_count; i++) {
        all = alm_arena_printf(cli->arena, "%s%s" ALM_STR_FMT, all, i ? ", " : "",
                               ALM_STR_ARG(project->signals[i].name));
    }
    if (project->signal_count == 0) {
        return alm_fail(error, ALM_ERR_NOT_FOUND, "almanac.yaml has no signals");
    }
    return name ? alm_fail(error, ALM_ERR_NOT_FOUND,
                           "almanac.yaml has no signal '%s'; it has: %s", name, all)
                : alm_fail(error, ALM_ERR_USAGE, "name the signal, one of: %s", all);
}

/* ---- the report ---- */

static const almi_grid_column columns[] = {
    {.key = "horizon", .title = "HORIZON", .right = true},
    {.key = "predictor", .title = "PREDICTOR"},
    {.key = "log_loss", .title = "LOG LOSS", .decimals = 4, .right = true},
    {.key = "brier", .title = "BRIER", .decimals = 4, .right = true},
    {.key = "ece", .title = "ECE", .decimals = 4, .right = true},
    {.key = "accuracy", .title = "ACCURACY", .decimals = 3, .right = true},
    {.key = "samples", .title = "TEST", .right = true},
};

static void add_score(almi_grid *grid, const alm_signal_horizon_figures *h,
                      const alm_signal_score *score)
{
    almi_grid_i64(grid, h->bars);
    almi_grid_str(grid, score->name);
    almi_grid_double(grid, score->log_loss);
    almi_grid_double(grid, score->brier);
    almi_grid_double(grid, score->ece);
    almi_grid_double(grid, score->accuracy);
    almi_grid_i64(grid, h->test.samples);
}

alm_err almi_print_signal(almi_cli *cli, alm_str report, alm_error *error)
{
    alm_signal_figures figures;
    ALM_TRY(alm_signal_figures_read(report, cli->arena, &figures, error));
    almi_grid *grid = almi_grid_create(cli->arena, columns, sizeof columns / sizeof columns[0]);
    for (size_t i = 0; i < figures.horizon_count; i++) {
        const alm_signal_horizon_figures *h = &figures.horizon[i];
        add_score(grid, h, &h->answer);
        for (size_t m = 0; m < h->member_count; m++) {
            add_score(grid, h, &h->member[m]);
        }
        if (h->has_logistic) {
            add_score(grid, h, &h->logistic);
        }
        add_score(grid, h, &h->prior);
    }
    alm_buffer_printf(&cli->out, "\ntest from %.10s on, which nothing learned from\n",
                      figures.cut.data);
    almi_grid_print(grid, &cli->term, &cli->out);
    alm_buffer_text(&cli->out, "\n");
    for (size_t i = 0; i < figures.horizon_count; i++) {
        alm_buffer_printf(&cli->out, ALM_STR_FMT "\n", ALM_STR_ARG(figures.horizon[i].verdict));
    }
    return ALM_OK;
}

alm_err almi_signal_of_release(almi_cli *cli, const alm_release *release, bool *is_signal,
                               alm_signal_figures *out, alm_error *error)
{
    alm_training_run run;
    *is_signal = false;
    if (!release->has_training_run) {
        return ALM_OK;
    }
    ALM_TRY(alm_registry_training_run_of(cli->registry, release->name, cli->arena, &run, error));
    if (!alm_signal_figures_are(run.report)) {
        return ALM_OK;
    }
    ALM_TRY(alm_signal_figures_read(run.report, cli->arena, out, error));
    *is_signal = true;
    return ALM_OK;
}
