/* inference_join.h: several requests answered by one call of a model.
 *
 * Nets answer 64 windows in half the time that each alone takes; forests gain nothing that a
 * request would notice. Rows have the same bits whatever stands beside them (scorer/scorer.h), so
 * joining changes when an answer comes and nothing about it. */
#ifndef ALM_SERVE_INFERENCE_JOIN_H
#define ALM_SERVE_INFERENCE_JOIN_H

#include "serve/models/inference.h"

/* Rows of one call; requests with more than that are not joined with others. */
#define ALM_JOINED_ROWS_MAX 256

typedef struct alm_inference_part {
    const alm_served_model *model;
    const alm_inference_input *input;
    alm_inference_answer answer; /* when `code` is ALM_OK; in the arena */
    alm_err code;
    alm_error error;
    size_t joined; /* parts of the call that answered it, with itself */
} alm_inference_part;

/* Answers all parts, in as few calls as their models and forms allow (the same columns in the same
 * order, windows of the same size). A call that fails is made again part by part, so that every
 * part has an error of its own and no other's. Memory for the rows of a call is of `arena`. */
void alm_inference_run_parts(size_t worker, alm_inference_part *part, size_t count,
                             alm_arena *arena);

#endif
