/* transform.c: one table of objectives per library, one loop per formula. */
#include "model/transform.h"

#include <math.h>

typedef struct objective {
    const char *name;
    alm_transform_kind kind;
    bool may_sqrt; /* LightGBM: honours the token `sqrt` */
} objective;

/* Names as LightGBM writes them, then the aliases that its parameters accept. */
static const objective LIGHTGBM[] = {
    {"regression", ALM_TRANSFORM_IDENTITY, true},
    {"regression_l1", ALM_TRANSFORM_IDENTITY, true},
    {"huber", ALM_TRANSFORM_IDENTITY, false},
    {"fair", ALM_TRANSFORM_IDENTITY, true},
    {"poisson", ALM_TRANSFORM_EXP, false},
    {"quantile", ALM_TRANSFORM_IDENTITY, true},
    {"mape", ALM_TRANSFORM_IDENTITY, true},
    {"gamma", ALM_TRANSFORM_EXP, false},
    {"tweedie", ALM_TRANSFORM_EXP, false},
    {"binary", ALM_TRANSFORM_SIGMOID, false},
    {"multiclass", ALM_TRANSFORM_SOFTMAX, false},
    {"multiclassova", ALM_TRANSFORM_SIGMOID, false},
    {"cross_entropy", ALM_TRANSFORM_SIGMOID, false},
    {"cross_entropy_lambda", ALM_TRANSFORM_LOG1P_EXP, false},
    {"lambdarank", ALM_TRANSFORM_IDENTITY, false},
    {"rank_xendcg", ALM_TRANSFORM_IDENTITY, false},
    {"custom", ALM_TRANSFORM_IDENTITY, false},
};

typedef struct alias {
    const char *name, *meaning;
} alias;

static const alias LIGHTGBM_ALIAS[] = {
    {"regression_l2", "regression"},        {"mean_squared_error", "regression"},
    {"mse", "regression"},                  {"l2", "regression"},
    {"l2_root", "regression"},              {"root_mean_squared_error", "regression"},
    {"rmse", "regression"},                 {"mean_absolute_error", "regression_l1"},
    {"l1", "regression_l1"},                {"mae", "regression_l1"},
    {"mean_absolute_percentage_error", "mape"},
    {"softmax", "multiclass"},              {"multiclass_ova", "multiclassova"},
    {"ova", "multiclassova"},               {"ovr", "multiclassova"},
    {"xentropy", "cross_entropy"},          {"xentlambda", "cross_entropy_lambda"},
    {"xendcg", "rank_xendcg"},              {"xe_ndcg", "rank_xendcg"},
    {"xe_ndcg_mart", "rank_xendcg"},        {"xendcg_mart", "rank_xendcg"},
    {"none", "custom"},                     {"null", "custom"},
    {"na", "custom"},
};

static const objective XGBOOST[] = {
    {"reg:squarederror", ALM_TRANSFORM_IDENTITY, false},
    {"reg:linear", ALM_TRANSFORM_IDENTITY, false},
    {"reg:squaredlogerror", ALM_TRANSFORM_IDENTITY, false},
    {"reg:pseudohubererror", ALM_TRANSFORM_IDENTITY, false},
    {"reg:absoluteerror", ALM_TRANSFORM_IDENTITY, false},
    {"reg:quantileerror", ALM_TRANSFORM_IDENTITY, false},
    {"reg:expectileerror", ALM_TRANSFORM_IDENTITY, false},
    {"reg:logistic", ALM_TRANSFORM_SIGMOID, false},
    {"binary:logistic", ALM_TRANSFORM_SIGMOID, false},
    {"binary:logitraw", ALM_TRANSFORM_IDENTITY, false},
    {"binary:hinge", ALM_TRANSFORM_STEP, false},
    {"multi:softprob", ALM_TRANSFORM_SOFTMAX, false},
    {"multi:softmax", ALM_TRANSFORM_ARGMAX, false},
    {"count:poisson", ALM_TRANSFORM_EXP, false},
    {"reg:gamma", ALM_TRANSFORM_EXP, false},
    {"reg:tweedie", ALM_TRANSFORM_EXP, false},
    {"survival:cox", ALM_TRANSFORM_EXP, false},
    {"survival:aft", ALM_TRANSFORM_EXP, false},
    {"rank:pairwise", ALM_TRANSFORM_IDENTITY, false},
    {"rank:ndcg", ALM_TRANSFORM_IDENTITY, false},
    {"rank:map", ALM_TRANSFORM_IDENTITY, false},
};

