/* encoders.h: the codes of text attributes that a bundle was trained with (encoders.json).
 *
 * A text attribute becomes the number of its place among the sorted texts of the training snapshot.
 * Later snapshots may have more texts, so the bundle keeps those it knows and gives them to the
 * panels that it scores: a new text is missing (NaN), and the others keep their codes. Only
 * attributes that a feature uses are kept. */
#ifndef ALM_PIPELINE_ENCODERS_H
#define ALM_PIPELINE_ENCODERS_H

#include "project/panel_source.h"

typedef struct alm_encoders {
    alm_categories *categories;
    size_t count;
} alm_encoders;

/* The categories of `source` that an `attribute` feature of the project names; borrowed from it,
 * the list in `arena`. */
void alm_encoders_of(const alm_panel_source *source, const alm_project *project, alm_arena *arena,
                     alm_encoders *out);
void alm_encoders_write(const alm_encoders *encoders, alm_buffer *out);
/* Texts are copied into `arena`. ALM_ERR_CORRUPT with `name`. */
ALM_NODISCARD alm_err alm_encoders_read(alm_str json, const char *name, alm_arena *arena,
                                        alm_encoders *out, alm_error *error);

#endif
