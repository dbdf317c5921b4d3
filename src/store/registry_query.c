/* registry_query.c: what all statements of the registry share, above the driver. */
#include "base/json.h"
#include "store/registry_internal.h"

#include <string.h>

void almi_bind_digest(almi_query *query, const alm_digest *value) {
    char text[ALM_DIGEST_TEXT_BYTES];
    alm_digest_text(value, text);
    almi_bind_text(query, alm_str_of(text));
}

alm_digest almi_read_digest(almi_query *query, alm_arena *arena) {
    alm_digest digest = {{0}};
    alm_str text = almi_read_text(query, arena);
    if (!alm_digest_parse(text, &digest)) {
        almi_query_remember(query, ALM_ERR_CORRUPT,
                            "the registry holds a digest that is not 64 hexadecimal digits; it "
                            "was edited: restore it from a copy");
    }
    return digest;
}

alm_err almi_query_run(almi_query *query, alm_error *error) {
    bool has_row = false;
    alm_err code = almi_query_next(query, &has_row, error);
    return almi_query_close(query, code, error);
}

alm_err almi_query_one(almi_query *query, almi_row_reader reader, alm_arena *arena, void *out,
                       bool *found, alm_error *error) {
    bool has_row = false;
    alm_err code = almi_query_next(query, &has_row, error);
    if (code == ALM_OK && has_row) {
        reader(query, arena, out);
    }
    ALM_TRY(almi_query_close(query, code, error));
    *found = has_row;
    return ALM_OK;
}

/* Doubles in the arena, so at most twice the memory is used. */
static alm_err grow(almi_rows *rows, size_t *capacity, size_t item_bytes, alm_arena *arena,
                    alm_error *error) {
    if (rows->count < *capacity) {
        return ALM_OK;
    }
    size_t larger = *capacity ? 2 * *capacity : 8;
    void *items;
    ALM_TRY(alm_arena_try_alloc(arena, larger * item_bytes, &items, error));
    if (rows->count > 0) {
        memcpy(items, rows->items, rows->count * item_bytes);
    }
    rows->items = items;
    *capacity = larger;
    return ALM_OK;
}

static alm_err read_rows(almi_query *query, almi_row_reader reader, size_t item_bytes,
                         alm_arena *arena, almi_rows *rows, alm_error *error) {
    size_t capacity = 0;
    for (;;) {
        bool has_row = false;
        ALM_TRY(almi_query_next(query, &has_row, error));
        if (!has_row) {
            return ALM_OK;
        }
        ALM_TRY(grow(rows, &capacity, item_bytes, arena, error));
        reader(query, arena, (char *)rows->items + rows->count * item_bytes);
        rows->count++;
    }
}

alm_err almi_query_all(almi_query *query, almi_row_reader reader, size_t item_bytes,
                       alm_arena *arena, almi_rows *out, alm_error *error) {
    almi_rows rows = {0};
    alm_err code = read_rows(query, reader, item_bytes, arena, &rows, error);
    ALM_TRY(almi_query_close(query, code, error));
    *out = rows;
    return ALM_OK;
}

alm_err almi_take_text(alm_buffer *buffer, alm_arena *arena, alm_str *out, alm_error *error) {
    alm_err code = alm_buffer_status(buffer, error);
    if (code == ALM_OK) {
        alm_str view = alm_buffer_view(buffer);
        *out = (alm_str){alm_arena_copy_text(arena, view.data ? view.data : "", view.size),
                         view.size};
    }
    alm_buffer_deinit(buffer);
    return code;
}

bool almi_str_is_blank(alm_str text) {
    return alm_str_trim(text).size == 0;
}

alm_err almi_check_text(alm_str text, const char *what, alm_error *error) {
    if (almi_str_is_blank(text)) {
        return alm_fail(error, ALM_ERR_INVALID, "'%s' is blank", what);
    }
    if (!alm_str_is_utf8(text, NULL) || memchr(text.data, '\0', text.size)) {
        return alm_fail(error, ALM_ERR_INVALID, "'%s' must be UTF-8 text without NUL", what);
    }
    return ALM_OK;
}

alm_err almi_check_json_object(alm_str text, const char *what, alm_error *error) {
    alm_json_document *document;
    ALM_TRY(alm_json_parse(text, what, &document, error));
    bool is_object = alm_json_kind_of(alm_json_root(document)) == ALM_JSON_OBJECT;
    alm_json_document_destroy(document);
    return is_object ? ALM_OK : alm_fail(error, ALM_ERR_INVALID, "%s must be a JSON object", what);
}
