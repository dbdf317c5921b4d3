#include "batch/predict_explain.h"

struct almi_predict_explain {
    alm_arena *arena;
    const alm_str *names;
    size_t name_count;
    /* of a model */
    alm_forest_explain *forest;
    alm_forest_explain_scratch *scratch;
    /* of a scorer */
    alm_scorer_binding *binding;
    alm_scorer_scratch *scorer_scratch;
    alm_scorer_explainer *scorer;
};

bool almi_predict_explains(const alm_predict_options *options)
{
    return options->contributions || options->interactions;
}

/* ---- what goes together ---- */

static alm_err check_scorer(const alm_predict_options *o, alm_error *error)
{
    const alm_scorer_info *info = alm_scorer_describe(o->scorer);
    if (o->background || o->interactions) {
        return alm_fail(error, ALM_ERR_INVALID, "%s is for a model file: of a scorer there are "
                        "the --contributions of each member",
                        o->background ? "--background" : "--interactions");
    }
    if (o->contributions && info->bars.data) {
        return alm_fail(error, ALM_ERR_UNSUPPORTED, ALM_STR_FMT " takes bars, and its members are "
                        "explained on the columns that it makes of them: these are no rows of a "
                        "file", ALM_STR_ARG(info->name));
    }
    if (o->contributions && info->steps > 0) {
        return alm_fail(error, ALM_ERR_UNSUPPORTED, ALM_STR_FMT " has a net, which is explained "
                        "for windows of %zu steps and not for rows of a file; use it through "
                        "include/almanac.h", ALM_STR_ARG(info->name), info->steps);
    }
    return ALM_OK;
}

alm_err almi_predict_explain_check(const alm_predict_options *o, alm_error *error)
{
    if ((o->strict || o->background) && !o->contributions) {
        return alm_fail(error, ALM_ERR_INVALID, "%s says how contributions are made: ask for "
                        "--contributions too", o->strict ? "--strict" : "--background");
    }
    if (o->strict && o->background) {
        return alm_fail(error, ALM_ERR_INVALID, "--strict or --background, not both: no library's "
                        "own numbers are of a background");
    }
    if (o->interactions && o->contributions) {
        return alm_fail(error, ALM_ERR_INVALID, "--interactions or --contributions, not both: the "
                        "interactions of a column sum to its contribution");
    }
    if (o->background_sample && !o->background) {
        return alm_fail(error, ALM_ERR_INVALID, "--background-sample says how many rows of a "
                        "--background are drawn, and there is none");
    }
    if (o->background_sample > ALM_PREDICT_BACKGROUND_MAX) {
        return alm_fail(error, ALM_ERR_INVALID, "a background has 1 to %d rows, not %zu",
                        ALM_PREDICT_BACKGROUND_MAX, o->background_sample);
    }
    return o->scorer ? check_scorer(o, error) : ALM_OK;
}

/* ---- names ---- */

typedef struct naming {
    alm_arena *arena;
    alm_str *out;
    size_t count;
    const char *middle; /* "", or of which member and output: "light_0_" */
    const char *behind; /* "", or of which output and horizon */
} naming;

static void add(naming *n, const char *text)
{
    n->out[n->count++] = alm_str_of(text);
}

static void name_contributions(naming *n, const alm_str *column, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        add(n, alm_arena_printf(n->arena, "contribution_%s" ALM_STR_FMT "%s", n->middle,
                                ALM_STR_ARG(column[i]), n->behind));
    }
}

static void name_pairs(naming *n, const alm_str *column, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        add(n, alm_arena_printf(n->arena, "interaction_%s" ALM_STR_FMT, n->middle,
                                ALM_STR_ARG(column[i])));
        for (size_t j = i + 1; j < count; j++) {
            add(n, alm_arena_printf(n->arena, "interaction_%s" ALM_STR_FMT "*" ALM_STR_FMT,
                                    n->middle, ALM_STR_ARG(column[i]), ALM_STR_ARG(column[j])));
        }
    }
}

static alm_err allocate_names(almi_predict_explain *e, size_t width, size_t outputs, naming *out,
                              alm_error *error)
{
    if (width > ALMI_EXPLAIN_COLUMNS_MAX || outputs > ALMI_EXPLAIN_COLUMNS_MAX / width) {
        return alm_fail(error, ALM_ERR_LIMIT, "%zu numbers for each of %zu scores explain a row: "
                        "at most %d columns are written", width, outputs,
                        ALMI_EXPLAIN_COLUMNS_MAX);
    }
    *out = (naming){.arena = e->arena, .middle = "", .behind = "",
                    .out = ALM_NEW_ARRAY(e->arena, alm_str, width * outputs)};
    return ALM_OK;
}

static void take_names(almi_predict_explain *e, const naming *n)
{
    e->names = n->out;
    e->name_count = n->count;
}

static alm_err name_model(almi_predict_explain *e, const alm_predict_options *o, alm_error *error)
{
    const alm_model_file_info *info = alm_model_file_describe(o->model);
    size_t outputs = info->forest.output_count, features = info->forest.feature_count;
    naming n;
    ALM_TRY(allocate_names(e, alm_forest_explain_width(e->forest), outputs, &n, error));
    for (size_t k = 0; k < outputs; k++) {
        n.middle = outputs == 1 ? "" : alm_arena_printf(e->arena, "%zu_", k);
        (o->interactions ? name_pairs : name_contributions)(&n, info->feature_names, features);
        add(&n, outputs == 1 ? "expected" : alm_arena_printf(e->arena, "expected_%zu", k));
    }
    take_names(e, &n);
    return ALM_OK;
}

