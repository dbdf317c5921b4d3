/* forest_encode.c: features of a block of rows to byte codes (see almi_lane). */
#include <math.h>

#include "model/forest_internal.h"

#define CATEGORY_NONE UINT8_MAX /* missing, negative or too large for a byte */

static uint8_t set_code(const almi_lane *lane, double x)
{
    if (!(x > -1.0 && x < 2147483648.0)) {
        return 1;
    }
    uint32_t category = (uint32_t)x;
    uint32_t word = category / 32;
    return word < lane->word_count && ((lane->word[word] >> (category % 32)) & 1u) ? 0 : 1;
}

static void category_column(const double *column, const almi_rows *rows, uint8_t *category)
{
    for (size_t r = 0; r < rows->count; r++) {
        double x = column[r * rows->stride];
        category[r] = x > -1.0 && x < CATEGORY_NONE ? (uint8_t)x : CATEGORY_NONE;
    }
    for (size_t r = rows->count; r % ALMI_CHUNK_ROWS != 0; r++) {
        category[r] = CATEGORY_NONE;
    }
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

/* Number of thresholds below x, by a search whose steps do not depend on the data. */
static uint8_t numeric_code(const double *threshold, uint32_t size, double x)
{
    uint32_t position = 0;
    for (uint32_t half = size / 2; half > 0; half /= 2) {
        position += threshold[position + half - 1] < x ? half : 0;
    }
    return (uint8_t)position;
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
    uint8_t category[ALMI_BLOCK_ROWS_MAX];
    const almi_lane *converted = NULL; /* whose feature is in `category` */
    alm_assert(rows->count <= ALMI_BLOCK_ROWS_MAX);
    for (size_t i = 0; i < count; i++, code += code_stride) {
        const almi_lane *lane = &forest->lane[list != NULL ? list[i] : i];
        const double *column = rows->value + lane->feature;
        if (lane->kind != ALMI_LANE_CATEGORY) {
            numeric_codes(lane, column, rows, code);
            continue;
        }
        if (lane->run == NULL) {
            for (size_t r = 0; r < rows->count; r++) {
                code[r] = set_code(lane, column[r * rows->stride]);
            }
            continue;
        }
        if (converted == NULL || converted->feature != lane->feature) {
            category_column(column, rows, category);
            converted = lane;
        }
        runs_code(lane, category, rows->count, code);
    }
}
