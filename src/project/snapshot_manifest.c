/* snapshot_manifest.c: the manifest: what determines the content (hashed), and its lineage. */
#include "project/snapshot_internal.h"

#include "base/json.h"

#include <string.h>

#define FORMAT "almanac-snapshot-1"

/* ---- writing ---- */

static void put_date(alm_json_writer *w, const char *key, alm_date date)
{
    char text[ALM_DATE_TEXT_BYTES];
    alm_json_key(w, key);
    if (date == ALM_DATE_NONE) {
        alm_json_null(w);
        return;
    }
    alm_date_text(date, text);
    alm_json_text(w, text);
}

/* Only what determines the content: no file, no object, no clock. Keys are sorted. */
static void write_source_content(const almi_manifest_source *source, alm_json_writer *w)
{
    alm_json_open_object(w);
    alm_json_key(w, "columns");
    alm_json_open_array(w);
    for (size_t i = 0; i < source->column_count; i++) {
        char digest[ALM_DIGEST_TEXT_BYTES];
        alm_digest_text(&source->columns[i].digest, digest);
        alm_json_open_object(w);
        alm_json_put_text(w, "digest", digest);
        alm_json_put_str(w, "name", source->columns[i].name);
        alm_json_put_text(w, "type", alm_type_name(source->columns[i].type));
        alm_json_close_object(w);
    }
    alm_json_close_array(w);
    alm_json_key(w, "keys");
    alm_json_open_array(w);
    for (size_t i = 0; i < source->key_count; i++) {
        alm_json_str(w, source->keys[i]);
    }
    alm_json_close_array(w);
    alm_json_put_str(w, "name", source->name);
    alm_json_put_i64(w, "rows", source->result.rows);
    alm_json_put_str(w, "time", source->time);
    alm_json_close_object(w);
}

static void write_content(const almi_manifest *manifest, alm_json_writer *w)
{
    alm_json_open_object(w);
    put_date(w, "end", manifest->end);
    alm_json_put_text(w, "format", FORMAT);
    alm_json_key(w, "sources");
    alm_json_open_array(w);
    for (size_t i = 0; i < manifest->source_count; i++) {
        write_source_content(&manifest->sources[i], w);
    }
    alm_json_close_array(w);
    put_date(w, "start", manifest->start);
    alm_json_close_object(w);
}

static void write_source_lineage(const almi_manifest_source *source, alm_json_writer *w)
{
    const alm_snapshot_source *r = &source->result;
    alm_json_open_object(w);
    if (r->is_bars) {
        alm_json_key(w, "bars");
        alm_json_open_object(w);
        alm_json_put_i64(w, "missing", r->bars.missing);
        alm_json_put_i64(w, "not_positive", r->bars.not_positive);
        alm_json_put_i64(w, "reversed", r->bars.reversed);
        alm_json_close_object(w);
    }
    alm_json_put_str(w, "content", r->content);
    alm_json_key(w, "files");
    alm_json_open_array(w);
    for (size_t i = 0; i < r->file_count; i++) {
        alm_json_open_object(w);
        alm_json_put_str(w, "digest", r->file_digests[i]);
        alm_json_put_str(w, "name", source->file_names[i]);
        alm_json_close_object(w);
    }
    alm_json_close_array(w);
    put_date(w, "first", r->first);
    put_date(w, "last", r->last);
    alm_json_put_str(w, "name", source->name);
    alm_json_put_str(w, "object", r->object);
    alm_json_put_i64(w, "outside", r->outside);
    alm_json_put_i64(w, "rejected", r->rejected);
    alm_json_close_object(w);
}

static void write_lineage(const almi_manifest *manifest, alm_json_writer *w)
{
    char instant[ALM_INSTANT_TEXT_BYTES];
    alm_json_open_object(w);
    alm_json_put_text(w, "engine", manifest->engine);
    alm_json_key(w, "known_at");
    if (manifest->known_at == INT64_MAX) {
        alm_json_null(w);
    } else {
        alm_instant_text(manifest->known_at, instant);
        alm_json_text(w, instant);
    }
    alm_json_key(w, "sources");
    alm_json_open_array(w);
    for (size_t i = 0; i < manifest->source_count; i++) {
        write_source_lineage(&manifest->sources[i], w);
    }
    alm_json_close_array(w);
    alm_json_close_object(w);
}

static alm_str digest_str(const void *data, size_t size, alm_arena *arena)
{
    alm_digest digest = alm_hash_bytes(data, size);
    return alm_digest_str(&digest, arena);
}

/* The content digests of the sources, and the id. */
static alm_err compute_id(almi_manifest *manifest, alm_arena *arena, alm_str *id,
                          alm_error *error)
{
    alm_buffer buffer = {0};
    for (size_t i = 0; i < manifest->source_count; i++) {
        alm_buffer_clear(&buffer);
        alm_json_writer w = alm_json_writer_on(&buffer);
        write_source_content(&manifest->sources[i], &w);
        manifest->sources[i].result.content = digest_str(buffer.data, buffer.size, arena);
    }
    alm_buffer_clear(&buffer);
    alm_json_writer w = alm_json_writer_on(&buffer);
    write_content(manifest, &w);
    alm_err code = alm_buffer_status(&buffer, error);
    if (code == ALM_OK) {
        *id = digest_str(buffer.data, buffer.size, arena);
    }
    alm_buffer_deinit(&buffer);
    return code;
}

