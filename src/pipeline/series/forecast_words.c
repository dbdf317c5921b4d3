#include "pipeline/series/forecast_words.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>

#include "pipeline/series/regressor_words.h"

typedef struct lines {
    const alm_forecast_made *made;
    alm_arena *arena;
    alm_forecast_line *out;
    size_t count;
    alm_buffer text; /* of the line at hand */
} lines;

static void end(lines *l, const char *label)
{
    alm_str text = alm_buffer_view(&l->text);
    alm_assert(l->count < ALM_FORECAST_LINES_MAX);
    l->out[l->count++] = (alm_forecast_line){
        label, {alm_arena_copy_text(l->arena, text.data ? text.data : "", text.size), text.size}};
    alm_buffer_clear(&l->text);
}

void alm_forecast_count(alm_buffer *out, uint64_t count)
{
    char digits[ALM_U64_TEXT_BYTES];
    size_t size = alm_u64_text(count, digits);
    for (size_t i = 0; i < size; i++) {
        alm_buffer_append(out, ",", i > 0 && (size - i) % 3 == 0 ? 1 : 0);
        alm_buffer_append(out, digits + i, 1);
    }
}

/* "1 row", "144 rows" */
static void put_number(alm_buffer *out, uint64_t count, const char *noun)
{
    alm_forecast_count(out, count);
    alm_buffer_printf(out, " %s%s", noun, count == 1 || noun[0] == '\0' ? "" : "s");
}

void alm_forecast_percent(alm_buffer *out, double level)
{
    alm_buffer_double(out, floor(level * 1e6 + .5) / 1e4);
}

static void put_time(lines *l, int64_t time)
{
    char text[ALM_INSTANT_TEXT_BYTES];
    alm_time_write(&l->made->input.style, time, text);
    alm_buffer_text(&l->text, text);
}

/* ---- what was read ---- */

static void tell_rows(lines *l)
{
    const alm_long_series *in = &l->made->input;
    size_t least = SIZE_MAX;
    size_t most = 0;
    for (size_t i = 0; i < in->count; i++) {
        least = in->series[i].count < least ? in->series[i].count : least;
        most = in->series[i].count > most ? in->series[i].count : most;
    }
    alm_buffer_visible(&l->text, alm_str_of(l->made->name));
    alm_buffer_text(&l->text, ": ");
    put_number(&l->text, in->facts.rows, in->facts.wide == ALM_LONG ? "row" : "value");
    alm_buffer_text(&l->text, ", ");
    alm_forecast_count(&l->text, in->count);
    alm_buffer_text(&l->text, " series of ");
    if (least < most) {
        alm_forecast_count(&l->text, least);
        alm_buffer_text(&l->text, " to ");
    }
    put_number(&l->text, most, "period");
    end(l, "read");
}

static void tell_columns(lines *l)
{
    const alm_long_facts *f = &l->made->input.facts;
    const char *guess = "";
    if (f->id.size > 0) {
        alm_buffer_text(&l->text, "series by ");
        alm_buffer_visible(&l->text, f->id);
        alm_buffer_text(&l->text, ", ");
    }
    alm_buffer_text(&l->text, f->wide == ALM_LONG_TIMES ? "a column per time, " : "time ");
    alm_buffer_visible(&l->text, f->time);
    if (f->wide != ALM_LONG_TIMES) {
        alm_buffer_text(&l->text, f->wide == ALM_LONG_SERIES ? ", a column per series: "
                                                             : ", value ");
        alm_buffer_visible(&l->text, f->value);
    }
    if (!f->id_named && !f->time_named && !f->value_named) {
        guess = " (guessed; --id, --time, --value name others)";
    } else if (!f->time_named || !f->value_named || (!f->id_named && f->id.size > 0)) {
        guess = " (what was not named is guessed)";
    }
    alm_buffer_text(&l->text, guess);
    end(l, "columns");
    if (f->id.size == 0 && f->wide == ALM_LONG) {
        alm_buffer_text(&l->text, "all rows are one series: no column tells series apart");
        end(l, "");
    }
    if (f->unused.size > 0) {
        alm_buffer_text(&l->text, "not used: ");
        alm_buffer_str(&l->text, f->unused);
        end(l, "");
    }
}

