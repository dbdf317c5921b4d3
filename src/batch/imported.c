#include "batch/imported.h"

#include <math.h>
#include <string.h>

#include "batch/predict_rows.h"

#define KIND_FILE "model file"
#define KIND_SCORER "scorer"
#define FORMAT 1
#define MANIFEST_BYTES_MAX ((size_t)4 << 20)
#define DIGEST_SHOWN 12
#define COMPARE_ROWS 1000

void alm_imported_model_close(alm_imported_model *model)
{
    alm_model_file_close(model->file);
    alm_scorer_destroy(model->scorer);
    *model = (alm_imported_model){0};
}

alm_str alm_imported_model_description(const alm_imported_model *model, alm_arena *arena)
{
    if (model->file) {
        alm_str text = alm_model_file_describe(model->file)->description;
        return (alm_str){alm_arena_copy_text(arena, text.data, text.size), text.size};
    }
    const alm_scorer_info *info = alm_scorer_describe(model->scorer);
    char digest[ALM_DIGEST_TEXT_BYTES];
    if (info->of_model_file) {
        size_t count = 0;
        alm_digest_text(&alm_scorer_parts(model->scorer, &count)->digest, digest);
        return alm_str_of(alm_arena_printf(
            arena, ALM_STR_FMT " (" ALM_STR_FMT ", " ALM_STR_FMT ", sha256 %.*s)",
            ALM_STR_ARG(info->name), ALM_STR_ARG(info->member[0].format),
            ALM_STR_ARG(info->member[0].detail), DIGEST_SHOWN, digest));
    }
    alm_digest_text(&info->digest, digest);
    const char *remote = info->remote_count == 0
                             ? "" : alm_arena_printf(arena, ", %zu of them remote, whose answers "
                                                     "the hash does not cover",
                                                     info->remote_count);
    return alm_str_of(alm_arena_printf(
        arena, ALM_STR_FMT " (scorer, %zu model%s%s, sha256 %.*s)", ALM_STR_ARG(info->name),
        info->member_count, info->member_count == 1 ? "" : "s", remote, DIGEST_SHOWN, digest));
}

/* ---- expected outputs ---- */

/* The file twice, side by side: as rows for the model, and as what it should answer. */
typedef struct comparison {
    const char *name;
    alm_predict *predict;
    almi_predict_rows *rows;
    const alm_str *outputs;
    size_t output_count;
    double tolerance;
    double *expected; /* COMPARE_ROWS x output_count */
    double total_error, worst_distance;
    uint64_t row_count, error_count;
    alm_expected_check check;
} comparison;

static void compare_value(comparison *c, size_t output, double answer, double expected)
{
    alm_expected_check *check = &c->check;
    double error = fabs(answer - expected);
    bool both_missing = answer != answer && expected != expected;
    bool equal = answer == expected || both_missing;
    bool close = equal || error <= c->tolerance * fmax(1, fabs(expected));
    check->values++;
    check->equal += equal;
    check->close += close;
    if (!both_missing && isfinite(error)) {
        c->total_error += error;
        c->error_count++;
    }
    check->largest = isfinite(error) && error > check->largest ? error : check->largest;
    double distance = isfinite(error) ? error : (double)INFINITY;
    if (!equal && (check->worst_row == 0 || distance > c->worst_distance)) {
        c->worst_distance = distance;
        check->worst_row = c->row_count + 1;
        check->worst_column = c->outputs[output].data;
        check->worst_answer = answer;
        check->worst_expected = expected;
    }
}

static alm_err choose_outputs(comparison *c, alm_arena *arena, alm_error *error)
{
    size_t count = 0;
    const alm_str *header = almi_predict_rows_header(c->rows, &count);
    size_t *place = ALM_NEW_ARRAY(arena, size_t, c->output_count);
    for (size_t i = 0; i < c->output_count; i++) {
        place[i] = 0;
        while (place[i] < count && !alm_str_equal(header[place[i]], c->outputs[i])) {
            place[i]++;
        }
        if (place[i] == count) {
            return alm_fail(error, ALM_ERR_INVALID, "%s has no column '" ALM_STR_FMT "': expected "
                            "outputs stand beside the rows' columns, named as `almanac predict` "
                            "names them", c->name, ALM_STR_ARG(c->outputs[i]));
        }
    }
    return almi_predict_rows_choose(c->rows, place, c->output_count, error);
}

