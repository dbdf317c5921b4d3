/* endpoints.h: the routes, one per file of this folder; routes.c puts them in order. */
#ifndef ALM_HTTP_ENDPOINT_ENDPOINTS_H
#define ALM_HTTP_ENDPOINT_ENDPOINTS_H

#include "http/service.h"

/* X(name): almi_route_<name> of <name>.c (a second path of the same answer stands beside the
 * first), in the order of the reference page. */
#define ALMI_ROUTE_MAP(X) \
    X(live)               \
    X(ready)              \
    X(scrape)             \
    X(scrape_of_api)      \
    X(train_model)        \
    X(deploy_release)     \
    X(list_jobs)          \
    X(show_job)           \
    X(cancel_job)         \
    X(openapi_document)   \
    X(reference_page)

#define ALMI_ROUTE_DECLARE(name) extern const alm_route almi_route_##name;
ALMI_ROUTE_MAP(ALMI_ROUTE_DECLARE)
#undef ALMI_ROUTE_DECLARE

#endif
