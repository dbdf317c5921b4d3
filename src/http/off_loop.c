#include "http/off_loop.h"

#define QUEUE "computations"

/* ---- one piece of work ---- */

static uint64_t now_ns(const alm_service *service)
{
    return service->clock.now_ns(service->clock.context);
}

static void count_waiting(const alm_service *service, int worker, int64_t more)
{
    alm_meter_move(alm_meters_get(service->meters, ALM_SERVICE_QUEUE_DEPTH, QUEUE), worker, more);
}

/* The crew's thread; the job may be gone as soon as the work is done. */
static void run_job(void *context, int member)
{
    alm_off_loop_job *job = context;
    const alm_service *service = job->service;
    int worker = service->crew_worker + member;
    uint64_t now = now_ns(service);
    job->request->worker = worker;
    job->request->aside_ns = now > job->asked_ns ? now - job->asked_ns : 0;
    count_waiting(service, worker, -1);
    alm_meter_observe(alm_meters_get(service->meters, ALM_SERVICE_QUEUE_TIME, QUEUE), worker,
                      job->request->aside_ns);
    job->work(job->argument);
}

bool alm_off_loop_run(alm_off_loop_job *job)
{
    const alm_service *service = job->service;
    int worker = job->request->worker; /* when it is taken, another thread goes on at once */
    job->job = (alm_crew_job){.run = run_job, .context = job};
    job->asked_ns = now_ns(service);
    count_waiting(service, worker, 1);
    if (!alm_crew_ask(service->crew, &job->job)) {
        count_waiting(service, worker, -1);
        return false;
    }
    return true;
}

/* ---- a whole request ---- */

typedef struct aside {
    alm_later later;
    alm_off_loop_job job;
    alm_call call;
    alm_request request; /* the call's, with the worker of the crew */
    alm_reply *reply;
    alm_reply made; /* set by the crew, and given out by the event loop */
    bool is_taken;
} aside;

static void answer(void *argument)
{
    aside *a = argument;
    a->call.route->run(&a->call, &a->made);
    alm_assert(a->made.status != 0 && !a->made.stream.next);
    a->later.wake(a->later.connection);
}

static void start(alm_later *later)
{
    aside *a = later->context;
    a->is_taken = true; /* before: when it is, another thread goes on at once */
    if (!alm_off_loop_run(&a->job)) {
        a->is_taken = false;
        later->wake(later->connection);
    }
}

static void finish(alm_later *later)
{
    aside *a = later->context;
    if (a->is_taken) {
        *a->reply = a->made;
        return;
    }
    alm_off_loop_shed(a->call.service, a->call.request, a->call.route, QUEUE,
                      ALM_STR("too many computations wait already, and this one was not begun; try "
                              "again"), a->reply);
}

bool alm_off_loop(const alm_call *call, alm_reply *reply)
{
    if (!call->service->crew || !call->route->is_dear || !call->route->is_dear(call->body)) {
        return false;
    }
    aside *a = ALM_NEW(call->request->arena, aside);
    *a = (aside){.later = {.start = start, .finish = finish, .context = a},
                 .job = {.service = call->service, .request = &a->request, .work = answer,
                         .argument = a},
                 .call = *call,
                 .request = *call->request,
                 .reply = reply,
                 .made = *reply};
    a->call.request = &a->request;
    reply->later = &a->later;
    return true;
}

void alm_off_loop_shed(const alm_service *service, const alm_request *request,
                       const alm_route *route, const char *reason, alm_str detail,
                       alm_reply *reply)
{
    alm_problem what = {
        .status = 503,
        .type = "https://iana.org/assignments/http-problem-types#temporary-reduced-capacity",
        .title = "Overloaded",
        .detail = detail};
    alm_reply_problem(reply, request, &what);
    alm_reply_header(reply, "Retry-After", ALM_STR("1"));
    alm_meter_add(alm_meters_get(service->meters, ALM_SERVICE_HTTP_SHED, route->path, reason),
                  request->worker, 1);
}
