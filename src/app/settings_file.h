/* settings_file.h: which serve.yaml a command works with. */
#ifndef ALM_APP_SETTINGS_FILE_H
#define ALM_APP_SETTINGS_FILE_H

#include "app/cli.h"

/* --settings of this command, else the project's serve.yaml when there is one; NULL: none. Opens
 * the project where it can be found; without one that is no failure. In the command's arena. */
const char *almi_settings_path(almi_cli *cli);

#endif
