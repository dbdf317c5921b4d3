/* predict_file.h: predictions of a model file, or of a scorer, for the rows of a CSV or Parquet
 * file, without a project, a snapshot or a release. Nothing that is made here is approved; whoever
 * shows it says so.
 *
 * Columns. A model with names of its own takes its columns by name: any order, more columns than
 * needed are left out, missing ones are one error that names them. (LightGBM writes blanks in
 * names as '_', so a column "unit price" is found for "unit_price" when there is no exact one.) A
 * model with names that its library made up (Column_0, Column_1, ...) takes them by name when all
 * are there, else by position, and then their number must fit, and none may have the model's name
 * of another place. Values: predict_rows.h.
 *
 * Bars. A scorer with `bars` (signal/signal.h) takes OHLCV: time, open, high, low, close, volume,
 * and a column that tells symbols apart; every symbol's rows come in the order of time, whatever
 * lies between them. Symbol and time stand in front of the answers.
 *
 * Windows. The nets of a scorer without `bars` look at the last rows of the same series (`group`)
 * in the file's order. As of bars, an answer is missing where a net's window is not full or holds a
 * missing value: an empty field of CSV, null elsewhere. Memory does not grow with the file
 * (predict_series.h).
 *
 * Output. Rows come in the order of the input, whatever the block. Columns: `prediction`, or
 * `p_0`, `p_1`, ... of several classes; `raw` and `raw_0`, ... where they are raw scores: when they
 * were asked for, or when the model's objective is not known. Contributions (TreeSHAP, to the raw
 * score) follow as `contribution_NAME` and `expected`, of several scores as `contribution_0_NAME`
 * and `expected_0`; predict_explain.h has the other names, docs/explanations.md what they mean. A
 * row whose contributions do not sum to its score is an error. Bytes do not depend on the block,
 * and memory not on the number of rows.
 *
 * A prediction belongs to one thread at a time. */
#ifndef ALM_BATCH_PREDICT_FILE_H
#define ALM_BATCH_PREDICT_FILE_H

#include "base/json.h"
#include "model/model_file.h"
#include "model/scorer/scorer.h"

#define ALM_PREDICT_BLOCK_DEFAULT 1000
#define ALM_PREDICT_BLOCK_MAX 65536
#define ALM_PREDICT_BACKGROUND_MAX 65536

/* Names of the columns of bars; NULL: as the member is called. */
typedef struct alm_predict_bars {
    const char *time, *open, *high, *low, *close, *volume;
} alm_predict_bars;

typedef struct alm_predict_options {
    const alm_model_file *model; /* borrowed until close; or */
    const alm_scorer *scorer;    /* the same; its columns are those of predict_scorer.h */
    const char *path;            /* of the rows */
    const char *name;            /* how messages call them; NULL: `path` */
    size_t block_rows;           /* 0: ALM_PREDICT_BLOCK_DEFAULT */
    bool raw;
    bool contributions;
    bool category_codes; /* the rows hold the numbers of pandas categories */
    bool answers_beside; /* columns called as the outputs are none of the model's: see imported.h */
    bool members;        /* a scorer's: and what each of its models says */
    /* Column that tells series apart, of bars and of nets; NULL: of bars `symbol` when there is
     * one, else all rows are one series. */
    const char *group;
    alm_predict_bars bars;
    size_t states_bytes; /* of all series; 0: ALMI_PREDICT_STATES_BYTES_MAX */
    bool fast;           /* of a model: transforms by alm_transform_apply_fast */
    /* How contributions are made: in the library's own bits, or against the rows of a file, of
     * which so many are drawn (0: all, at most ALM_PREDICT_BACKGROUND_MAX). */
    bool strict;
    const char *background;
    size_t background_sample;
    bool interactions; /* instead of contributions: of pairs of columns */
} alm_predict_options;

typedef struct alm_predict_facts {
    bool is_raw;
    bool by_position;
    size_t column_count; /* of the output */
    const alm_str *outputs; /* their names, NUL terminated */
    const alm_str *ignored; /* columns of the rows that the model does not take */
    size_t ignored_count;
    const char *series, *time; /* columns in front of the outputs, or NULL */
    uint64_t rows;    /* written so far */
    uint64_t missing; /* of these, with an answer that is missing */
    uint64_t early;   /* bars that have an answer within the warm-up of their symbol */
    uint64_t background_rows, background_used; /* rows in that file, and those that are used */
} alm_predict_facts;

typedef struct alm_predict_sink {
    alm_err (*write)(void *context, alm_str bytes, alm_error *error);
    void *context;
} alm_predict_sink;

typedef struct alm_predict alm_predict;

/* Opens the rows and finds the columns. ALM_ERR_NOT_FOUND, ALM_ERR_IO, ALM_ERR_INVALID (columns,
 * header); ALM_ERR_UNSUPPORTED when the model has pandas categories and the rows were not said to
 * hold their codes (values would silently be taken for codes), or cannot be explained. */
ALM_NODISCARD alm_err alm_predict_open(const alm_env *env, const alm_predict_options *options,
                                       alm_predict **out, alm_error *error);
void alm_predict_close(alm_predict *predict); /* takes NULL */
const alm_predict_facts *alm_predict_describe(const alm_predict *predict);

/* The next block of answers, without contributions: rows x column_count, valid until the next call;
 * *rows is 0 at the end. Errors as below. */
ALM_NODISCARD alm_err alm_predict_next(alm_predict *predict, const double **answers, size_t *rows,
                                       alm_error *error);
/* Or one of these, once. ALM_ERR_INVALID names row, column and value of a text that is no
 * number. */
ALM_NODISCARD alm_err alm_predict_write_csv(alm_predict *predict, const alm_predict_sink *sink,
                                            alm_error *error);
/* The array of row objects behind `json`'s key; its buffer is emptied into `sink` on the way. The
 * rows are read twice: nothing is written unless all of them are valid, so that half an array is
 * left only by a failure of the machine. */
ALM_NODISCARD alm_err alm_predict_write_json(alm_predict *predict, alm_json_writer *json,
                                             const alm_predict_sink *sink, alm_error *error);
/* Into a file that is there as a whole or not at all; replaces an ordinary file. A name that ends
 * with .parquet: Parquet, by the table engine, which knows the real file system only; else CSV. */
ALM_NODISCARD alm_err alm_predict_write_file(alm_predict *predict, const char *path,
                                             alm_error *error);

#endif
