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

/* Rows of one node and step, in the order of levels. */
static alm_err choose_level(const alm_table *rows, alm_str node, alm_arena *arena, alm_str *level,
                            alm_error *error)
{
    const alm_str *found = rows->rows > 0 ? rows->columns[0].values.text : NULL;
    *level = (alm_str){0};
    for (size_t i = 0; i < rows->rows; i++) {
        if (i == 0 || alm_str_is(found[i], "series")) {
            *level = found[i];
        }
    }
    if (rows->rows < 2 || alm_str_is(*level, "series")) {
        return ALM_OK;
    }
    return alm_fail(error, ALM_ERR_CONFLICT, "the run has %zu nodes that are called " ALM_STR_FMT
                    ", of level " ALM_STR_FMT " and of level " ALM_STR_FMT ": the name does not "
                    "say which is meant; give one of them another in its source", rows->rows,
                    ALM_STR_ARG(alm_str_visible(node, arena)), ALM_STR_ARG(found[0]),
                    ALM_STR_ARG(found[1]));
}

alm_err alm_run_paths_level(const alm_read_stores *stores, const alm_run_paths_facts *facts,
                            alm_str node, alm_arena *arena, alm_str *level, alm_error *error)
{
    alm_query_options options = {.model = facts->model_version, .run = facts->run_id,
                                 .date = ALM_DATE_NONE, .nodes = &node, .node_count = 1,
                                 .first_step = 1, .last_step = 1, .columns = ALM_STR("level")};
    alm_query *query = NULL;
    alm_table rows = {0};
    ALM_TRY(alm_query_open(stores, &options, &query, error));
    alm_err code = alm_query_next(query, arena, &rows, error);
    code = code == ALM_OK ? choose_level(&rows, node, arena, level, error) : code;
    alm_query_close(query);
    return code;
}
