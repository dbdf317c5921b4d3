/* snapshot.c: taking, reading and verifying snapshots. */
#include "project/snapshot.h"

#include "project/snapshot_internal.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* What the engine may take; it streams, and needs this for row groups of other writers only. */
#define ENGINE_BYTES ((uint64_t)1 << 30)
#define MANIFEST_BYTES_MAX ((size_t)64 << 20)

/* ---- the key of the pseudonyms ---- */

/* A new file that only its owner may read. It is empty until the mode is set, and it becomes the
 * key by a link, so of two processes one wins and both then read the same key. */
static alm_err make_key_file(const alm_env *env, const char *path, alm_arena *arena,
                             alm_error *error)
{
    const alm_fs_ops *ops = env->fs->ops;
    alm_digest key;
    char text[ALM_DIGEST_TEXT_BYTES];
    uint32_t unique = 0;
    alm_random_bytes(key.bytes, sizeof(key.bytes));
    alm_random_bytes(&unique, sizeof(unique));
    alm_digest_text(&key, text);
    text[64] = '\n'; /* a line of text: the NUL is not written */
    char *temporary = alm_arena_printf(arena, "%s.%08x", path, unique);
    alm_file *file = NULL;
    ALM_TRY(ops->create(env->fs, temporary, &file, error));
    /* The file interface has no modes: only the real file system keeps them. */
    alm_err code = ALM_OK;
    if (chmod(temporary, 0600) != 0 && strcmp(ops->name, "real") == 0) {
        code = alm_fail(error, ALM_ERR_IO, "cannot set the mode of %s", temporary);
    }
    code = code != ALM_OK ? code : ops->write(env->fs, file, text, sizeof(text), error);
    code = code != ALM_OK ? code : ops->sync(env->fs, file, error);
    alm_err closed = ops->close(env->fs, file, code == ALM_OK ? error : NULL);
    code = code != ALM_OK ? code : closed;
    if (code == ALM_OK) {
        code = ops->link(env->fs, temporary, path, error);
        code = code == ALM_ERR_EXISTS ? ALM_OK : code;
    }
    (void)ops->unlink(env->fs, temporary, NULL);
    return code != ALM_OK ? code
                          : ops->sync_directory(env->fs, alm_path_directory(arena, path), error);
}

static alm_err load_key(almi_taking *taking, alm_error *error)
{
    bool needed = false;
    for (size_t i = 0; i < taking->project->source_count; i++) {
        const alm_source *source = &taking->project->sources[i];
        for (size_t k = 0; k < source->column_count; k++) {
            needed = needed || source->columns[k].pseudonym;
        }
    }
    if (!needed) {
        return ALM_OK;
    }
    const char *path = taking->project->pseudonym_key;
    if (!alm_fs_exists(taking->env->fs, path)) {
        ALM_TRY(alm_fs_make_directories(taking->env->fs,
                                        alm_path_directory(taking->scratch, path), error));
        ALM_TRY(make_key_file(taking->env, path, taking->scratch, error));
    }
    alm_str text;
    ALM_TRY(alm_fs_read_all(taking->env->fs, path, 4096, taking->scratch, &text, error));
    if (!alm_digest_parse(alm_str_trim(text), &taking->key)) {
        return alm_fail(error, ALM_ERR_CORRUPT, "%s must hold 64 hexadecimal digits: put the "
                        "project's key back from your backup", path);
    }
    return ALM_OK;
}

/* ---- taking ---- */

static alm_err prepare(almi_taking *taking, alm_error *error)
{
    const alm_env *env = taking->env;
    uint64_t unique = 0;
    alm_random_bytes(&unique, sizeof(unique));
    taking->folder = alm_arena_printf(taking->scratch, "%s/scratch/snapshot-%016llx",
                                      taking->project->state, (unsigned long long)unique);
    ALM_TRY(alm_fs_make_directories(env->fs, taking->folder, error));
    ALM_TRY(load_key(taking, error));
    alm_sql_options options = {
        .threads = 1, /* what it does is one stream after another */
        .memory_limit_bytes = env->memory_limit_bytes ? env->memory_limit_bytes : ENGINE_BYTES,
        .scratch_directory = alm_path_join(taking->scratch, taking->folder, "spill"),
    };
    return alm_sql_open(&options, &taking->sql, error);
}

