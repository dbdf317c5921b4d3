/* signal_view.h: signals for people: which one is meant, and what its report says. */
#ifndef ALM_APP_SIGNAL_VIEW_H
#define ALM_APP_SIGNAL_VIEW_H

#include "app/session.h"
#include "store/registry.h"
#include "train/signal/signal_figures.h"

/* The signal of that name; without a name the only one. ALM_ERR_NOT_FOUND lists the names. */
ALM_NODISCARD alm_err almi_find_signal(almi_cli *cli, const char *name,
                                       const alm_signal_spec **out, alm_error *error);
/* The figures of the test beside prior and logistic baseline, and the verdicts. */
ALM_NODISCARD alm_err almi_print_signal(almi_cli *cli, alm_str report, alm_error *error);
/* Whether a release is a signal, and its figures when it is (in the command's arena). */
ALM_NODISCARD alm_err almi_signal_of_release(almi_cli *cli, const alm_release *release,
                                             bool *is_signal, alm_signal_figures *out,
                                             alm_error *error);

/* `models compare` of a signal, whose figures these are. */
ALM_NODISCARD alm_err almi_compare_signals(almi_cli *cli, const alm_release *candidate,
                                           const alm_signal_figures *figures, alm_error *error);

#endif
