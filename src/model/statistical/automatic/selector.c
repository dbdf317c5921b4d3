#include "model/statistical/automatic/selector.h"

#include <math.h>

#include "model/forest/forest.h"
#include "model/model_file.h"
#include "model/statistical/automatic/choice_member.h"
#include "model/statistical/automatic/series_features.h"
#include "num/elementary.h"

#define SCORE_LEAST (-20) /* below the best: no weight falls to 0 */

struct alm_selector {
    alm_arena *arena;
    alm_model_file *file[ALM_SELECTOR_GROUP_COUNT]; /* NULL: none */
};

alm_selector_group alm_selector_group_of(alm_demand_class class_of_demand)
{
    switch (class_of_demand) {
    case ALM_DEMAND_smooth:
    case ALM_DEMAND_erratic: return ALM_SELECTOR_REGULAR;
    case ALM_DEMAND_intermittent:
    case ALM_DEMAND_lumpy: return ALM_SELECTOR_RARE;
    default: return ALM_SELECTOR_GROUP_COUNT;
    }
}

/* ---- life ---- */

static alm_err open_group(alm_str model, alm_model_file **out, alm_error *error)
{
    ALM_TRY(alm_model_file_parse(model, "a selector", out, error));
    alm_forest_info info = alm_forest_describe(alm_model_file_forest(*out));
    if (info.feature_count != ALM_SERIES_FEATURE_COUNT ||
        info.output_count != ALM_DEMAND_MEMBERS_MAX) {
        return alm_fail(error, ALM_ERR_INVALID, "a selector has %d columns and %d scores, this "
                        "forest has %zu and %zu: train it again with this version",
                        ALM_SERIES_FEATURE_COUNT, ALM_DEMAND_MEMBERS_MAX, info.feature_count,
                        info.output_count);
    }
    return ALM_OK;
}

alm_err alm_selector_create(const alm_str *model, alm_selector **out, alm_error *error)
{
    alm_arena *arena = alm_arena_create(0);
    alm_selector *selector = ALM_NEW(arena, alm_selector);
    selector->arena = arena;
    for (int group = 0; group < ALM_SELECTOR_GROUP_COUNT; group++) {
        alm_err code = model[group].data ? open_group(model[group], &selector->file[group], error)
                                         : ALM_OK;
        if (code != ALM_OK) {
            alm_selector_destroy(selector);
            return code;
        }
    }
    *out = selector;
    return ALM_OK;
}

void alm_selector_destroy(alm_selector *selector)
{
    if (selector == NULL) {
        return;
    }
    for (int group = 0; group < ALM_SELECTOR_GROUP_COUNT; group++) {
        alm_model_file_close(selector->file[group]);
    }
    alm_arena_destroy(selector->arena);
}

/* ---- weights ---- */

/* By places in the list of candidates; softmax but for the sum. */
static void weights_of(const alm_selector *selector, alm_selector_group group,
                       const alm_past *past, alm_arena *arena,
                       double weight[ALM_DEMAND_MEMBERS_MAX])
{
    double feature[ALM_SERIES_FEATURE_COUNT];
    const alm_forest *forest = alm_model_file_forest(selector->file[group]);
    alm_series_features(past, arena, feature);
    alm_forest_score(forest, feature, 1, ALM_SERIES_FEATURE_COUNT, weight);
    double top = -INFINITY;
    for (size_t i = 0; i < ALM_DEMAND_MEMBERS_MAX; i++) {
        top = weight[i] > top ? weight[i] : top;
    }
    for (size_t i = 0; i < ALM_DEMAND_MEMBERS_MAX; i++) {
        double score = weight[i] - top;
        weight[i] = alm_exp(score > SCORE_LEAST ? score : SCORE_LEAST);
    }
}

alm_err alm_selector_fit(const alm_selector *selector, const alm_past *past, alm_arena *arena,
                         void **state, alm_error *error)
{
    alm_choice *c = NULL;
    double weight[ALM_DEMAND_MEMBERS_MAX];
    ALM_TRY(almi_candidates_fit(past, arena, &c, error));
    alm_selector_group group = alm_selector_group_of(c->facts.class_of_demand);
    if (selector && group < ALM_SELECTOR_GROUP_COUNT && selector->file[group]) {
        size_t used = 0;
        weights_of(selector, group, past, arena, weight);
        for (size_t i = 0; i < ALM_DEMAND_MEMBERS_MAX; i++) {
            if (c->facts.member[i].reason == ALM_CHOICE_USED) {
                c->all.part[used++].weight = weight[i];
            }
        }
    }
    almi_member_weigh(c);
    *state = c;
    return ALM_OK;
}

static alm_err fit(const alm_past *past, alm_arena *arena, void **state, alm_error *error)
{
    (void)past;
    (void)arena;
    (void)state;
    return alm_fail(error, ALM_ERR_INVALID, "learned weights need a trained selector: take "
                    "weighted or median");
}

const alm_forecaster_kind alm_learned = {"learned", fit, alm_combination_update,
                                         almi_weighted_mean, alm_combination_deviation,
                                         almi_choice_copy, alm_combination_next,
                                         {.is_surprised = true}};
