#include "batch/predict_scorer.h"

#include <string.h>

struct almi_predict_scorer {
    alm_arena *arena;
    const alm_scorer_info *info;
    bool members;
    alm_scorer_binding *binding;
    alm_scorer_scratch *scratch;
    const alm_str *names;
    size_t name_count;
    alm_scorer_output block; /* room for block_rows rows */
};

/* ---- names ---- */

typedef struct naming {
    alm_arena *arena;
    const alm_scorer_info *info;
    alm_str *out;
    size_t count;
    const char *suffix; /* "", or "_HORIZON" */
} naming;

static void add_name(naming *n, const char *prefix, const char *rest)
{
    n->out[n->count++] =
        alm_str_of(alm_arena_printf(n->arena, "%s%s%s", prefix, rest, n->suffix));
}

static void add_labels(naming *n, const char *prefix)
{
    for (size_t k = 0; k < n->info->class_count; k++) {
        add_name(n, prefix,
                 alm_arena_printf(n->arena, "p_%lld", (long long)n->info->label[k]));
    }
}

static void name_horizon(naming *n, const alm_scorer_horizon_info *h, bool members)
{
    bool classes = n->info->task == ALM_SCORER_CLASSES;
    n->suffix = n->info->horizon_count == 1
                    ? "" : alm_arena_printf(n->arena, "_" ALM_STR_FMT, ALM_STR_ARG(h->name));
    add_name(n, classes ? "class" : "prediction", "");
    add_labels(n, "");
    if (classes) {
        add_name(n, "confidence", "");
    }
    for (size_t i = 0; members && i < h->member_count; i++) {
        alm_str name = n->info->member[h->member_first + i].name;
        const char *prefix =
            alm_arena_printf(n->arena, "member_" ALM_STR_FMT, ALM_STR_ARG(name));
        if (classes) {
            add_labels(n, alm_arena_printf(n->arena, "%s_", prefix));
        } else {
            add_name(n, prefix, "");
        }
    }
}

static void name_columns(almi_predict_scorer *p)
{
    const alm_scorer_info *info = p->info;
    size_t width = info->class_count ? info->class_count : 1;
    size_t most = info->horizon_count * (info->class_count + 2) + info->member_count * width;
    naming n = {p->arena, info, ALM_NEW_ARRAY(p->arena, alm_str, most), 0, ""};
    for (size_t h = 0; h < info->horizon_count; h++) {
        name_horizon(&n, &info->horizon[h], p->members);
    }
    p->names = n.out;
    p->name_count = n.count;
}

/* ---- opening ---- */

static alm_err make_room(almi_predict_scorer *p, size_t rows, double **out, size_t width,
                         alm_error *error)
{
    void *memory = NULL;
    if (width > SIZE_MAX / sizeof(double) / rows) {
        return alm_fail(error, ALM_ERR_LIMIT, "a block of %zu rows is too large", rows);
    }
    ALM_TRY(alm_arena_try_alloc(p->arena, rows * width * sizeof(double), &memory, error));
    *out = memory;
    return ALM_OK;
}

static alm_err create(almi_predict_scorer *p, const alm_scorer *scorer, size_t rows,
                      alm_pool *pool, alm_error *error)
{
    const alm_scorer_info *info = p->info;
    size_t horizons = info->horizon_count, width = info->class_count ? info->class_count : 1;
    if (info->steps > 0) {
        return alm_fail(error, ALM_ERR_UNSUPPORTED, ALM_STR_FMT " has a net, which takes windows "
                        "of %zu steps: rows of a file have none; use it through "
                        "include/almanac.h", ALM_STR_ARG(info->name), info->steps);
    }
    alm_scorer_columns columns = {.row = info->row_column, .row_count = info->row_column_count};
    ALM_TRY(alm_scorer_bind(scorer, &columns, &p->binding, error));
    ALM_TRY(alm_scorer_scratch_create(p->binding, pool, &p->scratch, error));
    ALM_TRY(make_room(p, rows, &p->block.value, horizons, error));
    if (info->class_count) {
        ALM_TRY(make_room(p, rows, &p->block.probability, horizons * width, error));
        ALM_TRY(make_room(p, rows, &p->block.confidence, horizons, error));
    }
    if (p->members) {
        ALM_TRY(make_room(p, rows, &p->block.member, info->member_count * width, error));
    }
    name_columns(p);
    return ALM_OK;
}

alm_err almi_predict_scorer_create(const alm_scorer *scorer, bool members, size_t block_rows,
                                   alm_pool *pool, almi_predict_scorer **out, alm_error *error)
{
    alm_arena *arena = alm_arena_create(0);
    almi_predict_scorer *p = ALM_NEW(arena, almi_predict_scorer);
    p->arena = arena;
    p->info = alm_scorer_describe(scorer);
    p->members = members;
    alm_err code = create(p, scorer, block_rows, pool, error);
    if (code != ALM_OK) {
        almi_predict_scorer_destroy(p);
        return code;
    }
    *out = p;
    return ALM_OK;
}

void almi_predict_scorer_destroy(almi_predict_scorer *p)
{
    if (p) {
        alm_scorer_scratch_destroy(p->scratch);
        alm_scorer_binding_destroy(p->binding);
        alm_arena_destroy(p->arena); /* the struct lies in it */
    }
}

const alm_str *almi_predict_scorer_names(const almi_predict_scorer *p, size_t *count)
{
    *count = p->name_count;
    return p->names;
}

/* ---- blocks ---- */

/* The columns of one row in the order of their names. */
static double *put_row(const almi_predict_scorer *p, size_t i, double *out)
{
    const alm_scorer_info *info = p->info;
    size_t classes = info->class_count, width = classes ? classes : 1;
    for (size_t h = 0; h < info->horizon_count; h++) {
        const alm_scorer_horizon_info *horizon = &info->horizon[h];
        size_t at = i * info->horizon_count + h;
        *out++ = p->block.value[at];
        if (classes) {
            memcpy(out, p->block.probability + at * classes, classes * sizeof *out);
            out += classes;
            *out++ = p->block.confidence[at];
        }
        if (p->members) {
            size_t first = (i * info->member_count + horizon->member_first) * width;
            memcpy(out, p->block.member + first, horizon->member_count * width * sizeof *out);
            out += horizon->member_count * width;
        }
    }
    return out;
}

alm_err almi_predict_scorer_block(almi_predict_scorer *p, const double *values, size_t n,
                                  uint64_t first, double *out, alm_error *error)
{
    alm_scorer_batch batch = {.count = n, .first = first, .rows = values,
                              .stride = p->info->row_column_count};
    ALM_TRY(alm_scorer_predict(p->scratch, &batch, &p->block, error));
    for (size_t i = 0; i < n; i++) {
        out = put_row(p, i, out);
    }
    return ALM_OK;
}
