/* almanac.h: predictions of a model file or a scorer inside another program. C11 and C++11.
 *
 * Link libalmanac.so. docs/embedding.md has a complete program. In short:
 *
 *   almanac_open       a model file (LightGBM, XGBoost, CatBoost, ONNX), an MLflow folder, or a
 *                      folder with scorer.json
 *   almanac_describe   its columns, classes, horizons, members, hash; whether it is approved
 *   almanac_session    the caller's columns matched by name, and the memory for calls, once
 *   almanac_predict    a table, or one row; no allocation (but see OTHER RUNTIMES)
 *
 * OWNERSHIP. Whoever opens closes: almanac_close and almanac_session_close take NULL, in any order;
 * a model lives until its last session is closed. Everything that is given in is only read during
 * the call. Texts and arrays that are given out belong to the model or session they came from.
 *
 * ERRORS. Functions that can fail return a status and fill the caller's almanac_error (which may be
 * NULL): one line that names file, row, column or key, and what to do. Outputs are untouched then,
 * but where it says otherwise. A NULL where something is needed is ALMANAC_INVALID. When the system
 * has no memory for small things the process stops; large ones give ALMANAC_MEMORY.
 *
 * THREADS. No global state. A model may be used by any number of threads at a time, a session and
 * an error by one.
 *
 * OTHER RUNTIMES. ONNX graphs that are no tree ensembles need ONNX Runtime, members on a server
 * libcurl; both are loaded when such a model is opened (ALMANAC_NOT_FOUND says that they are not
 * there). ONNX Runtime reports to its maker unless ORT_DISABLE_TELEMETRY is 1: set it before
 * threads start, else opening the first such graph does. Calls then allocate, their last bits may
 * depend on the machine and on the rows beside, and those to a server take up to their document's
 * deadline for each block of 256 rows.
 *
 * VERSIONS. Structs that may grow begin with their size; the ALMANAC_..._INIT values set it, so
 * that a program keeps working with a newer library. With an older library a member that it does
 * not know is refused unless it is zero. Nothing is renamed or removed within one
 * ALMANAC_API_VERSION.
 *
 * TRUST. Files are untrusted: every bound is checked, formats that can run code when opened are
 * refused. What is opened by path is not a promoted release, and says so: is_approved is 0. */
#ifndef ALMANAC_H
#define ALMANAC_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define ALMANAC_API __attribute__((visibility("default")))
#else
#define ALMANAC_API
#endif

#define ALMANAC_API_VERSION 1
ALMANAC_API uint32_t almanac_api_version(void); /* of the library that runs */
ALMANAC_API const char *almanac_version(void);  /* "0.1.0" */

typedef enum almanac_status {
    ALMANAC_OK = 0,
    ALMANAC_INVALID = 1,     /* what was given in does not fit: names, sizes, a document */
    ALMANAC_NOT_FOUND = 2,   /* no such file, library, or model on a server */
    ALMANAC_CORRUPT = 3,     /* a damaged file, or not the one whose hash is written down */
    ALMANAC_UNSUPPORTED = 4, /* known, and not served; the message says what to do instead */
    ALMANAC_LIMIT = 5,       /* too large */
    ALMANAC_MEMORY = 6,
    ALMANAC_IO = 7,          /* a file, or a server that does not answer in time */
    ALMANAC_NUMERIC = 8,     /* a value that a model cannot take: row and column are named */
    ALMANAC_FAILED = 9       /* anything else */
} almanac_status;

typedef struct almanac_error {
    almanac_status status;
    char message[512]; /* UTF-8, NUL terminated */
} almanac_error;

typedef struct almanac_model almanac_model;     /* immutable */
typedef struct almanac_session almanac_session; /* columns and memory of one caller */

/* ---- a model ---- */

typedef struct almanac_options {
    size_t size;
    int category_codes; /* a model file that was trained on pandas categories is refused, unless
                         * this says that rows hold the categories' numbers (a scorer's document
                         * says it itself) */
} almanac_options;
#define ALMANAC_OPTIONS_INIT { sizeof(almanac_options), 0 }

/* `path` is a model file, an MLflow model folder, or a folder with scorer.json. `options` may be
 * NULL. */
ALMANAC_API almanac_status almanac_open(const char *path, const almanac_options *options,
                                        almanac_model **model, almanac_error *error);

typedef struct almanac_file {
    const char *name; /* "scorer.json", and the names in it */
    const void *bytes;
    size_t size_bytes;
} almanac_file;

/* The same from memory: a scorer, when one of the files is called scorer.json; else the one model
 * file. `bytes` are not needed afterwards. `name` is how messages call it. */
ALMANAC_API almanac_status almanac_open_memory(const char *name, const almanac_file *files,
                                               size_t count, const almanac_options *options,
                                               almanac_model **model, almanac_error *error);
