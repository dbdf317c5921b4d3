/* signal_report.c: canonical JSON of how good it is, on bars that nothing learned from.
 *
 * Numbers have 9 decimals: the scorer's transforms call the C library's exp, whose last bit depends
 * on the CPU (model/transform.h), and a report must not. */
#include "train/signal/signal_fit_internal.h"

#include <math.h>
#include <string.h>

#include "model/ensemble/calibrator.h"

#define BINS 10

static void put_number(alm_json_writer *w, const char *key, double value)
{
    alm_json_put_double(w, key, rint(value * 1e9) / 1e9);
}

static void put_instant(alm_json_writer *w, const char *key, alm_instant instant)
{
    char text[ALM_INSTANT_TEXT_BYTES];
    alm_instant_text(instant, text);
    alm_json_put_text(w, key, text);
}

/* ---- one predictor ---- */

/* Rows: what happened; columns: what was found most probable. */
static void count_confusion(const alm_calibration_data *d, size_t *out)
{
    for (size_t i = 0; i < d->count; i++) {
        const double *p = d->probability + i * d->classes;
        size_t best = 0;
        for (size_t k = 1; k < d->classes; k++) {
            best = p[k] > p[best] ? k : best;
        }
        out[d->label[i] * d->classes + best]++;
    }
}

static void write_confusion(const size_t *counts, size_t classes, alm_json_writer *w)
{
    alm_json_key(w, "confusion");
    alm_json_open_array(w);
    for (size_t k = 0; k < classes; k++) {
        alm_json_open_array(w);
        for (size_t j = 0; j < classes; j++) {
            alm_json_i64(w, (int64_t)counts[k * classes + j]);
        }
        alm_json_close_array(w);
    }
    alm_json_close_array(w);
}

static void write_bins(const alm_reliability *r, alm_json_writer *w)
{
    alm_json_key(w, "reliability");
    alm_json_open_array(w);
    for (size_t b = 0; b < r->bin_count; b++) {
        alm_json_open_object(w);
        alm_json_put_i64(w, "count", (int64_t)r->bin[b].weight);
        put_number(w, "frequency", r->bin[b].frequency);
        put_number(w, "probability", r->bin[b].probability);
        alm_json_close_object(w);
    }
    alm_json_close_array(w);
}

/* Inside an object; `name` may be NULL. Returns the log loss. */
static double write_metrics(const almi_signal_samples *test, const double *probability,
                            size_t classes, const alm_str *name, alm_json_writer *w)
{
    alm_arena *scratch = alm_arena_create(0);
    alm_calibration_data data = {test->count, classes, probability, test->label, NULL};
    alm_reliability r = alm_reliability_of(&data, BINS, scratch);
    size_t counts[ALMI_SIGNAL_CLASSES_MAX * ALMI_SIGNAL_CLASSES_MAX] = {0};
    size_t hits = 0;
    count_confusion(&data, counts);
    for (size_t k = 0; k < classes; k++) {
        hits += counts[k * classes + k];
    }
    alm_json_open_object(w);
    put_number(w, "accuracy", (double)hits / (double)test->count);
    put_number(w, "brier", r.brier);
    write_confusion(counts, classes, w);
    put_number(w, "ece", r.ece);
    put_number(w, "log_loss", r.log_loss);
    if (name) {
        alm_json_put_str(w, "name", *name);
    }
    write_bins(&r, w);
    alm_json_close_object(w);
    alm_arena_destroy(scratch);
    return r.log_loss;
}

/* ---- one horizon ---- */

/* What everybody says of a horizon's test: samples x classes each. */
typedef struct horizon_view {
    almi_signal *signal;
    const almi_signal_horizon *horizon;
    double *answer, *prior, *logistic, *member; /* member: members x samples x classes */
    bool has_logistic;
    almi_signal_side side;
} horizon_view;

static alm_err try_doubles(alm_arena *arena, size_t count, double **out, alm_error *error)
{
    void *memory = NULL;
    ALM_TRY(alm_arena_try_alloc(arena, count * sizeof(double), &memory, error));
    *out = memory;
    return ALM_OK;
}

