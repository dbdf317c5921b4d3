#include "monitor/prediction_log.h"

#include <math.h>
#include <string.h>

#include "base/json.h"

enum { VERSION = 1, DOUBLE_BYTES = 25 /* -1.2345678901234567e-308 and a comma */ };

/* The longest line that is written can be read: every byte of a text escaped, every number long,
 * two brackets and a comma per row, names. */
_Static_assert((ALM_PREDICTION_COLUMNS_MAX + 9) * (6 * ALM_PREDICTION_TEXT_BYTES_MAX + 3) +
                       ALM_PREDICTION_VALUES_MAX * DOUBLE_BYTES + ALM_PREDICTION_ROWS_MAX * 6 +
                       1000 <= ALM_PREDICTION_LINE_BYTES_MAX,
               "the longest line fits");

/* ---- sampling ---- */

/* FNV-1a, then the finalizer of SplitMix64 (Steele, Lea, Flood, OOPSLA'14), because the high bits
 * of the former depend little on the last bytes, which are all that differs between ids that
 * count up. */
static uint64_t hash_id(alm_str id)
{
    uint64_t hash = UINT64_C(0xCBF29CE484222325);
    for (size_t i = 0; i < id.size; i++) {
        hash = (hash ^ (unsigned char)id.data[i]) * UINT64_C(0x100000001B3);
    }
    hash = (hash ^ (hash >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    hash = (hash ^ (hash >> 27)) * UINT64_C(0x94D049BB133111EB);
    return hash ^ (hash >> 31);
}

bool alm_prediction_is_sampled(alm_str request_id, double rate)
{
    return (double)(hash_id(request_id) >> 11) * 0x1p-53 < rate;
}

/* ---- what a record may be, written or read ---- */

static alm_err check_text(const char *what, alm_str text, alm_error *error)
{
    if (text.size > ALM_PREDICTION_TEXT_BYTES_MAX) {
        return alm_fail(error, ALM_ERR_LIMIT, "%s of %zu bytes: a prediction on record has at most "
                        "%d", what, text.size, ALM_PREDICTION_TEXT_BYTES_MAX);
    }
    if (!alm_str_is_utf8(text, NULL) || (text.size > 0 && memchr(text.data, '\0', text.size))) {
        return alm_fail(error, ALM_ERR_INVALID, "%s is not UTF-8, or has a NUL in it", what);
    }
    return ALM_OK;
}

static alm_err check_sizes(const alm_prediction_record *r, alm_error *error)
{
    bool fits = r->column_count <= ALM_PREDICTION_COLUMNS_MAX &&
                r->row_count <= ALM_PREDICTION_ROWS_MAX &&
                r->output_count <= ALM_PREDICTION_OUTPUTS_MAX &&
                r->row_count * (r->column_count + r->output_count) <= ALM_PREDICTION_VALUES_MAX;
    if (!fits) {
        return alm_fail(error, ALM_ERR_LIMIT, "%zu rows of %zu columns and %zu outputs: a "
                        "prediction on record has at most %d values", r->row_count,
                        r->column_count, r->output_count, ALM_PREDICTION_VALUES_MAX);
    }
    if (r->row_count == 0 || r->output_count == 0 || r->request_id.size == 0) {
        return alm_fail(error, ALM_ERR_INVALID, "a prediction on record has a request id, a row "
                        "and an output at least");
    }
    return ALM_OK;
}

static alm_err check_record(const alm_prediction_record *r, alm_error *error)
{
    ALM_TRY(check_sizes(r, error));
    ALM_TRY(check_text("the request id", r->request_id, error));
    ALM_TRY(check_text("the trace id", r->trace_id, error));
    ALM_TRY(check_text("the route", r->route, error));
    ALM_TRY(check_text("the model", r->model, error));
    ALM_TRY(check_text("the version", r->version, error));
    ALM_TRY(check_text("the step", r->served_by, error));
    ALM_TRY(check_text("the reason", r->reason, error));
    for (size_t i = 0; i < r->column_count; i++) {
        ALM_TRY(check_text("a column's name", r->column[i], error));
    }
    return ALM_OK;
}

/* ---- writing ---- */

static void write_value(alm_json_writer *json, double value)
{
    if (isinf(value)) {
        alm_json_text(json, value > 0 ? "inf" : "-inf");
    } else {
        alm_json_double(json, value); /* NaN is null, -0 keeps its sign */
    }
}

static void write_rows(alm_json_writer *json, const char *key, const double *value, size_t rows,
                       size_t width)
{
    alm_json_key(json, key);
    alm_json_open_array(json);
    for (size_t i = 0; i < rows; i++) {
        alm_json_open_array(json);
        for (size_t j = 0; j < width; j++) {
            write_value(json, value[i * width + j]);
        }
        alm_json_close_array(json);
    }
    alm_json_close_array(json);
}

alm_err alm_prediction_write(const alm_prediction_record *record, alm_buffer *out,
                             alm_error *error)
{
    ALM_TRY(check_record(record, error));
    char time[ALM_INSTANT_TEXT_BYTES], hash[ALM_DIGEST_TEXT_BYTES];
    size_t before = out->size;
    alm_instant_text(record->time, time);
    alm_digest_text(&record->model_hash, hash);
    alm_json_writer json = alm_json_writer_on(out);
    alm_json_open_object(&json);
    alm_json_put_i64(&json, "v", VERSION);
    alm_json_put_text(&json, "time", time);
    alm_json_put_str(&json, "request_id", record->request_id);
    alm_json_put_str(&json, "trace_id", record->trace_id);
    alm_json_put_str(&json, "route", record->route);
    alm_json_put_str(&json, "model", record->model);
    alm_json_put_str(&json, "version", record->version);
    alm_json_put_text(&json, "model_hash", hash);
    alm_json_put_str(&json, "served_by", record->served_by);
    alm_json_put_str(&json, "reason", record->reason);
    alm_json_key(&json, "columns");
    alm_json_open_array(&json);
    for (size_t i = 0; i < record->column_count; i++) {
        alm_json_str(&json, record->column[i]);
    }
    alm_json_close_array(&json);
    write_rows(&json, "rows", record->value, record->row_count, record->column_count);
    write_rows(&json, "answers", record->answer, record->row_count, record->output_count);
    alm_json_close_object(&json);
    alm_buffer_append(out, "\n", 1);
    alm_err code = alm_buffer_status(out, error);
    if (code != ALM_OK && out->data) {
        out->size = before;
        out->data[before] = '\0';
    }
    return code;
}

/* ---- reading ---- */

static alm_err take_text(const alm_json *root, const char *key, alm_arena *arena, alm_str *out,
                         alm_error *error)
{
    alm_str text;
    ALM_TRY(alm_json_get_str(root, key, &text, error));
    *out = (alm_str){alm_arena_copy_text(arena, text.data, text.size), text.size};
    return ALM_OK;
}

static bool read_value(const alm_json *json, double *out)
{
    alm_str text;
    if (alm_json_kind_of(json) == ALM_JSON_NULL) {
        *out = NAN;
        return true;
    }
    if (alm_json_as_str(json, &text)) {
        *out = alm_str_is(text, "-inf") ? -INFINITY : INFINITY;
        return alm_str_is(text, "inf") || alm_str_is(text, "-inf");
    }
    return alm_json_as_double(json, out);
}

/* `width` values per row; the sizes were checked before. */
static alm_err take_rows(const alm_json *rows, const char *key, size_t width, double *out,
                         alm_error *error)
{
    for (size_t i = 0; i < alm_json_count(rows); i++) {
        const alm_json *row = alm_json_at(rows, i);
        if (alm_json_kind_of(row) != ALM_JSON_ARRAY || alm_json_count(row) != width) {
            return alm_fail(error, ALM_ERR_INVALID, "\"%s\": row %zu is no array of %zu values",
                            key, i + 1, width);
        }
        for (size_t j = 0; j < width; j++) {
            if (!read_value(alm_json_at(row, j), &out[i * width + j])) {
                return alm_fail(error, ALM_ERR_INVALID, "\"%s\": value %zu of row %zu is no "
                                "number, null, \"inf\" or \"-inf\"", key, j + 1, i + 1);
            }
        }
    }
    return ALM_OK;
}

static alm_err take_texts(const alm_json *root, alm_arena *arena, alm_prediction_record *out,
                          alm_error *error)
{
    alm_str time, hash;
    ALM_TRY(alm_json_get_str(root, "time", &time, error));
    ALM_TRY(alm_json_get_str(root, "model_hash", &hash, error));
    if (!alm_instant_parse(time, &out->time)) {
        return alm_fail(error, ALM_ERR_INVALID, "\"time\" is no time");
    }
    if (!alm_digest_parse(hash, &out->model_hash)) {
        return alm_fail(error, ALM_ERR_INVALID, "\"model_hash\" is not 64 digits of a hash");
    }
    ALM_TRY(take_text(root, "request_id", arena, &out->request_id, error));
    ALM_TRY(take_text(root, "trace_id", arena, &out->trace_id, error));
    ALM_TRY(take_text(root, "route", arena, &out->route, error));
    ALM_TRY(take_text(root, "model", arena, &out->model, error));
    ALM_TRY(take_text(root, "version", arena, &out->version, error));
    ALM_TRY(take_text(root, "served_by", arena, &out->served_by, error));
    return take_text(root, "reason", arena, &out->reason, error);
}

static alm_err take_numbers(const alm_json *root, alm_arena *arena, alm_prediction_record *out,
                            alm_error *error)
{
    const alm_json *columns, *rows, *answers;
    ALM_TRY(alm_json_get(root, "columns", ALM_JSON_ARRAY, &columns, error));
    ALM_TRY(alm_json_get(root, "rows", ALM_JSON_ARRAY, &rows, error));
    ALM_TRY(alm_json_get(root, "answers", ALM_JSON_ARRAY, &answers, error));
    out->column_count = alm_json_count(columns);
    out->row_count = alm_json_count(rows);
    out->output_count = alm_json_count(alm_json_at(answers, 0));
    if (alm_json_count(answers) != out->row_count) {
        return alm_fail(error, ALM_ERR_INVALID, "%zu rows have %zu answers", out->row_count,
                        alm_json_count(answers));
    }
    ALM_TRY(check_sizes(out, error));
    alm_str *name = ALM_NEW_ARRAY(arena, alm_str, out->column_count);
    for (size_t i = 0; i < out->column_count; i++) {
        alm_str text;
        if (!alm_json_as_str(alm_json_at(columns, i), &text)) {
            return alm_fail(error, ALM_ERR_INVALID, "\"columns\": item %zu is no text", i + 1);
        }
        name[i] = (alm_str){alm_arena_copy_text(arena, text.data, text.size), text.size};
    }
    double *value = ALM_NEW_ARRAY(arena, double, out->row_count * out->column_count);
    double *answer = ALM_NEW_ARRAY(arena, double, out->row_count * out->output_count);
    ALM_TRY(take_rows(rows, "rows", out->column_count, value, error));
    ALM_TRY(take_rows(answers, "answers", out->output_count, answer, error));
    out->column = name;
    out->value = value;
    out->answer = answer;
    return ALM_OK;
}

static alm_err take_record(const alm_json *root, alm_arena *arena, alm_prediction_record *out,
                           alm_error *error)
{
    int64_t version = 0;
    ALM_TRY(alm_json_get_i64(root, "v", &version, error));
    if (version != VERSION) {
        return alm_fail(error, ALM_ERR_INVALID, "this program reads version %d of the prediction "
                        "log, not %lld", VERSION, (long long)version);
    }
    ALM_TRY(alm_json_check_keys(root, "v time request_id trace_id route model version model_hash "
                                "served_by reason columns rows answers", error));
    ALM_TRY(take_texts(root, arena, out, error));
    ALM_TRY(take_numbers(root, arena, out, error));
    return check_record(out, error);
}

alm_err alm_prediction_read(alm_str line, alm_arena *arena, alm_prediction_record *out,
                            alm_error *error)
{
    if (line.size > ALM_PREDICTION_LINE_BYTES_MAX) {
        return alm_fail(error, ALM_ERR_LIMIT, "a line of the prediction log has at most %u bytes, "
                        "not %zu", ALM_PREDICTION_LINE_BYTES_MAX, line.size);
    }
    alm_json_document *document = NULL;
    ALM_TRY(alm_json_parse(line, "prediction log", &document, error));
    alm_prediction_record record = {0};
    alm_err code = take_record(alm_json_root(document), arena, &record, error);
    alm_json_document_destroy(document);
    if (code == ALM_OK) {
        *out = record;
    }
    return code;
}