ALMANAC_API void almanac_close(almanac_model *model);

/* Names are UTF-8, NUL terminated. */
typedef struct almanac_info {
    size_t size;
    const char *name;    /* the path, as given */
    const char *format;  /* "scorer", "LightGBM", "XGBoost", "ONNX", "KServe v2", ... */
    const char *hash;    /* 64 hexadecimal digits: SHA-256 of a model file; of a scorer, of its
                          * canonical document, which holds the hashes of all its files */
    int is_approved;     /* 0 */
    const char *notice;  /* "unapproved: ..."; belongs beside every answer that somebody sees */
    int is_classes;      /* the answer is one of the labels, else a value */
    size_t class_count;  /* 0 for values */
    const int64_t *labels;
    size_t horizon_count; /* answers of a row, at least 1 */
    const char *const *horizons;
    size_t member_count; /* models behind the answers, horizon after horizon */
    const char *const *members;
    const char *const *member_formats;
    const size_t *member_horizon; /* index of its horizon */
    size_t row_column_count;      /* columns that rows need */
    const char *const *row_columns;
    size_t window_column_count;   /* columns that windows need; 0: no windows are needed */
    const char *const *window_columns;
    size_t window_steps;          /* the steps that windows have at least */
} almanac_info;
#define ALMANAC_INFO_INIT                                                                       \
    { sizeof(almanac_info), NULL, NULL, NULL, 0, NULL, 0, 0, NULL, 0, NULL, 0, NULL, NULL, NULL,  \
      0, NULL, 0, NULL, 0 }

/* Fills what info->size covers. */
ALMANAC_API almanac_status almanac_describe(const almanac_model *model, almanac_info *info,
                                            almanac_error *error);

/* ---- a session ---- */

typedef struct almanac_columns {
    size_t size;
    const char *const *rows; /* names of the columns of the rows that will come: any order, more
                              * than needed are ignored. NULL: as row_columns says */
    size_t row_count;
    const char *const *windows; /* and of the windows; NULL: as window_columns says */
    size_t window_count;
    size_t window_steps; /* 0: as window_steps says */
    int threads;         /* that share a table; 0 and 1: the caller's */
} almanac_columns;
#define ALMANAC_COLUMNS_INIT { sizeof(almanac_columns), NULL, 0, NULL, 0, 0, 0 }

/* `columns` may be NULL. ALMANAC_INVALID names the columns that are missing. */
ALMANAC_API almanac_status almanac_session_open(almanac_model *model,
                                                const almanac_columns *columns,
                                                almanac_session **session, almanac_error *error);
ALMANAC_API void almanac_session_close(almanac_session *session);
/* Given columns that no model takes: *count of them, rows' before windows'. */
ALMANAC_API const char *const *almanac_session_ignored(const almanac_session *session,
                                                       size_t *count);

/* ---- predicting ---- */

typedef struct almanac_batch {
    size_t size;
    size_t count;          /* rows */
    const double *rows;    /* count x columns, row by row; NaN is a missing value */
    size_t row_stride;     /* doubles from a row to the next; 0: the session's number of columns */
    const double *windows; /* count x steps x columns, oldest step first; NULL when not needed */
} almanac_batch;
#define ALMANAC_BATCH_INIT { sizeof(almanac_batch), 0, NULL, 0, NULL }

/* Where the answers go: the caller's memory, or NULL where one is not wanted. */
typedef struct almanac_answers {
    size_t size;
    double *values;        /* count x horizons: the value, or the label of the class */
    double *probabilities; /* count x horizons x classes */
    double *confidences;   /* count x horizons: the largest probability; NaN for values */
    double *members;       /* count x members x width; width: the classes (calibrated
                            * probabilities, in the order of labels), or 1 (the value) */
    uint64_t nanoseconds;  /* out: time that the call took */
} almanac_answers;
#define ALMANAC_ANSWERS_INIT { sizeof(almanac_answers), NULL, NULL, NULL, NULL, 0 }

/* No result depends on the number of rows of a call or on threads. ALMANAC_NUMERIC: a value that a
 * scaler or a net cannot take, with row and column (nothing is written then), or a model whose own
 * sums overflow, with the row (parts of the answers may be written then, and after an error of
 * another runtime or server). */
ALMANAC_API almanac_status almanac_predict(almanac_session *session, const almanac_batch *batch,
                                           almanac_answers *answers, almanac_error *error);
/* One row and its window (or NULL). */
ALMANAC_API almanac_status almanac_predict_row(almanac_session *session, const double *row,
                                               const double *window, almanac_answers *answers,
                                               almanac_error *error);

#ifdef __cplusplus
}
#endif

#endif
