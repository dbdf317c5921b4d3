/* forest_encode.c: features of a block of rows to byte codes (see almi_lane). */
#include <math.h>

#include "model/forest_kernel.h"

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

/* ---- numbers ----
 *
 * A code is found by whole numbers, 32 bits of the value (almi_key_of), which order floats exactly.
 * Of doubles they are the upper half, so that thresholds with the same upper half are still to be
 * looked at; there are hardly any. */

/* What a missing value gets: left of all thresholds or right of them. */
static uint8_t missing_code(almi_lane_kind kind)
{
    bool left = kind == ALMI_LANE_NAN_LEFT || kind == ALMI_LANE_ZERO_LEFT ||
                kind == ALMI_LANE_FLOAT_LEFT;
    return left ? 0 : UINT8_MAX;
}

static bool has_floats(almi_lane_kind kind)
{
    return kind >= ALMI_LANE_FLOAT_LEFT;
}

/* x as the lane compares it; NaN when it takes the default side. */
ALM_INLINE double compared(almi_lane_kind kind, double x)
{
    if (kind >= ALMI_LANE_FLOAT_LEFT) {
        return (double)(float)x;
    }
    x = fabs(x) <= ALMI_ZERO_MAX ? 0.0 : x;
    switch (kind) {
    case ALMI_LANE_NAN_IS_ZERO:
        return isnan(x) ? 0.0 : x;
    case ALMI_LANE_ZERO_LEFT:
    case ALMI_LANE_ZERO_RIGHT:
        return x == 0.0 ? NAN : x;
    default:
        return x;
    }
}

/* What the keys of the lane are compared with, so that those below it are the code. A threshold
 * that equals a float counts too: `x < t` is left. NaN gets any number. */
ALM_INLINE int32_t searched(almi_lane_kind kind, double x)
{
    if (kind >= ALMI_LANE_FLOAT_LEFT) {
        return (int32_t)((uint32_t)almi_key_of_float((float)x) + 1);
    }
    return almi_key_of(x);
}

/* The same for a chunk; whether there is a NaN. */
ALM_INLINE bool prepare_as(almi_lane_kind kind, double *restrict value, int32_t *restrict key)
{
    uint64_t missing = 0;
    for (size_t r = 0; r < ALMI_CHUNK_ROWS; r++) {
        double x = compared(kind, value[r]);
        value[r] = x;
        key[r] = searched(kind, x);
        missing |= isnan(x) ? 1u : 0u;
    }
    return missing != 0;
}

/* One loop for each rule, so that none of them branches. */
ALM_WIDE_VECTORS
static bool prepare(almi_lane_kind kind, double *value, int32_t *key)
{
    if (kind >= ALMI_LANE_FLOAT_LEFT) {
        return prepare_as(ALMI_LANE_FLOAT_LEFT, value, key);
    }
    if (kind == ALMI_LANE_NAN_IS_ZERO) {
        return prepare_as(ALMI_LANE_NAN_IS_ZERO, value, key);
    }
    if (kind >= ALMI_LANE_ZERO_LEFT) {
        return prepare_as(ALMI_LANE_ZERO_LEFT, value, key);
    }
    return prepare_as(ALMI_LANE_NAN_LEFT, value, key);
}

/* From the number of thresholds whose keys are below to the number of those that are. */
ALM_INLINE uint8_t finished(const almi_lane *lane, double x, uint8_t code)
{
    while (lane->threshold[code] < x) {
        code++; /* nothing is above the last threshold */
    }
    return code;
}

static void chunk_codes(const alm_forest *forest, const almi_lane *lane, double *value,
                        uint8_t *code)
{
    int32_t key[ALMI_CHUNK_ROWS];
    bool missing = prepare(lane->kind, value, key);
    forest->kernel->search(lane, key, code);
    if (missing) {
        uint8_t missing_is = missing_code(lane->kind);
        for (size_t r = 0; r < ALMI_CHUNK_ROWS; r++) {
            /* NaN may have been counted above the last key. */
            code[r] = isnan(value[r]) ? missing_is : code[r];
        }
    }
    if (!has_floats(lane->kind)) {
        ALM_UNROLLED
        for (size_t r = 0; r < ALMI_CHUNK_ROWS; r++) {
            if (lane->key[code[r]] == key[r]) {
                code[r] = finished(lane, value[r], code[r]);
            }
        }
    }
}

static void numeric_codes(const alm_forest *forest, const almi_lane *lane, const double *column,
                          const almi_rows *rows, uint8_t *code)
{
    double value[ALMI_CHUNK_ROWS];
    for (size_t base = 0; base < rows->count; base += ALMI_CHUNK_ROWS) {
        size_t n = rows->count - base;
        n = n < ALMI_CHUNK_ROWS ? n : ALMI_CHUNK_ROWS;
        const double *from = column + base * rows->stride;
        for (size_t r = 0; r < n; r++) {
            value[r] = from[r * rows->stride];
        }
        for (size_t r = n; r < ALMI_CHUNK_ROWS; r++) {
            value[r] = 0.0;
        }
        chunk_codes(forest, lane, value, code + base);
    }
}

/* ---- all lanes ---- */

void almi_lanes_encode(const alm_forest *forest, const uint32_t *list, size_t count,
                       const almi_rows *rows, uint8_t *code, size_t code_stride)
{
    categories converted;
    converted.of = NULL;
    alm_assert(rows->count <= ALMI_BLOCK_ROWS_MAX);
    for (size_t i = 0; i < count; i++, code += code_stride) {
        const almi_lane *lane = &forest->lane[list != NULL ? list[i] : i];
        const double *column = rows->value + lane->feature;
        if (lane->kind >= ALMI_LANE_CATEGORY) {
            category_codes(lane, column, rows, &converted, code);
        } else {
            numeric_codes(forest, lane, column, rows, code);
        }
    }
}

void almi_row_encode(const alm_forest *forest, const uint32_t *list, size_t count,
                     const double *row, uint8_t *code)
{
    const almi_lane *lane[ALMI_GROUP_LANES];
    int32_t key[ALMI_GROUP_LANES];
    alm_assert(count <= ALMI_GROUP_LANES);
    if (count == 0) {
        return;
    }
    for (size_t i = 0; i < count; i++) {
        lane[i] = &forest->lane[list != NULL ? list[i] : i];
        key[i] = searched(lane[i]->kind, compared(lane[i]->kind, row[lane[i]->feature]));
    }
    forest->kernel->search_row(lane, count, key, code);
    for (size_t i = 0; i < count; i++) {
        double x = row[lane[i]->feature];
        if (lane[i]->kind >= ALMI_LANE_CATEGORY) {
            code[i] = set_code(lane[i], x);
            continue;
        }
        x = compared(lane[i]->kind, x);
        if (isnan(x)) {
            code[i] = missing_code(lane[i]->kind);
        } else if (!has_floats(lane[i]->kind)) {
            code[i] = finished(lane[i], x, code[i]);
        }
    }
}
