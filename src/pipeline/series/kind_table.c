#include "pipeline/series/kind_table.h"

#include "base/json.h"
#include "model/statistical/automatic/demand_class.h"
#include "model/statistical/forecaster_kinds.h"

static const char LEVEL[] = "level";
static const char *const MOVERS[ALM_MOVER_COUNT] = {"fast", "slow"};

const char *alm_mover_name(alm_mover mover)
{
    alm_assert((unsigned)mover < ALM_MOVER_COUNT);
    return MOVERS[mover];
}

alm_mover alm_mover_of(const alm_history *history, size_t horizon)
{
    alm_demand_shape shape = {.mean = history->level};
    return alm_demand_is_fast(&shape, (double)horizon) ? ALM_MOVER_FAST : ALM_MOVER_SLOW;
}

bool alm_class_has_kinds(alm_class class_of_series)
{
    return class_of_series != ALM_CLASS_new && class_of_series != ALM_CLASS_empty;
}

const char *alm_kind_name(const alm_forecaster_kind *kind)
{
    return kind ? kind->name : LEVEL;
}

bool alm_kind_named(alm_str name, const alm_forecaster_kind **out)
{
    size_t count = 0;
    const alm_forecaster_kind *const *kinds = alm_forecaster_kinds(&count);
    for (size_t k = 0; k < count; k++) {
        if (alm_str_is(name, kinds[k]->name)) {
            *out = kinds[k];
            return true;
        }
    }
    *out = NULL;
    return alm_str_is(name, LEVEL);
}

const alm_forecaster_kind *alm_kind_of(const alm_kind_table *table, const alm_history *history,
                                       size_t horizon)
{
    alm_class class_of_series = history->class_of_series;
    bool has_kinds = table->given && alm_class_has_kinds(class_of_series);
    return has_kinds ? table->kind[class_of_series][alm_mover_of(history, horizon)] : NULL;
}

/* Keys of canonical JSON rise. */
static const alm_class SORTED[] = {ALM_CLASS_aggregate, ALM_CLASS_erratic, ALM_CLASS_intermittent,
                                   ALM_CLASS_lumpy, ALM_CLASS_smooth};
#define SORTED_COUNT (sizeof SORTED / sizeof SORTED[0])

void alm_kind_table_write(const alm_kind_table *table, alm_buffer *out)
{
    alm_json_writer w = alm_json_writer_on(out);
    alm_json_open_object(&w);
    for (size_t i = 0; i < SORTED_COUNT; i++) {
        const alm_forecaster_kind *const *kind = table->kind[SORTED[i]];
        const char *class_name = alm_class_name(SORTED[i]);
        if (SORTED[i] == ALM_CLASS_aggregate) {
            alm_json_put_text(&w, class_name, alm_kind_name(kind[0]));
            continue;
        }
        alm_json_key(&w, class_name);
        alm_json_open_object(&w);
        for (int m = 0; m < ALM_MOVER_COUNT; m++) {
            alm_json_put_text(&w, MOVERS[m], alm_kind_name(kind[m]));
        }
        alm_json_close_object(&w);
    }
    alm_json_close_object(&w);
}

static alm_err read_kind(const alm_json *object, const char *key,
                         const alm_forecaster_kind **out, alm_error *error)
{
    alm_str name;
    ALM_TRY(alm_json_get_str(object, key, &name, error));
    if (!alm_kind_named(name, out)) {
        return alm_fail(error, ALM_ERR_UNSUPPORTED, "`%s` is the forecaster '%.*s', which this "
                        "engine does not have; use the almanac that made it or a newer one", key,
                        name.size < 64 ? (int)name.size : 64, name.data);
    }
    return ALM_OK;
}

static alm_err read_class(const alm_json *root, alm_class class_of_series, alm_kind_table *table,
                          alm_error *error)
{
    const char *key = alm_class_name(class_of_series);
    const alm_forecaster_kind **kind = table->kind[class_of_series];
    if (class_of_series == ALM_CLASS_aggregate) {
        ALM_TRY(read_kind(root, key, &kind[0], error));
        kind[1] = kind[0];
        return ALM_OK;
    }
    const alm_json *movers = NULL;
    ALM_TRY(alm_json_get(root, key, ALM_JSON_OBJECT, &movers, error));
    if (alm_json_count(movers) != ALM_MOVER_COUNT) {
        return alm_fail(error, ALM_ERR_CORRUPT, "`%s` must have `fast` and `slow` alone", key);
    }
    for (int m = 0; m < ALM_MOVER_COUNT; m++) {
        ALM_TRY(read_kind(movers, MOVERS[m], &kind[m], error));
    }
    return ALM_OK;
}

static alm_err read_table(const alm_json *root, alm_kind_table *table, alm_error *error)
{
    if (alm_json_kind_of(root) != ALM_JSON_OBJECT || alm_json_count(root) != SORTED_COUNT) {
        return alm_fail(error, ALM_ERR_CORRUPT, "it must be an object with the classes aggregate, "
                        "erratic, intermittent, lumpy and smooth alone");
    }
    for (size_t i = 0; i < SORTED_COUNT; i++) {
        ALM_TRY(read_class(root, SORTED[i], table, error));
    }
    return ALM_OK;
}

alm_err alm_kind_table_read(alm_str json, const char *name, alm_kind_table *out, alm_error *error)
{
    alm_json_document *document = NULL;
    alm_kind_table table = {.given = true};
    alm_err code = alm_json_parse(json, name, &document, error);
    if (code == ALM_OK) {
        code = read_table(alm_json_root(document), &table, error);
    }
    alm_json_document_destroy(document);
    if (code != ALM_OK) {
        code = code == ALM_ERR_UNSUPPORTED ? code : ALM_ERR_CORRUPT;
        return alm_error_wrap(error, code, "%s", name);
    }
    *out = table;
    return ALM_OK;
}
