/* compare_record.h: a comparison of a release with something, into the ledger and to the user. */
#ifndef ALM_APP_COMPARE_RECORD_H
#define ALM_APP_COMPARE_RECORD_H

#include "app/session.h"

typedef struct almi_comparison {
    alm_str candidate; /* release name */
    alm_str against;   /* a release name, or what else it was compared with */
    size_t better, worse;
    const almi_grid *grid; /* the figures */
} almi_comparison;

/* Unless --dry-run: *seq is the ledger's entry, else 0. Takes --why and --who of the command. */
ALM_NODISCARD alm_err almi_comparison_record(almi_cli *cli, const almi_comparison *comparison,
                                             int64_t *seq, alm_error *error);
/* The JSON document of `models compare`. */
void almi_comparison_write(almi_cli *cli, const almi_comparison *comparison, int64_t seq);
/* Its last line, for people. */
void almi_comparison_conclude(almi_cli *cli, const almi_comparison *comparison, int64_t seq);

/* `models compare` of an imported release: its answers, or those of an incumbent that was imported
 * too, beside expected outputs. */
ALM_NODISCARD alm_err almi_compare_imported(almi_cli *cli, const alm_release *candidate,
                                            alm_error *error);

#endif
