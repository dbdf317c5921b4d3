/* compare_imported.c: what an imported release answers, beside what was expected of it. */
#include <math.h>

#include "app/compare_record.h"
#include "batch/imported.h"

static const almi_grid_column columns[] = {
    {.key = "figure", .title = "FIGURE"},
    {.key = "candidate", .title = "CANDIDATE", .decimals = 9, .right = true},
    {.key = "other", .title = "OTHER", .decimals = 9, .right = true, .optional = true},
    {.key = "verdict", .title = "VERDICT", .optional = true},
};

typedef struct sides {
    almi_cli *cli;
    alm_release incumbent;
    bool has_incumbent;
    alm_imported candidate, other;
    alm_expected_check answers, other_answers;
    size_t better, worse;
    almi_grid *grid;
} sides;

/* The model file of a release that was imported. */
static alm_err open_release(almi_cli *cli, const alm_release *release, alm_imported *out,
                            alm_error *error)
{
    alm_err code = alm_imported_open(&cli->env, cli->objects, &release->members[0].bundle,
                                     cli->arena, out, error);
    return code == ALM_OK ? code
                          : alm_error_wrap(error, code, ALM_STR_FMT, ALM_STR_ARG(release->name));
}

static alm_err open_sides(sides *s, const alm_release *candidate, alm_error *error)
{
    almi_cli *cli = s->cli;
    const char *against = almi_option_text(cli, "against");
    ALM_TRY(open_release(cli, candidate, &s->candidate, error));
    s->has_incumbent = against != NULL;
    if (s->has_incumbent) {
        ALM_TRY(alm_registry_resolve(cli->registry, alm_str_of(against), cli->arena,
                                     &s->incumbent, error));
        if (alm_str_equal(s->incumbent.name, candidate->name)) {
            return alm_fail(error, ALM_ERR_INVALID, ALM_STR_FMT " would be compared with itself",
                            ALM_STR_ARG(candidate->name));
        }
        ALM_TRY(open_release(cli, &s->incumbent, &s->other, error));
    }
    if (!s->candidate.has_expected && !s->other.has_expected) {
        return alm_fail(error, ALM_ERR_INVALID, ALM_STR_FMT " has no expected outputs to be "
                        "compared with: import it with --expected FILE, or name an incumbent "
                        "that has them with --against", ALM_STR_ARG(candidate->name));
    }
    return ALM_OK;
}

static alm_err answer(const sides *s, const alm_imported *of, alm_expected_check *out,
                      alm_error *error)
{
    const char *path = s->candidate.has_expected ? s->candidate.expected_path
                                                 : s->other.expected_path;
    alm_expected_request request = {&of->model, path, "the expected outputs",
                                    ALM_IMPORT_TOLERANCE_DEFAULT};
    return alm_expected_compare(&s->cli->env, &request, s->cli->arena, out, error);
}

static double share(uint64_t part, const alm_expected_check *of)
{
    return of->values ? (double)part / (double)of->values : 0;
}

/* Smaller is better. */
static void add(sides *s, const char *figure, double mine, double other)
{
    almi_grid_text(s->grid, figure);
    almi_grid_double(s->grid, mine);
    almi_grid_double(s->grid, s->has_incumbent ? other : (double)NAN);
    s->better += s->has_incumbent && mine < other;
    s->worse += s->has_incumbent && mine > other;
    almi_grid_text(s->grid, !s->has_incumbent ? NULL
                            : mine == other   ? "same"
                            : mine < other    ? "better"
                                              : "worse");
}

static void add_figures(sides *s)
{
    const alm_expected_check *a = &s->answers;
    const alm_expected_check *b = &s->other_answers;
    add(s, "share not equal", share(a->values - a->equal, a), share(b->values - b->equal, b));
    add(s, "share not close", share(a->values - a->close, a), share(b->values - b->close, b));
    add(s, "mean error", a->mean_error, b->mean_error);
    add(s, "largest error", a->largest, b->largest);
}

static alm_err compare(sides *s, const alm_release *candidate, alm_error *error)
{
    almi_cli *cli = s->cli;
    int64_t seq = 0;
    ALM_TRY(open_sides(s, candidate, error));
    ALM_TRY(answer(s, &s->candidate, &s->answers, error));
    if (s->has_incumbent) {
        ALM_TRY(answer(s, &s->other, &s->other_answers, error));
    }
    add_figures(s);
    almi_comparison record = {.candidate = candidate->name,
                              .against = s->has_incumbent ? s->incumbent.name
                                                          : ALM_STR("expected outputs"),
                              .better = s->better,
                              .worse = s->worse,
                              .grid = s->grid};
    ALM_TRY(almi_comparison_record(cli, &record, &seq, error));
    if (cli->json) {
        almi_comparison_write(cli, &record, seq);
    } else if (!cli->quiet) {
        almi_grid_print(s->grid, &cli->term, &cli->out);
        alm_buffer_printf(&cli->out, "\n%llu expected values", (unsigned long long)
                          s->answers.values);
        almi_comparison_conclude(cli, &record, seq);
    }
    return ALM_OK;
}

alm_err almi_compare_imported(almi_cli *cli, const alm_release *candidate, alm_error *error)
{
    sides s = {.cli = cli,
               .grid = almi_grid_create(cli->arena, columns, sizeof columns / sizeof columns[0])};
    alm_err code = compare(&s, candidate, error);
    alm_imported_model_close(&s.candidate.model);
    alm_imported_model_close(&s.other.model);
    return code;
}