/* " on Mondays", where all weeks begin on one day; " at their end" of months. */
static void put_anchor(lines *l)
{
    static const char *const DAYS[] = {"Mondays", "Tuesdays", "Wednesdays", "Thursdays", "Fridays",
                                       "Saturdays", "Sundays"};
    const alm_long_series *in = &l->made->input;
    if (in->frequency.period == ALM_PERIOD_MONTH && in->frequency.day > 1) {
        if (in->frequency.day == ALM_MONTH_END) {
            alm_buffer_text(&l->text, " at the month's end");
        } else {
            alm_buffer_printf(&l->text, " on day %d", in->frequency.day);
        }
    }
    if (in->frequency.period != ALM_PERIOD_WEEK) {
        return;
    }
    int day = alm_date_weekday(alm_time_day(in->series[0].start, NULL));
    for (size_t i = 1; i < in->count; i++) {
        if (alm_date_weekday(alm_time_day(in->series[i].start, NULL)) != day) {
            return;
        }
    }
    alm_buffer_printf(&l->text, " on %s", DAYS[day]);
}

/* Of whom it is a bound the method says: no other forecaster knows what to do with one. */
static void tell_sold_out(lines *l)
{
    const alm_long_facts *f = &l->made->input.facts;
    size_t bounds = 0;
    for (size_t i = 0; i < l->made->input.count; i++) {
        bounds += l->made->set.series[i].kind == &alm_count && l->made->input.series[i].least;
    }
    put_number(&l->text, f->sold_out_periods, "period");
    if (l->made->input.count > 1 && f->sold_out_periods > 0) {
        alm_buffer_text(&l->text, ", in ");
        alm_forecast_count(&l->text, f->sold_out_series);
        alm_buffer_text(&l->text, " series,");
    }
    alm_buffer_text(&l->text, f->sold_out_periods == 1 ? " was" : " were");
    alm_buffer_text(&l->text, " sold out, by column ");
    alm_buffer_visible(&l->text, f->sold_out);
    if (bounds == f->sold_out_series && bounds > 0) {
        alm_buffer_text(&l->text, ": what was sold is a lower bound of demand");
    } else if (bounds > 0) {
        alm_buffer_text(&l->text, ": a lower bound of demand in ");
        alm_forecast_count(&l->text, bounds);
        alm_buffer_text(&l->text, " series, missing in the others");
    } else if (f->sold_out_periods > 0) {
        alm_buffer_text(&l->text, l->made->plan.kind == &alm_count
                                      ? ": missing, as another method answers for them"
                                      : ": missing (--method count: lower bounds)");
    }
    end(l, "");
}

