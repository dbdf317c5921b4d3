/* cmd_models_compare.c: the candidate's backtest beside the incumbent's, or, without one, beside
 * the baselines of its own report; the comparison is recorded in the ledger. Promotion asks for it.
 */
#include <math.h>
#include <stddef.h>
#include <string.h>

#include "app/compare_record.h"
#include "app/metrics_view.h"
#include "app/signal_view.h"

static const almi_option options[] = {
    {"against", "RELEASE", "the incumbent, or an alias (default: production if it is set)"},
    {"why", "TEXT", "a note for the ledger (default: what it was compared with)"},
    {"who", "NAME", "who does this (default: git's user, else $USER)"},
    {"dry-run", NULL, "compare, record nothing"},
};

#define DEFAULT_ALIAS "production"

typedef struct comparison {
    almi_cli *cli;
    alm_release candidate;
    alm_release incumbent;
    bool has_incumbent;
    almi_metric_row *rows; /* of the candidate's report */
    size_t row_count;
    almi_metric_row *incumbent_rows;
    size_t incumbent_count;
    almi_grid *grid;
    size_t better, worse; /* pairs of (level, metric) that were compared */
} comparison;

static const almi_grid_column columns[] = {
    {.key = "level", .title = "LEVEL"},
    {.key = "metric", .title = "METRIC"},
    {.key = "candidate", .title = "CANDIDATE", .decimals = 4, .right = true},
    {.key = "other", .title = "OTHER", .decimals = 4, .right = true},
    {.key = "change_percent", .title = "CHANGE %", .decimals = 1, .right = true},
    {.key = "against", .title = "AGAINST", .shrink = true},
    {.key = "verdict", .title = "VERDICT"},
};

/* What is compared: smaller is better. Bias is better near zero; coverage has no direction, so it
 * is not here. */
typedef struct measure {
    const char *name;
    size_t offset; /* of a double in almi_metric_row */
    bool absolute;
} measure;

#define MEASURE(field) {#field, offsetof(almi_metric_row, field), false}
static const measure measures[] = {
    MEASURE(wape),       MEASURE(rmsse),      MEASURE(mase),
    MEASURE(rmse),       MEASURE(mae),        MEASURE(pinball_50),
    MEASURE(pinball_90), MEASURE(pinball_95), {"|bias|", offsetof(almi_metric_row, bias), true},
};
#define MEASURES (sizeof measures / sizeof measures[0])

static double value_of(const almi_metric_row *row, const measure *m)
{
    double value = NAN;
    memcpy(&value, (const char *)row + m->offset, sizeof value);
    return m->absolute ? fabs(value) : value;
}

static void add_row(comparison *c, const almi_metric_row *mine, const almi_metric_row *other,
                    alm_str against)
{
    for (size_t m = 0; m < MEASURES; m++) {
        double candidate = value_of(mine, &measures[m]);
        double theirs = value_of(other, &measures[m]);
        if (!isfinite(candidate) || !isfinite(theirs)) {
            continue;
        }
        almi_grid_str(c->grid, mine->level);
        almi_grid_text(c->grid, measures[m].name);
        almi_grid_double(c->grid, candidate);
        almi_grid_double(c->grid, theirs);
        almi_grid_double(c->grid, theirs > 0 ? 100.0 * (candidate - theirs) / theirs : (double)NAN);
        almi_grid_str(c->grid, against);
        c->better += candidate < theirs;
        c->worse += candidate > theirs;
        almi_grid_text(c->grid, candidate == theirs  ? "same"
                                : candidate < theirs ? "better"
                                                     : "worse");
    }
}

static alm_err load_rows(comparison *c, const alm_release *release, almi_metric_row **rows,
                         size_t *count, alm_error *error)
{
    alm_training_run run;
    ALM_TRY(
        alm_registry_training_run_of(c->cli->registry, release->name, c->cli->arena, &run, error));
    return almi_metrics_read(run.report, c->cli->arena, rows, count, error);
}

