/* inference.h: a block of rows of named columns through a loaded model.
 *
 * A request's columns are matched by name once: every worker remembers the last few lists of every
 * model, with the memory to answer them, so that a request whose list was seen before is answered
 * without an allocation, whatever its number of rows. (Members that another runtime or server
 * answers take what they need.) The bits are those of `almanac predict` and include/almanac.h.
 *
 * Rows are doubles, NaN is a missing value. The call runs in the worker's thread, between
 * alm_model_set_enter and alm_model_set_leave. */
#ifndef ALM_SERVE_INFERENCE_H
#define ALM_SERVE_INFERENCE_H

#include "serve/models/model_set.h"

#define ALM_INFERENCE_ROWS_MAX 65536
#define ALM_INFERENCE_COLUMNS_MAX 65536        /* of a request, used or not */
#define ALM_INFERENCE_VALUES_MAX ((size_t)1 << 24) /* of its rows, and of its windows: 128 MiB */

typedef struct alm_inference_input {
    size_t rows; /* at least 1 */
    const alm_str *name; /* of every column, in any order; NULL: the model's own order */
    size_t column_count;
    const double *values; /* rows x column_count; NULL when the model takes windows only */
    bool refuse_extra;    /* a named column that the model does not take is an error */
    const double *windows; /* rows x steps x window_width, oldest step first, columns in the model's
                            * order (alm_scorer_info.window_column); NULL: none */
    size_t steps, window_width;
} alm_inference_input;

/* As alm_scorer_output has it; all numbers are finite. */
typedef struct alm_inference_answer {
    size_t rows, horizons, classes; /* classes: 0 for values */
    double *value;       /* rows x horizons: the value, or the label of the class */
    double *probability; /* rows x horizons x classes; NULL for values */
    double *confidence;  /* rows x horizons; NULL for values */
} alm_inference_answer;

/* The answer lies in `arena`, and nothing of it in the model.
 *
 * ALM_ERR_INVALID: columns that are missing (named, beside those that were given and are not used),
 * there twice, or too many; where they go by position, names that are a row of data or stand at
 * another place (model/position_names.h); a number of columns or steps that is not the model's; a
 * value that a member cannot take (row and column are named). ALM_ERR_LIMIT: more than the bounds
 * above.
 * ALM_ERR_NUMERIC: the model's answer is no finite number. Errors of other runtimes. */
ALM_NODISCARD alm_err alm_inference_run(const alm_served_model *model, size_t worker,
                                        const alm_inference_input *input, alm_arena *arena,
                                        alm_inference_answer *out, alm_error *error);

/* ---- counters ---- */

/* X(name): kept for every model as long as it is loaded. */
#define ALM_MODEL_COUNTER_MAP(X)                                                             \
    X(INFERENCES)  /* rows answered */                                                       \
    X(EXECUTIONS)  /* calls of the model */                                                  \
    X(SUCCESSES)   /* requests answered, and how long they took */                           \
    X(SUCCESS_NS)                                                                            \
    X(FAILURES)                                                                              \
    X(FAILURE_NS)                                                                            \
    X(INPUT_NS)    /* of successes: reading the request, */                                  \
    X(INFER_NS)    /* the model, */                                                          \
    X(OUTPUT_NS)   /* writing the answer */                                                  \
    X(CACHE_HITS)  /* answers that were kept ones, which are no inferences, ... */           \
    X(CACHE_HIT_NS)                                                                          \
    X(CACHE_MISSES) /* ... and those that were looked for in vain */                         \
    X(CACHE_MISS_NS)                                                                         \
    X(LAST_MS)     /* time of the last request, milliseconds since 1970; 0: none */

typedef enum alm_model_counter {
#define ALM_MODEL_COUNTER_ENUM(name) ALM_MODEL_##name,
    ALM_MODEL_COUNTER_MAP(ALM_MODEL_COUNTER_ENUM)
#undef ALM_MODEL_COUNTER_ENUM
        ALM_MODEL_COUNTERS
} alm_model_counter;

/* One request, by the caller's clocks. */
typedef struct alm_inference_times {
    bool succeeded;
    uint64_t input_ns, infer_ns, output_ns; /* of a failure their sum counts */
    uint64_t now_ms;
    uint64_t rows; /* answered */
    bool was_kept;     /* by the cache of answers, not the model; cache_ns is how long it took */
    bool was_missed;   /* ... in vain; cache_ns are a part of infer_ns */
    uint64_t cache_ns;
} alm_inference_times;

void alm_inference_count(const alm_served_model *model, size_t worker,
                         const alm_inference_times *times);
/* Sums over all workers (of LAST_MS the latest). Any thread that has entered. */
void alm_inference_counters(const alm_served_model *model, uint64_t out[ALM_MODEL_COUNTERS]);

#endif