alm_err almi_manifest_write(almi_manifest *manifest, alm_arena *arena, alm_str *id, alm_str *text,
                            alm_error *error)
{
    ALM_TRY(compute_id(manifest, arena, id, error));
    alm_buffer buffer = {0};
    alm_json_writer w = alm_json_writer_on(&buffer);
    alm_json_open_object(&w);
    alm_json_key(&w, "content");
    write_content(manifest, &w);
    alm_json_put_str(&w, "id", *id);
    alm_json_key(&w, "lineage");
    write_lineage(manifest, &w);
    alm_json_close_object(&w);
    alm_err code = alm_buffer_status(&buffer, error);
    if (code == ALM_OK) {
        *text = (alm_str){alm_arena_copy_text(arena, buffer.data, buffer.size), buffer.size};
    }
    alm_buffer_deinit(&buffer);
    return code;
}

/* ---- reading ---- */

static alm_str keep(alm_arena *arena, alm_str text)
{
    return (alm_str){alm_arena_copy_text(arena, text.data, text.size), text.size};
}

static alm_err get_text(const alm_json *object, const char *key, alm_arena *arena, alm_str *out,
                        alm_error *error)
{
    alm_str text;
    ALM_TRY(alm_json_get_str(object, key, &text, error));
    *out = keep(arena, text);
    return ALM_OK;
}

static alm_err get_date(const alm_json *object, const char *key, alm_date *out, alm_error *error)
{
    const alm_json *value = alm_json_member(object, key);
    alm_str text;
    if (value && alm_json_kind_of(value) == ALM_JSON_NULL) {
        *out = ALM_DATE_NONE;
        return ALM_OK;
    }
    ALM_TRY(alm_json_get_str(object, key, &text, error));
    if (!alm_date_parse(text, out)) {
        return alm_fail(error, ALM_ERR_CORRUPT, "%s is not a date", key);
    }
    return ALM_OK;
}

static alm_err read_columns(const alm_json *object, alm_arena *arena, almi_manifest_source *out,
                            alm_error *error)
{
    const alm_json *list = NULL;
    ALM_TRY(alm_json_get(object, "columns", ALM_JSON_ARRAY, &list, error));
    size_t count = alm_json_count(list);
    almi_content_column *columns = ALM_NEW_ARRAY(arena, almi_content_column, count);
    for (size_t i = 0; i < count; i++) {
        const alm_json *item = alm_json_at(list, i);
        alm_str type;
        alm_str digest;
        ALM_TRY(get_text(item, "name", arena, &columns[i].name, error));
        ALM_TRY(alm_json_get_str(item, "type", &type, error));
        ALM_TRY(alm_json_get_str(item, "digest", &digest, error));
        if (!alm_type_parse(type, &columns[i].type) ||
            !alm_digest_parse(digest, &columns[i].digest)) {
            return alm_fail(error, ALM_ERR_CORRUPT, "column " ALM_STR_FMT " has no type or digest",
                            ALM_STR_ARG(columns[i].name));
        }
    }
    out->columns = columns;
    out->column_count = count;
    return ALM_OK;
}

static alm_err read_source_content(const alm_json *object, alm_arena *arena,
                                   almi_manifest_source *out, alm_error *error)
{
    const alm_json *keys = NULL;
    ALM_TRY(read_columns(object, arena, out, error));
    ALM_TRY(alm_json_get(object, "keys", ALM_JSON_ARRAY, &keys, error));
    out->key_count = alm_json_count(keys);
    alm_str *names = ALM_NEW_ARRAY(arena, alm_str, out->key_count);
    for (size_t i = 0; i < out->key_count; i++) {
        alm_str text;
        if (!alm_json_as_str(alm_json_at(keys, i), &text)) {
            return alm_fail(error, ALM_ERR_CORRUPT, "a key is not a text");
        }
        names[i] = keep(arena, text);
    }
    out->keys = names;
    ALM_TRY(get_text(object, "name", arena, &out->name, error));
    ALM_TRY(get_text(object, "time", arena, &out->time, error));
    out->result.name = out->name;
    return alm_json_get_i64(object, "rows", &out->result.rows, error);
}

static alm_err read_bar_facts(const alm_json *object, alm_snapshot_source *out, alm_error *error)
{
    const alm_json *bars = alm_json_member(object, "bars");
    out->is_bars = bars != NULL;
    if (!bars) {
        return ALM_OK;
    }
    ALM_TRY(alm_json_get_i64(bars, "missing", &out->bars.missing, error));
    ALM_TRY(alm_json_get_i64(bars, "not_positive", &out->bars.not_positive, error));
    return alm_json_get_i64(bars, "reversed", &out->bars.reversed, error);
}