static const objective CATBOOST[] = {
    {"RMSE", ALM_TRANSFORM_IDENTITY, false},
    {"MAE", ALM_TRANSFORM_IDENTITY, false},
    {"Quantile", ALM_TRANSFORM_IDENTITY, false},
    {"GroupQuantile", ALM_TRANSFORM_IDENTITY, false},
    {"MultiQuantile", ALM_TRANSFORM_IDENTITY, false},
    {"Expectile", ALM_TRANSFORM_IDENTITY, false},
    {"LogLinQuantile", ALM_TRANSFORM_IDENTITY, false}, /* the library leaves the logarithm */
    {"MAPE", ALM_TRANSFORM_IDENTITY, false},
    {"RMSPE", ALM_TRANSFORM_IDENTITY, false},
    {"Lq", ALM_TRANSFORM_IDENTITY, false},
    {"Huber", ALM_TRANSFORM_IDENTITY, false},
    {"LogCosh", ALM_TRANSFORM_IDENTITY, false},
    {"MultiRMSE", ALM_TRANSFORM_IDENTITY, false},
    {"MultiRMSEWithMissingValues", ALM_TRANSFORM_IDENTITY, false},
    {"SurvivalAft", ALM_TRANSFORM_IDENTITY, false},
    {"Cox", ALM_TRANSFORM_IDENTITY, false},
    {"Poisson", ALM_TRANSFORM_EXP, false},
    {"Tweedie", ALM_TRANSFORM_EXP, false},
    {"RMSEWithUncertainty", ALM_TRANSFORM_VARIANCE, false},
    {"Logloss", ALM_TRANSFORM_SIGMOID, false},
    {"CrossEntropy", ALM_TRANSFORM_SIGMOID, false},
    {"Focal", ALM_TRANSFORM_SIGMOID, false},
    {"MultiClass", ALM_TRANSFORM_SOFTMAX, false},
    {"MultiClassOneVsAll", ALM_TRANSFORM_SIGMOID, false},
    {"MultiLogloss", ALM_TRANSFORM_SIGMOID, false},
    {"MultiCrossEntropy", ALM_TRANSFORM_SIGMOID, false},
    {"PairLogit", ALM_TRANSFORM_IDENTITY, false},
    {"PairLogitPairwise", ALM_TRANSFORM_IDENTITY, false},
    {"YetiRank", ALM_TRANSFORM_IDENTITY, false},
    {"YetiRankPairwise", ALM_TRANSFORM_IDENTITY, false},
    {"LambdaMart", ALM_TRANSFORM_IDENTITY, false},
    {"StochasticRank", ALM_TRANSFORM_IDENTITY, false},
    {"StochasticFilter", ALM_TRANSFORM_IDENTITY, false},
    {"QueryRMSE", ALM_TRANSFORM_IDENTITY, false},
    {"QuerySoftMax", ALM_TRANSFORM_IDENTITY, false},
    {"QueryCrossEntropy", ALM_TRANSFORM_IDENTITY, false}, /* a ranker's predict() */
    {"Combination", ALM_TRANSFORM_IDENTITY, false},       /* of rankings */
};

static const objective *find(const objective *table, size_t count, alm_str name)
{
    for (size_t i = 0; i < count; i++) {
        if (alm_str_is(name, table[i].name)) {
            return &table[i];
        }
    }
    return NULL;
}

static const objective *find_lightgbm(alm_str name)
{
    for (size_t i = 0; i < sizeof LIGHTGBM_ALIAS / sizeof *LIGHTGBM_ALIAS; i++) {
        if (alm_str_is(name, LIGHTGBM_ALIAS[i].name)) {
            name = alm_str_of(LIGHTGBM_ALIAS[i].meaning);
        }
    }
    return find(LIGHTGBM, sizeof LIGHTGBM / sizeof *LIGHTGBM, name);
}

/* ---- LightGBM's tokens ---- */

static bool is_digit(alm_str text, size_t at)
{
    return at < text.size && text.data[at] >= '0' && text.data[at] <= '9';
}

