/* scorer.c: opening, describing and closing; a single model file as a scorer. */
#include "model/scorer/scorer.h"

#include <stdio.h>
#include <string.h>

#include "model/scorer/scorer_internal.h"

/* ---- what it is ---- */

static const alm_str *collect_columns(const alm_scorer *s, bool windows, size_t *count)
{
    size_t total = 0;
    for (size_t i = 0; i < s->unit_count; i++) {
        total += (s->unit[i].steps > 0) == windows ? s->unit[i].model->inputs : 0;
    }
    alm_str *all = ALM_NEW_ARRAY(s->arena, alm_str, total);
    size_t at = 0;
    for (size_t i = 0; i < s->unit_count; i++) {
        for (size_t c = 0; (s->unit[i].steps > 0) == windows && c < s->unit[i].model->inputs; c++) {
            all[at++] = s->unit[i].column[c];
        }
    }
    return almi_names_unique(all, total, s->arena, count);
}

static void describe_members(alm_scorer *s)
{
    alm_scorer_member_info *member =
        ALM_NEW_ARRAY(s->arena, alm_scorer_member_info, s->info.member_count);
    alm_scorer_horizon_info *horizon =
        ALM_NEW_ARRAY(s->arena, alm_scorer_horizon_info, s->info.horizon_count);
    for (size_t i = 0; i < s->info.member_count; i++) {
        const almi_scorer_member *m = &s->member[i];
        const almi_scorer_model *model = s->unit[m->unit].model;
        const alm_backend_info *other = model->backend ? &model->backend->info : NULL;
        const char *format = other           ? other->format
                             : model->forest ? alm_model_file_describe(model->forest)->format
                                             : "net";
        member[i] = (alm_scorer_member_info){
            .name = m->name,
            .format = alm_str_of(format),
            .detail = other ? other->detail : ALM_STR(""),
            .is_remote = other && other->is_remote,
            .breaker = other ? other->breaker : NULL,
            .steps = m->steps,
            .column = m->column,
            .column_count = m->column_count,
            .has_scaler = m->scaler.path.data != NULL,
            .has_calibrator = m->calibration != NULL};
        s->info.remote_count += member[i].is_remote;
        s->info.steps = m->steps > s->info.steps ? m->steps : s->info.steps;
    }
    for (size_t i = 0; i < s->info.horizon_count; i++) {
        const almi_scorer_horizon *h = &s->horizon[i];
        horizon[i] = (alm_scorer_horizon_info){h->name, h->combination, h->member_first,
                                               h->member_count, h->calibration != NULL};
    }
    s->info.member = member;
    s->info.horizon = horizon;
}

static void sort_parts(alm_scorer *s)
{
    for (size_t i = 1; i < s->part_count; i++) {
        alm_scorer_part part = s->part[i];
        size_t at = i;
        for (; at > 0 && alm_str_compare(s->part[at - 1].name, part.name) > 0; at--) {
            s->part[at] = s->part[at - 1];
        }
        s->part[at] = part;
    }
}

static alm_err finish(alm_scorer *s, alm_error *error)
{
    alm_buffer text = {0};
    alm_scorer_write(s, &text);
    alm_err code = alm_buffer_status(&text, error);
    if (code == ALM_OK) {
        s->info.digest = alm_hash_bytes(text.data, text.size);
        s->info.row_column = collect_columns(s, false, &s->info.row_column_count);
        s->info.window_column = collect_columns(s, true, &s->info.window_column_count);
        describe_members(s);
        sort_parts(s);
    }
    alm_buffer_deinit(&text);
    return code;
}

static bool has_made_up_names(const almi_scorer_model *model)
{
    return model->forest ? alm_model_file_describe(model->forest)->is_generic
                         : !model->backend->info.column;
}

static alm_err read_all(almi_scorer_loader *l, alm_error *error)
{
    alm_str text;
    ALM_TRY(l->source->read(l->source->context, ALM_SCORER_DOCUMENT,
                            ALM_SCORER_DOCUMENT_BYTES_MAX, l->bytes, &text, error));
    ALM_TRY(almi_scorer_parse(text, l->scorer, error));
    ALM_TRY(almi_scorer_load(l, error));
    l->scorer->info.of_model_file = l->of_model_file;
    l->scorer->info.made_up_names = l->of_model_file && has_made_up_names(l->scorer->model);
    return finish(l->scorer, error);
}

