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

static const alm_buffer *going_out(const almi_pieces *pieces)
{
    return pieces->gzip ? &pieces->packed : &pieces->piece;
}

bool almi_pieces_wants(const almi_pieces *pieces)
{
    return pieces->at == going_out(pieces)->size && !pieces->is_over && !pieces->is_broken;
}

void almi_pieces_make(almi_pieces *pieces)
{
    pieces->is_broken = next(pieces, NULL) != ALM_OK;
}

size_t almi_pieces_take(almi_pieces *pieces, char *out, size_t room, bool *is_broken)
{
    while (almi_pieces_wants(pieces)) {
        almi_pieces_make(pieces);
    }
    const alm_buffer *from = going_out(pieces);
    *is_broken = pieces->is_broken;
    size_t size = *is_broken ? 0 : from->size - pieces->at;
    size = size < room ? size : room;
    if (size > 0) {
        memcpy(out, from->data + pieces->at, size);
    }
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
