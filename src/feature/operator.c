#include "feature/operator.h"

static const almi_operator operators[ALM_FEATURE_OP_COUNT] = {
#define CLASS_IS_FINITE false
#define CLASS_IS_ANCHORED true
#define OPERATOR(name, revision, class) \
    [ALM_FEATURE_##name] = {#name, revision, CLASS_IS_##class, &almi_kernel_##name},
    ALM_FEATURE_OP_MAP(OPERATOR)
#undef OPERATOR
#undef CLASS_IS_FINITE
#undef CLASS_IS_ANCHORED
};

const almi_operator *almi_operator_of(alm_feature_op op)
{
    alm_assert(op >= 0 && op < ALM_FEATURE_OP_COUNT);
    return &operators[op];
}

alm_feature_op almi_operator_find(alm_str name)
{
    size_t op = 0;
    while (op < ALM_FEATURE_OP_COUNT && !alm_str_is(name, operators[op].name)) {
        op++;
    }
    return (alm_feature_op)op;
}

/* Open periods may lie far apart; a bound keeps the look-back finite. Twice the window and four
 * weeks bridge a closed day a week and a month of holidays. */
static size_t open_reach(size_t window)
{
    return 2 * window + 28;
}

size_t almi_operator_reach(const alm_feature_spec *spec)
{
    size_t window = (size_t)spec->window;
    if (almi_operator_of(spec->op)->kernel->read == ALMI_READ_SEASON) {
        return (window - 1) * (size_t)spec->season + 1;
    }
    switch (spec->op) {
    case ALM_FEATURE_difference:
    case ALM_FEATURE_change:
    case ALM_FEATURE_days_since:
        return window + 1;
    case ALM_FEATURE_ratio:
        return spec->skip_closed ? open_reach(window + 1) : window + 1;
    default: {
        const almi_operator *op = almi_operator_of(spec->op);
        bool windowed = !op->anchored && !op->kernel->lookahead && window > 0;
        return !windowed ? 1 : spec->skip_closed ? open_reach(window) : window;
    }
    }
}
