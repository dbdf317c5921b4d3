#include "serve/jobs/job_output.h"

#include <string.h>

#include "base/json.h"
#include "serve/jobs/jobs_internal.h"

#define DOCUMENT_BYTES_MAX ((size_t)16 << 20)
#define LINE_BYTES_MAX 4096
#define WORDS_BYTES 320 /* of last words, so that a message has room for them */

/* {"stage":"fit","done":3,"total":10} */
static bool take_progress(almi_job_output *o, alm_str line)
{
    alm_json_document *document = NULL;
    alm_str stage;
    int64_t done = 0, total = 0;
    if (!alm_str_starts_with(line, "{\"stage\":") ||
        alm_json_parse(line, "progress", &document, NULL) != ALM_OK) {
        return false;
    }
    const alm_json *root = alm_json_root(document);
    bool is_one = alm_json_get_str(root, "stage", &stage, NULL) == ALM_OK &&
                  alm_json_get_i64(root, "done", &done, NULL) == ALM_OK &&
                  alm_json_get_i64(root, "total", &total, NULL) == ALM_OK && done >= 0 &&
                  total >= 0 && almi_job_text(o->stage, sizeof o->stage, stage);
    alm_json_document_destroy(document);
    if (is_one) {
        o->has_progress = true;
        o->done = (uint64_t)done;
        o->total = (uint64_t)total;
    }
    return is_one;
}

static void take_line(almi_job_output *o, alm_str line)
{
    alm_str text = alm_str_trim(line);
    if (text.size == 0 || take_progress(o, text)) {
        return;
    }
    if (o->words.size > 2 * LINE_BYTES_MAX) {
        alm_buffer_clear(&o->words); /* long before its last words */
    }
    if (o->words.size > 0) {
        alm_buffer_text(&o->words, " ");
    }
    alm_buffer_visible(&o->words, text);
}

/* Whole lines; with `is_end` also what is behind the last of them. */
static void take_lines(almi_job_output *o, bool is_end)
{
    alm_str rest = alm_buffer_view(&o->line);
    while (rest.size > 0) {
        const char *end = memchr(rest.data, '\n', rest.size);
        if (!end && !is_end && rest.size <= LINE_BYTES_MAX) {
            break;
        }
        size_t size = end ? (size_t)(end - rest.data) : rest.size;
        take_line(o, (alm_str){rest.data, size});
        size += end != NULL;
        rest = (alm_str){rest.data + size, rest.size - size};
    }
    alm_buffer left = {0};
    alm_buffer_str(&left, rest);
    alm_buffer_deinit(&o->line);
    o->line = left;
}

bool almi_job_output_look(almi_job_output *output, alm_child *child, alm_child_end *end)
{
    bool has_ended = child->children->ops->look(child, &output->document, &output->line, end);
    take_lines(output, has_ended);
    output->is_cut = output->is_cut || output->document.size > DOCUMENT_BYTES_MAX;
    if (output->is_cut) {
        alm_buffer_clear(&output->document);
    }
    return has_ended;
}

/* NULL: it is none, or not whole. To be destroyed. */
static alm_json_document *document_of(const almi_job_output *o)
{
    alm_json_document *document = NULL;
    if (o->is_cut || o->document.failed || o->document.size == 0 ||
        alm_json_parse(alm_buffer_view(&o->document), "output", &document, NULL) != ALM_OK) {
        return NULL;
    }
    return document;
}

bool almi_job_output_result(const almi_job_output *output, const char *member,
                            char result[ALM_JOB_NAME_BYTES])
{
    alm_str text;
    alm_json_document *document = document_of(output);
    bool has = document &&
               alm_json_get_str(alm_json_root(document), member, &text, NULL) == ALM_OK &&
               almi_job_text(result, ALM_JOB_NAME_BYTES, text);
    alm_json_document_destroy(document);
    return has;
}

static alm_str last_words(const almi_job_output *o)
{
    alm_str words = alm_buffer_view(&o->words);
    size_t skip = words.size > WORDS_BYTES ? words.size - WORDS_BYTES : 0;
    while (skip < words.size && ((unsigned char)words.data[skip] & 0xC0) == 0x80) {
        skip++; /* not in the middle of a character */
    }
    return words.size ? (alm_str){words.data + skip, words.size - skip} : ALM_STR("");
}

void almi_job_output_why(const almi_job_output *output, alm_child_end end, alm_error *out)
{
    alm_str message;
    alm_json_document *document = document_of(output);
    const alm_json *root = document ? alm_json_root(document) : NULL;
    const alm_json *error = root ? alm_json_member(root, "error") : NULL;
    if (error && alm_json_get_str(error, "message", &message, NULL) == ALM_OK) {
        (void)alm_fail(out, ALM_ERR_EXTERNAL, ALM_STR_FMT, ALM_STR_ARG(message));
    } else {
        alm_str words = last_words(output);
        (void)alm_fail(out, ALM_ERR_EXTERNAL, "ended %s %d%s" ALM_STR_FMT,
                       end.signal ? "by signal" : "with status",
                       end.signal ? end.signal : end.status,
                       words.size ? "; its last words: " : "", ALM_STR_ARG(words));
    }
    alm_json_document_destroy(document);
}

void almi_job_output_deinit(almi_job_output *output)
{
    alm_buffer_deinit(&output->document);
    alm_buffer_deinit(&output->line);
    alm_buffer_deinit(&output->words);
}
