#include "monitor/prediction_log.h"

#include <math.h>
#include <string.h>

#include "base/json.h"

enum { VERSION = 3, STATELESS = 2, DOUBLE_BYTES = 25 /* -1.2345678901234567e-308 and a comma */ };

/* The longest line that is written can be read: every byte of a text escaped, every number long,
 * two brackets and a comma per row of three kinds, both bodies, names. */
_Static_assert((ALM_PREDICTION_COLUMNS_MAX + 10) * (6 * ALM_PREDICTION_TEXT_BYTES_MAX + 3) +
                       ALM_PREDICTION_VALUES_MAX * DOUBLE_BYTES + ALM_PREDICTION_ROWS_MAX * 9 +
                       2 * ALM_PREDICTION_BODY_BYTES_MAX + 1000 <= ALM_PREDICTION_LINE_BYTES_MAX,
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

static alm_err fail_sizes(const alm_prediction_record *r, alm_error *error)
{
    return alm_fail(error, ALM_ERR_LIMIT, "%zu rows of %zu columns, %zu steps of %zu and %zu "
                    "outputs: a prediction on record has at most %d values", r->row_count,
                    r->column_count, r->steps, r->window_width, r->output_count,
                    ALM_PREDICTION_VALUES_MAX);
}

static alm_err check_sizes(const alm_prediction_record *r, alm_error *error)
{
    const size_t most = ALM_PREDICTION_VALUES_MAX;
    if (r->column_count > ALM_PREDICTION_COLUMNS_MAX || r->row_count > ALM_PREDICTION_ROWS_MAX ||
        r->output_count > ALM_PREDICTION_OUTPUTS_MAX || r->steps > most ||
        r->window_width > most || r->steps * r->window_width > most ||
        r->row_count * (r->column_count + r->steps * r->window_width + r->output_count) > most) {
        return fail_sizes(r, error);
    }
    bool has_windows = r->steps > 0 && r->window_width > 0;
    bool has_rows = r->row_count > 0 && r->output_count > 0;
    bool is_whole = has_rows ? has_windows || (r->steps == 0 && r->window_width == 0)
                             : r->row_count + r->output_count + r->column_count + r->steps +
                                       r->window_width == 0;
    if (!is_whole || r->request_id.size == 0) {
        return alm_fail(error, ALM_ERR_INVALID, "a prediction on record has a request id, and with "
                        "numbers a row and an output at least");
    }
    return ALM_OK;
}

/* Depth of the brackets of JSON. */
static size_t depth_of(alm_str json)
{
    size_t depth = 0, most = 0;
    bool in_text = false;
    for (size_t i = 0; i < json.size; i++) {
        char c = json.data[i];
        if (in_text) {
            i += c == '\\';
            in_text = c != '"';
        } else if (c == '"') {
            in_text = true;
        } else if (c == '{' || c == '[') {
            most = ++depth > most ? depth : most;
        } else if (c == '}' || c == ']') {
            depth -= depth > 0;
        }
    }
    return most;
}

static bool is_object(alm_str json)
{
    alm_str text = alm_str_trim(json);
    return text.size > 0 && text.data[0] == '{';
}

static alm_err check_bodies(const alm_prediction_record *r, alm_error *error)
{
    const size_t most = ALM_PREDICTION_BODY_BYTES_MAX;
    bool has_reply = r->request.size > 0 && r->reply.size > 0;
    if (r->request.size > most || r->reply.size > most ||
        depth_of(r->request) > ALM_PREDICTION_BODY_DEPTH_MAX ||
        depth_of(r->reply) > ALM_PREDICTION_BODY_DEPTH_MAX) {
        return alm_fail(error, ALM_ERR_LIMIT, "a request of %zu bytes and a reply of %zu: on "
                        "record each has at most %u, and %d levels of brackets", r->request.size,
                        r->reply.size, ALM_PREDICTION_BODY_BYTES_MAX,
                        ALM_PREDICTION_BODY_DEPTH_MAX);
    }
    if (has_reply && (!is_object(r->request) || !is_object(r->reply))) {
        return alm_fail(error, ALM_ERR_INVALID, "request and reply on record are JSON objects");
    }
    if (!has_reply && (r->request.size + r->reply.size > 0 || r->row_count == 0)) {
        return alm_fail(error, ALM_ERR_INVALID, "a prediction on record has numbers of a model, or "
                        "a request and its reply");
    }
    return ALM_OK;
}

static alm_err check_states(const alm_prediction_record *r, alm_error *error)
{
    if (r->state_count > ALM_PREDICTION_STATES_MAX) {
        return alm_fail(error, ALM_ERR_INVALID, "%zu states: on record are at most %d",
                        r->state_count, ALM_PREDICTION_STATES_MAX);
    }
    for (size_t i = 0; i < r->state_count; i++) {
        const alm_prediction_state *s = &r->state[i];
        ALM_TRY(check_text("the release of a state", s->release, error));
        ALM_TRY(check_text("the run of a state", s->run, error));
        ALM_TRY(check_text("the line of a state", s->line, error));
        if ((s->line.size > 0) != (s->end != ALM_DATE_NONE) || s->events > INT64_MAX) {
            return alm_fail(error, ALM_ERR_INVALID, "a state on record has a line and a day, or "
                            "neither");
        }
    }
    return ALM_OK;
}

static alm_err check_record(const alm_prediction_record *r, alm_error *error)
{
    ALM_TRY(check_sizes(r, error));
    ALM_TRY(check_bodies(r, error));
    ALM_TRY(check_text("the request id", r->request_id, error));
    ALM_TRY(check_text("the trace id", r->trace_id, error));
    ALM_TRY(check_text("the route", r->route, error));
    ALM_TRY(check_text("the model", r->model, error));
    ALM_TRY(check_text("the version", r->version, error));
    ALM_TRY(check_text("the step", r->served_by, error));
    ALM_TRY(check_text("the reason", r->reason, error));
    ALM_TRY(check_text("the run", r->run, error));
    for (size_t i = 0; i < r->column_count; i++) {
        ALM_TRY(check_text("a column's name", r->column[i], error));
    }
    return check_states(r, error);
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

static void write_body(alm_json_writer *json, const char *key, alm_str body)
{
    alm_json_key(json, key);
    if (body.size > 0) {
        alm_json_raw(json, body);
    } else {
        alm_json_null(json);
    }
}

static void write_states(const alm_prediction_record *record, alm_json_writer *json)
{
    alm_json_key(json, "state");
    alm_json_open_array(json);
    for (size_t i = 0; i < record->state_count; i++) {
        const alm_prediction_state *s = &record->state[i];
        char end[ALM_DATE_TEXT_BYTES] = "";
        if (s->end != ALM_DATE_NONE) {
            alm_date_text(s->end, end);
        }
        alm_json_open_object(json);
        alm_json_put_str(json, "release", s->release);
        alm_json_put_str(json, "run", s->run);
        alm_json_put_str(json, "line", s->line);
        alm_json_put_text(json, "end", end);
        alm_json_put_i64(json, "events", (int64_t)s->events);
        alm_json_close_object(json);
    }
    alm_json_close_array(json);
}

static void write_labels(const alm_prediction_record *record, alm_json_writer *json)
{
    char time[ALM_INSTANT_TEXT_BYTES], hash[ALM_DIGEST_TEXT_BYTES];
    alm_instant_text(record->time, time);
    alm_digest_text(&record->model_hash, hash);
    alm_json_put_i64(json, "v", VERSION);
    alm_json_put_text(json, "time", time);
    alm_json_put_str(json, "request_id", record->request_id);
    alm_json_put_str(json, "trace_id", record->trace_id);
    alm_json_put_str(json, "route", record->route);
    alm_json_put_str(json, "model", record->model);
    alm_json_put_str(json, "version", record->version);
    alm_json_put_text(json, "model_hash", hash);
    alm_json_put_str(json, "served_by", record->served_by);
    alm_json_put_str(json, "reason", record->reason);
    alm_json_put_str(json, "run", record->run);
}

alm_err alm_prediction_write(const alm_prediction_record *record, alm_buffer *out,
                             alm_error *error)
{
    ALM_TRY(check_record(record, error));
    size_t before = out->size;
    size_t rows = record->row_count;
    alm_json_writer json = alm_json_writer_on(out);
    alm_json_open_object(&json);
    write_labels(record, &json);
    alm_json_key(&json, "columns");
    alm_json_open_array(&json);
    for (size_t i = 0; i < record->column_count; i++) {
        alm_json_str(&json, record->column[i]);
    }
    alm_json_close_array(&json);
    write_rows(&json, "rows", record->value, rows, record->column_count);
    alm_json_put_i64(&json, "steps", (int64_t)record->steps);
    write_rows(&json, "windows", record->window, record->steps ? rows : 0,
               record->steps * record->window_width);
    write_rows(&json, "answers", record->answer, rows, record->output_count);
    write_body(&json, "request", record->request);
    write_body(&json, "reply", record->reply);
    write_states(record, &json);
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
    ALM_TRY(take_text(root, "reason", arena, &out->reason, error));
    return take_text(root, "run", arena, &out->run, error);
}

static alm_err take_columns(const alm_json *columns, alm_arena *arena,
                            alm_prediction_record *out, alm_error *error)
{
    alm_str *name = ALM_NEW_ARRAY(arena, alm_str, out->column_count);
    for (size_t i = 0; i < out->column_count; i++) {
        alm_str text;
        if (!alm_json_as_str(alm_json_at(columns, i), &text)) {
            return alm_fail(error, ALM_ERR_INVALID, "\"columns\": item %zu is no text", i + 1);
        }
        name[i] = (alm_str){alm_arena_copy_text(arena, text.data, text.size), text.size};
    }
    out->column = name;
    return ALM_OK;
}

/* Width of the first row; 0 without one. */
static size_t width_of(const alm_json *rows)
{
    const alm_json *first = alm_json_at(rows, 0);
    return first ? alm_json_count(first) : 0;
}

static alm_err take_counts(const alm_json *root, const alm_json *const array[4],
                           alm_prediction_record *out, alm_error *error)
{
    const alm_json *rows = array[1], *windows = array[2], *answers = array[3];
    int64_t steps = 0;
    ALM_TRY(alm_json_get_i64(root, "steps", &steps, error));
    out->column_count = alm_json_count(array[0]);
    out->row_count = alm_json_count(rows);
    out->output_count = width_of(answers);
    out->steps = steps < 0 ? SIZE_MAX : (size_t)steps;
    if (alm_json_count(answers) != out->row_count) {
        return alm_fail(error, ALM_ERR_INVALID, "%zu rows have %zu answers", out->row_count,
                        alm_json_count(answers));
    }
    if (alm_json_count(windows) != (steps ? out->row_count : 0) ||
        (steps > 0 && width_of(windows) % (size_t)steps != 0)) {
        return alm_fail(error, ALM_ERR_INVALID, "%zu rows have %zu windows of %lld steps",
                        out->row_count, alm_json_count(windows), (long long)steps);
    }
    out->window_width = steps > 0 ? width_of(windows) / (size_t)steps : 0;
    return check_sizes(out, error);
}

static alm_err take_numbers(const alm_json *root, alm_arena *arena, alm_prediction_record *out,
                            alm_error *error)
{
    static const char *const KEY[] = {"columns", "rows", "windows", "answers"};
    const alm_json *array[4];
    for (size_t i = 0; i < 4; i++) {
        ALM_TRY(alm_json_get(root, KEY[i], ALM_JSON_ARRAY, &array[i], error));
    }
    ALM_TRY(take_counts(root, array, out, error));
    ALM_TRY(take_columns(array[0], arena, out, error));
    size_t rows = out->row_count, window = out->steps * out->window_width;
    double *value = ALM_NEW_ARRAY(arena, double, rows * out->column_count);
    double *steps = ALM_NEW_ARRAY(arena, double, rows * window);
    double *answer = ALM_NEW_ARRAY(arena, double, rows * out->output_count);
    ALM_TRY(take_rows(array[1], "rows", out->column_count, value, error));
    ALM_TRY(take_rows(array[2], "windows", window, steps, error));
    ALM_TRY(take_rows(array[3], "answers", out->output_count, answer, error));
    out->value = value;
    out->window = steps;
    out->answer = answer;
    return ALM_OK;
}

/* An object or null. */
static alm_err take_body(const alm_json *root, const char *key, alm_arena *arena, alm_str *out,
                         alm_error *error)
{
    const alm_json *value = alm_json_member(root, key);
    if (!value ||
        (alm_json_kind_of(value) != ALM_JSON_NULL && alm_json_kind_of(value) != ALM_JSON_OBJECT)) {
        return alm_fail(error, ALM_ERR_INVALID, "\"%s\" is no object and not null", key);
    }
    if (alm_json_kind_of(value) == ALM_JSON_OBJECT) {
        alm_buffer text = {0};
        alm_json_writer json = alm_json_writer_on(&text);
        alm_json_copy(&json, value);
        alm_err code = alm_buffer_status(&text, error);
        if (code == ALM_OK) {
            *out = (alm_str){alm_arena_copy_text(arena, text.data, text.size), text.size};
        }
        alm_buffer_deinit(&text);
        return code;
    }
    return ALM_OK;
}

static alm_err take_state(const alm_json *json, alm_arena *arena, alm_prediction_state *out,
                          alm_error *error)
{
    alm_str end;
    int64_t events = 0;
    out->end = ALM_DATE_NONE;
    ALM_TRY(alm_json_check_keys(json, "release run line end events", error));
    ALM_TRY(take_text(json, "release", arena, &out->release, error));
    ALM_TRY(take_text(json, "run", arena, &out->run, error));
    ALM_TRY(take_text(json, "line", arena, &out->line, error));
    ALM_TRY(alm_json_get_str(json, "end", &end, error));
    ALM_TRY(alm_json_get_i64(json, "events", &events, error));
    if ((end.size > 0 && !alm_date_parse(end, &out->end)) || events < 0) {
        return alm_fail(error, ALM_ERR_INVALID, "\"state\": \"end\" is a date or empty, \"events\" "
                        "not below 0");
    }
    out->events = (uint64_t)events;
    return ALM_OK;
}

static alm_err take_states(const alm_json *root, alm_arena *arena, alm_prediction_record *out,
                           alm_error *error)
{
    const alm_json *list = NULL;
    ALM_TRY(alm_json_get(root, "state", ALM_JSON_ARRAY, &list, error));
    out->state_count = alm_json_count(list);
    for (size_t i = 0; i < out->state_count && i < ALM_PREDICTION_STATES_MAX; i++) {
        ALM_TRY(take_state(alm_json_at(list, i), arena, &out->state[i], error));
    }
    return ALM_OK; /* too many: check_record */
}

#define KEYS                                                                                      \
    "v time request_id trace_id route model version model_hash served_by reason run columns rows " \
    "steps windows answers request reply"

static alm_err take_record(const alm_json *root, alm_arena *arena, alm_prediction_record *out,
                           alm_error *error)
{
    int64_t version = 0;
    ALM_TRY(alm_json_get_i64(root, "v", &version, error));
    if (version != VERSION && version != STATELESS) {
        return alm_fail(error, ALM_ERR_INVALID, "this program reads versions %d and %d of the "
                        "prediction log, not %lld", STATELESS, VERSION, (long long)version);
    }
    ALM_TRY(alm_json_check_keys(root, version == STATELESS ? KEYS : KEYS " state", error));
    ALM_TRY(take_texts(root, arena, out, error));
    ALM_TRY(take_numbers(root, arena, out, error));
    ALM_TRY(take_body(root, "request", arena, &out->request, error));
    ALM_TRY(take_body(root, "reply", arena, &out->reply, error));
    if (version != STATELESS) {
        ALM_TRY(take_states(root, arena, out, error));
    }
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