static alm_err compare_rows(comparison *c, alm_error *error)
{
    for (;;) {
        const double *answers = NULL;
        size_t n = 0;
        size_t expected = 0;
        ALM_TRY(alm_predict_next(c->predict, &answers, &n, error));
        ALM_TRY(almi_predict_rows_next(c->rows, COMPARE_ROWS, c->expected, &expected, error));
        if (n != expected) {
            return alm_fail(error, ALM_ERR_IO, "%s changed while it was read", c->name);
        }
        if (n == 0) {
            break;
        }
        for (size_t i = 0; i < n; i++, c->row_count++) {
            for (size_t k = 0; k < c->output_count; k++) {
                size_t at = i * c->output_count + k;
                compare_value(c, k, answers[at], c->expected[at]);
            }
        }
    }
    if (c->row_count == 0) {
        return alm_fail(error, ALM_ERR_INVALID, "%s has a header and no rows", c->name);
    }
    c->check.mean_error = c->error_count ? c->total_error / (double)c->error_count : 0;
    return ALM_OK;
}

/* Raw outputs where the file has them and no others. */
static alm_err open_sides(comparison *c, const alm_env *env, const alm_expected_request *request,
                          alm_arena *arena, alm_error *error)
{
    alm_predict_options options = {.model = request->model->file,
                                   .scorer = request->model->scorer,
                                   .path = request->path, .name = c->name,
                                   .block_rows = COMPARE_ROWS, .answers_beside = true,
                                   .category_codes = request->model->file != NULL};
    size_t count = 0;
    bool has_raw = false;
    bool has_other = false;
    ALM_TRY(almi_predict_rows_open(env->fs, request->path, c->name, &c->rows, error));
    const alm_str *header = almi_predict_rows_header(c->rows, &count);
    for (size_t i = 0; i < count; i++) {
        has_raw = has_raw || alm_str_is(header[i], "raw") || alm_str_is(header[i], "raw_0");
        has_other = has_other || alm_str_is(header[i], "prediction") ||
                    alm_str_is(header[i], "p_0");
    }
    options.raw = has_raw && !has_other && !options.scorer;
    ALM_TRY(alm_predict_open(env, &options, &c->predict, error));
    const alm_predict_facts *facts = alm_predict_describe(c->predict);
    c->outputs = facts->outputs;
    c->output_count = facts->column_count;
    c->expected = ALM_NEW_ARRAY(arena, double, COMPARE_ROWS * c->output_count);
    return choose_outputs(c, arena, error);
}

alm_err alm_expected_compare(const alm_env *env, const alm_expected_request *request,
                             alm_arena *arena, alm_expected_check *out, alm_error *error)
{
    comparison c = {.name = request->name, .tolerance = request->tolerance};
    alm_err code = open_sides(&c, env, request, arena, error);
    if (code == ALM_OK) {
        code = compare_rows(&c, error);
    }
    if (code == ALM_OK) {
        const char *column = c.check.worst_column;
        c.check.worst_column =
            column ? alm_arena_copy_text(arena, column, strlen(column)) : NULL;
        *out = c.check;
    }
    alm_predict_close(c.predict);
    almi_predict_rows_close(c.rows);
    return code;
}

/* The shortest text that reads as the same double. */
static const char *text_of(double value, alm_arena *arena)
{
    alm_buffer text = {0};
    alm_buffer_double(&text, value);
    const char *copy = alm_arena_copy_text(arena, text.data ? text.data : "", text.size);
    alm_buffer_deinit(&text);
    return copy;
}

/* One import on its way. */
typedef struct importing {
    const alm_env *env;
    const alm_import_request *request;
    alm_objects *objects;
    alm_arena *arena;
    alm_imported_model model;
    alm_import_result result;
} importing;

