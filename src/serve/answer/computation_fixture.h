/* computation_fixture.h: a route over the synthetic shop whose releases are computed from one line,
 * for tests of computations and scenarios. There is no committed run. Only *_test.c include it. */
#ifndef ALM_SERVE_COMPUTATION_FIXTURE_H
#define ALM_SERVE_COMPUTATION_FIXTURE_H

#include "serve/answer/computation.h"
#include "serve/live/recompute_fixture.h"

typedef struct computing {
    served s;
    alm_base_workspace workspace;
    alm_project project; /* the shop's, with a deployment and policies of the test's own */
    alm_str purpose[1];
    alm_deployment_spec deployment;
    alm_committed_release release[2];
    alm_committed_route route;
    alm_committed_set set;
    alm_computing_source source;
    alm_computing_breakers breakers;
    bool missing[2];      /* no line of that release */
    size_t inside, visits; /* of lines */
    uint64_t clock_ns, tick_ns;
    alm_arena *arena;     /* of answers */
} computing;

static inline alm_err computing_enter(void *context, alm_str route, alm_str model_version,
                                      alm_computing_line *out, alm_error *error)
{
    computing *c = context;
    alm_assert(alm_str_is(route, "shop") && c->inside == 0);
    bool current = alm_str_equal(model_version, c->release[0].name);
    if (c->missing[current ? 0 : 1]) {
        return alm_fail(error, ALM_ERR_UNAVAILABLE, "told to be missing");
    }
    c->inside++;
    c->visits++;
    *out = (alm_computing_line){c->s.bundle, c->s.online, alm_online_state_enter(c->s.online, 0),
                                &c->workspace, ALM_STR("run-0"), NULL};
    return ALM_OK;
}

static inline void computing_leave(void *context, const alm_computing_line *line)
{
    computing *c = context;
    alm_assert(c->inside == 1 && line->bundle == c->s.bundle);
    c->inside--;
    alm_online_state_leave(c->s.online, 0);
}

static inline uint64_t computing_clock(void *context)
{
    computing *c = context;
    return c->clock_ns += c->tick_ns;
}

static inline void computing_start(computing *c, fixture *f, const served_case *shape)
{
    *c = (computing){.workspace = served_workspace(), .tick_ns = 1000,
                     .arena = alm_arena_create(0)};
    served_start(&c->s, f, shape);
    c->purpose[0] = ALM_STR("markdown");
    c->deployment = (alm_deployment_spec){.name = ALM_STR("shop"), .model = ALM_STR("demand"),
                                          .release = ALM_STR("production"), .previous = true,
                                          .purposes = c->purpose, .purpose_count = 1,
                                          .stale_days_max = 3, .rule = ALM_RULE_NONE,
                                          .deadline_ms = 50, .shares = {.6, .2, .1, .1}};
    c->project = *f->project;
    c->project.deployments = &c->deployment;
    c->project.deployment_count = 1;
    c->release[0] = (alm_committed_release){.name = ALM_STR("demand-2")};
    c->release[1] = (alm_committed_release){.name = ALM_STR("demand-1")};
    alm_str none = ALM_STR("no run is in force");
    c->route = (alm_committed_route){.spec = &c->deployment, .season = 7,
                                     .current = {&c->release[0], NULL, none, none},
                                     .previous = {&c->release[1], NULL, none, none}};
    c->set = (alm_committed_set){.route = &c->route, .routes = 1, .release = c->release,
                                 .releases = 2};
    c->source = (alm_computing_source){computing_enter, computing_leave, c};
    alm_computing_breakers_init(&c->breakers);
}

static inline void computing_stop(computing *c)
{
    alm_assert(c->inside == 0);
    served_workspace_end(&c->workspace);
    served_stop(&c->s);
    alm_arena_destroy(c->arena);
}

static inline alm_online computing_online(computing *c)
{
    return (alm_online){.project = &c->project, .set = &c->set, .clock = {computing_clock, c},
                        .now = alm_instant_of_date(fixture_date(SYNTHETIC_END))};
}

/* The series itself, without a computation. */
static inline alm_recomputed computing_reference(computing *c, size_t series)
{
    alm_recomputed out;
    alm_base_workspace workspace = c->workspace;
    workspace.results = c->arena;
    const alm_online_now *now = alm_online_state_enter(c->s.online, 0);
    alm_recompute_request request = {.bundle = c->s.bundle, .online = c->s.online, .now = now,
                                     .series = series};
    served_must(&c->s, alm_recompute(&request, &workspace, &out, &c->s.f->error));
    alm_online_state_leave(c->s.online, 0);
    return out;
}

#endif
