/* json.h: JSON in (jansson, strict, bounded) and canonical JSON out.
 *
 * Output is canonical: keys in the order written (writers of hashed files write them sorted),
 * doubles as the shortest round-trip text, no blanks, so equal values are equal bytes. */
#ifndef ALM_BASE_JSON_H
#define ALM_BASE_JSON_H

#include "base/str.h"

typedef struct alm_json alm_json; /* one parsed value; borrowed from its document */
typedef struct alm_json_document alm_json_document;

typedef enum alm_json_kind {
    ALM_JSON_NULL,
    ALM_JSON_BOOL,
    ALM_JSON_INTEGER,
    ALM_JSON_DOUBLE,
    ALM_JSON_STRING,
    ALM_JSON_ARRAY,
    ALM_JSON_OBJECT
} alm_json_kind;

/* Rejects duplicate keys, trailing bytes, invalid UTF-8, depth > 64, integers beyond 64 bits,
 * doubles beyond their range and \u0000 (ALM_ERR_INVALID). `name` goes into the message with line
 * and column. Any JSON value may be the root; a number is an integer unless it has a point or an
 * exponent. Strings are NUL terminated behind their end. Immutable, so any thread may read it. */
ALM_NODISCARD alm_err alm_json_parse(alm_str text, const char *name, alm_json_document **out,
                                     alm_error *error);
/* The same of what a stranger sends: values are counted before anything is built, an array or an
 * object as ALM_JSON_LIST_VALUES of them (about what memory it needs), an unfinished one too. More
 * than `most`: ALM_ERR_LIMIT. A value takes about 100 bytes while it is parsed, so that many small
 * ones would take fifty times the text. */
#define ALM_JSON_LIST_VALUES 4
#define ALM_JSON_VALUES_MAX ((size_t)1 << 20) /* for requests: about 100 MiB */
ALM_NODISCARD alm_err alm_json_parse_bounded(alm_str text, const char *name, size_t most,
                                             alm_json_document **out, alm_error *error);
void alm_json_document_destroy(alm_json_document *document); /* takes NULL */
const alm_json *alm_json_root(const alm_json_document *document);

alm_json_kind alm_json_kind_of(const alm_json *value);
size_t alm_json_count(const alm_json *value);                      /* array or object, else 0 */
const alm_json *alm_json_at(const alm_json *array, size_t index);  /* NULL if out of range */
const alm_json *alm_json_member(const alm_json *object, const char *key); /* NULL if absent */
/* Iterates an object in document order: index 0..count-1. */
const alm_json *alm_json_member_at(const alm_json *object, size_t index, alm_str *key);

/* An object with the members of `object`, and those of `defaults` that it does not have, behind
 * them. In `arena`; the values are those of the two documents, which outlive it. */
const alm_json *alm_json_with_defaults(const alm_json *object, const alm_json *defaults,
                                       alm_arena *arena);

/* Typed members: the error names the key and what was expected. Integers are accepted as doubles.
 * Strings are borrowed from the document. */
ALM_NODISCARD alm_err alm_json_get_str(const alm_json *object, const char *key, alm_str *out,
                                       alm_error *error);
ALM_NODISCARD alm_err alm_json_get_i64(const alm_json *object, const char *key, int64_t *out,
                                       alm_error *error);
ALM_NODISCARD alm_err alm_json_get_double(const alm_json *object, const char *key, double *out,
                                          alm_error *error);
ALM_NODISCARD alm_err alm_json_get_bool(const alm_json *object, const char *key, bool *out,
                                        alm_error *error);
ALM_NODISCARD alm_err alm_json_get(const alm_json *object, const char *key, alm_json_kind kind,
                                   const alm_json **out, alm_error *error);
/* Are all keys of an object among `keys`, which are separated by blanks, with "?" behind one that
 * may be absent (which is not checked)? ALM_ERR_INVALID names the first that is not, and all that
 * are known; also when `object` is none or NULL. */
ALM_NODISCARD alm_err alm_json_check_keys(const alm_json *object, const char *keys,
                                          alm_error *error);
bool alm_json_as_double(const alm_json *value, double *out);
bool alm_json_as_i64(const alm_json *value, int64_t *out);
bool alm_json_as_str(const alm_json *value, alm_str *out);
bool alm_json_as_bool(const alm_json *value, bool *out);
/* All items of an array of numbers into `out` (alm_json_count of them); false when one is none. */
bool alm_json_as_doubles(const alm_json *array, double *out);

/* A writer that appends to a buffer and places the commas. Non-finite doubles become null, -0 is
 * written "-0.0" so that it comes back as a double, bytes that are not UTF-8 become U+FFFD. */
typedef struct alm_json_writer {
    alm_buffer *buffer;
    uint64_t has_item; /* one bit per depth */
    int depth;         /* at most 63 */
    bool after_key;
} alm_json_writer;

alm_json_writer alm_json_writer_on(alm_buffer *buffer);
void alm_json_open_object(alm_json_writer *writer);
void alm_json_close_object(alm_json_writer *writer);
void alm_json_open_array(alm_json_writer *writer);
void alm_json_close_array(alm_json_writer *writer);
void alm_json_key(alm_json_writer *writer, const char *key);
void alm_json_str(alm_json_writer *writer, alm_str value);
void alm_json_text(alm_json_writer *writer, const char *value);
void alm_json_i64(alm_json_writer *writer, int64_t value);
void alm_json_double(alm_json_writer *writer, double value);
void alm_json_bool(alm_json_writer *writer, bool value);
void alm_json_null(alm_json_writer *writer);
/* A value that is JSON already (the caller's promise); white space between values is left out, so
 * that it becomes one line. */
void alm_json_raw(alm_json_writer *writer, alm_str json);
/* A value that was read, as the writer writes it: what was equal is equal bytes. */
void alm_json_copy(alm_json_writer *writer, const alm_json *value);
/* Key and value in one call. */
void alm_json_put_text(alm_json_writer *writer, const char *key, const char *value);
void alm_json_put_str(alm_json_writer *writer, const char *key, alm_str value);
void alm_json_put_i64(alm_json_writer *writer, const char *key, int64_t value);
void alm_json_put_double(alm_json_writer *writer, const char *key, double value);
void alm_json_put_bool(alm_json_writer *writer, const char *key, bool value);
void alm_json_put_doubles(alm_json_writer *writer, const char *key, const double *values,
                          size_t count);

#endif