static alm_err open_view(horizon_view *v, size_t number, const almi_signal_scores *scores,
                         alm_arena *scratch, alm_error *error)
{
    almi_signal *s = v->signal;
    const almi_signal_samples *test = &v->horizon->test;
    size_t classes = s->class_count, horizons = s->spec->horizon_count;
    size_t members = s->spec->member_count;
    ALM_TRY(try_doubles(scratch, test->count * classes, &v->answer, error));
    ALM_TRY(try_doubles(scratch, test->count * classes, &v->prior, error));
    ALM_TRY(try_doubles(scratch, test->count * classes, &v->logistic, error));
    ALM_TRY(try_doubles(scratch, members * test->count * classes, &v->member, error));
    for (size_t i = 0; i < test->count; i++) {
        size_t at = (test->candidate[i] - scores->first) * horizons + number;
        memcpy(v->answer + i * classes, scores->answer + at * classes, classes * sizeof(double));
        for (size_t m = 0; m < members; m++) {
            memcpy(v->member + (m * test->count + i) * classes,
                   scores->member + (at * members + m) * classes, classes * sizeof(double));
        }
    }
    almi_signal_prior(s, v->horizon, v->prior);
    ALM_TRY(almi_signal_side_of(s, v->horizon, v->answer, &v->side, error));
    return almi_signal_logistic(s, v->horizon, v->logistic, &v->has_logistic, error);
}

static void write_classes(const horizon_view *v, alm_json_writer *w)
{
    size_t train[ALMI_SIGNAL_CLASSES_MAX] = {0}, test[ALMI_SIGNAL_CLASSES_MAX] = {0};
    for (size_t i = 0; i < v->horizon->train.count; i++) {
        train[v->horizon->train.label[i]]++;
    }
    for (size_t i = 0; i < v->horizon->test.count; i++) {
        test[v->horizon->test.label[i]]++;
    }
    alm_json_key(w, "classes");
    alm_json_open_array(w);
    for (size_t k = 0; k < v->signal->class_count; k++) {
        alm_json_open_object(w);
        alm_json_put_i64(w, "label", v->signal->class_label[k]);
        alm_json_put_i64(w, "test", (int64_t)test[k]);
        alm_json_put_i64(w, "train", (int64_t)train[k]);
        alm_json_close_object(w);
    }
    alm_json_close_array(w);
}

static const char *const FINDINGS[] = {[ALMI_SIGNAL_BETTER] = "better",
                                       [ALMI_SIGNAL_WORSE] = "worse",
                                       [ALMI_SIGNAL_NO_DIFFERENCE] = "no_difference_shown",
                                       [ALMI_SIGNAL_TOO_FEW] = "too_few_blocks"};

static void write_difference(const char *key, const almi_signal_difference *d, alm_json_writer *w)
{
    alm_json_key(w, key);
    alm_json_open_object(w);
    alm_json_put_i64(w, "blocks", (int64_t)d->blocks);
    alm_json_put_text(w, "finding", FINDINGS[d->finding]);
    put_number(w, "log_loss_lower_by", d->mean);
    put_number(w, "standard_error", d->standard_error);
    alm_json_close_object(w);
}

static void write_side(const almi_signal_side *side, alm_json_writer *w)
{
    alm_json_key(w, "side");
    if (side->samples == 0) {
        alm_json_null(w);
        return;
    }
    alm_json_open_object(w);
    alm_json_put_i64(w, "blocks", (int64_t)side->difference.blocks);
    alm_json_put_text(w, "finding", FINDINGS[side->difference.finding]);
    put_number(w, "log_loss", side->loss);
    put_number(w, "log_loss_lower_by", side->difference.mean);
    put_number(w, "prior_log_loss", side->prior_loss);
    alm_json_put_i64(w, "samples", (int64_t)side->samples);
    put_number(w, "standard_error", side->difference.standard_error);
    alm_json_close_object(w);
}

static void write_window(const char *key, const almi_signal_samples *samples, alm_json_writer *w)
{
    alm_json_key(w, key);
    alm_json_open_object(w);
    put_instant(w, "first", samples->span[0].start);
    put_instant(w, "last", samples->span[samples->count - 1].start);
    alm_json_put_i64(w, "samples", (int64_t)samples->count);
    alm_json_close_object(w);
}

