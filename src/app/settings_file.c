#include "app/settings_file.h"

#include "app/session.h"
#include "http/serve_settings.h"

alm_err almi_settings_path(almi_cli *cli, const char **out, alm_error *error)
{
    *out = almi_option_text(cli, "settings");
    if (*out) {
        return ALM_OK;
    }
    alm_err code = almi_open_project(cli, error);
    if (code == ALM_ERR_NOT_FOUND && !cli->directory) {
        alm_error_clear(error);
        return ALM_OK;
    }
    ALM_TRY(code);
    const char *path = alm_path_join(cli->arena, cli->project->directory, ALM_SERVE_SETTINGS_FILE);
    *out = alm_fs_exists(cli->env.fs, path) ? path : NULL;
    return ALM_OK;
}
