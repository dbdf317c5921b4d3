/* Peers of inference_bench and compiled_bench: the C interfaces of LightGBM and XGBoost, opened
 * when they are there. Only what is called is declared, as their headers have it; every handle is a
 * void pointer. */
#ifndef ALM_BENCH_INFERENCE_PEERS_H
#define ALM_BENCH_INFERENCE_PEERS_H

#include <dlfcn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- LightGBM (among the libraries of the build, found by the runpath of the program) ---- */

enum { PEER_FLOAT64 = 1, PEER_ROW_MAJOR = 1, PEER_RAW = 1, PEER_CONTRIBUTION = 3 };
#define PEER_LIGHTGBM_PARAMETERS "num_threads=1 verbosity=-1"

typedef struct peer_lightgbm {
    int (*load)(const char *text, int *iterations, void **booster);
    int (*save)(void *booster, int start, int iterations, int importance, int64_t room,
                int64_t *size, char *out);
    int (*batch)(void *booster, const void *rows, int type, int32_t n, int32_t columns,
                 int row_major, int kind, int start, int iterations, const char *parameters,
                 int64_t *length, double *out);
    int (*fast_init)(void *booster, int kind, int start, int iterations, int type,
                     int32_t columns, const char *parameters, void **config);
    int (*fast)(void *config, const void *row, int64_t *length, double *out);
    int (*fast_free)(void *config);
    int (*free_booster)(void *booster);
} peer_lightgbm;

static inline void peer_symbol(void *library, const char *name, void *function)
{
    void *found = dlsym(library, name);
    if (found == NULL) {
        fprintf(stderr, "bench: %s\n", dlerror());
        exit(EXIT_FAILURE);
    }
    /* The standard has no cast from data to function pointers; POSIX promises the same shape. */
    *(void **)function = found;
}

static inline peer_lightgbm peer_lightgbm_open(void)
{
    peer_lightgbm p;
    void *all = dlopen("lib_lightgbm.so", RTLD_NOW | RTLD_LOCAL);
    if (all == NULL) {
        fprintf(stderr, "bench: %s\n", dlerror());
        exit(EXIT_FAILURE);
    }
    peer_symbol(all, "LGBM_BoosterLoadModelFromString", &p.load);
    peer_symbol(all, "LGBM_BoosterSaveModelToString", &p.save);
    peer_symbol(all, "LGBM_BoosterPredictForMat", &p.batch);
    peer_symbol(all, "LGBM_BoosterPredictForMatSingleRowFastInit", &p.fast_init);
    peer_symbol(all, "LGBM_BoosterPredictForMatSingleRowFast", &p.fast);
    peer_symbol(all, "LGBM_FastConfigFree", &p.fast_free);
    peer_symbol(all, "LGBM_BoosterFree", &p.free_booster);
    return p;
}

/* ---- XGBoost ---- */

typedef struct peer_xgboost {
    int (*matrix)(const float *rows, uint64_t n, uint64_t columns, float missing, void **out);
    int (*set_info)(void *matrix, const char *field, const float *values, uint64_t n);
    int (*create)(void *const *matrices, uint64_t count, void **booster);
    int (*set)(void *booster, const char *name, const char *value);
    int (*update)(void *booster, int iteration, void *matrix);
    int (*save)(void *booster, const char *config, uint64_t *size, const char **out);
    int (*dense)(void *booster, const char *rows, const char *config, void *proxy,
                 const uint64_t **shape, uint64_t *dimensions, const float **out);
    int (*predict)(void *booster, void *matrix, const char *config, const uint64_t **shape,
                   uint64_t *dimensions, const float **out);
    int (*slice)(void *booster, int begin, int end, int step, void **out);
    int (*free_booster)(void *booster);
    int (*free_matrix)(void *matrix);
} peer_xgboost;

/* False, with a note, when there is no such library. */
static inline bool peer_xgboost_open(const char *path, peer_xgboost *p)
{
    void *library = path != NULL ? dlopen(path, RTLD_NOW | RTLD_LOCAL) : NULL;
    if (library == NULL) {
        fprintf(stderr, "bench: without XGBoost: %s\n",
                path != NULL ? dlerror() : "no library was named");
        return false;
    }
    peer_symbol(library, "XGDMatrixCreateFromMat", &p->matrix);
    peer_symbol(library, "XGDMatrixSetFloatInfo", &p->set_info);
    peer_symbol(library, "XGBoosterCreate", &p->create);
    peer_symbol(library, "XGBoosterSetParam", &p->set);
    peer_symbol(library, "XGBoosterUpdateOneIter", &p->update);
    peer_symbol(library, "XGBoosterSaveModelToBuffer", &p->save);
    peer_symbol(library, "XGBoosterPredictFromDense", &p->dense);
    peer_symbol(library, "XGBoosterPredictFromDMatrix", &p->predict);
    peer_symbol(library, "XGBoosterSlice", &p->slice);
    peer_symbol(library, "XGBoosterFree", &p->free_booster);
    peer_symbol(library, "XGDMatrixFree", &p->free_matrix);
    return true;
}

/* Ends the program when a peer's call failed. */
static inline void peer_check(int status, const char *what)
{
    if (status != 0) {
        fprintf(stderr, "bench: %s failed\n", what);
        exit(EXIT_FAILURE);
    }
}

#endif
