/* forecast_words.h: what was understood of a file, and what was done with it, in plain sentences:
 * the same ones for the terminal and for the page.
 *
 * Pure functions. Lines come in a fixed order, each without a newline. */
#ifndef ALM_PIPELINE_FORECAST_WORDS_H
#define ALM_PIPELINE_FORECAST_WORDS_H

#include "pipeline/series/series_forecast.h"

typedef struct alm_forecast_made {
    const char *name; /* of the file */
    alm_long_series input;
    alm_forecast_plan plan;
    alm_forecast_set set;
    bool automatic; /* nobody asked for the method */
    bool frequency_asked, season_asked, horizon_asked;
    bool zero_gaps; /* as asked */
    alm_selector_facts learned, learned_before; /* of alm_learned: for the forecast, the check */
} alm_forecast_made;

typedef struct alm_forecast_line {
    const char *label; /* "frequency"; "" where the line goes on with the one before */
    alm_str text;
} alm_forecast_line;

#define ALM_FORECAST_LINES_MAX 48

/* Both in `arena`; how many. First what was read: file, columns, frequency, gaps, season, horizon,
 * method, regressors and what they are worth, intervals, and what was not done as asked. */
size_t alm_forecast_understood(const alm_forecast_made *made, alm_arena *arena,
                               alm_forecast_line out[ALM_FORECAST_LINES_MAX]);
/* Then how good it would have been: accuracy and coverage, or why that cannot be told. */
size_t alm_forecast_checked(const alm_forecast_made *made, alm_arena *arena,
                            alm_forecast_line out[ALM_FORECAST_LINES_MAX]);
/* Series that have too few cycles of one of several seasons. */
size_t alm_forecast_season_lacking(const alm_forecast_made *made, size_t season);
/* "12,345" */
void alm_forecast_count(alm_buffer *out, uint64_t count);
/* "80", "99.5" of .8, .995 */
void alm_forecast_percent(alm_buffer *out, double level);

#endif
