/* local_statistics.h: what statistical forecasters make of one past: features for a model that
 * learns from many.
 *
 * All of it is fitted to the newest ALM_LOCAL_PERIODS values of the past that is given and to
 * nothing behind it, so a row of a training set that is given the past of its own origin looks at
 * nothing that came later. What cannot be fitted (too short, constant, no demand) is NaN, which a
 * forest takes as missing. Pure but for the arena. */
#ifndef ALM_TRAIN_LOCAL_STATISTICS_H
#define ALM_TRAIN_LOCAL_STATISTICS_H

#include "model/statistical/statistical.h"

#define ALM_LOCAL_PERIODS 400

/* X(name): the numbers that all steps share. */
#define ALM_LOCAL_MAP(X)                                                       \
    X(ses)             /* level of simple exponential smoothing, fitted */     \
    X(tsb)             /* size by probability of a demand (Teunter et al.) */  \
    X(interval)        /* between demands */                                   \
    X(squared_cv)      /* of their sizes */                                    \
    X(trend_strength)  /* STL's, from 0 to 1 */                                \
    X(season_strength)

typedef struct alm_local_statistics {
#define ALM_LOCAL_FIELD(name) double name;
    ALM_LOCAL_MAP(ALM_LOCAL_FIELD)
#undef ALM_LOCAL_FIELD
    double *theta; /* of every step ahead: the standard theta forecast */
    double *index; /* of every step ahead: what its phase adds to the level (seasonal.h) */
} alm_local_statistics;

/* `ahead` steps from the newest value on. theta and index lie in `arena`, temporaries too. */
void alm_local_statistics_of(const alm_past *past, size_t ahead, alm_arena *arena,
                             alm_local_statistics *out);

#endif
