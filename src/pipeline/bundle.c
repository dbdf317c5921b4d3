#include "pipeline/bundle.h"

#include <stdio.h>

#define PART_BYTES_MAX ((size_t)1 << 30)

#define QUANTILE_FILES ((size_t)ALM_METHOD_QUANTILES_MAX * ALM_BLOCKS_MAX)
#define FILE_COUNT (6 + ALM_BLOCKS_MAX + QUANTILE_FILES)
#define NAME_BYTES 32

/* A file of a bundle and where its text lies in the parts. */
typedef struct bundle_file {
    char name[NAME_BYTES];
    alm_str *text;
    bool optional;
} bundle_file;

/* The first block has no number, so that a model of one block has the plain names; that sorts as
 * the blocks do, and before what follows. */
static void name_model(const char *kind, size_t block, char name[NAME_BYTES])
{
    if (block == 0) {
        (void)snprintf(name, NAME_BYTES, "models/%s.txt", kind);
    } else {
        (void)snprintf(name, NAME_BYTES, "models/%s_%02u.txt", kind, (unsigned)(block + 1) % 100);
    }
}

static void name_quantile(size_t level, size_t block, char name[NAME_BYTES])
{
    char kind[16];
    (void)snprintf(kind, sizeof kind, "quantile_%02u", (unsigned)(level + 1) % 100);
    name_model(kind, block, name);
}

/* All files that there may be, sorted by name, because the manifest is. */
static bundle_file file_at(alm_bundle_parts *parts, size_t i)
{
    alm_assert(i < FILE_COUNT);
    size_t quantiles = 3 + ALM_BLOCKS_MAX;
    size_t end = quantiles + QUANTILE_FILES;
    if (i == 0) {
        return (bundle_file){"encoders.json", &parts->encoders, false};
    }
    if (i == 1) {
        return (bundle_file){"kinds.json", &parts->kinds, true};
    }
    if (i == 2) {
        return (bundle_file){"method.json", &parts->method, false};
    }
    if (i < quantiles) {
        bundle_file mean = {"", &parts->mean_model[i - 3], true};
        name_model("mean", i - 3, mean.name);
        return mean;
    }
    if (i < end) {
        size_t level = (i - quantiles) / ALM_BLOCKS_MAX;
        size_t block = (i - quantiles) % ALM_BLOCKS_MAX;
        bundle_file quantile = {"", &parts->quantile_model[level][block], true};
        name_quantile(level, block, quantile.name);
        return quantile;
    }
    if (i == end + 1) {
        return (bundle_file){"reconcile.json", &parts->reconcile, true};
    }
    return i == end ? (bundle_file){"plan.json", &parts->plan, false}
                    : (bundle_file){"report.json", &parts->report, false};
}

static bool has_quantiles(const alm_bundle_parts *parts)
{
    for (size_t i = 0; i < QUANTILE_FILES; i++) {
        if (parts->quantile_model[i / ALM_BLOCKS_MAX][i % ALM_BLOCKS_MAX].size > 0) {
            return true;
        }
    }
    return false;
}

/* The lowest format that holds these parts. */
static int64_t format_of(const alm_bundle_parts *parts)
{
    return parts->kinds.size > 0 || parts->reconcile.size > 0 ? 3 : has_quantiles(parts) ? 2 : 1;
}

