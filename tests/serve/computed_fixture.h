/* computed_fixture.h: the endpoints of web_fixture.h, whose routes compute from the line of the
 * synthetic shop: its releases have the committed runs of one shop, and forecasts of another's
 * series. */
#ifndef ALM_TESTS_SERVE_COMPUTED_FIXTURE_H
#define ALM_TESTS_SERVE_COMPUTED_FIXTURE_H

#include "web_fixture.h"

#include "serve/answer/computation_fixture.h"

#define COMPUTED_SERIES 5 /* s01|n2 */

typedef struct computed_web {
    web *w;
    computing c;
    alm_computing_breakers breakers[2];
    alm_forest_scratch *scratch;
} computed_web;

static inline void computed_start(computed_web *t, void **state)
{
    void *opened = NULL;
    computing_start(&t->c, *state, &(served_case){.delay = 0});
    (void)web_setup(&opened);
    t->w = opened;
    fixture *f = *state;
    served_must(&t->c.s, alm_forest_scratch_create(t->c.s.bundle->models[0].explainer, &t->scratch,
                                                   &f->error));
    t->c.workspace.forest = &t->scratch;
    t->w->o->now = alm_instant_of_date(fixture_date(SYNTHETIC_END));
    for (int i = 0; i < 2; i++) {
        alm_computing_breakers_init(&t->breakers[i]);
        t->w->o->deployment[i].stale_days_max = 36500;
    }
    t->w->cases.service.computing = &t->c.source;
    t->w->cases.service.breakers = t->breakers;
}

static inline void computed_stop(computed_web *t)
{
    void *opened = t->w;
    alm_forest_scratch_destroy(t->scratch);
    (void)web_teardown(&opened);
    computing_stop(&t->c);
}

#define SHOP "\"route\":\"shop\","
#define NODE SHOP "\"node\":\"s01|n2\","
#define WHAT_IF NODE "\"purpose\":\"what_if\","

#endif
