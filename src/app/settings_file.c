#include "app/settings_file.h"

#include "app/session.h"
#include "http/serve_settings.h"

const char *almi_settings_path(almi_cli *cli)
{
    const char *path = almi_option_text(cli, "settings");
    if (path || almi_open_project(cli, NULL) != ALM_OK) {
        return path;
    }
    path = alm_path_join(cli->arena, cli->project->directory, ALM_SERVE_SETTINGS_FILE);
    return alm_fs_exists(cli->env.fs, path) ? path : NULL;
}
