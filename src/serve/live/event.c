#include "serve/live/event.h"

#include <math.h>

#include "base/json.h"

#define DAY_MICROSECONDS INT64_C(86400000000)
/* 0001-01-01 and 9999-12-31: what base/date.h can write. */
#define DAY_MIN (-719162)
#define DAY_MAX 2932896
#define COLUMN_BYTES_MAX 255

static const char *const KIND_TEXT[ALM_EVENT_KINDS] = {
#define ALM_EVENT_KIND_TEXT(name, text) [ALM_EVENT_##name] = text,
    ALM_EVENT_KIND_MAP(ALM_EVENT_KIND_TEXT)
#undef ALM_EVENT_KIND_TEXT
};

const char *alm_event_kind_text(alm_event_kind kind)
{
    alm_assert((unsigned)kind < ALM_EVENT_KINDS);
    return KIND_TEXT[kind];
}

alm_err alm_event_kind_of(alm_str text, alm_event_kind *out, alm_error *error)
{
    for (unsigned kind = 0; kind < ALM_EVENT_KINDS; kind++) {
        if (alm_str_is(text, KIND_TEXT[kind])) {
            *out = (alm_event_kind)kind;
            return ALM_OK;
        }
    }
    return alm_fail(error, ALM_ERR_INVALID, "an event's kind is sale, return, correction, receipt "
                    "or stock_count");
}

/* ---- checking ---- */

static bool is_of_stock(alm_event_kind kind)
{
    return kind == ALM_EVENT_RECEIPT || kind == ALM_EVENT_STOCK_COUNT;
}

static alm_err check_keys(const alm_event *event, const alm_project *project, alm_error *error)
{
    const alm_series_spec *series = &project->series;
    if (event->key_count != series->key_count) {
        return alm_fail(error, ALM_ERR_INVALID, "the event has %zu keys; a series of this project "
                        "has %zu", event->key_count, series->key_count);
    }
    for (size_t k = 0; k < event->key_count; k++) {
        if (event->keys[k].size == 0 || !alm_str_is_utf8(event->keys[k], NULL)) {
            return alm_fail(error, ALM_ERR_INVALID, "the key " ALM_STR_FMT " is empty or not "
                            "UTF-8", ALM_STR_ARG(series->keys[k]));
        }
    }
    return ALM_OK;
}

/* What a snapshot would reject in that column is refused here, with its words: the rows of the next
 * snapshot are to say the same. `what` names the value in the event. */
static alm_err check_type(const alm_project *project, alm_str source, alm_str column,
                          const alm_event_value *what, alm_error *error)
{
    const alm_source *s = alm_project_source(project, source);
    double value = what->value;
    for (size_t i = 0; s && i < s->column_count; i++) {
        alm_type type = s->columns[i].type;
        bool is_whole = type == ALM_TYPE_I64, is_flag = type == ALM_TYPE_BOOL;
        bool is_wrong = (is_whole && (value != trunc(value) || fabs(value) >= 0x1p63)) ||
                        (is_flag && value != 0 && value != 1);
        if (is_wrong && alm_str_equal(s->columns[i].name, column)) {
            return alm_fail(error, ALM_ERR_INVALID, ALM_STR_FMT " %.17g is not %s, and the column "
                            ALM_STR_FMT " of the source " ALM_STR_FMT " is declared %s: send one, "
                            "or declare the column f64 in almanac.yaml", ALM_STR_ARG(what->column),
                            value, is_whole ? "a whole number" : "true, false, 1 or 0",
                            ALM_STR_ARG(column), ALM_STR_ARG(source), is_whole ? "i64" : "bool");
        }
    }
    return ALM_OK;
}

static alm_err check_quantity(const alm_event *event, const alm_project *project, alm_error *error)
{
    const alm_event_value quantity = {ALM_STR("quantity"), event->quantity};
    const alm_stock_spec *stock = &project->stock;
    if (!(event->quantity >= 0) || event->quantity > ALM_EVENT_QUANTITY_MAX) {
        return alm_fail(error, ALM_ERR_INVALID, "a quantity is a number from 0 to %g; what goes "
                        "back is an event of the kind return", ALM_EVENT_QUANTITY_MAX);
    }
    if (is_of_stock(event->kind)) {
        bool is_receipt = event->kind == ALM_EVENT_RECEIPT;
        return check_type(project, stock->source, is_receipt ? stock->receipts : stock->on_hand,
                          &quantity, error);
    }
    return check_type(project, project->series.source, project->series.target, &quantity, error);
}

