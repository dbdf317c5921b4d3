/* session.h: the world of one command: files, threads, clock, log and progress as an alm_env, and
 * the project with its stores, each opened when a command first asks for it.
 *
 * Layout of the state folder (PROJECT/.almanac): objects/ (content by hash), registry.db (names,
 * ledger), predictions/ (the Delta table), rejected/, scratch/. */
#ifndef ALM_APP_SESSION_H
#define ALM_APP_SESSION_H

#include "app/cli.h"

ALM_NODISCARD alm_err almi_session_start(almi_cli *cli, alm_error *error);
void almi_session_end(almi_cli *cli); /* closes everything; takes a session that never started */

/* The project of --project, or of the first folder with almanac.yaml from here upwards. */
ALM_NODISCARD alm_err almi_open_project(almi_cli *cli, alm_error *error);
/* ... and its objects and registry, which are made when they are not there. */
ALM_NODISCARD alm_err almi_open_state(almi_cli *cli, alm_error *error);
/* ... and the prediction store: made when it is not there if `make`, else ALM_ERR_NOT_FOUND. */
ALM_NODISCARD alm_err almi_open_predictions(almi_cli *cli, bool make, alm_error *error);
/* May and can `path` (NULL: nothing is asked) be written or replaced? Asked before the work, which
 * may take an hour. A folder or a device may not: as root a file would take the place of
 * /dev/null. */
ALM_NODISCARD alm_err almi_check_output(almi_cli *cli, const char *path, alm_error *error);
/* "PROJECT/.almanac/NAME" in the command's arena. */
const char *almi_state_path(const almi_cli *cli, const char *name);

/* A registered snapshot by its id or a unique prefix of at least 4 digits. ALM_ERR_NOT_FOUND names
 * what is there; ALM_ERR_INVALID for an ambiguous one. */
ALM_NODISCARD alm_err almi_find_snapshot(almi_cli *cli, alm_str id, alm_snapshot *out,
                                         alm_error *error);
/* --snapshot ID of this command, which there must be: nothing takes "the newest" by itself. */
ALM_NODISCARD alm_err almi_require_snapshot(almi_cli *cli, alm_snapshot *out, alm_error *error);
/* The person to record: --who, else git's user, else $USER. */
ALM_NODISCARD alm_err almi_who(almi_cli *cli, alm_str *out, alm_error *error);

#endif
