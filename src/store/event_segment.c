/* event_segment.c: writing and reading the bytes of a segment. */
#include "store/event_segment.h"

#include <string.h>

#define HASH_BYTES 8

static const char SEGMENT_MAGIC[8] = {'A', 'L', 'M', 'E', 'V', 'T', '1', '\n'};
static const char FRAME_MAGIC[8] = {'\n', 'f', 'r', 'a', 'm', 'e', '1', '\n'};

static void put_hash(alm_hash *hash, char out[HASH_BYTES]) {
    alm_digest digest = alm_hash_final(hash);
    memcpy(out, digest.bytes, HASH_BYTES);
}

/* ---- the header ---- */

static void header_hash(const char *bytes, char out[HASH_BYTES]) {
    alm_hash hash;
    alm_hash_init(&hash);
    alm_hash_update(&hash, bytes, ALMI_SEGMENT_HEADER_BYTES - HASH_BYTES);
    put_hash(&hash, out);
}

void almi_segment_write_header(const almi_segment_header *header, alm_buffer *out) {
    char hash[HASH_BYTES];
    alm_buffer_clear(out);
    alm_buffer_append(out, SEGMENT_MAGIC, sizeof SEGMENT_MAGIC);
    alm_buffer_u64(out, header->number);
    alm_buffer_u64(out, header->first_sequence);
    alm_buffer_u64(out, header->oldest);
    alm_buffer_u64(out, header->previous);
    alm_buffer_u64(out, header->previous_bytes);
    alm_buffer_append(out, header->salt, sizeof header->salt);
    if (out->failed) {
        return;
    }
    header_hash(out->data, hash);
    alm_buffer_append(out, hash, sizeof hash);
}

bool almi_segment_read_header(alm_str bytes, almi_segment_header *out) {
    char hash[HASH_BYTES];
    if (bytes.size < ALMI_SEGMENT_HEADER_BYTES ||
        memcmp(bytes.data, SEGMENT_MAGIC, sizeof SEGMENT_MAGIC) != 0) {
        return false;
    }
    header_hash(bytes.data, hash);
    if (memcmp(hash, bytes.data + ALMI_SEGMENT_HEADER_BYTES - HASH_BYTES, HASH_BYTES) != 0) {
        return false;
    }
    *out = (almi_segment_header){
        .number = alm_u64_at(bytes.data + 8),
        .first_sequence = alm_u64_at(bytes.data + 16),
        .oldest = alm_u64_at(bytes.data + 24),
        .previous = alm_u64_at(bytes.data + 32),
        .previous_bytes = alm_u64_at(bytes.data + 40),
    };
    memcpy(out->salt, bytes.data + 48, sizeof out->salt);
    /* A header that hashes right was written by this code, but a file may be made by anyone. */
    return out->number > 0 && out->first_sequence > 0 && out->previous < out->number &&
           out->oldest > 0 && out->oldest <= out->number;
}

/* ---- writing a frame ---- */

/* `frame`: its header with the payload behind it. */
static void frame_hash(const almi_segment_header *header, const char *frame, size_t payload,
                       char out[HASH_BYTES]) {
    alm_hash hash;
    alm_hash_init(&hash);
    alm_hash_update(&hash, header->salt, sizeof header->salt);
    alm_hash_update(&hash, frame, ALMI_FRAME_HEADER_BYTES - HASH_BYTES);
    alm_hash_update(&hash, frame + ALMI_FRAME_HEADER_BYTES, payload);
    put_hash(&hash, out);
}

void almi_frame_begin(alm_buffer *out) {
    static const char ROOM[ALMI_FRAME_HEADER_BYTES] = {0};
    alm_buffer_clear(out);
    alm_buffer_append(out, ROOM, sizeof ROOM);
}

void almi_frame_add(alm_buffer *out, const alm_event_record *record) {
    alm_buffer_u64(out, record->id.size);
    alm_buffer_u64(out, record->content.size);
    alm_buffer_u64(out, (uint64_t)record->received);
    alm_buffer_append(out, record->id.data, record->id.size);
    alm_buffer_append(out, record->content.data, record->content.size);
}

static void put_word(char *at, uint64_t value) {
    for (int i = 0; i < 8; i++) {
        at[i] = (char)(value >> (8 * i));
    }
}

void almi_frame_finish(const almi_segment_header *header, uint64_t first_sequence,
                       uint64_t records, alm_buffer *out) {
    if (out->failed) {
        return;
    }
    size_t payload = out->size - ALMI_FRAME_HEADER_BYTES;
    memcpy(out->data, FRAME_MAGIC, sizeof FRAME_MAGIC);
    put_word(out->data + 8, first_sequence);
    put_word(out->data + 16, records);
    put_word(out->data + 24, payload);
    frame_hash(header, out->data, payload, out->data + 32);
}

/* ---- reading ---- */

