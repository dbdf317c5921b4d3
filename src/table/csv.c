/* csv.c: a byte stream (file, inflated when it is gzip), and a state machine over it. */
#include "table/csv.h"

#include <string.h>

#include "base/gzip.h"

#define RAW_BYTES ((size_t)1 << 16)
#define TEXT_BYTES ((size_t)1 << 18)
#define RECORD_BYTES_MAX ((size_t)1 << 24)
#define FIELDS_MAX 4096

struct alm_csv {
    alm_fs *fs;
    alm_file *file;
    alm_arena *arena; /* name and header */
    const char *name;
    alm_hash hash;
    alm_digest digest;
    bool at_end;   /* the file has been read and hashed to its last byte */
    bool finished; /* the last record has been given out */
    /* raw bytes of the file */
    uint8_t *raw;
    size_t raw_size;
    size_t raw_at;
    /* text, inflated or the raw bytes themselves */
    alm_gunzip *gunzip; /* NULL: the file is text */
    uint8_t *text;
    size_t text_size;
    size_t text_at;
    uint64_t text_total;
    /* the record being read: its bytes without quotes, and where each field ends */
    char *record;
    size_t record_size;
    size_t record_capacity;
    size_t *ends;
    alm_str *fields;
    size_t field_count;
    bool has_high; /* a byte above 127, so UTF-8 must be checked */
    bool has_zero;
    uint64_t record_number;
    const alm_str *header;
    size_t header_count;
};

/* ---- bytes ---- */

static alm_err read_raw(alm_csv *csv, alm_error *error)
{
    csv->raw_at = 0;
    csv->raw_size = 0;
    if (csv->at_end) {
        return ALM_OK;
    }
    size_t got = 0;
    alm_err code = csv->fs->ops->read(csv->fs, csv->file, csv->raw, RAW_BYTES, &got, error);
    if (code != ALM_OK) {
        return alm_error_wrap(error, code, "%s", csv->name);
    }
    if (got == 0) {
        csv->at_end = true;
        csv->digest = alm_hash_final(&csv->hash);
        return ALM_OK;
    }
    alm_hash_update(&csv->hash, csv->raw, got);
    csv->raw_size = got;
    return ALM_OK;
}

static alm_err inflate_step(alm_csv *csv, alm_error *error)
{
    alm_gunzip_step step = {.in = csv->raw + csv->raw_at,
                            .in_size = csv->raw_size - csv->raw_at,
                            .out = csv->text,
                            .out_size = TEXT_BYTES};
    alm_error reason;
    if (alm_gunzip_run(csv->gunzip, &step, &reason) != ALM_OK) {
        return alm_fail(error, ALM_ERR_CORRUPT,
                        "%s: the gzip file is damaged after row %llu (%s): copy it again",
                        csv->name, (unsigned long long)csv->record_number, reason.message);
    }
    csv->raw_at = csv->raw_size - step.in_size;
    csv->text_at = 0;
    csv->text_size = step.out_size;
    return ALM_OK;
}

/* More text, or text_size == 0 at the end. */
static alm_err refill(alm_csv *csv, alm_error *error)
{
    csv->text_size = 0;
    csv->text_at = 0;
    while (csv->text_size == 0) {
        if (csv->raw_at == csv->raw_size) {
            ALM_TRY(read_raw(csv, error));
        }
        if (csv->raw_size == 0) {
            if (csv->gunzip && alm_gunzip_is_open(csv->gunzip)) {
                return alm_fail(error, ALM_ERR_CORRUPT,
                                "%s: the gzip file is cut off after row %llu: copy it again",
                                csv->name, (unsigned long long)csv->record_number);
            }
            return ALM_OK;
        }
        if (csv->gunzip) {
            ALM_TRY(inflate_step(csv, error));
        } else {
            memcpy(csv->text, csv->raw, csv->raw_size);
            csv->text_size = csv->raw_size;
            csv->raw_at = csv->raw_size;
        }
    }
    csv->text_total += csv->text_size;
    return ALM_OK;
}

/* ---- records ---- */

