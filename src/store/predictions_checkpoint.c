/* predictions_checkpoint.c: V1 checkpoints (Delta PROTOCOL.md, "Checkpoints").
 *
 * The lines of the log are copied as they are: our entries are append-only, so the state is simply
 * all their actions but the commitInfo. The file is staged and synced before it gets its name,
 * because a torn checkpoint would stop readers that trust it; the pointer _last_checkpoint is only
 * a hint and the one thing in the table that is replaced. */
#include "store/predictions_internal.h"

#include "base/json.h"

#include <string.h>

#define DATA_CHANGE "\"dataChange\":true"
#define NO_DATA_CHANGE "\"dataChange\":false"
#define POINTER_NAME "_last_checkpoint"

typedef struct checkpoint_work {
    alm_predictions *table;
    const alm_predictions_checkpointer *by;
    int64_t version;
    int64_t actions, adds;
    alm_arena *arena;
} checkpoint_work;

/* In a checkpoint an add changes no data. Inside strings a quote is escaped, so the text can only
 * be the member itself. */
static void copy_line(checkpoint_work *work, alm_str line, alm_buffer *out) {
    work->actions++;
    if (!alm_str_starts_with(line, "{\"add\":")) {
        alm_buffer_str(out, line);
        alm_buffer_text(out, "\n");
        return;
    }
    work->adds++;
    const char *at = memmem(line.data, line.size, DATA_CHANGE, sizeof DATA_CHANGE - 1);
    alm_assert(at != NULL); /* the entry is ours */
    size_t before = (size_t)(at - line.data);
    size_t behind = before + sizeof DATA_CHANGE - 1;
    alm_buffer_append(out, line.data, before);
    alm_buffer_text(out, NO_DATA_CHANGE);
    alm_buffer_append(out, line.data + behind, line.size - behind);
    alm_buffer_text(out, "\n");
}

static alm_err copy_entry(checkpoint_work *work, int64_t version, alm_buffer *out,
                          alm_error *error) {
    alm_arena *scratch = alm_arena_create(0);
    alm_str text = {NULL, 0};
    alm_err code =
        alm_fs_read_all(work->table->fs, almi_delta_path(scratch, work->table->log, version),
                        ALMI_DELTA_ENTRY_BYTES_MAX, scratch, &text, error);
    for (alm_str rest = text; code == ALM_OK && rest.data != NULL;) {
        alm_str line = alm_str_split(&rest, '\n');
        if (line.size > 0 && !alm_str_starts_with(line, "{\"commitInfo\":")) {
            copy_line(work, line, out);
        }
    }
    alm_arena_destroy(scratch);
    return code;
}

/* `from` is staged anew through our own handle, so that its bytes are ours to vouch for. */
static alm_err publish_copy(checkpoint_work *work, const char *from, const char *to,
                            uint64_t *size_bytes, alm_error *error) {
    alm_predictions *table = work->table;
    almi_stage stage;
    alm_content content = {from, {NULL, 0}};
    ALM_TRY(almi_stage_begin(table->fs, table->staging, &content, work->arena, &stage, error));
    *size_bytes = stage.size_bytes;
    alm_err code = almi_stage_finish(&stage, ALMI_TIME_UNCHANGED, error);
    if (code == ALM_OK) {
        code = almi_stage_link(&stage, to, error);
        if (code == ALM_ERR_EXISTS) { /* another process made it */
            alm_error_clear(error);
            code = ALM_OK;
        }
    }
    almi_stage_drop(&stage);
    return code == ALM_OK ? table->fs->ops->sync_directory(table->fs, table->log, error) : code;
}

