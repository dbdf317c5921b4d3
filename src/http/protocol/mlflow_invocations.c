#include "http/protocol/mlflow_invocations.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "http/protocol/row_block.h"
#include "model/position_names.h"

#define NAME_BYTES 160
static const char BODY[] = "the body";

/* ---- content type ---- */

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool same_word(alm_str a, const char *word)
{
    if (a.size != strlen(word)) {
        return false;
    }
    for (size_t i = 0; i < a.size; i++) {
        if (lower(a.data[i]) != word[i]) {
            return false;
        }
    }
    return true;
}

alm_mlflow_type alm_mlflow_content_type(alm_str content_type, const char **why)
{
    alm_str rest = content_type;
    alm_str type = alm_str_trim(alm_str_split(&rest, ';'));
    bool json = same_word(type, "application/json"), csv = same_word(type, "text/csv");
    if (!json && !csv) {
        *why = "the body is application/json or text/csv";
        return ALM_MLFLOW_OTHER;
    }
    while (rest.data) {
        alm_str value = alm_str_trim(alm_str_split(&rest, ';'));
        alm_str name = alm_str_split(&value, '=');
        if (value.size >= 2 && value.data[0] == '"' && value.data[value.size - 1] == '"') {
            value = (alm_str){value.data + 1, value.size - 2};
        }
        if (!same_word(name, "charset")) {
            *why = "Content-Type has a parameter other than charset";
            return ALM_MLFLOW_OTHER;
        }
        if (!value.data || !same_word(value, "utf-8")) {
            *why = "the charset is utf-8";
            return ALM_MLFLOW_OTHER;
        }
    }
    return json ? ALM_MLFLOW_JSON : ALM_MLFLOW_CSV;
}

/* ---- JSON ---- */

enum { SPLIT, RECORDS, INSTANCES, INPUTS, PARAMS };

static alm_err read_split(almi_json_reader *r, alm_inference_input *out, alm_error *error)
{
    uint32_t seen = 0;
    size_t index = 0, count = 0;
    const alm_str *name = NULL;
    alm_str skipped;
    alm_json_document *ignored = NULL;
    almi_json_reader data = {0};
    bool more = false;
    ALM_TRY(almi_json_open(r, '{', error));
    for (;;) {
        ALM_TRY(almi_json_more(r, '{', &more, error));
        if (!more) {
            break;
        }
        ALM_TRY(almi_json_known(r, "columns index data", &seen, &index, error));
        if (index == 0) {
            ALM_TRY(almi_rows_read_names(r, &name, &count, error));
        } else if (index == 1) {
            ALM_TRY(almi_json_read_tree(r, &ignored, error)); /* labels of rows: not needed */
            alm_json_document_destroy(ignored);
        } else if (seen & 1) {
            ALM_TRY(almi_rows_read_lists(r, count, out, error));
        } else {
            data = *r;
            ALM_TRY(almi_json_skip(r, &skipped, error));
        }
    }
    if (!(seen & 4)) {
        return almi_json_fail(r, error, "`dataframe_split` lacks `data`");
    }
    if (!out->rows) { /* `data` stood in front of `columns`, or there are none */
        ALM_TRY(almi_rows_read_lists(&data, count, out, error));
    }
    if (!out->values || (count && out->column_count != count)) {
        return almi_json_fail(r, error, "`data` is a list of rows of %zu values", count);
    }
    out->name = count ? name : NULL;
    return ALM_OK;
}

static alm_err read_inputs(almi_json_reader *r, alm_inference_input *out, alm_error *error)
{
    return almi_json_next_kind(r) == ALM_JSON_OBJECT ? almi_rows_read_columns(r, out, error)
                                                     : almi_rows_read_lists(r, 0, out, error);
}

static alm_err read_params(almi_json_reader *r, alm_error *error)
{
    alm_json_document *document = NULL;
    ALM_TRY(almi_json_read_tree(r, &document, error));
    const alm_json *root = alm_json_root(document);
    bool empty = alm_json_kind_of(root) == ALM_JSON_NULL ||
                 (alm_json_kind_of(root) == ALM_JSON_OBJECT && alm_json_count(root) == 0);
    alm_json_document_destroy(document);
    return empty ? ALM_OK : almi_json_fail(r, error, "`params`: the model takes none");
}

