/* train_kept.c: the steps of a backtest as contents of a checkpoint.
 *
 * Structs are kept as their bytes lie in memory: the key has the digest of the engine's sources, so
 * who reads them has the same structs. The asserts on sizes are there for whoever adds a member: is
 * it kept, does it belong into the key? */
#include <string.h>

#include "train/train_internal.h"

static const char *step_name(const almi_training *t, const char *kind, size_t number)
{
    return number == ALMI_FINAL_FIT ? alm_arena_printf(t->arena, "%s-final", kind)
                                    : alm_arena_printf(t->arena, "%s-%06zu", kind, number);
}

/* Whatever determines a step. The project file stands for all that the inputs do not name. */
static alm_digest key_of(const almi_training *t)
{
    const alm_train_options *o = t->options;
    alm_str inputs = almi_training_inputs(t);
    alm_hash hash;
    alm_hash_init(&hash);
    alm_hash_update_str(&hash, ALM_STR("almanac backtest 1"));
    alm_hash_update_str(&hash, inputs);
    alm_hash_update(&hash, o->project->file_digest.bytes, sizeof o->project->file_digest.bytes);
    alm_hash_update_u64(&hash, (uint64_t)o->gap);
    alm_hash_update_u64(&hash, o->beside_count);
    for (size_t k = 0; k < o->beside_count; k++) {
        alm_hash_update_str(&hash, alm_str_of(o->beside[k]->name));
    }
    alm_hash_update_u64(&hash, o->global_count);
    for (size_t k = 0; k < o->global_count; k++) {
        alm_hash_update_str(&hash, alm_str_of(o->global[k]->name));
    }
    alm_hash_update_u64(&hash, o->reconcile_count);
    for (size_t k = 0; k < o->reconcile_count; k++) {
        alm_hash_update_str(&hash, alm_str_of(alm_reconciling_name(o->reconcile[k])));
    }
    _Static_assert(sizeof(alm_train_options) == 184, "a new option: does it change what a "
                   "backtest measures? Then it belongs into this key");
    return alm_hash_final(&hash);
}

alm_err almi_kept_open(almi_training *t, alm_error *error)
{
    alm_checkpoint_place place = {t->options->keep, t->options->restart};
    alm_digest key = key_of(t);
    return place.root ? alm_checkpoint_open(t->env, &place, &key, t->arena, &t->kept, error)
                      : ALM_OK;
}

/* Reads a step with `take`, which gets `out`; a content of another shape is as good as none. */
static alm_err find(almi_training *t, const char *step,
                    bool (*take)(const almi_training *t, alm_str content, void *out), void *out,
                    bool *found, alm_error *error)
{
    alm_str content;
    alm_arena *scratch = alm_arena_create(0);
    alm_err code = alm_checkpoint_get(&t->kept, step, scratch, &content, error);
    *found = code == ALM_OK && take(t, content, out);
    if (code == ALM_OK && !*found) {
        alm_checkpoint_reject(&t->kept, step);
    }
    alm_arena_destroy(scratch);
    return code == ALM_ERR_NOT_FOUND ? ALM_OK : code;
}

static alm_err keep(almi_training *t, const char *step, alm_buffer *content, alm_error *error)
{
    alm_err code = alm_buffer_status(content, error);
    code = code == ALM_OK
               ? alm_checkpoint_put(&t->kept, step, alm_buffer_view(content), error) : code;
    alm_buffer_deinit(content);
    return code;
}

/* ---- fits ---- */

/* Of a statistical model there is nothing to keep. */
static bool has_fit(const almi_training *t)
{
    return t->model->method == ALM_MODEL_GBM;
}

static bool take_fit(const almi_training *t, alm_str rest, void *out)
{
    almi_fit fit;
    size_t width = alm_feature_plan_width(t->plan);
    memset(&fit, 0, sizeof fit);
    for (size_t b = 0; b < t->model->block_count; b++) {
        alm_lightgbm_result *block = &fit.block[b];
        double *gain = ALM_NEW_ARRAY(t->arena, double, width);
        if (!alm_checkpoint_take_text(&rest, t->arena, &block->text) ||
            !alm_checkpoint_take(&rest, &block->base_score, sizeof block->base_score) ||
            !alm_checkpoint_take(&rest, &block->trees, sizeof block->trees) ||
            !alm_checkpoint_take(&rest, gain, width * sizeof *gain)) {
            return false;
        }
        block->gain = gain;
        for (size_t k = 0; k < ALM_METHOD_QUANTILES_MAX; k++) {
            if (!alm_checkpoint_take_text(&rest, t->arena, &fit.quantile[k][b])) {
                return false;
            }
        }
    }
    *(almi_fit *)out = fit;
    return rest.size == 0;
}

alm_err almi_kept_find_fit(almi_training *t, size_t number, almi_fit *out, bool *found,
                           alm_error *error)
{
    *found = !has_fit(t);
    *out = (almi_fit){0};
    return has_fit(t) ? find(t, step_name(t, "fit", number), take_fit, out, found, error) : ALM_OK;
}

