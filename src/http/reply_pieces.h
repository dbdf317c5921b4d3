/* reply_pieces.h: a streamed reply (exchange.h) on its way out.
 *
 * The next piece is asked for when the socket takes no more of the one before, so what waits for a
 * slow client is one piece, whatever the length of the whole. A packed one is gzip, flushed behind
 * every piece: the client can read what it has got. */
#ifndef ALM_HTTP_REPLY_PIECES_H
#define ALM_HTTP_REPLY_PIECES_H

#include "base/gzip.h"
#include "http/exchange.h"

typedef struct almi_pieces { /* {0} before the first */
    const alm_reply_stream *source; /* borrowed */
    alm_gzip *gzip;                 /* NULL: as they are */
    alm_buffer piece, packed;
    size_t at;
    bool is_over, is_broken;
} almi_pieces;

/* `packs`: the client takes gzip. True: it will be gzip. */
bool almi_pieces_begin(almi_pieces *pieces, const alm_reply_stream *source, bool packs);
/* Must the next piece be made before anything can be taken? */
bool almi_pieces_wants(const almi_pieces *pieces);
/* Makes it; by any thread, while nobody else touches them. */
void almi_pieces_make(almi_pieces *pieces);
/* Up to `room` bytes into `out`; 0: the reply is over, or (*is_broken) cannot go on. */
size_t almi_pieces_take(almi_pieces *pieces, char *out, size_t room, bool *is_broken);
/* Gives the memory back; ready for another one. */
void almi_pieces_end(almi_pieces *pieces);

#endif