static alm_err check_expected(importing *i, const char *path, alm_error *error)
{
    const alm_import_request *request = i->request;
    alm_expected_check *check = &i->result.check;
    alm_arena *arena = i->arena;
    alm_expected_request compare = {&i->model, path, request->expected_path, request->tolerance};
    ALM_TRY(alm_expected_compare(i->env, &compare, arena, check, error));
    if (check->close == check->values) {
        return ALM_OK;
    }
    return alm_fail(error, ALM_ERR_CONFLICT, "%s answers otherwise than %s expects, in %llu of "
                    "%llu values: row %llu, %s is %s, expected %s (tolerance %g)",
                    request->model_path, request->expected_path,
                    (unsigned long long)(check->values - check->close),
                    (unsigned long long)check->values, (unsigned long long)check->worst_row,
                    check->worst_column, text_of(check->worst_answer, arena),
                    text_of(check->worst_expected, arena), request->tolerance);
}

/* ---- the bundle ---- */

static void put_digest(alm_json_writer *json, const char *key, const alm_digest *digest)
{
    char text[ALM_DIGEST_TEXT_BYTES];
    if (digest) {
        alm_digest_text(digest, text);
        alm_json_put_text(json, key, text);
    } else {
        alm_json_key(json, key);
        alm_json_null(json);
    }
}

/* What the manifest says; of a scorer the parts too. */
typedef struct manifest {
    const char *path;
    const alm_digest *expected; /* NULL: none */
    alm_digest model;
    const alm_scorer *scorer; /* NULL: a model file */
} manifest;

static void put_parts(alm_json_writer *json, const alm_scorer *scorer)
{
    size_t count = 0;
    const alm_scorer_part *part = alm_scorer_parts(scorer, &count);
    alm_json_key(json, "parts");
    alm_json_open_object(json);
    for (size_t i = 0; i < count; i++) {
        put_digest(json, part[i].name.data, &part[i].digest);
    }
    alm_json_close_object(json);
}

static alm_err put_manifest(alm_objects *objects, const manifest *m, alm_digest *out,
                            alm_error *error)
{
    const char *slash = strrchr(m->path, '/');
    alm_buffer text = {0};
    alm_json_writer json = alm_json_writer_on(&text);
    alm_json_open_object(&json);
    put_digest(&json, "expected", m->expected);
    alm_json_put_text(&json, "file", slash ? slash + 1 : m->path);
    alm_json_put_i64(&json, "format", FORMAT);
    alm_json_put_text(&json, "kind", m->scorer ? KIND_SCORER : KIND_FILE);
    put_digest(&json, "model", &m->model);
    if (m->scorer) {
        put_parts(&json, m->scorer);
    }
    alm_json_close_object(&json);
    alm_err code = alm_buffer_status(&text, error);
    if (code == ALM_OK) {
        code = alm_objects_put(objects, alm_buffer_view(&text), out, error);
    }
    alm_buffer_deinit(&text);
    return code;
}

/* A file of a scorer becomes the object of its hash. */
static alm_err put_part(void *context, const char *name, alm_str bytes, alm_error *error)
{
    alm_digest digest;
    (void)name;
    return alm_objects_put(context, bytes, &digest, error);
}

/* "runs/best/" is called "best". */
static const char *without_slashes(const char *path, alm_arena *arena)
{
    size_t size = strlen(path);
    while (size > 1 && path[size - 1] == '/') {
        size--;
    }
    return alm_arena_copy_text(arena, path, size);
}

static alm_err save_scorer(importing *i, const char *path, manifest *m, alm_error *error)
{
    alm_scorer_folder folder = {i->env->fs, path};
    alm_scorer_source source = alm_scorer_in_folder(&folder);
    m->scorer = i->model.scorer;
    m->model = alm_scorer_describe(i->model.scorer)->digest;
    return alm_scorer_save(i->model.scorer, &source, put_part, i->objects, error);
}

