/* remote_protocol.c: what the protocols share. */
#include "model/backend/remote_protocol.h"

#include <math.h>
#include <string.h>

#define REASON_BYTES 160

const almi_remote_protocol *almi_remote_protocol_of(const alm_remote_spec *spec)
{
    static const almi_remote_protocol *const BY_NUMBER[] = {
        &ALMI_REMOTE_KSERVE, &ALMI_REMOTE_TENSORFLOW, &ALMI_REMOTE_TORCHSERVE};
    return BY_NUMBER[spec->protocol];
}

/* ---- questions ---- */

static void put_row(const double *row, size_t columns, alm_json_writer *out)
{
    alm_json_open_array(out);
    for (size_t k = 0; k < columns; k++) {
        alm_json_double(out, row[k]);
    }
    alm_json_close_array(out);
}

void almi_remote_put_rows(const almi_remote_rows *rows, alm_json_writer *out)
{
    size_t steps = rows->steps ? rows->steps : 1;
    const double *row = rows->values;
    alm_json_open_array(out);
    for (size_t i = 0; i < rows->count; i++) {
        if (rows->steps) {
            alm_json_open_array(out);
        }
        for (size_t t = 0; t < steps; t++, row += rows->columns) {
            put_row(row, rows->columns, out);
        }
        if (rows->steps) {
            alm_json_close_array(out);
        }
    }
    alm_json_close_array(out);
}

/* ---- answers ---- */

alm_err almi_remote_take_row(const alm_json *value, size_t width, double *out, alm_error *error)
{
    double number = 0;
    if (width == 1 && alm_json_as_double(value, &number)) {
        *out = number;
        return ALM_OK;
    }
    bool fits = alm_json_kind_of(value) == ALM_JSON_ARRAY && alm_json_count(value) == width &&
                alm_json_as_doubles(value, out);
    return fits ? ALM_OK
                : alm_fail(error, ALM_ERR_CORRUPT, "it is no list of %zu number%s%s", width,
                           width == 1 ? "" : "s", width == 1 ? " and no number" : "");
}

alm_err almi_remote_take_rows(const alm_json *list, size_t count, size_t width, double *out,
                              alm_error *error)
{
    if (!list || alm_json_kind_of(list) != ALM_JSON_ARRAY || alm_json_count(list) != count) {
        return alm_fail(error, ALM_ERR_CORRUPT, "%zu rows were asked, and the answer has %zu",
                        count, list ? alm_json_count(list) : 0);
    }
    for (size_t i = 0; i < count; i++) {
        alm_err code =
            almi_remote_take_row(alm_json_at(list, i), width, out + i * width, error);
        if (code != ALM_OK) {
            return alm_error_wrap(error, code, "answer %zu", i + 1);
        }
    }
    return ALM_OK;
}

alm_err almi_remote_take_answer(const alm_remote_spec *spec, alm_str body, size_t count,
                                double *out, alm_error *error)
{
    alm_json_document *document = NULL;
    alm_err code = alm_json_parse(body, "the answer", &document, error);
    if (code == ALM_OK) {
        code = almi_remote_protocol_of(spec)->take_answer(spec, alm_json_root(document), count,
                                                          out, error);
    }
    if (code == ALM_ERR_INVALID) { /* of the server's making, not of the caller's */
        code = alm_error_wrap(error, ALM_ERR_CORRUPT, "the answer");
    }
    for (size_t i = 0; code == ALM_OK && i < count * spec->outputs; i++) {
        code = isfinite(out[i]) ? ALM_OK
                                : alm_fail(error, ALM_ERR_CORRUPT, "answer %zu is not finite",
                                           i / spec->outputs + 1);
    }
    alm_json_document_destroy(document);
    return code;
}

static void put_reason(alm_str text, alm_buffer *out)
{
    alm_str rest = alm_str_trim(text);
    if (rest.size == 0) {
        return;
    }
    alm_str line = alm_str_split(&rest, '\n');
    size_t size = line.size < REASON_BYTES / 2 ? line.size : REASON_BYTES / 2;
    /* An escape takes four bytes, and a character is not cut. */
    while (size > 0 && size < line.size && ((unsigned char)line.data[size] & 0xC0) == 0x80) {
        size--;
    }
    alm_str shown = {line.data, size};
    if (alm_str_is_utf8(shown, NULL)) {
        alm_buffer_visible(out, shown);
    } else {
        alm_buffer_text(out, "(bytes that are no text)");
    }
}

static bool holds(alm_str text, alm_str secret)
{
    return secret.size > 0 && memmem(text.data, text.size, secret.data, secret.size) != NULL;
}

void almi_remote_reason(alm_str body, alm_str secret, alm_buffer *out)
{
    alm_json_document *document = NULL;
    alm_str text = body;
    if (alm_json_parse(body, "error", &document, NULL) == ALM_OK) {
        const alm_json *root = alm_json_root(document);
        const alm_json *said = alm_json_kind_of(root) == ALM_JSON_OBJECT
                                   ? alm_json_member(root, "error") : NULL;
        if (!said && alm_json_kind_of(root) == ALM_JSON_OBJECT) {
            said = alm_json_member(root, "message");
        }
        if (said && !alm_json_as_str(said, &text)) {
            text = body;
        }
    }
    /* A body shown as it came may have it with escapes, of which there are many. */
    bool escapes = secret.size > 0 && text.data == body.data && holds(body, ALM_STR("\\"));
    if (holds(body, secret) || holds(text, secret) || escapes) {
        alm_buffer_text(out, "(it repeats the token, or may, so its words are not shown)");
    } else {
        put_reason(text, out);
    }
    alm_json_document_destroy(document);
}
