/* forest_strict_sums.c: the sums of forest_strict.c in LightGBM's and in XGBoost's numbers. */
#include "base/wide_vectors.h"
#include "model/forest/forest_strict_internal.h"

#define SCALAR_SIZE_MAX 4 /* up to so many elements, vectors do not pay */

#define REAL double
#define NAME(name) name##_double
#define ZERO_IS_SKIPPED false
#include "model/forest/forest_strict_sums.inc"
#undef REAL
#undef NAME
#undef ZERO_IS_SKIPPED

#define REAL float
#define NAME(name) name##_single
#define ZERO_IS_SKIPPED true
#include "model/forest/forest_strict_sums.inc"

const almi_strict_sums ALMI_STRICT_DOUBLE = {sizeof(double), tables_double, extend_double,
                                             unwind_double, values_double, alone_double};
const almi_strict_sums ALMI_STRICT_SINGLE = {sizeof(float), tables_single, extend_single,
                                             unwind_single, values_single, alone_single};
