/* predictions.c: making, opening and reading the table; predictions_commit.c adds to it. */
#include "store/predictions_internal.h"

#include <string.h>

#define COLUMNS_MAX 1000

/* ---- reading the log ---- */

static void mark_removed(alm_predictions *table, const alm_predictions_commit *by) {
    for (size_t i = 0; i < by->removes; i++) {
        for (size_t c = 0; c < table->commits; c++) {
            alm_predictions_commit *commit = &table->commit[c];
            for (size_t f = 0; f < commit->files; f++) {
                if (alm_str_equal(commit->file[f].path, by->removed[i])) {
                    commit->file[f].is_live = false;
                }
            }
        }
    }
}

static void take_commit(alm_predictions *table, const alm_predictions_commit *commit) {
    if (table->commits == table->commit_capacity) {
        size_t larger = table->commit_capacity == 0 ? 16 : 2 * table->commit_capacity;
        alm_predictions_commit *copy = ALM_NEW_ARRAY(table->arena, alm_predictions_commit, larger);
        if (table->commits > 0) {
            memcpy(copy, table->commit, table->commits * sizeof *copy);
        }
        table->commit = copy;
        table->commit_capacity = larger;
    }
    mark_removed(table, commit); /* before it is added: an entry may remove and add one path */
    table->commit[table->commits++] = *commit;
    bool is_first = commit->version == 0;
    if (commit->has_protocol) {
        table->reader_version = commit->reader_version;
        table->writer_version = commit->writer_version;
    }
    if (is_first) {
        table->schema_text = commit->schema_text;
        table->partition_columns = commit->partition_columns;
        table->configuration = commit->configuration;
    } else if ((commit->has_protocol || commit->has_metadata) && table->changed_version < 0) {
        table->changed_version = commit->version;
    }
}

/* A missing entry is the end of the log only if nothing lies behind it. */
static alm_err check_end(alm_predictions *table, alm_error *error) {
    alm_arena *scratch = alm_arena_create(0);
    int64_t *version = NULL;
    size_t count = 0;
    alm_err code = almi_delta_versions(table->fs, table->log, scratch, &version, &count, error);
    if (code == ALM_OK && count > 0 && version[count - 1] > (int64_t)table->commits) {
        /* Another writer may have added it since we looked (a listing is no single moment). */
        bool has_next =
            alm_fs_exists(table->fs, almi_delta_path(scratch, table->log, (int64_t)table->commits));
        if (!has_next) {
            code = alm_fail(error, ALM_ERR_CORRUPT,
                            "%s: entry %zu of the log is missing although entry %lld is there; "
                            "restore it from a backup",
                            table->log, table->commits, (long long)version[count - 1]);
        }
    }
    alm_arena_destroy(scratch);
    return code;
}

alm_err alm_predictions_refresh(alm_predictions *table, alm_error *error) {
    for (;;) {
        alm_predictions_commit commit;
        alm_err code = almi_delta_read(table->fs, table->log, (int64_t)table->commits, table->arena,
                                       &commit, error);
        if (code == ALM_ERR_NOT_FOUND) {
            alm_error_clear(error);
            return ALM_OK;
        }
        if (code != ALM_OK) {
            return code;
        }
        take_commit(table, &commit);
    }
}

alm_err almi_predictions_secure(alm_predictions *table, alm_error *error) {
    int64_t newest = (int64_t)table->commits - 1;
    if (table->safe_version >= newest) {
        return ALM_OK;
    }
    ALM_TRY(table->fs->ops->sync_directory(table->fs, table->log, error));
    table->safe_version = newest;
    return ALM_OK;
}

/* ---- making and opening ---- */

static alm_predictions *new_table(alm_fs *fs, const char *root) {
    alm_arena *arena = alm_arena_create(0);
    alm_predictions *table = ALM_NEW(arena, alm_predictions);
    table->fs = fs;
    table->arena = arena;
    table->root = alm_arena_copy_text(arena, root, strlen(root));
    table->log = alm_path_join(arena, root, ALMI_DELTA_FOLDER);
    table->staging = alm_path_join(arena, root, ALMI_STAGING_FOLDER);
    table->safe_version = -1;
    table->changed_version = -1;
    return table;
}

