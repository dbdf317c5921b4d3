/* forest_encode.c: features of a block of rows to byte codes (see almi_lane). */
#include <string.h>

#include "model/forest/forest_code.h"
#include "model/forest/forest_kernel.h"

/* Up to so many runs of equal values in a chunk, each is looked for by itself. */
#define RUNS_MAX 8

#define CATEGORY_NONE UINT8_MAX /* missing, negative or too large for a byte */

static uint8_t in_set(const almi_lane *lane, uint32_t category)
{
    uint32_t word = category / 32;
    return word < lane->word_count && ((lane->word[word] >> (category % 32)) & 1u) ? 1 : 0;
}

/* ONNX: 0 where the value is one of the numbers. */
static uint8_t equal_code(const almi_lane *lane, double x)
{
    double value = lane->kind <= ALMI_LANE_EQUAL_FLOAT_RIGHT ? (double)(float)x : x;
    if (isnan(value)) {
        return lane->kind == ALMI_LANE_EQUAL_FLOAT_RIGHT ||
               lane->kind == ALMI_LANE_EQUAL_DOUBLE_RIGHT;
    }
    return !almi_is_member(lane->word, lane->word_count, value);
}

static uint8_t set_code(const almi_lane *lane, double x)
{
    if (lane->kind >= ALMI_LANE_EQUAL_FLOAT_LEFT) {
        return equal_code(lane, x);
    }
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
    uint8_t value[ALMI_CHUNK_ROWS];
    uint8_t missing[ALMI_CHUNK_ROWS];
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

/* ---- numbers ---- */

#define STEP 8

ALM_INLINE uint64_t prepare_one(almi_lane_kind rule, double from, double *value, int32_t *key)
{
    double x = almi_compared(rule, from);
    *value = x;
    *key = almi_searched(rule, x);
    return isnan(x) ? 1u : 0u;
}

/* n values as they are compared and their keys; whether there is a NaN. */
ALM_INLINE bool prepare_as(almi_lane_kind rule, const double *restrict from, size_t n,
                           double *restrict value, int32_t *restrict key)
{
    uint64_t missing = 0;
    size_t base = 0;
    for (; base + STEP <= n; base += STEP) {
        for (size_t r = base; r < base + STEP; r++) {
            missing |= prepare_one(rule, from[r], &value[r], &key[r]);
        }
    }
    for (; base < n; base++) {
        missing |= prepare_one(rule, from[base], &value[base], &key[base]);
    }
    return missing != 0;
}

/* The keys alone, of n values, up to ALMI_CHUNK_ROWS. */
ALM_INLINE bool keys_as(almi_lane_kind rule, const double *restrict from, size_t n,
                        int32_t *restrict key)
{
    uint64_t missing = 0;
    double value;
    size_t base = 0;
    for (; base + STEP <= n; base += STEP) {
        for (size_t r = base; r < base + STEP; r++) {
            missing |= prepare_one(rule, from[r], &value, &key[r]);
        }
    }
    for (; base < n; base++) {
        missing |= prepare_one(rule, from[base], &value, &key[base]);
    }
    return missing != 0;
}

/* One loop for each rule, so that none of them branches. */
#define BY_RULE(rule, function, ...) \
    switch (rule) { \
    case ALMI_LANE_NAN_IS_ZERO: \
        return function(ALMI_LANE_NAN_IS_ZERO, __VA_ARGS__); \
    case ALMI_LANE_ZERO_LEFT: \
        return function(ALMI_LANE_ZERO_LEFT, __VA_ARGS__); \
    case ALMI_LANE_ABOVE_NEVER: \
        return function(ALMI_LANE_ABOVE_NEVER, __VA_ARGS__); \
    case ALMI_LANE_ABOVE_ALWAYS: \
        return function(ALMI_LANE_ABOVE_ALWAYS, __VA_ARGS__); \
    case ALMI_LANE_FLOAT_LEFT: \
        return function(ALMI_LANE_FLOAT_LEFT, __VA_ARGS__); \
    case ALMI_LANE_DOUBLE_LEFT: \
        return function(ALMI_LANE_DOUBLE_LEFT, __VA_ARGS__); \
    default: \
        return function(ALMI_LANE_NAN_LEFT, __VA_ARGS__); \
    }

ALM_WIDE_VECTORS
static bool prepare(almi_lane_kind rule, const double *from, double *value, int32_t *key)
{
    size_t n = ALMI_CHUNK_ROWS;
    /* Hidden from compilers: knowing it, or without the loop for what is left, of which there is
     * nothing here, gcc 12 makes code that takes a fifth longer for all of a batch. */
    __asm__("" : "+r"(n));
    BY_RULE(rule, prepare_as, from, n, value, key)
}

ALM_WIDE_VECTORS
static bool prepare_keys(almi_lane_kind rule, const double *from, size_t n, int32_t *key)
{
    BY_RULE(rule, keys_as, from, n, key)
}

/* Many different values. */
static void different_codes(const alm_forest *forest, const almi_lane *lane, const double *value,
                            uint8_t *code)
{
    almi_numbers of;
    bool missing = prepare(lane->rule, value, of.value, of.key);
    uint64_t unsure = forest->kernel->search(lane, of.key, code);
    for (; unsure != 0 && !almi_has_floats(lane->rule); unsure &= unsure - 1) {
        size_t r = (size_t)__builtin_ctzll(unsure);
        code[r] = almi_finished(lane, of.value[r], code[r]);
    }
    if (missing) {
        uint8_t missing_is = almi_missing_code(lane->kind);
        for (size_t r = 0; r < ALMI_CHUNK_ROWS; r++) {
            /* NaN may have been counted above the last key. */
            code[r] = isnan(of.value[r]) ? missing_is : code[r];
        }
    }
}

/* Of ALMI_CHUNK_ROWS values. Rows of one series share most of them: then only the first of each run
 * is looked for. */
static void value_codes(const alm_forest *forest, const almi_lane *lane, const double *value,
                        uint8_t *code)
{
    uint64_t first = forest->kernel->changes(value) | 1;
    if (__builtin_popcountll(first) > RUNS_MAX) {
        different_codes(forest, lane, value, code);
        return;
    }
    for (; first != 0; first &= first - 1) {
        size_t r = (size_t)__builtin_ctzll(first);
        uint8_t found = forest->kernel->code(lane, value[r]);
        memset(code + r, found, ALMI_CHUNK_ROWS - r);
    }
}

static void numeric_codes(const alm_forest *forest, const almi_lane *lane, const double *column,
                          const almi_rows *rows, uint8_t *code)
{
    _Alignas(64) double value[ALMI_CHUNK_ROWS] = {0};
    for (size_t r = 0; r < rows->count; r++) {
        value[r] = column[r * rows->stride];
    }
    value_codes(forest, lane, value, code);
}

/* ---- what is computed from the columns (CatBoost) ---- */

/* What is computed from the columns and shared by lanes that follow each other. */
typedef struct derived {
    int32_t hash[ALMI_CHUNK_ROWS];  /* of the categories in column hash_of */
    double value[ALMI_CHUNK_ROWS];  /* of the ctr with feature number value_of */
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
    numeric_codes(forest, lane, made->value, &alone, code);
}

/* ---- all lanes ---- */

/* Where lane i's codes go: code + i * stride. */
typedef struct codes_of_lanes {
    uint8_t *code;
    size_t stride;
} codes_of_lanes;

/* Columns of a chunk next to each other, for lanes next to each other. */
typedef struct tile {
    _Alignas(64) double value[ALMI_TILE_COLUMNS][ALMI_CHUNK_ROWS];
    size_t first, count; /* columns; 0: nothing is in here */
} tile;

/* Whether lane i's column is in the tile: it is made where so many lanes want one of it. */
#define TILE_LANES 3
static bool is_near(const alm_forest *forest, const uint32_t *list, size_t count, size_t i,
                    const almi_rows *rows, tile *near)
{
    size_t feature = forest->lane[list != NULL ? list[i] : i].feature;
    if (feature - near->first < near->count) {
        return true;
    }
    size_t last = i + TILE_LANES - 1, columns = forest->info.feature_count;
    if (rows->count < ALMI_CHUNK_ROWS || columns < ALMI_TILE_COLUMNS || last >= count) {
        return false;
    }
    size_t first = columns - ALMI_TILE_COLUMNS < feature ? columns - ALMI_TILE_COLUMNS : feature;
    if (forest->lane[list != NULL ? list[last] : last].feature - first >= ALMI_TILE_COLUMNS) {
        return false;
    }
    forest->kernel->columns(rows->value + first, rows->stride, near->value);
    near->first = first;
    near->count = ALMI_TILE_COLUMNS;
    return true;
}

/* Of one chunk: its rows stay in the fastest memory while their columns are read one by one. */
static void encode_chunk(const alm_forest *forest, const uint32_t *list, size_t count,
                         const almi_rows *rows, codes_of_lanes to)
{
    categories converted;
    derived made;
    tile near;
    near.first = near.count = 0;
    converted.of = NULL;
    made.hash_of = made.value_of = UINT32_MAX;
    for (size_t i = 0; i < count; i++) {
        const almi_lane *lane = &forest->lane[list != NULL ? list[i] : i];
        const double *column = rows->value + lane->feature;
        uint8_t *code = to.code + i * to.stride;
        if (lane->feature >= forest->info.feature_count) {
            ctr_codes(forest, lane, rows, &made, code);
        } else if (lane->kind >= ALMI_LANE_CATEGORY) {
            category_codes(lane, column, rows, &converted, code);
        } else if (lane->kind == ALMI_LANE_HASH) {
            hash_codes(lane, column, rows, &made, code);
        } else if (is_near(forest, list, count, i, rows, &near)) {
            value_codes(forest, lane, near.value[lane->feature - near.first], code);
        } else {
            numeric_codes(forest, lane, column, rows, code);
        }
    }
}

void almi_lanes_encode(const alm_forest *forest, const uint32_t *list, size_t count,
                       const almi_rows *rows, uint8_t *code, size_t code_stride)
{
    for (size_t base = 0; base < rows->count; base += ALMI_CHUNK_ROWS) {
        almi_rows chunk = {rows->value + base * rows->stride, rows->count - base, rows->stride};
        chunk.count = chunk.count < ALMI_CHUNK_ROWS ? chunk.count : ALMI_CHUNK_ROWS;
        encode_chunk(forest, list, count, &chunk, (codes_of_lanes){code + base, code_stride});
    }
}

/* ---- one row ---- */

static void window_codes(const alm_forest *forest, const almi_group *group,
                         const almi_window *window, const double *row, uint8_t *code)
{
    _Alignas(64) int32_t key[ALMI_CHUNK_ROWS];
    almi_row_columns of = {row + window->first, key};
    size_t columns = forest->info.feature_count - window->first;
    columns = columns < ALMI_CHUNK_ROWS ? columns : ALMI_CHUNK_ROWS;
    almi_row_lanes lanes = {group->row_lane + window->begin, window->end - window->begin,
                            forest->lane, group->lane + window->begin, window->rule,
                            window->pivots};
    bool missing = prepare_keys(window->rule, of.value, columns, key);
    forest->kernel->search_row(&lanes, &of, code);
    for (size_t i = 0; i < lanes.count && missing; i++) {
        bool is_missing = isnan(almi_compared(window->rule, of.value[lanes.own[i].column]));
        code[i] = is_missing ? almi_missing_code(forest->lane[lanes.list[i]].kind) : code[i];
    }
}

void almi_row_encode(const alm_forest *forest, const almi_group *group, const double *row,
                     uint8_t *code)
{
    if (forest->has_derived) {
        almi_rows one = {row, 1, forest->info.feature_count};
        _Alignas(64) uint8_t block[ALMI_CHUNK_ROWS];
        for (size_t i = 0; i < group->lane_count; i++) { /* lanes are written in chunks */
            almi_lanes_encode(forest, &group->lane[i], 1, &one, block, ALMI_CHUNK_ROWS);
            code[i] = block[0];
        }
        return;
    }
    size_t done = 0;
    for (size_t i = 0; i < group->window_count; i++) {
        window_codes(forest, group, &group->window[i], row, code + group->window[i].begin);
        done = group->window[i].end;
    }
    for (; done < group->lane_count; done++) {
        const almi_lane *lane = &forest->lane[group->lane[done]];
        code[done] = set_code(lane, row[lane->feature]);
    }
}