/* A forest, or another ONNX graph, which is a scorer of one member. */
static alm_err load_file(importing *i, const char *path, alm_model_bytes *file, alm_error *error)
{
    alm_fs *fs = i->env->fs;
    alm_err code = alm_model_file_load(i->env, path, i->arena, file, &i->model.file, error);
    return code == ALM_ERR_UNSUPPORTED && alm_scorer_is_onnx(fs, path)
               ? alm_scorer_open_onnx(i->env, path, i->arena, file, &i->model.scorer, error)
               : code;
}

/* What is checked is what was stored, whatever happens to the files meanwhile. */
static alm_err import_all(importing *i, alm_error *error)
{
    const alm_import_request *request = i->request;
    const char *path = without_slashes(request->model_path, i->arena);
    bool is_scorer = alm_scorer_is_folder(i->env->fs, path);
    alm_model_bytes file = {0};
    alm_digest expected;
    manifest m = {.path = path};
    ALM_TRY(is_scorer ? alm_scorer_open(i->env, path, path, &i->model.scorer, error)
                      : load_file(i, path, &file, error));
    i->result.description = alm_imported_model_description(&i->model, i->arena);
    i->result.has_expected = request->expected_path != NULL;
    if (i->result.has_expected) {
        const char *kept = NULL;
        ALM_TRY(alm_objects_put_file(i->objects, request->expected_path, &expected, error));
        ALM_TRY(alm_objects_locate(i->objects, &expected, i->arena, &kept, error));
        ALM_TRY(check_expected(i, kept, error));
        m.expected = &expected;
    }
    if (is_scorer) {
        ALM_TRY(save_scorer(i, path, &m, error));
    } else {
        m.path = file.name;
        ALM_TRY(alm_objects_put(i->objects, file.content, &m.model, error));
    }
    return put_manifest(i->objects, &m, &i->result.bundle, error);
}

alm_err alm_import_model(const alm_env *env, const alm_import_request *request,
                         alm_objects *objects, alm_arena *arena, alm_import_result *out,
                         alm_error *error)
{
    importing i = {.env = env, .request = request, .objects = objects, .arena = arena};
    alm_err code = import_all(&i, error);
    alm_imported_model_close(&i.model);
    if (code == ALM_OK) {
        *out = i.result;
    }
    return code;
}

/* ---- opening ---- */

static alm_err get_digest(const alm_json *root, const char *key, alm_digest *out,
                          alm_error *error)
{
    alm_str text;
    ALM_TRY(alm_json_get_str(root, key, &text, error));
    return alm_digest_parse(text, out)
               ? ALM_OK
               : alm_fail(error, ALM_ERR_CORRUPT, "the digest of `%s` is malformed", key);
}

/* The files of a scorer in the store, by the manifest. */
typedef struct stored_scorer {
    alm_objects *objects;
    const alm_json *root;
} stored_scorer;

static alm_err read_part(void *context, const char *name, size_t limit, alm_arena *arena,
                         alm_str *out, alm_error *error)
{
    const stored_scorer *stored = context;
    const alm_json *parts = NULL;
    alm_digest digest;
    if (strcmp(name, ALM_SCORER_DOCUMENT) == 0) {
        ALM_TRY(get_digest(stored->root, "model", &digest, error));
    } else {
        ALM_TRY(alm_json_get(stored->root, "parts", ALM_JSON_OBJECT, &parts, error));
        ALM_TRY(get_digest(parts, name, &digest, error));
    }
    return alm_objects_get(stored->objects, &digest, limit, arena, out, error);
}

typedef struct opening {
    const alm_env *env;
    alm_objects *objects;
    alm_arena *arena;
    bool as_scorer; /* also a model file */
} opening;

