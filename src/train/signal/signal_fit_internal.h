/* signal_fit_internal.h: the parts of signal_fit.h, inside this folder (and for its tests).
 *
 * A *candidate* is a bar that can be scored: past the warm-up of all features, and behind enough
 * bars for the longest window, whose values are finite where a net takes them. A *sample* of a
 * horizon is a candidate whose label is known there. Both are sorted by time, then by symbol. */
#ifndef ALM_TRAIN_SIGNAL_FIT_INTERNAL_H
#define ALM_TRAIN_SIGNAL_FIT_INTERNAL_H

#include "feature/bars/label_splits.h"
#include "model/sequence/network.h"
#include "model/ensemble/combine.h"
#include "train/signal/signal_fit.h"

#define ALMI_SIGNAL_PLAN "bars.json" /* the feature plan among the files */
#define ALMI_SIGNAL_CLASSES_MAX 3
/* Samples scored at a time: bounds the memory of their windows. */
#define ALMI_SIGNAL_BLOCK 512

typedef struct almi_signal_candidate {
    uint32_t symbol;
    uint32_t bar;
} almi_signal_candidate;

/* Samples: numbers of candidates, with what is known of them. */
typedef struct almi_signal_samples {
    const uint32_t *candidate;
    const uint32_t *label; /* number of the class */
    /* From the bar's stamp to that of the bar `horizon + embargo` behind it (beyond the last bar:
     * as many mean distances of the symbol's bars). Not to the bar where the label happened to end:
     * to purge by that would keep, of the samples before a test, those that ended early. And the
     * embargo is in it, so that it counts every symbol's own bars, before a fold and behind it. */
    const alm_label_span *span;
    size_t count;
} almi_signal_samples;

typedef struct almi_signal_horizon {
    int32_t bars;
    almi_signal_samples train, test;
    size_t purged; /* samples before the cut whose span reaches it */
} almi_signal_horizon;

typedef struct almi_signal_member {
    const alm_signal_member_spec *spec;
    bool is_net;
    const uint32_t *place; /* columns of the plan */
    size_t width;
} almi_signal_member;

typedef struct almi_signal {
    const alm_env *env;
    const alm_signal_spec *spec;
    const alm_signal_data *data;
    alm_arena *arena;
    alm_bars_plan *plan;
    size_t width;          /* columns of the plan */
    double **values;       /* [symbol]: bars x width */
    double **scale;        /* [symbol]: bars; NULL: labels are not scaled */
    size_t steps;          /* of the longest window; 0: no nets */
    const almi_signal_candidate *candidate;
    size_t candidate_count;
    size_t missing;        /* bars that are no candidates, because a net's window has a hole */
    alm_instant first, last, cut; /* of all bars; the test's candidates have time >= cut */
    int32_t class_label[ALMI_SIGNAL_CLASSES_MAX];
    size_t class_count;
    almi_signal_member *member; /* member_count of the spec */
    almi_signal_horizon *horizon; /* horizon_count of the spec */
    uint64_t done, total;  /* fits, for the progress */
} almi_signal;

/* ---- signal_samples.c ---- */

/* Checks spec and data; everything up to the samples. What is written to `out` lies in `arena`,
 * but for the plan, which almi_signal_close destroys (also after a failure). */
ALM_NODISCARD alm_err almi_signal_open(almi_signal *out, alm_error *error);
void almi_signal_close(almi_signal *signal);
/* "horizon 5: class 1 occurs in none of the 20 samples of fold 2": ALM_ERR_INVALID. */
ALM_NODISCARD alm_err almi_signal_check_classes(const almi_signal *signal, int32_t bars,
                                                const almi_signal_samples *samples,
                                                const char *where, alm_error *error);
/* The samples of these numbers, in `arena`. */
almi_signal_samples almi_signal_pick(const almi_signal_samples *samples, const uint32_t *number,
                                     size_t count, alm_arena *arena);
/* Features of a candidate: out has `count` columns of the plan, `place`. */
void almi_signal_row(const almi_signal *signal, size_t candidate, const uint32_t *place,
                     size_t count, double *out);
/* The `steps` rows that end with it, oldest first. */
void almi_signal_window(const almi_signal *signal, size_t candidate,
                        const almi_signal_member *member, size_t steps, double *out);

/* ---- signal_member.c ---- */

typedef struct almi_signal_model {
    alm_str model;  /* a file as the scorer reads it */
    alm_str scaler; /* of nets, else empty */
} almi_signal_model;

/* Fitted on exactly these samples; the bytes lie in `arena`. Nets use the pool. Trees take one
 * thread, so that several can be fitted at a time as tasks of the pool: threads inside of one
 * fit wait for each other at every node, which on 20,000 rows took ten times the work's time. */
ALM_NODISCARD alm_err almi_signal_fit_member(const almi_signal *signal,
                                             const almi_signal_member *member,
                                             const almi_signal_samples *samples, alm_arena *arena,
                                             almi_signal_model *out, alm_error *error);
/* out: count x classes, by this library's own scoring code, with an exp whose bits do not depend on
 * the CPU (transform.h's may differ from these by an ulp). */
