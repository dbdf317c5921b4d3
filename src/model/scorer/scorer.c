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
        const char *format =
            model->forest ? alm_model_file_describe(model->forest)->format : "net";
        member[i] = (alm_scorer_member_info){m->name, alm_str_of(format), m->steps, m->column,
                                             m->column_count, m->scaler.path.data != NULL,
                                             m->calibration != NULL};
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

static alm_err read_all(almi_scorer_loader *l, alm_error *error)
{
    alm_str text;
    ALM_TRY(l->source->read(l->source->context, ALM_SCORER_DOCUMENT,
                            ALM_SCORER_DOCUMENT_BYTES_MAX, l->bytes, &text, error));
    ALM_TRY(almi_scorer_parse(text, l->scorer, error));
    ALM_TRY(almi_scorer_load(l, error));
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
    alm_model_file_close(l->ready);
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

static void put_only_member(alm_json_writer *w, const alm_model_file_info *info, bool codes)
{
    alm_json_open_object(w);
    alm_json_put_bool(w, "category_codes", codes);
    if (info->is_generic) {
        alm_json_key(w, "columns");
        alm_json_open_array(w);
        for (size_t i = 0; i < info->forest.feature_count; i++) {
            alm_json_str(w, info->feature_names[i]);
        }
        alm_json_close_array(w);
    }
    alm_json_put_text(w, "model", ALMI_SCORER_MODEL_PATH);
    alm_json_put_text(w, "name", ALMI_SCORER_MODEL_PATH);
}

static void write_only(const alm_model_file_info *info, bool codes, alm_buffer *out)
{
    const alm_transform *t = &info->transform;
    bool classes = t->is_known && t->input_count > 1 &&
                   (t->kind == ALM_TRANSFORM_SOFTMAX || t->kind == ALM_TRANSFORM_ARGMAX ||
                    t->kind == ALM_TRANSFORM_SOFTMAX_PLAIN);
    alm_json_writer w = alm_json_writer_on(out);
    alm_json_open_object(&w);
    alm_json_put_i64(&w, "almanac_scorer", 1);
    alm_json_key(&w, "horizons");
    alm_json_open_array(&w);
    for (size_t i = 0; i < (classes ? 1 : t->output_count); i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "%zu", i);
        alm_json_open_object(&w);
        alm_json_put_text(&w, "name", name);
        alm_json_key(&w, "members");
        alm_json_open_array(&w);
        put_only_member(&w, info, codes);
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

alm_err alm_scorer_of_model_file(alm_str bytes, const char *name, bool category_codes,
                                 alm_scorer **out, alm_error *error)
{
    almi_scorer_loader l = {.ready_bytes = bytes.size};
    alm_buffer text = {0};
    ALM_TRY(alm_model_file_parse(bytes, name, &l.ready, error));
    write_only(alm_model_file_describe(l.ready), category_codes, &text);
    alm_err code = alm_buffer_status(&text, error);
    if (code != ALM_OK) {
        alm_model_file_close(l.ready);
        return code;
    }
    alm_scorer_file document = {ALM_STR(ALM_SCORER_DOCUMENT), alm_buffer_view(&text)};
    alm_scorer_table table = {&document, 1};
    alm_scorer_source source = alm_scorer_memory(&table);
    l.source = &source;
    code = load(&l, name, out, error);
    alm_buffer_deinit(&text);
    return code;
}

void alm_scorer_destroy(alm_scorer *s)
{
    if (!s) {
        return;
    }
    for (size_t i = 0; s->model && i < s->info.member_count; i++) {
        alm_model_file_close(s->model[i].forest);
        alm_network_destroy(s->model[i].network);
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