static alm_err load(almi_scorer_loader *l, const char *name, alm_scorer **out, alm_error *error)
{
    alm_arena *arena = alm_arena_create(0);
    l->scorer = ALM_NEW(arena, alm_scorer);
    l->scorer->arena = arena;
    l->scorer->info.name = alm_str_of(alm_arena_copy_text(arena, name, strlen(name)));
    l->bytes = alm_arena_create(0);
    alm_err code = read_all(l, error);
    alm_arena_destroy(l->bytes);
    if (l->ready) {
        almi_scorer_close_model(l->ready);
    }
    if (code != ALM_OK) {
        alm_scorer_destroy(l->scorer);
        return alm_error_wrap(error, code, "%s", name);
    }
    *out = l->scorer;
    return ALM_OK;
}

alm_err alm_scorer_read(const alm_scorer_source *source, const char *name, alm_scorer **out,
                        alm_error *error)
{
    almi_scorer_loader l = {.source = source};
    return load(&l, name, out, error);
}

/* ---- one model file ---- */

/* Names that the library or we made up; of others the model knows its own. */
static void put_made_up(alm_json_writer *w, const almi_scorer_model *model)
{
    alm_json_key(w, "columns");
    alm_json_open_array(w);
    for (size_t i = 0; i < model->inputs; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "f%zu", i);
        alm_json_str(w, model->forest ? alm_model_file_describe(model->forest)->feature_names[i]
                                      : alm_str_of(name));
    }
    alm_json_close_array(w);
}

static void put_only_member(alm_json_writer *w, const almi_scorer_model *model, bool codes)
{
    alm_json_open_object(w);
    alm_json_put_bool(w, "category_codes", codes);
    if (has_made_up_names(model)) {
        put_made_up(w, model);
    }
    alm_json_put_text(w, "model", ALMI_SCORER_MODEL_PATH);
    alm_json_put_text(w, "name", ALMI_SCORER_MODEL_PATH);
    if (almi_scorer_takes_windows(model)) {
        alm_json_put_i64(w, "steps", (int64_t)model->backend->info.steps);
    }
}

static void write_only(const almi_scorer_model *model, bool codes, alm_buffer *out)
{
    const alm_transform *t = &model->transform;
    bool classes = t->is_known && t->input_count > 1 &&
                   (t->kind == ALM_TRANSFORM_SOFTMAX || t->kind == ALM_TRANSFORM_ARGMAX ||
                    t->kind == ALM_TRANSFORM_SOFTMAX_PLAIN);
    alm_json_writer w = alm_json_writer_on(out);
    alm_json_open_object(&w);
    alm_json_put_i64(&w, "almanac_scorer", 1);
    alm_json_key(&w, "horizons");
    alm_json_open_array(&w);
    for (size_t i = 0; i < (classes ? 1 : model->outputs); i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "%zu", i);
        alm_json_open_object(&w);
        alm_json_put_text(&w, "name", name);
        alm_json_key(&w, "members");
        alm_json_open_array(&w);
        put_only_member(&w, model, codes);
        if (!classes) {
            alm_json_put_i64(&w, "output", (int64_t)i);
        }
        alm_json_close_object(&w);
        alm_json_close_array(&w);
        alm_json_close_object(&w);
    }
    alm_json_close_array(&w);
    alm_json_put_text(&w, "task", classes ? "classes" : "value");
    if (classes) {
        alm_json_key(&w, "labels");
        alm_json_open_array(&w);
        for (size_t k = 0; k < t->input_count; k++) {
            alm_json_i64(&w, (int64_t)k);
        }
        alm_json_close_array(&w);
    }
    alm_json_close_object(&w);
}

