/* forest_code.h: from a number to its code, for every level; inlined into the kernels.
 *
 * A code is found by whole numbers, 32 bits of the value (almi_key_of), which order floats exactly.
 * Of doubles they are the upper half, so that thresholds with the same upper half are still to be
 * looked at; there are hardly any. */
#ifndef ALM_MODEL_FOREST_CODE_H
#define ALM_MODEL_FOREST_CODE_H

#include <math.h>

#include "model/forest/forest_kernel.h"

/* What a missing value gets: left of all thresholds or right of them. */
ALM_INLINE uint8_t almi_missing_code(almi_lane_kind kind)
{
    bool left = kind == ALMI_LANE_NAN_LEFT || kind == ALMI_LANE_ZERO_LEFT ||
                kind == ALMI_LANE_FLOAT_LEFT || kind == ALMI_LANE_DOUBLE_LEFT;
    return left ? 0 : UINT8_MAX;
}

/* Of the kinds with thresholds. */
ALM_INLINE bool almi_has_floats(almi_lane_kind kind)
{
    return kind >= ALMI_LANE_ABOVE_NEVER && kind <= ALMI_LANE_FLOAT_RIGHT;
}

ALM_INLINE bool almi_is_above(almi_lane_kind kind)
{
    return kind == ALMI_LANE_ABOVE_NEVER || kind == ALMI_LANE_ABOVE_ALWAYS;
}

/* Of ONNX: `x < t` is left, on doubles. */
ALM_INLINE bool almi_has_doubles_below(almi_lane_kind kind)
{
    return kind >= ALMI_LANE_DOUBLE_LEFT;
}

/* x as the lane compares it; NaN when it takes the default side. */
ALM_INLINE double almi_compared(almi_lane_kind kind, double x)
{
    if (almi_is_above(kind) && isnan(x)) {
        return kind == ALMI_LANE_ABOVE_ALWAYS ? (double)INFINITY : -(double)INFINITY;
    }
    if (almi_has_floats(kind)) {
        return (double)(float)x;
    }
    if (almi_has_doubles_below(kind)) {
        return x;
    }
    if (kind == ALMI_LANE_NAN_IS_ZERO) {
        return fabs(x) > ALMI_ZERO_MAX ? x : 0.0; /* NaN is not above; one choice, no branch */
    }
    x = fabs(x) <= ALMI_ZERO_MAX ? 0.0 : x;
    switch (kind) {
    case ALMI_LANE_ZERO_LEFT:
    case ALMI_LANE_ZERO_RIGHT:
        return x == 0.0 ? NAN : x;
    default:
        return x;
    }
}

/* What the keys of the lane are compared with, so that those below it are the code. A threshold
 * that equals a float counts too where `x < t` is left (XGBoost), and not where `x > t` is right
 * (CatBoost). NaN gets any number. */
ALM_INLINE int32_t almi_searched(almi_lane_kind kind, double x)
{
    if (almi_is_above(kind)) {
        return almi_key_of_float((float)x);
    }
    if (almi_has_floats(kind)) {
        return (int32_t)((uint32_t)almi_key_of_float((float)x) + 1);
    }
    return almi_key_of(x);
}

/* From the number of thresholds whose keys are below to the number of those that are (ONNX: that
 * are not above). Nothing is above the last threshold. */
ALM_INLINE uint8_t almi_finished(const almi_lane *lane, double x, uint8_t code)
{
    if (almi_has_doubles_below(lane->kind)) {
        while (lane->threshold[code] <= x) {
            code++;
        }
    }
    while (lane->threshold[code] < x) {
        code++;
    }
    return code;
}

/* A level's search: how many of a lane's keys are below `value`. */
typedef uint8_t (*almi_count_below)(const int32_t *key, uint32_t size, int32_t value);

/* The whole way of one value. */
ALM_INLINE uint8_t almi_code_by(almi_count_below count_below,
                                const almi_lane *lane, double value)
{
    double x = almi_compared(lane->kind, value);
    if (isnan(x)) {
        return almi_missing_code(lane->kind);
    }
    int32_t key = almi_searched(lane->kind, x);
    uint8_t code = count_below(lane->key, lane->size, key);
    bool unsure = lane->key[code] == key && !almi_has_floats(lane->kind);
    return unsure ? almi_finished(lane, x, code) : code;
}

/* The end of it for lane i of a window, where the next key is equal. */
ALM_INLINE uint8_t almi_finished_in_row(const almi_row_lanes *lanes, size_t i,
                                        const almi_row_columns *of, uint8_t code)
{
    double x = almi_compared(lanes->rule, of->value[lanes->own[i].column]);
    return almi_finished(&lanes->all[lanes->list[i]], x, code);
}

#endif
