/* capi_model.c: opening, describing and closing behind include/almanac.h. */
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/build_info.h"
#include "capi/capi_internal.h"
#include "model/model_file.h"

#define FORMAT_SCORER "scorer"
#define DIGEST_SHOWN 12

uint32_t almanac_api_version(void)
{
    return ALMANAC_API_VERSION;
}

const char *almanac_version(void)
{
    return ALM_ENGINE_VERSION;
}

/* ---- errors ---- */

static almanac_status status_of(alm_err code)
{
    switch (code) {
    case ALM_OK:
        return ALMANAC_OK;
    case ALM_ERR_INVALID:
    case ALM_ERR_USAGE:
    case ALM_ERR_CONFIG:
        return ALMANAC_INVALID;
    case ALM_ERR_NOT_FOUND:
        return ALMANAC_NOT_FOUND;
    case ALM_ERR_CORRUPT:
        return ALMANAC_CORRUPT;
    case ALM_ERR_UNSUPPORTED:
        return ALMANAC_UNSUPPORTED;
    case ALM_ERR_LIMIT:
        return ALMANAC_LIMIT;
    case ALM_ERR_MEMORY:
        return ALMANAC_MEMORY;
    case ALM_ERR_IO:
        return ALMANAC_IO;
    case ALM_ERR_NUMERIC:
        return ALMANAC_NUMERIC;
    default:
        return ALMANAC_FAILED;
    }
}

almanac_status almi_capi_status(alm_err code, const alm_error *from, almanac_error *error)
{
    _Static_assert(sizeof error->message == ALM_ERROR_MESSAGE_BYTES, "messages have one size");
    almanac_status status = status_of(code);
    if (error && status != ALMANAC_OK) {
        error->status = status;
        memcpy(error->message, from->message, sizeof error->message);
    }
    return status;
}

almanac_status almi_capi_invalid(almanac_error *error, const char *message)
{
    alm_error internal = {0};
    return almi_capi_status(alm_fail(&internal, ALM_ERR_INVALID, "%s", message), &internal, error);
}

bool almi_capi_fits(const void *given, size_t least, size_t known)
{
    const unsigned char *bytes = given;
    size_t size = 0;
    memcpy(&size, given, sizeof size);
    bool fits = size >= least && size <= 4096;
    for (size_t i = known; fits && i < size; i++) {
        fits = bytes[i] == 0;
    }
    return fits;
}

/* ---- facts ---- */

const char *const *almi_capi_texts(alm_arena *arena, const alm_str *text, size_t count)
{
    const char **out = ALM_NEW_ARRAY(arena, const char *, count);
    for (size_t i = 0; i < count; i++) {
        out[i] = alm_arena_copy_text(arena, text[i].data, text[i].size);
    }
    return out;
}

static void describe_parts(almanac_model *model)
{
    const alm_scorer_info *s = alm_scorer_describe(model->scorer);
    almanac_info *info = &model->info;
    const char **horizon = ALM_NEW_ARRAY(model->arena, const char *, s->horizon_count);
    const char **member = ALM_NEW_ARRAY(model->arena, const char *, s->member_count);
    const char **format = ALM_NEW_ARRAY(model->arena, const char *, s->member_count);
    size_t *of = ALM_NEW_ARRAY(model->arena, size_t, s->member_count);
    for (size_t h = 0; h < s->horizon_count; h++) {
        const alm_scorer_horizon_info *one = &s->horizon[h];
        horizon[h] = alm_arena_copy_text(model->arena, one->name.data, one->name.size);
        for (size_t i = one->member_first; i < one->member_first + one->member_count; i++) {
            const alm_scorer_member_info *m = &s->member[i];
            member[i] = alm_arena_copy_text(model->arena, m->name.data, m->name.size);
            format[i] = alm_arena_copy_text(model->arena, m->format.data, m->format.size);
            of[i] = h;
        }
    }
    info->horizon_count = s->horizon_count;
    info->horizons = horizon;
    info->member_count = s->member_count;
    info->members = member;
    info->member_formats = format;
    info->member_horizon = of;
}

