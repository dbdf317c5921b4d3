/* kind_choice.h: which statistical forecaster serves which class of series, by what would have been
 * best at earlier origins.
 *
 * At every past origin each candidate of a series' class at that origin is fitted to what a run saw
 * there (pipeline/kind_forecast.h); one that does not answer for the series stands with level x
 * profile, as it would in a run. The candidate with the least mean RMSSE over the series and
 * origins of a class wins, the first listed of equals; fast and slow movers choose apart where they
 * have ALM_KIND_WINDOWS_MIN windows (a series at an origin) of their own. Aggregates choose one for
 * all levels. A class that was never scored takes its first candidate.
 *
 * Then records read as if the table had been there: `statistical` and `node_statistical` are what
 * the chosen kinds forecast, and weights and calibration are learned from that (calibrate.h). */
#ifndef ALM_TRAIN_KIND_CHOICE_H
#define ALM_TRAIN_KIND_CHOICE_H

#include "base/json.h"
#include "pipeline/series/kind_table.h"
#include "project/project.h"
#include "train/backtest/origin_record.h"

#define ALM_KIND_WINDOWS_MIN 100

typedef struct alm_kind_candidates {
    bool given; /* false: none, and level x profile for every series */
    size_t count[ALM_CLASS_COUNT]; /* 0: the class has level x profile */
    const alm_forecaster_kind *kind[ALM_CLASS_COUNT][ALM_KIND_CANDIDATES_MAX]; /* NULL: the same */
    size_t room; /* the largest count */
} alm_kind_candidates;

/* Of a model whose names are checked: those that it lists, else `level` and the usual ones of the
 * class (model/statistical/automatic/demand_class.h), for aggregates those of smooth series. */
alm_kind_candidates alm_kind_candidates_of(const alm_model_spec *model);

/* `kinds` and `node_kinds` of a record with steps and series, zeros, in `arena`. */
void alm_kind_record_allocate(const alm_kind_candidates *candidates, size_t nodes,
                              alm_arena *arena, alm_origin_record *record);

/* Fills `kinds` and `node_kinds` of a record. `season`: of the forecasters. In `arena`. */
void alm_kind_record_make(const alm_env *env, const alm_training_panel *panel,
                          const alm_kind_candidates *candidates, size_t season,
                          alm_origin_record *record, alm_arena *arena);

typedef struct alm_kind_scores { /* sums of RMSSE, and over how many windows */
    double loss[ALM_CLASS_COUNT][ALM_MOVER_COUNT][ALM_KIND_CANDIDATES_MAX];
    size_t windows[ALM_CLASS_COUNT][ALM_MOVER_COUNT];
} alm_kind_scores;

/* `nodes`: of the hierarchy. */
void alm_kind_choose(const alm_kind_candidates *candidates, const alm_origin_record *records,
                     size_t count, size_t nodes, alm_kind_scores *scores, alm_kind_table *out);

/* A copy of the record with the chosen kinds' forecasts, in `arena`; the rest is borrowed. */
alm_origin_record alm_kind_record_of(const alm_kind_candidates *candidates,
                                     const alm_kind_table *table,
                                     const alm_origin_record *record, size_t nodes,
                                     alm_arena *arena);

/* "kinds": {CLASS: [{"movers", "windows", "kind", "candidates": [{"kind", "rmsse"}]}]}. */
void alm_kind_choice_write(const alm_kind_candidates *candidates, const alm_kind_scores *scores,
                           const alm_kind_table *table, alm_json_writer *writer);

#endif
