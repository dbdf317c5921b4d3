/* Operators on the date of the target period, and distances to events of a column. */
#include "feature/operator.h"

static inline double cell_at(const almi_run *run, size_t p)
{
    return run->cells[p & run->cell_mask];
}

typedef struct no_state {
    char unused;
} no_state;

static inline alm_date day_of(const almi_run *run, size_t p)
{
    return run->first_day + (alm_date)p;
}

static inline double weekday_step(no_state *state, const almi_run *run, size_t p)
{
    (void)state;
    return alm_date_weekday(day_of(run, p));
}

static inline double day_of_month_step(no_state *state, const almi_run *run, size_t p)
{
    (void)state;
    return alm_date_civil(day_of(run, p)).day;
}

static inline double day_of_year_step(no_state *state, const almi_run *run, size_t p)
{
    (void)state;
    return alm_date_day_of_year(day_of(run, p));
}

static inline double week_of_year_step(no_state *state, const almi_run *run, size_t p)
{
    (void)state;
    return alm_date_week_of_year(day_of(run, p));
}

static inline double month_step(no_state *state, const almi_run *run, size_t p)
{
    (void)state;
    return alm_date_civil(day_of(run, p)).month;
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

ALMI_DEFINE_RUN(weekday, no_state, weekday_step)
ALMI_DEFINE_RUN(day_of_month, no_state, day_of_month_step)
ALMI_DEFINE_RUN(day_of_year, no_state, day_of_year_step)
ALMI_DEFINE_RUN(week_of_year, no_state, week_of_year_step)
ALMI_DEFINE_RUN(month, no_state, month_step)
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