static alm_err record_add(alm_csv *csv, const uint8_t *bytes, size_t size, alm_error *error)
{
    while (csv->record_capacity - csv->record_size < size) {
        if (csv->record_capacity >= RECORD_BYTES_MAX) {
            return alm_fail(error, ALM_ERR_LIMIT,
                            "%s: row %llu is longer than 16 MiB: is a quote not closed?",
                            csv->name, (unsigned long long)csv->record_number + 1);
        }
        size_t capacity = csv->record_capacity ? csv->record_capacity * 2 : 4096;
        void *memory = NULL;
        ALM_TRY(alm_heap_try_resize(csv->record, csv->record_capacity, capacity, &memory, error));
        csv->record = memory;
        csv->record_capacity = capacity;
    }
    memcpy(csv->record + csv->record_size, bytes, size);
    csv->record_size += size;
    return ALM_OK;
}

/* Lines that end with CR alone are one line to everybody else: all of the file is its header. */
static alm_err refuse_returns(const alm_csv *csv, alm_error *error)
{
    return alm_fail(error, ALM_ERR_INVALID, "%s: the lines end with carriage returns alone: save "
                    "it with the line ends of Unix (LF) or Windows (CRLF)", csv->name);
}

static alm_err field_end(alm_csv *csv, alm_error *error)
{
    if (csv->field_count == FIELDS_MAX && !csv->header && csv->record_size > 0 &&
        memchr(csv->record, '\r', csv->record_size)) {
        return refuse_returns(csv, error);
    }
    if (csv->field_count == FIELDS_MAX && !csv->header) {
        return alm_fail(error, ALM_ERR_LIMIT, "%s: header: more than %d columns: cut the file, or "
                        "write what the columns hold into rows", csv->name, FIELDS_MAX);
    }
    if (csv->field_count == FIELDS_MAX) {
        return alm_fail(error, ALM_ERR_LIMIT, "%s: row %llu has more than %d values", csv->name,
                        (unsigned long long)csv->record_number + 1, FIELDS_MAX);
    }
    csv->ends[csv->field_count++] = csv->record_size;
    return ALM_OK;
}

typedef enum state {
    STATE_START,   /* at the beginning of a field */
    STATE_PLAIN,   /* in an unquoted field */
    STATE_QUOTED,  /* inside quotes */
    STATE_CLOSED,  /* behind a quote inside quotes: the end, or half of a doubled one */
    STATE_DONE     /* behind the record's last byte */
} state;

static alm_err fail_quote(const alm_csv *csv, alm_error *error, const char *what)
{
    return alm_fail(error, ALM_ERR_INVALID, "%s: row %llu, value %zu: %s", csv->name,
                    (unsigned long long)csv->record_number + 1, csv->field_count + 1, what);
}

/* The text up to what may end it; every byte but a few of a file goes through here. */
static alm_err take_span(alm_csv *csv, state at, size_t *size, alm_error *error)
{
    const uint8_t *from = csv->text + csv->text_at;
    size_t left = csv->text_size - csv->text_at;
    size_t n = 0;
    uint8_t high = 0;
    bool zero = false;
    if (at == STATE_QUOTED) {
        for (; n < left && from[n] != '"'; n++) {
            high |= from[n];
            zero |= from[n] == 0;
        }
    } else {
        for (; n < left && from[n] != ',' && from[n] != '\n'; n++) {
            high |= from[n];
            zero |= from[n] == 0;
        }
    }
    csv->has_high = csv->has_high || high >= 0x80;
    csv->has_zero = csv->has_zero || zero;
    csv->text_at += n;
    *size = n;
    return n == 0 ? ALM_OK : record_add(csv, from, n, error);
}

/* A byte that is not part of such a text. */
static alm_err take(alm_csv *csv, uint8_t byte, state *at, alm_error *error)
{
    if (*at == STATE_QUOTED) { /* the byte is a quote */
        *at = STATE_CLOSED;
        return ALM_OK;
    }
    if (byte == ',') {
        *at = STATE_START;
        return field_end(csv, error);
    }
    if (byte == '\n') {
        *at = STATE_DONE;
        return field_end(csv, error);
    }
    if (*at == STATE_CLOSED && byte == '"') {
        *at = STATE_QUOTED;
        return record_add(csv, &byte, 1, error);
    }
    if (*at == STATE_CLOSED && byte != '\r') {
        return fail_quote(csv, error, "text stands behind the closing quote");
    }
    if (*at == STATE_START) { /* the byte is a quote */
        *at = STATE_QUOTED;
    }
    return ALM_OK; /* or the CR of CRLF behind a quote */
}

