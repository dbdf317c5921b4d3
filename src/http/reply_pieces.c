#include "http/reply_pieces.h"

#include <string.h>

#define GZIP_LEVEL 1

bool almi_pieces_begin(almi_pieces *pieces, const alm_reply_stream *source, bool packs)
{
    *pieces = (almi_pieces){.source = source};
    /* Without memory for it the reply goes as it is. */
    return packs && alm_gzip_create(GZIP_LEVEL, &pieces->gzip, NULL) == ALM_OK;
}

/* What goes out of the next piece; it may be nothing. */
static alm_err next(almi_pieces *pieces, alm_error *error)
{
    const alm_reply_stream *source = pieces->source;
    alm_buffer_clear(&pieces->piece);
    alm_buffer_clear(&pieces->packed);
    pieces->at = 0;
    ALM_TRY(source->next(source->context, &pieces->piece, &pieces->is_over, error));
    ALM_TRY(alm_buffer_status(&pieces->piece, error));
    return pieces->gzip ? alm_gzip_add(pieces->gzip, alm_buffer_view(&pieces->piece),
                                       pieces->is_over, &pieces->packed, error)
                        : ALM_OK;
}

size_t almi_pieces_take(almi_pieces *pieces, char *out, size_t room, bool *is_broken)
{
    const alm_buffer *from = pieces->gzip ? &pieces->packed : &pieces->piece;
    *is_broken = false;
    while (pieces->at == from->size) {
        if (pieces->is_over) {
            return 0;
        }
        if (next(pieces, NULL) != ALM_OK) {
            *is_broken = true;
            return 0;
        }
    }
    size_t size = from->size - pieces->at;
    size = size < room ? size : room;
    memcpy(out, from->data + pieces->at, size);
    pieces->at += size;
    return size;
}

void almi_pieces_end(almi_pieces *pieces)
{
    alm_gzip_destroy(pieces->gzip);
    alm_buffer_deinit(&pieces->piece);
    alm_buffer_deinit(&pieces->packed);
    *pieces = (almi_pieces){0};
}
