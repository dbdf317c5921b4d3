/* Operators on the date of the target period, and distances to events of a column. */
#include "feature/operator.h"

static inline double cell_at(const almi_run *run, size_t p)
{
    return run->cells[p & run->cell_mask];
}

typedef struct no_state {
    char unused;
} no_state;

/* ---- the date: looked up for the first period, then it walks along ---- */

static inline alm_date day_of(const almi_run *run, size_t p)
{
    return run->first_day + (alm_date)p;
}

/* first, first + slope, ... for periods [from, to), but `count` of them at most. Where it ends. */
static inline size_t fill(const almi_run *run, size_t from, size_t to, int count, int first,
                          int slope)
{
    double *track = run->track;
    size_t mask = run->track_mask;
    size_t end = to - from < (size_t)count ? to : from + (size_t)count;
    for (size_t p = from; p < end; p++, first += slope) {
        track[p & mask] = first;
    }
    return end;
}

static void run_weekday(const almi_run *run, size_t from, size_t to)
{
    int weekday = alm_date_weekday(day_of(run, from));
    while (from < to) {
        from = fill(run, from, to, 7 - weekday, weekday, 1);
        weekday = 0;
    }
}

static alm_civil first_of_next_month(alm_civil date)
{
    return date.month < 12 ? (alm_civil){date.year, date.month + 1, 1}
                           : (alm_civil){date.year + 1, 1, 1};
}

static int days_left_in_month(alm_civil date)
{
    return alm_date_days_of_month(date.year, date.month) - date.day + 1;
}

static void run_day_of_month(const almi_run *run, size_t from, size_t to)
{
    alm_civil date = alm_date_civil(day_of(run, from));
    while (from < to) {
        from = fill(run, from, to, days_left_in_month(date), date.day, 1);
        date = first_of_next_month(date);
    }
}

static void run_month(const almi_run *run, size_t from, size_t to)
{
    alm_civil date = alm_date_civil(day_of(run, from));
    while (from < to) {
        from = fill(run, from, to, days_left_in_month(date), date.month, 0);
        date = first_of_next_month(date);
    }
}

static void run_day_of_year(const almi_run *run, size_t from, size_t to)
{
    int32_t year = alm_date_civil(day_of(run, from)).year;
    int day = alm_date_day_of_year(day_of(run, from));
    while (from < to) {
        int days = 337 + alm_date_days_of_month(year++, 2);
        from = fill(run, from, to, days - day + 1, day, 1);
        day = 1;
    }
}

static void run_week_of_year(const almi_run *run, size_t from, size_t to)
{
    int left = 7 - alm_date_weekday(day_of(run, from));
    int week = alm_date_week_of_year(day_of(run, from));
    while (from < to) {
        from = fill(run, from, to, left, week, 0);
        left = 7;
        /* No year has fewer than 52 weeks. */
        week = week < 52 ? week + 1 : alm_date_week_of_year(day_of(run, from));
    }
}

/* Distances: an event within the cap gives its distance; none, and every cell within the cap
 * known, gives the cap; otherwise the distance is not known. */

static inline double days_to_step(no_state *state, const almi_run *run, size_t p)
{
    (void)state;
    bool unknown = false;
    for (size_t distance = 0; distance <= run->window; distance++) {
        double cell = cell_at(run, p + distance);
        if (cell > 0) {
            return (double)distance;
        }
        unknown = unknown || cell != cell;
    }
    return unknown ? ALMI_NAN : (double)run->window;
}

typedef struct since_state {
    size_t since_event;   /* periods; window + 1: none within the cap */
    size_t since_unknown; /* the same for cells that are not known */
    bool started;
} since_state;

static inline double days_since_step(since_state *state, const almi_run *run, size_t p)
{
    double cell = cell_at(run, p);
    size_t far = run->window + 1;
    if (!state->started) {
        /* What lies before the first period is not known. */
        *state = (since_state){far, 0, true};
    }
    state->since_event = cell > 0 ? 0 : state->since_event + (state->since_event < far);
    state->since_unknown = cell != cell ? 0 : state->since_unknown + (state->since_unknown < far);
    if (state->since_event < far) {
        return (double)state->since_event;
    }
    return state->since_unknown < far ? ALMI_NAN : (double)run->window;
}

ALMI_DEFINE_RUN(days_to, no_state, days_to_step)
ALMI_DEFINE_RUN(days_since, since_state, days_since_step)

/* clang-format off */
#define CALENDAR_KERNEL(name)                                                                 \
    const almi_kernel almi_kernel_##name = {                                                  \
        .input = ALMI_INPUT_NONE, .read = ALMI_READ_PERIOD, .calendar = true,                 \
        .state_bytes = sizeof(no_state), .run = run_##name};

CALENDAR_KERNEL(weekday)
CALENDAR_KERNEL(day_of_month)
CALENDAR_KERNEL(day_of_year)
CALENDAR_KERNEL(week_of_year)
CALENDAR_KERNEL(month)
/* clang-format on */

const almi_kernel almi_kernel_days_to = {
    .input = ALMI_INPUT_COLUMN,
    .read = ALMI_READ_PERIOD,
    .takes = ALMI_TAKES_WINDOW,
    .window_min = 1,
    .known_only = true,
    .lookahead = true,
    .state_bytes = sizeof(no_state),
    .run = run_days_to,
};
const almi_kernel almi_kernel_days_since = {
    .input = ALMI_INPUT_COLUMN,
    .read = ALMI_READ_SINCE,
    .takes = ALMI_TAKES_WINDOW,
    .window_min = 1,
    .state_bytes = sizeof(since_state),
    .run = run_days_since,
};
const almi_kernel almi_kernel_step = {.input = ALMI_INPUT_NONE, .read = ALMI_READ_STEP};
const almi_kernel almi_kernel_attribute = {.input = ALMI_INPUT_STATIC, .read = ALMI_READ_STATIC};
