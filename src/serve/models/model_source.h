/* model_source.h: a model from a path, as `almanac predict --model` opens it.
 *
 * A file of LightGBM, XGBoost, CatBoost or ONNX, an MLflow model folder, or a folder with
 * scorer.json. Nobody approved it, and the answers say so. */
#ifndef ALM_SERVE_MODEL_SOURCE_H
#define ALM_SERVE_MODEL_SOURCE_H

#include "base/env.h"
#include "serve/models/model_set.h"

#define ALM_MODEL_FILE_VERSION "1" /* of what has no version of its own */

typedef struct alm_model_path {
    const alm_env *env; /* borrowed, by members that are not ours too (scorer.h) */
    const char *path;
    int threads; /* that load it, at most, and end with that */
    bool category_codes; /* rows hold the numbers of pandas categories; else such a model is
                          * refused */
} alm_model_path;

/* A copy of `env` in the arena of a model, with a pool of its own while it is loaded: several
 * models may be loaded at a time, and a pool is one caller's. Members that are not ours borrow the
 * copy as long as the model lives, without the pool. */
alm_env *alm_model_loading_begin(const alm_env *env, int threads, alm_arena *arena);
void alm_model_loading_end(alm_env *own);

/* `path` is borrowed. Errors when loading: of alm_scorer_open and alm_scorer_of_model_file. */
alm_model_source alm_model_source_path(const alm_model_path *path);

/* What a scorer is called in a description, and its format, for whoever opens one elsewhere: fills
 * `out` but for `approved`. Of a model file `digest` is that of its bytes. */
void alm_opened_model_describe(alm_scorer *scorer, alm_arena *arena, alm_opened_model *out);

#endif
