/* signal_fold.c: what members say of samples that they have not seen. */
#include "train/signal/signal_fit_internal.h"

#include <stdio.h>
#include <string.h>

/* One fold's samples, as a whole. */
typedef struct fold_part {
    size_t number;
    almi_signal_samples train, test;
    size_t first; /* of the test, among the horizon's training samples */
} fold_part;

typedef struct fold_run {
    almi_signal *signal;
    const almi_signal_horizon *horizon;
    const fold_part *part; /* of every fold */
    size_t member;
    almi_signal_fold_result *out;
} fold_run;

static alm_err predict_fold(const fold_run *run, const fold_part *part, alm_arena *scratch,
                            alm_error *error)
{
    almi_signal *s = run->signal;
    const almi_signal_member *member = &s->member[run->member];
    size_t classes = s->class_count, members = s->spec->member_count;
    almi_signal_model model;
    double *probability = ALM_NEW_ARRAY(scratch, double, part->test.count * classes);
    ALM_TRY(almi_signal_fit_member(s, member, &part->train, scratch, &model, error));
    ALM_TRY(almi_signal_probabilities(s, member, &model, &part->test, probability, error));
    for (size_t i = 0; i < part->test.count; i++) {
        memcpy(run->out->probability + ((part->first + i) * members + run->member) * classes,
               probability + i * classes, classes * sizeof *probability);
        run->out->fold_left_out[part->first + i] = (uint32_t)part->number;
    }
    return ALM_OK;
}

/* Of trees a task of the pool; every fold writes to its own samples. */
static alm_err run_fold(void *context, size_t fold, int worker, alm_error *error)
{
    const fold_run *run = context;
    const almi_signal *s = run->signal;
    alm_arena *scratch = alm_arena_create(0);
    alm_err code = predict_fold(run, &run->part[fold], scratch, error);
    (void)worker;
    alm_arena_destroy(scratch);
    return code == ALM_OK
               ? code
               : alm_error_wrap(error, code, "signals." ALM_STR_FMT ", horizon %d, fold %zu, "
                                "member " ALM_STR_FMT, ALM_STR_ARG(s->spec->name),
                                run->horizon->bars, fold + 1,
                                ALM_STR_ARG(s->member[run->member].spec->name));
}

static alm_err run_member(fold_run *run, alm_error *error)
{
    almi_signal *s = run->signal;
    size_t folds = (size_t)s->spec->folds;
    if (!s->member[run->member].is_net) {
        ALM_TRY(alm_pool_run(s->env->pool, folds, run_fold, run, error));
        almi_signal_progress(s, folds);
        return ALM_OK;
    }
    for (size_t f = 0; f < folds; f++) {
        ALM_TRY(run_fold(run, f, 0, error));
        almi_signal_progress(s, 1);
    }
    return ALM_OK;
}

static alm_err run_folds(almi_signal *s, const almi_signal_horizon *h, const fold_part *part,
                         almi_signal_fold_result *out, alm_error *error)
{
    size_t folds = (size_t)s->spec->folds;
    for (size_t f = 0; f < folds; f++) {
        char where[64];
        (void)snprintf(where, sizeof where, "fold %zu's training", f + 1);
        ALM_TRY(almi_signal_check_classes(s, h->bars, &part[f].train, where, error));
    }
    for (size_t m = 0; m < s->spec->member_count; m++) {
        fold_run run = {s, h, part, m, out};
        ALM_TRY(run_member(&run, error));
    }
    return ALM_OK;
}

static alm_err create_result(const almi_signal *s, size_t count, alm_arena *arena,
                             almi_signal_fold_result *out, alm_error *error)
{
    void *probability, *fold, *left_out;
    size_t width = s->spec->member_count * s->class_count;
    ALM_TRY(alm_arena_try_alloc(arena, count * width * sizeof(double), &probability, error));
    ALM_TRY(alm_arena_try_alloc(arena, count * sizeof(uint32_t), &fold, error));
    ALM_TRY(alm_arena_try_alloc(arena, count * sizeof(uint32_t), &left_out, error));
    *out = (almi_signal_fold_result){probability, fold, left_out};
    for (size_t i = 0; i < count; i++) {
        out->fold_left_out[i] = UINT32_MAX; /* nobody has predicted it */
    }
    return ALM_OK;
}

alm_err almi_signal_out_of_fold(almi_signal *s, const almi_signal_horizon *h, alm_arena *arena,
                                almi_signal_fold_result *out, alm_error *error)
{
    size_t folds = (size_t)s->spec->folds;
    alm_label_split *split = ALM_NEW_ARRAY(arena, alm_label_split, folds);
    /* The embargo is part of the spans. */
    const alm_purged_kfold_options options = {folds, 0};
    ALM_TRY(create_result(s, h->train.count, arena, out, error));
    alm_err code = alm_split_purged_kfold(h->train.span, h->train.count, &options, arena, split,
                                          error);
    if (code != ALM_OK) {
        return alm_error_wrap(error, code, "signals." ALM_STR_FMT ", horizon %d",
                              ALM_STR_ARG(s->spec->name), h->bars);
    }
    alm_arena *scratch = alm_arena_create(0);
    fold_part *part = ALM_NEW_ARRAY(scratch, fold_part, folds);
    for (size_t f = 0; f < folds; f++) {
        part[f] = (fold_part){
            .number = f,
            .train = almi_signal_pick(&h->train, split[f].train, split[f].train_count, scratch),
            .test = almi_signal_pick(&h->train, split[f].test, split[f].test_count, scratch),
            .first = split[f].test[0]};
        for (size_t i = 0; i < split[f].test_count; i++) {
            out->fold[split[f].test[i]] = (uint32_t)f;
        }
    }
    code = run_folds(s, h, part, out, error);
    alm_arena_destroy(scratch);
    return code;
}
