/* jobs_file.c: the list of jobs as a file.
 *
 *   {"next":13,"jobs":[{"number":12,"kind":"train",...}]}
 */
#include <string.h>

#include "base/json.h"
#include "serve/jobs/jobs_internal.h"

#define KEYS                                                                                     \
    "number kind model object state stage done total message result asker canceller queued "     \
    "started ended"

bool almi_job_text(char *out, size_t size, alm_str text)
{
    if (text.size >= size || memchr(text.data ? text.data : "", 0, text.size)) {
        return false;
    }
    if (text.size > 0) {
        memcpy(out, text.data, text.size);
    }
    out[text.size] = '\0';
    return true;
}

/* ---- writing ---- */

static void write_asker(alm_json_writer *json, const char *key, const alm_job_asker *asker)
{
    alm_json_key(json, key);
    alm_json_open_object(json);
    alm_json_put_text(json, "kind", asker->kind);
    alm_json_put_text(json, "who", asker->who);
    alm_json_put_text(json, "request_id", asker->request_id);
    alm_json_close_object(json);
}

static void write_job(alm_json_writer *json, const alm_job *job)
{
    alm_json_open_object(json);
    alm_json_put_i64(json, "number", job->number);
    alm_json_put_text(json, "kind", job->kind);
    alm_json_put_text(json, "model", job->model);
    alm_json_put_text(json, "object", job->object);
    alm_json_put_text(json, "state", alm_job_state_text(job->state));
    alm_json_put_text(json, "stage", job->stage);
    alm_json_put_i64(json, "done", (int64_t)job->done);
    alm_json_put_i64(json, "total", (int64_t)job->total);
    alm_json_put_text(json, "message", job->message);
    alm_json_put_text(json, "result", job->result);
    write_asker(json, "asker", &job->asker);
    write_asker(json, "canceller", &job->canceller);
    alm_json_put_i64(json, "queued", job->queued);
    alm_json_put_i64(json, "started", job->started);
    alm_json_put_i64(json, "ended", job->ended);
    alm_json_close_object(json);
}

/* One process has the folder, so one temporary name is enough; what a crash left of it is in the
 * way of nobody. */
static alm_err replace(alm_fs *fs, const char *folder, alm_str content, alm_error *error)
{
    alm_arena *arena = alm_arena_create(4096);
    const char *path = alm_path_join(arena, folder, ALMI_JOBS_FILE);
    const char *temporary = alm_arena_printf(arena, "%s.new", path);
    if (alm_fs_exists(fs, temporary)) {
        (void)fs->ops->unlink(fs, temporary, NULL); /* else publish says what is wrong */
    }
    alm_err code = alm_fs_publish(fs, temporary, content, error);
    if (code == ALM_OK) {
        code = fs->ops->rename(fs, temporary, path, error);
    }
    if (code == ALM_OK) {
        code = fs->ops->sync_directory(fs, folder, error);
    }
    alm_arena_destroy(arena);
    return code;
}

alm_err almi_jobs_save(alm_fs *fs, const char *folder, const almi_job_list *list, alm_error *error)
{
    alm_buffer content = {0};
    alm_json_writer json = alm_json_writer_on(&content);
    alm_json_open_object(&json);
    alm_json_put_i64(&json, "next", list->next);
    alm_json_key(&json, "jobs");
    alm_json_open_array(&json);
    for (size_t i = 0; i < list->count; i++) {
        write_job(&json, &list->job[i]);
    }
    alm_json_close_array(&json);
    alm_json_close_object(&json);
    alm_buffer_text(&content, "\n");
    alm_err code = alm_buffer_status(&content, error);
    if (code == ALM_OK) {
        code = replace(fs, folder, alm_buffer_view(&content), error);
    }
    alm_buffer_deinit(&content);
    return code;
}

/* ---- reading ---- */

static alm_err read_text(const alm_json *object, const char *key, char *out, size_t size,
                         alm_error *error)
{
    alm_str text;
    ALM_TRY(alm_json_get_str(object, key, &text, error));
    return almi_job_text(out, size, text)
               ? ALM_OK
               : alm_fail(error, ALM_ERR_INVALID, "%s is longer than %zu bytes", key, size - 1);
}

#define READ_TEXT(object, key, out) read_text(object, key, out, sizeof(out), error)

static alm_err read_asker(const alm_json *job, const char *key, alm_job_asker *out,
                          alm_error *error)
{
    const alm_json *asker = NULL;
    ALM_TRY(alm_json_get(job, key, ALM_JSON_OBJECT, &asker, error));
    ALM_TRY(alm_json_check_keys(asker, "kind who request_id", error));
    ALM_TRY(READ_TEXT(asker, "kind", out->kind));
    ALM_TRY(READ_TEXT(asker, "who", out->who));
    return READ_TEXT(asker, "request_id", out->request_id);
}