/* NULL: there is none, or it is of another source. */
static const alm_series_column *own_column(const alm_project *project, alm_str name)
{
    for (size_t i = 0; i < project->series.column_count; i++) {
        const alm_series_column *column = &project->series.columns[i];
        if (alm_str_equal(column->name, name)) {
            return column->own ? column : NULL;
        }
    }
    return NULL;
}

static alm_err check_values(const alm_event *event, const alm_project *project, alm_error *error)
{
    bool may = event->kind == ALM_EVENT_SALE || event->kind == ALM_EVENT_CORRECTION;
    if (event->value_count > (may ? ALM_EVENT_VALUES_MAX : 0)) {
        return alm_fail(error, ALM_ERR_INVALID, "a %s has at most %d values besides its quantity",
                        alm_event_kind_text(event->kind), may ? ALM_EVENT_VALUES_MAX : 0);
    }
    for (size_t i = 0; i < event->value_count; i++) {
        const alm_event_value *value = &event->values[i];
        const alm_series_column *column = own_column(project, value->column);
        if (value->column.size > COLUMN_BYTES_MAX || !column) {
            return alm_fail(error, ALM_ERR_INVALID, "'" ALM_STR_FMT "' is no column of the series' "
                            "own source: events say those alone", ALM_STR_ARG(value->column));
        }
        if (!isfinite(value->value)) {
            return alm_fail(error, ALM_ERR_INVALID, "the value of " ALM_STR_FMT " is not finite",
                            ALM_STR_ARG(value->column));
        }
        ALM_TRY(check_type(project, column->source, column->column, value, error));
        for (size_t k = 0; k < i; k++) {
            if (alm_str_equal(event->values[k].column, value->column)) {
                return alm_fail(error, ALM_ERR_INVALID, ALM_STR_FMT " is said twice",
                                ALM_STR_ARG(value->column));
            }
        }
    }
    return ALM_OK;
}

static alm_err check_instants(const alm_event *event, alm_instant received, alm_error *error)
{
    if (event->known_at == ALM_EVENT_NOT_SAID) {
        return ALM_OK;
    }
    if (event->known_at < alm_instant_of_date(event->day) - DAY_MICROSECONDS) {
        return alm_fail(error, ALM_ERR_INVALID, "known_at lies more than a day before the event's "
                        "day");
    }
    if (event->known_at - DAY_MICROSECONDS > received) {
        return alm_fail(error, ALM_ERR_INVALID, "known_at lies more than a day in the future");
    }
    return ALM_OK;
}

alm_err alm_event_check(const alm_event *event, const alm_project *project, alm_instant received,
                        alm_error *error)
{
    if (is_of_stock(event->kind) && project->stock.source.size == 0) {
        return alm_fail(error, ALM_ERR_INVALID, "the project declares no stock, so a %s says "
                        "nothing: add `stock:` to almanac.yaml",
                        alm_event_kind_text(event->kind));
    }
    ALM_TRY(check_keys(event, project, error));
    if (event->day < DAY_MIN || event->day > DAY_MAX) {
        return alm_fail(error, ALM_ERR_INVALID, "the event's day is no day of the years 1 to 9999");
    }
    ALM_TRY(check_quantity(event, project, error));
    ALM_TRY(check_values(event, project, error));
    return check_instants(event, received, error);
}

/* ---- bytes ---- */

static void write_values(alm_json_writer *json, const alm_event *event)
{
    uint64_t written = 0; /* ALM_EVENT_VALUES_MAX bits */
    alm_json_open_object(json);
    for (size_t n = 0; n < event->value_count; n++) {
        size_t least = SIZE_MAX;
        for (size_t i = 0; i < event->value_count; i++) {
            bool is_less = least == SIZE_MAX ||
                           alm_str_compare(event->values[i].column,
                                           event->values[least].column) < 0;
            least = !(written >> i & 1) && is_less ? i : least;
        }
        written |= UINT64_C(1) << least;
        alm_str name = event->values[least].column;
        char text[COLUMN_BYTES_MAX + 1];
        alm_assert(name.size <= COLUMN_BYTES_MAX);
        for (size_t i = 0; i <= name.size; i++) {
            text[i] = i < name.size ? name.data[i] : '\0';
        }
        alm_json_put_double(json, text, event->values[least].value + 0.0);
    }
    alm_json_close_object(json);
}