/* Where the rejected rows go; NULL when there is nothing to write. */
static const char *rejected_path(const almi_taking *taking, const char *id)
{
    if (taking->options->rejected_path) {
        return taking->options->rejected_path;
    }
    if (taking->options->dry_run || taking->rejects.size == 0) {
        return NULL;
    }
    return alm_arena_printf(taking->scratch, "%s/rejected/%s.csv", taking->project->state, id);
}

static alm_err write_rejects(almi_taking *taking, const char *id, const char **path,
                             alm_error *error)
{
    *path = rejected_path(taking, id);
    if (!*path) {
        return ALM_OK;
    }
    alm_buffer text = {0};
    alm_buffer_text(&text, "source,file,row,column,value,reason\n");
    alm_buffer_str(&text, alm_buffer_view(&taking->rejects));
    alm_err code = alm_buffer_status(&text, error);
    if (code == ALM_OK && !taking->options->rejected_path) {
        code = alm_fs_make_directories(taking->env->fs,
                                       alm_path_directory(taking->scratch, *path), error);
    }
    if (code == ALM_OK) {
        code = alm_fs_write_all(taking->env->fs, *path, alm_buffer_view(&text), error);
    }
    alm_buffer_deinit(&text);
    return code;
}

/* A refusal still leaves the list of what did not fit, and says where it is. */
static alm_err refuse(almi_taking *taking, alm_err code, alm_error *error)
{
    const char *path = NULL;
    if (taking->rejects.size == 0 || write_rejects(taking, "refused", &path, NULL) != ALM_OK ||
        !path) {
        return code;
    }
    char message[ALM_ERROR_MESSAGE_BYTES] = "";
    if (error) {
        memcpy(message, error->message, sizeof(message));
    }
    return alm_fail(error, code, "%s; all of them: %s", message, path);
}

static alm_err read_source(almi_taking *taking, almi_taken_source *source, alm_error *error)
{
    ALM_TRY(almi_source_read(taking, source, error));
    alm_err code = almi_gate_source(taking, source, error);
    if (code != ALM_OK) {
        return source->rejected ? refuse(taking, code, error) : code;
    }
    return almi_rows_write(taking, source, error);
}

static alm_err read_sources(almi_taking *taking, almi_taken_source *sources, alm_error *error)
{
    const alm_project *project = taking->project;
    for (size_t i = 0; i < project->source_count; i++) {
        sources[i].spec = &project->sources[i];
        sources[i].label = alm_arena_printf(taking->scratch, "source_%zu", i);
        alm_env_progress(taking->env, "snapshot", i, project->source_count);
        alm_buffer_clear(&taking->first_reject);
        alm_err code = read_source(taking, &sources[i], error);
        alm_row_sort_destroy(sources[i].sort);
        sources[i].sort = NULL;
        ALM_TRY(code);
    }
    return almi_gate_calendar(taking, sources, error);
}

static void describe(const almi_taking *taking, const almi_taken_source *taken,
                     almi_manifest_source *out)
{
    const alm_source *spec = taken->spec;
    alm_arena *arena = taking->arena;
    alm_str name = spec->name;
    *out = (almi_manifest_source){
        .name = {alm_arena_copy_text(arena, name.data, name.size), name.size},
        .time = spec->time.data ? spec->time : ALM_STR(""),
        .keys = spec->keys,
        .key_count = spec->key_count,
        .columns = taken->columns,
        .column_count = spec->column_count,
        .file_names = spec->files,
    };
    out->result = (alm_snapshot_source){
        .name = out->name,
        .object = taking->options->dry_run ? ALM_STR("") : alm_digest_str(&taken->object, arena),
        .rows = taken->rows,
        .rejected = taken->rejected,
        .outside = taken->outside,
        .first = taken->first,
        .last = taken->last,
        .file_digests = taken->file_digests,
        .file_count = spec->file_count,
        .is_bars = taken->is_bars,
        .bars = taken->bars,
    };
}

