/* project_schema.h: the tables of almanac.yaml's sections (internal to project/). */
#ifndef ALM_PROJECT_PROJECT_SCHEMA_H
#define ALM_PROJECT_PROJECT_SCHEMA_H

#include "project/project.h"
#include "project/yaml_section.h"

/* What a section holds before it becomes part of alm_project; where the struct of project.h has
 * the right shape it is filled directly. */
typedef struct almi_top {
    int32_t version;
    alm_str name;
    alm_str pseudonym_key;
} almi_top;

typedef struct almi_feature_entry {
    alm_str name;
    int op;
    alm_str column;
    int32_t age, lag; /* -1: not given */
    int32_t window, season;
    double alpha, level;
    bool scaled, skip_closed;
    int32_t steps_max;
} almi_feature_entry;

typedef struct almi_place { /* `closed:` and `available:` */
    alm_str source, column;
} almi_place;

typedef struct almi_bars_entry {
    alm_bars_spec spec; /* first: the section's offsets count from it */
    alm_str session_open;
} almi_bars_entry;

extern const almi_section almi_top_section;
extern const almi_section almi_source_section;
extern const almi_section almi_column_section;
extern const almi_section almi_series_section;
extern const almi_section almi_closed_section;
extern const almi_section almi_available_section;
extern const almi_section almi_series_column_section;
extern const almi_section almi_attribute_section;
extern const almi_section almi_level_section;
extern const almi_section almi_feature_section;
extern const almi_section almi_model_section;
extern const almi_section almi_kinds_section;
extern const almi_section almi_gbm_section;
extern const almi_section almi_backtest_section;
extern const almi_section almi_stock_section;
extern const almi_section almi_schedule_section;
extern const almi_section almi_deployment_section;
extern const almi_section almi_shares_section;
extern const almi_section almi_policy_section;

extern const almi_section almi_bars_section;
extern const almi_section almi_signal_section;
/* Of the members of a signal, by learner: lightgbm, xgboost; lstm, gru and tcn share one. */
extern const almi_section almi_lightgbm_section;
extern const almi_section almi_xgboost_section;
extern const almi_section almi_net_section;

/* All of them in the order of the documentation. */
extern const almi_section *const almi_sections[];
extern const size_t almi_section_count;

/* project_parse.c: the document into `project` (its arena). */
ALM_NODISCARD alm_err almi_project_parse(const alm_yaml *root, alm_project *project,
                                         alm_error *error);
/* signal_parse.c: sections `bars` and `signals`; both may be absent. */
ALM_NODISCARD alm_err almi_bars_parse(const alm_yaml *root, alm_project *project,
                                      alm_error *error);
/* deployment_parse.c: `deployments`, with a route for every schedule that none names, and
 * `policies`. After the schedules. */
ALM_NODISCARD alm_err almi_deployments_parse(const alm_yaml *root, alm_project *project,
                                             alm_error *error);
/* project_check.c: names that point nowhere, and rules between sections. */
ALM_NODISCARD alm_err almi_project_check(const alm_yaml *root, const alm_project *project,
                                         alm_error *error);

#endif
