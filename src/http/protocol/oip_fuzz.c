/* Any bytes as an inference request: the first two say how much of the rest is JSON. One error, or
 * tensors with as many values as their shapes say; with no binary part, text that base/json.h takes
 * too, but for integers beyond 64 bits. The other protocols read the same bytes. */
#include <string.h>

#include "base/json.h"
#include "http/protocol/kserve_v1.h"
#include "http/protocol/oip.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static double touch(const double *value, size_t count)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++) {
        sum += value[i];
    }
    return sum;
}

static void check_input(const alm_inference_input *in)
{
    volatile double sum = 0; /* so that reading the values is not left out */
    for (size_t i = 0; in->name && i < in->column_count; i++) {
        alm_assert(in->name[i].size < ((size_t)1 << 20));
    }
    if (in->values) {
        sum += touch(in->values, in->rows * in->column_count);
    }
    if (in->windows) {
        sum += touch(in->windows, in->rows * in->steps * in->window_width);
    }
}

/* As many digits in a row as an integer beyond 64 bits has, at least. */
static bool has_wide_integer(alm_str text)
{
    size_t digits = 0;
    for (size_t i = 0; i < text.size && digits < 19; i++) {
        digits = text.data[i] >= '0' && text.data[i] <= '9' ? digits + 1 : 0;
    }
    return digits == 19;
}

static void check_json(alm_str text)
{
    if (has_wide_integer(text)) {
        return;
    }
    alm_json_document *document = NULL;
    alm_assert(alm_json_parse(text, "fuzz", &document, NULL) == ALM_OK);
    alm_json_document_destroy(document);
}

static void read_oip(alm_str body, alm_str length, alm_arena *arena)
{
    static const alm_str COLUMN[] = {{"a", 1}, {"b", 1}};
    const alm_scorer_info model = {.row_column = COLUMN, .row_column_count = 2};
    alm_oip_request q;
    alm_inference_input in;
    if (alm_oip_read(body, length, arena, &q, NULL) != ALM_OK) {
        return;
    }
    for (size_t i = 0; i < q.input_count; i++) {
        size_t count = 1;
        for (size_t k = 0; k < q.input[i].rank; k++) {
            count *= q.input[i].shape[k];
        }
        alm_assert(count == q.input[i].count);
    }
    if (length.size == 0) {
        check_json(body);
    }
    if (alm_oip_input(&q, &model, arena, &in, NULL) == ALM_OK) {
        check_input(&in);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    alm_arena *arena = alm_arena_create(0);
    alm_inference_input in;
    bool flag = false;
    if (size < 2) {
        alm_arena_destroy(arena);
        return 0;
    }
    size_t json = (size_t)data[0] << 8 | data[1];
    alm_str body = {alm_arena_copy_text(arena, (const char *)data + 2, size - 2), size - 2};
    read_oip(body, (alm_str){0}, arena);
    read_oip(body, alm_str_of(alm_arena_printf(arena, "%zu", json)), arena);
    if (alm_mlflow_read(body, ALM_MLFLOW_JSON, arena, &in, NULL) == ALM_OK) {
        if (!memmem(body.data, body.size, "NaN", 3)) { /* which is no JSON */
            check_json(body);
        }
        check_input(&in);
    }
    if (alm_mlflow_read(body, ALM_MLFLOW_CSV, arena, &in, NULL) == ALM_OK) {
        check_input(&in);
    }
    if (alm_kserve_v1_read(body, arena, &in, &flag, NULL) == ALM_OK) {
        check_json(body);
        check_input(&in);
    }
    if (alm_oip_read_index(body, &flag, NULL) == ALM_OK && alm_str_trim(body).size) {
        check_json(body);
    }
    if (alm_oip_read_load(body, NULL) == ALM_OK && alm_str_trim(body).size) {
        check_json(body);
    }
    alm_arena_destroy(arena);
    return 0;
}
