/* served_releases.h: the releases that `almanac serve --release` answers with.
 *
 * Imported releases and signals; a served model's name is the release's model, its version the
 * release's own name ("demand-3"), and it is approved when the ledger says so.
 *
 * ALIASES. An alias is followed: when a promotion or a rollback moves it, the release that it leads
 * to then is loaded by a thread of its own, while the one before goes on answering; when it is
 * ready, it becomes what requests without a version get. The one before stays loaded, so that a
 * rollback only points back, and is unloaded at the next move. Of several on the command line for
 * one model, the first decides what requests without a version get.
 *
 * A release that cannot be loaded is logged, the one before goes on answering, and it is tried
 * again half a minute later, or when the ledger has something new. */
#ifndef ALM_APP_SERVED_RELEASES_H
#define ALM_APP_SERVED_RELEASES_H

#include "app/cli.h"
#include "http/observer.h"
#include "serve/committed/committed.h"
#include "serve/models/model_set.h"

typedef struct almi_served_releases almi_served_releases;

/* Those of --release, loaded; without the option *out is NULL. The set is borrowed. */
ALM_NODISCARD alm_err almi_served_releases_open(almi_cli *cli, alm_model_set *set,
                                                almi_served_releases **out, alm_error *error);
/* Looks where the aliases lead; quick when the ledger has nothing new. `runs` (NULL: none are
 * served), the set that was refreshed just before, has seen whether it has, so that this is not
 * looked up twice. Takes NULL. Called by one thread, the one that opened the session's registry. */
void almi_served_releases_renew(almi_served_releases *releases, const alm_committed_set *runs,
                                alm_observer *observer);
/* Waits for a load that is going on. Takes NULL. */
void almi_served_releases_close(almi_served_releases *releases);

/* One release by its name, declared and loaded, which nobody follows. An error names it; then the
 * set is as before, or has it UNAVAILABLE. */
ALM_NODISCARD alm_err almi_served_releases_add(almi_cli *cli, alm_model_set *set, alm_str name,
                                               alm_error *error);

#endif
