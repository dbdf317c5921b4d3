/* plan_view.h: the feature plan of a model, for commands that show or check it. */
#ifndef ALM_APP_PLAN_VIEW_H
#define ALM_APP_PLAN_VIEW_H

#include "app/cli.h"

/* Compiled against the columns that the project declares; the caller destroys it. */
ALM_NODISCARD alm_err almi_compile_plan(almi_cli *cli, const alm_model_spec *model,
                                        alm_feature_plan **out, alm_error *error);
/* The model of that name; without a name the only one. ALM_ERR_NOT_FOUND lists the names. */
ALM_NODISCARD alm_err almi_find_model(almi_cli *cli, const char *name, const alm_model_spec **out,
                                      alm_error *error);

#endif