/* Ten to a power by the library's recursion, whose roundings differ from a literal's. */
static double power_of_ten(double base, int power)
{
    if (power == 0) {
        return 1.0;
    }
    if (power % 2 == 0) {
        return power_of_ten(base * base, power / 2);
    }
    return power % 3 == 0 ? power_of_ten(base * base * base, power / 3)
                          : base * power_of_ten(base, power - 1);
}

/* A power of ten by steps of 1e50, 1e8 and 10, at most 1e308. */
static double exponent_scale(uint32_t exponent)
{
    double scale = 1.0;
    for (exponent = exponent > 308 ? 308 : exponent; exponent >= 50; exponent -= 50) {
        scale *= 1e50;
    }
    for (; exponent >= 8; exponent -= 8) {
        scale *= 1e8;
    }
    for (; exponent > 0; exponent--) {
        scale *= 10.0;
    }
    return scale;
}

/* LightGBM reads this token with a reader of its own that is not correctly rounded; the result must
 * be the same double. Digits are bounded where the library's counters would overflow. */
static bool parse_like_the_library(alm_str text, double *out)
{
    size_t at = 0;
    double sign = 1.0, value = 0.0, right = 0.0;
    int fraction = 0;
    if (text.size > 0 && (text.data[0] == '-' || text.data[0] == '+')) {
        sign = text.data[at++] == '-' ? -1.0 : 1.0;
    }
    size_t first = at;
    for (; is_digit(text, at); at++) {
        value = value * 10.0 + (text.data[at] - '0');
    }
    if (at < text.size && text.data[at] == '.') {
        for (at++; is_digit(text, at) && fraction < 300; at++, fraction++) {
            right = (text.data[at] - '0') + right * 10.0;
        }
        value += right / power_of_ten(10.0, fraction);
    }
    bool is_number = at > first;
    bool negative = false;
    uint32_t exponent = 0;
    if (is_number && at < text.size && (text.data[at] == 'e' || text.data[at] == 'E')) {
        at++;
        if (at < text.size && (text.data[at] == '-' || text.data[at] == '+')) {
            negative = text.data[at++] == '-';
        }
        for (; is_digit(text, at); at++) {
            exponent = exponent > 1000 ? exponent : exponent * 10 + (uint32_t)(text.data[at] - '0');
        }
    }
    double scale = exponent_scale(exponent);
    *out = sign * (negative ? value / scale : value * scale);
    return is_number && at == text.size;
}

typedef struct tokens {
    alm_str name;
    bool has_sqrt;
    alm_str sigmoid, classes; /* data == NULL: not there */
} tokens;

static tokens split(alm_str text)
{
    tokens out = {.name = {"", 0}};
    if (text.data != NULL) {
        out.name = alm_str_split(&text, ' ');
    }
    while (text.data != NULL) {
        alm_str value = alm_str_split(&text, ' ');
        out.has_sqrt = out.has_sqrt || alm_str_is(value, "sqrt");
        alm_str key = alm_str_split(&value, ':');
        if (value.data != NULL && alm_str_is(key, "sigmoid")) {
            out.sigmoid = value;
        } else if (value.data != NULL && alm_str_is(key, "num_class")) {
            out.classes = value;
        }
    }
    return out;
}

static alm_err read_slope(const tokens *token, double *out, alm_error *error)
{
    double slope = 0;
    if (token->sigmoid.data == NULL || !parse_like_the_library(token->sigmoid, &slope) ||
        !(slope > 0)) {
        return alm_fail(error, ALM_ERR_CORRUPT,
                        "objective " ALM_STR_FMT " needs sigmoid: and a number above 0",
                        ALM_STR_ARG(token->name));
    }
    *out = slope;
    return ALM_OK;
}

static alm_err check_classes(const tokens *token, size_t output_count, alm_error *error)
{
    int64_t classes = 0;
    if (token->classes.data == NULL || !alm_str_to_i64(token->classes, &classes) ||
        classes < 1 || (uint64_t)classes != output_count) {
        return alm_fail(error, ALM_ERR_CORRUPT,
                        "objective " ALM_STR_FMT " needs num_class:%zu, as many as the trees of "
                        "an iteration", ALM_STR_ARG(token->name), output_count);
    }
    return ALM_OK;
}

