/* endpoints.h: the routes, one per file of this folder; routes.c puts them in order. */
#ifndef ALM_HTTP_ENDPOINT_ENDPOINTS_H
#define ALM_HTTP_ENDPOINT_ENDPOINTS_H

#include "http/problem_schema.h"
#include "http/service.h"

/* X(name): almi_route_<name> of <name>.c (a second path of the same answer stands beside the
 * first), in the order of the reference page. */
#define ALMI_ROUTE_MAP(X) \
    X(live)               \
    X(ready)              \
    X(health)             \
    X(scrape)             \
    X(scrape_of_api)      \
    X(predict_demand)     \
    X(predict_demand_batch) \
    X(predict_stockout)   \
    X(predict_stockout_batch) \
    X(advise_order)       \
    X(advise_order_batch) \
    X(ask_whatif)         \
    X(node_predictions)   \
    X(list_nodes)         \
    X(list_stockouts)     \
    X(list_routes)        \
    X(post_events)        \
    X(list_models)        \
    X(get_model)          \
    X(model_performance)  \
    X(list_ledger)        \
    X(openapi_document)   \
    X(reference_page)     \
    X(dashboard)          \
    X(dashboard_file)     \
    X(oip_server)         \
    X(oip_live)           \
    X(oip_ready)          \
    X(oip_model)          \
    X(oip_version)        \
    X(oip_model_ready)    \
    X(oip_version_ready)  \
    X(oip_infer)          \
    X(oip_version_infer)  \
    X(oip_all_statistics) \
    X(oip_model_statistics)   \
    X(oip_version_statistics) \
    X(oip_index)          \
    X(oip_load)           \
    X(oip_unload)         \
    X(invocations)        \
    X(ping)               \
    X(version)            \
    X(kserve_predict)     \
    X(kserve_version_predict) \
    X(kserve_model)       \
    X(kserve_version)     \
    X(train_model)        \
    X(deploy_release)     \
    X(list_jobs)          \
    X(show_job)           \
    X(cancel_job)

#define ALMI_ROUTE_DECLARE(name) extern const alm_route almi_route_##name;
ALMI_ROUTE_MAP(ALMI_ROUTE_DECLARE)
#undef ALMI_ROUTE_DECLARE

#endif
