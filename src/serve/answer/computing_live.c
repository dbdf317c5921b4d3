#include "serve/answer/computing_live.h"

static alm_err enter(void *context, alm_str route, alm_str model_version, alm_computing_line *out,
                     alm_error *error)
{
    alm_computing_live *c = context;
    ALM_TRY(alm_live_enter(c->live, c->worker, route, model_version, &c->view, error));
    *out = (alm_computing_line){c->view.bundle, c->view.state, c->view.now, c->view.workspace,
                                c->view.run_id, &c->view};
    return ALM_OK;
}

static void leave(void *context, const alm_computing_line *line)
{
    alm_computing_live *c = context;
    alm_live_leave(c->live, c->worker, line->own);
}

void alm_computing_live_init(alm_live *live, size_t worker, alm_computing_live *out)
{
    *out = (alm_computing_live){.live = live, .worker = worker};
    out->source = (alm_computing_source){enter, leave, out};
}
