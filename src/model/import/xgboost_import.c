/* xgboost_import.c: which format it is, and what all formats need: shape and base margin. */
#include <math.h>

#include "model/import/xgboost_internal.h"
#include "num/elementary.h"

/* ---- shape ---- */

alm_err almi_xgb_set_shape(almi_xgb_import *import, int64_t features, int64_t classes,
                           int64_t targets)
{
    int64_t outputs = classes > targets ? classes : targets;
    if (features < 0 || classes < 0 || targets < 0) {
        return alm_fail(import->error, ALM_ERR_CORRUPT,
                        "%s: num_feature, num_class or num_target is negative", import->name);
    }
    if (features > ALMI_XGB_FEATURES_MAX || outputs > ALMI_XGB_OUTPUTS_MAX) {
        return alm_fail(import->error, ALM_ERR_LIMIT,
                        "%s: %lld features and %lld outputs; at most %lld and %d are read",
                        import->name, (long long)features, (long long)outputs,
                        (long long)ALMI_XGB_FEATURES_MAX, ALMI_XGB_OUTPUTS_MAX);
    }
    import->forest->info.source = ALM_FOREST_XGBOOST;
    import->forest->info.feature_count = (size_t)features;
    import->forest->info.output_count = outputs > 1 ? (size_t)outputs : 1;
    return ALM_OK;
}

alm_err almi_xgb_start_trees(almi_xgb_import *import, size_t count)
{
    import->forest->info.tree_count = count;
    return ALMI_FOREST_ARRAY(import->forest->arena, count, import->forest->tree, import->error);
}

alm_err almi_xgb_set_output(almi_xgb_import *import, int64_t output, almi_tree *tree)
{
    size_t outputs = import->forest->info.output_count;
    bool inside = output >= 0 && (uint64_t)output < outputs;
    if (!inside || (tree->leaf_width > 1 && (output != 0 || tree->leaf_width != outputs))) {
        return alm_fail(import->error, ALM_ERR_CORRUPT,
                        "%s: tree %zu: tree_info %lld and %u values a leaf do not fit %zu outputs",
                        import->name, import->tree, (long long)output, (unsigned)tree->leaf_width,
                        outputs);
    }
    tree->output = (uint32_t)output;
    return ALM_OK;
}

alm_err almi_xgb_refuse_booster(const almi_xgb_import *import, alm_str booster)
{
    alm_str head = {booster.data, booster.size < 40 ? booster.size : 40};
    return alm_fail(import->error, ALM_ERR_UNSUPPORTED,
                    "%s: the booster '" ALM_STR_FMT "' is not known; gbtree, dart and gblinear are "
                    "read", import->name, ALM_STR_ARG(head));
}

/* ---- base margin ---- */

typedef enum link { LINK_IDENTITY, LINK_LOGIT, LINK_LOG } link;

/* ObjFunction::ProbToMargin of XGBoost 3.2 by the name of the objective. binary:logitraw is an
 * identity although it learns a logit. */
static const struct {
    const char *name;
    link link;
} OBJECTIVE[] = {
    {"binary:hinge", LINK_IDENTITY},
    {"binary:logistic", LINK_LOGIT},
    {"binary:logitraw", LINK_IDENTITY},
    {"count:poisson", LINK_LOG},
    {"gpu:binary:logistic", LINK_LOGIT}, /* names before 1.0 */
    {"gpu:binary:logitraw", LINK_IDENTITY},
    {"gpu:reg:linear", LINK_IDENTITY},
    {"gpu:reg:logistic", LINK_LOGIT},
    {"multi:softmax", LINK_IDENTITY},
    {"multi:softprob", LINK_IDENTITY},
    {"rank:map", LINK_IDENTITY},
    {"rank:ndcg", LINK_IDENTITY},
    {"rank:pairwise", LINK_IDENTITY},
    {"reg:absoluteerror", LINK_IDENTITY},
    {"reg:gamma", LINK_LOG},
    {"reg:linear", LINK_IDENTITY},
    {"reg:logistic", LINK_LOGIT},
    {"reg:pseudohubererror", LINK_IDENTITY},
    {"reg:quantileerror", LINK_IDENTITY},
    {"reg:squarederror", LINK_IDENTITY},
    {"reg:squaredlogerror", LINK_IDENTITY},
    {"reg:tweedie", LINK_LOG},
    {"survival:aft", LINK_LOG},
    {"survival:cox", LINK_LOG},
};

static alm_err find_link(const almi_xgb_import *import, alm_str objective, link *out)
{
    for (size_t i = 0; i < sizeof OBJECTIVE / sizeof *OBJECTIVE; i++) {
        if (alm_str_is(objective, OBJECTIVE[i].name)) {
            *out = OBJECTIVE[i].link;
            return ALM_OK;
        }
    }
    alm_str head = {objective.data, objective.size < 60 ? objective.size : 60};
    return alm_fail(import->error, ALM_ERR_UNSUPPORTED,
                    "%s: the objective '" ALM_STR_FMT "' is not known, so neither is the link of "
                    "its base_score",
                    import->name, ALM_STR_ARG(head));
}

/* In float, step by step as the source does. */
static float margin_of(link how, float score)
{
    const float low = 1e-6f, high = 1.0f - 1e-6f;
    switch (how) {
    case LINK_LOGIT:
        score = score < low ? low : score > high ? high : score;
        return -alm_logf_c(1.0f / score - 1.0f);
    case LINK_LOG:
        return alm_logf_c(score);
    default:
        return score;
    }
}

