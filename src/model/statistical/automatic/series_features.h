/* series_features.h: a series as a few numbers that say what it is like: how long, how strong its
 * trend and its season, how much it depends on its own past, how often there is demand.
 *
 * Those with a name in tsfeatures are defined as there (Hyndman, Wang, Laptev, "Large-scale unusual
 * time series detection", ICDM 2015; Montero-Manso, Athanasopoulos, Hyndman, Talagala, "FFORMA:
 * Feature-based forecast model averaging", International Journal of Forecasting 36 (2020)), of
 * values that are brought to mean 0 and deviation 1 first; all of them are the same in any unit.
 *
 *   trend, season      strengths, from STL (stl.h) as statsmodels has it with a window of 13 cycles
 *                      (alm_stl_strength)
 *   spike              variance of the variances of the remainder with one value left out
 *   linearity          how far the trend rises: its coefficient of a line of length 1
 *   curvature          the same of a parabola: above 0 for a valley
 *   *_acf1, *_acf10    first autocorrelation; sum of the squares of ten
 *   *_pacf5            sum of the squares of five partial ones (Durbin and Levinson)
 *   stability,         variance of the means, of the variances, of tiles: seasons, or ten values
 *   lumpiness
 *   crossing_points    how often the series crosses its median, by its length
 *   flat_spots         the longest run within one of ten equal bins of its range, by its length
 *   entropy            of the spectrum of the newest values, from 0 (one wave) to 1 (noise)
 *   kpss               the statistic of Kwiatkowski, Phillips, Schmidt and Shin for a level that
 *                      stays, with 4 (n / 100)^(1/4) lags
 *   interval,          of demand (demand_class.h): known periods from the first one on by the
 *   squared_cv         demands; squared variation of their sizes
 *
 * Where there is no season, or fewer than two whole ones, the trend is a local line through half of
 * the values (513 at most), the season's strength is 0 and its correlations are not known.
 * (tsfeatures takes Friedman's super smoother for that trend, and counts crossings and flat spots;
 * otherwise values are equal.)
 *
 * VALUES that are not known are left out, with the pairs and differences that they are part of. A
 * feature that cannot be told is NaN: of a constant series all but lengths, shares and those of
 * demand. None is infinite, however odd the series is. Pure. */
#ifndef ALM_MODEL_STATISTICAL_AUTOMATIC_SERIES_FEATURES_H
#define ALM_MODEL_STATISTICAL_AUTOMATIC_SERIES_FEATURES_H

#include "model/statistical/statistical.h"

#define ALM_SERIES_ENTROPY_VALUES 512 /* the newest */

/* X(name). Append only: a stored selector knows them by their places. */
#define ALM_SERIES_FEATURE_MAP(X)                                                               \
    X(length)         /* known values */                                                        \
    X(cycles)         /* whole seasons of all periods; 0: there is no season */                 \
    X(missing)        /* share of periods */                                                    \
    X(zeros)          /* share of known values */                                               \
    X(interval)                                                                                 \
    X(squared_cv)                                                                               \
    X(trend)                                                                                    \
    X(season)                                                                                   \
    X(spike)                                                                                    \
    X(linearity)                                                                                \
    X(curvature)                                                                                \
    X(remainder_acf1)                                                                           \
    X(remainder_acf10)                                                                          \
    X(acf1)                                                                                     \
    X(acf10)                                                                                    \
    X(diff1_acf1)     /* of differences */                                                      \
    X(diff1_acf10)                                                                              \
    X(diff2_acf1)     /* of differences of differences */                                       \
    X(diff2_acf10)                                                                              \
    X(season_acf1)    /* at the season's lag */                                                 \
    X(pacf5)                                                                                    \
    X(diff1_pacf5)                                                                              \
    X(diff2_pacf5)                                                                              \
    X(season_pacf)                                                                              \
    X(stability)                                                                                \
    X(lumpiness)                                                                                \
    X(crossing_points)                                                                          \
    X(flat_spots)                                                                               \
    X(entropy)                                                                                  \
    X(kpss)

typedef enum alm_series_feature {
#define ALM_SERIES_FEATURE_ENUM(name) ALM_SERIES_##name,
    ALM_SERIES_FEATURE_MAP(ALM_SERIES_FEATURE_ENUM)
#undef ALM_SERIES_FEATURE_ENUM
        ALM_SERIES_FEATURE_COUNT
} alm_series_feature;

const char *alm_series_feature_name(alm_series_feature feature);

/* out[ALM_SERIES_FEATURE_COUNT]. Temporaries in `scratch`. */
void alm_series_features(const alm_past *past, alm_arena *scratch, double *out);

#endif