static alm_err read_member(almi_json_reader *r, size_t index, alm_inference_input *out,
                           alm_error *error)
{
    switch (index) {
    case SPLIT:
        return read_split(r, out, error);
    case RECORDS:
        return almi_rows_read_records(r, out, error);
    case INSTANCES:
        return almi_rows_read_instances(r, out, error);
    case INPUTS:
        return read_inputs(r, out, error);
    default:
        return read_params(r, error);
    }
}

static alm_err read_json(alm_str body, alm_arena *arena, alm_inference_input *out,
                         alm_error *error)
{
    almi_json_reader r = almi_json_reader_on(body, BODY, arena);
    r.takes_nan = true;
    uint32_t seen = 0;
    size_t index = 0, forms = 0;
    bool more = false;
    ALM_TRY(almi_json_open(&r, '{', error));
    for (;;) {
        ALM_TRY(almi_json_more(&r, '{', &more, error));
        if (!more) {
            break;
        }
        ALM_TRY(almi_json_known(&r, "dataframe_split dataframe_records instances inputs params",
                                &seen, &index, error));
        forms += index != PARAMS;
        if (forms > 1) {
            break;
        }
        ALM_TRY(read_member(&r, index, out, error));
    }
    if (forms != 1) {
        return almi_json_fail(&r, error, "exactly one of `dataframe_split`, `dataframe_records`, "
                              "`instances` and `inputs` is needed");
    }
    return almi_json_finish(&r, error);
}

/* ---- CSV ---- */

typedef struct csv_reading {
    const char *at, *end;
    size_t line;
    alm_arena *arena;
} csv_reading;

/* A quoted field, of which two quotes are one. Copied only where there are some: a body may have
 * millions of fields. */
static alm_err csv_quoted(csv_reading *c, alm_str *out, alm_error *error)
{
    const char *first = c->at + 1, *at = first;
    size_t doubled = 0, size = 0;
    for (; at < c->end && (*at != '"' || (at + 1 < c->end && at[1] == '"')); at++) {
        doubled += *at == '"';
        at += *at == '"';
    }
    if (at == c->end) {
        return alm_fail(error, ALM_ERR_INVALID, "line %zu: a quote is not closed", c->line);
    }
    *out = (alm_str){first, (size_t)(at - first)};
    c->at = at + 1;
    if (doubled > 0) {
        char *text = alm_arena_alloc(c->arena, out->size - doubled);
        for (; first < at; first++) {
            first += *first == '"';
            text[size++] = *first;
        }
        *out = (alm_str){text, size};
    }
    return ALM_OK;
}

/* One field; *is_last: the record ends with it. */
static alm_err csv_field(csv_reading *c, alm_str *out, bool *is_last, alm_error *error)
{
    if (c->at < c->end && *c->at == '"') {
        ALM_TRY(csv_quoted(c, out, error));
    } else {
        const char *first = c->at;
        while (c->at < c->end && *c->at != ',' && *c->at != '\n' && *c->at != '\r') {
            c->at++;
        }
        *out = (alm_str){first, (size_t)(c->at - first)};
    }
    c->at += c->end - c->at >= 2 && c->at[0] == '\r' && c->at[1] == '\n';
    *is_last = c->at == c->end || *c->at == '\n';
    if (!*is_last && *c->at != ',') {
        const char *what = *c->at == '\r' ? "a carriage return alone ends no line: LF or CRLF do"
                                          : "something stands behind a quoted field";
        return alm_fail(error, ALM_ERR_INVALID, "line %zu: %s", c->line, what);
    }
    c->at += c->at < c->end;
    c->line += *is_last;
    return ALM_OK;
}

/* What is wrong with the header, or that there is none: values of a row stand in its place. */
static alm_err fail_header(const alm_inference_input *in, const char *what, alm_error *error)
{
    return alm_names_are_values(in->name, in->column_count)
               ? alm_fail(error, ALM_ERR_INVALID, "%s; the first row holds numbers: a header with "
                          "the column names is needed in front of it", what)
               : alm_fail(error, ALM_ERR_INVALID, "%s", what);
}

