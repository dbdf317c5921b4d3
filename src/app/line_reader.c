#include "app/line_reader.h"

#include <string.h>

#define PIECE_BYTES ((size_t)256 << 10)

alm_err almi_line_reader_open(alm_fs *fs, const char *path, size_t limit_bytes,
                              almi_line_reader *out, alm_error *error)
{
    void *piece = NULL;
    *out = (almi_line_reader){.fs = fs, .limit_bytes = limit_bytes};
    ALM_TRY(alm_heap_try(PIECE_BYTES, &piece, error));
    out->piece = piece;
    return fs->ops->open(fs, path, &out->file, error);
}

/* What was given makes room; more is read behind the rest. */
static alm_err read_more(almi_line_reader *r, alm_error *error)
{
    size_t got = 0;
    size_t rest = r->bytes.size - r->at;
    ALM_TRY(r->fs->ops->read(r->fs, r->file, r->piece, PIECE_BYTES, &got, error));
    r->at_end = got == 0;
    if (r->at > 0) {
        memmove(r->bytes.data, r->bytes.data + r->at, rest);
        r->bytes.size = rest;
        r->at = 0;
    }
    alm_buffer_append(&r->bytes, r->piece, got);
    return alm_buffer_status(&r->bytes, error);
}

alm_err almi_line_reader_next(almi_line_reader *r, alm_str *line, bool *found, alm_error *error)
{
    size_t looked = r->at;
    *found = false;
    for (;;) {
        size_t left = r->bytes.size - looked;
        const char *start = left ? r->bytes.data + looked : NULL;
        const char *end = left ? memchr(start, '\n', left) : NULL;
        if (end) {
            *line = (alm_str){r->bytes.data + r->at, (size_t)(end - r->bytes.data) - r->at};
            r->at += line->size + 1;
            r->lines++;
            *found = true;
            return ALM_OK;
        }
        size_t rest = r->bytes.size - r->at;
        if (rest > r->limit_bytes) {
            return alm_fail(error, ALM_ERR_LIMIT, "line %llu has more than %zu bytes",
                            (unsigned long long)r->lines + 1, r->limit_bytes);
        }
        if (r->at_end) {
            r->is_torn = rest > 0;
            return ALM_OK;
        }
        ALM_TRY(read_more(r, error));
        looked = rest; /* the line begins at 0 now */
    }
}

void almi_line_reader_close(almi_line_reader *reader)
{
    if (reader->file) {
        (void)reader->fs->ops->close(reader->fs, reader->file, NULL); /* it was only read */
    }
    alm_buffer_deinit(&reader->bytes);
    alm_heap_free(reader->piece);
    *reader = (almi_line_reader){0};
}
