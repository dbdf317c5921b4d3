#include "pipeline/bundle.h"

#include <stdio.h>

#define PART_BYTES_MAX ((size_t)1 << 30)

#define FILE_COUNT (4 + ALM_BLOCKS_MAX)

/* A file of a bundle and where its text lies in the parts. */
typedef struct bundle_file {
    char name[24];
    alm_str *text;
    bool optional;
} bundle_file;

/* Sorts as the blocks do, and before what follows. */
static void name_model(size_t block, char name[24])
{
    if (block == 0) {
        (void)snprintf(name, 24, "models/mean.txt");
    } else {
        (void)snprintf(name, 24, "models/mean_%02u.txt", (unsigned)(block + 1) % 100);
    }
}

/* All files that there may be, sorted by name, because the manifest is. */
static void list_files(alm_bundle_parts *parts, bundle_file files[FILE_COUNT])
{
    bundle_file *file = files;
    *file++ = (bundle_file){"encoders.json", &parts->encoders, false};
    *file++ = (bundle_file){"method.json", &parts->method, false};
    for (size_t block = 0; block < ALM_BLOCKS_MAX; block++) {
        *file = (bundle_file){"", &parts->mean_model[block], true};
        name_model(block, file->name);
        file++;
    }
    *file++ = (bundle_file){"plan.json", &parts->plan, false};
    *file = (bundle_file){"report.json", &parts->report, false};
}

static alm_err put_files(alm_objects *objects, alm_bundle_parts *parts, alm_json_writer *w,
                         alm_error *error)
{
    bundle_file files[FILE_COUNT];
    list_files(parts, files);
    alm_json_key(w, "files");
    alm_json_open_object(w);
    for (size_t i = 0; i < FILE_COUNT; i++) {
        alm_str text = *files[i].text;
        if (text.size == 0 && files[i].optional) {
            continue;
        }
        alm_digest digest;
        char digest_text[ALM_DIGEST_TEXT_BYTES];
        ALM_TRY(alm_objects_put(objects, text, &digest, error));
        alm_digest_text(&digest, digest_text);
        alm_json_put_text(w, files[i].name, digest_text);
    }
    alm_json_close_object(w);
    return ALM_OK;
}

alm_err alm_bundle_save(alm_objects *objects, const alm_bundle_parts *parts, alm_digest *out,
                        alm_error *error)
{
    alm_bundle_parts copy = *parts;
    alm_buffer text = {0};
    alm_json_writer w = alm_json_writer_on(&text);
    alm_json_open_object(&w);
    alm_json_put_str(&w, "feature_version", parts->feature_version);
    alm_err code = put_files(objects, &copy, &w, error);
    if (code == ALM_OK) {
        alm_json_put_i64(&w, "format", ALM_BUNDLE_FORMAT);
        alm_json_put_str(&w, "inputs", parts->inputs);
        alm_json_put_str(&w, "model", parts->model);
        alm_json_put_text(&w, "origin", "trained");
        alm_json_put_str(&w, "snapshot_id", parts->snapshot_id);
        alm_json_put_str(&w, "training_run_id", parts->training_run_id);
        alm_json_close_object(&w);
        code = alm_buffer_status(&text, error);
    }
    if (code == ALM_OK) {
        code = alm_objects_put(objects, alm_buffer_view(&text), out, error);
    }
    alm_buffer_deinit(&text);
    return code;
}

static alm_err read_files(alm_objects *objects, const alm_json *object, alm_arena *arena,
                          alm_bundle_parts *parts, alm_error *error)
{
    bundle_file files[FILE_COUNT];
    list_files(parts, files);
    for (size_t i = 0; i < FILE_COUNT; i++) {
        if (files[i].optional && !alm_json_member(object, files[i].name)) {
            continue;
        }
        alm_str text;
        alm_digest digest;
        ALM_TRY(alm_json_get_str(object, files[i].name, &text, error));
        if (!alm_digest_parse(text, &digest)) {
            return alm_fail(error, ALM_ERR_CORRUPT, "the digest of %s is malformed",
                            files[i].name);
        }
        alm_err code = alm_objects_get(objects, &digest, PART_BYTES_MAX, arena, files[i].text,
                                       error);
        if (code != ALM_OK) {
            return alm_error_wrap(error, code, "%s", files[i].name);
        }
    }
    return ALM_OK;
}

static alm_err keep(const alm_json *root, const char *key, alm_arena *arena, alm_str *out,
                    alm_error *error)
{
    alm_str text;
    ALM_TRY(alm_json_get_str(root, key, &text, error));
    *out = (alm_str){alm_arena_copy_text(arena, text.data, text.size), text.size};
    return ALM_OK;
}

