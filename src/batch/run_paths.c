#include "batch/run_paths.h"

#include "batch/query_catalog.h"

#define PATHS_BYTES_MAX ((size_t)4 << 30)

alm_err alm_run_paths_open(const alm_read_stores *stores, const alm_query_options *options,
                           alm_arena *arena, alm_path_file **out, alm_run_paths_facts *facts,
                           alm_error *error)
{
    alm_query_options asked = {.model = options->model,
                               .run = options->run,
                               .date = options->date,
                               .as_of = options->as_of,
                               .schedule = options->schedule};
    alm_run_catalog catalog;
    almi_choice choice;
    ALM_TRY(almi_catalog_read(stores, arena, &catalog, error));
    ALM_TRY(almi_choose_runs(stores, &catalog, &asked, arena, &choice, error));
    if (choice.runs != 1) {
        return alm_fail(error, ALM_ERR_USAGE, "%zu runs of " ALM_STR_FMT " are meant; choose one "
                        "by its id", choice.runs, ALM_STR_ARG(choice.model_version));
    }
    const alm_catalog_run *run = choice.run[0];
    alm_err code = alm_path_file_of_run(stores->objects, &run->commit->manifest, PATHS_BYTES_MAX,
                                        out, error);
    if (code != ALM_OK) {
        return alm_error_wrap(error, code, "run " ALM_STR_FMT, ALM_STR_ARG(run->run_id));
    }
    *facts = (alm_run_paths_facts){run->run_id, run->model_version, run->prediction_date};
    return ALM_OK;
}