/* Points readers at the checkpoint; only after the checkpoint itself is safe. */
static alm_err point_to_it(checkpoint_work *work, uint64_t size_bytes, alm_error *error) {
    alm_predictions *table = work->table;
    alm_buffer text = {0};
    alm_json_writer json = alm_json_writer_on(&text);
    alm_json_open_object(&json);
    alm_json_put_i64(&json, "version", work->version);
    alm_json_put_i64(&json, "size", work->actions);
    alm_json_put_i64(&json, "sizeInBytes", (int64_t)size_bytes);
    alm_json_put_i64(&json, "numOfAddFiles", work->adds);
    alm_json_close_object(&json);
    alm_err code = alm_buffer_status(&text, error);
    almi_stage stage;
    alm_content content = {NULL, alm_buffer_view(&text)};
    if (code == ALM_OK) {
        code = almi_stage_begin(table->fs, table->staging, &content, work->arena, &stage, error);
    }
    alm_buffer_deinit(&text);
    if (code != ALM_OK) {
        return code;
    }
    code = almi_stage_finish(&stage, ALMI_TIME_UNCHANGED, error);
    if (code == ALM_OK) {
        code = table->fs->ops->rename(table->fs, stage.path,
                                      alm_path_join(work->arena, table->log, POINTER_NAME), error);
    }
    if (code == ALM_OK) {
        return ALM_OK; /* the staged name is gone */
    }
    almi_stage_drop(&stage);
    return code;
}

static alm_err convert(checkpoint_work *work, const char *lines, const char *to, alm_error *error) {
    alm_fs *fs = work->table->fs;
    const char *parquet = alm_arena_printf(work->arena, "%s.parquet", lines);
    uint64_t size_bytes = 0;
    alm_err code = work->by->to_parquet(work->by->context, lines, parquet, error);
    if (code == ALM_OK) {
        code = publish_copy(work, parquet, to, &size_bytes, error);
    }
    (void)fs->ops->unlink(fs, parquet, NULL);
    return code == ALM_OK ? point_to_it(work, size_bytes, error) : code;
}

static alm_err write_checkpoint(checkpoint_work *work, const char *to, alm_error *error) {
    alm_predictions *table = work->table;
    alm_buffer lines = {0};
    alm_err code = ALM_OK;
    for (int64_t v = 0; code == ALM_OK && v <= work->version; v++) {
        code = copy_entry(work, v, &lines, error);
    }
    if (code == ALM_OK) {
        code = alm_buffer_status(&lines, error);
    }
    almi_stage stage;
    alm_content content = {NULL, alm_buffer_view(&lines)};
    if (code == ALM_OK) {
        code = almi_stage_begin(table->fs, table->staging, &content, work->arena, &stage, error);
    }
    alm_buffer_deinit(&lines);
    if (code != ALM_OK) {
        return code;
    }
    code = convert(work, stage.path, to, error);
    almi_stage_drop(&stage);
    return code;
}

static bool is_all_ours(const alm_predictions *table, int64_t version) {
    for (int64_t i = 1; i <= version; i++) {
        if (!table->commit[i].is_run) {
            return false;
        }
    }
    return true;
}

alm_err alm_predictions_checkpoint(alm_predictions *table, const alm_predictions_checkpointer *by,
                                   int64_t *version, alm_error *error) {
    alm_assert(by->every > 0);
    int64_t newest = (int64_t)table->commits - 1;
    int64_t due = newest - newest % by->every;
    alm_arena *arena = alm_arena_create(1024);
    const char *to =
        alm_arena_printf(arena, "%s/%020lld.checkpoint.parquet", table->log, (long long)due);
    alm_err code = ALM_OK;
    bool is_due = due > 0 && is_all_ours(table, due) && !alm_fs_exists(table->fs, to);
    if (is_due) {
        checkpoint_work work = {.table = table, .by = by, .version = due, .arena = arena};
        /* A checkpoint must never outlive an entry that it stands for. */
        code = almi_predictions_secure(table, error);
        code = code == ALM_OK ? write_checkpoint(&work, to, error) : code;
    }
    if (code == ALM_OK) {
        *version = is_due ? due : -1;
    }
    alm_arena_destroy(arena);
    return code;
}