void alm_event_write(const alm_event *event, alm_buffer *out)
{
    char day[ALM_DATE_TEXT_BYTES];
    alm_date_text(event->day, day);
    alm_json_writer json = alm_json_writer_on(out);
    alm_json_open_object(&json);
    alm_json_put_text(&json, "day", day);
    alm_json_key(&json, "keys");
    alm_json_open_array(&json);
    for (size_t k = 0; k < event->key_count; k++) {
        alm_json_str(&json, event->keys[k]);
    }
    alm_json_close_array(&json);
    alm_json_put_text(&json, "kind", alm_event_kind_text(event->kind));
    if (event->known_at != ALM_EVENT_NOT_SAID) {
        alm_json_put_i64(&json, "known_at", event->known_at);
    }
    alm_json_put_double(&json, "quantity", event->quantity + 0.0);
    if (event->value_count > 0) {
        alm_json_key(&json, "values");
        write_values(&json, event);
    }
    alm_json_close_object(&json);
}

static alm_str copy_text(alm_str text, alm_arena *arena)
{
    return (alm_str){alm_arena_copy_text(arena, text.data, text.size), text.size};
}

static alm_err read_keys(const alm_json *root, alm_arena *arena, alm_event *out, alm_error *error)
{
    const alm_json *list = NULL;
    ALM_TRY(alm_json_get(root, "keys", ALM_JSON_ARRAY, &list, error));
    out->key_count = alm_json_count(list);
    if (out->key_count == 0 || out->key_count > ALM_EVENT_KEYS_MAX) {
        return alm_fail(error, ALM_ERR_INVALID, "keys: 1 to %d are expected", ALM_EVENT_KEYS_MAX);
    }
    alm_str *keys = ALM_NEW_ARRAY(arena, alm_str, out->key_count);
    for (size_t k = 0; k < out->key_count; k++) {
        alm_str key;
        if (!alm_json_as_str(alm_json_at(list, k), &key)) {
            return alm_fail(error, ALM_ERR_INVALID, "keys: texts are expected");
        }
        keys[k] = copy_text(key, arena);
    }
    out->keys = keys;
    return ALM_OK;
}

static alm_err read_values(const alm_json *root, alm_arena *arena, alm_event *out,
                           alm_error *error)
{
    const alm_json *object = alm_json_member(root, "values");
    size_t count = object ? alm_json_count(object) : 0;
    if (object && (alm_json_kind_of(object) != ALM_JSON_OBJECT || count > ALM_EVENT_VALUES_MAX)) {
        return alm_fail(error, ALM_ERR_INVALID, "values: at most %d numbers by column are expected",
                        ALM_EVENT_VALUES_MAX);
    }
    alm_event_value *values = ALM_NEW_ARRAY(arena, alm_event_value, count);
    for (size_t i = 0; i < count; i++) {
        alm_str column;
        const alm_json *value = alm_json_member_at(object, i, &column);
        if (!alm_json_as_double(value, &values[i].value)) {
            return alm_fail(error, ALM_ERR_INVALID, "values: numbers are expected");
        }
        values[i].column = copy_text(column, arena);
    }
    out->values = values;
    out->value_count = count;
    return ALM_OK;
}

static alm_err read_event(const alm_json *root, alm_arena *arena, alm_event *out,
                          alm_error *error)
{
    alm_str text;
    ALM_TRY(alm_json_check_keys(root, "day keys kind known_at? quantity values?", error));
    ALM_TRY(alm_json_get_str(root, "day", &text, error));
    if (!alm_date_parse(text, &out->day)) {
        return alm_fail(error, ALM_ERR_INVALID, "day: a date is expected");
    }
    ALM_TRY(alm_json_get_str(root, "kind", &text, error));
    ALM_TRY(alm_event_kind_of(text, &out->kind, error));
    out->known_at = ALM_EVENT_NOT_SAID;
    if (alm_json_member(root, "known_at")) {
        ALM_TRY(alm_json_get_i64(root, "known_at", &out->known_at, error));
    }
    ALM_TRY(alm_json_get_double(root, "quantity", &out->quantity, error));
    ALM_TRY(read_keys(root, arena, out, error));
    return read_values(root, arena, out, error);
}

alm_err alm_event_read(alm_str bytes, alm_arena *arena, alm_event *out, alm_error *error)
{
    alm_json_document *document = NULL;
    alm_event event = {0};
    alm_error reason = {0};
    alm_err code = alm_json_parse(bytes, "event", &document, &reason);
    if (code == ALM_OK) {
        code = read_event(alm_json_root(document), arena, &event, &reason);
    }
    alm_json_document_destroy(document);
    if (code != ALM_OK) {
        return alm_fail(error, code == ALM_ERR_MEMORY ? code : ALM_ERR_CORRUPT,
                        "an event in the log: %s", reason.message);
    }
    *out = event;
    return ALM_OK;
}