static void publish(const almi_manifest *manifest, alm_arena *arena, alm_snapshot *out)
{
    alm_snapshot_source *sources =
        ALM_NEW_ARRAY(arena, alm_snapshot_source, manifest->source_count);
    for (size_t i = 0; i < manifest->source_count; i++) {
        sources[i] = manifest->sources[i].result;
    }
    out->start = manifest->start;
    out->end = manifest->end;
    out->sources = sources;
    out->source_count = manifest->source_count;
}

static alm_err take(almi_taking *taking, alm_snapshot *out, alm_error *error)
{
    size_t count = taking->project->source_count;
    almi_taken_source *sources = ALM_NEW_ARRAY(taking->scratch, almi_taken_source, count);
    almi_manifest manifest = {.start = taking->options->start, .end = taking->options->end,
                              .known_at = taking->options->known_at,
                              .engine = alm_sql_engine_version(), .source_count = count};
    manifest.sources = ALM_NEW_ARRAY(taking->scratch, almi_manifest_source, count);
    ALM_TRY(read_sources(taking, sources, error));
    for (size_t i = 0; i < count; i++) {
        ALM_TRY(almi_content_keep(taking, &sources[i], error));
        describe(taking, &sources[i], &manifest.sources[i]);
    }
    alm_snapshot snapshot = {0};
    ALM_TRY(almi_manifest_write(&manifest, taking->arena, &snapshot.id, &snapshot.manifest, error));
    const char *path = NULL;
    ALM_TRY(write_rejects(taking, snapshot.id.data, &path, error));
    if (!taking->options->dry_run) { /* last: the manifest makes the objects a snapshot */
        alm_digest digest;
        ALM_TRY(alm_objects_put(taking->objects, snapshot.manifest, &digest, error));
        snapshot.manifest_object = alm_digest_str(&digest, taking->arena);
    } else {
        snapshot.manifest_object = ALM_STR("");
    }
    publish(&manifest, taking->arena, &snapshot);
    alm_env_progress(taking->env, "snapshot", count, count);
    *out = snapshot;
    return ALM_OK;
}

alm_err alm_snapshot_take(const alm_env *env, const alm_project *project, alm_objects *objects,
                          const alm_snapshot_options *options, alm_arena *arena, alm_snapshot *out,
                          alm_error *error)
{
    if (options->start >= options->end) {
        char start[ALM_DATE_TEXT_BYTES];
        char end[ALM_DATE_TEXT_BYTES];
        alm_date_text(options->start, start);
        alm_date_text(options->end, end);
        return alm_fail(error, ALM_ERR_USAGE, "the window [%s, %s) is empty: start must lie before "
                        "end", start, end);
    }
    alm_assert(objects || options->dry_run);
    almi_taking taking = {.env = env, .project = project, .objects = objects, .options = options,
                          .arena = arena, .scratch = alm_arena_create(0)};
    alm_err code = prepare(&taking, error);
    if (code == ALM_OK) {
        code = take(&taking, out, error);
    }
    alm_sql_close(taking.sql);
    if (taking.folder) {
        alm_err removed = alm_fs_remove_tree(env->fs, taking.folder, NULL);
        (void)removed; /* a leftover scratch folder is harmless */
    }
    alm_buffer_deinit(&taking.rejects);
    alm_buffer_deinit(&taking.first_reject);
    alm_arena_destroy(taking.scratch);
    return code;
}

/* ---- reading ---- */

static alm_err parse_object(alm_str text, alm_digest *out, alm_error *error)
{
    return alm_digest_parse(text, out)
               ? ALM_OK
               : alm_fail(error, ALM_ERR_INVALID, "\"" ALM_STR_FMT "\" is no object digest: 64 "
                          "hexadecimal digits are", ALM_STR_ARG(text));
}

static alm_err read_manifest(alm_objects *objects, alm_str manifest_object, alm_arena *arena,
                             almi_manifest *manifest, alm_snapshot *snapshot, alm_error *error)
{
    alm_digest digest;
    ALM_TRY(parse_object(manifest_object, &digest, error));
    ALM_TRY(alm_objects_get(objects, &digest, MANIFEST_BYTES_MAX, arena, &snapshot->manifest,
                            error));
    char *name = alm_arena_printf(arena, "manifest %.12s", manifest_object.data);
    ALM_TRY(almi_manifest_read(snapshot->manifest, name, arena, manifest, &snapshot->id, error));
    snapshot->manifest_object =
        (alm_str){alm_arena_copy_text(arena, manifest_object.data, 64), 64};
    return ALM_OK;
}

