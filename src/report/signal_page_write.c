/* signal_page_write.c: the input of a signal's page, from the stores. */
#include "base/build_info.h"
#include "base/fs.h"
#include "base/json.h"
#include "feature/bars/bars.h"
#include "report/signal_page.h"
#include "store/registry.h"

#include <string.h>

typedef struct collecting {
    const alm_signal_page_options *options;
    alm_arena *arena;
    alm_release release;
    alm_training_run run;
    alm_signal_figures figures;
    alm_signal_page_input input;
} collecting;

static alm_err read_release(collecting *c, alm_error *error)
{
    const alm_signal_page_options *o = c->options;
    alm_signal_page_input *input = &c->input;
    ALM_TRY(alm_registry_resolve(o->registry, o->release, c->arena, &c->release, error));
    if (c->release.has_training_run) {
        ALM_TRY(alm_registry_training_run_of(o->registry, c->release.name, c->arena, &c->run,
                                             error));
    }
    if (!alm_signal_figures_are(c->run.report)) {
        return alm_fail(error, ALM_ERR_UNSUPPORTED, "release " ALM_STR_FMT " is no signal that was "
                        "trained here: a run of it has a report, with --date or --run",
                        ALM_STR_ARG(c->release.name));
    }
    ALM_TRY(alm_signal_figures_read(c->run.report, c->arena, &c->figures, error));
    input->release = c->release.name;
    input->alias = alm_str_equal(o->release, c->release.name) ? ALM_STR("") : o->release;
    input->bundle = alm_digest_str(&c->run.bundle, c->arena);
    input->training_run = alm_digest_str(&c->run.id, c->arena);
    input->inputs = c->run.inputs;
    input->figures = &c->figures;
    return ALM_OK;
}

static void read_columns(collecting *c, const alm_bars_plan *plan)
{
    size_t count = alm_bars_plan_width(plan);
    alm_signal_page_feature *features = ALM_NEW_ARRAY(c->arena, alm_signal_page_feature, count);
    for (size_t i = 0; i < count; i++) {
        const char *name = alm_bars_plan_name(plan, i);
        features[i].name = alm_str_of(alm_arena_copy_text(c->arena, name, strlen(name)));
        features[i].is_anchored = alm_bars_plan_is_anchored(plan, i);
        features[i].warmup_bars = alm_bars_plan_warmup(plan, i);
    }
    c->input.feature = features;
    c->input.feature_count = count;
}

/* An engine without one of the plan's operators still shows the page, without the list. */
static alm_err read_features(collecting *c, alm_error *error)
{
    alm_json_document *document = NULL;
    alm_digest version = {0};
    alm_str text;
    ALM_TRY(alm_json_parse(c->run.inputs, "inputs of the training run", &document, error));
    alm_err code = alm_json_get_str(alm_json_root(document), "feature_version", &text, error);
    if (code == ALM_OK && !alm_digest_parse(text, &version)) {
        code = alm_fail(error, ALM_ERR_CORRUPT, "the record's feature version is malformed");
    }
    alm_json_document_destroy(document);
    if (code != ALM_OK) {
        return code;
    }
    alm_feature_version_record record;
    alm_bars_plan *plan = NULL;
    c->input.feature_version = alm_digest_str(&version, c->arena);
    ALM_TRY(alm_registry_get_feature_version(c->options->registry, &version, c->arena, &record,
                                             error));
    code = alm_bars_plan_read(record.definition, "feature version", &plan, error);
    if (code == ALM_ERR_UNSUPPORTED) {
        return ALM_OK;
    }
    if (code == ALM_OK) {
        read_columns(c, plan);
    }
    alm_bars_plan_destroy(plan);
    return code;
}

static alm_err read_ledger(collecting *c, alm_error *error)
{
    alm_ledger_filter filter = {.subject = c->release.name};
    alm_ledger_entry *entries = NULL;
    ALM_TRY(alm_ledger_list(c->options->registry, &filter, c->arena, &entries,
                            &c->input.ledger_count, error));
    c->input.ledger = entries;
    return ALM_OK;
}

alm_err alm_signal_page_write(const alm_env *env, const alm_signal_page_options *options,
                              alm_arena *arena, alm_signal_page_result *out, alm_error *error)
{
    collecting c = {.options = options, .arena = arena};
    c.input.project = options->project;
    c.input.engine = ALM_STR("almanac " ALM_ENGINE_VERSION);
    ALM_TRY(read_release(&c, error));
    ALM_TRY(read_features(&c, error));
    ALM_TRY(read_ledger(&c, error));
    alm_buffer text = {0};
    alm_err code = alm_signal_page_render(&c.input, &text, error);
    if (code == ALM_OK) {
        code = alm_fs_write_all(env->fs, options->path, alm_buffer_view(&text), error);
    }
    if (code == ALM_OK) {
        *out = (alm_signal_page_result){.release = c.release.name, .size_bytes = text.size,
                                        .charts = c.figures.horizon_count};
    }
    alm_buffer_deinit(&text);
    return code;
}
