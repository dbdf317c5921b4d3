/* signal_page_internal.h: the drawn sections of a signal's page. */
#ifndef ALM_REPORT_SIGNAL_PAGE_INTERNAL_H
#define ALM_REPORT_SIGNAL_PAGE_INTERNAL_H

#include "report/report_internal.h"
#include "train/signal/signal_figures.h"

void almi_signal_reliability(const almi_page *page, const alm_signal_figures *figures);
void almi_signal_balance(const almi_page *page, const alm_signal_figures *figures);
void almi_signal_confusion(const almi_page *page, const alm_signal_figures *figures);

#endif
