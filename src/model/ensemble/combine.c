#include "model/ensemble/combine.h"

#include <math.h>

#include "model/ensemble/logistic.h"

static double weight_of(const alm_votes *votes, size_t model)
{
    return votes->weight ? votes->weight[model] : 1;
}

void alm_vote_soft(const alm_votes *votes, const double *probability, double *out)
{
    double mass = 0;
    for (size_t k = 0; k < votes->classes; k++) {
        out[k] = 0;
    }
    for (size_t m = 0; m < votes->models; m++) {
        mass += weight_of(votes, m);
        for (size_t k = 0; k < votes->classes; k++) {
            out[k] += weight_of(votes, m) * probability[m * votes->classes + k];
        }
    }
    for (size_t k = 0; k < votes->classes; k++) {
        out[k] /= mass;
    }
}

void alm_vote_hard(const alm_votes *votes, const double *probability, double *out)
{
    double mass = 0;
    for (size_t k = 0; k < votes->classes; k++) {
        out[k] = 0;
    }
    for (size_t m = 0; m < votes->models; m++) {
        const double *p = probability + m * votes->classes;
        size_t best = 0;
        for (size_t k = 1; k < votes->classes; k++) {
            best = p[k] > p[best] ? k : best;
        }
        out[best] += weight_of(votes, m);
        mass += weight_of(votes, m);
    }
    for (size_t k = 0; k < votes->classes; k++) {
        out[k] /= mass;
    }
}

/* ---- stacking ---- */

static alm_err check_row(const alm_out_of_fold *d, size_t i, alm_error *error)
{
    size_t width = d->models * d->classes;
    if (d->fold[i] != d->fold_left_out[i]) {
        return alm_fail(error, ALM_ERR_DENIED, "row %zu belongs to fold %u, and its prediction is "
                        "of models that left out fold %u: a meta-learner learns from out-of-fold "
                        "predictions only", i + 1, d->fold[i], d->fold_left_out[i]);
    }
    if (d->label[i] >= d->classes) {
        return alm_fail(error, ALM_ERR_INVALID, "row %zu: class %u of %zu", i + 1, d->label[i],
                        d->classes);
    }
    for (size_t j = 0; j < width; j++) {
        double p = d->probability[i * width + j];
        if (!(p >= 0 && p <= 1)) {
            return alm_fail(error, ALM_ERR_INVALID, "row %zu, model %zu, class %zu: %g is no "
                            "probability", i + 1, j / d->classes + 1, j % d->classes, p);
        }
    }
    return ALM_OK;
}

static alm_err check_data(const alm_out_of_fold *d, alm_arena *scratch, alm_error *error)
{
    size_t *seen = ALM_NEW_ARRAY(scratch, size_t, d->classes + 1);
    bool folds = false;
    for (size_t i = 0; i < d->count; i++) {
        ALM_TRY(check_row(d, i, error));
        seen[d->label[i]]++;
        folds = folds || d->fold[i] != d->fold[0];
    }
    if (!folds) {
        return alm_fail(error, ALM_ERR_INVALID, "out-of-fold predictions come from at least two "
                        "folds");
    }
    for (size_t k = 0; k < d->classes; k++) {
        if (seen[k] == 0) {
            return alm_fail(error, ALM_ERR_INVALID, "class %zu does not occur in %zu rows", k,
                            d->count);
        }
    }
    return ALM_OK;
}

alm_err alm_stacker_fit(const alm_out_of_fold *d, double l2, alm_arena *arena, alm_stacker *out,
                        alm_error *error)
{
    alm_arena *scratch = alm_arena_create(0);
    double *coefficient = NULL;
    alm_err code = check_data(d, scratch, error);
    if (code == ALM_OK) {
        double *target = ALM_NEW_ARRAY(scratch, double, d->count * d->classes);
        for (size_t i = 0; i < d->count; i++) {
            target[i * d->classes + d->label[i]] = 1;
        }
        alm_logistic_data data = {d->count, d->models * d->classes, d->classes, d->probability,
                                  target, NULL};
        code = alm_logistic_fit(&data, l2, arena, &coefficient, error);
    }
    alm_arena_destroy(scratch);
    if (code == ALM_OK) {
        *out = (alm_stacker){d->models, d->classes, coefficient};
    }
    return code;
}

void alm_stacker_predict(const alm_stacker *stacker, const double *probability, double *out)
{
    alm_logistic_predict(stacker->coefficient, stacker->models * stacker->classes,
                         stacker->classes, probability, out);
}

void alm_stacker_write(const alm_stacker *s, alm_buffer *out)
{
    alm_json_writer w = alm_json_writer_on(out);
    alm_json_open_object(&w);
    alm_json_put_i64(&w, "classes", (int64_t)s->classes);
    alm_json_put_doubles(&w, "coefficient", s->coefficient,
                         s->classes * (s->models * s->classes + 1));
    alm_json_put_i64(&w, "models", (int64_t)s->models);
    alm_json_close_object(&w);
}

static alm_err read_stacker(const alm_json *root, alm_arena *arena, alm_stacker *out,
                            alm_error *error)
{
    int64_t models = 0, classes = 0;
    const alm_json *list = NULL;
    ALM_TRY(alm_json_get_i64(root, "models", &models, error));
    ALM_TRY(alm_json_get_i64(root, "classes", &classes, error));
    ALM_TRY(alm_json_get(root, "coefficient", ALM_JSON_ARRAY, &list, error));
    bool sane = models >= 1 && models <= 1000 && classes >= 2 && classes <= 1000;
    size_t count = sane ? (size_t)(classes * (models * classes + 1)) : 0;
    if (!sane || alm_json_count(list) != count) {
        return alm_fail(error, ALM_ERR_CORRUPT, "%lld models, %lld classes and %zu coefficients",
                        (long long)models, (long long)classes, alm_json_count(list));
    }
    *out = (alm_stacker){(size_t)models, (size_t)classes, ALM_NEW_ARRAY(arena, double, count)};
    return alm_json_as_doubles(list, out->coefficient)
               ? ALM_OK : alm_fail(error, ALM_ERR_CORRUPT, "`coefficient` holds more than numbers");
}

alm_err alm_stacker_read(alm_str json, const char *name, alm_arena *arena, alm_stacker *out,
                         alm_error *error)
{
    alm_json_document *document = NULL;
    alm_stacker stacker;
    alm_err code = alm_json_parse(json, name, &document, error);
    if (code == ALM_OK) {
        code = read_stacker(alm_json_root(document), arena, &stacker, error);
    }
    alm_json_document_destroy(document);
    if (code != ALM_OK) {
        return alm_error_wrap(error, ALM_ERR_CORRUPT, "%s", name);
    }
    *out = stacker;
    return ALM_OK;
}