alm_err alm_snapshot_read(alm_objects *objects, alm_str manifest_object, alm_arena *arena,
                          alm_snapshot *out, alm_error *error)
{
    almi_manifest manifest = {0};
    alm_snapshot snapshot = {0};
    ALM_TRY(read_manifest(objects, manifest_object, arena, &manifest, &snapshot, error));
    for (size_t i = 0; i < manifest.source_count; i++) {
        alm_digest digest;
        uint64_t size = 0;
        ALM_TRY(parse_object(manifest.sources[i].result.object, &digest, error));
        alm_err code = alm_objects_find(objects, &digest, &size, error);
        if (code != ALM_OK) {
            return alm_error_wrap(error, code, "snapshot %.12s, source " ALM_STR_FMT,
                                  snapshot.id.data, ALM_STR_ARG(manifest.sources[i].name));
        }
    }
    publish(&manifest, arena, &snapshot);
    *out = snapshot;
    return ALM_OK;
}

static alm_err verify_source(alm_objects *objects, alm_sql *sql, const almi_manifest_source *source,
                             alm_arena *arena, alm_error *error)
{
    alm_digest digest;
    const char *path = NULL;
    almi_content content = {.count = source->column_count};
    content.columns = ALM_NEW_ARRAY(arena, almi_content_column, content.count);
    memcpy(content.columns, source->columns, content.count * sizeof(*content.columns));
    ALM_TRY(parse_object(source->result.object, &digest, error));
    ALM_TRY(alm_objects_locate(objects, &digest, arena, &path, error));
    ALM_TRY(almi_content_hash(sql, path, &content, error));
    if (content.rows != source->result.rows) {
        return alm_fail(error, ALM_ERR_CORRUPT, "the object has %lld rows, the manifest %lld",
                        (long long)content.rows, (long long)source->result.rows);
    }
    for (size_t i = 0; i < content.count; i++) {
        if (!alm_digest_equal(&content.columns[i].digest, &source->columns[i].digest)) {
            return alm_fail(error, ALM_ERR_CORRUPT, "the values of column " ALM_STR_FMT " are not "
                            "those of the manifest", ALM_STR_ARG(source->columns[i].name));
        }
    }
    return ALM_OK;
}

alm_err alm_snapshot_verify(const alm_env *env, const alm_project *project, alm_objects *objects,
                            const alm_snapshot *snapshot, alm_error *error)
{
    (void)project; /* a snapshot describes itself: the project may have changed since */
    alm_arena *arena = alm_arena_create(0);
    alm_sql *sql = NULL;
    almi_manifest manifest = {0};
    alm_snapshot again = {0};
    alm_sql_options options = {.threads = env->pool ? alm_pool_threads(env->pool) : 1,
                               .memory_limit_bytes = env->memory_limit_bytes};
    alm_err code = alm_sql_open(&options, &sql, error);
    if (code == ALM_OK) {
        code = read_manifest(objects, snapshot->manifest_object, arena, &manifest, &again, error);
    }
    if (code == ALM_OK && !alm_str_equal(again.id, snapshot->id)) {
        code = alm_fail(error, ALM_ERR_CORRUPT, "the manifest is that of snapshot " ALM_STR_FMT,
                        ALM_STR_ARG(again.id));
    }
    for (size_t i = 0; i < manifest.source_count && code == ALM_OK; i++) {
        code = verify_source(objects, sql, &manifest.sources[i], arena, error);
        if (code != ALM_OK) {
            code = alm_error_wrap(error, code, "snapshot %.12s, source " ALM_STR_FMT,
                                  snapshot->id.data, ALM_STR_ARG(manifest.sources[i].name));
        }
    }
    alm_sql_close(sql);
    alm_arena_destroy(arena);
    return code;
}
