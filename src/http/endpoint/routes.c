#include "http/endpoint/endpoints.h"

const alm_route *const *alm_routes(size_t *count)
{
    static const alm_route *const routes[] = {
#define ROUTE_ITEM(name) &almi_route_##name,
        ALMI_ROUTE_MAP(ROUTE_ITEM)
#undef ROUTE_ITEM
    };
    *count = sizeof routes / sizeof routes[0];
    return routes;
}
