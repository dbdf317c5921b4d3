/* ledger_view.h: an entry of the ledger as a row of a grid: what was done, by whom, when, why. */
#ifndef ALM_APP_LEDGER_VIEW_H
#define ALM_APP_LEDGER_VIEW_H

#include "app/grid.h"
#include "store/ledger.h"

/* A grid for the entries of a table, or for the facts of one. In `arena`. */
almi_grid *almi_ledger_grid(alm_arena *arena, bool is_table);
void almi_ledger_add(almi_grid *grid, const alm_ledger_entry *entry);

#endif
