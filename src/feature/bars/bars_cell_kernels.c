/* Kernels over the newest bar, or over it and the one before. A missing cell makes the result
 * missing by the rules of NaN, except where a comparison would hide it. */
#include "feature/bars/bars_graph.h"

#include <math.h>

/* Sum first, then one division: the usual texts, bit for bit where sums are exact. */
static inline double typical_step(const almi_bars_run *run)
{
    return (run->in[0][0] + run->in[1][0] + run->in[2][0]) / 3;
}

static inline double median_step(const almi_bars_run *run)
{
    return (run->in[0][0] + run->in[1][0]) / 2;
}

static inline double average_step(const almi_bars_run *run)
{
    return (run->in[0][0] + run->in[1][0] + run->in[2][0] + run->in[3][0]) / 4;
}

/* J. W. Wilder, "New Concepts in Technical Trading Systems", 1978: the range with the close before
 * it drawn in. Inputs: high, low, close. */
static inline double true_range_step(const almi_bars_run *run)
{
    double high = run->in[0][0];
    double low = run->in[1][0];
    double before = run->in[2][-1];
    if (before != before) {
        return ALMI_NAN;
    }
    return (high < before ? before : high) - (low > before ? before : low);
}

static inline double gain_step(const almi_bars_run *run)
{
    double change = run->in[0][0] - run->in[0][-1];
    return change < 0 ? 0 : change;
}

static inline double loss_step(const almi_bars_run *run)
{
    double change = run->in[0][-1] - run->in[0][0];
    return change < 0 ? 0 : change;
}

/* Wilder's directional movement: the part of today's range outside of yesterday's, on the side
 * where there is more of it; on neither where both are equal or none. Inputs: high, low. */
static inline double directed_move(const almi_bars_run *run, bool upwards)
{
    double up = run->in[0][0] - run->in[0][-1];
    double down = run->in[1][-1] - run->in[1][0];
    double own = upwards ? up : down;
    double other = upwards ? down : up;
    if (own != own || other != other) {
        return ALMI_NAN;
    }
    return own > other && own > 0 ? own : 0;
}

static inline double plus_move_step(const almi_bars_run *run)
{
    return directed_move(run, true);
}

static inline double minus_move_step(const almi_bars_run *run)
{
    return directed_move(run, false);
}

/* Money flow of a bar whose price rose (fell) from the bar before. Inputs: price, volume. */
static inline double directed_flow(const almi_bars_run *run, double sign)
{
    double change = (run->in[0][0] - run->in[0][-1]) * sign;
    double flow = run->in[0][0] * run->in[1][0];
    return change > 0 ? flow : change + flow != change + flow ? ALMI_NAN : 0;
}

static inline double flow_up_step(const almi_bars_run *run)
{
    return directed_flow(run, 1);
}

static inline double flow_down_step(const almi_bars_run *run)
{
    return directed_flow(run, -1);
}

static inline double product_step(const almi_bars_run *run)
{
    return run->in[0][0] * run->in[1][0];
}

static inline double difference_step(const almi_bars_run *run)
{
    return run->in[0][0] - run->in[1][0];
}

/* The first where the second is known: what is summed beside something else. */
static inline double known_with_step(const almi_bars_run *run)
{
    return run->in[1][0] == run->in[1][0] ? run->in[0][0] : ALMI_NAN;
}

static inline double quotient_step(const almi_bars_run *run)
{
    return almi_bars_ratio(run->in[0][0], run->in[1][0]);
}

/* k times the first's share of both. */
static inline double share_step(const almi_bars_run *run)
{
    return run->k * almi_bars_ratio(run->in[0][0], run->in[0][0] + run->in[1][0]);
}

/* A band: the first plus k times the second. */
static inline double ladder_step(const almi_bars_run *run)
{
    return run->in[0][0] + run->k * run->in[1][0];
}

/* Where the first lies between the second (0) and the third (k). */
static inline double position_step(const almi_bars_run *run)
{
    double low = run->in[1][0];
    return run->k * almi_bars_ratio(run->in[0][0] - low, run->in[2][0] - low);
}

static inline double scaled_step(const almi_bars_run *run)
{
    return run->k * run->in[0][0];
}

/* 100 for an event of this bar, 0 for one of n bars ago. */
static inline double recency_step(const almi_bars_run *run)
{
    return 100 * ((double)run->n - run->in[0][0]) / (double)run->n;
}

/* Wilder's DX: how one-sided two movements are. */
static inline double spread_share_step(const almi_bars_run *run)
{
    double plus = run->in[0][0];
    double minus = run->in[1][0];
    return 100 * almi_bars_ratio(fabs(plus - minus), plus + minus);
}

static inline double weekday_step(const almi_bars_run *run)
{
    return alm_date_weekday((alm_date)run->in[0][0]);
}

static inline double month_step(const almi_bars_run *run)
{
    return alm_date_civil((alm_date)run->in[0][0]).month;
}

/* clang-format off */
#define CELL_KERNEL(name, input_count, cells)                                                  \
    ALMI_BARS_DEFINE_RUN(name)                                                                 \
    const almi_bars_kernel almi_bars_##name = {                                                \
        .inputs = (input_count), .reads = (cells), .run = name##_run};

CELL_KERNEL(typical, 3, 1)
CELL_KERNEL(median, 2, 1)
CELL_KERNEL(average, 4, 1)
CELL_KERNEL(true_range, 3, 2)
CELL_KERNEL(gain, 1, 2)
CELL_KERNEL(loss, 1, 2)
CELL_KERNEL(plus_move, 2, 2)
CELL_KERNEL(minus_move, 2, 2)
CELL_KERNEL(flow_up, 2, 2)
CELL_KERNEL(flow_down, 2, 2)
CELL_KERNEL(product, 2, 1)
CELL_KERNEL(known_with, 2, 1)
CELL_KERNEL(difference, 2, 1)
CELL_KERNEL(quotient, 2, 1)
CELL_KERNEL(share, 2, 1)
CELL_KERNEL(ladder, 2, 1)
CELL_KERNEL(position, 3, 1)
CELL_KERNEL(scaled, 1, 1)
CELL_KERNEL(recency, 1, 1)
CELL_KERNEL(spread_share, 2, 1)
CELL_KERNEL(weekday, 1, 1)
CELL_KERNEL(month, 1, 1)
/* clang-format on */