static alm_err read_source_lineage(const alm_json *object, alm_arena *arena,
                                   almi_manifest_source *out, alm_error *error)
{
    const alm_json *files = NULL;
    alm_snapshot_source *r = &out->result;
    ALM_TRY(alm_json_get(object, "files", ALM_JSON_ARRAY, &files, error));
    r->file_count = alm_json_count(files);
    alm_str *digests = ALM_NEW_ARRAY(arena, alm_str, r->file_count);
    alm_str *names = ALM_NEW_ARRAY(arena, alm_str, r->file_count);
    for (size_t i = 0; i < r->file_count; i++) {
        ALM_TRY(get_text(alm_json_at(files, i), "digest", arena, &digests[i], error));
        ALM_TRY(get_text(alm_json_at(files, i), "name", arena, &names[i], error));
    }
    r->file_digests = digests;
    out->file_names = names;
    ALM_TRY(read_bar_facts(object, r, error));
    ALM_TRY(get_date(object, "first", &r->first, error));
    ALM_TRY(get_date(object, "last", &r->last, error));
    ALM_TRY(get_text(object, "object", arena, &r->object, error));
    ALM_TRY(alm_json_get_i64(object, "outside", &r->outside, error));
    return alm_json_get_i64(object, "rejected", &r->rejected, error);
}

static alm_err read_lineage(const alm_json *lineage, alm_arena *arena, almi_manifest *out,
                            alm_error *error)
{
    alm_str engine;
    const alm_json *sources = NULL;
    ALM_TRY(get_text(lineage, "engine", arena, &engine, error));
    out->engine = engine.data;
    const alm_json *known_at = alm_json_member(lineage, "known_at");
    alm_str text;
    out->known_at = INT64_MAX;
    if (known_at && alm_json_as_str(known_at, &text) && !alm_instant_parse(text, &out->known_at)) {
        return alm_fail(error, ALM_ERR_CORRUPT, "known_at is not an instant");
    }
    ALM_TRY(alm_json_get(lineage, "sources", ALM_JSON_ARRAY, &sources, error));
    if (alm_json_count(sources) != out->source_count) {
        return alm_fail(error, ALM_ERR_CORRUPT, "lineage and content name different sources");
    }
    for (size_t i = 0; i < out->source_count; i++) {
        ALM_TRY(read_source_lineage(alm_json_at(sources, i), arena, &out->sources[i], error));
    }
    return ALM_OK;
}

static alm_err read_root(const alm_json *root, alm_arena *arena, almi_manifest *out, alm_str *id,
                         alm_error *error)
{
    const alm_json *content = NULL;
    const alm_json *lineage = NULL;
    const alm_json *sources = NULL;
    alm_str format;
    ALM_TRY(alm_json_get(root, "content", ALM_JSON_OBJECT, &content, error));
    ALM_TRY(alm_json_get(root, "lineage", ALM_JSON_OBJECT, &lineage, error));
    ALM_TRY(alm_json_get_str(content, "format", &format, error));
    if (!alm_str_is(format, FORMAT)) {
        return alm_fail(error, ALM_ERR_UNSUPPORTED, "this engine reads " FORMAT ", not "
                        ALM_STR_FMT, ALM_STR_ARG(format));
    }
    ALM_TRY(get_date(content, "start", &out->start, error));
    ALM_TRY(get_date(content, "end", &out->end, error));
    ALM_TRY(alm_json_get(content, "sources", ALM_JSON_ARRAY, &sources, error));
    out->source_count = alm_json_count(sources);
    out->sources = ALM_NEW_ARRAY(arena, almi_manifest_source, out->source_count);
    for (size_t i = 0; i < out->source_count; i++) {
        ALM_TRY(read_source_content(alm_json_at(sources, i), arena, &out->sources[i], error));
    }
    ALM_TRY(read_lineage(lineage, arena, out, error));
    alm_str stated;
    ALM_TRY(alm_json_get_str(root, "id", &stated, error));
    ALM_TRY(compute_id(out, arena, id, error));
    if (!alm_str_equal(stated, *id)) {
        return alm_fail(error, ALM_ERR_CORRUPT, "the id does not belong to the content");
    }
    return ALM_OK;
}

alm_err almi_manifest_read(alm_str text, const char *name, alm_arena *arena, almi_manifest *out,
                           alm_str *id, alm_error *error)
{
    alm_json_document *document = NULL;
    ALM_TRY(alm_json_parse(text, name, &document, error));
    alm_err code = read_root(alm_json_root(document), arena, out, id, error);
    alm_json_document_destroy(document);
    if (code != ALM_OK) {
        /* What was parsed but does not fit is damage, whatever the field's own complaint. */
        code = code == ALM_ERR_INVALID || code == ALM_ERR_NOT_FOUND ? ALM_ERR_CORRUPT : code;
        return alm_error_wrap(error, code, "%s", name);
    }
    return ALM_OK;
}
