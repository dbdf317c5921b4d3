#include "base/crew.h"

#include "base/arena.h"
#include "base/thread.h"

typedef struct member {
    alm_crew *crew;
    int number;
    alm_thread *thread;
} member;

struct alm_crew {
    alm_crew_options options;
    member *member;
    int started;
    alm_mutex busy; /* of what follows */
    alm_condition asked;
    alm_crew_job *first, **end;
    size_t waiting;
    bool is_ending;
};

/* NULL: nothing waits, and nothing will. */
static alm_crew_job *take(alm_crew *crew)
{
    alm_mutex_lock(&crew->busy);
    while (!crew->first && !crew->is_ending) {
        alm_condition_wait(&crew->asked, &crew->busy);
    }
    alm_crew_job *job = crew->first;
    if (job) {
        crew->first = job->next;
        crew->end = crew->first ? crew->end : &crew->first;
        crew->waiting--;
    }
    alm_mutex_unlock(&crew->busy);
    return job;
}

static void work(void *context)
{
    member *own = context;
    if (own->crew->options.steps_back) {
        alm_thread_step_back();
    }
    for (alm_crew_job *job = take(own->crew); job; job = take(own->crew)) {
        job->run(job->context, own->number);
    }
}

alm_err alm_crew_create(const alm_crew_options *options, alm_crew **out, alm_error *error)
{
    void *memory = NULL;
    alm_assert(options->members >= 1 && options->members <= ALM_CREW_MEMBERS_MAX);
    ALM_TRY(alm_heap_try(sizeof(alm_crew), &memory, error));
    alm_crew *crew = memory;
    crew->options = *options;
    crew->end = &crew->first;
    alm_mutex_init(&crew->busy);
    alm_condition_init(&crew->asked);
    alm_err code = alm_heap_try((size_t)options->members * sizeof(member), &memory, error);
    crew->member = code == ALM_OK ? memory : NULL;
    while (code == ALM_OK && crew->started < options->members) {
        member *own = &crew->member[crew->started];
        *own = (member){.crew = crew, .number = crew->started};
        code = alm_thread_start(options->name, work, own, &own->thread, error);
        crew->started += code == ALM_OK;
    }
    if (code != ALM_OK) {
        alm_crew_destroy(crew);
        return code;
    }
    *out = crew;
    return ALM_OK;
}

void alm_crew_destroy(alm_crew *crew)
{
    if (!crew) {
        return;
    }
    alm_mutex_lock(&crew->busy);
    crew->is_ending = true;
    alm_condition_broadcast(&crew->asked);
    alm_mutex_unlock(&crew->busy);
    for (int i = 0; i < crew->started; i++) {
        alm_thread_join(crew->member[i].thread);
    }
    alm_condition_deinit(&crew->asked);
    alm_mutex_deinit(&crew->busy);
    alm_heap_free(crew->member);
    alm_heap_free(crew);
}

bool alm_crew_ask(alm_crew *crew, alm_crew_job *job)
{
    alm_mutex_lock(&crew->busy);
    bool has_room = crew->waiting < crew->options.waiting_max;
    if (has_room) {
        job->next = NULL;
        *crew->end = job;
        crew->end = &job->next;
        crew->waiting++;
        alm_condition_signal(&crew->asked);
    }
    alm_mutex_unlock(&crew->busy);
    return has_room;
}
