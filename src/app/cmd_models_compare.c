/* cmd_models_compare.c: the candidate's backtest beside the incumbent's, or, without one, beside
 * the baselines of its own report; the comparison is recorded in the ledger. Promotion asks for it.
 */
#include <math.h>
#include <string.h>

#include "app/metrics_view.h"
#include "app/session.h"

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

/* One figure, where smaller is better, of two releases or methods. */
typedef struct figure {
    const char *metric;
    double candidate;
    double other;
} figure;

static void add_figure(comparison *c, alm_str level, figure f, alm_str against)
{
    if (!isfinite(f.candidate) || !isfinite(f.other)) {
        return;
    }
    almi_grid_str(c->grid, level);
    almi_grid_text(c->grid, f.metric);
    almi_grid_double(c->grid, f.candidate);
    almi_grid_double(c->grid, f.other);
    almi_grid_double(c->grid,
                     f.other > 0 ? 100.0 * (f.candidate - f.other) / f.other : (double)NAN);
    almi_grid_str(c->grid, against);
    bool same = f.candidate == f.other;
    c->better += f.candidate < f.other;
    c->worse += f.candidate > f.other;
    almi_grid_text(c->grid, same ? "same" : f.candidate < f.other ? "better" : "worse");
}

/* Bias is better near zero; coverage has no direction, so it is not compared. */
static void add_row(comparison *c, const almi_metric_row *mine, const almi_metric_row *other,
                    alm_str against)
{
    const figure figures[] = {
        {"wape", mine->wape, other->wape},
        {"rmsse", mine->rmsse, other->rmsse},
        {"mase", mine->mase, other->mase},
        {"rmse", mine->rmse, other->rmse},
        {"mae", mine->mae, other->mae},
        {"pinball_50", mine->pinball_50, other->pinball_50},
        {"pinball_90", mine->pinball_90, other->pinball_90},
        {"pinball_95", mine->pinball_95, other->pinball_95},
        {"|bias|", fabs(mine->bias), fabs(other->bias)},
    };
    for (size_t i = 0; i < sizeof figures / sizeof figures[0]; i++) {
        add_figure(c, mine->level, figures[i], against);
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
    ALM_TRY(alm_registry_resolve(cli->registry, alm_str_of(cli->argument[0]), cli->arena,
                                 &c->candidate, error));
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

static alm_err record(comparison *c, alm_str against, alm_ledger_entry *out, alm_error *error)
{
    almi_cli *cli = c->cli;
    alm_buffer detail = {0};
    alm_json_writer json = alm_json_writer_on(&detail);
    alm_json_open_object(&json);
    alm_json_put_str(&json, "against", against);
    alm_json_put_i64(&json, "better", (int64_t)c->better);
    alm_json_key(&json, "figures");
    almi_grid_write_rows(c->grid, &json);
    alm_json_put_i64(&json, "worse", (int64_t)c->worse);
    alm_json_close_object(&json);
    const char *why = almi_option_text(cli, "why");
    why = why ? why
              : alm_arena_printf(cli->arena, "compared with " ALM_STR_FMT, ALM_STR_ARG(against));
    alm_ledger_note note = {.action = ALM_LEDGER_COMPARE,
                            .subject = c->candidate.name,
                            .detail = alm_buffer_view(&detail),
                            .when = alm_env_now(&cli->env),
                            .why = alm_str_of(why)};
    alm_err code = alm_buffer_status(&detail, error);
    if (code == ALM_OK) {
        code = almi_who(cli, &note.who, error);
    }
    if (code == ALM_OK) {
        code = alm_ledger_append(cli->registry, &note, cli->arena, out, error);
    }
    alm_buffer_deinit(&detail);
    return code;
}

static void show(comparison *c, alm_str against, int64_t seq)
{
    almi_cli *cli = c->cli;
    if (cli->json) {
        alm_json_writer json = alm_json_writer_on(&cli->out);
        alm_json_open_object(&json);
        alm_json_put_str(&json, "candidate", c->candidate.name);
        alm_json_put_str(&json, "against", against);
        alm_json_put_i64(&json, "better", (int64_t)c->better);
        alm_json_put_i64(&json, "worse", (int64_t)c->worse);
        alm_json_key(&json, "ledger_entry");
        if (seq) {
            alm_json_i64(&json, seq);
        } else {
            alm_json_null(&json);
        }
        alm_json_key(&json, "figures");
        almi_grid_write_rows(c->grid, &json);
        alm_json_close_object(&json);
        alm_buffer_text(&cli->out, "\n");
    } else if (!cli->quiet) {
        almi_grid_print(c->grid, &cli->term, &cli->out);
        alm_buffer_printf(&cli->out,
                          "\n" ALM_STR_FMT " against " ALM_STR_FMT
                          ": %zu figures better, %zu worse%s\n",
                          ALM_STR_ARG(c->candidate.name), ALM_STR_ARG(against), c->better, c->worse,
                          seq ? "; recorded in the ledger" : "; dry run, not recorded");
    }
}

static alm_err run(almi_cli *cli, alm_error *error)
{
    ALM_TRY(almi_open_state(cli, error));
    comparison c = {.cli = cli,
                    .grid =
                        almi_grid_create(cli->arena, columns, sizeof columns / sizeof columns[0])};
    ALM_TRY(find_sides(&c, error));
    compare(&c);
    if (almi_grid_rows(c.grid) == 0) {
        return alm_fail(error, ALM_ERR_INVALID,
                        "the reports of " ALM_STR_FMT " and its incumbent have no level in common",
                        ALM_STR_ARG(c.candidate.name));
    }
    alm_str against = c.has_incumbent ? c.incumbent.name : ALM_STR("baselines");
    alm_ledger_entry entry = {.seq = 0};
    if (!almi_option_flag(cli, "dry-run")) {
        ALM_TRY(record(&c, against, &entry, error));
    }
    show(&c, against, entry.seq);
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
            "releases were scored on the same days only if their snapshots and backtests agree.",
    .example = "almanac models compare demand-2 --against demand-1",
    ALMI_OPTIONS(options),
    .run = run,
};
