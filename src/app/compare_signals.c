/* compare_signals.c: a signal's figures on its test beside the incumbent's, or, without one, beside
 * the prior and the logistic baseline of its own report. */
#include <string.h>

#include "app/compare_record.h"
#include "app/signal_view.h"

#define DEFAULT_ALIAS "production"

static const almi_grid_column columns[] = {
    {.key = "horizon", .title = "HORIZON", .right = true},
    {.key = "metric", .title = "METRIC"},
    {.key = "candidate", .title = "CANDIDATE", .decimals = 4, .right = true},
    {.key = "other", .title = "OTHER", .decimals = 4, .right = true},
    {.key = "change_percent", .title = "CHANGE %", .decimals = 1, .right = true},
    {.key = "against", .title = "AGAINST", .shrink = true},
    {.key = "verdict", .title = "VERDICT"},
    {.key = "same_test", .title = "SAME TEST"},
};

typedef struct sides {
    almi_cli *cli;
    const alm_release *candidate;
    const alm_signal_figures *mine;
    alm_release incumbent;
    alm_signal_figures theirs;
    bool has_incumbent;
    almi_grid *grid;
    size_t better, worse;
} sides;

/* Named, it must be a signal. Else what `production` points to, if that is an earlier release of
 * this signal: another signal answers another question. */
static alm_err find_incumbent(sides *s, alm_error *error)
{
    almi_cli *cli = s->cli;
    const char *against = almi_option_text(cli, "against");
    alm_str name = alm_str_of(against ? against : DEFAULT_ALIAS);
    alm_error why = {0};
    alm_err found = alm_registry_resolve(cli->registry, name, cli->arena, &s->incumbent, &why);
    if (found != ALM_OK && (against || found != ALM_ERR_NOT_FOUND)) {
        return alm_fail(error, found, "%s", why.message);
    }
    if (found != ALM_OK) {
        return ALM_OK;
    }
    bool is_signal = false;
    ALM_TRY(almi_signal_of_release(cli, &s->incumbent, &is_signal, &s->theirs, error));
    if (against && !is_signal) {
        return alm_fail(error, ALM_ERR_INVALID, ALM_STR_FMT " is no signal that was trained here: "
                        "it has no figures that " ALM_STR_FMT " could be compared with",
                        ALM_STR_ARG(s->incumbent.name), ALM_STR_ARG(s->candidate->name));
    }
    s->has_incumbent =
        is_signal && (against || alm_str_equal(s->incumbent.model, s->candidate->model));
    if (s->has_incumbent && alm_str_equal(s->incumbent.name, s->candidate->name)) {
        return alm_fail(error, ALM_ERR_INVALID, ALM_STR_FMT " would be compared with itself; name "
                        "another release with --against", ALM_STR_ARG(s->candidate->name));
    }
    return ALM_OK;
}

/* Smaller is better. */
static void add(sides *s, const char *metric, double mine, double theirs)
{
    almi_grid_text(s->grid, metric);
    almi_grid_double(s->grid, mine);
    almi_grid_double(s->grid, theirs);
    almi_grid_double(s->grid, theirs > 0 ? 100.0 * (mine - theirs) / theirs : 0);
    s->better += mine < theirs;
    s->worse += mine > theirs;
}

static void add_scores(sides *s, int32_t bars, const alm_signal_score *mine,
                       const alm_signal_score *theirs, alm_str against, bool same_test)
{
    const struct {
        const char *metric;
        double mine, theirs;
    } figures[] = {{"log loss", mine->log_loss, theirs->log_loss},
                   {"Brier", mine->brier, theirs->brier},
                   {"ECE", mine->ece, theirs->ece},
                   {"error rate", 1 - mine->accuracy, 1 - theirs->accuracy}};
    for (size_t i = 0; i < sizeof figures / sizeof figures[0]; i++) {
        almi_grid_i64(s->grid, bars);
        add(s, figures[i].metric, figures[i].mine, figures[i].theirs);
        almi_grid_str(s->grid, against);
        almi_grid_text(s->grid, figures[i].mine == figures[i].theirs  ? "same"
                                : figures[i].mine < figures[i].theirs ? "better"
                                                                      : "worse");
        almi_grid_bool(s->grid, same_test);
    }
}

static void compare(sides *s)
{
    for (size_t i = 0; i < s->mine->horizon_count; i++) {
        const alm_signal_horizon_figures *mine = &s->mine->horizon[i];
        if (!s->has_incumbent) {
            add_scores(s, mine->bars, &mine->answer, &mine->prior, ALM_STR("prior"), true);
        }
        if (!s->has_incumbent && mine->has_logistic) {
            add_scores(s, mine->bars, &mine->answer, &mine->logistic, ALM_STR("logistic"), true);
        }
        for (size_t k = 0; s->has_incumbent && k < s->theirs.horizon_count; k++) {
            const alm_signal_horizon_figures *theirs = &s->theirs.horizon[k];
            if (theirs->bars == mine->bars) {
                add_scores(s, mine->bars, &mine->answer, &theirs->answer, s->incumbent.name,
                           alm_signal_tests_are_same(s->mine, i, &s->theirs, k));
            }
        }
    }
}

static void print(const sides *s, const almi_comparison *record, int64_t seq)
{
    almi_cli *cli = s->cli;
    almi_grid_print(s->grid, &cli->term, &cli->out);
    for (size_t i = 0; i < s->mine->horizon_count; i++) {
        alm_buffer_printf(&cli->out, "%s" ALM_STR_FMT "\n", i ? "" : "\n",
                          ALM_STR_ARG(s->mine->horizon[i].verdict));
    }
    almi_comparison_conclude(cli, record, seq);
}

alm_err almi_compare_signals(almi_cli *cli, const alm_release *candidate,
                             const alm_signal_figures *figures, alm_error *error)
{
    sides s = {.cli = cli, .candidate = candidate, .mine = figures};
    s.grid = almi_grid_create(cli->arena, columns, sizeof columns / sizeof columns[0]);
    int64_t seq = 0;
    ALM_TRY(find_incumbent(&s, error));
    compare(&s);
    if (almi_grid_rows(s.grid) == 0) {
        return alm_fail(error, ALM_ERR_INVALID, ALM_STR_FMT " and " ALM_STR_FMT " have no horizon "
                        "in common", ALM_STR_ARG(candidate->name), ALM_STR_ARG(s.incumbent.name));
    }
    almi_comparison record = {.candidate = candidate->name,
                              .against = s.has_incumbent ? s.incumbent.name
                                                         : ALM_STR("baselines"),
                              .better = s.better,
                              .worse = s.worse,
                              .grid = s.grid};
    ALM_TRY(almi_comparison_record(cli, &record, &seq, error));
    if (cli->json) {
        almi_comparison_write(cli, &record, seq);
    } else if (!cli->quiet) {
        print(&s, &record, seq);
    }
    return ALM_OK;
}