static void tell_frequency(lines *l)
{
    const alm_long_series *in = &l->made->input;
    char text[ALM_FREQUENCY_TEXT_BYTES];
    alm_frequency_text(&in->frequency, text);
    alm_buffer_text(&l->text, text);
    put_anchor(l);
    alm_buffer_text(&l->text, ", from ");
    put_time(l, in->facts.first);
    alm_buffer_text(&l->text, " to ");
    put_time(l, in->facts.last);
    alm_buffer_text(&l->text, l->made->frequency_asked ? " (as asked)"
                              : in->facts.assumed ? " (assumed: no series has two times; --freq "
                                                    "CODE changes it)" : "");
    end(l, "frequency");
    if (in->facts.gaps > 0) {
        put_number(&l->text, in->facts.gaps, "period");
        alm_buffer_text(&l->text, " of ");
        alm_forecast_count(&l->text, in->facts.periods);
        if (in->count > 1) {
            alm_buffer_text(&l->text, ", in ");
            alm_forecast_count(&l->text, in->facts.gap_series);
            alm_buffer_text(&l->text, " series,");
        }
        alm_buffer_printf(&l->text, " %s no row: %s", in->facts.gaps == 1 ? "has" : "have",
                          l->made->zero_gaps ? "0 (as asked)" : "missing (--zero-gaps: 0)");
        end(l, "");
    }
    if (in->facts.empty > 0) {
        put_number(&l->text, in->facts.empty, "row");
        alm_buffer_printf(&l->text, " %s no value: missing, not 0",
                          in->facts.empty == 1 ? "has" : "have");
        end(l, "");
    }
    if (in->facts.sold_out.size > 0) {
        tell_sold_out(l);
    }
    if (in->facts.early_series > 0) {
        alm_forecast_count(&l->text, in->facts.early_series);
        alm_buffer_text(&l->text, in->facts.early_series == 1
                                      ? " series ends earlier: its forecast starts where it ends"
                                      : " series end earlier: their forecasts start where they "
                                        "end");
        end(l, "");
    }
    if (in->facts.gaps == 0 && in->facts.empty == 0) {
        alm_buffer_text(&l->text, "no gaps");
        end(l, "");
    }
}

size_t alm_forecast_season_lacking(const alm_forecast_made *made, size_t season)
{
    size_t lacking = 0;
    for (size_t i = 0; i < made->input.count; i++) {
        alm_forecast_plan own = alm_forecast_plan_of(&made->plan, made->input.series[i].count);
        lacking += own.season_count <= season;
    }
    return lacking;
}

/* "12 months", "24 steps of 15 minutes" */
static void put_steps(lines *l, size_t steps)
{
    const alm_frequency *f = &l->made->input.frequency;
    char step[ALM_FREQUENCY_TEXT_BYTES];
    alm_frequency_step_text(f, step);
    bool plain = step[0] < '0' || step[0] > '9';
    if (plain && f->period != ALM_PERIOD_INDEX) {
        put_number(&l->text, steps, step);
        return;
    }
    put_number(&l->text, steps, "step");
    if (!plain) {
        alm_buffer_printf(&l->text, " of %s", step);
    }
}

/* A season of which series are too short. */
static void tell_lacking(lines *l, size_t season)
{
    size_t total = l->made->input.count;
    size_t lacking = alm_forecast_season_lacking(l->made, season);
    if (lacking == 0) {
        return;
    }
    put_steps(l, l->made->plan.seasons[season]);
    alm_buffer_text(&l->text, ": left out");
    if (total > 1) {
        alm_buffer_text(&l->text, " of ");
        alm_forecast_count(&l->text, lacking);
        alm_buffer_text(&l->text, " of ");
        alm_forecast_count(&l->text, total);
        alm_buffer_text(&l->text, " series");
    }
    alm_buffer_printf(&l->text, ", less than %zu whole cycles", l->made->plan.cycles);
    end(l, "");
}

static void tell_season(lines *l)
{
    const alm_forecast_plan *plan = &l->made->plan;
    if (plan->season_count > 1) {
        for (size_t i = 0; i + 1 < plan->season_count; i++) {
            alm_forecast_count(&l->text, plan->seasons[i]);
            alm_buffer_text(&l->text, i + 2 < plan->season_count ? ", " : " and ");
        }
        put_steps(l, plan->seasons[plan->season_count - 1]);
    } else if (l->made->plan.season > 1) {
        put_steps(l, l->made->plan.season);
    } else {
        alm_buffer_text(&l->text, "none");
    }
    alm_buffer_text(&l->text,
                    l->made->season_asked ? " (as asked)" : " (by rule; --season N changes it)");
    end(l, "season");
    for (size_t i = 0; plan->season_count > 1 && i < plan->season_count; i++) {
        tell_lacking(l, i);
    }
}