typedef struct frame {
    uint64_t first_sequence;
    uint64_t records;
    size_t payload;
} frame;

/* Is there a whole frame at this place? */
static bool frame_at(const almi_segment_header *header, alm_str bytes, size_t at, frame *out) {
    char hash[HASH_BYTES];
    if (bytes.size - at < ALMI_FRAME_HEADER_BYTES ||
        memcmp(bytes.data + at, FRAME_MAGIC, sizeof FRAME_MAGIC) != 0) {
        return false;
    }
    const char *start = bytes.data + at;
    uint64_t payload = alm_u64_at(start + 24);
    if (payload > bytes.size - at - ALMI_FRAME_HEADER_BYTES) {
        return false;
    }
    frame_hash(header, start, (size_t)payload, hash);
    *out = (frame){alm_u64_at(start + 8), alm_u64_at(start + 16), (size_t)payload};
    return memcmp(hash, start + 32, HASH_BYTES) == 0;
}

/* Is there a whole frame anywhere behind this place? */
static bool has_frame_behind(const almi_segment_header *header, alm_str bytes, size_t at) {
    frame found;
    for (at++; at + ALMI_FRAME_HEADER_BYTES <= bytes.size; at++) {
        const char *next = memchr(bytes.data + at, FRAME_MAGIC[0], bytes.size - at);
        if (next == NULL) {
            return false;
        }
        at = (size_t)(next - bytes.data);
        if (frame_at(header, bytes, at, &found)) {
            return true;
        }
    }
    return false;
}

static alm_err fail_damaged(const char *name, size_t at, const char *what, alm_error *error) {
    return alm_fail(error, ALM_ERR_CORRUPT, "%s: %s at byte %zu: bring the file back from a copy; "
                    "without it nobody can tell which events are lost", name, what, at);
}

/* The records of one frame; what does not fit was never written by this code. */
static alm_err read_records(alm_str payload, const frame *f, const alm_event_sink *visit,
                            bool *fits, alm_error *error) {
    size_t at = 0;
    *fits = false;
    for (uint64_t i = 0; i < f->records; i++) {
        if (payload.size - at < ALMI_RECORD_HEADER_BYTES) {
            return ALM_OK;
        }
        uint64_t id = alm_u64_at(payload.data + at);
        uint64_t content = alm_u64_at(payload.data + at + 8);
        alm_event_record record = {.sequence = f->first_sequence + i,
                                   .received = (alm_instant)alm_u64_at(payload.data + at + 16)};
        at += ALMI_RECORD_HEADER_BYTES;
        if (id == 0 || id > ALM_EVENT_ID_BYTES_MAX || content > ALM_EVENT_CONTENT_BYTES_MAX ||
            id + content > payload.size - at) {
            return ALM_OK;
        }
        record.id = (alm_str){payload.data + at, (size_t)id};
        record.content = (alm_str){payload.data + at + id, (size_t)content};
        at += (size_t)(id + content);
        if (visit != NULL) {
            ALM_TRY(visit->take(visit->context, &record, error));
        }
    }
    *fits = at == payload.size;
    return ALM_OK;
}

alm_err almi_segment_read(alm_str bytes, const char *name, size_t sealed,
                          const alm_event_sink *visit, almi_segment_end *out, alm_error *error) {
    almi_segment_header header;
    if (!almi_segment_read_header(bytes, &header)) {
        return fail_damaged(name, 0, "the header is damaged", error);
    }
    bool is_newest = sealed == SIZE_MAX;
    if (!is_newest && (sealed > bytes.size || sealed < ALMI_SEGMENT_HEADER_BYTES)) {
        return fail_damaged(name, bytes.size, "the file has not the length that the next one says",
                            error);
    }
    bytes.size = is_newest ? bytes.size : sealed;
    almi_segment_end end = {ALMI_SEGMENT_HEADER_BYTES, header.first_sequence};
    while (end.bytes < bytes.size) {
        frame f;
        if (!frame_at(&header, bytes, end.bytes, &f)) {
            if (!is_newest || has_frame_behind(&header, bytes, end.bytes)) {
                return fail_damaged(name, end.bytes, "events are damaged", error);
            }
            break; /* the write that a crash cut off */
        }
        alm_str payload = {bytes.data + end.bytes + ALMI_FRAME_HEADER_BYTES, f.payload};
        bool fits = false;
        if (f.first_sequence != end.next_sequence ||
            f.records > f.payload / ALMI_RECORD_HEADER_BYTES) {
            return fail_damaged(name, end.bytes, "events are out of order", error);
        }
        ALM_TRY(read_records(payload, &f, visit, &fits, error));
        if (!fits) {
            return fail_damaged(name, end.bytes, "records do not fit their frame", error);
        }
        end.bytes += ALMI_FRAME_HEADER_BYTES + f.payload;
        end.next_sequence += f.records;
    }
    *out = end;
    return ALM_OK;
}
