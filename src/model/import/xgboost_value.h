/* xgboost_value.h: what XGBoost's JSON and UBJ files hold, as one tree of values.
 *
 * base/json.h is not used for these files: XGBoost writes NaN and Infinity as bare words, its
 * numbers are floats that must be rounded once, and a model is a few long arrays of numbers. Here
 * such an array is one value that points into the file; its items are read when they are wanted.
 *
 * A file is untrusted: nesting is bounded, a value is made only for bytes that are there, and
 * memory is proportional to the file. Values are borrowed from the file and the arena. */
#ifndef ALM_MODEL_XGBOOST_VALUE_H
#define ALM_MODEL_XGBOOST_VALUE_H

#include "base/str.h"

typedef enum almi_xgb_kind {
    ALMI_XGB_NULL,
    ALMI_XGB_NUMBER,  /* also true and false */
    ALMI_XGB_TEXT,
    ALMI_XGB_NUMBERS, /* an array of numbers, unread */
    ALMI_XGB_LIST,    /* any other array, and an empty one */
    ALMI_XGB_OBJECT
} almi_xgb_kind;

/* type of NUMBER and NUMBERS: decimal text, or the letter of a UBJ number (big endian bytes) */
#define ALMI_XGB_DECIMAL 'J'

typedef struct almi_xgb_value almi_xgb_value;
struct almi_xgb_value {
    almi_xgb_kind kind;
    char type;
    size_t count;  /* items or members */
    size_t offset; /* of the value in the file, for messages */
    alm_str key;   /* in an object */
    alm_str bytes; /* NUMBER: the number; NUMBERS: all of them; TEXT: the text */
    const almi_xgb_value *first, *next;
};

typedef struct almi_xgb_file {
    alm_str bytes;
    const char *name;
    alm_arena *arena;
    alm_error *error;
} almi_xgb_file;

#define ALMI_XGB_DEPTH_MAX 32

/* The whole file as one value. ALM_ERR_CORRUPT names the byte. */
ALM_NODISCARD alm_err almi_xgb_read_json(const almi_xgb_file *file, const almi_xgb_value **out);
ALM_NODISCARD alm_err almi_xgb_read_ubj(const almi_xgb_file *file, const almi_xgb_value **out);

/* A new value, added behind *last of `parent` (NULL: the root). */
ALM_NODISCARD alm_err almi_xgb_add(const almi_xgb_file *file, almi_xgb_value *parent,
                                   almi_xgb_value **last, almi_xgb_value **out);
ALM_NODISCARD alm_err almi_xgb_damaged(const almi_xgb_file *file, size_t offset, const char *what);

/* Bytes of a UBJ number by its letter; 0: not a number. */
size_t almi_xgb_number_size(char type);
bool almi_xgb_as_float(char type, alm_str bytes, float *out);
bool almi_xgb_as_i64(char type, alm_str bytes, int64_t *out);

/* Member of an object. *out is NULL when it is absent or `object` is NULL or no object; the same
 * key twice is ALM_ERR_CORRUPT, because XGBoost would take the one and we the other. */
ALM_NODISCARD alm_err almi_xgb_member(const almi_xgb_file *file, const almi_xgb_value *object,
                                      const char *key, const almi_xgb_value **out);
/* The same where it must be there with that kind. */
ALM_NODISCARD alm_err almi_xgb_need(const almi_xgb_file *file, const almi_xgb_value *object,
                                    const char *key, almi_xgb_kind kind,
                                    const almi_xgb_value **out);
/* Integers that XGBoost writes as text, "3", or as numbers. `absent` when the key is not there. */
ALM_NODISCARD alm_err almi_xgb_integer(const almi_xgb_file *file, const almi_xgb_value *object,
                                       const char *key, int64_t absent, int64_t *out);

/* All numbers of an array, in `arena`; it must hold `count`. What is not such a number is
 * ALM_ERR_CORRUPT with `where`, the key and the position. */
typedef struct almi_xgb_array {
    const char *where; /* "tree 3" */
    const char *key;
    size_t count;
    int64_t low, high; /* integers only */
    alm_arena *arena;
} almi_xgb_array;
ALM_NODISCARD alm_err almi_xgb_floats(const almi_xgb_file *file, const almi_xgb_value *array,
                                      almi_xgb_array want, float **out);
ALM_NODISCARD alm_err almi_xgb_integers(const almi_xgb_file *file, const almi_xgb_value *array,
                                        almi_xgb_array want, int32_t **out);

#endif