alm_err almi_xgb_set_margin(almi_xgb_import *import, const almi_xgb_margin *margin)
{
    alm_forest *forest = import->forest;
    size_t outputs = forest->info.output_count;
    link how = LINK_IDENTITY;
    double *base = NULL;
    ALM_TRY(find_link(import, margin->objective, &how));
    if (margin->count != 1 && margin->count != outputs) {
        return alm_fail(import->error, ALM_ERR_CORRUPT,
                        "%s: base_score has %zu values for %zu outputs", import->name,
                        margin->count, outputs);
    }
    ALM_TRY(ALMI_FOREST_ARRAY(forest->arena, outputs, base, import->error));
    for (size_t i = 0; i < outputs; i++) {
        float score = margin->score[margin->count == 1 ? 0 : i];
        base[i] = (double)(margin->is_margin ? score : margin_of(how, score));
        if (!isfinite(base[i])) {
            return alm_fail(import->error, ALM_ERR_CORRUPT,
                            "%s: base_score %.9g is impossible for the objective", import->name,
                            (double)score);
        }
    }
    forest->base = base;
    char *copy = alm_arena_copy_text(forest->arena, margin->objective.data, margin->objective.size);
    forest->info.objective = (alm_str){copy, margin->objective.size};
    return ALM_OK;
}

/* ---- gblinear ---- */

/* The source adds a bias to the margin before it adds the rest, in float; and of the margins of
 * several outputs (3.1 and later) it takes the first for all of them. */
alm_err almi_xgb_set_weights(almi_xgb_import *import, const float *weight, size_t count)
{
    alm_forest *forest = import->forest;
    size_t outputs = forest->info.output_count, terms = forest->info.feature_count * outputs;
    if (count != terms + outputs) {
        return alm_fail(import->error, ALM_ERR_CORRUPT,
                        "%s: gblinear has %zu weights, %zu are needed for %zu columns and %zu "
                        "outputs", import->name, count, terms + outputs, forest->info.feature_count,
                        outputs);
    }
    float *copy = NULL;
    double *base = NULL;
    ALM_TRY(ALMI_FOREST_ARRAY(forest->arena, count, copy, import->error));
    ALM_TRY(ALMI_FOREST_ARRAY(forest->arena, outputs, base, import->error));
    for (size_t i = 0; i < count; i++) {
        if (!isfinite(weight[i])) {
            return alm_fail(import->error, ALM_ERR_CORRUPT, "%s: weight %zu of gblinear is not "
                            "finite", import->name, i);
        }
        copy[i] = weight[i];
    }
    for (size_t k = 0; k < outputs; k++) {
        base[k] = (double)(weight[terms + k] + (float)almi_forest_base(forest, 0));
        if (!isfinite(base[k])) {
            return alm_fail(import->error, ALM_ERR_CORRUPT, "%s: the bias of gblinear is not "
                            "finite", import->name);
        }
    }
    forest->weight = copy;
    forest->base = base;
    return ALM_OK;
}

/* ---- formats ---- */

static bool is_blank(char c)
{
    return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

/* Behind the brace of a UBJ object stands the letter of a length, or its end. */
static bool looks_like_ubj(alm_str bytes)
{
    char next = bytes.size > 1 && bytes.data[0] == '{' ? bytes.data[1] : '\0';
    return next == 'L' || next == 'l' || next == 'i' || next == 'U' || next == 'I';
}

static alm_err import_bytes(almi_xgb_import *import, almi_xgb_format format, alm_str bytes)
{
    ALM_TRY(format == ALMI_XGB_FORMAT_BINARY
                ? almi_xgb_import_binary(import, bytes)
                : almi_xgb_import_document(import, bytes, format == ALMI_XGB_FORMAT_UBJ));
    return almi_forest_finish(import->forest, import->name, import->error);
}

alm_err almi_xgb_import_as(almi_xgb_format format, alm_str bytes, const char *name,
                           alm_forest **out, alm_error *error)
{
    alm_forest *forest = NULL;
    ALM_TRY(almi_forest_create(bytes.size, &forest, error));
    almi_xgb_import import = {.forest = forest,
                              .name = name,
                              .error = error,
                              .scratch = alm_arena_create(0),
                              .tree_scratch = alm_arena_create(0)};
    alm_err code = import_bytes(&import, format, bytes);
    alm_arena_destroy(import.tree_scratch);
    alm_arena_destroy(import.scratch);
    if (code != ALM_OK) {
        alm_forest_destroy(forest);
        return code;
    }
    *out = forest;
    return ALM_OK;
}

alm_err alm_forest_parse_xgboost(alm_str bytes, const char *name, alm_forest **out,
                                 alm_error *error)
{
    alm_str text = bytes;
    bool base64 = alm_str_starts_with(bytes, "bs64\t");
    if (base64 || alm_str_starts_with(bytes, "booster[")) {
        return alm_fail(error, ALM_ERR_UNSUPPORTED, "%s: this is %s; save the model as JSON or UBJ",
                        name, base64 ? "an old model in base64" : "a dump for people");
    }
    while (text.size > 0 && is_blank(text.data[0])) {
        text.data++;
        text.size--;
    }
    bool braced = text.size > 0 && text.data[0] == '{';
    almi_xgb_format format = !braced                 ? ALMI_XGB_FORMAT_BINARY
                             : looks_like_ubj(bytes) ? ALMI_XGB_FORMAT_UBJ
                                                     : ALMI_XGB_FORMAT_JSON;
    return almi_xgb_import_as(format, bytes, name, out, error);
}