static alm_err parse_lightgbm(const alm_transform_spec *spec, alm_transform *out, alm_error *error)
{
    tokens token = split(alm_str_trim(spec->objective));
    const objective *found = find_lightgbm(token.name);
    if (found == NULL) {
        out->is_known = token.name.size == 0;
        return ALM_OK;
    }
    alm_str name = alm_str_of(found->name);
    out->kind = found->may_sqrt && token.has_sqrt ? ALM_TRANSFORM_SIGNED_SQUARE : found->kind;
    if (alm_str_is(name, "multiclass") || alm_str_is(name, "multiclassova")) {
        ALM_TRY(check_classes(&token, spec->output_count, error));
    }
    if (alm_str_is(name, "binary") || alm_str_is(name, "multiclassova")) {
        ALM_TRY(read_slope(&token, &out->slope, error));
    }
    return ALM_OK;
}

/* post_transform and, behind it, "double" where the result is one. A Normalizer behind the ensemble
 * is not done, and two classes of one score have no softmax: then predictions are raw scores. */
static void parse_onnx(const alm_transform_spec *spec, alm_transform *out)
{
    alm_str rest = alm_str_trim(spec->objective);
    alm_str name = alm_str_split(&rest, ' ');
    out->single = true;
    out->is_known = spec->objective.size == 0 || alm_str_is(name, "NONE");
    while (rest.data != NULL) {
        alm_str word = alm_str_split(&rest, ' ');
        out->single = out->single && !alm_str_is(word, "double");
        out->is_known = out->is_known && !alm_str_is(word, "Normalizer");
        if (alm_str_is(word, "Normalizer")) {
            return;
        }
    }
    if (alm_str_is(name, "LOGISTIC")) {
        out->kind = ALM_TRANSFORM_LOGISTIC;
        out->is_known = true;
    } else if (alm_str_is(name, "SOFTMAX") && spec->output_count > 1) {
        out->kind = ALM_TRANSFORM_SOFTMAX_PLAIN;
        out->is_known = true;
    }
}

/* What only a number of scores can be, is not known with another. */
static const objective *find_catboost(alm_str name, size_t output_count)
{
    const objective *found = find(CATBOOST, sizeof CATBOOST / sizeof *CATBOOST, name);
    bool fits = found == NULL || found->kind != ALM_TRANSFORM_VARIANCE || output_count == 2;
    return fits ? found : NULL;
}

alm_err alm_transform_parse(const alm_transform_spec *spec, alm_transform *out, alm_error *error)
{
    alm_transform made = {.kind = ALM_TRANSFORM_IDENTITY,
                          .is_known = true,
                          .slope = 1.0,
                          .divisor = spec->averaged ? (double)spec->iteration_count : 1.0,
                          .input_count = spec->output_count,
                          .output_count = spec->output_count};
    if (spec->library == ALM_TRANSFORM_LIGHTGBM) {
        ALM_TRY(parse_lightgbm(spec, &made, error));
    } else if (spec->library == ALM_TRANSFORM_ONNX) {
        parse_onnx(spec, &made);
    } else {
        alm_str name = alm_str_trim(spec->objective);
        made.single = spec->library == ALM_TRANSFORM_XGBOOST;
        const objective *found = made.single ? find(XGBOOST, sizeof XGBOOST / sizeof *XGBOOST, name)
                                             : find_catboost(name, spec->output_count);
        /* CatBoost always writes one, unless what it says was lost. */
        made.is_known = found != NULL || (made.single && name.size == 0);
        made.kind = found ? found->kind : ALM_TRANSFORM_IDENTITY;
        made.output_count = made.kind == ALM_TRANSFORM_ARGMAX ? 1 : made.output_count;
    }
    *out = made;
    return ALM_OK;
}

/* ---- formulas, one row at a time; in and out may be the same memory ---- */

static void softmax_double(const double *in, size_t count, double *out)
{
    double top = in[0];
    double sum = 0.0;
    for (size_t i = 1; i < count; i++) {
        top = top < in[i] ? in[i] : top; /* keeps `top` beside a NaN, as std::max does here */
    }
    for (size_t i = 0; i < count; i++) {
        out[i] = exp(in[i] - top);
        sum += out[i];
    }
    for (size_t i = 0; i < count; i++) {
        out[i] /= sum;
    }
}

