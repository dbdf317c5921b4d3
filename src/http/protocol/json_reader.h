/* json_reader.h: JSON read once from front to back, without a tree; for http/protocol/ only.
 *
 * Requests are mostly numbers. A tree of a request with 40 of them costs 30 us (jansson, then a
 * copy); reading them where they stand costs 2. The language is that of base/json.h, exactly, but
 * for what almi_json_read_double takes: json_reader_fuzz.c holds both to each other. What is taken
 * as a whole is read by base/json.h.
 *
 * Two equal keys in one object are an error in base/json.h. A reader does not remember keys:
 * whoever reads an object sees to it (almi_json_known does, for a list of keys).
 *
 * Errors are ALM_ERR_INVALID with name, line, column; after one, the reader is not used again. */
#ifndef ALM_HTTP_PROTOCOL_JSON_READER_H
#define ALM_HTTP_PROTOCOL_JSON_READER_H

#include "base/json.h"

typedef struct almi_json_reader {
    const char *at, *end, *start;
    const char *name;  /* in messages: "the body" */
    alm_arena *arena;  /* of strings with escapes, and of trees */
    int depth;         /* brackets that are open */
    bool is_first;     /* nothing of the innermost bracket was read yet */
    bool takes_nan;    /* set by the caller: a cell may be the word NaN, against the language */
} almi_json_reader;

/* `text` is borrowed, and NUL terminated behind its end. */
almi_json_reader almi_json_reader_on(alm_str text, const char *name, alm_arena *arena);

/* The kind of the next value by its first byte; a number may be either kind. ALM_JSON_NULL also
 * when there is none: reading it says so. */
alm_json_kind almi_json_next_kind(almi_json_reader *reader);

/* Arrays and objects: open with '[' or '{', then for each item `more` (which closes the bracket
 * when there is none), and of an object its key. */
ALM_NODISCARD alm_err almi_json_open(almi_json_reader *reader, char bracket, alm_error *error);
ALM_NODISCARD alm_err almi_json_more(almi_json_reader *reader, char bracket, bool *more,
                                     alm_error *error);
/* Borrowed from the text, or in the arena when it has escapes. */
ALM_NODISCARD alm_err almi_json_read_key(almi_json_reader *reader, alm_str *key, alm_error *error);
/* The same for objects whose keys are all known: `keys` separated by blanks, at most 32. *index is
 * the key's place among them; `seen` begins as 0. ALM_ERR_INVALID: unknown, or there twice. */
ALM_NODISCARD alm_err almi_json_known(almi_json_reader *reader, const char *keys, uint32_t *seen,
                                      size_t *index, alm_error *error);

ALM_NODISCARD alm_err almi_json_read_str(almi_json_reader *reader, alm_str *out, alm_error *error);
/* `is_integer` (may be NULL): without a point and an exponent, so it fits 64 bits; then `integer`
 * (may be NULL) has it. */
ALM_NODISCARD alm_err almi_json_read_number(almi_json_reader *reader, double *out,
                                            bool *is_integer, int64_t *integer, alm_error *error);
/* Any finite number as a double: against base/json.h an integer may be beyond 64 bits. */
ALM_NODISCARD alm_err almi_json_read_double(almi_json_reader *reader, double *out,
                                            alm_error *error);
/* Items of the array that is open, as long as they are numbers that are simply written, at most
 * `room`; how many. It takes nothing that it is not sure of and says nothing about it: go on with
 * almi_json_more. For lists of thousands of numbers: a third of the instructions. */
size_t almi_json_take_numbers(almi_json_reader *reader, double *out, size_t room);
ALM_NODISCARD alm_err almi_json_read_bool(almi_json_reader *reader, bool *out, alm_error *error);
ALM_NODISCARD alm_err almi_json_read_null(almi_json_reader *reader, alm_error *error);
/* A value of a row: a number, as almi_json_read_double has it; null, which is NaN; true and false,
 * which are 1 and 0. */
ALM_NODISCARD alm_err almi_json_read_cell(almi_json_reader *reader, double *out,
                                          alm_error *error);

/* Any value as a whole: its text, of which only the brackets are looked at; or as a tree, which the
 * caller destroys (ALM_ERR_LIMIT: ALM_JSON_VALUES_MAX). */
ALM_NODISCARD alm_err almi_json_skip(almi_json_reader *reader, alm_str *text, alm_error *error);
ALM_NODISCARD alm_err almi_json_read_tree(almi_json_reader *reader, alm_json_document **out,
                                          alm_error *error);

/* Only blanks are left. */
ALM_NODISCARD alm_err almi_json_finish(almi_json_reader *reader, alm_error *error);

/* ALM_ERR_INVALID with the place where the reader is. */
alm_err almi_json_fail(const almi_json_reader *reader, alm_error *error, const char *format, ...)
    ALM_PRINTF(3, 4);

#endif
