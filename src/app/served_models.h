/* served_models.h: the models that `almanac serve` is told to answer with.
 *
 * --model: paths as of `almanac predict`; a model's name is what is in front of '=', else that of
 * its file without the ending; its version is "1". --release: releases that were imported, or
 * signals; the name is the release's model, the version its own name ("demand-3"), and it is
 * approved when the ledger says so. What is declared here is what can be loaded again later. */
#ifndef ALM_APP_SERVED_MODELS_H
#define ALM_APP_SERVED_MODELS_H

#include "app/cli.h"
#include "serve/model_set.h"

/* All of them loaded and warm. Without one the set is empty. The caller destroys it, before the
 * session ends. */
ALM_NODISCARD alm_err almi_served_models_open(almi_cli *cli, size_t workers, alm_model_set **out,
                                              alm_error *error);

/* One more: a path as of --model (with --category-codes of the command), or a release by its name,
 * loaded. An error names it; then the set is as before, or has it UNAVAILABLE. */
ALM_NODISCARD alm_err almi_served_models_add_file(almi_cli *cli, alm_model_set *set, alm_str text,
                                                  alm_error *error);
ALM_NODISCARD alm_err almi_served_models_add_release(almi_cli *cli, alm_model_set *set,
                                                     alm_str name, alm_error *error);

#endif
