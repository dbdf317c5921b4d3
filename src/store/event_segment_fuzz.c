/* Any bytes as a segment, newest or sealed: its events, or one error. So that the fuzzer gets
 * behind the hashes, the input is a list of words and bytes from which frames are also built with
 * right hashes and wrong everything else. */
#include "store/event_segment.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static alm_err take(void *context, const alm_event_record *record, alm_error *error) {
    (void)error;
    uint64_t *last = context;
    alm_assert(record->id.size >= 1 && record->id.size <= ALM_EVENT_ID_BYTES_MAX);
    alm_assert(record->content.size <= ALM_EVENT_CONTENT_BYTES_MAX);
    alm_assert(*last == 0 || record->sequence == *last + 1);
    *last = record->sequence;
    return ALM_OK;
}

static void read_as(alm_str bytes, size_t sealed) {
    alm_error error = {0};
    uint64_t last = 0;
    alm_event_sink sink = {take, &last};
    almi_segment_end end = {0};
    alm_err code = almi_segment_read(bytes, "segment", sealed, &sink, &end, &error);
    alm_assert(code == ALM_OK || (code == ALM_ERR_CORRUPT && error.message[0] != '\0'));
    alm_assert(code != ALM_OK || end.bytes <= bytes.size);
}

/* The input as the payload of a frame that hashes right, behind a header that does. */
static void read_framed(const uint8_t *data, size_t size) {
    almi_segment_header header = {.number = 1, .first_sequence = 1, .oldest = 1};
    alm_buffer text = {0};
    alm_buffer frame = {0};
    almi_segment_write_header(&header, &text);
    almi_frame_begin(&frame);
    alm_buffer_append(&frame, data, size);
    almi_frame_finish(&header, 1, size > 0 ? data[0] : 0, &frame);
    alm_buffer_append(&text, frame.data, frame.size);
    if (alm_buffer_status(&text, NULL) == ALM_OK) {
        read_as(alm_buffer_view(&text), SIZE_MAX);
    }
    alm_buffer_deinit(&frame);
    alm_buffer_deinit(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    alm_str bytes = {(const char *)data, size};
    read_as(bytes, SIZE_MAX);
    read_as(bytes, size);
    read_as(bytes, size / 2);
    read_framed(data, size);
    return 0;
}