alm_err almi_kept_put_fit(almi_training *t, size_t number, const almi_fit *fit, alm_error *error)
{
    _Static_assert(sizeof(alm_lightgbm_result) == 40, "a new member is to be kept, too");
    alm_buffer content = {0};
    if (!has_fit(t)) {
        return ALM_OK;
    }
    for (size_t b = 0; t->kept.folder && b < t->model->block_count; b++) {
        const alm_lightgbm_result *block = &fit->block[b];
        alm_checkpoint_put_text(&content, block->text);
        alm_buffer_append(&content, &block->base_score, sizeof block->base_score);
        alm_buffer_append(&content, &block->trees, sizeof block->trees);
        alm_buffer_append(&content, block->gain,
                          alm_feature_plan_width(t->plan) * sizeof *block->gain);
        for (size_t k = 0; k < ALM_METHOD_QUANTILES_MAX; k++) {
            alm_checkpoint_put_text(&content, fit->quantile[k][b]);
        }
    }
    return keep(t, step_name(t, "fit", number), &content, error);
}

/* ---- records ---- */

typedef struct part {
    void *data;
    size_t size;
} part;

enum { RECORD_PARTS = 13 };

/* The arrays of a record, which are there or all NULL. */
static void parts_of(const almi_training *t, const alm_origin_record *r, part out[RECORD_PARTS])
{
    size_t cells = r->series_count * r->steps * sizeof(double);
    size_t nodes = t->panel.hierarchy->node_count;
    size_t room = t->kinds.given ? t->kinds.room * r->steps * sizeof(double) : 0;
    const part parts[RECORD_PARTS] = {
        {r->histories, r->series_count * sizeof *r->histories},
        {r->forest, cells},
        {r->marginals, r->marginals ? r->series_count * sizeof *r->marginals : 0},
        {r->statistical, cells},
        {r->actual, cells},
        {r->least, cells},
        {r->scale_squared, r->series_count * sizeof(double)},
        {r->closed, r->steps},
        {r->node_statistical, nodes * r->steps * sizeof(double)},
        {r->node_actual, nodes * r->steps * sizeof(double)},
        {r->node_scale, nodes * sizeof(double)},
        {r->kinds, r->series_count * room},
        {r->node_kinds, nodes * room},
    };
    memcpy(out, parts, sizeof parts);
}

static bool take_record(const almi_training *t, alm_str rest, void *out)
{
    alm_origin_record record = {0};
    part parts[RECORD_PARTS];
    uint64_t head[4];
    if (!alm_checkpoint_take(&rest, head, sizeof head) || head[1] != t->panel.series_count ||
        head[0] >= t->panel.blocks[0].periods) {
        return false;
    }
    record.origin = (size_t)head[0];
    alm_origin_record_allocate(&t->panel, (size_t)t->model->horizon, head[2] != 0, t->arena,
                               &record);
    record.has_forest = head[3] != 0;
    if (t->kinds.given) {
        alm_kind_record_allocate(&t->kinds, t->panel.hierarchy->node_count, t->arena, &record);
    }
    parts_of(t, &record, parts);
    for (size_t i = 0; i < RECORD_PARTS; i++) {
        if (!alm_checkpoint_take(&rest, parts[i].data, parts[i].size)) {
            return false;
        }
    }
    *(alm_origin_record *)out = record;
    return rest.size == 0;
}

alm_err almi_kept_find_record(almi_training *t, size_t number, alm_origin_record *out,
                              bool *found, alm_error *error)
{
    return find(t, step_name(t, "record", number), take_record, out, found, error);
}

alm_err almi_kept_put_record(almi_training *t, size_t number, const alm_origin_record *record,
                             alm_error *error)
{
    _Static_assert(sizeof(alm_origin_record) == 136, "a new member is to be kept, too");
    alm_buffer content = {0};
    part parts[RECORD_PARTS];
    uint64_t head[4] = {record->origin, record->series_count, record->marginals != NULL,
                        record->has_forest};
    alm_buffer_append(&content, head, sizeof head);
    parts_of(t, record, parts);
    for (size_t i = 0; t->kept.folder && i < RECORD_PARTS; i++) {
        alm_buffer_append(&content, parts[i].data, parts[i].size);
    }
    return keep(t, step_name(t, "record", number), &content, error);
}

/* ---- scores ---- */

static bool take_scores(const almi_training *t, alm_str content, void *out)
{
    (void)t;
    return alm_backtest_restore(out, content);
}

alm_err almi_kept_find_scores(almi_training *t, size_t *done, alm_error *error)
{
    bool found = false;
    size_t scored = t->kept.folder ? t->grid.scored : 0;
    for (; scored > 0 && !found; scored -= !found) {
        ALM_TRY(find(t, step_name(t, "scores", scored), take_scores, &t->backtest, &found,
                     error));
    }
    *done = scored;
    return ALM_OK;
}

alm_err almi_kept_put_scores(almi_training *t, size_t done, alm_error *error)
{
    alm_buffer content = {0};
    if (t->kept.folder) {
        alm_backtest_keep(&t->backtest, &content);
    }
    return keep(t, step_name(t, "scores", done), &content, error);
}
