/* demand_class.h: the classes of demand: how often there is one, and how its sizes vary.
 *
 *                          squared CV of sizes
 *                          below .49      .49 and more
 *   interval below 1.32    smooth         erratic
 *            1.32 and more intermittent   lumpy
 *
 * Syntetos, Boylan, Croston, "On the categorization of demand patterns", Journal of the Operational
 * Research Society 56 (2005). At a cut the class is the upper one.
 *
 *   interval    known periods from the first demand on, by the number of demands among them
 *   squared CV  variance (by the count) of the sizes above 0, by the square of their mean; 0 of one
 *
 * Pure functions. */
#ifndef ALM_MODEL_STATISTICAL_AUTOMATIC_DEMAND_CLASS_H
#define ALM_MODEL_STATISTICAL_AUTOMATIC_DEMAND_CLASS_H

#include "model/statistical/statistical.h"

#define ALM_DEMAND_INTERVAL_CUT 1.32
#define ALM_DEMAND_SQUARED_CV_CUT 0.49

/* X(name): NONE has no demand at all. */
#define ALM_DEMAND_CLASS_MAP(X) X(smooth) X(erratic) X(intermittent) X(lumpy) X(none)

typedef enum alm_demand_class {
#define ALM_DEMAND_CLASS_ENUM(name) ALM_DEMAND_##name,
    ALM_DEMAND_CLASS_MAP(ALM_DEMAND_CLASS_ENUM)
#undef ALM_DEMAND_CLASS_ENUM
        ALM_DEMAND_CLASS_COUNT
} alm_demand_class;

const char *alm_demand_class_name(alm_demand_class class_of_demand);

typedef struct alm_demand_shape {
    size_t periods; /* known ones, from the first demand on */
    size_t demands; /* values above 0 */
    double interval;   /* NaN: no demand */
    double squared_cv; /* NaN: no demand */
    double mean; /* per period, of `periods`; 0: no demand */
    alm_demand_class class_of_demand;
} alm_demand_shape;

/* NaN is not known and left out; a value below 0 is no demand and counts as 0 (a return). */
alm_demand_shape alm_demand_shape_of(const double *y, size_t count);

/* By the two numbers alone; both finite. */
alm_demand_class alm_demand_class_of(double interval, double squared_cv);

/* A fast mover: 10 units and more are expected over a lead time of so many periods, from where on a
 * Normal distribution is a fair one of the demand: Silver, Pyke, Thomas, "Inventory and Production
 * Management in Supply Chains" (2017), 6.7.14. Below that: a slow mover. */
#define ALM_DEMAND_FAST_UNITS 10
bool alm_demand_is_fast(const alm_demand_shape *shape, double lead_periods);

/* The class of a past as forecasters see it, beside its shape: with a value below 0, or a season
 * that tells when there is demand (seasonal.h), it is smooth or erratic, however rare demand is. */
alm_demand_class alm_demand_class_of_past(const alm_past *past);

/* The forecasters worth trying where one is to serve a whole class of series, the first choice
 * first; those of counts refuse values that are none. */
const alm_forecaster_kind *const *alm_demand_candidates(alm_demand_class class_of_demand,
                                                        size_t *count);

/* The forecasters worth combining for a series of a class, the most trusted first; at least two.
 * They differ more, and take longer: ARIMA costs as much as all others five times. Smooth and
 * erratic demand have the same ones, and so have intermittent and lumpy. They were chosen on the
 * past parts of 1,428 monthly and 359 weekly series and of car parts. Some refuse values that are
 * no counts. `season`: of the series; long ones (above ALM_ETS_SEASON_MAX) have another ARIMA. */
#define ALM_DEMAND_MEMBERS_MAX 5
const alm_forecaster_kind *const *alm_demand_members(alm_demand_class class_of_demand,
                                                     size_t season, size_t *count);

#endif