static void tell_horizon(lines *l)
{
    const alm_long_series *in = &l->made->input;
    int64_t end_time = 0;
    put_steps(l, l->made->plan.steps);
    if (in->count == 1 && alm_long_time(in, &in->series[0],
                                        in->series[0].count - 1 + l->made->plan.steps,
                                        &end_time)) {
        alm_buffer_text(&l->text, ", to ");
        put_time(l, end_time);
    }
    alm_buffer_text(&l->text, l->made->horizon_asked ? " (as asked)"
                                                     : " (by rule; --horizon N changes it)");
    end(l, "horizon");
}

/* ---- what was done ---- */

/* Which forecasters answered instead, for one reason. */
static void tell_reason(lines *l, alm_forecast_reason reason)
{
    const alm_forecast_set *set = &l->made->set;
    size_t total = l->made->input.count;
    if (set->reasons[reason] == 0) {
        return;
    }
    const alm_forecaster_kind *other = NULL;
    bool several = false;
    for (size_t i = 0; i < total; i++) {
        if (set->series[i].reason == reason) {
            several = several || (other && other != set->series[i].kind);
            other = set->series[i].kind;
        }
    }
    if (total > 1) {
        alm_forecast_count(&l->text, set->reasons[reason]);
        alm_buffer_text(&l->text, " of ");
        alm_forecast_count(&l->text, total);
        alm_buffer_text(&l->text, " series");
    }
    if (reason == ALM_FORECAST_NO_VALUES || !other) {
        alm_buffer_printf(&l->text, "%s%s", total > 1 ? ": " : "",
                          alm_forecast_reason_sentence(reason));
    } else {
        alm_buffer_printf(&l->text, "%sby %s instead: %s", total > 1 ? " " : "",
                          several ? "a simpler method" : other->name,
                          alm_forecast_reason_sentence(reason));
    }
    end(l, "");
}

/* Where the automatic forecaster leaves series to the one for several seasons. */
static void tell_several(lines *l)
{
    const alm_forecast_plan *plan = &l->made->plan;
    size_t total = l->made->input.count;
    if (plan->season_count < 2 || plan->kind != alm_forecast_automatic()) {
        return;
    }
    size_t several = 0;
    for (size_t i = 0; i < total; i++) {
        several += l->made->set.series[i].kind == &alm_mstl;
    }
    if (several == 0 && !plan->seasons_tried) {
        return;
    }
    alm_buffer_text(&l->text, several == 0 ? "one season" : alm_mstl.name);
    if (total > 1 && several > 0) {
        alm_buffer_text(&l->text, " of ");
        alm_forecast_count(&l->text, several);
        alm_buffer_text(&l->text, " of ");
        alm_forecast_count(&l->text, total);
        alm_buffer_text(&l->text, " series");
    }
    alm_buffer_text(&l->text, several == 0           ? ": several did not do better before"
                              : plan->seasons_tried ? ", where several seasons did better before"
                                                    : ", for several seasons");
    end(l, "");
}

static const char *group_text(int group)
{
    return group == ALM_SELECTOR_RARE ? "intermittent" : "regular";
}

/* What weights were learned from. */
static void tell_learned(lines *l)
{
    const alm_selector_facts *facts = &l->made->learned;
    for (int group = 0; group < ALM_SELECTOR_GROUP_COUNT; group++) {
        if (facts->is_learned[group]) {
            alm_buffer_printf(&l->text, "weights of %s demand learned from ", group_text(group));
            alm_forecast_count(&l->text, facts->series[group]);
            alm_buffer_text(&l->text, " series at ");
            put_number(&l->text, facts->rows[group], "origin");
            end(l, "");
        } else if (facts->series[group] > 0) {
            alm_buffer_printf(&l->text, "weights of %s demand even: ", group_text(group));
            alm_forecast_count(&l->text, facts->series[group]);
            alm_buffer_text(&l->text, " series are too few to learn from");
            end(l, "");
        }
    }
}