static alm_err read_manifest(alm_objects *objects, const alm_json *root, alm_arena *arena,
                             alm_bundle_parts *parts, alm_error *error)
{
    int64_t format;
    ALM_TRY(alm_json_get_i64(root, "format", &format, error));
    if (format != ALM_BUNDLE_FORMAT) {
        return alm_fail(error, ALM_ERR_UNSUPPORTED, "the bundle has format %lld, this engine reads "
                        "%d; use the almanac that made it or a newer one", (long long)format,
                        ALM_BUNDLE_FORMAT);
    }
    ALM_TRY(keep(root, "feature_version", arena, &parts->feature_version, error));
    ALM_TRY(keep(root, "inputs", arena, &parts->inputs, error));
    ALM_TRY(keep(root, "model", arena, &parts->model, error));
    ALM_TRY(keep(root, "snapshot_id", arena, &parts->snapshot_id, error));
    ALM_TRY(keep(root, "training_run_id", arena, &parts->training_run_id, error));
    const alm_json *files = NULL;
    ALM_TRY(alm_json_get(root, "files", ALM_JSON_OBJECT, &files, error));
    return read_files(objects, files, arena, parts, error);
}

alm_err alm_bundle_read(alm_objects *objects, const alm_digest *hash, alm_arena *arena,
                        alm_bundle_parts *out, alm_error *error)
{
    char name[ALM_DIGEST_TEXT_BYTES];
    alm_digest_text(hash, name);
    alm_str text;
    alm_err code = alm_objects_get(objects, hash, PART_BYTES_MAX, arena, &text, error);
    alm_json_document *document = NULL;
    if (code == ALM_OK) {
        code = alm_json_parse(text, "manifest.json", &document, error);
    }
    alm_bundle_parts parts = {0};
    if (code == ALM_OK) {
        code = read_manifest(objects, alm_json_root(document), arena, &parts, error);
    }
    alm_json_document_destroy(document);
    if (code != ALM_OK) {
        /* What hashes right and yet is no manifest is not the caller's wrong input. */
        code = code == ALM_ERR_INVALID ? ALM_ERR_CORRUPT : code;
        return alm_error_wrap(error, code, "bundle %.12s", name);
    }
    *out = parts;
    return ALM_OK;
}

static alm_err build_model(alm_bundle *bundle, size_t block, alm_error *error)
{
    char name[24];
    alm_mean_model *model = &bundle->models[block];
    name_model(block, name);
    ALM_TRY(alm_forest_parse_lightgbm(bundle->parts.mean_model[block], name, &model->forest,
                                      error));
    size_t features = alm_forest_describe(model->forest).feature_count;
    if (features != alm_feature_plan_width(bundle->plan)) {
        return alm_fail(error, ALM_ERR_CORRUPT, "%s takes %zu features, plan.json makes %zu", name,
                        features, alm_feature_plan_width(bundle->plan));
    }
    return alm_forest_explainer_create(model->forest, &model->explainer, error);
}

static alm_err build(alm_bundle *bundle, const alm_feature_schema *schema, alm_error *error)
{
    const alm_bundle_parts *parts = &bundle->parts;
    ALM_TRY(alm_method_read(parts->method, "method.json", &bundle->method, error));
    ALM_TRY(alm_feature_plan_read(parts->plan, "plan.json", schema, &bundle->plan, error));
    while (bundle->model_count < ALM_BLOCKS_MAX &&
           parts->mean_model[bundle->model_count].size > 0) {
        ALM_TRY(build_model(bundle, bundle->model_count++, error));
    }
    size_t blocks = alm_feature_plan_block_count(bundle->plan);
    if (bundle->model_count > 0 &&
        (bundle->model_count != blocks || bundle->method.block_count != blocks)) {
        return alm_fail(error, ALM_ERR_CORRUPT, "plan.json has %zu horizon blocks, method.json "
                        "%zu, and there are %zu mean models", blocks, bundle->method.block_count,
                        bundle->model_count);
    }
    return ALM_OK;
}

alm_err alm_bundle_of_parts(const alm_bundle_parts *parts, const alm_feature_schema *schema,
                            alm_bundle **out, alm_error *error)
{
    alm_arena *arena = alm_arena_create(0);
    alm_bundle *bundle = ALM_NEW(arena, alm_bundle);
    bundle->arena = arena;
    bundle->parts = *parts;
    alm_err code = build(bundle, schema, error);
    if (code != ALM_OK) {
        alm_bundle_destroy(bundle);
        return code;
    }
    *out = bundle;
    return ALM_OK;
}

alm_err alm_bundle_load(alm_objects *objects, const alm_digest *hash,
                        const alm_feature_schema *schema, alm_bundle **out, alm_error *error)
{
    alm_arena *arena = alm_arena_create(0);
    alm_bundle *bundle = ALM_NEW(arena, alm_bundle);
    bundle->arena = arena;
    bundle->hash = *hash;
    alm_err code = alm_bundle_read(objects, hash, arena, &bundle->parts, error);
    if (code == ALM_OK) {
        code = build(bundle, schema, error);
    }
    if (code != ALM_OK) {
        alm_bundle_destroy(bundle);
        return code;
    }
    *out = bundle;
    return ALM_OK;
}

void alm_bundle_destroy(alm_bundle *bundle)
{
    if (bundle) {
        for (size_t block = 0; block < bundle->model_count; block++) {
            alm_forest_explainer_destroy(bundle->models[block].explainer);
            alm_forest_destroy(bundle->models[block].forest);
        }
        alm_feature_plan_destroy(bundle->plan);
        alm_arena_destroy(bundle->arena);
    }
}
