/* scorer_internal.h: what scorer.json becomes; for the files of this folder only. */
#ifndef ALM_MODEL_SCORER_SCORER_INTERNAL_H
#define ALM_MODEL_SCORER_SCORER_INTERNAL_H

#include "model/backend/backend.h"
#include "model/backend/remote_spec.h"
#include "model/ensemble/calibrator.h"
#include "model/ensemble/combine.h"
#include "model/ensemble/robust_scaler.h"
#include "model/model_file.h"
#include "model/scorer/scorer.h"
#include "model/sequence/network.h"

/* A file as the document names it. */
typedef struct almi_scorer_ref {
    alm_str path; /* NUL terminated; no data: none */
    alm_digest digest;
    bool has_digest; /* after reading always */
} almi_scorer_ref;

/* A model, loaded once for all members that name it. */
typedef struct almi_scorer_model {
    alm_digest digest; /* of its file, or of the digests of weights and description, ... */
    alm_model_file *forest; /* or */
    alm_network *network;   /* or */
    alm_backend *backend;
    alm_transform transform; /* of a forest; ARGMAX has become SOFTMAX */
    size_t inputs, outputs;
} almi_scorer_model;

/* A model on its columns: computed once for all members that differ only behind it. */
typedef struct almi_scorer_unit {
    const almi_scorer_model *model;
    const alm_str *column; /* model->inputs of them */
    size_t steps;          /* 0: rows */
    const alm_robust_scaler *scaler;
    alm_digest scaler_digest;
    const char *user; /* first member's name, for messages */
    bool must_sum;    /* CLASSES of a backend: a member takes the probabilities as they are */
    size_t width; /* doubles a row that its outputs take on the way: scores or outputs */
    size_t at;    /* doubles a row before its own */
} almi_scorer_unit;

typedef struct almi_scorer_member {
    alm_str name;
    almi_scorer_ref model, scaler, calibrator;
    const alm_remote_spec *remote; /* instead of a model */
    alm_str model_name; /* its path, or the server's name for it; for messages */
    almi_scorer_ref description; /* of a net whose weights PyTorch saved */
    alm_str result; /* of an ONNX graph: the output that is meant; empty: the only one */
    const alm_str *column; /* NULL: the model's own */
    size_t column_count;
    size_t steps;
    size_t output;        /* VALUE: which of the model's outputs */
    const size_t *class_place; /* CLASSES: where the model's class goes; NULL: in order */
    bool category_codes;
    /* after loading */
    size_t unit;
    alm_calibrator *calibration;
} almi_scorer_member;

typedef struct almi_scorer_horizon {
    alm_str name;
    alm_scorer_combination combination;
    double *weight; /* member_count, or NULL */
    almi_scorer_ref stacker, calibrator;
    size_t member_first, member_count;
    /* after loading */
    alm_stacker stacked;
    alm_calibrator *calibration;
} almi_scorer_horizon;

struct alm_scorer {
    alm_arena *arena;
    alm_scorer_info info;
    almi_scorer_ref bars; /* no data: none */
    almi_scorer_horizon *horizon;
    almi_scorer_member *member;
    almi_scorer_model *model;
    size_t model_count;
    almi_scorer_unit *unit;
    size_t unit_count;
    size_t width;   /* doubles a row of all units */
    alm_scorer_part *part; /* sorted by name */
    size_t part_count;
};

/* The document into an empty scorer (arena and info.name are set). */
ALM_NODISCARD alm_err almi_scorer_parse(alm_str text, alm_scorer *scorer, alm_error *error);
extern const char *const ALMI_SCORER_COMBINATION[]; /* names in the document, by enum */

/* ---- files (scorer_load.c) ---- */

#define ALMI_SCORER_MODEL_PATH "model" /* of a scorer made of one model file */

typedef struct almi_scorer_loader {
    alm_scorer *scorer; /* parsed */
    const alm_scorer_source *source;
    alm_arena *bytes;      /* of one file at a time */
    almi_scorer_model *ready; /* the model of that path, parsed already; or NULL. Taken over */
    size_t ready_bytes;
    bool of_model_file;
} almi_scorer_loader;

/* A model from its bytes, with everything but its digest. `description`: of a net of PyTorch, else
 * without data; `result` may be empty. */
typedef struct almi_scorer_bytes {
    alm_fs_content *content; /* perhaps still being read; there is all of it afterwards */
    alm_str description, result;
    const char *name;
} almi_scorer_bytes;
ALM_NODISCARD alm_err almi_scorer_parse_model(const alm_env *env, const almi_scorer_bytes *from,
                                              almi_scorer_model *out, alm_error *error);
void almi_scorer_close_model(almi_scorer_model *model);

/* Models, scalers, calibrators and stackers of all members and horizons, units and parts. */
ALM_NODISCARD alm_err almi_scorer_load(almi_scorer_loader *l, alm_error *error);

static inline bool almi_scorer_takes_windows(const almi_scorer_model *model)
{
    return model->network || (model->backend && model->backend->info.takes_windows);
}

/* A member's width: classes or 1. */
static inline size_t almi_scorer_member_width(const alm_scorer *scorer)
{
    return scorer->info.task == ALM_SCORER_CLASSES ? scorer->info.class_count : 1;
}

/* ---- names, found by binary search (scorer_names.c) ---- */

typedef struct almi_names {
    const alm_str *name;
    size_t count;
    size_t *order; /* positions by name, blanks as '_' */
} almi_names;

/* Borrows `names`; `order` in `arena`. */
almi_names almi_names_index(const alm_str *names, size_t count, alm_arena *arena);
/* Position of the first exact name, else of the first one equal but for blanks, else SIZE_MAX;
 * *twice when another fits as well. */
size_t almi_names_find(const almi_names *names, alm_str name, bool *twice);
/* The different ones of `names` in their order, in `arena`. */
const alm_str *almi_names_unique(const alm_str *names, size_t count, alm_arena *arena,
                                 size_t *unique);

struct alm_scorer_binding {
    alm_arena *arena;
    const alm_scorer *scorer;
    size_t row_count, window_count, steps;
    const alm_str *row, *window; /* copies of the names, for messages */
    size_t **place;  /* of every unit: where its columns are */
    bool *in_order;  /* of every unit: a run of neighbours, so that rows need no copy */
    const alm_str *ignored;
    size_t ignored_count;
};

#endif