void almi_capi_describe(almanac_model *model, const char *hash, const char *format)
{
    const alm_scorer_info *s = alm_scorer_describe(model->scorer);
    almanac_info *info = &model->info;
    info->size = sizeof *info;
    info->name = s->name.data;
    describe_parts(model);
    info->format = format ? format : info->member_formats[0];
    info->hash = hash;
    info->notice = alm_arena_printf(model->arena, "unapproved: %s (%s%s, sha256 %.*s) is not a "
                                    "promoted release", info->name, info->format,
                                    s->remote_count ? ", with remote members, whose answers the "
                                                      "hash does not cover" : "", DIGEST_SHOWN,
                                    hash);
    info->is_classes = s->task == ALM_SCORER_CLASSES;
    info->class_count = s->class_count;
    info->labels = s->label;
    info->row_column_count = s->row_column_count;
    info->row_columns = almi_capi_texts(model->arena, s->row_column, s->row_column_count);
    info->window_column_count = s->window_column_count;
    info->window_columns = almi_capi_texts(model->arena, s->window_column, s->window_column_count);
    info->window_steps = s->steps;
}

almanac_status almanac_describe(const almanac_model *model, almanac_info *info,
                                almanac_error *error)
{
    if (!model || !info || info->size < sizeof info->size || info->size > 4096) {
        return almi_capi_invalid(error, "almanac_describe: a model and an info with its size are "
                                        "needed (ALMANAC_INFO_INIT)");
    }
    size_t size = info->size, known = size < sizeof *info ? size : sizeof *info;
    memset(info, 0, size);
    memcpy(info, &model->info, known);
    info->size = size;
    return ALMANAC_OK;
}

/* ---- opening ---- */

typedef struct opening { /* where the model comes from */
    const char *name;
    const char *path; /* or */
    const almanac_file *files;
    size_t count;
    bool category_codes;
} opening;

/* A scorer of one file, whose hash is that of its bytes. */
static void describe_file(almanac_model *model)
{
    size_t count = 0;
    const alm_scorer_part *part = alm_scorer_parts(model->scorer, &count);
    almi_capi_describe(model, alm_digest_str(&part->digest, model->arena).data, NULL);
}

static alm_err describe_scorer(almanac_model *model, alm_error *error)
{
    const alm_scorer_info *info = alm_scorer_describe(model->scorer);
    if (info->bars.data) {
        ALM_TRY(alm_signal_create(model->scorer, &model->signal, error));
        model->info.takes_bars = 1;
        model->info.warmup_bars = alm_signal_describe(model->signal)->warmup_bars;
    }
    almi_capi_describe(model, alm_digest_str(&info->digest, model->arena).data, FORMAT_SCORER);
    return ALM_OK;
}

static alm_err open_path(const opening *o, almanac_model *model, alm_error *error)
{
    if (alm_scorer_is_folder(model->fs, o->path)) {
        ALM_TRY(alm_scorer_open(&model->env, o->path, o->name, &model->scorer, error));
        return describe_scorer(model, error);
    }
    ALM_TRY(alm_scorer_open_model_file(&model->env, o->path, o->name, o->category_codes,
                                       &model->scorer, error));
    describe_file(model);
    return ALM_OK;
}

static alm_err open_files(const opening *o, almanac_model *model, alm_error *error)
{
    alm_scorer_file *file = ALM_NEW_ARRAY(model->arena, alm_scorer_file, o->count);
    bool has_document = false;
    for (size_t i = 0; i < o->count; i++) {
        const almanac_file *from = &o->files[i];
        if (!from->name || (!from->bytes && from->size_bytes)) {
            return alm_fail(error, ALM_ERR_INVALID, "file %zu has no name or no bytes", i + 1);
        }
        file[i].name = alm_str_of(from->name);
        file[i].bytes = (alm_str){from->bytes ? from->bytes : "", from->size_bytes};
        has_document = has_document || alm_str_is(file[i].name, ALM_SCORER_DOCUMENT);
    }
    if (!has_document && o->count != 1) {
        return alm_fail(error, ALM_ERR_INVALID, "%zu files and no " ALM_SCORER_DOCUMENT ": one "
                        "model file, or a scorer", o->count);
    }
    if (!has_document) {
        ALM_TRY(alm_scorer_of_model_file(&model->env, file[0].bytes, o->name, o->category_codes,
                                         &model->scorer, error));
        describe_file(model);
        return ALM_OK;
    }
    alm_scorer_table table = {file, o->count};
    alm_scorer_source source = alm_scorer_memory(&table);
    source.env = &model->env;
    ALM_TRY(alm_scorer_read(&source, o->name, &model->scorer, error));
    return describe_scorer(model, error);
}

