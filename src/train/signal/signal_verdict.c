/* signal_verdict.c: is one predictor better than another on the test, and how sure is that? */
#include "train/signal/signal_fit_internal.h"

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

/* ---- sides ---- */

/* Samples that were not 0, as two classes: 1 is up. */
typedef struct side_list {
    alm_label_span *span;
    uint32_t *label;
    double *answer, *prior; /* count x 2 */
    size_t count;
} side_list;

/* Share of 1 among the training samples that are not 0. */
static double share_up(const almi_signal_samples *train)
{
    double up = 0, all = 0;
    for (size_t i = 0; i < train->count; i++) {
        up += train->label[i] == 2;
        all += train->label[i] != 1;
    }
    return up / all;
}

static void list_sides(const almi_signal_horizon *h, const double *answer, side_list *list)
{
    double share = share_up(&h->train);
    for (size_t i = 0; i < h->test.count; i++) {
        const double *p = answer + i * 3;
        double both = p[0] + p[2];
        if (h->test.label[i] == 1) {
            continue;
        }
        size_t at = list->count++;
        list->span[at] = h->test.span[i];
        list->label[at] = h->test.label[i] == 2;
        list->answer[at * 2 + 1] = both > 0 ? p[2] / both : 0.5;
        list->answer[at * 2] = 1 - list->answer[at * 2 + 1];
        list->prior[at * 2 + 1] = share;
        list->prior[at * 2] = 1 - share;
    }
}

static alm_err create_list(size_t count, alm_arena *scratch, side_list *out, alm_error *error)
{
    void *span, *label, *answer, *prior;
    ALM_TRY(alm_arena_try_alloc(scratch, count * sizeof(alm_label_span), &span, error));
    ALM_TRY(alm_arena_try_alloc(scratch, count * sizeof(uint32_t), &label, error));
    ALM_TRY(alm_arena_try_alloc(scratch, count * 2 * sizeof(double), &answer, error));
    ALM_TRY(alm_arena_try_alloc(scratch, count * 2 * sizeof(double), &prior, error));
    *out = (side_list){span, label, answer, prior, 0};
    return ALM_OK;
}

static void compare_sides(const side_list *list, almi_signal_side *out)
{
    almi_signal_samples samples = {.label = list->label, .span = list->span, .count = list->count};
    out->samples = list->count;
    for (size_t i = 0; i < list->count; i++) {
        size_t k = i * 2 + list->label[i];
        out->loss += loss_of(list->answer[k]) / (double)list->count;
        out->prior_loss += loss_of(list->prior[k]) / (double)list->count;
    }
    out->difference.finding = ALMI_SIGNAL_TOO_FEW;
    if (list->count > 0) {
        out->difference = almi_signal_compare(&samples, list->answer, list->prior, 2);
    }
}

alm_err almi_signal_side_of(const almi_signal *s, const almi_signal_horizon *h,
                            const double *answer, almi_signal_side *out, alm_error *error)
{
    side_list list;
    almi_signal_side side = {.difference = {.finding = ALMI_SIGNAL_TOO_FEW}};
    alm_arena *scratch = alm_arena_create(0);
    alm_err code = ALM_OK;
    if (s->class_count == 3) {
        code = create_list(h->test.count, scratch, &list, error);
        if (code == ALM_OK) {
            list_sides(h, answer, &list);
            compare_sides(&list, &side);
        }
    }
    alm_arena_destroy(scratch);
    if (code == ALM_OK) {
        *out = side;
    }
    return code;
}

/* ---- in words ---- */

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

/* What follows. */
static const char *conclusion(const almi_signal_evidence *e)
{
    if (e->prior->finding != ALMI_SIGNAL_BETTER) {
        return "No edge is shown on the test.";
    }
    if (e->logistic && e->logistic->finding != ALMI_SIGNAL_BETTER) {
        return "There is an edge on the test, but a logistic regression on the same features is "
               "not shown to have less.";
    }
    return "There is an edge on the test.";
}

/* Empty where there are no sides. */
static const char *about_sides(const almi_signal_side *side, alm_arena *arena)
{
    if (side->samples == 0) {
        return "";
    }
    return alm_arena_printf(arena, " Which way, where it went far enough: %s the prior %s.",
                            phrase(side->difference.finding),
                            numbers(side->loss, side->prior_loss, &side->difference, arena));
}

alm_str almi_signal_verdict(const almi_signal_evidence *e, alm_arena *arena)
{
    const char *second = "";
    if (e->logistic) {
        second = alm_arena_printf(arena, ", and %s the logistic baseline %s",
                                  phrase(e->logistic->finding),
                                  numbers(e->loss[0], e->loss[2], e->logistic, arena));
    }
    return alm_str_of(alm_arena_printf(arena, "Horizon %d: %s the prior %s%s. %s%s", e->bars,
                                       phrase(e->prior->finding),
                                       numbers(e->loss[0], e->loss[1], e->prior, arena), second,
                                       conclusion(e), about_sides(e->side, arena)));
}
