/* settings_file.h: which serve.yaml a command works with. */
#ifndef ALM_APP_SETTINGS_FILE_H
#define ALM_APP_SETTINGS_FILE_H

#include "app/cli.h"

/* --settings of this command, else the project's serve.yaml when there is one; *out is NULL: none.
 * Opens the project where it can be found; without --project and without one here that is no
 * failure, a project that cannot be read is one. In the command's arena. */
ALM_NODISCARD alm_err almi_settings_path(almi_cli *cli, const char **out, alm_error *error);

#endif
