/* The operators, each a small composition of nodes. Where libraries differ, the definition that is
 * meant is said here and in docs/bars.md. */
#include "feature/bars/bars_graph.h"

typedef almi_bars_graph graph;
typedef const almi_bars_argument args;

static uint32_t one(graph *g, const almi_bars_kernel *kernel, uint32_t a, size_t n, double k)
{
    return almi_bars_node_of(g, kernel, (const uint32_t[ALMI_BARS_INPUTS_MAX]){a}, n, k);
}

static uint32_t two(graph *g, const almi_bars_kernel *kernel, uint32_t a, uint32_t b, double k)
{
    return almi_bars_node_of(g, kernel, (const uint32_t[ALMI_BARS_INPUTS_MAX]){a, b}, 0, k);
}

static uint32_t three(graph *g, const almi_bars_kernel *kernel, const uint32_t input[3], double k)
{
    const uint32_t all[ALMI_BARS_INPUTS_MAX] = {input[0], input[1], input[2]};
    return almi_bars_node_of(g, kernel, all, 0, k);
}

static uint32_t window(graph *g, const almi_bars_kernel *kernel, uint32_t a, size_t n)
{
    return one(g, kernel, a, n, 0);
}

static uint32_t ema_of(graph *g, uint32_t a, size_t n)
{
    return one(g, &almi_bars_ema, a, n, 2 / ((double)n + 1));
}

static uint32_t true_range_of(graph *g)
{
    return three(g, &almi_bars_true_range,
                 (const uint32_t[]){ALMI_BARS_HIGH, ALMI_BARS_LOW, ALMI_BARS_CLOSE}, 0);
}

static uint32_t typical_of(graph *g)
{
    return three(g, &almi_bars_typical,
                 (const uint32_t[]){ALMI_BARS_HIGH, ALMI_BARS_LOW, ALMI_BARS_CLOSE}, 0);
}

static uint32_t average_of(graph *g)
{
    const uint32_t all[ALMI_BARS_INPUTS_MAX] = {ALMI_BARS_OPEN, ALMI_BARS_HIGH, ALMI_BARS_LOW,
                                                ALMI_BARS_CLOSE};
    return almi_bars_node_of(g, &almi_bars_average, all, 0, 0);
}

bool almi_bars_column(graph *g, alm_str name, uint32_t *node)
{
    static const char *const sources[] = {"open", "high", "low", "close", "volume"};
    for (uint32_t i = 0; i < sizeof sources / sizeof *sources; i++) {
        if (alm_str_is(name, sources[i])) {
            *node = i; /* in the order of almi_bars_source */
            return true;
        }
    }
    if (alm_str_is(name, "typical")) {
        *node = typical_of(g);
    } else if (alm_str_is(name, "median")) {
        *node = two(g, &almi_bars_median, ALMI_BARS_HIGH, ALMI_BARS_LOW, 0);
    } else if (alm_str_is(name, "average")) {
        *node = average_of(g);
    } else if (alm_str_is(name, "true_range")) {
        *node = true_range_of(g);
    } else {
        return false;
    }
    return true;
}

/* ---- one node over one column and one window ---- */

