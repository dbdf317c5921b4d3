/* almanac.h: predictions of a model file or a scorer inside another program. C11 and C++11.
 *
 * Link libalmanac.so. docs/embedding.md has a complete program. In short:
 *
 *   almanac_open       a model file (LightGBM, XGBoost, CatBoost, ONNX), an MLflow folder, or a
 *                      folder with scorer.json
 *   almanac_describe   its columns, classes, horizons, members, hash; whether it is approved
 *   almanac_session    the caller's columns matched by name, and the memory for calls, once
 *   almanac_predict    a table, or one row; no allocation (but see OTHER RUNTIMES)
 *   almanac_stream_... raw OHLCV bars instead, of a model that takes them: one stream per symbol
 *   almanac_explain    what each column contributes to what each member says
 *
 * OWNERSHIP. Whoever opens closes: almanac_close, almanac_session_close and almanac_stream_close
 * take NULL, in any order; a model lives until its last session and stream are closed. Everything
 * that is given in is only read during the call. Texts and arrays that are given out belong to the
 * model or session they came from.
 *
 * ERRORS. Functions that can fail return a status and fill the caller's almanac_error (which may be
 * NULL): one line that names file, row, column or key, and what to do. Outputs are untouched then,
 * but where it says otherwise. A NULL where something is needed is ALMANAC_INVALID. When the system
 * has no memory for small things the process stops; large ones give ALMANAC_MEMORY.
 *
 * THREADS. No global state. A model may be used by any number of threads at a time, a session, a
 * stream and an error by one. Opening a model may start a few threads, which have ended when it
 * returns; the model is the same without them.
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
typedef struct almanac_stream almanac_stream;   /* what the bars of one symbol left behind */

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
    int takes_bars;               /* columns are made of OHLCV bars (scorer.json names `bars`) */
    uint64_t warmup_bars;         /* of a symbol, before the first answer that lacks nothing */
} almanac_info;
#define ALMANAC_INFO_INIT                                                                       \
    { sizeof(almanac_info), NULL, NULL, NULL, 0, NULL, 0, 0, NULL, 0, NULL, 0, NULL, NULL, NULL,  \
      0, NULL, 0, NULL, 0, 0, 0 }

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

/* ---- bars ----
 *
 * A model with takes_bars makes its columns itself. A stream is updated with every bar of its
 * symbol, once it has closed, in the order of time; a session answers as of its newest bar.
 *
 * MISSING ANSWERS. A net has no answer while its window is not full or holds a missing value. The
 * value, probabilities and confidence of every horizon that needs it are NaN then; the other
 * horizons have theirs. It is no error. */

typedef struct almanac_bar { /* never grows */
    int64_t time; /* microseconds since 1970-01-01T00:00, in the time that the model was trained in:
                   * the exchange's or UTC, a bar's start or its end */
    double open, high, low, close, volume; /* NaN: missing */
} almanac_bar;

/* No bar yet. ALMANAC_UNSUPPORTED: the model takes no bars. */
ALMANAC_API almanac_status almanac_stream_open(almanac_model *model, almanac_stream **stream,
                                               almanac_error *error);
ALMANAC_API void almanac_stream_close(almanac_stream *stream);
/* No allocation. ALMANAC_INVALID: a bar that does not follow the one before it, which leaves the
 * stream as it was. */
ALMANAC_API almanac_status almanac_stream_update(almanac_stream *stream, const almanac_bar *bar,
                                                 almanac_error *error);
ALMANAC_API uint64_t almanac_stream_bars(const almanac_stream *stream); /* so far */
/* A copy that goes on by itself: of a bar that has not closed, update a copy. */
ALMANAC_API almanac_status almanac_stream_copy(const almanac_stream *stream,
                                               almanac_stream **copy, almanac_error *error);

/* For a restart without the history: canonical bytes. *size: bytes that there is room for at
 * `bytes`, then those that there are; with `bytes` NULL only the latter. ALMANAC_LIMIT: no room,
 * and *size says how much is needed. */
ALMANAC_API almanac_status almanac_stream_save(const almanac_stream *stream, void *bytes,
                                               size_t *size, almanac_error *error);