static alm_err read_counts(const alm_json *from, alm_job *out, alm_error *error)
{
    int64_t done = 0, total = 0;
    ALM_TRY(alm_json_get_i64(from, "number", &out->number, error));
    ALM_TRY(alm_json_get_i64(from, "done", &done, error));
    ALM_TRY(alm_json_get_i64(from, "total", &total, error));
    ALM_TRY(alm_json_get_i64(from, "queued", &out->queued, error));
    ALM_TRY(alm_json_get_i64(from, "started", &out->started, error));
    ALM_TRY(alm_json_get_i64(from, "ended", &out->ended, error));
    if (out->number < 1 || done < 0 || total < 0) {
        return alm_fail(error, ALM_ERR_INVALID, "a number below its least value");
    }
    out->done = (uint64_t)done;
    out->total = (uint64_t)total;
    return ALM_OK;
}

static alm_err read_job(const alm_json *from, alm_job *out, alm_error *error)
{
    alm_str state;
    *out = (alm_job){0};
    ALM_TRY(alm_json_check_keys(from, KEYS, error));
    ALM_TRY(read_counts(from, out, error));
    ALM_TRY(READ_TEXT(from, "kind", out->kind));
    ALM_TRY(READ_TEXT(from, "model", out->model));
    ALM_TRY(READ_TEXT(from, "object", out->object));
    ALM_TRY(READ_TEXT(from, "stage", out->stage));
    ALM_TRY(READ_TEXT(from, "message", out->message));
    ALM_TRY(READ_TEXT(from, "result", out->result));
    ALM_TRY(read_asker(from, "asker", &out->asker, error));
    ALM_TRY(read_asker(from, "canceller", &out->canceller, error));
    ALM_TRY(alm_json_get_str(from, "state", &state, error));
    if (!alm_job_state_parse(state, &out->state)) {
        return alm_fail(error, ALM_ERR_INVALID, "state is not one that there is");
    }
    almi_job_name(out);
    return ALM_OK;
}

static alm_err read_list(const alm_json *root, size_t max, alm_arena *arena, almi_job_list *out,
                         alm_error *error)
{
    const alm_json *list = NULL;
    int64_t after = 0;
    ALM_TRY(alm_json_check_keys(root, "next jobs", error));
    ALM_TRY(alm_json_get_i64(root, "next", &after, error));
    ALM_TRY(alm_json_get(root, "jobs", ALM_JSON_ARRAY, &list, error));
    size_t all = alm_json_count(list);
    size_t kept = all < max ? all : max;
    alm_job *jobs = ALM_NEW_ARRAY(arena, alm_job, kept);
    int64_t before = 0;
    for (size_t i = 0; i < kept; i++) {
        ALM_TRY(read_job(alm_json_at(list, all - kept + i), &jobs[i], error));
        if (jobs[i].number <= before || jobs[i].number >= after) {
            return alm_fail(error, ALM_ERR_INVALID, "the numbers of jobs do not rise to 'next'");
        }
        before = jobs[i].number;
    }
    if (after < 1 || after == INT64_MAX) {
        return alm_fail(error, ALM_ERR_INVALID, "'next' is not the number of a job");
    }
    *out = (almi_job_list){.job = jobs, .count = kept, .next = after};
    return ALM_OK;
}

alm_err almi_jobs_load(alm_fs *fs, const char *folder, size_t max, alm_arena *arena,
                       almi_job_list *out, alm_error *error)
{
    const char *path = alm_path_join(arena, folder, ALMI_JOBS_FILE);
    if (!alm_fs_exists(fs, path)) {
        *out = (almi_job_list){.next = 1};
        return ALM_OK;
    }
    alm_str text;
    alm_json_document *document = NULL;
    alm_error why = {0};
    ALM_TRY(alm_fs_read_all(fs, path, ALMI_JOBS_FILE_BYTES_MAX, arena, &text, error));
    alm_err code = alm_json_parse(text, ALMI_JOBS_FILE, &document, &why);
    if (code == ALM_OK) {
        code = read_list(alm_json_root(document), max, arena, out, &why);
        alm_json_document_destroy(document);
    }
    return code == ALM_OK ? ALM_OK
                          : alm_fail(error, ALM_ERR_CORRUPT,
                                     "%s: %s; move the file away to begin a new list of jobs", path,
                                     why.message);
}
