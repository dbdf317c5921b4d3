/* document_value.h: what a model in JSON or UBJ holds, as one tree of values.
 *
 * base/json.h is not used for these files: XGBoost writes NaN and Infinity as bare words, many
 * numbers are floats that must be rounded once, and a model is a few long arrays of numbers. Here
 * such an array is one value that points into the file; its items are read when they are wanted.
 *
 * A file is untrusted: nesting is bounded, a value is made only for bytes that are there, and
 * memory is proportional to the file. Values are borrowed from the file and the arena. */
#ifndef ALM_MODEL_DOCUMENT_VALUE_H
#define ALM_MODEL_DOCUMENT_VALUE_H

#include "base/str.h"

typedef enum almi_doc_kind {
    ALMI_DOC_NULL,
    ALMI_DOC_NUMBER,  /* also true and false */
    ALMI_DOC_TEXT,
    ALMI_DOC_NUMBERS, /* an array of numbers, unread */
    ALMI_DOC_LIST,    /* any other array, and an empty one */
    ALMI_DOC_OBJECT
} almi_doc_kind;

/* type of NUMBER and NUMBERS: decimal text, or the letter of a UBJ number (big endian bytes) */
#define ALMI_DOC_DECIMAL 'J'

typedef struct almi_doc_value almi_doc_value;
struct almi_doc_value {
    almi_doc_kind kind;
    char type;
    size_t count;  /* items or members */
    size_t offset; /* of the value in the file, for messages */
    alm_str key;   /* in an object */
    alm_str bytes; /* NUMBER: the number; NUMBERS: all of them; TEXT: the text */
    const almi_doc_value *first, *next;
};

typedef struct almi_doc_file {
    alm_str bytes;
    const char *name;
    const char *library; /* whose model it should be, for messages */
    alm_arena *arena;
    alm_error *error;
} almi_doc_file;

#define ALMI_DOC_DEPTH_MAX 64

/* The whole file as one value. ALM_ERR_CORRUPT names the byte. */
ALM_NODISCARD alm_err almi_doc_read_json(const almi_doc_file *file, const almi_doc_value **out);
ALM_NODISCARD alm_err almi_doc_read_ubj(const almi_doc_file *file, const almi_doc_value **out);

/* A new value, added behind *last of `parent` (NULL: the root). */
ALM_NODISCARD alm_err almi_doc_add(const almi_doc_file *file, almi_doc_value *parent,
                                   almi_doc_value **last, almi_doc_value **out);
ALM_NODISCARD alm_err almi_doc_damaged(const almi_doc_file *file, size_t offset, const char *what);

/* Bytes of a UBJ number by its letter; 0: not a number. */
size_t almi_doc_number_size(char type);
bool almi_doc_as_float(char type, alm_str bytes, float *out);
bool almi_doc_as_double(char type, alm_str bytes, double *out);
bool almi_doc_as_i64(char type, alm_str bytes, int64_t *out);

/* Member of an object. *out is NULL when it is absent or `object` is NULL or no object; the same
 * key twice is ALM_ERR_CORRUPT, because the library would take the one and we the other. */
ALM_NODISCARD alm_err almi_doc_member(const almi_doc_file *file, const almi_doc_value *object,
                                      const char *key, const almi_doc_value **out);
/* The same where it must be there with that kind. */
ALM_NODISCARD alm_err almi_doc_need(const almi_doc_file *file, const almi_doc_value *object,
                                    const char *key, almi_doc_kind kind,
                                    const almi_doc_value **out);
/* Integers, as numbers or (XGBoost) as text, "3". `absent` when the key is not there. */
ALM_NODISCARD alm_err almi_doc_integer(const almi_doc_file *file, const almi_doc_value *object,
                                       const char *key, int64_t absent, int64_t *out);

/* All numbers of an array, in `arena`; it must hold `count`. What is not such a number is
 * ALM_ERR_CORRUPT with `where`, the key and the position. */
typedef struct almi_doc_array {
    const char *where; /* "tree 3" */
    const char *key;
    size_t count;
    int64_t low, high; /* integers only */
    alm_arena *arena;
} almi_doc_array;
ALM_NODISCARD alm_err almi_doc_floats(const almi_doc_file *file, const almi_doc_value *array,
                                      almi_doc_array want, float **out);
ALM_NODISCARD alm_err almi_doc_doubles(const almi_doc_file *file, const almi_doc_value *array,
                                       almi_doc_array want, double **out);
ALM_NODISCARD alm_err almi_doc_integers(const almi_doc_file *file, const almi_doc_value *array,
                                        almi_doc_array want, int32_t **out);

#endif