static void tell_method(lines *l)
{
    alm_buffer_text(&l->text, l->made->plan.kind->name);
    alm_buffer_text(&l->text, l->made->automatic ? " (by default; --method NAME changes it)"
                                                 : " (as asked)");
    end(l, "method");
    tell_several(l);
    if (l->made->plan.kind == &alm_learned) {
        tell_learned(l);
    }
    if (l->made->set.common) {
        alm_buffer_text(&l->text, "parameters in common over all series, and those of each drawn "
                                  "to them");
        end(l, "");
    }
    const alm_choice_facts *choice = &l->made->set.series[0].choice;
    if (l->made->input.count == 1 && choice->count > 0) {
        alm_buffer_text(&l->text, alm_choice_text(choice, l->arena));
        end(l, "");
    }
    for (int i = ALM_FORECAST_SHORT; i < ALM_FORECAST_REASON_COUNT; i++) {
        tell_reason(l, (alm_forecast_reason)i);
    }
}

static void tell_support(lines *l)
{
    size_t of[3] = {0, 0, 0};
    const alm_forecast_set *set = &l->made->set;
    for (size_t i = 0; i < l->made->input.count; i++) {
        of[set->series[i].support] += set->series[i].kind != NULL;
    }
    size_t total = of[0] + of[1] + of[2];
    if (total == 0) {
        return;
    }
    alm_buffer_text(&l->text,
                    of[ALM_SUPPORT_COUNT] == total  ? "; whole numbers, not below 0"
                    : of[ALM_SUPPORT_REAL] == 0     ? "; not below 0, as the past"
                    : of[ALM_SUPPORT_REAL] < total ? "; not below 0 where the past is not"
                                                   : "");
}

/* "80% and 95%" of those levels that are calibrated, or are not; how many. */
static size_t put_levels(lines *l, bool calibrated)
{
    const alm_forecast_plan *plan = &l->made->plan;
    size_t total = 0;
    size_t put = 0;
    for (size_t k = 0; k < plan->level_count; k++) {
        total += l->made->set.level_calibrated[k] == calibrated;
    }
    for (size_t k = 0; k < plan->level_count; k++) {
        if (l->made->set.level_calibrated[k] == calibrated) {
            alm_buffer_text(&l->text, put == 0 ? "" : put + 1 < total ? ", " : " and ");
            alm_forecast_percent(&l->text, plan->level[k]);
            alm_buffer_text(&l->text, "%");
            put++;
        }
    }
    return total;
}

/* Which intervals are as wide as the check says, and which are the model's. */
static void tell_calibration(lines *l)
{
    const alm_forecast_plan *plan = &l->made->plan;
    const alm_forecast_set *set = &l->made->set;
    if (!plan->calibrated) {
        alm_buffer_text(&l->text, "as the model has them (as asked)");
        end(l, "");
        return;
    }
    size_t put = put_levels(l, true);
    if (put > 0) {
        alm_buffer_text(&l->text, ": calibrated on earlier origins (--intervals model: not)");
        end(l, "");
        size_t left = 0;
        for (size_t i = 0; i < l->made->input.count; i++) {
            left += set->series[i].spread != ALM_SPREAD_NONE && !set->series[i].calibrated;
        }
        if (left > 0) {
            alm_forecast_count(&l->text, left);
            alm_buffer_printf(&l->text, " series %s the intervals of what answered: another "
                                        "method, or never off", left == 1 ? "keeps" : "keep");
            end(l, "");
        }
    }
    if (put < plan->level_count) {
        (void)put_levels(l, false);
        alm_buffer_text(&l->text, ": as the model has them, too few origins and series "
                                  "to calibrate");
        end(l, "");
    }
}