static alm_err find_sides(comparison *c, alm_error *error)
{
    almi_cli *cli = c->cli;
    const char *against = almi_option_text(cli, "against");
    alm_str name = alm_str_of(against ? against : DEFAULT_ALIAS);
    alm_err found = alm_registry_resolve(cli->registry, name, cli->arena, &c->incumbent,
                                         against ? error : NULL);
    if (found != ALM_OK && (against || found != ALM_ERR_NOT_FOUND)) {
        return found == ALM_ERR_NOT_FOUND || against
                   ? found
                   : alm_fail(error, found, "resolving " DEFAULT_ALIAS);
    }
    c->has_incumbent = found == ALM_OK;
    if (c->has_incumbent && alm_str_equal(c->incumbent.name, c->candidate.name)) {
        return alm_fail(error, ALM_ERR_INVALID,
                        ALM_STR_FMT " would be compared with itself; name "
                                    "another release with --against",
                        ALM_STR_ARG(c->candidate.name));
    }
    ALM_TRY(load_rows(c, &c->candidate, &c->rows, &c->row_count, error));
    return c->has_incumbent
               ? load_rows(c, &c->incumbent, &c->incumbent_rows, &c->incumbent_count, error)
               : ALM_OK;
}

static void compare(comparison *c)
{
    const almi_metric_row *others = c->has_incumbent ? c->incumbent_rows : c->rows;
    size_t other_count = c->has_incumbent ? c->incumbent_count : c->row_count;
    for (size_t i = 0; i < c->row_count; i++) {
        for (size_t k = 0; c->rows[i].is_release && k < other_count; k++) {
            bool wanted = c->has_incumbent ? others[k].is_release : others[k].is_baseline;
            if (wanted && alm_str_equal(others[k].level, c->rows[i].level)) {
                add_row(c, &c->rows[i], &others[k],
                        c->has_incumbent ? c->incumbent.name : others[k].method);
            }
        }
    }
}

/* ---- beside the baselines: a column for each ---- */

#define BASELINES_MAX 16

typedef struct baselines {
    alm_str names[BASELINES_MAX];
    size_t count;
} baselines;

static const almi_metric_row *find_row(const comparison *c, alm_str level, alm_str method)
{
    for (size_t i = 0; i < c->row_count; i++) {
        if (alm_str_equal(c->rows[i].level, level) && alm_str_equal(c->rows[i].method, method)) {
            return &c->rows[i];
        }
    }
    return NULL;
}

static baselines list_baselines(const comparison *c)
{
    baselines all = {.count = 0};
    for (size_t i = 0; i < c->row_count; i++) {
        bool known = !c->rows[i].is_baseline;
        for (size_t b = 0; b < all.count; b++) {
            known = known || alm_str_equal(all.names[b], c->rows[i].method);
        }
        if (!known && all.count < BASELINES_MAX) {
            all.names[all.count++] = c->rows[i].method;
        }
    }
    return all;
}

static almi_grid *baseline_grid(const comparison *c, const baselines *all)
{
    alm_arena *arena = c->cli->arena;
    size_t count = 4 + all->count;
    almi_grid_column *titles = ALM_NEW_ARRAY(arena, almi_grid_column, count);
    titles[0] = (almi_grid_column){.key = "level", .title = "LEVEL"};
    titles[1] = (almi_grid_column){.key = "metric", .title = "METRIC"};
    titles[2] =
        (almi_grid_column){.key = "candidate", .title = "CANDIDATE", .decimals = 3, .right = true};
    for (size_t b = 0; b < all->count; b++) {
        const char *name = alm_arena_copy_text(arena, all->names[b].data, all->names[b].size);
        titles[3 + b] = (almi_grid_column){
            .key = name, .title = name, .decimals = 3, .right = true, .optional = true};
    }
    titles[count - 1] = (almi_grid_column){
        .key = "best_percent", .title = "% OF BEST", .decimals = 1, .right = true};
    return almi_grid_create(arena, titles, count);
}