/* Also of another model over the same features and windows. ALMANAC_CORRUPT, or ALMANAC_FAILED for
 * bytes of other features: update a new stream with the symbol's bars then. */
ALMANAC_API almanac_status almanac_stream_load(almanac_model *model, const void *bytes,
                                               size_t size, almanac_stream **stream,
                                               almanac_error *error);

/* One row of answers, as of the stream's newest bar; no allocation. Session and stream are of one
 * model. ALMANAC_INVALID before the first bar. */
ALMANAC_API almanac_status almanac_predict_stream(almanac_session *session,
                                                  const almanac_stream *stream,
                                                  almanac_answers *answers, almanac_error *error);
/* Bars of one symbol from its first on: `count` rows of answers, with the bits that a stream would
 * give. The first call of a session makes memory. On failure parts may be written. */
ALMANAC_API almanac_status almanac_predict_bars(almanac_session *session, const almanac_bar *bars,
                                                size_t count, almanac_answers *answers,
                                                almanac_error *error);

/* ---- contributions ----
 *
 * What the columns of each member contribute to what its model says, before calibrators and before
 * members are combined: TreeSHAP of a forest's raw scores, integrated gradients of a net's outputs.
 * docs/explanations.md says how to read them. An explainer is like a session: the caller's columns
 * matched by name, memory, and one caller at a time; almanac_explainer_close takes NULL, and a
 * model lives until its last explainer is closed. */

typedef struct almanac_explainer almanac_explainer;

typedef struct almanac_explain_options {
    size_t size;
    int strict;             /* of forests: LightGBM's or XGBoost's own bits, with their rounding */
    const double *baseline; /* of nets: a window, steps x columns as given in. NULL: 0 in every
                             * column, behind the scaler where there is one */
    double tolerance;       /* of nets: of the sum of the magnitudes; 0: 1e-4 */
    size_t gradients_max;   /* of nets: for an output of a window; 0: 20000 */
} almanac_explain_options;
#define ALMANAC_EXPLAIN_OPTIONS_INIT { sizeof(almanac_explain_options), 0, NULL, 0, 0 }

/* `columns` as of almanac_session_open; its threads share the nets' windows. `options` may be NULL.
 * ALMANAC_UNSUPPORTED names a member that cannot be explained; ALMANAC_NUMERIC: the baseline. */
ALMANAC_API almanac_status almanac_explainer_open(almanac_model *model,
                                                  const almanac_columns *columns,
                                                  const almanac_explain_options *options,
                                                  almanac_explainer **explainer,
                                                  almanac_error *error);
ALMANAC_API void almanac_explainer_close(almanac_explainer *explainer);

/* Where the numbers of a member are. Output k of member m (its classes' scores or probabilities; 1
 * for values) has n = (steps of m, or 1) x (columns of m) numbers from first[m] + k (n + 1) on, the
 * oldest step first, then what is expected: the forest's mean, or the net's output for the
 * baseline. All n + 1 sum to the output. */
typedef struct almanac_explained {
    size_t size;
    size_t width; /* numbers of a row */
    size_t member_count;
    const size_t *first, *outputs;
    const size_t *steps; /* 0: rows */
    const size_t *columns;
    const char *const *const *names; /* of every member: its columns */
} almanac_explained;
#define ALMANAC_EXPLAINED_INIT { sizeof(almanac_explained), 0, 0, NULL, NULL, NULL, NULL, NULL }

/* Fills what explained->size covers. */
ALMANAC_API almanac_status almanac_explainer_describe(const almanac_explainer *explainer,
                                                      almanac_explained *explained,
                                                      almanac_error *error);

/* contributions: batch->count x width. Every row is checked to add up: ALMANAC_NUMERIC names the
 * row and the member that does not, or a net's window that did not reach the tolerance, or a value
 * that cannot be taken; then `contributions` is not to be used. */
ALMANAC_API almanac_status almanac_explain(almanac_explainer *explainer,
                                           const almanac_batch *batch, double *contributions,
                                           almanac_error *error);

#ifdef __cplusplus
}
#endif

#endif
