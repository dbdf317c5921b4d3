/* event_segment.h: the bytes of one segment of the event log. Internal to store/.
 *
 * A segment is a header and then frames; a frame is what one sync made safe, so all frames but the
 * last are known to have been written whole. All words are 8 bytes, the lowest first.
 *
 *   header  magic, number, first sequence, oldest segment kept, previous segment (0: none) and how
 *           many of its bytes count, 16 bytes of salt, hash
 *   frame   magic, sequence of its first record, records, payload bytes, hash, then the payload
 *   record  bytes of the id, bytes of the content, instant received, id, content
 *
 * A hash is the first 8 bytes of the SHA-256 of all before it, of a frame with the salt in front
 * and the payload behind. The salt is what a sender of events cannot know: no content looks like a
 * frame of this segment, so a frame behind a damaged one proves that the damaged one was whole. */
#ifndef ALM_STORE_EVENT_SEGMENT_H
#define ALM_STORE_EVENT_SEGMENT_H

#include "store/event_log.h"

#define ALMI_SEGMENT_HEADER_BYTES 72
#define ALMI_SEGMENT_SALT_BYTES 16
#define ALMI_FRAME_HEADER_BYTES 40
#define ALMI_RECORD_HEADER_BYTES 24
/* Of the payload of a frame; a record fits always. */
#define ALMI_FRAME_BYTES_MAX ((size_t)1 << 20)
#define ALMI_SEGMENT_BYTES_MAX ((size_t)1 << 28)

typedef struct almi_segment_header {
    uint64_t number;         /* from 1 */
    uint64_t first_sequence; /* of the first record, also when there is none yet */
    uint64_t oldest;         /* segments below are not part of the log any more */
    uint64_t previous;
    uint64_t previous_bytes;
    uint8_t salt[ALMI_SEGMENT_SALT_BYTES];
} almi_segment_header;

void almi_segment_write_header(const almi_segment_header *header, alm_buffer *out);
bool almi_segment_read_header(alm_str bytes, almi_segment_header *out);

/* A frame in `out`, which is emptied by begin. */
void almi_frame_begin(alm_buffer *out);
void almi_frame_add(alm_buffer *out, const alm_event_record *record);
void almi_frame_finish(const almi_segment_header *header, uint64_t first_sequence,
                       uint64_t records, alm_buffer *out);

typedef struct almi_segment_end {
    size_t bytes;           /* that count */
    uint64_t next_sequence; /* behind the last record */
} almi_segment_end;

/* Every record in order through `visit`, which may be NULL. `sealed` is what the next segment says
 * about this one; SIZE_MAX: it is the newest, and a last frame that is not whole is left out.
 * ALM_ERR_CORRUPT with `name` and the byte. */
ALM_NODISCARD alm_err almi_segment_read(alm_str bytes, const char *name, size_t sealed,
                                        const alm_event_sink *visit, almi_segment_end *out,
                                        alm_error *error);

#endif
