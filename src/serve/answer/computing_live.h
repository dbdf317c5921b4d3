/* computing_live.h: the lines of a running service (live.h) as what computations are made from. */
#ifndef ALM_SERVE_COMPUTING_LIVE_H
#define ALM_SERVE_COMPUTING_LIVE_H

#include "serve/answer/computation.h"
#include "serve/live/live.h"

typedef struct alm_computing_live { /* of one request */
    alm_live *live;
    size_t worker;
    alm_live_view view; /* while it is inside */
    alm_computing_source source;
} alm_computing_live;

/* `out->source` is good as long as `out`. */
void alm_computing_live_init(alm_live *live, size_t worker, alm_computing_live *out);

#endif