/* One record into record/ends; field_count == 0 at the end of the file. */
static alm_err scan_record(alm_csv *csv, alm_error *error)
{
    csv->record_size = 0;
    csv->field_count = 0;
    csv->has_high = false;
    csv->has_zero = false;
    state at = STATE_START;
    bool any = false;
    while (at != STATE_DONE) {
        if (csv->text_at == csv->text_size) {
            ALM_TRY(refill(csv, error));
        }
        if (csv->text_size == 0) {
            if (at == STATE_QUOTED) {
                return fail_quote(csv, error, "the quote is not closed before the file ends");
            }
            return any ? field_end(csv, error) : ALM_OK;
        }
        any = true;
        uint8_t byte = csv->text[csv->text_at];
        size_t size = 0;
        if (at == STATE_START && byte != '"' && byte != ',' && byte != '\n') {
            at = STATE_PLAIN;
        }
        if (at == STATE_PLAIN || at == STATE_QUOTED) {
            ALM_TRY(take_span(csv, at, &size, error));
        }
        if (size == 0) {
            csv->text_at++;
            ALM_TRY(take(csv, byte, &at, error));
        }
    }
    return ALM_OK;
}

static alm_str column_name(const alm_csv *csv, size_t field)
{
    return field < csv->header_count ? csv->header[field] : ALM_STR("(none)");
}

static const char NOT_UTF8[] = "the text is not UTF-8: save the file as UTF-8";
static const char ZERO_BYTE[] = "a zero byte stands in the text";

static alm_err check_text(const alm_csv *csv, size_t field, alm_error *error)
{
    alm_str text = csv->fields[field];
    bool utf8 = !csv->has_high || alm_str_is_utf8(text, NULL);
    if (utf8 && (!csv->has_zero || text.size == 0 || !memchr(text.data, 0, text.size))) {
        return ALM_OK;
    }
    const char *what = utf8 ? ZERO_BYTE : NOT_UTF8;
    if (!csv->header) {
        return alm_fail(error, ALM_ERR_INVALID, "%s: header, column %zu: %s", csv->name, field + 1,
                        what);
    }
    return alm_fail(error, ALM_ERR_INVALID, "%s: row %llu, column " ALM_STR_FMT ": %s", csv->name,
                    (unsigned long long)csv->record_number, ALM_STR_ARG(column_name(csv, field)),
                    what);
}

/* Fields of the scanned record; the CR of a CRLF belongs to no field. */
static alm_err split_record(alm_csv *csv, alm_error *error)
{
    size_t first = 0;
    const char *record = csv->record ? csv->record : ""; /* before the first byte of any field */
    for (size_t i = 0; i < csv->field_count; i++) {
        csv->fields[i] = (alm_str){record + first, csv->ends[i] - first};
        first = csv->ends[i];
    }
    alm_str *last = &csv->fields[csv->field_count - 1];
    if (last->size > 0 && last->data[last->size - 1] == '\r') {
        last->size--;
    }
    for (size_t i = 0; (csv->has_high || csv->has_zero) && i < csv->field_count; i++) {
        ALM_TRY(check_text(csv, i, error));
    }
    return ALM_OK;
}

static bool is_blank(const alm_csv *csv)
{
    return csv->field_count == 1 && csv->fields[0].size == 0;
}

alm_err alm_csv_next(alm_csv *csv, const alm_str **fields, size_t *count, alm_error *error)
{
    while (!csv->finished) {
        ALM_TRY(scan_record(csv, error));
        if (csv->field_count == 0) {
            csv->finished = true;
            break;
        }
        csv->record_number++;
        ALM_TRY(split_record(csv, error));
        if (!is_blank(csv)) {
            *fields = csv->fields;
            *count = csv->field_count;
            return ALM_OK;
        }
        csv->record_number--;
    }
    *fields = NULL;
    *count = 0;
    return ALM_OK;
}

