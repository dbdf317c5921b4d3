/* forest_encode.c: features of a block of rows to byte codes (see almi_lane). */
#include <math.h>

#include "model/forest_internal.h"

#define CATEGORY_NONE UINT8_MAX /* missing, negative or too large for a byte */

static uint8_t in_set(const almi_lane *lane, uint32_t category)
{
    uint32_t word = category / 32;
    return word < lane->word_count && ((lane->word[word] >> (category % 32)) & 1u) ? 1 : 0;
}

static uint8_t set_code(const almi_lane *lane, double x)
{
    if (lane->kind == ALMI_LANE_CATEGORY) {
        return x > -1.0 && x < 2147483648.0 ? !in_set(lane, (uint32_t)x) : 1;
    }
    float value = (float)x;
    if (isnan(value)) {
        return lane->kind == ALMI_LANE_CATEGORY_RIGHT;
    }
    return value >= 0 && value < ALMI_XGBOOST_CATEGORY_END ? in_set(lane, (uint32_t)value) : 0;
}

/* A column of categories as bytes, and which of them are NaN (1, else 0). */
typedef struct categories {
    uint8_t value[ALMI_BLOCK_ROWS_MAX];
    uint8_t missing[ALMI_BLOCK_ROWS_MAX];
    const almi_lane *of; /* a lane of the feature and source that is in here, or NULL */
} categories;

static void category_column(const almi_lane *lane, const double *column, const almi_rows *rows,
                            categories *to)
{
    bool floats = lane->kind != ALMI_LANE_CATEGORY;
    for (size_t r = 0; r < rows->count; r++) {
        double x = column[r * rows->stride];
        x = floats ? (double)(float)x : x;
        /* What lies between -1 and 0 is category 0 in LightGBM and impossible in XGBoost. */
        bool valid = (floats ? x >= 0 : x > -1.0) && x < CATEGORY_NONE;
        to->value[r] = valid ? (uint8_t)x : CATEGORY_NONE;
        to->missing[r] = isnan(x) ? 1 : 0;
    }
    for (size_t r = rows->count; r % ALMI_CHUNK_ROWS != 0; r++) {
        to->value[r] = CATEGORY_NONE;
        to->missing[r] = 0;
    }
    to->of = lane;
}

ALM_INLINE void remove_run(const uint8_t *restrict category, almi_run run, uint8_t *restrict code)
{
    for (size_t r = 0; r < ALMI_CHUNK_ROWS; r++) {
        uint8_t outside = (uint8_t)(category[r] - run.low) > run.width ? 1 : 0;
        code[r] &= outside;
    }
}

/* code = 0 for the rows whose category lies in a run, else 1 */
ALM_WIDE_VECTORS
static void runs_code(const almi_lane *lane, const uint8_t *category, size_t n, uint8_t *code)
{
    for (size_t base = 0; base < n; base += ALMI_CHUNK_ROWS) {
        for (size_t r = 0; r < ALMI_CHUNK_ROWS; r++) {
            code[base + r] = 1;
        }
        for (uint32_t i = 0; i < lane->run_count; i++) {
            remove_run(category + base, lane->run[i], code + base);
        }
    }
}

/* From "1: not in the set" to XGBoost's "1: in the set", with NaN on its own side. */
ALM_WIDE_VECTORS
static void turn_code(const uint8_t *restrict missing, uint8_t missing_code, size_t n,
                      uint8_t *restrict code)
{
    for (size_t base = 0; base < n; base += ALMI_CHUNK_ROWS) {
        for (size_t r = base; r < base + ALMI_CHUNK_ROWS; r++) {
            uint8_t inside = code[r] ^ 1u;
            code[r] = (uint8_t)(inside | (missing[r] & missing_code));
        }
    }
}

static void category_codes(const almi_lane *lane, const double *column, const almi_rows *rows,
                           categories *converted, uint8_t *code)
{
    if (lane->run == NULL) {
        for (size_t r = 0; r < rows->count; r++) {
            code[r] = set_code(lane, column[r * rows->stride]);
        }
        return;
    }
    if (converted->of == NULL || converted->of->feature != lane->feature) {
        category_column(lane, column, rows, converted);
    }
    runs_code(lane, converted->value, rows->count, code);
    if (lane->kind != ALMI_LANE_CATEGORY) {
        /* NaN is in no set, so it has code 0 so far. */
        turn_code(converted->missing, lane->kind == ALMI_LANE_CATEGORY_RIGHT, rows->count, code);
    }
}

/* Number of thresholds below x, by a search whose steps do not depend on the data. */
static uint8_t numeric_code(const double *threshold, uint32_t size, double x)
{
    uint32_t position = 0;
    for (uint32_t half = size / 2; half > 0; half /= 2) {
        position += threshold[position + half - 1] < x ? half : 0;
    }
    return (uint8_t)position;
}

/* Number of thresholds that are not above x: `x < t` is left. The list is filled up with NaN. */
static uint8_t float_code(const double *threshold, uint32_t size, double x)
{
    uint32_t position = 0;
    for (uint32_t half = size / 2; half > 0; half /= 2) {
        position += threshold[position + half - 1] <= x ? half : 0;
    }
    return (uint8_t)position;
}

