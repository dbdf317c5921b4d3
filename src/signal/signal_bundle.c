#include "signal/signal_bundle.h"

#include "base/json.h"

#include <string.h>

#define KIND "signal"
#define FORMAT 1
#define MANIFEST_BYTES_MAX ((size_t)16 << 20)
#define PART_BYTES_MAX ((size_t)1 << 30)

/* ---- saving ---- */

static alm_err put_object(alm_objects *objects, const char *name, alm_str bytes,
                          alm_json_writer *w, alm_error *error)
{
    alm_digest digest;
    char text[ALM_DIGEST_TEXT_BYTES];
    ALM_TRY(alm_objects_put(objects, bytes, &digest, error));
    alm_digest_text(&digest, text);
    alm_json_put_text(w, name, text);
    return ALM_OK;
}

static alm_err put_files(alm_objects *objects, const alm_signal_bundle *b, alm_json_writer *w,
                         alm_arena *scratch, alm_error *error)
{
    bool has_document = false;
    alm_json_key(w, "files");
    alm_json_open_object(w);
    for (size_t i = 0; i < b->file_count; i++) {
        alm_str name = b->file[i].name;
        alm_assert(i == 0 || alm_str_compare(b->file[i - 1].name, name) < 0);
        has_document = has_document || alm_str_is(name, ALM_SCORER_DOCUMENT);
        ALM_TRY(put_object(objects, alm_arena_copy_text(scratch, name.data, name.size),
                           b->file[i].bytes, w, error));
    }
    alm_assert(has_document);
    alm_json_close_object(w);
    return ALM_OK;
}

static alm_err write_manifest(alm_objects *objects, const alm_signal_bundle *b, alm_buffer *text,
                              alm_arena *scratch, alm_error *error)
{
    alm_json_writer w = alm_json_writer_on(text);
    alm_json_open_object(&w);
    alm_json_put_str(&w, "feature_version", b->feature_version);
    ALM_TRY(put_files(objects, b, &w, scratch, error));
    alm_json_put_i64(&w, "format", FORMAT);
    alm_json_put_str(&w, "inputs", b->inputs);
    alm_json_put_text(&w, "kind", KIND);
    alm_json_put_text(&w, "origin", "trained");
    ALM_TRY(put_object(objects, "report", b->report, &w, error));
    alm_json_put_str(&w, "signal", b->signal);
    alm_json_put_str(&w, "snapshot_id", b->snapshot_id);
    alm_json_put_str(&w, "training_run_id", b->training_run_id);
    alm_json_close_object(&w);
    return alm_buffer_status(text, error);
}

alm_err alm_signal_bundle_save(alm_objects *objects, const alm_signal_bundle *bundle,
                               alm_digest *out, alm_error *error)
{
    alm_buffer text = {0};
    alm_arena *scratch = alm_arena_create(0);
    alm_err code = write_manifest(objects, bundle, &text, scratch, error);
    if (code == ALM_OK) {
        code = alm_objects_put(objects, alm_buffer_view(&text), out, error);
    }
    alm_arena_destroy(scratch);
    alm_buffer_deinit(&text);
    return code;
}

/* ---- reading ---- */

static alm_err keep(const alm_json *root, const char *key, alm_arena *arena, alm_str *out,
                    alm_error *error)
{
    alm_str text;
    ALM_TRY(alm_json_get_str(root, key, &text, error));
    *out = (alm_str){alm_arena_copy_text(arena, text.data, text.size), text.size};
    return ALM_OK;
}

static alm_err get_object(alm_objects *objects, const alm_json *map, const char *key,
                          alm_arena *arena, alm_str *out, alm_error *error)
{
    alm_str text;
    alm_digest digest;
    ALM_TRY(alm_json_get_str(map, key, &text, error));
    if (!alm_digest_parse(text, &digest)) {
        return alm_fail(error, ALM_ERR_CORRUPT, "the digest of %s is malformed", key);
    }
    alm_err code = alm_objects_get(objects, &digest, PART_BYTES_MAX, arena, out, error);
    return code == ALM_OK ? code : alm_error_wrap(error, code, "%s", key);
}

