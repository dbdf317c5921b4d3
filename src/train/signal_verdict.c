/* signal_verdict.c: is one predictor better than another on the test, and how sure is that? */
#include "train/signal_fit_internal.h"

#include <math.h>

#include "num/elementary.h"

#define BLOCKS_MIN 10
#define BLOCKS_MAX 50
#define ERRORS_NEEDED 3

static double loss_of(double probability)
{
    return -alm_log(probability > 1e-15 ? probability : 1e-15); /* as alm_reliability_of */
}

/* End of the block that begins with sample `first`. */
static size_t block_end(const almi_signal_samples *test, size_t first)
{
    size_t end = first + 1;
    while (end < test->count && test->span[end].start <= test->span[first].end) {
        end++;
    }
    return end;
}

static size_t count_blocks(const almi_signal_samples *test)
{
    size_t blocks = 0;
    for (size_t at = 0; at < test->count; at = block_end(test, at)) {
        blocks++;
    }
    return blocks;
}

static almi_signal_finding judge(const almi_signal_difference *d)
{
    if (d->blocks < BLOCKS_MIN) {
        return ALMI_SIGNAL_TOO_FEW;
    }
    double needed = ERRORS_NEEDED * d->standard_error;
    return d->mean > needed    ? ALMI_SIGNAL_BETTER
           : d->mean < -needed ? ALMI_SIGNAL_WORSE
                               : ALMI_SIGNAL_NO_DIFFERENCE;
}

almi_signal_difference almi_signal_compare(const almi_signal_samples *test, const double *answer,
                                           const double *other, size_t classes)
{
    almi_signal_difference d = {0};
    size_t together = (count_blocks(test) + BLOCKS_MAX - 1) / BLOCKS_MAX;
    double squares = 0, n = (double)test->count;
    for (size_t i = 0; i < test->count; i++) {
        size_t k = i * classes + test->label[i];
        d.mean += (loss_of(other[k]) - loss_of(answer[k])) / n;
    }
    for (size_t at = 0, end = 0; at < test->count; at = end) {
        double sum = 0;
        end = at;
        for (size_t b = 0; b < together && end < test->count; b++) {
            end = block_end(test, end);
        }
        for (size_t i = at; i < end; i++) {
            size_t k = i * classes + test->label[i];
            sum += loss_of(other[k]) - loss_of(answer[k]) - d.mean;
        }
        squares += sum * sum;
        d.blocks++;
    }
    double blocks = (double)d.blocks;
    d.standard_error = d.blocks > 1 ? sqrt(blocks / (blocks - 1) * squares) / n : 0;
    d.finding = judge(&d);
    return d;
}

static const char *phrase(almi_signal_finding finding)
{
    switch (finding) {
    case ALMI_SIGNAL_BETTER:
        return "better than";
    case ALMI_SIGNAL_WORSE:
        return "worse than";
    case ALMI_SIGNAL_NO_DIFFERENCE:
        return "not shown to be better than";
    default:
        return "not to be compared, for want of data, with";
    }
}

static const char *numbers(double loss, double other, const almi_signal_difference *d,
                           alm_arena *arena)
{
    return alm_arena_printf(arena, "(log loss %.4f against %.4f, %s by %.4f with a standard error "
                            "of %.4f over %zu block%s of time)", loss, other,
                            d->mean < 0 ? "higher" : "lower", fabs(d->mean), d->standard_error,
                            d->blocks, d->blocks == 1 ? "" : "s");
}

/* What follows from both. */
static const char *conclusion(const almi_signal_difference *prior,
                              const almi_signal_difference *logistic)
{
    if (prior->finding != ALMI_SIGNAL_BETTER) {
        return "No edge is shown on the test.";
    }
    if (logistic && logistic->finding != ALMI_SIGNAL_BETTER) {
        return "There is an edge on the test, but a logistic regression on the same features is "
               "not shown to have less.";
    }
    return "There is an edge on the test.";
}

alm_str almi_signal_verdict(int32_t bars, const double loss[3],
                            const almi_signal_difference *prior,
                            const almi_signal_difference *logistic, alm_arena *arena)
{
    const char *second = "";
    if (logistic) {
        second = alm_arena_printf(arena, ", and %s the logistic baseline %s",
                                  phrase(logistic->finding),
                                  numbers(loss[0], loss[2], logistic, arena));
    }
    return alm_str_of(alm_arena_printf(arena, "Horizon %d: %s the prior %s%s. %s", bars,
                                       phrase(prior->finding),
                                       numbers(loss[0], loss[1], prior, arena), second,
                                       conclusion(prior, logistic)));
}