static void name_member(naming *n, const alm_scorer_member_info *member, size_t outputs)
{
    for (size_t k = 0; k < outputs; k++) {
        const char *which = alm_arena_printf(n->arena, ALM_STR_FMT, ALM_STR_ARG(member->name));
        which = outputs == 1 ? which : alm_arena_printf(n->arena, "%s_%zu", which, k);
        n->middle = alm_arena_printf(n->arena, "%s_", which);
        name_contributions(n, member->column, member->column_count);
        add(n, alm_arena_printf(n->arena, "expected_%s%s", which, n->behind));
    }
}

static alm_err name_scorer(almi_predict_explain *e, const alm_predict_options *o, alm_error *error)
{
    const alm_scorer_info *info = alm_scorer_describe(o->scorer);
    size_t width = 0;
    const alm_scorer_explained *part = alm_scorer_explainer_describe(e->scorer, &width);
    naming n;
    ALM_TRY(allocate_names(e, width, 1, &n, error));
    for (size_t h = 0; h < info->horizon_count; h++) {
        const alm_scorer_horizon_info *horizon = &info->horizon[h];
        n.behind = info->horizon_count == 1
                       ? "" : alm_arena_printf(e->arena, "_" ALM_STR_FMT,
                                               ALM_STR_ARG(horizon->name));
        for (size_t i = 0; i < horizon->member_count; i++) {
            size_t m = horizon->member_first + i;
            name_member(&n, &info->member[m], part[m].outputs);
        }
    }
    take_names(e, &n);
    return ALM_OK;
}

/* ---- making ---- */

static alm_err create_model(almi_predict_explain *e, const alm_predict_options *o,
                            const almi_background *background, alm_error *error)
{
    alm_forest_explain_options options = {.way = ALM_EXPLAIN_FAST, .background = background->rows,
                                          .background_rows = background->count};
    if (o->interactions || o->strict || o->background) {
        options.way = o->interactions ? ALM_EXPLAIN_INTERACTIONS
                      : o->strict     ? ALM_EXPLAIN_STRICT
                                      : ALM_EXPLAIN_BACKGROUND;
    }
    alm_err code = alm_forest_explain_create(alm_model_file_forest(o->model), &options, &e->forest,
                                             error);
    if (code == ALM_OK) {
        code = name_model(e, o, error); /* before the memory for so many is asked for */
    }
    if (code == ALM_OK) {
        code = alm_forest_explain_scratch_create(e->forest, &e->scratch, error);
    }
    alm_str name = alm_model_file_describe(o->model)->name;
    return code == ALM_OK ? code : alm_error_wrap(error, code, ALM_STR_FMT, ALM_STR_ARG(name));
}

static alm_err create_scorer(almi_predict_explain *e, const alm_predict_options *o,
                             alm_error *error)
{
    const alm_scorer_info *info = alm_scorer_describe(o->scorer);
    alm_scorer_columns columns = {.row = info->row_column, .row_count = info->row_column_count};
    alm_scorer_explain_options options = {.strict = o->strict};
    ALM_TRY(alm_scorer_bind(o->scorer, &columns, &e->binding, error));
    ALM_TRY(alm_scorer_scratch_create(e->binding, NULL, &e->scorer_scratch, error));
    alm_err code = alm_scorer_explainer_create(e->binding, &options, NULL, &e->scorer, error);
    code = code == ALM_OK ? name_scorer(e, o, error) : code;
    return code == ALM_OK ? code : alm_error_wrap(error, code, ALM_STR_FMT,
                                                  ALM_STR_ARG(info->name));
}

alm_err almi_predict_explain_create(const alm_predict_options *options,
                                    const almi_background *background, almi_predict_explain **out,
                                    alm_error *error)
{
    alm_arena *arena = alm_arena_create(0);
    almi_predict_explain *e = ALM_NEW(arena, almi_predict_explain);
    e->arena = arena;
    alm_err code = options->scorer ? create_scorer(e, options, error)
                                   : create_model(e, options, background, error);
    if (code != ALM_OK) {
        almi_predict_explain_destroy(e);
        return code;
    }
    *out = e;
    return ALM_OK;
}

void almi_predict_explain_destroy(almi_predict_explain *e)
{
    if (e) {
        alm_forest_explain_scratch_destroy(e->scratch);
        alm_forest_explain_destroy(e->forest);
        alm_scorer_explainer_destroy(e->scorer);
        alm_scorer_scratch_destroy(e->scorer_scratch);
        alm_scorer_binding_destroy(e->binding);
        alm_arena_destroy(e->arena); /* the struct lies in it */
    }
}

const alm_str *almi_predict_explain_names(const almi_predict_explain *explain, size_t *count)
{
    *count = explain->name_count;
    return explain->names;
}

alm_err almi_predict_explain_rows(almi_predict_explain *e, const alm_explain_rows *rows,
                                  double *out, alm_error *error)
{
    if (e->forest) {
        return alm_forest_explain_rows(e->forest, e->scratch, rows, out, error);
    }
    alm_scorer_batch batch = {.count = rows->n, .first = rows->first, .rows = rows->rows,
                              .stride = rows->stride};
    return alm_scorer_explain(e->scorer, e->scorer_scratch, &batch, out, error);
}
