/* xgboost_ubj.c: UBJ as XGBoost writes it (src/common/json.cc, UBJWriter), to values.
 *
 * Universal Binary JSON, draft 12, big endian: objects `{ key value ... }` with keys as length and
 * bytes; arrays `[ ... ]`, `[ # n ...` and, of one type of number, `[ $ type # n bytes`. Lengths
 * are numbers with their letter. Other types of typed arrays are refused: their items may take no
 * bytes, so that a count alone would ask for memory. */
#include "model/import/document_value.h"

typedef struct reader {
    const almi_doc_file *file;
    size_t at;
    int depth;
} reader;

static alm_err damaged(const reader *r, const char *what)
{
    return almi_doc_damaged(r->file, r->at, what);
}

static size_t left(const reader *r)
{
    return r->file->bytes.size - r->at;
}

static alm_err take_byte(reader *r, char *out)
{
    if (left(r) == 0) {
        return damaged(r, "the file ends inside a value");
    }
    *out = r->file->bytes.data[r->at++];
    return ALM_OK;
}

static alm_err take_bytes(reader *r, size_t size, alm_str *out)
{
    if (size > left(r)) {
        return damaged(r, "the file ends inside a value");
    }
    *out = (alm_str){r->file->bytes.data + r->at, size};
    r->at += size;
    return ALM_OK;
}

/* A length or count, with the letter of its type before it. */
static alm_err take_length(reader *r, size_t *out)
{
    char type = 0;
    alm_str bytes;
    int64_t length = 0;
    ALM_TRY(take_byte(r, &type));
    if (almi_doc_number_size(type) == 0 || type == 'd' || type == 'D') {
        r->at--;
        return damaged(r, "expected a length");
    }
    ALM_TRY(take_bytes(r, almi_doc_number_size(type), &bytes));
    if (!almi_doc_as_i64(type, bytes, &length) || length < 0) {
        return damaged(r, "a length is negative");
    }
    *out = (size_t)length;
    return ALM_OK;
}

static alm_err take_text(reader *r, alm_str *out)
{
    size_t size = 0;
    ALM_TRY(take_length(r, &size));
    return take_bytes(r, size, out);
}

static alm_err read_value(reader *r, almi_doc_value *value);

static alm_err read_typed(reader *r, almi_doc_value *value)
{
    char mark = 0;
    ALM_TRY(take_byte(r, &value->type));
    size_t size = almi_doc_number_size(value->type);
    if (size == 0) {
        return damaged(r, "an array of this type is not known");
    }
    ALM_TRY(take_byte(r, &mark));
    if (mark != '#') {
        return damaged(r, "a typed array needs a count");
    }
    ALM_TRY(take_length(r, &value->count));
    if (value->count > left(r) / size) {
        return damaged(r, "an array is longer than the file");
    }
    value->kind = ALMI_DOC_NUMBERS;
    return take_bytes(r, value->count * size, &value->bytes);
}

static alm_err read_item(reader *r, almi_doc_value *list, almi_doc_value **last)
{
    almi_doc_value *item = NULL;
    ALM_TRY(almi_doc_add(r->file, list, last, &item));
    return read_value(r, item);
}

static alm_err read_list(reader *r, almi_doc_value *value)
{
    almi_doc_value *last = NULL;
    char mark = 0;
    value->kind = ALMI_DOC_LIST;
    ALM_TRY(take_byte(r, &mark));
    if (mark == '$') {
        return read_typed(r, value);
    }
    if (mark == '#') {
        size_t count = 0;
        ALM_TRY(take_length(r, &count));
        if (count > left(r)) {
            return damaged(r, "a list is longer than the file");
        }
        while (count-- > 0) {
            ALM_TRY(read_item(r, value, &last));
        }
        return ALM_OK;
    }
    while (mark != ']') {
        r->at--;
        ALM_TRY(read_item(r, value, &last));
        ALM_TRY(take_byte(r, &mark));
    }
    return ALM_OK;
}

static alm_err read_object(reader *r, almi_doc_value *value)
{
    almi_doc_value *last = NULL, *item = NULL;
    char mark = 0;
    value->kind = ALMI_DOC_OBJECT;
    ALM_TRY(take_byte(r, &mark));
    while (mark != '}') {
        alm_str key;
        r->at--;
        ALM_TRY(take_text(r, &key));
        ALM_TRY(almi_doc_add(r->file, value, &last, &item));
        ALM_TRY(read_value(r, item));
        item->key = key;
        ALM_TRY(take_byte(r, &mark));
    }
    return ALM_OK;
}

static alm_err read_container(reader *r, char mark, almi_doc_value *value)
{
    if (++r->depth > ALMI_DOC_DEPTH_MAX) {
        return damaged(r, "values are nested too deep");
    }
    ALM_TRY(mark == '{' ? read_object(r, value) : read_list(r, value));
    r->depth--;
    return ALM_OK;
}

static alm_err read_value(reader *r, almi_doc_value *value)
{
    char mark = 0;
    value->offset = r->at;
    ALM_TRY(take_byte(r, &mark));
    switch (mark) {
    case '{':
    case '[':
        return read_container(r, mark, value);
    case 'S':
        value->kind = ALMI_DOC_TEXT;
        return take_text(r, &value->bytes);
    case 'C':
        value->kind = ALMI_DOC_TEXT;
        return take_bytes(r, 1, &value->bytes);
    case 'Z':
        value->kind = ALMI_DOC_NULL;
        return ALM_OK;
    case 'T':
    case 'F':
        value->kind = ALMI_DOC_NUMBER;
        value->type = mark;
        return ALM_OK;
    default:
        break;
    }
    size_t size = almi_doc_number_size(mark);
    if (size == 0) {
        r->at--;
        return damaged(r, "expected a value");
    }
    value->kind = ALMI_DOC_NUMBER;
    value->type = mark;
    return take_bytes(r, size, &value->bytes);
}

alm_err almi_doc_read_ubj(const almi_doc_file *file, const almi_doc_value **out)
{
    reader r = {.file = file};
    almi_doc_value *root = NULL;
    ALM_TRY(almi_doc_add(file, NULL, NULL, &root));
    ALM_TRY(read_value(&r, root));
    if (r.at != file->bytes.size) {
        return damaged(&r, "something follows the model");
    }
    *out = root;
    return ALM_OK;
}
