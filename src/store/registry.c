/* registry.c: opening, snapshots, feature versions and training runs. */
#include "store/registry_internal.h"

static alm_err open_registry(const char *path, bool is_look, alm_registry **out,
                             alm_error *error) {
    alm_assert(path != NULL && out != NULL);
    if (path[0] == '\0') {
        return alm_fail(error, ALM_ERR_INVALID, "the path of the registry is empty");
    }
    void *memory;
    ALM_TRY(alm_heap_try(sizeof(alm_registry), &memory, error));
    alm_registry *registry = memory;
    alm_err code = almi_sql_open(path, is_look, &registry->sql, error);
    if (code != ALM_OK) {
        alm_heap_free(registry);
        return code;
    }
    *out = registry;
    return ALM_OK;
}

alm_err alm_registry_open(const char *path, alm_registry **out, alm_error *error) {
    return open_registry(path, false, out, error);
}

alm_err alm_registry_look(const char *path, alm_registry **out, alm_error *error) {
    return open_registry(path, true, out, error);
}

void alm_registry_close(alm_registry *registry) {
    if (!registry) {
        return;
    }
    almi_sql_close(registry->sql);
    alm_heap_free(registry);
}

static const char *digest_text(const alm_digest *digest, char text[ALM_DIGEST_TEXT_BYTES]) {
    alm_digest_text(digest, text);
    return text;
}

/* ---- snapshots ---- */

#define SNAPSHOT_COLUMNS "id, manifest, sources, window_start, window_end, created"

static void read_snapshot(almi_query *query, alm_arena *arena, void *out) {
    alm_snapshot_record *record = out;
    record->id = almi_read_digest(query, arena);
    record->manifest = almi_read_text(query, arena);
    record->sources = almi_read_text(query, arena);
    record->window_start = almi_read_i64(query);
    record->window_end = almi_read_i64(query);
    record->created = almi_read_i64(query);
}

static alm_err find_snapshot(alm_registry *registry, const alm_digest *id, alm_arena *arena,
                             alm_snapshot_record *out, bool *found, alm_error *error) {
    almi_query *query;
    ALM_TRY(almi_query_open(registry->sql,
                            "SELECT " SNAPSHOT_COLUMNS " FROM snapshots WHERE id = ?1", &query,
                            error));
    almi_bind_digest(query, id);
    return almi_query_one(query, read_snapshot, arena, out, found, error);
}

static alm_err check_snapshot(const alm_snapshot_record *record, alm_error *error) {
    if (record->window_start >= record->window_end) {
        return alm_fail(error, ALM_ERR_INVALID,
                        "snapshot: its window is empty; the start must lie before the end");
    }
    ALM_TRY(almi_check_json_object(record->manifest, "manifest of the snapshot", error));
    return almi_check_json_object(record->sources, "sources of the snapshot", error);
}

static alm_err add_snapshot(alm_registry *registry, const alm_snapshot_record *record,
                            alm_arena *scratch, alm_error *error) {
    alm_snapshot_record known;
    bool found = false;
    ALM_TRY(find_snapshot(registry, &record->id, scratch, &known, &found, error));
    if (found && (!alm_str_equal(known.manifest, record->manifest) ||
                  known.window_start != record->window_start ||
                  known.window_end != record->window_end)) {
        char id[ALM_DIGEST_TEXT_BYTES];
        return alm_fail(error, ALM_ERR_CONFLICT,
                        "snapshot %s is recorded with another manifest or window; a snapshot never "
                        "changes, so one of the two was edited",
                        digest_text(&record->id, id));
    }
    if (found) {
        return ALM_OK;
    }
    almi_query *query;
    ALM_TRY(almi_query_open(registry->sql,
                            "INSERT INTO snapshots(" SNAPSHOT_COLUMNS
                            ") VALUES(?1, ?2, ?3, ?4, ?5, ?6)",
                            &query, error));
    almi_bind_digest(query, &record->id);
    almi_bind_text(query, record->manifest);
    almi_bind_text(query, record->sources);
    almi_bind_i64(query, record->window_start);
    almi_bind_i64(query, record->window_end);
    almi_bind_i64(query, record->created);
    return almi_query_run(query, error);
}

alm_err alm_registry_add_snapshot(alm_registry *registry, const alm_snapshot_record *record,
                                  alm_error *error) {
    ALM_TRY(check_snapshot(record, error));
    ALM_TRY(almi_sql_begin(registry->sql, error));
    alm_arena *scratch = alm_arena_create(0);
    alm_err code = add_snapshot(registry, record, scratch, error);
    alm_arena_destroy(scratch);
    return almi_sql_end(registry->sql, code, error);
}

alm_err alm_registry_get_snapshot(alm_registry *registry, const alm_digest *id, alm_arena *arena,
                                  alm_snapshot_record *out, alm_error *error) {
    bool found = false;
    ALM_TRY(find_snapshot(registry, id, arena, out, &found, error));
    if (!found) {
        char text[ALM_DIGEST_TEXT_BYTES];
        return alm_fail(error, ALM_ERR_NOT_FOUND, "no snapshot %s in the registry",
                        digest_text(id, text));
    }
    return ALM_OK;
}