static void tell_intervals(lines *l)
{
    const alm_forecast_plan *plan = &l->made->plan;
    for (size_t k = 0; k < plan->level_count; k++) {
        alm_buffer_text(&l->text, k == 0 ? "" : k + 1 < plan->level_count ? ", " : " and ");
        alm_forecast_percent(&l->text, plan->level[k]);
        alm_buffer_text(&l->text, "%");
    }
    if (plan->paths > 0) {
        alm_buffer_text(&l->text, ", from ");
        alm_forecast_count(&l->text, plan->paths);
        alm_buffer_text(&l->text, " sample paths");
    } else {
        alm_buffer_text(&l->text, ", Normal");
    }
    tell_support(l);
    end(l, "intervals");
    if (l->made->set.unspread > 0) {
        if (l->made->input.count > 1) {
            alm_forecast_count(&l->text, l->made->set.unspread);
            alm_buffer_text(&l->text, " series ");
        }
        alm_buffer_text(&l->text, "without intervals: too short to tell how far off a forecast is");
        end(l, "");
    }
    tell_calibration(l);
}

static void tell_regressors(lines *l)
{
    const char *label = "";
    for (size_t i = 0; alm_regressor_line(l->made, i, &l->text, &label); i++) {
        end(l, label);
    }
}

size_t alm_forecast_understood(const alm_forecast_made *made, alm_arena *arena,
                               alm_forecast_line out[ALM_FORECAST_LINES_MAX])
{
    lines l = {made, arena, out, 0, {0}};
    tell_rows(&l);
    tell_columns(&l);
    tell_frequency(&l);
    tell_season(&l);
    tell_horizon(&l);
    tell_method(&l);
    tell_regressors(&l);
    if (made->plan.level_count > 0) {
        tell_intervals(&l);
    }
    alm_buffer_deinit(&l.text);
    return l.count;
}

/* ---- how good ---- */

static void put_figure(lines *l, const char *name, double ours, double naive, double unit)
{
    if (isnan(ours)) {
        return;
    }
    const char *percent = unit > 1 ? "%" : "";
    int decimals = unit > 1 ? 1 : 2;
    alm_buffer_printf(&l->text, "%s%s %.*f%s", l->text.size ? ", " : "", name, decimals,
                      unit * ours, percent);
    if (!isnan(naive)) {
        alm_buffer_printf(&l->text, " (%.*f%s)", decimals, unit * naive, percent);
    }
}

/* Beyond five points, and beyond what chance does with so many windows (values of one window go
 * together): two standard deviations. */
static const char *verdict(const alm_forecast_score *score, double level, double held)
{
    double chance = 2 * sqrt(level * (1 - level) / (double)score->windows);
    double doubt = chance > .05 ? chance : .05;
    return held < level - doubt ? " (too narrow)" : held > level + doubt ? " (too wide)" : "";
}

/* "80% intervals held 79.6% (too narrow) (the model's 70.2%)" */
static void put_held(lines *l, size_t k)
{
    const alm_forecast_set *set = &l->made->set;
    double held = alm_forecast_coverage(&set->score, k);
    alm_forecast_percent(&l->text, l->made->plan.level[k]);
    if (isnan(held)) {
        alm_buffer_text(&l->text, "% intervals: not known, all origins share values with those "
                                  "that calibrate");
        return;
    }
    alm_buffer_printf(&l->text, "%% intervals held %.1f%%%s", 100 * held,
                      verdict(&set->score, l->made->plan.level[k], held));
    if (set->level_calibrated[k]) {
        alm_buffer_printf(&l->text, " (the model's %.1f%%)",
                          100 * alm_forecast_coverage(&set->model, k));
    }
}

static void tell_coverage(lines *l)
{
    const alm_forecast_set *set = &l->made->set;
    const uint64_t *values = set->score.interval_pairs;
    size_t levels = set->model.interval_pairs[0] + values[0] > 0 ? l->made->plan.level_count : 0;
    for (size_t k = 0; k < levels; k++) {
        alm_buffer_text(&l->text, k ? ", " : "");
        put_held(l, k);
        if (values[k] > 0 && (k + 1 == levels || values[k + 1] != values[k])) {
            alm_buffer_text(&l->text, " of ");
            put_number(&l->text, values[k], "value");
        }
    }
    if (l->text.size > 0) {
        end(l, "coverage");
    }
    if (levels > 0 && set->level_calibrated[0] && values[0] > 0) {
        alm_buffer_text(&l->text, "calibrated: each origin by intervals from origins that share no "
                                  "value with it");
        end(l, "");
    }
}