static alm_err csv_header(csv_reading *c, alm_inference_input *out, alm_error *error)
{
    size_t room = 1;
    for (const char *at = c->at; at < c->end && *at != '\n'; at++) {
        room += *at == ',';
    }
    if (room > ALM_INFERENCE_COLUMNS_MAX) {
        return alm_fail(error, ALM_ERR_LIMIT, "more than %d columns", ALM_INFERENCE_COLUMNS_MAX);
    }
    alm_str *name = ALM_NEW_ARRAY(c->arena, alm_str, room), twice;
    almi_name_table table;
    bool last = false;
    for (size_t i = 0; !last; i++) {
        if (i == room) { /* a quoted name with a line break */
            return alm_fail(error, ALM_ERR_INVALID, "the header's names are of one line");
        }
        ALM_TRY(csv_field(c, &name[i], &last, error));
        if (!alm_str_is_utf8(name[i], NULL) || memchr(name[i].data, '\0', name[i].size)) {
            return alm_fail(error, ALM_ERR_INVALID, "column %zu of the header is no UTF-8", i + 1);
        }
        out->column_count = i + 1;
    }
    out->name = name;
    return almi_name_table_make(name, out->column_count, c->arena, &table, &twice)
               ? ALM_OK : fail_header(out, "a column is in the header twice", error);
}

static bool csv_number(alm_str text, double *out)
{
    alm_str value = alm_str_trim(text);
    if (value.size == 0 || alm_str_is(value, "nan") || alm_str_is(value, "NaN")) {
        *out = NAN;
        return true;
    }
    if (alm_str_is(value, "True") || alm_str_is(value, "False")) { /* as pandas writes them */
        *out = value.data[0] == 'T';
        return true;
    }
    return alm_str_to_double(value, out);
}

static bool has_byte(alm_str text, char byte)
{
    return text.size > 0 && memchr(text.data, byte, text.size);
}

/* What tables of other makes have between their fields; NULL: this is none of them. A name alone
 * may hold one of these, so it is looked for where something is wrong already. */
static const char *other_separator(const alm_inference_input *in, alm_str field)
{
    bool alone = in->column_count == 1;
    return has_byte(field, ';') || (alone && has_byte(in->name[0], ';'))     ? "semicolons"
           : has_byte(field, '\t') || (alone && has_byte(in->name[0], '\t')) ? "tabs"
                                                                           : NULL;
}

static alm_err fail_separator(size_t line, const char *separator, alm_error *error)
{
    return alm_fail(error, ALM_ERR_INVALID, "line %zu: %s between the fields; CSV has commas there "
                    "and a point in its numbers: write it so", line, separator);
}

static alm_err csv_row(csv_reading *c, const alm_inference_input *in, almi_doubles *values,
                       alm_error *error)
{
    size_t line = c->line, count = 0;
    bool last = false;
    const char *separator = NULL;
    while (!last) {
        alm_str field;
        double value = 0;
        ALM_TRY(csv_field(c, &field, &last, error));
        if (count == in->column_count) {
            last = false;
            separator = other_separator(in, field);
            break;
        }
        if (!csv_number(field, &value)) {
            separator = other_separator(in, field);
            if (separator) {
                return fail_separator(line, separator, error);
            }
            return alm_fail(error, ALM_ERR_INVALID, "line %zu, column " ALM_STR_FMT ": no number; "
                            "a missing value is an empty field", line,
                            (int)(in->name[count].size < NAME_BYTES ? in->name[count].size
                                                                    : NAME_BYTES),
                            in->name[count].data);
        }
        ALM_TRY(almi_doubles_push(values, c->arena, value, error));
        count++;
    }
    if (separator) {
        return fail_separator(line, separator, error);
    }
    return last && count == in->column_count
               ? ALM_OK
               : alm_fail(error, ALM_ERR_INVALID, "line %zu has not the %zu fields of the header",
                          line, in->column_count);
}

/* Lines without anything are none, as pandas reads them: an empty one behind the last row is no row
 * of a model with one column. */
static bool csv_has_row(csv_reading *c)
{
    for (;;) {
        size_t cr = c->end - c->at >= 2 && c->at[0] == '\r' && c->at[1] == '\n';
        if (c->at + cr == c->end || c->at[cr] != '\n') {
            return c->at < c->end;
        }
        c->at += cr + 1;
        c->line++;
    }
}