static alm_err check_only(const almi_scorer_model *model, const char *name, alm_error *error)
{
    bool open = model->backend && model->backend->info.takes_windows && !model->backend->info.steps;
    if (model->network) {
        return alm_fail(error, ALM_ERR_UNSUPPORTED, "%s is a net: its columns and steps belong "
                        "into a scorer's document", name);
    }
    if (model->backend && model->outputs > ALM_SCORER_HORIZONS_MAX) {
        return alm_fail(error, ALM_ERR_LIMIT, "%s answers with %zu numbers: at most %d are shown",
                        name, model->outputs, ALM_SCORER_HORIZONS_MAX);
    }
    return open ? alm_fail(error, ALM_ERR_UNSUPPORTED, "%s takes windows of any number of steps: "
                           "say how many in a scorer's document (`steps`)", name)
                : ALM_OK;
}

/* Reading has ended, but for failures. */
static alm_err parse_only(const alm_env *env, alm_fs_content *content, const char *name,
                          almi_scorer_model *model, alm_error *error)
{
    almi_scorer_bytes from = {.content = content, .name = name};
    ALM_TRY(almi_scorer_parse_model(env, &from, model, error));
    model->digest = model->forest ? alm_model_file_describe(model->forest)->digest
                                  : alm_hash_bytes(content->bytes.data, content->bytes.size);
    return check_only(model, name, error);
}

alm_err alm_scorer_of_content(const alm_env *env, alm_fs_content *content, const char *name,
                              bool category_codes, alm_scorer **out, alm_error *error)
{
    almi_scorer_model model = {0};
    alm_buffer text = {0};
    alm_err code = parse_only(env, content, name, &model, error);
    if (code == ALM_OK) {
        write_only(&model, category_codes, &text);
        code = alm_buffer_status(&text, error);
    }
    if (code != ALM_OK) {
        almi_scorer_close_model(&model);
        alm_buffer_deinit(&text);
        return code;
    }
    almi_scorer_loader l = {.ready_bytes = content->bytes.size, .ready = &model,
                            .of_model_file = true};
    alm_scorer_file document = {ALM_STR(ALM_SCORER_DOCUMENT), alm_buffer_view(&text)};
    alm_scorer_table table = {&document, 1};
    alm_scorer_source source = alm_scorer_memory(&table);
    source.env = env;
    l.source = &source;
    code = load(&l, name, out, error);
    alm_buffer_deinit(&text);
    return code;
}

alm_err alm_scorer_of_model_file(const alm_env *env, alm_str bytes, const char *name,
                                 bool category_codes, alm_scorer **out, alm_error *error)
{
    alm_fs_content content = {.bytes = bytes};
    return alm_scorer_of_content(env, &content, name, category_codes, out, error);
}

alm_err alm_scorer_open_model_file(const alm_env *env, const char *path, const char *name,
                                   bool category_codes, alm_scorer **out, alm_error *error)
{
    alm_arena *arena = alm_arena_create(0);
    alm_fs_content content;
    const char *own = NULL; /* behind a folder; messages have the given one */
    alm_err code = alm_model_file_begin(env->fs, path, arena, &content, &own, error);
    if (code == ALM_OK) {
        code = alm_scorer_of_content(env, &content, name, category_codes, out, error);
        alm_fs_read_abandon(&content);
    }
    alm_arena_destroy(arena);
    return code;
}

void alm_scorer_destroy(alm_scorer *s)
{
    if (!s) {
        return;
    }
    for (size_t i = 0; s->model && i < s->info.member_count; i++) {
        almi_scorer_close_model(&s->model[i]);
    }
    for (size_t i = 0; s->member && i < s->info.member_count; i++) {
        alm_calibrator_destroy(s->member[i].calibration);
    }
    for (size_t i = 0; s->horizon && i < s->info.horizon_count; i++) {
        alm_calibrator_destroy(s->horizon[i].calibration);
    }
    alm_arena_destroy(s->arena); /* the struct lies in it */
}

const alm_scorer_info *alm_scorer_describe(const alm_scorer *scorer)
{
    return &scorer->info;
}

const alm_scorer_part *alm_scorer_parts(const alm_scorer *scorer, size_t *count)
{
    *count = scorer->part_count;
    return scorer->part;
}