void alm_predictions_close(alm_predictions *table) {
    if (table != NULL) {
        alm_arena_destroy(table->arena);
    }
}

static alm_err load(alm_predictions *table, alm_error *error) {
    alm_err code = alm_predictions_refresh(table, error);
    /* Once per handle: the listing grows with the table, and a handle that has read an entry keeps
     * it. */
    code = code == ALM_OK ? check_end(table, error) : code;
    if (code == ALM_ERR_NOT_FOUND || (code == ALM_OK && table->commits == 0)) {
        return alm_fail(error, ALM_ERR_NOT_FOUND,
                        "%s: no prediction table here; the first run makes one", table->root);
    }
    if (code == ALM_OK && !(table->commit[0].has_metadata && table->commit[0].has_protocol)) {
        return alm_fail(error, ALM_ERR_CORRUPT, "%s: entry 0 of the log does not make a table",
                        table->log);
    }
    return code;
}

alm_err alm_predictions_open(alm_fs *fs, const char *root, alm_predictions **out,
                             alm_error *error) {
    alm_predictions *table = new_table(fs, root);
    alm_err code = load(table, error);
    if (code != ALM_OK) {
        alm_predictions_close(table);
        return code;
    }
    *out = table;
    return ALM_OK;
}

static char lower(char c) {
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool same_name(const char *a, const char *b) {
    while (*a != '\0' && lower(*a) == lower(*b)) {
        a++;
        b++;
    }
    return *a == '\0' && *b == '\0';
}

static alm_err check_column(const alm_predictions_schema *schema, size_t at, alm_error *error) {
    static const char *const TAKEN[] = {"prediction_date", "model_version", "forecast_horizon"};
    const char *name = schema->column[at].name;
    size_t length = strlen(name);
    size_t plain = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");
    bool is_taken = false;
    for (size_t i = 0; i < sizeof TAKEN / sizeof *TAKEN; i++) {
        is_taken = is_taken || same_name(name, TAKEN[i]);
    }
    for (size_t i = 0; i < at; i++) {
        is_taken = is_taken || same_name(name, schema->column[i].name);
    }
    if (length == 0 || plain != length) {
        return alm_fail(error, ALM_ERR_INVALID,
                        "column '%s' of the prediction table: use letters, digits and '_'", name);
    }
    if (is_taken) {
        return alm_fail(error, ALM_ERR_INVALID,
                        "column '%s' of the prediction table: the name is used twice", name);
    }
    return ALM_OK;
}

static alm_err check_schema(const alm_predictions_schema *schema, alm_error *error) {
    if (schema->columns == 0 || schema->columns > COLUMNS_MAX) {
        return alm_fail(error, ALM_ERR_INVALID, "a prediction table has 1 to %d columns, not %zu",
                        COLUMNS_MAX, schema->columns);
    }
    for (size_t i = 0; i < schema->columns; i++) {
        ALM_TRY(check_column(schema, i, error));
    }
    return ALM_OK;
}

static alm_err make_one(alm_fs *fs, const char *path, alm_error *error) {
    alm_err code = fs->ops->make_directory(fs, path, error);
    if (code == ALM_ERR_EXISTS) {
        alm_error_clear(error);
        return ALM_OK;
    }
    return code;
}

/* Entry 0 does not exist, so nothing proves that an earlier, killed attempt synced its folders:
 * sync them whether they were there or not. Once entry 0 is visible they are safe. */
static alm_err make_folders(alm_predictions *table, alm_error *error) {
    alm_fs *fs = table->fs;
    const char *parent = alm_path_directory(table->arena, table->root);
    ALM_TRY(alm_fs_make_directories(fs, parent, error));
    ALM_TRY(make_one(fs, table->root, error));
    ALM_TRY(fs->ops->sync_directory(fs, parent, error));
    ALM_TRY(make_one(fs, table->log, error));
    return fs->ops->sync_directory(fs, table->root, error);
}

static alm_err publish_first(alm_predictions *table, alm_str entry, alm_instant created,
                             alm_error *error) {
    almi_stage stage;
    alm_content content = {NULL, entry};
    ALM_TRY(almi_stage_begin(table->fs, table->staging, &content, table->arena, &stage, error));
    alm_err code = almi_stage_finish(&stage, created / 1000 * 1000, error);
    if (code == ALM_OK) {
        code = almi_stage_link(&stage, almi_delta_path(table->arena, table->log, 0), error);
        if (code == ALM_ERR_EXISTS) { /* another process made the table: its columns decide */
            alm_error_clear(error);
            code = ALM_OK;
        }
    }
    almi_stage_drop(&stage);
    return code;
}

static alm_err make_table(alm_predictions *table, const alm_predictions_schema *schema,
                          alm_error *error) {
    alm_buffer entry = {0};
    almi_delta_write_create(&entry, schema);
    alm_err code = alm_buffer_status(&entry, error);
    if (code == ALM_OK) {
        code = make_folders(table, error);
    }
    if (code == ALM_OK) {
        code = publish_first(table, alm_buffer_view(&entry), schema->created, error);
    }
    alm_buffer_deinit(&entry);
    return code;
}

static alm_err check_same_columns(const alm_predictions *table,
                                  const alm_predictions_schema *schema, alm_error *error) {
    alm_buffer expected = {0};
    almi_delta_schema(&expected, schema);
    alm_err code = alm_buffer_status(&expected, error);
    if (code == ALM_OK && !alm_str_equal(alm_buffer_view(&expected), table->schema_text)) {
        code = alm_fail(error, ALM_ERR_CONFLICT,
                        "%s: the prediction table there has other columns; use another folder, "
                        "its columns never change",
                        table->root);
    }
    alm_buffer_deinit(&expected);
    return code;
}

static alm_err create_or_load(alm_predictions *table, const alm_predictions_schema *schema,
                              alm_error *error) {
    const char *first = almi_delta_path(table->arena, table->log, 0);
    alm_fs_stat stat;
    alm_err code = table->fs->ops->stat(table->fs, first, &stat, error);
    if (code == ALM_ERR_NOT_FOUND) {
        alm_error_clear(error);
        code = make_table(table, schema, error);
    }
    if (code != ALM_OK) {
        return code;
    }
    ALM_TRY(load(table, error));
    ALM_TRY(check_same_columns(table, schema, error));
    return almi_predictions_secure(table, error);
}

alm_err alm_predictions_create(alm_fs *fs, const char *root, const alm_predictions_schema *schema,
                               alm_predictions **out, alm_error *error) {
    ALM_TRY(check_schema(schema, error));
    alm_predictions *table = new_table(fs, root);
    alm_err code = create_or_load(table, schema, error);
    if (code != ALM_OK) {
        alm_predictions_close(table);
        return code;
    }
    *out = table;
    return ALM_OK;
}

/* ---- reading ---- */

alm_err alm_predictions_list(alm_predictions *table, const alm_predictions_commit **out,
                             size_t *count, alm_error *error) {
    if (table->reader_version > ALMI_DELTA_READER_VERSION) {
        return alm_fail(error, ALM_ERR_UNSUPPORTED,
                        "%s: another engine raised the table to reader version %lld; almanac "
                        "reads version %d (see: almanac predictions verify)",
                        table->root, (long long)table->reader_version, ALMI_DELTA_READER_VERSION);
    }
    *out = table->commit;
    *count = table->commits;
    return ALM_OK;
}

const alm_predictions_commit *alm_predictions_find(const alm_predictions *table, alm_str run_key) {
    for (size_t i = 0; i < table->commits; i++) {
        const alm_predictions_commit *commit = &table->commit[i];
        if (commit->run_key.size > 0 && alm_str_equal(commit->run_key, run_key)) {
            return commit;
        }
    }
    return NULL;
}

const char *alm_predictions_path(const alm_predictions *table, const alm_predictions_data *data,
                                 alm_arena *arena) {
    return alm_path_join(arena, table->root,
                         alm_arena_copy_text(arena, data->path.data, data->path.size));
}