/* ---- opening ---- */

/* What the header says of a file that is no CSV with commas. */
static alm_err check_dialect(const alm_csv *csv, const alm_str *fields, size_t count,
                             alm_error *error)
{
    static const struct {
        char mark;
        const char *text;
    } SEPARATORS[] = {{';', "semicolons"}, {'\t', "tabs"}, {'|', "bars"}};
    for (size_t i = 0; i < count; i++) {
        if (fields[i].size > 0 && memchr(fields[i].data, '\r', fields[i].size)) {
            return refuse_returns(csv, error);
        }
    }
    if (count == 2 && alm_str_is(fields[0], "sep=")) {
        return alm_fail(error, ALM_ERR_INVALID, "%s: the first line says 'sep=,', which only Excel "
                        "reads: take it out", csv->name);
    }
    for (size_t k = 0; count == 1 && k < sizeof SEPARATORS / sizeof SEPARATORS[0]; k++) {
        if (memchr(fields[0].data, SEPARATORS[k].mark, fields[0].size)) {
            return alm_fail(error, ALM_ERR_INVALID,
                            "%s: the columns are separated by %s, not by commas: save it as CSV "
                            "with commas, and numbers with a point", csv->name, SEPARATORS[k].text);
        }
    }
    return ALM_OK;
}

static alm_err take_header(alm_csv *csv, alm_error *error)
{
    const alm_str *fields = NULL;
    size_t count = 0;
    ALM_TRY(alm_csv_next(csv, &fields, &count, error));
    if (count == 0) {
        return alm_fail(error, ALM_ERR_INVALID,
                        "%s: the file is empty: a header with the column names is needed",
                        csv->name);
    }
    ALM_TRY(check_dialect(csv, fields, count, error));
    alm_str *header = ALM_NEW_ARRAY(csv->arena, alm_str, count);
    for (size_t i = 0; i < count; i++) {
        alm_str text = fields[i];
        header[i] = (alm_str){alm_arena_copy_text(csv->arena, text.data, text.size), text.size};
        if (text.size == 0) {
            return alm_fail(error, ALM_ERR_INVALID, "%s: header: column %zu has no name%s",
                            csv->name, i + 1, i == 0 && count > 1
                            ? ": is it the index of a data frame? Write the file without it" : "");
        }
        for (size_t k = 0; k < i; k++) {
            if (alm_str_equal(header[k], header[i])) {
                double number = 0;
                return alm_fail(error, ALM_ERR_INVALID,
                                "%s: header: column " ALM_STR_FMT " is there twice%s", csv->name,
                                ALM_STR_ARG(text), alm_str_to_double(text, &number)
                                ? ": is it a row of data? A header with the names of the columns "
                                  "is needed" : "");
            }
        }
    }
    csv->header = header;
    csv->header_count = count;
    csv->record_number = 0;
    return ALM_OK;
}

static alm_err take_buffers(alm_csv *csv, alm_error *error)
{
    void *memory = NULL;
    ALM_TRY(alm_heap_try(RAW_BYTES, &memory, error));
    csv->raw = memory;
    ALM_TRY(alm_heap_try(TEXT_BYTES, &memory, error));
    csv->text = memory;
    ALM_TRY(alm_heap_try(FIELDS_MAX * sizeof(size_t), &memory, error));
    csv->ends = memory;
    ALM_TRY(alm_heap_try(FIELDS_MAX * sizeof(alm_str), &memory, error));
    csv->fields = memory;
    return ALM_OK;
}

/* A column may be called PAR1, too. */
static bool is_header_text(uint8_t byte)
{
    return (byte >= ' ' && byte < 0x7f) || byte == '\n' || byte == '\r' || byte == '\t';
}

