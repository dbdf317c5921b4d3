/* batch_fixture.h: the synthetic project with an approved release, ready to run. Only *_test.c
 * include it. The release is imported: its forest is made up, which no run can tell. */
#ifndef ALM_BATCH_BATCH_FIXTURE_H
#define ALM_BATCH_BATCH_FIXTURE_H

#include "batch/prediction_table.h"
#include "batch/run.h"
#include "pipeline/pipeline_fixture.h"
#include "store/ledger.h"

typedef struct shop {
    fixture *f;
    alm_snapshot snapshot;
    alm_registry *registry;
    alm_predictions *predictions;
    alm_run_options options;
} shop;

static inline void shop_note(shop *s, alm_ledger_action action, const char *release,
                             const char *alias)
{
    alm_ledger_note note = {.action = action, .subject = alm_str_of(release),
                            .alias = alm_str_of(alias), .who = ALM_STR("ann"), .when = 1,
                            .why = ALM_STR("test")};
    alm_ledger_entry entry;
    alm_err code = alm_ledger_append(s->registry, &note, s->f->arena, &entry, &s->f->error);
    if (code != ALM_OK) {
        (void)fprintf(stderr, "%s\n", s->f->error.message);
    }
    alm_assert(code == ALM_OK);
}

/* Registers a bundle with this method as the next release of `demand`. */
static inline void shop_release(shop *s, const alm_method *method)
{
    fixture *f = s->f;
    alm_panel_options options = {.start = ALM_DATE_NONE, .end = ALM_DATE_NONE, .future = 0,
                                 .membership_date = ALM_DATE_NONE, .block_series = 256};
    alm_panel_source *source = NULL;
    alm_assert(alm_panel_source_open(&f->env, f->project, f->objects, &s->snapshot, &options,
                                     &source, &f->error) == ALM_OK);
    alm_bundle_parts parts = synthetic_parts(f, alm_panel_source_schema(source), method);
    alm_panel_source_close(source);
    alm_release_member member = {.role = ALM_STR("demand")};
    alm_assert(alm_bundle_save(f->objects, &parts, &member.bundle, &f->error) == ALM_OK);
    alm_release_request request = {.model = ALM_STR("demand"), .members = &member,
                                   .member_count = 1, .origin = ALM_RELEASE_IMPORTED,
                                   .who = ALM_STR("ann"), .when = 1, .why = ALM_STR("test")};
    alm_release release;
    alm_err code = alm_registry_register_release(s->registry, &request, f->arena, &release,
                                                 &f->error);
    if (code != ALM_OK) {
        (void)fprintf(stderr, "%s\n", f->error.message);
    }
    alm_assert(code == ALM_OK);
}

static inline void shop_open(fixture *f, const synthetic_options *options, shop *s)
{
    synthetic_open(f, options);
    *s = (shop){.f = f, .snapshot = synthetic_take(f, SYNTHETIC_END)};
    s->registry = synthetic_registry(f, &s->snapshot);
    alm_method method = synthetic_method(20);
    shop_release(s, &method);
    shop_note(s, ALM_LEDGER_COMPARE, "demand-1", "");
    shop_note(s, ALM_LEDGER_APPROVE, "demand-1", "");
    shop_note(s, ALM_LEDGER_PROMOTE, "demand-1", "production");
    alm_assert(alm_prediction_table_open(&f->env, f->project, &s->predictions, &f->error) ==
               ALM_OK);
    s->options = (alm_run_options){.project = f->project,
                                   .schedule = &f->project->schedules[0],
                                   .snapshot = &s->snapshot,
                                   .objects = f->objects,
                                   .registry = s->registry,
                                   .predictions = s->predictions,
                                   .prediction_date = fixture_date(SYNTHETIC_END),
                                   .who = ALM_STR("ann")};
}

static inline void shop_close(shop *s)
{
    alm_predictions_close(s->predictions);
    alm_registry_close(s->registry);
}

#endif
