/* audit.c: writes records; audit_chain.c reads them. */
#include "http/access/audit.h"

#include <string.h>

#include "base/json.h"
#include "base/thread.h"
#include "http/access/audit_internal.h"

struct alm_audit {
    alm_mutex busy;
    alm_fs *fs;
    alm_arena *arena;
    const char *folder;
    almi_audit_state state; /* as of the last acknowledged record */
    alm_file *file;         /* NULL: the next record begins one */
    uint64_t file_bytes;
};

alm_err alm_audit_open(alm_fs *fs, const char *folder, alm_audit **out, alm_error *error)
{
    ALM_TRY(alm_fs_make_directories(fs, folder, error));
    alm_arena *arena = alm_arena_create(0);
    alm_audit *audit = ALM_NEW(arena, alm_audit);
    audit->fs = fs;
    audit->arena = arena;
    audit->folder = alm_arena_copy_text(arena, folder, strlen(folder));
    alm_mutex_init(&audit->busy);
    /* Also when the folder was there: whoever made it may have died before it was durable. */
    alm_err code = fs->ops->sync_directory(fs, alm_path_directory(arena, folder), error);
    if (code == ALM_OK) {
        code = almi_audit_read(fs, folder, &audit->state, error);
    }
    if (code != ALM_OK) {
        alm_audit_close(audit);
        return code;
    }
    *out = audit;
    return ALM_OK;
}

/* What was acknowledged is durable already, so closing cannot lose anything. */
static void leave_file(alm_audit *audit)
{
    if (audit->file) {
        (void)audit->fs->ops->close(audit->fs, audit->file, NULL);
        audit->file = NULL;
    }
}

void alm_audit_close(alm_audit *audit)
{
    if (audit) {
        leave_file(audit);
        almi_audit_state_deinit(&audit->state);
        alm_mutex_deinit(&audit->busy);
        alm_arena_destroy(audit->arena);
    }
}

static alm_err check_text(const char *name, alm_str text, bool required, alm_error *error)
{
    size_t bad;
    if (text.size > ALM_AUDIT_TEXT_BYTES_MAX || (required && text.size == 0) ||
        !alm_str_is_utf8(text, &bad)) {
        return alm_fail(error, ALM_ERR_INVALID, "an audit record's %s must be UTF-8 of %d to %d "
                        "bytes", name, required ? 1 : 0, ALM_AUDIT_TEXT_BYTES_MAX);
    }
    return ALM_OK;
}

static alm_err check_entry(const alm_audit_entry *entry, alm_error *error)
{
    ALM_TRY(check_text("who", entry->who, true, error));
    ALM_TRY(check_text("action", entry->action, true, error));
    ALM_TRY(check_text("object", entry->object, false, error));
    ALM_TRY(check_text("outcome", entry->outcome, true, error));
    ALM_TRY(check_text("request id", entry->request_id, false, error));
    return check_text("detail", entry->detail, false, error);
}

static void write_line(const alm_audit_entry *entry, const alm_audit_head *head, alm_buffer *out,
                       alm_digest *hash)
{
    char text[ALM_DIGEST_TEXT_BYTES];
    char when[ALM_INSTANT_TEXT_BYTES];
    alm_json_writer writer = alm_json_writer_on(out);
    size_t begin = out->size;
    alm_json_open_object(&writer);
    alm_json_put_i64(&writer, "seq", (int64_t)head->seq + 1);
    alm_instant_text(entry->when, when);
    alm_json_put_text(&writer, "time", when);
    alm_json_put_str(&writer, "who", entry->who);
    alm_json_put_text(&writer, "kind", alm_identity_kind_text(entry->kind));
    alm_json_put_str(&writer, "action", entry->action);
    alm_json_put_str(&writer, "object", entry->object);
    alm_json_put_str(&writer, "outcome", entry->outcome);
    alm_json_put_str(&writer, "request_id", entry->request_id);
    alm_json_put_str(&writer, "detail", entry->detail);
    alm_digest_text(&head->hash, text);
    alm_json_put_text(&writer, "previous", text);
    *hash = alm_hash_bytes(out->data ? out->data + begin : "", out->size - begin);
    alm_digest_text(hash, text);
    alm_json_put_text(&writer, "hash", text);
    alm_json_close_object(&writer);
    alm_buffer_text(out, "\n");
}

/* A new file with `content`, and its name in the folder, durable. */
static alm_err begin_file(alm_audit *audit, alm_error *error)
{
    alm_arena *scratch = alm_arena_create(0);
    const char *path = alm_arena_printf(scratch, "%s/" ALMI_AUDIT_NAME_FORMAT, audit->folder,
                                        audit->state.file_number + 1);
    alm_err code = audit->fs->ops->create(audit->fs, path, &audit->file, error);
    alm_arena_destroy(scratch);
    if (code == ALM_OK) {
        audit->state.file_number++;
        audit->file_bytes = 0;
        code = audit->fs->ops->sync_directory(audit->fs, audit->folder, error);
    }
    return code;
}

static alm_err append_line(alm_audit *audit, const alm_audit_entry *entry, alm_error *error)
{
    alm_buffer line = {0};
    alm_audit_head head = {.seq = audit->state.head.seq + 1};
    bool is_new = !audit->file;
    if (is_new) {
        alm_buffer_str(&line, alm_buffer_view(&audit->state.line));
    }
    size_t begin = line.size;
    write_line(entry, &audit->state.head, &line, &head.hash);
    alm_err code = alm_buffer_status(&line, error);
    if (code == ALM_OK && is_new) {
        code = begin_file(audit, error);
    }
    if (code == ALM_OK) {
        code = audit->fs->ops->write(audit->fs, audit->file, line.data, line.size, error);
    }
    if (code == ALM_OK) {
        code = audit->fs->ops->sync(audit->fs, audit->file, error);
    }
    if (code == ALM_OK) {
        audit->file_bytes += line.size;
        audit->state.previous = audit->state.head.hash;
        audit->state.head = head;
        alm_buffer_clear(&audit->state.line);
        alm_buffer_append(&audit->state.line, line.data + begin, line.size - begin);
        code = alm_buffer_status(&audit->state.line, error);
    }
    if (code != ALM_OK || audit->file_bytes >= ALM_AUDIT_FILE_BYTES) {
        leave_file(audit);
    }
    alm_buffer_deinit(&line);
    return code;
}

alm_err alm_audit_append(alm_audit *audit, const alm_audit_entry *entry, alm_error *error)
{
    ALM_TRY(check_entry(entry, error));
    alm_mutex_lock(&audit->busy);
    alm_err code = append_line(audit, entry, error);
    alm_mutex_unlock(&audit->busy);
    return code == ALM_OK ? ALM_OK : alm_error_wrap(error, code, "the audit record");
}

alm_audit_head alm_audit_get_head(alm_audit *audit)
{
    alm_mutex_lock(&audit->busy);
    alm_audit_head head = audit->state.head;
    alm_mutex_unlock(&audit->busy);
    return head;
}

alm_err alm_audit_verify(alm_fs *fs, const char *folder, alm_audit_head *out, alm_error *error)
{
    almi_audit_state state = {0};
    alm_err code = almi_audit_read(fs, folder, &state, error);
    if (code == ALM_OK && out) {
        *out = state.head;
    }
    almi_audit_state_deinit(&state);
    return code;
}