alm_err alm_registry_list_snapshots(alm_registry *registry, alm_arena *arena,
                                    alm_snapshot_record **out, size_t *count, alm_error *error) {
    almi_query *query;
    ALM_TRY(almi_query_open(registry->sql,
                            "SELECT " SNAPSHOT_COLUMNS " FROM snapshots ORDER BY added", &query,
                            error));
    almi_rows rows;
    ALM_TRY(almi_query_all(query, read_snapshot, sizeof(alm_snapshot_record), arena, &rows, error));
    *out = rows.items;
    *count = rows.count;
    return ALM_OK;
}

/* ---- feature versions ---- */

static void read_feature_version(almi_query *query, alm_arena *arena, void *out) {
    alm_feature_version_record *record = out;
    record->id = almi_read_digest(query, arena);
    record->definition = almi_read_text(query, arena);
    record->created = almi_read_i64(query);
}

static alm_err find_feature_version(alm_registry *registry, const alm_digest *id, alm_arena *arena,
                                    alm_feature_version_record *out, bool *found,
                                    alm_error *error) {
    almi_query *query;
    ALM_TRY(almi_query_open(registry->sql,
                            "SELECT id, definition, created FROM feature_versions WHERE id = ?1",
                            &query, error));
    almi_bind_digest(query, id);
    return almi_query_one(query, read_feature_version, arena, out, found, error);
}

static alm_err add_feature_version(alm_registry *registry,
                                   const alm_feature_version_record *record, alm_arena *scratch,
                                   alm_error *error) {
    alm_feature_version_record known;
    bool found = false;
    ALM_TRY(find_feature_version(registry, &record->id, scratch, &known, &found, error));
    if (found && !alm_str_equal(known.definition, record->definition)) {
        char id[ALM_DIGEST_TEXT_BYTES];
        return alm_fail(error, ALM_ERR_CONFLICT,
                        "feature version %s is recorded with another definition; a version never "
                        "changes, so one of the two was edited",
                        digest_text(&record->id, id));
    }
    if (found) {
        return ALM_OK;
    }
    almi_query *query;
    ALM_TRY(almi_query_open(
        registry->sql,
        "INSERT INTO feature_versions(id, definition, created) VALUES(?1, ?2, ?3)", &query, error));
    almi_bind_digest(query, &record->id);
    almi_bind_text(query, record->definition);
    almi_bind_i64(query, record->created);
    return almi_query_run(query, error);
}

alm_err alm_registry_add_feature_version(alm_registry *registry,
                                         const alm_feature_version_record *record,
                                         alm_error *error) {
    ALM_TRY(almi_check_json_object(record->definition, "definition of the features", error));
    ALM_TRY(almi_sql_begin(registry->sql, error));
    alm_arena *scratch = alm_arena_create(0);
    alm_err code = add_feature_version(registry, record, scratch, error);
    alm_arena_destroy(scratch);
    return almi_sql_end(registry->sql, code, error);
}

alm_err alm_registry_get_feature_version(alm_registry *registry, const alm_digest *id,
                                         alm_arena *arena, alm_feature_version_record *out,
                                         alm_error *error) {
    bool found = false;
    ALM_TRY(find_feature_version(registry, id, arena, out, &found, error));
    if (!found) {
        char text[ALM_DIGEST_TEXT_BYTES];
        return alm_fail(error, ALM_ERR_NOT_FOUND, "no feature version %s in the registry",
                        digest_text(id, text));
    }
    return ALM_OK;
}

/* ---- training runs ---- */

#define TRAINING_COLUMNS "id, inputs, bundle, report, experimental, who, created"

static void read_training_run(almi_query *query, alm_arena *arena, void *out) {
    alm_training_run *run = out;
    run->id = almi_read_digest(query, arena);
    run->inputs = almi_read_text(query, arena);
    run->bundle = almi_read_digest(query, arena);
    run->report = almi_read_text(query, arena);
    run->experimental = almi_read_i64(query) != 0;
    run->who = almi_read_text(query, arena);
    run->created = almi_read_i64(query);
}

/* An experimental record only when there is no clean one. */
static alm_err find_training_run(alm_registry *registry, const alm_digest *id, alm_arena *arena,
                                 alm_training_run *out, bool *found, alm_error *error) {
    almi_query *query;
    ALM_TRY(almi_query_open(registry->sql,
                            "SELECT " TRAINING_COLUMNS " FROM training_runs WHERE id = ?1"
                            " ORDER BY experimental LIMIT 1",
                            &query, error));
    almi_bind_digest(query, id);
    return almi_query_one(query, read_training_run, arena, out, found, error);
}

