/* crew.h: a few threads that do jobs in the order of asking, as many waiting as may.
 *
 * For work that is too long for an event loop: whoever asks goes on, and the job tells its own end.
 * What comes when the line is full is refused at once, so that nothing waits without a bound.
 *
 * Thread safety: ask from any thread. */
#ifndef ALM_BASE_CREW_H
#define ALM_BASE_CREW_H

#include "base/error.h"

typedef struct alm_crew alm_crew;

/* The asker's memory, which is the crew's until `run` is called. */
typedef struct alm_crew_job {
    /* On a thread of the crew, `member` from 0. The crew does not touch the job any more, so that
     * it may be freed in there. */
    void (*run)(void *context, int member);
    void *context;
    struct alm_crew_job *next; /* the crew's */
} alm_crew_job;

#define ALM_CREW_MEMBERS_MAX 256

typedef struct alm_crew_options {
    const char *name; /* of the threads (thread.h) */
    int members;      /* 1 to ALM_CREW_MEMBERS_MAX */
    size_t waiting_max; /* jobs that nobody works on yet */
    bool steps_back;  /* others go first where processors are short (alm_thread_step_back) */
} alm_crew_options;

ALM_NODISCARD alm_err alm_crew_create(const alm_crew_options *options, alm_crew **out,
                                      alm_error *error);
/* Does what still waits. Takes NULL; nobody asks any more. */
void alm_crew_destroy(alm_crew *crew);

/* False: as many as may be wait already, and `job` was not taken. */
bool alm_crew_ask(alm_crew *crew, alm_crew_job *job);

#endif
