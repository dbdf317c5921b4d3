/* signal_page.h: one trained signal as one self-contained HTML file: what it says of bars that
 * nothing learned from, beside the prior and a logistic baseline; how far its probabilities can be
 * trusted; what it was made of.
 *
 * alm_signal_page_render is a pure function, as alm_report_render is (report.h): the same input
 * gives the same bytes. Thread safety: likewise. */
#ifndef ALM_REPORT_SIGNAL_PAGE_H
#define ALM_REPORT_SIGNAL_PAGE_H

#include "base/env.h"
#include "store/ledger.h"
#include "store/registry.h"
#include "train/signal/signal_figures.h"

typedef struct alm_signal_page_feature {
    alm_str name;
    bool is_anchored;
    uint64_t warmup_bars;
} alm_signal_page_feature;

typedef struct alm_signal_page_input {
    alm_str project;
    alm_str release; /* "swing-1" */
    alm_str alias;   /* through which it was asked, or empty */
    alm_str engine;
    alm_str bundle, training_run, feature_version; /* digest texts */
    alm_str inputs;  /* of the training run, JSON */
    const alm_signal_figures *figures;
    const alm_signal_page_feature *feature;
    size_t feature_count;
    const alm_ledger_entry *ledger; /* of the release, oldest first */
    size_t ledger_count;
} alm_signal_page_input;

/* ALM_ERR_CORRUPT when the inputs cannot be read. */
ALM_NODISCARD alm_err alm_signal_page_render(const alm_signal_page_input *input, alm_buffer *out,
                                             alm_error *error);

/* ---- from the stores ---- */

typedef struct alm_signal_page_options {
    alm_str project;
    alm_registry *registry;
    alm_str release;  /* name or alias */
    const char *path; /* of the HTML file; replaced if it is there */
} alm_signal_page_options;

typedef struct alm_signal_page_result {
    alm_str release;
    uint64_t size_bytes;
    size_t charts;
} alm_signal_page_result;

/* ALM_ERR_UNSUPPORTED: the release is no signal; ALM_ERR_NOT_FOUND, ALM_ERR_CORRUPT, ALM_ERR_IO. */
ALM_NODISCARD alm_err alm_signal_page_write(const alm_env *env,
                                            const alm_signal_page_options *options,
                                            alm_arena *arena, alm_signal_page_result *out,
                                            alm_error *error);

#endif
