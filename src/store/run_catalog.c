/* run_catalog.c: commits and registry rows joined. */
#include "store/run_catalog.h"

#include <stdlib.h>

/* ---- manifests ---- */

alm_err alm_run_manifest_read(alm_objects *objects, const alm_digest *digest,
                              alm_json_document **out, alm_error *error)
{
    char name[ALM_DIGEST_TEXT_BYTES];
    alm_digest_text(digest, name);
    alm_arena *scratch = alm_arena_create(0);
    alm_str text;
    alm_json_document *document = NULL;
    alm_err code = alm_objects_get(objects, digest, ALM_RUN_MANIFEST_BYTES_MAX, scratch, &text,
                                   error);
    if (code == ALM_OK) {
        code = alm_json_parse(text, name, &document, error);
    }
    if (code == ALM_OK && alm_json_kind_of(alm_json_root(document)) != ALM_JSON_OBJECT) {
        code = alm_fail(error, ALM_ERR_CORRUPT, "%s is not an object", name);
    }
    alm_arena_destroy(scratch);
    if (code != ALM_OK) {
        alm_json_document_destroy(document);
        return alm_error_wrap(error, code == ALM_ERR_INVALID ? ALM_ERR_CORRUPT : code,
                              "run manifest");
    }
    *out = document;
    return ALM_OK;
}

static alm_str copy(alm_arena *arena, alm_str text)
{
    return (alm_str){alm_arena_copy_text(arena, text.data, text.size), text.size};
}

alm_str alm_run_manifest_text(const alm_json_document *manifest, const char *key, alm_arena *arena)
{
    alm_str text;
    const alm_json *value = alm_json_member(alm_json_root(manifest), key);
    return value && alm_json_as_str(value, &text) ? copy(arena, text) : (alm_str){0};
}

/* ---- the catalog ---- */

static int by_run_id(const void *a, const void *b)
{
    return alm_str_compare(((const alm_batch_run *)a)->run_id, ((const alm_batch_run *)b)->run_id);
}

static alm_err describe_from_manifest(alm_objects *objects, alm_arena *arena,
                                      alm_catalog_run *run, alm_error *error)
{
    alm_json_document *manifest;
    alm_err code = alm_run_manifest_read(objects, &run->commit->manifest, &manifest, error);
    if (code != ALM_OK) {
        return alm_error_wrap(error, code, "version %lld of the prediction store (run " ALM_STR_FMT
                              ", which the registry does not know)",
                              (long long)run->commit->version, ALM_STR_ARG(run->run_id));
    }
    run->schedule = alm_run_manifest_text(manifest, "schedule", arena);
    run->model_version = alm_run_manifest_text(manifest, "model_version", arena);
    run->snapshot_id = alm_run_manifest_text(manifest, "snapshot_id", arena);
    run->supersedes = alm_run_manifest_text(manifest, "supersedes", arena);
    run->reason = alm_run_manifest_text(manifest, "reason", arena);
    alm_str date = alm_run_manifest_text(manifest, "prediction_date", arena);
    alm_json_document_destroy(manifest);
    if (!alm_date_parse(date, &run->prediction_date)) {
        return alm_fail(error, ALM_ERR_CORRUPT,
                        "the manifest of run " ALM_STR_FMT " has no prediction date",
                        ALM_STR_ARG(run->run_id));
    }
    return ALM_OK;
}

static void describe_from_registry(const alm_batch_run *known, alm_arena *arena,
                                   alm_catalog_run *run)
{
    char snapshot[ALM_DIGEST_TEXT_BYTES];
    alm_digest_text(&known->snapshot, snapshot);
    run->schedule = known->schedule;
    run->model_version = known->release;
    run->prediction_date = known->prediction_date;
    run->snapshot_id = copy(arena, alm_str_of(snapshot));
    run->supersedes = known->supersedes;
    run->reason = known->reason;
    run->who = known->who;
    run->created = known->created;
}

/* A run replaces only what was there before it, so one pass in the order of versions is enough. */
static void link_superseded(alm_catalog_run *run, size_t runs)
{
    for (size_t i = 0; i < runs; i++) {
        for (size_t j = 0; run[i].supersedes.size > 0 && j < i; j++) {
            if (alm_str_equal(run[j].run_id, run[i].supersedes)) {
                run[j].superseded_at = run[i].commit->version;
                run[j].superseded_by = run[i].run_id;
            }
        }
    }
}

alm_err alm_run_catalog_read(const alm_run_stores *stores, alm_arena *arena,
                             alm_run_catalog *out, alm_error *error)
{
    alm_run_catalog catalog = {0};
    ALM_TRY(alm_predictions_list(stores->predictions, &catalog.commit, &catalog.commits, error));
    alm_batch_run *known;
    size_t known_count;
    ALM_TRY(alm_registry_list_batch_runs(stores->registry, &(alm_batch_run_filter){0}, arena,
                                         &known, &known_count, error));
    if (known_count > 0) {
        qsort(known, known_count, sizeof(*known), by_run_id);
    }
    alm_catalog_run *run = ALM_NEW_ARRAY(arena, alm_catalog_run, catalog.commits);
    for (size_t c = 0; c < catalog.commits; c++) {
        const alm_predictions_commit *commit = &catalog.commit[c];
        if (!commit->is_run) {
            continue;
        }
        alm_catalog_run *entry = &run[catalog.runs++];
        *entry = (alm_catalog_run){.commit = commit, .run_id = commit->run_id,
                                    .run_key = commit->run_key, .superseded_at = ALM_RUN_NEVER};
        alm_batch_run wanted = {.run_id = commit->run_id};
        const alm_batch_run *found =
            known_count ? bsearch(&wanted, known, known_count, sizeof(*known), by_run_id) : NULL;
        if (found) {
            describe_from_registry(found, arena, entry);
        } else {
            ALM_TRY(describe_from_manifest(stores->objects, arena, entry, error));
        }
    }
    link_superseded(run, catalog.runs);
    catalog.run = run;
    *out = catalog;
    return ALM_OK;
}

const alm_catalog_run *alm_run_catalog_find(const alm_run_catalog *catalog, alm_str run_id)
{
    for (size_t i = 0; i < catalog->runs; i++) {
        if (alm_str_equal(catalog->run[i].run_id, run_id)) {
            return &catalog->run[i];
        }
    }
    return NULL;
}