static void add_baseline_row(const comparison *c, const almi_metric_row *mine, const measure *m,
                             const baselines *all, almi_grid *grid)
{
    double best = INFINITY;
    double candidate = value_of(mine, m);
    almi_grid_str(grid, mine->level);
    almi_grid_text(grid, m->name);
    almi_grid_double(grid, candidate);
    for (size_t b = 0; b < all->count; b++) {
        const almi_metric_row *row = find_row(c, mine->level, all->names[b]);
        double value = row ? value_of(row, m) : (double)NAN;
        best = value < best ? value : best;
        almi_grid_double(grid, value);
    }
    almi_grid_double(grid, best > 0 ? 100.0 * candidate / best : (double)NAN);
}

static void print_baselines(comparison *c)
{
    baselines all = list_baselines(c);
    almi_grid *grid = baseline_grid(c, &all);
    for (size_t i = 0; i < c->row_count; i++) {
        for (size_t m = 0; c->rows[i].is_release && m < MEASURES; m++) {
            if (isfinite(value_of(&c->rows[i], &measures[m]))) {
                add_baseline_row(c, &c->rows[i], &measures[m], &all, grid);
            }
        }
    }
    almi_grid_print(grid, &c->cli->term, &c->cli->out);
}

static void show(comparison *c, const almi_comparison *record, int64_t seq)
{
    almi_cli *cli = c->cli;
    if (cli->json) {
        almi_comparison_write(cli, record, seq);
    } else if (!cli->quiet) {
        if (c->has_incumbent) {
            almi_grid_print(c->grid, &cli->term, &cli->out);
        } else {
            print_baselines(c);
        }
        almi_comparison_conclude(cli, record, seq);
    }
}

static alm_err run(almi_cli *cli, alm_error *error)
{
    comparison c = {.cli = cli,
                    .grid =
                        almi_grid_create(cli->arena, columns, sizeof columns / sizeof columns[0])};
    ALM_TRY(almi_open_state(cli, error));
    ALM_TRY(alm_registry_resolve(cli->registry, alm_str_of(cli->argument[0]), cli->arena,
                                 &c.candidate, error));
    if (c.candidate.origin == ALM_RELEASE_IMPORTED) {
        return almi_compare_imported(cli, &c.candidate, error);
    }
    bool is_signal = false;
    alm_signal_figures figures;
    ALM_TRY(almi_signal_of_release(cli, &c.candidate, &is_signal, &figures, error));
    if (is_signal) {
        return almi_compare_signals(cli, &c.candidate, &figures, error);
    }
    ALM_TRY(find_sides(&c, error));
    compare(&c);
    if (almi_grid_rows(c.grid) == 0) {
        return alm_fail(error, ALM_ERR_INVALID,
                        "the reports of " ALM_STR_FMT " and its incumbent have no level in common",
                        ALM_STR_ARG(c.candidate.name));
    }
    almi_comparison record = {.candidate = c.candidate.name,
                              .against =
                                  c.has_incumbent ? c.incumbent.name : ALM_STR("baselines"),
                              .better = c.better,
                              .worse = c.worse,
                              .grid = c.grid};
    int64_t seq = 0;
    ALM_TRY(almi_comparison_record(cli, &record, &seq, error));
    show(&c, &record, seq);
    return ALM_OK;
}

const almi_command almi_cmd_models_compare = {
    .name = "models compare",
    .arguments = "RELEASE",
    .arguments_min = 1,
    .arguments_max = 1,
    .summary = "compare a release with the incumbent, and record it",
    .text = "Puts the backtest figures of RELEASE beside those of the incumbent (--against, else "
            "what 'production' points to). Without an incumbent, beside the baselines of its own "
            "backtest: seasonal naive, exponential smoothing and the others. Smaller is better for "
            "every figure. The ledger keeps the whole comparison; promotion needs one. Two "
            "releases were scored on the same days only if their snapshots and backtests agree.\n"
            "Of a signal the figures are those of its test: log loss, Brier score, calibration "
            "error, error rate, per horizon, beside an earlier release of the same signal, or "
            "beside the prior and a logistic baseline. Two were scored on the same bars only "
            "where SAME TEST says so.\n"
            "An imported release has no backtest: its answers are held against its expected "
            "outputs, beside those of --against if that is given and was imported too.",
    .example = "almanac models compare demand-2 --against demand-1",
    ALMI_OPTIONS(options),
    .run = run,
};