ALM_NODISCARD alm_err almi_signal_probabilities(const almi_signal *signal,
                                                const almi_signal_member *member,
                                                const almi_signal_model *model,
                                                const almi_signal_samples *samples, double *out,
                                                alm_error *error);

/* ---- signal_fold.c ---- */

/* Out-of-fold predictions of a horizon's training samples: count x members x classes. */
typedef struct almi_signal_fold_result {
    double *probability;
    uint32_t *fold, *fold_left_out; /* of every sample, and of who predicted it */
} almi_signal_fold_result;

ALM_NODISCARD alm_err almi_signal_out_of_fold(almi_signal *signal,
                                              const almi_signal_horizon *horizon,
                                              alm_arena *arena, almi_signal_fold_result *out,
                                              alm_error *error);

/* ---- signal_fit.c ---- */

/* So many fits are done. */
void almi_signal_progress(almi_signal *signal, size_t fits);

/* Of probabilities that went through the calibrators. ALM_ERR_DENIED when one is in fold. */
ALM_NODISCARD alm_err almi_signal_stack(const almi_signal *signal,
                                        const almi_signal_samples *samples,
                                        const almi_signal_fold_result *oof, alm_arena *arena,
                                        alm_stacker *out, alm_error *error);

/* ---- signal_score.c: the test ---- */

/* What the scorer says of the test's candidates, which are the last ones of all. */
typedef struct almi_signal_scores {
    size_t first, count;
    double *answer; /* count x horizons x classes */
    double *member; /* count x horizons x members x classes, calibrated */
} almi_signal_scores;

/* By the scorer that these files are. */
ALM_NODISCARD alm_err almi_signal_score(const almi_signal *signal, const alm_scorer_file *file,
                                        size_t file_count, alm_arena *arena,
                                        almi_signal_scores *out, alm_error *error);

/* out: test samples x classes: the shares of the classes in the training. */
void almi_signal_prior(const almi_signal *signal, const almi_signal_horizon *horizon, double *out);
/* out: test samples x classes: multinomial logistic regression (l2 = 1) on all features of the
 * plan at the sample's bar, scaled by median and quartiles of the training, taken into -10..10,
 * missing as 0. *fitted is false, and `out` untouched, when there are more features than it can
 * take. */
ALM_NODISCARD alm_err almi_signal_logistic(const almi_signal *signal,
                                           const almi_signal_horizon *horizon, double *out,
                                           bool *fitted, alm_error *error);

/* ---- signal_verdict.c ---- */

typedef enum almi_signal_finding {
    ALMI_SIGNAL_BETTER,
    ALMI_SIGNAL_WORSE,
    ALMI_SIGNAL_NO_DIFFERENCE, /* within three standard errors */
    ALMI_SIGNAL_TOO_FEW        /* blocks */
} almi_signal_finding;

/* Paired difference of log loss between two predictors of the test.
 *
 * Labels overlap in time and symbols move together, so samples are no independent draws. The test
 * is cut into blocks of time: a block ends behind the span (horizon and embargo) of its first
 * sample; of more than 50 blocks neighbours are put together. With D the mean over all n samples,
 * S_b the sum and n_b the number of a block, the standard error is
 * sqrt(B / (B - 1) sum (S_b - D n_b)^2) / n, that of a ratio over clusters (W. G. Cochran,
 * "Sampling Techniques", 1977, 9A). Three of them, not two, because several horizons are looked at
 * and blocks are few; below 10 blocks nothing is found. */
typedef struct almi_signal_difference {
    double mean; /* of the other's log loss minus the answer's: above 0 the answer is better */
    double standard_error;
    size_t blocks;
    almi_signal_finding finding;
} almi_signal_difference;

almi_signal_difference almi_signal_compare(const almi_signal_samples *test, const double *answer,
                                           const double *other, size_t classes);

/* Which way, of the test's samples that were not 0: the answer's p(1) / (p(1) + p(-1)) against the
 * share of 1 among those of the training. How far a price moves can be told where its volatility
 * can, without a notion of where it goes; a log loss of three classes does not say which of both
 * was found. With two classes there are no sides, and no samples. */
typedef struct almi_signal_side {
    size_t samples;
    double loss, prior_loss;
    almi_signal_difference difference;
} almi_signal_side;

ALM_NODISCARD alm_err almi_signal_side_of(const almi_signal *signal,
                                          const almi_signal_horizon *horizon,
                                          const double *answer, almi_signal_side *out,
                                          alm_error *error);

/* What a verdict is made of. `logistic` may be NULL. Losses: answer, prior, logistic. */
typedef struct almi_signal_evidence {
    int32_t bars;
    double loss[3];
    const almi_signal_difference *prior, *logistic;
    const almi_signal_side *side;
} almi_signal_evidence;

/* A few sentences for a person. */
alm_str almi_signal_verdict(const almi_signal_evidence *evidence, alm_arena *arena);

/* ---- signal_report.c ---- */

ALM_NODISCARD alm_err almi_signal_report(almi_signal *signal, const alm_signal_result *result,
                                         alm_str *out, alm_error *error);

#endif