static alm_err find_training_run_like(alm_registry *registry, const alm_training_run *like,
                                      alm_arena *arena, alm_training_run *out, bool *found,
                                      alm_error *error) {
    almi_query *query;
    ALM_TRY(almi_query_open(registry->sql,
                            "SELECT " TRAINING_COLUMNS " FROM training_runs"
                            " WHERE id = ?1 AND experimental = ?2",
                            &query, error));
    almi_bind_digest(query, &like->id);
    almi_bind_i64(query, like->experimental);
    return almi_query_one(query, read_training_run, arena, out, found, error);
}

static alm_err insert_training_run(alm_registry *registry, const alm_training_run *run,
                                   alm_error *error) {
    almi_query *query;
    ALM_TRY(almi_query_open(registry->sql,
                            "INSERT INTO training_runs(" TRAINING_COLUMNS
                            ") VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                            &query, error));
    almi_bind_digest(query, &run->id);
    almi_bind_text(query, run->inputs);
    almi_bind_digest(query, &run->bundle);
    almi_bind_text(query, run->report);
    almi_bind_i64(query, run->experimental);
    almi_bind_text(query, run->who);
    almi_bind_i64(query, run->created);
    return almi_query_run(query, error);
}

static alm_err add_training_run(alm_registry *registry, const alm_training_run *run,
                                alm_arena *scratch, alm_error *error) {
    alm_training_run known;
    bool found = false;
    ALM_TRY(find_training_run_like(registry, run, scratch, &known, &found, error));
    if (!found) {
        return insert_training_run(registry, run, error);
    }
    char id[ALM_DIGEST_TEXT_BYTES];
    if (!alm_str_equal(known.inputs, run->inputs)) {
        return alm_fail(error, ALM_ERR_CONFLICT,
                        "training run %s is recorded with other inputs; its id must be their hash",
                        digest_text(&run->id, id));
    }
    if (!alm_digest_equal(&known.bundle, &run->bundle)) {
        char before[ALM_DIGEST_TEXT_BYTES];
        char now[ALM_DIGEST_TEXT_BYTES];
        return alm_fail(error, ALM_ERR_CONFLICT,
                        "training run %s gave bundle %s before and %s now; equal inputs must give "
                        "equal bytes: find what is not recorded as an input",
                        digest_text(&run->id, id), digest_text(&known.bundle, before),
                        digest_text(&run->bundle, now));
    }
    return ALM_OK;
}

alm_err alm_registry_add_training_run(alm_registry *registry, const alm_training_run *run,
                                      alm_error *error) {
    ALM_TRY(almi_check_json_object(run->inputs, "inputs of the training run", error));
    ALM_TRY(almi_check_json_object(run->report, "report of the training run", error));
    ALM_TRY(almi_check_text(run->who, "who started the training run", error));
    ALM_TRY(almi_sql_begin(registry->sql, error));
    alm_arena *scratch = alm_arena_create(0);
    alm_err code = add_training_run(registry, run, scratch, error);
    alm_arena_destroy(scratch);
    return almi_sql_end(registry->sql, code, error);
}

alm_err alm_registry_get_training_run(alm_registry *registry, const alm_digest *id,
                                      alm_arena *arena, alm_training_run *out, alm_error *error) {
    bool found = false;
    ALM_TRY(find_training_run(registry, id, arena, out, &found, error));
    if (!found) {
        char text[ALM_DIGEST_TEXT_BYTES];
        return alm_fail(error, ALM_ERR_NOT_FOUND, "no training run %s in the registry",
                        digest_text(id, text));
    }
    return ALM_OK;
}

alm_err almi_training_run_of(alm_registry *registry, const alm_release *release, alm_arena *arena,
                             alm_training_run *out, alm_error *error) {
    alm_training_run like = {.id = release->training_run, .experimental = release->experimental};
    bool found = false;
    ALM_TRY(find_training_run_like(registry, &like, arena, out, &found, error));
    if (!found) { /* the foreign key forbids it, but another program may have switched it off */
        return alm_fail(error, ALM_ERR_CORRUPT,
                        "the training run of " ALM_STR_FMT " is gone from the registry; restore it "
                        "from a copy",
                        ALM_STR_ARG(release->name));
    }
    return ALM_OK;
}

static alm_err training_run_of(alm_registry *registry, alm_str name, alm_arena *arena,
                               alm_training_run *out, alm_error *error) {
    alm_release release;
    bool found = false;
    ALM_TRY(almi_find_release(registry, name, arena, &release, &found, error));
    if (!found) {
        return almi_unknown_release(registry, name, arena, error);
    }
    if (!release.has_training_run) {
        return alm_fail(error, ALM_ERR_NOT_FOUND,
                        "model version " ALM_STR_FMT " was imported, not trained here",
                        ALM_STR_ARG(name));
    }
    return almi_training_run_of(registry, &release, arena, out, error);
}

alm_err alm_registry_training_run_of(alm_registry *registry, alm_str release, alm_arena *arena,
                                     alm_training_run *out, alm_error *error) {
    ALM_TRY(almi_sql_begin_read(registry->sql, error));
    return almi_sql_end(registry->sql, training_run_of(registry, release, arena, out, error),
                        error);
}