/* Keys in their order; losses as they come by: answer, prior, logistic. */
static void write_horizon(const horizon_view *v, alm_arena *scratch, alm_json_writer *w)
{
    const almi_signal *s = v->signal;
    const almi_signal_samples *test = &v->horizon->test;
    size_t classes = s->class_count;
    double loss[3] = {0};
    almi_signal_difference prior = almi_signal_compare(test, v->answer, v->prior, classes);
    almi_signal_difference logistic = almi_signal_compare(test, v->answer, v->logistic, classes);
    alm_json_open_object(w);
    alm_json_key(w, "answer");
    loss[0] = write_metrics(test, v->answer, classes, NULL, w);
    alm_json_put_i64(w, "bars", v->horizon->bars);
    write_classes(v, w);
    alm_json_put_bool(w, "edge", prior.finding == ALMI_SIGNAL_BETTER);
    alm_json_key(w, "logistic");
    if (v->has_logistic) {
        loss[2] = write_metrics(test, v->logistic, classes, NULL, w);
    } else {
        alm_json_null(w);
    }
    alm_json_key(w, "members");
    alm_json_open_array(w);
    for (size_t m = 0; m < s->spec->member_count; m++) {
        (void)write_metrics(test, v->member + m * test->count * classes, classes,
                            &s->member[m].spec->name, w);
    }
    alm_json_close_array(w);
    alm_json_key(w, "prior");
    loss[1] = write_metrics(test, v->prior, classes, NULL, w);
    alm_json_put_i64(w, "purged", (int64_t)v->horizon->purged);
    write_side(&v->side, w);
    write_window("test", test, w);
    write_window("train", &v->horizon->train, w);
    almi_signal_evidence evidence = {.bars = v->horizon->bars,
                                     .loss = {loss[0], loss[1], loss[2]},
                                     .prior = &prior,
                                     .logistic = v->has_logistic ? &logistic : NULL,
                                     .side = &v->side};
    alm_json_put_str(w, "verdict", almi_signal_verdict(&evidence, scratch));
    if (v->has_logistic) {
        write_difference("versus_logistic", &logistic, w);
    }
    write_difference("versus_prior", &prior, w);
    alm_json_close_object(w);
}

static alm_err report_horizon(almi_signal *s, size_t number, const almi_signal_scores *scores,
                              alm_json_writer *w, alm_error *error)
{
    alm_arena *scratch = alm_arena_create(0);
    horizon_view view = {.signal = s, .horizon = &s->horizon[number]};
    alm_err code = open_view(&view, number, scores, scratch, error);
    if (code == ALM_OK) {
        write_horizon(&view, scratch, w);
    }
    alm_arena_destroy(scratch);
    return code;
}

/* ---- all of it ---- */

static void write_symbols(const almi_signal *s, alm_json_writer *w)
{
    alm_json_key(w, "symbols");
    alm_json_open_array(w);
    for (size_t i = 0; i < s->data->symbol_count; i++) {
        const alm_signal_symbol *symbol = &s->data->symbol[i];
        alm_json_open_object(w);
        alm_json_put_i64(w, "bars", (int64_t)symbol->count);
        if (symbol->count > 0) {
            put_instant(w, "first", symbol->bars[0].time);
            put_instant(w, "last", symbol->bars[symbol->count - 1].time);
        }
        alm_json_put_str(w, "name", symbol->name);
        alm_json_close_object(w);
    }
    alm_json_close_array(w);
}

static alm_err write_report(almi_signal *s, const almi_signal_scores *scores, alm_buffer *out,
                            alm_error *error)
{
    alm_json_writer w = alm_json_writer_on(out);
    alm_json_open_object(&w);
    alm_json_put_i64(&w, "almanac_signal_report", 1);
    put_instant(&w, "cut", s->cut);
    alm_json_put_i64(&w, "embargo", s->spec->embargo);
    alm_json_put_i64(&w, "folds", s->spec->folds);
    alm_json_key(&w, "horizons");
    alm_json_open_array(&w);
    for (size_t h = 0; h < s->spec->horizon_count; h++) {
        ALM_TRY(report_horizon(s, h, scores, &w, error));
    }
    alm_json_close_array(&w);
    alm_json_put_i64(&w, "left_out_missing", (int64_t)s->missing);
    alm_json_put_str(&w, "name", s->spec->name);
    write_symbols(s, &w);
    put_number(&w, "test_share", s->spec->test_share);
    alm_json_close_object(&w);
    return alm_buffer_status(out, error);
}

alm_err almi_signal_report(almi_signal *s, const alm_signal_result *result, alm_str *out,
                           alm_error *error)
{
    almi_signal_scores scores;
    alm_buffer text = {0};
    void *memory = NULL;
    alm_arena *scratch = alm_arena_create(0);
    alm_err code = almi_signal_score(s, result->file, result->file_count, scratch, &scores, error);
    if (code == ALM_OK) {
        code = write_report(s, &scores, &text, error);
    }
    if (code == ALM_OK) {
        code = alm_arena_try_alloc(s->arena, text.size + 1, &memory, error);
    }
    if (code == ALM_OK) {
        memcpy(memory, text.data, text.size);
        *out = (alm_str){memory, text.size};
    }
    alm_buffer_deinit(&text);
    alm_arena_destroy(scratch);
    return code == ALM_OK ? code : alm_error_wrap(error, code, "signals." ALM_STR_FMT ", test",
                                                  ALM_STR_ARG(s->spec->name));
}