/* Nothing was judged although origins were asked for. */
static void tell_why_unchecked(lines *l)
{
    const alm_forecast_made *made = l->made;
    size_t answered = 0;
    size_t tried = 0;
    for (size_t i = 0; i < made->input.count; i++) {
        bool answers = made->set.series[i].kind != NULL;
        answered += answers;
        tried += answers && alm_forecast_origins(&made->plan, made->input.series[i].count) > 0;
    }
    alm_buffer_text(&l->text, "none: ");
    if (tried > 0) {
        alm_buffer_text(&l->text, "no earlier origin has a forecast and a known value to judge it "
                                  "by");
    } else if (answered > 0) {
        alm_buffer_printf(&l->text, "no series %sis long enough to hold back ",
                          answered < made->input.count ? "that has a forecast " : "");
        put_steps(l, made->plan.steps);
    } else if (made->set.reasons[ALM_FORECAST_NO_VALUES] == made->input.count) {
        alm_buffer_text(&l->text, "no value is known");
    } else if (made->set.reasons[ALM_FORECAST_NUMERIC] == made->input.count) {
        alm_buffer_text(&l->text, "numbers of this size cannot be worked with");
    } else {
        alm_buffer_text(&l->text, "no series has a forecast");
    }
    alm_buffer_text(&l->text, "; accuracy and coverage are not known");
}

static void tell_unchecked(lines *l)
{
    if (l->made->plan.origins == 0) {
        alm_buffer_text(&l->text, "none, as asked: neither accuracy nor coverage is known");
    } else {
        tell_why_unchecked(l);
    }
    end(l, "check");
}

size_t alm_forecast_checked(const alm_forecast_made *made, alm_arena *arena,
                            alm_forecast_line out[ALM_FORECAST_LINES_MAX])
{
    lines l = {made, arena, out, 0, {0}};
    const alm_forecast_score *score = &made->set.score;
    const alm_forecast_score *naive = &made->set.naive;
    if (made->set.checked == 0) {
        tell_unchecked(&l);
        alm_buffer_deinit(&l.text);
        return l.count;
    }
    alm_buffer_printf(&l.text, "the same method on up to %zu earlier origins", made->plan.origins);
    if (made->input.count > 1) {
        alm_buffer_text(&l.text, " of ");
        alm_forecast_count(&l.text, made->set.checked);
        alm_buffer_text(&l.text, " of ");
        alm_forecast_count(&l.text, made->input.count);
        alm_buffer_text(&l.text, " series");
    }
    if (made->plan.kind == &alm_learned) {
        const bool *learned = made->learned_before.is_learned;
        bool any = learned[ALM_SELECTOR_REGULAR] || learned[ALM_SELECTOR_RARE];
        alm_buffer_text(&l.text, any ? ", with weights learned before them"
                                     : ", with even weights: too few values before them");
    }
    end(&l, "check");
    put_figure(&l, "MASE", alm_forecast_mase(score), alm_forecast_mase(naive), 1);
    put_figure(&l, "WAPE", alm_forecast_wape(score), alm_forecast_wape(naive), 100);
    put_figure(&l, "sMAPE", alm_forecast_smape(score), alm_forecast_smape(naive), 1);
    if (l.text.size == 0) {
        alm_buffer_text(&l.text, "no error can be set in relation to anything");
    } else {
        alm_buffer_printf(&l.text, "; in brackets %s",
                          made->plan.season > 1 ? "seasonal naive" : "naive");
    }
    end(&l, "accuracy");
    tell_coverage(&l);
    alm_buffer_deinit(&l.text);
    return l.count;
}
