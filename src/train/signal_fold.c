/* signal_fold.c: what members say of samples that they have not seen. */
#include "train/signal_internal.h"

#include <stdio.h>
#include <string.h>

/* One fold's samples, as a whole. */
typedef struct fold_part {
    size_t number;
    almi_signal_samples train, test;
    size_t first; /* of the test, among the horizon's training samples */
} fold_part;

static alm_err predict_fold(almi_signal *s, const fold_part *part, size_t member,
                            alm_arena *scratch, almi_signal_fold_result *out, alm_error *error)
{
    size_t classes = s->class_count, members = s->spec->member_count;
    almi_signal_model model;
    double *probability = ALM_NEW_ARRAY(scratch, double, part->test.count * classes);
    ALM_TRY(almi_signal_fit_member(s, &s->member[member], &part->train, scratch, &model, error));
    ALM_TRY(almi_signal_probabilities(s, &s->member[member], &model, &part->test, probability,
                                      error));
    for (size_t i = 0; i < part->test.count; i++) {
        memcpy(out->probability + ((part->first + i) * members + member) * classes,
               probability + i * classes, classes * sizeof *probability);
        out->fold_left_out[part->first + i] = (uint32_t)part->number;
    }
    return ALM_OK;
}

static alm_err run_fold(almi_signal *s, const almi_signal_horizon *h, const fold_part *part,
                        almi_signal_fold_result *out, alm_error *error)
{
    char where[64];
    (void)snprintf(where, sizeof where, "fold %zu's training", part->number + 1);
    alm_err code = almi_signal_check_classes(s, h->bars, &part->train, where, error);
    alm_arena *scratch = alm_arena_create(0);
    for (size_t m = 0; code == ALM_OK && m < s->spec->member_count; m++) {
        code = predict_fold(s, part, m, scratch, out, error);
        if (code != ALM_OK) {
            code = alm_error_wrap(error, code, "signals." ALM_STR_FMT ", horizon %d, fold %zu, "
                                  "member " ALM_STR_FMT, ALM_STR_ARG(s->spec->name), h->bars,
                                  part->number + 1, ALM_STR_ARG(s->member[m].spec->name));
        }
        alm_arena_reset(scratch);
    }
    alm_arena_destroy(scratch);
    return code;
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
    for (size_t f = 0; f < folds; f++) {
        alm_arena *scratch = alm_arena_create(0);
        fold_part part = {
            .number = f,
            .train = almi_signal_pick(&h->train, split[f].train, split[f].train_count, scratch),
            .test = almi_signal_pick(&h->train, split[f].test, split[f].test_count, scratch),
            .first = split[f].test[0]};
        for (size_t i = 0; i < split[f].test_count; i++) {
            out->fold[split[f].test[i]] = (uint32_t)f;
        }
        code = run_fold(s, h, &part, out, error);
        alm_arena_destroy(scratch);
        ALM_TRY(code);
    }
    return ALM_OK;
}