/* clang-format off */
#define WINDOW_OPERATOR(name, kernel)                                                          \
    static const char *build_##name(graph *g, args *a, uint32_t *out)                          \
    {                                                                                          \
        out[0] = window(g, &almi_bars_##kernel, a[0].node, a[1].n);                            \
        return NULL;                                                                           \
    }

WINDOW_OPERATOR(return, growth)
WINDOW_OPERATOR(log_return, log_growth)
WINDOW_OPERATOR(momentum, change)
WINDOW_OPERATOR(sma, mean)
WINDOW_OPERATOR(wma, weighted_mean)
WINDOW_OPERATOR(zscore, zscore)
/* clang-format on */

static const char *build_roc(graph *g, args *a, uint32_t *out)
{
    out[0] = one(g, &almi_bars_scaled, window(g, &almi_bars_growth, a[0].node, a[1].n), 0, 100);
    return NULL;
}

static uint32_t log_returns(graph *g, args *a)
{
    return window(g, &almi_bars_log_growth, a[0].node, 1);
}

/* Andersen, Bollerslev, Diebold and Labys, "Modeling and forecasting realized volatility", 2003:
 * the root of the sum of squares, of the window and not annualised. */
static const char *build_realised_volatility(graph *g, args *a, uint32_t *out)
{
    out[0] = window(g, &almi_bars_root_squares, log_returns(g, a), a[1].n);
    return NULL;
}

static const char *build_volatility(graph *g, args *a, uint32_t *out)
{
    out[0] = window(g, &almi_bars_std_sample, log_returns(g, a), a[1].n);
    return NULL;
}

static const char *build_ema(graph *g, args *a, uint32_t *out)
{
    out[0] = ema_of(g, a[0].node, a[1].n);
    return NULL;
}

/* ---- oscillators ---- */

static const char *build_rsi(graph *g, args *a, uint32_t *out)
{
    uint32_t gain = window(g, &almi_bars_wilder, one(g, &almi_bars_gain, a[0].node, 0, 0), a[1].n);
    uint32_t loss = window(g, &almi_bars_wilder, one(g, &almi_bars_loss, a[0].node, 0, 0), a[1].n);
    out[0] = two(g, &almi_bars_share, gain, loss, 100);
    return NULL;
}

/* Every average is seeded on its own. TA-Lib's MACD seeds the fast one later, so that both begin at
 * one bar; the difference fades. */
static const char *build_macd(graph *g, args *a, uint32_t *out)
{
    if (a[1].n >= a[2].n) {
        return "the fast window must be shorter than the slow one";
    }
    out[0] = two(g, &almi_bars_difference, ema_of(g, a[0].node, a[1].n),
                 ema_of(g, a[0].node, a[2].n), 0);
    out[1] = ema_of(g, out[0], a[3].n);
    out[2] = two(g, &almi_bars_difference, out[0], out[1], 0);
    return NULL;
}

/* n, smoothing of %K, smoothing of %D: 1 for the smoothing of %K is the fast stochastic. */
static const char *build_stochastic(graph *g, args *a, uint32_t *out)
{
    uint32_t raw = three(g, &almi_bars_position,
                         (const uint32_t[]){ALMI_BARS_CLOSE,
                                            window(g, &almi_bars_lowest, ALMI_BARS_LOW, a[0].n),
                                            window(g, &almi_bars_highest, ALMI_BARS_HIGH, a[0].n)},
                         100);
    out[0] = window(g, &almi_bars_mean, raw, a[1].n);
    out[1] = window(g, &almi_bars_mean, out[0], a[2].n);
    return NULL;
}

static const char *build_williams_r(graph *g, args *a, uint32_t *out)
{
    /* From 0 at the highest to -100 at the lowest: the place between them with the ends changed. */
    out[0] = three(g, &almi_bars_position,
                   (const uint32_t[]){ALMI_BARS_CLOSE,
                                      window(g, &almi_bars_highest, ALMI_BARS_HIGH, a[0].n),
                                      window(g, &almi_bars_lowest, ALMI_BARS_LOW, a[0].n)},
                   -100);
    return NULL;
}

/* D. Lambert, 1980: mean absolute deviation, and the factor 0.015. */
static const char *build_cci(graph *g, args *a, uint32_t *out)
{
    uint32_t deviations = window(g, &almi_bars_mean_deviations, typical_of(g), a[0].n);
    out[0] = one(g, &almi_bars_scaled, deviations, 0, 1 / 0.015);
    return NULL;
}

static const char *build_mfi(graph *g, args *a, uint32_t *out)
{
    uint32_t price = typical_of(g);
    uint32_t up = two(g, &almi_bars_flow_up, price, ALMI_BARS_VOLUME, 0);
    uint32_t down = two(g, &almi_bars_flow_down, price, ALMI_BARS_VOLUME, 0);
    out[0] = two(g, &almi_bars_share, window(g, &almi_bars_total, up, a[0].n),
                 window(g, &almi_bars_total, down, a[0].n), 100);
    return NULL;
}

/* Of n + 1 bars; of equal extremes the newest counts (as TA-Lib). */
static const char *build_aroon(graph *g, args *a, uint32_t *out)
{
    uint32_t high = window(g, &almi_bars_since_highest, ALMI_BARS_HIGH, a[0].n);
    uint32_t low = window(g, &almi_bars_since_lowest, ALMI_BARS_LOW, a[0].n);
    out[0] = window(g, &almi_bars_recency, high, a[0].n);
    out[1] = window(g, &almi_bars_recency, low, a[0].n);
    out[2] = two(g, &almi_bars_difference, out[0], out[1], 0);
    return NULL;
}

/* ---- ranges and trends ---- */

static const char *build_true_range(graph *g, args *a, uint32_t *out)
{
    (void)a;
    out[0] = true_range_of(g);
    return NULL;
}

/* Wilder's mean; the first true range is that of the second bar (as TA-Lib; some programs count the
 * first bar's high - low as one). */
static const char *build_atr(graph *g, args *a, uint32_t *out)
{
    out[0] = window(g, &almi_bars_wilder, true_range_of(g), a[0].n);
    return NULL;
}

/* Wilder, 1978. His sums are n times the means here, which divides out. TA-Lib seeds the sums with
 * n - 1 bars instead of n; the difference fades. */
static const char *build_adx(graph *g, args *a, uint32_t *out)
{
    uint32_t range = window(g, &almi_bars_wilder, true_range_of(g), a[0].n);
    uint32_t plus = two(g, &almi_bars_plus_move, ALMI_BARS_HIGH, ALMI_BARS_LOW, 0);
    uint32_t minus = two(g, &almi_bars_minus_move, ALMI_BARS_HIGH, ALMI_BARS_LOW, 0);
    plus = two(g, &almi_bars_quotient, window(g, &almi_bars_wilder, plus, a[0].n), range, 0);
    minus = two(g, &almi_bars_quotient, window(g, &almi_bars_wilder, minus, a[0].n), range, 0);
    out[1] = one(g, &almi_bars_scaled, plus, 0, 100);
    out[2] = one(g, &almi_bars_scaled, minus, 0, 100);
    out[0] = window(g, &almi_bars_wilder, two(g, &almi_bars_spread_share, out[1], out[2], 0),
                    a[0].n);
    return NULL;
}

/* ---- bands ---- */

/* Bollinger uses the population's deviation (n), and so do TA-Lib and charting programs. */
static const char *build_bollinger(graph *g, args *a, uint32_t *out)
{
    uint32_t mean = window(g, &almi_bars_mean, a[0].node, a[1].n);
    uint32_t spread = window(g, &almi_bars_std_population, a[0].node, a[1].n);
    out[0] = two(g, &almi_bars_ladder, mean, spread, a[2].k);
    out[1] = mean;
    out[2] = two(g, &almi_bars_ladder, mean, spread, -a[2].k);
    out[3] = two(g, &almi_bars_quotient, two(g, &almi_bars_difference, out[0], out[2], 0), mean, 0);
    out[4] = three(g, &almi_bars_position, (const uint32_t[]){a[0].node, out[2], out[0]}, 1);
    return NULL;
}

static void bands(graph *g, uint32_t middle, uint32_t half, double k, uint32_t *out)
{
    out[0] = two(g, &almi_bars_ladder, middle, half, k);
    out[1] = middle;
    out[2] = two(g, &almi_bars_ladder, middle, half, -k);
}

/* L. Raschke's form: an exponential average, and Wilder's ATR. */
static const char *build_keltner(graph *g, args *a, uint32_t *out)
{
    uint32_t range = window(g, &almi_bars_wilder, true_range_of(g), a[2].n);
    bands(g, ema_of(g, a[0].node, a[1].n), range, a[3].k, out);
    return NULL;
}

/* The FINITE form of charting programs: plain means of the column and of the true range. */
static const char *build_keltner_simple(graph *g, args *a, uint32_t *out)
{
    uint32_t range = window(g, &almi_bars_mean, true_range_of(g), a[1].n);
    bands(g, window(g, &almi_bars_mean, a[0].node, a[1].n), range, a[2].k, out);
    return NULL;
}

static const char *build_donchian(graph *g, args *a, uint32_t *out)
{
    out[0] = window(g, &almi_bars_highest, ALMI_BARS_HIGH, a[0].n);
    out[2] = window(g, &almi_bars_lowest, ALMI_BARS_LOW, a[0].n);
    out[1] = two(g, &almi_bars_median, out[0], out[2], 0);
    return NULL;
}

/* ---- volume ---- */

static const char *build_obv(graph *g, args *a, uint32_t *out)
{
    (void)a;
    out[0] = two(g, &almi_bars_balance, ALMI_BARS_CLOSE, ALMI_BARS_VOLUME, 0);
    return NULL;
}

static const char *build_vwap(graph *g, args *a, uint32_t *out)
{
    uint32_t traded = two(g, &almi_bars_product, a[0].node, ALMI_BARS_VOLUME, 0);
    out[0] = two(g, &almi_bars_quotient, window(g, &almi_bars_total, traded, a[1].n),
                 window(g, &almi_bars_total, ALMI_BARS_VOLUME, a[1].n), 0);
    return NULL;
}

static const char *build_vwap_session(graph *g, args *a, uint32_t *out)
{
    uint32_t traded = two(g, &almi_bars_product, a[0].node, ALMI_BARS_VOLUME, 0);
    uint32_t volume = two(g, &almi_bars_known_with, ALMI_BARS_VOLUME, traded, 0);
    out[0] = two(g, &almi_bars_quotient,
                 two(g, &almi_bars_session_total, traded, ALMI_BARS_SESSION, 0),
                 two(g, &almi_bars_session_total, volume, ALMI_BARS_SESSION, 0), 0);
    return NULL;
}

/* ---- calendar of the session ---- */

static const char *build_bar_of_session(graph *g, args *a, uint32_t *out)
{
    (void)a;
    out[0] = one(g, &almi_bars_session_count, ALMI_BARS_SESSION, 0, 0);
    return NULL;
}

static const char *build_minutes_since_open(graph *g, args *a, uint32_t *out)
{
    (void)g;
    (void)a;
    out[0] = ALMI_BARS_MINUTES;
    return NULL;
}

static const char *build_weekday(graph *g, args *a, uint32_t *out)
{
    (void)a;
    out[0] = one(g, &almi_bars_weekday, ALMI_BARS_SESSION, 0, 0);
    return NULL;
}

static const char *build_month(graph *g, args *a, uint32_t *out)
{
    (void)a;
    out[0] = one(g, &almi_bars_month, ALMI_BARS_SESSION, 0, 0);
    return NULL;
}

/* Revision 1 is what version 0.1.0 computes. */
static const almi_bars_operator operators[] = {
    {"return", 1, "return(column, n)", "cn", {0}, build_return},
    {"log_return", 1, "log_return(column, n)", "cn", {0}, build_log_return},
    {"realised_volatility", 1, "realised_volatility(column, n)", "cn", {0},
     build_realised_volatility},
    {"volatility", 1, "volatility(column, n)", "cm", {0}, build_volatility},
    {"momentum", 1, "momentum(column, n)", "cn", {0}, build_momentum},
    {"roc", 1, "roc(column, n)", "cn", {0}, build_roc},
    {"sma", 1, "sma(column, n)", "cn", {0}, build_sma},
    {"ema", 1, "ema(column, n)", "cn", {0}, build_ema},
    {"wma", 1, "wma(column, n)", "cn", {0}, build_wma},
    {"zscore", 1, "zscore(column, n)", "cm", {0}, build_zscore},
    {"rsi", 1, "rsi(column, n)", "cn", {0}, build_rsi},
    {"macd", 1, "macd(column, fast, slow, signal)", "cnnn", {"line", "signal", "histogram"},
     build_macd},
    {"stochastic", 1, "stochastic(n, k, d)", "nnn", {"k", "d"}, build_stochastic},
    {"williams_r", 1, "williams_r(n)", "n", {0}, build_williams_r},
    {"cci", 1, "cci(n)", "m", {0}, build_cci},
    {"mfi", 1, "mfi(n)", "n", {0}, build_mfi},
    {"aroon", 1, "aroon(n)", "n", {"up", "down", "oscillator"}, build_aroon},
    {"true_range", 1, "true_range()", "", {0}, build_true_range},
    {"atr", 1, "atr(n)", "n", {0}, build_atr},
    {"adx", 1, "adx(n)", "n", {"adx", "plus_di", "minus_di"}, build_adx},
    {"bollinger", 1, "bollinger(column, n, factor)", "cmk",
     {"upper", "middle", "lower", "width", "percent_b"}, build_bollinger},
    {"keltner", 1, "keltner(column, n, m, factor)", "cnnk", {"upper", "middle", "lower"},
     build_keltner},
    {"keltner_simple", 1, "keltner_simple(column, n, factor)", "cnk", {"upper", "middle", "lower"},
     build_keltner_simple},
    {"donchian", 1, "donchian(n)", "n", {"upper", "middle", "lower"}, build_donchian},
    {"obv", 1, "obv()", "", {0}, build_obv},
    {"vwap", 1, "vwap(column, n)", "cn", {0}, build_vwap},
    {"vwap_session", 1, "vwap_session(column)", "c", {0}, build_vwap_session},
    {"bar_of_session", 1, "bar_of_session()", "", {0}, build_bar_of_session},
    {"minutes_since_open", 1, "minutes_since_open()", "", {0}, build_minutes_since_open},
    {"weekday", 1, "weekday()", "", {0}, build_weekday},
    {"month", 1, "month()", "", {0}, build_month},
};

#define OPERATOR_COUNT (sizeof operators / sizeof *operators)

const almi_bars_operator *almi_bars_operator_at(size_t index)
{
    return index < OPERATOR_COUNT ? &operators[index] : NULL;
}

const almi_bars_operator *almi_bars_operator_find(alm_str name)
{
    for (size_t i = 0; i < OPERATOR_COUNT; i++) {
        if (alm_str_is(name, operators[i].name)) {
            return &operators[i];
        }
    }
    return NULL;
}
