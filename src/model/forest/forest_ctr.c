/* forest_ctr.c: CatBoost's statistics of the target ("ctr") as columns of a row.
 *
 * The value is ((n + prior) / (total + weight of the prior) + shift) * scale in float, with the
 * counts of the training rows that had the same combination; a combination that was never seen has
 * no counts. Formulas and order: libs/model/static_ctr_provider.cpp, online_ctr.h. */
#include <string.h>

#include "model/forest/forest_internal.h"

#define HASH_FACTOR 0x4906ba494954cb65u
#define BUCKET_BYTES 12
#define BUCKET_EMPTY UINT64_MAX

static uint64_t add_to_hash(uint64_t hash, uint64_t value)
{
    return HASH_FACTOR * (hash + HASH_FACTOR * value);
}

static uint64_t combination_hash(const almi_ctr *ctr, const double *row)
{
    uint64_t hash = 0;
    for (size_t i = 0; i < ctr->category_count; i++) {
        /* Hashes of categories are signed, and so they are widened. */
        int64_t category = almi_category_hash(row[ctr->category[i]]);
        hash = add_to_hash(hash, (uint64_t)category);
    }
    for (size_t i = 0; i < ctr->test_count; i++) {
        const almi_ctr_test *test = &ctr->test[i];
        bool left = almi_catboost_goes_left(test->decision, test->threshold, row[test->column]);
        hash = add_to_hash(hash, left ? 0 : 1);
    }
    return hash;
}

/* Counts of the combination; NULL: never seen. */
static const int32_t *find_counts(const almi_ctr *ctr, uint64_t hash)
{
    size_t mask = ctr->bucket_count - 1;
    for (size_t step = 0; step < ctr->bucket_count; step++) {
        const uint8_t *bucket = ctr->bucket + ((hash + step) & mask) * BUCKET_BYTES;
        uint64_t key = 0;
        uint32_t index = 0;
        memcpy(&key, bucket, sizeof key);
        memcpy(&index, bucket + sizeof key, sizeof index);
        if (key == BUCKET_EMPTY) {
            return NULL;
        }
        if (key == hash) {
            return ctr->count + (size_t)index * ctr->row_width;
        }
    }
    return NULL;
}

static float value_of(const almi_ctr *ctr, float good, float total)
{
    float share = (good + ctr->prior) / (total + ctr->prior_weight);
    return (share + ctr->shift) * ctr->scale;
}

/* The sum of counts as the source's int holds it. */
static float sum_of(const int32_t *count, size_t begin, size_t end)
{
    uint32_t sum = 0;
    for (size_t i = begin; i < end; i++) {
        sum += (uint32_t)count[i];
    }
    return (float)(int32_t)sum;
}

float almi_ctr_value(const almi_ctr *ctr, const double *row)
{
    const int32_t *count = find_counts(ctr, combination_hash(ctr, row));
    float sum = 0;
    switch (ctr->kind) {
    case ALMI_CTR_COUNTER:
    case ALMI_CTR_FREQUENCY:
        return value_of(ctr, count != NULL ? (float)count[0] : 0, (float)ctr->denominator);
    case ALMI_CTR_CLASS_MEAN:
    case ALMI_CTR_TARGET_MEAN:
        if (count != NULL) {
            memcpy(&sum, count, sizeof sum);
        }
        return value_of(ctr, sum, count != NULL ? (float)count[1] : 0);
    case ALMI_CTR_BUCKETS:
    case ALMI_CTR_BORDERS:
        break;
    }
    if (count == NULL) {
        return value_of(ctr, 0, 0);
    }
    size_t border = (size_t)ctr->border;
    float good = ctr->kind == ALMI_CTR_BUCKETS ? (float)count[border]
                                               : sum_of(count, border + 1, ctr->row_width);
    return value_of(ctr, good, sum_of(count, 0, ctr->row_width));
}
