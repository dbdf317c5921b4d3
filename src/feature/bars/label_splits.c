#include "feature/bars/label_splits.h"

/* A run of samples [first, end) that is tested. */
typedef struct test_run {
    size_t first;
    size_t end;
} test_run;

static alm_err check_spans(const alm_label_span *spans, size_t count, int64_t embargo,
                           alm_error *error)
{
    if (count > UINT32_MAX) {
        return alm_fail(error, ALM_ERR_INVALID, "%zu samples are too many to split", count);
    }
    if (embargo < 0) {
        return alm_fail(error, ALM_ERR_INVALID, "an embargo of %lld is negative",
                        (long long)embargo);
    }
    for (size_t i = 0; i < count; i++) {
        if (spans[i].end < spans[i].start) {
            return alm_fail(error, ALM_ERR_INVALID, "sample %zu ends at %lld, before it starts at "
                            "%lld", i + 1, (long long)spans[i].end, (long long)spans[i].start);
        }
        if (i > 0 && spans[i].start < spans[i - 1].start) {
            return alm_fail(error, ALM_ERR_INVALID, "sample %zu starts before sample %zu: samples "
                            "must be sorted by their start", i + 1, i);
        }
    }
    return ALM_OK;
}

/* from + distance, at most the last instant there is; distance >= 0. */
static int64_t later_by(int64_t from, int64_t distance)
{
    return from > INT64_MAX - distance ? INT64_MAX : from + distance;
}

static alm_label_span hull_of(const alm_label_span *spans, test_run test)
{
    alm_label_span hull = spans[test.first];
    for (size_t i = test.first; i < test.end; i++) {
        hull.end = spans[i].end > hull.end ? spans[i].end : hull.end;
    }
    return hull;
}

/* Samples before `end` outside of the test that lie clear of `closed`; `out` may be NULL. */
static size_t list_training(const alm_label_span *spans, size_t end, test_run test,
                            alm_label_span closed, uint32_t *out)
{
    size_t found = 0;
    for (size_t i = 0; i < end; i++) {
        bool tested = i >= test.first && i < test.end;
        if (!tested && (spans[i].end < closed.start || spans[i].start > closed.end)) {
            if (out) {
                out[found] = (uint32_t)i;
            }
            found++;
        }
    }
    return found;
}

static alm_err make_split(const alm_label_span *spans, size_t end, test_run test,
                          alm_label_span closed, alm_arena *arena, alm_label_split *out)
{
    void *train;
    void *tested;
    size_t train_count = list_training(spans, end, test, closed, NULL);
    size_t test_count = test.end - test.first;
    ALM_TRY(alm_arena_try_alloc(arena, train_count * sizeof(uint32_t), &train, NULL));
    ALM_TRY(alm_arena_try_alloc(arena, test_count * sizeof(uint32_t), &tested, NULL));
    list_training(spans, end, test, closed, train);
    for (size_t i = 0; i < test_count; i++) {
        ((uint32_t *)tested)[i] = (uint32_t)(test.first + i);
    }
    *out = (alm_label_split){train, train_count, tested, test_count};
    return ALM_OK;
}

/* The error of a fold's split: `made` is what make_split gave. */
static alm_err judge(alm_err made, size_t train_count, size_t fold, alm_error *error)
{
    if (made != ALM_OK) {
        return alm_fail(error, made, "no memory for the samples of fold %zu", fold + 1);
    }
    if (train_count == 0) {
        return alm_fail(error, ALM_ERR_INVALID, "fold %zu is left without training samples: take "
                        "fewer folds, shorter labels or a smaller embargo", fold + 1);
    }
    return ALM_OK;
}

static void copy_splits(const alm_label_split *splits, size_t folds, alm_label_split *out)
{
    for (size_t fold = 0; fold < folds; fold++) {
        out[fold] = splits[fold];
    }
}

alm_err alm_split_purged_kfold(const alm_label_span *spans, size_t count,
                               const alm_purged_kfold_options *options, alm_arena *arena,
                               alm_label_split *out, alm_error *error)
{
    size_t folds = options->folds;
    ALM_TRY(check_spans(spans, count, options->embargo, error));
    if (folds < 2 || folds > count) {
        return alm_fail(error, ALM_ERR_INVALID, "%zu samples can be split into 2 to %zu folds, not "
                        "%zu", count, count, folds);
    }
    alm_label_split *splits = ALM_NEW_ARRAY(arena, alm_label_split, folds);
    test_run test = {0};
    for (size_t fold = 0; fold < folds; fold++) {
        test = (test_run){test.end, test.end + count / folds + (fold < count % folds)};
        alm_label_span closed = hull_of(spans, test);
        closed.end = later_by(closed.end, options->embargo);
        alm_err made = make_split(spans, count, test, closed, arena, &splits[fold]);
        ALM_TRY(judge(made, splits[fold].train_count, fold, error));
    }
    copy_splits(splits, folds, out);
    return ALM_OK;
}

/* Keeps the newest samples. */
static void keep_newest(alm_label_split *split, size_t train_max)
{
    size_t dropped = train_max > 0 && split->train_count > train_max
                         ? split->train_count - train_max
                         : 0;
    split->train += dropped;
    split->train_count -= dropped;
}

alm_err alm_split_walk_forward(const alm_label_span *spans, size_t count,
                               const alm_walk_forward_options *options, alm_arena *arena,
                               alm_label_split *out, alm_error *error)
{
    size_t size = options->test_size;
    size_t folds = options->folds;
    ALM_TRY(check_spans(spans, count, options->embargo, error));
    if (folds < 1 || size < 1 || count < 1 || folds > (count - 1) / size) {
        return alm_fail(error, ALM_ERR_INVALID, "%zu samples have no room for %zu tests of %zu and "
                        "a sample to train on", count, folds, size);
    }
    alm_label_split *splits = ALM_NEW_ARRAY(arena, alm_label_split, folds);
    for (size_t fold = 0; fold < folds; fold++) {
        test_run test = {count - (folds - fold) * size, count - (folds - fold - 1) * size};
        int64_t start = spans[test.first].start;
        /* Nothing ends before the first instant, nothing starts behind the last one. */
        int64_t limit = start < INT64_MIN + options->embargo ? INT64_MIN : start - options->embargo;
        alm_label_span closed = {limit, INT64_MAX};
        alm_err made = make_split(spans, test.first, test, closed, arena, &splits[fold]);
        ALM_TRY(judge(made, splits[fold].train_count, fold, error));
        keep_newest(&splits[fold], options->train_max);
    }
    copy_splits(splits, folds, out);
    return ALM_OK;
}
