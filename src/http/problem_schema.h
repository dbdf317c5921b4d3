/* problem_schema.h: the schema of a problem reply (exchange.h), for the documents. */
#ifndef ALM_HTTP_PROBLEM_SCHEMA_H
#define ALM_HTTP_PROBLEM_SCHEMA_H

#include "http/route.h"

extern const alm_schema almi_problem_schema;

/* Statuses of problems that any call of a route may give, by what its table says; NUL ends them. */
#define ALMI_PROBLEMS_MAX 12
void almi_route_problems(const alm_route *route, int out[ALMI_PROBLEMS_MAX]);

#endif
