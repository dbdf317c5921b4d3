/* served_models.h: the models that `almanac serve` is told to answer with.
 *
 * --model: paths as of `almanac predict`; a model's name is what is in front of '=', else that of
 * its file without the ending; its version is "1". --release: served_releases.h. What is declared
 * here is what can be loaded again later. */
#ifndef ALM_APP_SERVED_MODELS_H
#define ALM_APP_SERVED_MODELS_H

#include "app/served_releases.h"

typedef struct almi_served_models {
    alm_model_set *set;
    almi_served_releases *releases;
} almi_served_models;

/* All of them loaded and warm. Without one the set is empty. The caller closes it, before the
 * session ends. */
ALM_NODISCARD alm_err almi_served_models_open(almi_cli *cli, size_t workers,
                                              almi_served_models *out, alm_error *error);
void almi_served_models_close(almi_served_models *models); /* takes one that was never opened */

/* One more: a path as of --model (with --category-codes of the command), loaded. An error names it;
 * then the set is as before, or has it UNAVAILABLE. */
ALM_NODISCARD alm_err almi_served_models_add_file(almi_cli *cli, alm_model_set *set, alm_str text,
                                                  alm_error *error);

#endif