static const char *variable(void *context, const char *name)
{
    (void)context;
    return getenv(name);
}

static alm_instant wall_clock(void *context)
{
    struct timespec now;
    (void)context;
    (void)timespec_get(&now, TIME_UTC);
    return (alm_instant)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static int processors(void)
{
    cpu_set_t set;
    return sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
}

/* The threads end when the model is open. */
static alm_err open_by_threads(const opening *o, almanac_model *model, alm_error *error)
{
    int most = processors();
    model->env.pool = alm_pool_if_any(
        most < ALM_MODEL_FILE_THREADS_MAX ? most : ALM_MODEL_FILE_THREADS_MAX);
    alm_err code = o->path ? open_path(o, model, error) : open_files(o, model, error);
    alm_pool_destroy(model->env.pool);
    model->env.pool = NULL;
    return code;
}

static alm_err open_world(almanac_model *model, alm_error *error)
{
    ALM_TRY(alm_fs_real_create(&model->fs, error));
    ALM_TRY(alm_http_curl_create(&model->http, error));
    model->env = (alm_env){.fs = model->fs, .now = wall_clock, .http = model->http,
                           .variable = variable};
    return ALM_OK;
}

static almanac_status open_model(const opening *o, almanac_model **out, almanac_error *error)
{
    alm_error internal = {0};
    alm_arena *arena = alm_arena_create(0);
    almanac_model *model = ALM_NEW(arena, almanac_model);
    model->arena = arena;
    atomic_init(&model->holders, 1);
    alm_err code = open_world(model, &internal);
    if (code == ALM_OK) {
        code = open_by_threads(o, model, &internal);
    }
    if (code != ALM_OK) {
        almi_capi_release(model);
        return almi_capi_status(code, &internal, error);
    }
    *out = model;
    return ALMANAC_OK;
}

static bool take_options(const almanac_options *options, opening *o)
{
    if (options && !almi_capi_fits(options, sizeof *options, sizeof *options)) {
        return false;
    }
    o->category_codes = options && options->category_codes;
    return true;
}

almanac_status almanac_open(const char *path, const almanac_options *options,
                            almanac_model **model, almanac_error *error)
{
    opening o = {.name = path, .path = path};
    if (!path || !model || !take_options(options, &o)) {
        return almi_capi_invalid(error, "almanac_open: a path and a place for the model are "
                                        "needed, and options of this library's size or NULL");
    }
    return open_model(&o, model, error);
}

almanac_status almanac_open_memory(const char *name, const almanac_file *files, size_t count,
                                   const almanac_options *options, almanac_model **model,
                                   almanac_error *error)
{
    opening o = {.name = name, .files = files, .count = count};
    if (!name || !files || !count || !model || !take_options(options, &o)) {
        return almi_capi_invalid(error, "almanac_open_memory: a name, files and a place for the "
                                        "model are needed, and options of this library's size or "
                                        "NULL");
    }
    return open_model(&o, model, error);
}

/* ---- closing ---- */

void almi_capi_release(almanac_model *model)
{
    if (atomic_fetch_sub(&model->holders, 1) == 1) {
        alm_signal_destroy(model->signal);
        alm_scorer_destroy(model->scorer);
        alm_http_destroy(model->http);
        alm_fs_destroy(model->fs);
        alm_arena_destroy(model->arena); /* the struct lies in it */
    }
}

void almanac_close(almanac_model *model)
{
    if (model) {
        almi_capi_release(model);
    }
}