static alm_err read_files(alm_objects *objects, const alm_json *root, alm_arena *arena,
                          alm_signal_bundle *out, alm_error *error)
{
    const alm_json *map = NULL;
    ALM_TRY(alm_json_get(root, "files", ALM_JSON_OBJECT, &map, error));
    size_t count = alm_json_count(map);
    alm_scorer_file *files = ALM_NEW_ARRAY(arena, alm_scorer_file, count);
    bool has_document = false;
    for (size_t i = 0; i < count; i++) {
        alm_str key;
        (void)alm_json_member_at(map, i, &key);
        const char *name = alm_arena_copy_text(arena, key.data, key.size);
        files[i].name = (alm_str){name, key.size};
        has_document = has_document || strcmp(name, ALM_SCORER_DOCUMENT) == 0;
        ALM_TRY(get_object(objects, map, name, arena, &files[i].bytes, error));
    }
    if (!has_document) {
        return alm_fail(error, ALM_ERR_CORRUPT, "it has no " ALM_SCORER_DOCUMENT);
    }
    out->file = files;
    out->file_count = count;
    return ALM_OK;
}

static bool is_signal(const alm_json *root)
{
    alm_str kind = {0};
    const alm_json *member = alm_json_member(root, "kind");
    return member && alm_json_as_str(member, &kind) && alm_str_is(kind, KIND);
}

static alm_err read_manifest(alm_objects *objects, const alm_json *root, alm_arena *arena,
                             alm_signal_bundle *out, alm_error *error)
{
    int64_t format = 0;
    if (!is_signal(root)) {
        return alm_fail(error, ALM_ERR_UNSUPPORTED, "it is no signal");
    }
    ALM_TRY(alm_json_get_i64(root, "format", &format, error));
    if (format != FORMAT) {
        return alm_fail(error, ALM_ERR_UNSUPPORTED, "the signal has format %lld, this engine reads "
                        "%d; use the almanac that made it or a newer one", (long long)format,
                        FORMAT);
    }
    ALM_TRY(keep(root, "feature_version", arena, &out->feature_version, error));
    ALM_TRY(keep(root, "inputs", arena, &out->inputs, error));
    ALM_TRY(keep(root, "signal", arena, &out->signal, error));
    ALM_TRY(keep(root, "snapshot_id", arena, &out->snapshot_id, error));
    ALM_TRY(keep(root, "training_run_id", arena, &out->training_run_id, error));
    ALM_TRY(read_files(objects, root, arena, out, error));
    return get_object(objects, root, "report", arena, &out->report, error);
}

static alm_err open_manifest(alm_objects *objects, const alm_digest *hash, alm_arena *arena,
                             alm_json_document **out, alm_error *error)
{
    alm_str text;
    ALM_TRY(alm_objects_get(objects, hash, MANIFEST_BYTES_MAX, arena, &text, error));
    return alm_json_parse(text, "manifest.json", out, error);
}

static alm_err name_bundle(const alm_digest *hash, alm_err code, alm_error *error)
{
    char name[ALM_DIGEST_TEXT_BYTES];
    alm_digest_text(hash, name);
    /* What hashes right and yet is no manifest is not the caller's wrong input. */
    code = code == ALM_ERR_INVALID ? ALM_ERR_CORRUPT : code;
    return alm_error_wrap(error, code, "bundle %.12s", name);
}

alm_err alm_signal_bundle_read(alm_objects *objects, const alm_digest *hash, alm_arena *arena,
                               alm_signal_bundle *out, alm_error *error)
{
    alm_signal_bundle bundle = {0};
    alm_json_document *document = NULL;
    alm_err code = open_manifest(objects, hash, arena, &document, error);
    if (code == ALM_OK) {
        code = read_manifest(objects, alm_json_root(document), arena, &bundle, error);
    }
    alm_json_document_destroy(document);
    if (code != ALM_OK) {
        return name_bundle(hash, code, error);
    }
    *out = bundle;
    return ALM_OK;
}

alm_err alm_signal_bundle_is(alm_objects *objects, const alm_digest *hash, bool *out,
                             alm_error *error)
{
    alm_arena *arena = alm_arena_create(0);
    alm_json_document *document = NULL;
    alm_err code = open_manifest(objects, hash, arena, &document, error);
    if (code == ALM_OK) {
        *out = is_signal(alm_json_root(document));
    }
    alm_json_document_destroy(document);
    alm_arena_destroy(arena);
    return code == ALM_OK ? code : name_bundle(hash, code, error);
}