/* The exponentials are floats, their sum is a double, and what divides is a float again. */
static void softmax_single(const double *in, size_t count, double *out)
{
    float top = (float)in[0];
    double sum = 0.0;
    for (size_t i = 1; i < count; i++) {
        top = fmaxf((float)in[i], top);
    }
    for (size_t i = 0; i < count; i++) {
        float part = expf((float)in[i] - top);
        sum += (double)part;
        out[i] = (double)part;
    }
    for (size_t i = 0; i < count; i++) {
        out[i] = (double)((float)out[i] / (float)sum);
    }
}

static void softmax_plain(const double *in, size_t count, bool single, double *out)
{
    double top = in[0], sum = 0.0;
    for (size_t i = 1; i < count; i++) {
        top = in[i] > top ? in[i] : top;
    }
    for (size_t i = 0; i < count; i++) {
        out[i] = single ? (double)expf((float)in[i] - (float)top) : exp(in[i] - top);
        sum = single ? (double)((float)sum + (float)out[i]) : sum + out[i];
    }
    for (size_t i = 0; i < count; i++) {
        out[i] = single ? (double)((float)out[i] / (float)sum) : out[i] / sum;
    }
}

static double argmax(const double *in, size_t count)
{
    size_t top = 0;
    for (size_t i = 1; i < count; i++) {
        top = in[i] > in[top] ? i : top;
    }
    return (double)top;
}

static double one_single(const alm_transform *t, float x)
{
    switch (t->kind) {
    case ALM_TRANSFORM_SIGMOID: {
        float bounded = 88.7f < -x ? 88.7f : -x; /* expf stays finite; a NaN goes on */
        float denominator = expf(bounded) + 1.0f + 1e-16f;
        return (double)(1.0f / denominator);
    }
    case ALM_TRANSFORM_EXP:
        return (double)expf(x);
    case ALM_TRANSFORM_STEP:
        return x > 0.0f ? 1.0 : 0.0;
    case ALM_TRANSFORM_LOGISTIC: {
        float value = 1.0f / (1.0f + expf(-fabsf(x)));
        return (double)(x < 0.0f ? 1.0f - value : value);
    }
    default:
        return (double)x;
    }
}

static double one_double(const alm_transform *t, double x)
{
    switch (t->kind) {
    case ALM_TRANSFORM_SIGMOID:
        return 1.0 / (1.0 + exp(-t->slope * x));
    case ALM_TRANSFORM_EXP:
        return exp(x);
    case ALM_TRANSFORM_LOG1P_EXP:
        return log1p(exp(x));
    case ALM_TRANSFORM_LOGISTIC: {
        double value = 1.0 / (1.0 + exp(-fabs(x)));
        return x < 0.0 ? 1.0 - value : value;
    }
    case ALM_TRANSFORM_SIGNED_SQUARE:
        return (double)((x > 0) - (x < 0)) * x * x;
    default:
        return x;
    }
}

void alm_transform_apply(const alm_transform *t, const double *raw, size_t n, double *out)
{
    size_t k = t->input_count;
    if (t->kind == ALM_TRANSFORM_ARGMAX) {
        for (size_t i = 0; i < n; i++) {
            out[i] = argmax(raw + i * k, k);
        }
        return;
    }
    for (size_t i = 0; i < n * k; i++) {
        out[i] = t->divisor != 1.0 ? raw[i] / t->divisor : raw[i];
    }
    if (t->kind == ALM_TRANSFORM_SOFTMAX_PLAIN) {
        for (size_t i = 0; i < n; i++) {
            softmax_plain(out + i * k, k, t->single, out + i * k);
        }
        return;
    }
    if (t->kind == ALM_TRANSFORM_SOFTMAX) {
        for (size_t i = 0; i < n; i++) {
            (t->single ? softmax_single : softmax_double)(out + i * k, k, out + i * k);
        }
        return;
    }
    if (t->kind == ALM_TRANSFORM_VARIANCE) {
        for (size_t i = 0; i < n; i++) {
            out[i * 2 + 1] = exp(out[i * 2 + 1] * 2.0);
        }
        return;
    }
    for (size_t i = 0; i < n * k; i++) {
        out[i] = t->single ? one_single(t, (float)out[i]) : one_double(t, out[i]);
    }
}
