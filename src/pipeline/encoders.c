#include "pipeline/encoders.h"

#include "base/json.h"

static bool is_used(const alm_project *project, alm_str name)
{
    for (size_t f = 0; f < project->feature_count; f++) {
        const alm_feature_spec *spec = &project->features[f];
        if (spec->op == ALM_FEATURE_attribute && alm_str_is(name, spec->column)) {
            return true;
        }
    }
    return false;
}

void alm_encoders_of(const alm_panel_source *source, const alm_project *project, alm_arena *arena,
                     alm_encoders *out)
{
    size_t all = 0;
    const alm_categories *categories = alm_panel_source_categories(source, &all);
    out->categories = ALM_NEW_ARRAY(arena, alm_categories, all);
    out->count = 0;
    for (size_t i = 0; i < all; i++) {
        if (is_used(project, categories[i].name)) {
            out->categories[out->count++] = categories[i];
        }
    }
}

void alm_encoders_write(const alm_encoders *encoders, alm_buffer *out)
{
    alm_json_writer w = alm_json_writer_on(out);
    alm_json_open_array(&w);
    for (size_t i = 0; i < encoders->count; i++) {
        const alm_categories *c = &encoders->categories[i];
        alm_json_open_object(&w);
        alm_json_put_str(&w, "name", c->name);
        alm_json_put_bool(&w, "numeric", c->numeric);
        alm_json_key(&w, "texts");
        alm_json_open_array(&w);
        for (size_t t = 0; t < c->count; t++) {
            alm_json_str(&w, c->texts[t]);
        }
        alm_json_close_array(&w);
        alm_json_close_object(&w);
    }
    alm_json_close_array(&w);
}

static alm_str copy(alm_arena *arena, alm_str text)
{
    return (alm_str){alm_arena_copy_text(arena, text.data, text.size), text.size};
}

static alm_err read_one(const alm_json *object, alm_arena *arena, alm_categories *out,
                        alm_error *error)
{
    alm_str name;
    const alm_json *texts = NULL;
    ALM_TRY(alm_json_get_str(object, "name", &name, error));
    ALM_TRY(alm_json_get_bool(object, "numeric", &out->numeric, error));
    ALM_TRY(alm_json_get(object, "texts", ALM_JSON_ARRAY, &texts, error));
    out->name = copy(arena, name);
    out->count = alm_json_count(texts);
    alm_str *list = ALM_NEW_ARRAY(arena, alm_str, out->count);
    for (size_t t = 0; t < out->count; t++) {
        alm_str text;
        if (!alm_json_as_str(alm_json_at(texts, t), &text)) {
            return alm_fail(error, ALM_ERR_CORRUPT, "text %zu of %.*s is not a text", t + 1,
                            ALM_STR_ARG(name));
        }
        list[t] = copy(arena, text);
        if (t && alm_str_compare(list[t - 1], list[t]) >= 0) {
            return alm_fail(error, ALM_ERR_CORRUPT, "the texts of %.*s are not sorted",
                            ALM_STR_ARG(name));
        }
    }
    out->texts = list;
    return ALM_OK;
}

static alm_err read_all(const alm_json *root, alm_arena *arena, alm_encoders *out,
                        alm_error *error)
{
    if (alm_json_kind_of(root) != ALM_JSON_ARRAY) {
        return alm_fail(error, ALM_ERR_CORRUPT, "a list is expected");
    }
    alm_encoders encoders = {.count = alm_json_count(root)};
    encoders.categories = ALM_NEW_ARRAY(arena, alm_categories, encoders.count);
    for (size_t i = 0; i < encoders.count; i++) {
        ALM_TRY(read_one(alm_json_at(root, i), arena, &encoders.categories[i], error));
    }
    *out = encoders;
    return ALM_OK;
}

alm_err alm_encoders_read(alm_str json, const char *name, alm_arena *arena, alm_encoders *out,
                          alm_error *error)
{
    alm_json_document *document = NULL;
    alm_err code = alm_json_parse(json, name, &document, error);
    if (code == ALM_OK) {
        code = read_all(alm_json_root(document), arena, out, error);
    }
    alm_json_document_destroy(document);
    return code == ALM_OK ? ALM_OK : alm_error_wrap(error, ALM_ERR_CORRUPT, "%s", name);
}