/* Files that people take for CSV, told by their first bytes. */
static alm_err check_kind(const alm_csv *csv, alm_error *error)
{
    static const struct {
        const char *bytes;
        size_t size;
        const char *what;
    } KINDS[] = {
        {"PK\3\4", 4, "is a ZIP file, as workbooks of Excel are: save the sheet as CSV (UTF-8)"},
        {"\xd0\xcf\x11\xe0", 4, "is a workbook of Excel: save the sheet as CSV (UTF-8)"},
        {"\xff\xfe", 2, "is UTF-16: save it as UTF-8"},
        {"\xfe\xff", 2, "is UTF-16: save it as UTF-8"},
    };
    for (size_t i = 0; i < sizeof KINDS / sizeof KINDS[0]; i++) {
        if (csv->text_size >= KINDS[i].size &&
            memcmp(csv->text, KINDS[i].bytes, KINDS[i].size) == 0) {
            return alm_fail(error, ALM_ERR_INVALID, "%s %s", csv->name, KINDS[i].what);
        }
    }
    if (csv->text_size > 4 && memcmp(csv->text, "PAR1", 4) == 0 && !is_header_text(csv->text[4])) {
        return alm_fail(error, ALM_ERR_UNSUPPORTED, "%s is a Parquet file: write it as CSV, plain "
                        "or gzip", csv->name);
    }
    return ALM_OK;
}

static alm_err start(alm_csv *csv, const char *path, alm_error *error)
{
    ALM_TRY(take_buffers(csv, error));
    ALM_TRY(csv->fs->ops->open(csv->fs, path, &csv->file, error));
    ALM_TRY(read_raw(csv, error));
    /* The content decides, not the name: files are renamed more often than converted. */
    if (csv->raw_size >= 2 && csv->raw[0] == 0x1f && csv->raw[1] == 0x8b &&
        alm_gunzip_create(&csv->gunzip, NULL) != ALM_OK) {
        return alm_fail(error, ALM_ERR_MEMORY, "%s: out of memory", csv->name);
    }
    ALM_TRY(refill(csv, error));
    if (csv->text_size >= 3 && memcmp(csv->text, "\xef\xbb\xbf", 3) == 0) {
        csv->text_at = 3;
    }
    ALM_TRY(check_kind(csv, error));
    return take_header(csv, error);
}

alm_err alm_csv_open(alm_fs *fs, const char *path, const char *name, alm_csv **out,
                     alm_error *error)
{
    void *memory = NULL;
    ALM_TRY(alm_heap_try(sizeof(alm_csv), &memory, error));
    alm_csv *csv = memory;
    csv->fs = fs;
    csv->arena = alm_arena_create(4096);
    csv->name = alm_arena_copy_text(csv->arena, name, strlen(name));
    alm_hash_init(&csv->hash);
    alm_err code = start(csv, path, error);
    if (code != ALM_OK) {
        alm_csv_close(csv);
        return code;
    }
    *out = csv;
    return ALM_OK;
}

void alm_csv_close(alm_csv *csv)
{
    if (!csv) {
        return;
    }
    if (csv->file) {
        (void)csv->fs->ops->close(csv->fs, csv->file, NULL);
    }
    alm_gunzip_destroy(csv->gunzip);
    alm_heap_free(csv->raw);
    alm_heap_free(csv->text);
    alm_heap_free(csv->record);
    alm_heap_free(csv->ends);
    alm_heap_free(csv->fields);
    alm_arena_destroy(csv->arena);
    alm_heap_free(csv);
}

const alm_str *alm_csv_header(const alm_csv *csv, size_t *count)
{
    *count = csv->header_count;
    return csv->header;
}

uint64_t alm_csv_record(const alm_csv *csv)
{
    return csv->record_number;
}

alm_digest alm_csv_digest(const alm_csv *csv)
{
    alm_assert(csv->at_end);
    return csv->digest;
}

void alm_csv_write(alm_buffer *out, alm_str field)
{
    bool quote = false;
    for (size_t i = 0; i < field.size; i++) {
        char c = field.data[i];
        quote = quote || c == ',' || c == '"' || c == '\n' || c == '\r';
    }
    if (!quote) {
        alm_buffer_str(out, field);
        return;
    }
    alm_buffer_text(out, "\"");
    for (size_t i = 0; i < field.size; i++) {
        alm_buffer_append(out, &field.data[i], 1);
        if (field.data[i] == '"') {
            alm_buffer_append(out, "\"", 1);
        }
    }
    alm_buffer_text(out, "\"");
}