static alm_err open_model(const opening *o, const alm_json *root, bool is_scorer,
                          alm_imported_model *out, alm_error *error)
{
    alm_digest digest;
    alm_str bytes;
    alm_str file;
    ALM_TRY(alm_json_get_str(root, "file", &file, error));
    const char *name = alm_arena_copy_text(o->arena, file.data, file.size);
    if (is_scorer) {
        stored_scorer stored = {o->objects, root};
        alm_scorer_source source = {read_part, &stored, o->env};
        return alm_scorer_read(&source, name, &out->scorer, error);
    }
    ALM_TRY(get_digest(root, "model", &digest, error));
    ALM_TRY(alm_objects_get(o->objects, &digest, ALM_MODEL_FILE_BYTES_MAX, o->arena, &bytes,
                            error));
    alm_fs_content content = {.bytes = bytes, .digest = &digest}; /* which the store has checked */
    if (o->as_scorer) {
        return alm_scorer_of_content(o->env, &content, name, false, &out->scorer, error);
    }
    alm_err code = alm_model_file_parse_content(o->env != NULL ? o->env->pool : NULL, &content,
                                                name, &out->file, error);
    return code == ALM_ERR_UNSUPPORTED && alm_model_file_is_onnx(bytes)
               ? alm_scorer_of_content(o->env, &content, name, false, &out->scorer, error)
               : code;
}

static alm_err open_manifest(const opening *o, const alm_json *root, alm_imported *out,
                             alm_error *error)
{
    alm_digest digest;
    alm_str kind = {0};
    int64_t format;
    const alm_json *member = alm_json_member(root, "kind");
    bool known = member && alm_json_as_str(member, &kind);
    bool is_scorer = known && alm_str_is(kind, KIND_SCORER);
    if (!is_scorer && !(known && alm_str_is(kind, KIND_FILE))) {
        return alm_fail(error, ALM_ERR_UNSUPPORTED, "it was trained here and holds no model file "
                        "of another library");
    }
    ALM_TRY(alm_json_get_i64(root, "format", &format, error));
    if (format != FORMAT) {
        return alm_fail(error, ALM_ERR_UNSUPPORTED, "it has format %lld, this engine reads %d; "
                        "use the almanac that made it or a newer one", (long long)format, FORMAT);
    }
    const alm_json *expected = alm_json_member(root, "expected");
    out->has_expected = expected && alm_json_kind_of(expected) != ALM_JSON_NULL;
    if (out->has_expected) {
        ALM_TRY(get_digest(root, "expected", &digest, error));
        ALM_TRY(alm_objects_locate(o->objects, &digest, o->arena, &out->expected_path, error));
    }
    return open_model(o, root, is_scorer, &out->model, error);
}

static alm_err open_bundle(const opening *o, const alm_digest *bundle, alm_imported *out,
                           alm_error *error)
{
    alm_str text;
    alm_imported found = {0};
    alm_json_document *document = NULL;
    char name[ALM_DIGEST_TEXT_BYTES];
    alm_digest_text(bundle, name);
    alm_err code = alm_objects_get(o->objects, bundle, MANIFEST_BYTES_MAX, o->arena, &text, error);
    if (code == ALM_OK) {
        code = alm_json_parse(text, "manifest.json", &document, error);
    }
    if (code == ALM_OK) {
        code = open_manifest(o, alm_json_root(document), &found, error);
    }
    alm_json_document_destroy(document);
    if (code != ALM_OK) {
        code = code == ALM_ERR_INVALID ? ALM_ERR_CORRUPT : code;
        return alm_error_wrap(error, code, "bundle %.12s", name);
    }
    *out = found;
    return ALM_OK;
}

alm_err alm_imported_open(const alm_env *env, alm_objects *objects, const alm_digest *bundle,
                          alm_arena *arena, alm_imported *out, alm_error *error)
{
    opening o = {.env = env, .objects = objects, .arena = arena};
    return open_bundle(&o, bundle, out, error);
}

alm_err alm_imported_scorer(const alm_env *env, alm_objects *objects, const alm_digest *bundle,
                            alm_arena *arena, alm_scorer **out, alm_error *error)
{
    opening o = {.env = env, .objects = objects, .arena = arena, .as_scorer = true};
    alm_imported found = {0};
    ALM_TRY(open_bundle(&o, bundle, &found, error));
    *out = found.model.scorer;
    return ALM_OK;
}
