/* access_internal.h: a verdict while it is made, and who puts it into words. */
#ifndef ALM_HTTP_ACCESS_ACCESS_INTERNAL_H
#define ALM_HTTP_ACCESS_ACCESS_INTERNAL_H

#include "http/access/access.h"

typedef struct almi_access_work {
    alm_access_verdict *verdict;
    alm_arena *arena;
} almi_access_work;

/* Status, problem and challenge of the verdict's reason. */
void almi_access_explain(const alm_access_request *request, almi_access_work *work);

#endif