static void float_codes(const almi_lane *lane, const double *column, const almi_rows *rows,
                        uint8_t *code)
{
    uint8_t missing_code = lane->kind == ALMI_LANE_FLOAT_LEFT ? 0 : UINT8_MAX;
    for (size_t r = 0; r < rows->count; r++) {
        double x = (double)(float)column[r * rows->stride];
        code[r] = isnan(x) ? missing_code : float_code(lane->threshold, lane->size, x);
    }
}

/* CatBoost's `x > t`, on floats: the number of thresholds below x. */
static void above_codes(const almi_lane *lane, const double *column, const almi_rows *rows,
                        uint8_t *code)
{
    double missing = lane->kind == ALMI_LANE_ABOVE_ALWAYS ? INFINITY : -INFINITY;
    for (size_t r = 0; r < rows->count; r++) {
        double x = (double)(float)column[r * rows->stride];
        code[r] = numeric_code(lane->threshold, lane->size, isnan(x) ? missing : x);
    }
}

/* What is computed from the columns and shared by lanes that follow each other. */
typedef struct derived {
    int32_t hash[ALMI_BLOCK_ROWS_MAX];  /* of the categories in column hash_of */
    double value[ALMI_BLOCK_ROWS_MAX];  /* of the ctr with feature number value_of */
    uint32_t hash_of, value_of;         /* UINT32_MAX: nothing yet */
} derived;

static void hash_codes(const almi_lane *lane, const double *column, const almi_rows *rows,
                       derived *made, uint8_t *code)
{
    for (size_t r = 0; made->hash_of != lane->feature && r < rows->count; r++) {
        made->hash[r] = almi_category_hash(column[r * rows->stride]);
    }
    made->hash_of = lane->feature;
    int32_t wanted = (int32_t)lane->threshold[0];
    for (size_t r = 0; r < rows->count; r++) {
        code[r] = made->hash[r] == wanted ? 1 : 0;
    }
}

static void ctr_codes(const alm_forest *forest, const almi_lane *lane, const almi_rows *rows,
                      derived *made, uint8_t *code)
{
    const almi_ctr *ctr = &forest->ctr[lane->feature - forest->info.feature_count];
    for (size_t r = 0; made->value_of != lane->feature && r < rows->count; r++) {
        made->value[r] = (double)almi_ctr_value(ctr, rows->value + r * rows->stride);
    }
    made->value_of = lane->feature;
    almi_rows alone = {made->value, rows->count, 1};
    above_codes(lane, made->value, &alone, code);
}

static void numeric_codes(const almi_lane *lane, const double *column, const almi_rows *rows,
                          uint8_t *code)
{
    bool zero_missing = lane->kind == ALMI_LANE_ZERO_LEFT || lane->kind == ALMI_LANE_ZERO_RIGHT;
    bool nan_missing = lane->kind == ALMI_LANE_NAN_LEFT || lane->kind == ALMI_LANE_NAN_RIGHT;
    bool left = lane->kind == ALMI_LANE_ZERO_LEFT || lane->kind == ALMI_LANE_NAN_LEFT;
    uint8_t missing_code = left ? 0 : UINT8_MAX;
    for (size_t r = 0; r < rows->count; r++) {
        double x = column[r * rows->stride];
        bool zero = fabs(x) <= ALMI_ZERO_MAX;
        x = zero || (!nan_missing && isnan(x)) ? 0.0 : x;
        bool missing = nan_missing ? isnan(x) : zero_missing && x == 0.0;
        code[r] = missing ? missing_code : numeric_code(lane->threshold, lane->size, x);
    }
}

void almi_lanes_encode(const alm_forest *forest, const uint32_t *list, size_t count,
                       const almi_rows *rows, uint8_t *code, size_t code_stride)
{
    categories converted;
    derived made;
    converted.of = NULL;
    made.hash_of = made.value_of = UINT32_MAX;
    alm_assert(rows->count <= ALMI_BLOCK_ROWS_MAX);
    for (size_t i = 0; i < count; i++, code += code_stride) {
        const almi_lane *lane = &forest->lane[list != NULL ? list[i] : i];
        const double *column = rows->value + lane->feature;
        if (lane->feature >= forest->info.feature_count) {
            ctr_codes(forest, lane, rows, &made, code);
        } else if (lane->kind >= ALMI_LANE_CATEGORY) {
            category_codes(lane, column, rows, &converted, code);
        } else if (lane->kind >= ALMI_LANE_FLOAT_LEFT) {
            float_codes(lane, column, rows, code);
        } else if (lane->kind == ALMI_LANE_HASH) {
            hash_codes(lane, column, rows, &made, code);
        } else if (lane->kind >= ALMI_LANE_ABOVE_NEVER) {
            above_codes(lane, column, rows, code);
        } else {
            numeric_codes(lane, column, rows, code);
        }
    }
}
