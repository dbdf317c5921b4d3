/* signal_figures.h: report.json of a signal as structs, for everything that shows it.
 *
 * The one reader of what signal_fit.h writes. All figures are of the test, which nothing learned
 * from; smaller is better for log loss, Brier score and calibration error (ECE). */
#ifndef ALM_TRAIN_SIGNAL_FIGURES_H
#define ALM_TRAIN_SIGNAL_FIGURES_H

#include "base/str.h"

#define ALM_SIGNAL_CLASSES_MAX 3
#define ALM_SIGNAL_BINS_MAX 64

typedef struct alm_signal_bin { /* of the probability of the class found most probable */
    double probability;         /* mean of what was said */
    double frequency;           /* how often that class came */
    int64_t count;              /* samples; 0: the others say nothing */
} alm_signal_bin;

typedef struct alm_signal_score {
    alm_str name; /* of a member; "answer", "prior", "logistic" */
    double log_loss, brier, ece, accuracy;
    /* [what happened][what was found most probable] */
    int64_t confusion[ALM_SIGNAL_CLASSES_MAX][ALM_SIGNAL_CLASSES_MAX];
    const alm_signal_bin *bin;
    size_t bin_count;
} alm_signal_score;

typedef struct alm_signal_window {
    alm_str first, last; /* stamps of the oldest and the newest sample */
    int64_t samples;
} alm_signal_window;

typedef struct alm_signal_horizon_figures {
    int32_t bars;
    size_t class_count;
    int64_t label[ALM_SIGNAL_CLASSES_MAX];
    int64_t train_count[ALM_SIGNAL_CLASSES_MAX], test_count[ALM_SIGNAL_CLASSES_MAX];
    alm_signal_score answer, prior, logistic;
    bool has_logistic;
    const alm_signal_score *member;
    size_t member_count;
    int64_t purged; /* samples before the test that reach into it, left out */
    alm_signal_window train, test;
    alm_str verdict; /* a sentence */
    bool edge;       /* better than the prior, and not by chance */
    bool has_side;   /* of which way only, over the test samples whose class is not 0: */
    bool knows_side; /* better than the share of ups in training, and not by chance */
    double side_log_loss, side_prior_log_loss;
    int64_t side_samples;
} alm_signal_horizon_figures;

typedef struct alm_signal_symbol_figures {
    alm_str name, first, last;
    int64_t bars;
} alm_signal_symbol_figures;

typedef struct alm_signal_figures {
    alm_str name;
    alm_str cut; /* where the test begins */
    int64_t folds, embargo;
    double test_share;
    const alm_signal_horizon_figures *horizon;
    size_t horizon_count;
    const alm_signal_symbol_figures *symbol;
    size_t symbol_count;
} alm_signal_figures;

/* Do horizon i of `a` and horizon k of `b` have the same test: of the same symbols, from the same
 * first bar to the same last one, as many, and as many of every class? Where only the bars are the
 * same (other barriers, another kind of label), a log loss is of another question. */
bool alm_signal_tests_are_same(const alm_signal_figures *a, size_t i, const alm_signal_figures *b,
                               size_t k);
/* Is it such a report? */
bool alm_signal_figures_are(alm_str report);
/* Everything in `arena`. ALM_ERR_CORRUPT names what is missing; ALM_ERR_UNSUPPORTED: a newer
 * layout. */
ALM_NODISCARD alm_err alm_signal_figures_read(alm_str report, alm_arena *arena,
                                              alm_signal_figures *out, alm_error *error);

#endif