static alm_err read_csv(alm_str body, alm_arena *arena, alm_inference_input *out, alm_error *error)
{
    csv_reading c = {body.data, body.data + body.size, 1, arena};
    almi_doubles values = {0};
    if (body.size == 0) {
        return alm_fail(error, ALM_ERR_INVALID, "an empty body: a header and rows are needed");
    }
    bool has_mark = alm_str_starts_with(body, "\xef\xbb\xbf"); /* as spreadsheets write it */
    c.at += has_mark ? 3 : 0;
    ALM_TRY(csv_header(&c, out, error));
    while (csv_has_row(&c)) {
        if (out->rows == ALM_INFERENCE_ROWS_MAX) {
            return alm_fail(error, ALM_ERR_LIMIT, "more than %d rows in one request; send several",
                            ALM_INFERENCE_ROWS_MAX);
        }
        ALM_TRY(csv_row(&c, out, &values, error));
        out->rows++;
    }
    out->values = values.data;
    return out->rows ? ALM_OK : fail_header(out, "there are no rows", error);
}

alm_err alm_mlflow_read(alm_str body, alm_mlflow_type type, alm_arena *arena,
                        alm_inference_input *out, alm_error *error)
{
    alm_inference_input made = {0};
    alm_assert(type != ALM_MLFLOW_OTHER);
    ALM_TRY((type == ALM_MLFLOW_JSON ? read_json : read_csv)(body, arena, &made, error));
    *out = made;
    return ALM_OK;
}

/* ---- the reply ---- */

/* Names of a record's members, for every horizon: as `almanac predict` writes them. */
static const char *member_name(const alm_scorer_info *model, size_t horizon, const char *what,
                               int64_t label, char out[NAME_BYTES + 64])
{
    alm_str suffix = model->horizon[horizon].name;
    bool several = model->horizon_count > 1;
    int size = (int)(suffix.size < NAME_BYTES ? suffix.size : NAME_BYTES);
    char number[24] = "";
    if (strcmp(what, "p_") == 0) {
        (void)snprintf(number, sizeof number, "%lld", (long long)label);
    }
    (void)snprintf(out, NAME_BYTES + 64, "%s%s%s%.*s", what, number, several ? "_" : "",
                   several ? size : 0, suffix.data);
    return out;
}

static void put_record(alm_json_writer *json, const alm_scorer_info *model,
                       const alm_inference_answer *a, size_t row)
{
    size_t classes = a->classes;
    char name[NAME_BYTES + 64];
    alm_json_open_object(json);
    for (size_t h = 0; h < a->horizons; h++) {
        size_t at = row * a->horizons + h;
        if (!classes) {
            alm_json_put_double(json, member_name(model, h, "prediction", 0, name),
                                a->value[at]);
            continue;
        }
        alm_json_put_i64(json, member_name(model, h, "class", 0, name),
                         (int64_t)a->value[at]);
        for (size_t k = 0; k < classes; k++) {
            alm_json_put_double(json, member_name(model, h, "p_", model->label[k], name),
                                a->probability[at * classes + k]);
        }
        alm_json_put_double(json, member_name(model, h, "confidence", 0, name),
                            a->confidence[at]);
    }
    alm_json_close_object(json);
}

static void put_list(alm_json_writer *json, const double *values, size_t count)
{
    alm_json_open_array(json);
    for (size_t i = 0; i < count; i++) {
        alm_json_double(json, values[i]);
    }
    alm_json_close_array(json);
}

static void put_predictions(alm_json_writer *json, const alm_scorer_info *model,
                            const alm_inference_answer *a)
{
    size_t horizons = a->horizons, classes = a->classes;
    bool plain = model->of_model_file; /* the library's own answer */
    alm_json_open_array(json);
    for (size_t i = 0; i < a->rows; i++) {
        if (!classes && horizons == 1) {
            alm_json_double(json, a->value[i]);
        } else if (!plain) {
            put_record(json, model, a, i);
        } else if (classes) {
            put_list(json, a->probability + i * classes, classes);
        } else {
            put_list(json, a->value + i * horizons, horizons);
        }
    }
    alm_json_close_array(json);
}

void alm_mlflow_write_predictions(const alm_served_info *model, const alm_inference_answer *answer,
                                  alm_buffer *out)
{
    alm_json_writer json = alm_json_writer_on(out);
    put_predictions(&json, model->scorer, answer);
}

void alm_mlflow_write(const alm_served_info *model, const alm_inference_answer *answer,
                      alm_buffer *out)
{
    alm_json_writer json = alm_json_writer_on(out);
    alm_json_open_object(&json);
    alm_json_key(&json, "predictions");
    put_predictions(&json, model->scorer, answer);
    alm_json_close_object(&json);
}
