/* served_fixture.h: the made-up runs of batch/read_fixture.h behind routes, for tests of what is
 * served. The loader has handles of its own on a file system that can be made to fail.
 *
 * Route "shop": schedule nightly, alias production, with the previous release. Route "pinned": any
 * schedule of model demand, release demand-1, nothing below the batch. */
#ifndef ALM_TESTS_SERVE_SERVED_FIXTURE_H
#define ALM_TESTS_SERVE_SERVED_FIXTURE_H

#include "base/fs_fault.h"
#include "batch/read_fixture.h"
#include "serve/answer/demand_answer.h"

#define DAY_US ((alm_instant)86400 * 1000000)

typedef struct served_fixture {
    read_fixture *f;
    alm_fs *fault;
    alm_project project;
    alm_str keys[2];
    alm_model_spec model;
    alm_schedule_spec schedule;
    alm_deployment_spec deployment[2];
    alm_run_stores stores; /* of the loader */
    alm_epoch *epoch;
    alm_committed *committed;
    uint64_t clock_ns;
    alm_instant now;
} served_fixture;

static inline uint64_t online_clock(void *context)
{
    return ((served_fixture *)context)->clock_ns += 1000;
}

static inline void online_note(served_fixture *o, alm_ledger_action action, const char *release,
                               const char *alias)
{
    alm_ledger_entry entry;
    alm_ledger_note note = {.action = action, .subject = alm_str_of(release),
                            .alias = alm_str_of(alias), .who = ALM_STR("anna"), .when = 10,
                            .why = ALM_STR("test")};
    fixture_must(o->f, alm_ledger_append(o->f->stores.registry, &note, o->f->arena, &entry,
                                         &o->f->error));
}

static inline void online_promote(served_fixture *o, const char *release)
{
    online_note(o, ALM_LEDGER_COMPARE, release, NULL);
    online_note(o, ALM_LEDGER_APPROVE, release, NULL);
    online_note(o, ALM_LEDGER_PROMOTE, release, "production");
}

static inline void online_project(served_fixture *o)
{
    const alm_ladder_shares shares = {0.6, 0.2, 0.1, 0.1};
    o->keys[0] = ALM_STR("sku");
    o->keys[1] = ALM_STR("market");
    o->model = (alm_model_spec){.name = ALM_STR("demand"), .season = 7};
    o->schedule = (alm_schedule_spec){.name = ALM_STR("nightly"), .model = ALM_STR("demand"),
                                      .alias = ALM_STR("production")};
    o->deployment[0] = (alm_deployment_spec){
        .name = ALM_STR("shop"), .schedule = ALM_STR("nightly"), .model = ALM_STR("demand"),
        .release = ALM_STR("production"), .previous = true, .stale_days_max = 3,
        .rule = ALM_RULE_SEASONAL_NAIVE, .deadline_ms = 50, .shares = shares};
    o->deployment[1] = (alm_deployment_spec){
        .name = ALM_STR("pinned"), .model = ALM_STR("demand"), .release = ALM_STR("demand-1"),
        .stale_days_max = 3, .rule = ALM_RULE_NONE, .deadline_ms = 50, .shares = shares};
    o->project = (alm_project){.series = {.keys = o->keys, .key_count = 2},
                               .models = &o->model, .model_count = 1,
                               .schedules = &o->schedule, .schedule_count = 1,
                               .deployments = o->deployment, .deployment_count = 2};
}

static inline void online_open(served_fixture *o, uint64_t memory_limit_bytes)
{
    read_fixture *f = o->f;
    const char *objects = alm_path_join(f->arena, alm_path_directory(f->arena, f->root), "objects");
    fixture_must(f, alm_fs_fault_create(f->fs, &o->fault, &f->error));
    o->stores.registry = f->stores.registry;
    fixture_must(f, alm_objects_folder_open(o->fault, objects, &o->stores.objects, &f->error));
    fixture_must(f, alm_predictions_open(o->fault, f->root, &o->stores.predictions, &f->error));
    fixture_must(f, alm_epoch_create(2, &o->epoch, &f->error));
    alm_committed_options options = {.project = &o->project, .stores = o->stores,
                                     .epoch = o->epoch, .retry_s = 30,
                                     .memory_limit_bytes = memory_limit_bytes};
    fixture_must(f, alm_committed_create(&options, &o->committed, &f->error));
}

static inline served_fixture *online_create(void)
{
    read_fixture *f = read_fixture_create();
    served_fixture *o = ALM_NEW(f->arena, served_fixture);
    o->f = f;
    o->now = alm_instant_of_date(f->start) + DAY_US / 2;
    online_project(o);
    return o;
}

static inline void online_close(served_fixture *o)
{
    alm_committed_destroy(o->committed);
    alm_epoch_destroy(o->epoch);
    alm_predictions_close(o->stores.predictions);
    alm_objects_close(o->stores.objects);
    alm_fs_destroy(o->fault);
    o->committed = NULL;
    o->epoch = NULL;
}

static inline void online_destroy(served_fixture *o)
{
    if (o->committed) {
        online_close(o);
    }
    read_fixture_destroy(o->f);
}

static inline void online_run(served_fixture *o, const char *run_id, const char *release,
                              const char *date, double shift)
{
    fixture_run run = {.run_id = run_id, .release = release, .date = date,
                       .snapshot = "snapshot one", .base_shift = shift, .has_fan = true};
    (void)fixture_add_run(o->f, &run);
}

static inline alm_online online_now(served_fixture *o)
{
    return (alm_online){.project = &o->project, .set = alm_committed_current(o->committed),
                        .clock = {online_clock, o}, .now = o->now};
}

/* Writes nonsense over the fan file of a committed run. */
static inline void online_damage(served_fixture *o, const char *run_id)
{
    read_fixture *f = o->f;
    alm_batch_run run;
    alm_json_document *manifest;
    alm_digest digest;
    const char *path;
    fixture_must(f, alm_registry_get_batch_run(f->stores.registry, alm_str_of(run_id), f->arena,
                                               &run, &f->error));
    fixture_must(f, alm_run_manifest_read(f->stores.objects, &run.manifest, &manifest, &f->error));
    alm_assert(alm_digest_parse(alm_run_manifest_text(manifest, "fan_object", f->arena), &digest));
    alm_json_document_destroy(manifest);
    fixture_must(f, alm_objects_locate(f->stores.objects, &digest, f->arena, &path, &f->error));
    fixture_must(f, alm_fs_write_all(f->fs, path, ALM_STR("nonsense"), &f->error));
}

#endif