static alm_err put_files(alm_objects *objects, alm_bundle_parts *parts, alm_json_writer *w,
                         alm_error *error)
{
    alm_json_key(w, "files");
    alm_json_open_object(w);
    for (size_t i = 0; i < FILE_COUNT; i++) {
        bundle_file file = file_at(parts, i);
        alm_str text = *file.text;
        if (text.size == 0 && file.optional) {
            continue;
        }
        alm_digest digest;
        char digest_text[ALM_DIGEST_TEXT_BYTES];
        ALM_TRY(alm_objects_put(objects, text, &digest, error));
        alm_digest_text(&digest, digest_text);
        alm_json_put_text(w, file.name, digest_text);
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
        alm_json_put_i64(&w, "format", format_of(parts));
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
    for (size_t i = 0; i < FILE_COUNT; i++) {
        bundle_file file = file_at(parts, i);
        if (file.optional && !alm_json_member(object, file.name)) {
            continue;
        }
        alm_str text;
        alm_digest digest;
        ALM_TRY(alm_json_get_str(object, file.name, &text, error));
        if (!alm_digest_parse(text, &digest)) {
            return alm_fail(error, ALM_ERR_CORRUPT, "the digest of %s is malformed", file.name);
        }
        alm_err code = alm_objects_get(objects, &digest, PART_BYTES_MAX, arena, file.text, error);
        if (code != ALM_OK) {
            return alm_error_wrap(error, code, "%s", file.name);
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
    if (alm_json_member(root, "kind")) {
        return alm_fail(error, ALM_ERR_UNSUPPORTED, "it holds an imported model or a signal, which "
                        "`almanac predict --release` scores: it has no series, levels or paths");
    }
    ALM_TRY(alm_json_get_i64(root, "format", &format, error));
    if (format < 1 || format > ALM_BUNDLE_FORMAT) {
        return alm_fail(error, ALM_ERR_UNSUPPORTED, "the bundle has format %lld, this engine reads "
                        "1 to %d; use the almanac that made it or a newer one", (long long)format,
                        ALM_BUNDLE_FORMAT);
    }
    ALM_TRY(keep(root, "feature_version", arena, &parts->feature_version, error));
    ALM_TRY(keep(root, "inputs", arena, &parts->inputs, error));
    ALM_TRY(keep(root, "model", arena, &parts->model, error));
    ALM_TRY(keep(root, "snapshot_id", arena, &parts->snapshot_id, error));
    ALM_TRY(keep(root, "training_run_id", arena, &parts->training_run_id, error));
    const alm_json *files = NULL;
    ALM_TRY(alm_json_get(root, "files", ALM_JSON_OBJECT, &files, error));
    ALM_TRY(read_files(objects, files, arena, parts, error));
    if (format != format_of(parts)) {
        return alm_fail(error, ALM_ERR_CORRUPT, "the bundle says format %lld, its files are those "
                        "of format %lld", (long long)format, (long long)format_of(parts));
    }
    return ALM_OK;
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

static alm_err build_forest(const alm_bundle *bundle, alm_str text, const char *name,
                            alm_forest **out, alm_error *error)
{
    ALM_TRY(alm_forest_parse_lightgbm(text, name, out, error));
    alm_forest_info info = alm_forest_describe(*out);
    size_t width = alm_feature_plan_width(bundle->plan);
    if (info.feature_count != width) {
        return alm_fail(error, ALM_ERR_CORRUPT, "%s takes %zu features, plan.json makes %zu", name,
                        info.feature_count, width);
    }
    if (info.output_count != 1) {
        return alm_fail(error, ALM_ERR_CORRUPT, "%s has %zu outputs, not one", name,
                        info.output_count);
    }
    return ALM_OK;
}

static alm_err build_mean(alm_bundle *bundle, size_t block, alm_error *error)
{
    char name[NAME_BYTES];
    alm_mean_model *model = &bundle->models[block];
    name_model("mean", block, name);
    ALM_TRY(build_forest(bundle, bundle->parts.mean_model[block], name, &model->forest, error));
    return alm_forest_explainer_create(model->forest, &model->explainer, error);
}

static bool levels_rise(const alm_method *method)
{
    double before = 0;
    for (size_t k = 0; k < method->quantile_count; k++) {
        if (!(method->quantile[k] > before && method->quantile[k] < 1)) {
            return false;
        }
        before = method->quantile[k];
    }
    return true;
}

/* All levels of all blocks, or none: a marginal with a hole would be another marginal. */
static alm_err build_quantiles(alm_bundle *bundle, alm_error *error)
{
    const alm_bundle_parts *parts = &bundle->parts;
    if (!has_quantiles(parts)) {
        return ALM_OK;
    }
    if (bundle->model_count == 0 || alm_feature_plan_recursive(bundle->plan)) {
        return alm_fail(error, ALM_ERR_CORRUPT, "there are quantile forests without direct mean "
                        "models");
    }
    if (!levels_rise(&bundle->method)) {
        return alm_fail(error, ALM_ERR_CORRUPT, "`quantiles` of method.json must rise between 0 "
                        "and 1");
    }
    for (size_t i = 0; i < QUANTILE_FILES; i++) {
        char name[NAME_BYTES];
        size_t level = i / ALM_BLOCKS_MAX;
        size_t block = i % ALM_BLOCKS_MAX;
        bool wanted = level < bundle->method.quantile_count && block < bundle->model_count;
        alm_str text = parts->quantile_model[level][block];
        name_quantile(level, block, name);
        if (wanted != (text.size > 0)) {
            return alm_fail(error, ALM_ERR_CORRUPT, "%s is %s: method.json has %zu quantiles, "
                            "plan.json %zu horizon blocks", name, wanted ? "missing" : "too many",
                            bundle->method.quantile_count, bundle->model_count);
        }
        if (wanted) {
            ALM_TRY(build_forest(bundle, text, name, &bundle->quantile[level][block], error));
        }
    }
    bundle->level_count = bundle->method.quantile_count;
    return ALM_OK;
}

/* Bottom-up has no forecasts of the aggregates' own, the others have nothing but those. */
static alm_err build_rule(alm_bundle *bundle, alm_error *error)
{
    ALM_TRY(alm_reconcile_rule_read(bundle->parts.reconcile, "reconcile.json", bundle->arena,
                                    &bundle->rule, error));
    double want = bundle->rule.method == ALM_RECONCILE_BOTTOM_UP ? 1 : 0;
    double share = bundle->method.weight[ALM_CLASS_aggregate];
    if (share < want || share > want) {
        return alm_fail(error, ALM_ERR_CORRUPT, "reconcile.json says %s, which goes with a weight "
                        "of %g for aggregates, but method.json has %g",
                        alm_reconcile_method_name(bundle->rule.method), want, share);
    }
    return ALM_OK;
}

static alm_err build(alm_bundle *bundle, const alm_feature_schema *schema, alm_error *error)
{
    const alm_bundle_parts *parts = &bundle->parts;
    ALM_TRY(alm_method_read(parts->method, "method.json", &bundle->method, error));
    if (parts->kinds.size > 0) {
        ALM_TRY(alm_kind_table_read(parts->kinds, "kinds.json", &bundle->kinds, error));
    }
    ALM_TRY(alm_feature_plan_read(parts->plan, "plan.json", schema, &bundle->plan, error));
    if (parts->reconcile.size > 0) {
        ALM_TRY(build_rule(bundle, error));
    }
    while (bundle->model_count < ALM_BLOCKS_MAX &&
           parts->mean_model[bundle->model_count].size > 0) {
        ALM_TRY(build_mean(bundle, bundle->model_count++, error));
    }
    size_t blocks = alm_feature_plan_block_count(bundle->plan);
    if (bundle->model_count > 0 &&
        (bundle->model_count != blocks || bundle->method.block_count != blocks)) {
        return alm_fail(error, ALM_ERR_CORRUPT, "plan.json has %zu horizon blocks, method.json "
                        "%zu, and there are %zu mean models", blocks, bundle->method.block_count,
                        bundle->model_count);
    }
    return build_quantiles(bundle, error);
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
        for (size_t i = 0; i < QUANTILE_FILES; i++) {
            alm_forest_destroy(bundle->quantile[i / ALM_BLOCKS_MAX][i % ALM_BLOCKS_MAX]);
        }
        alm_feature_plan_destroy(bundle->plan);
        alm_arena_destroy(bundle->arena);
    }
}
