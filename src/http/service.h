/* service.h: what endpoints work on, and the handler that stands between the server and them.
 *
 * The handler finds the route, asks whether the caller may (access), reads and checks the body by
 * the route's schema, and calls the endpoint. What it does not let through is a problem reply.
 *
 * Thread safety: a service is made before the server starts and changed by nobody; what changes
 * inside it (models, committed runs, keys) is published by its owner. */
#ifndef ALM_HTTP_SERVICE_H
#define ALM_HTTP_SERVICE_H

#include <stdatomic.h>

#include "base/crew.h"
#include "base/env.h"
#include "http/access/access.h"
#include "http/access/audit.h"
#include "http/access/key_checker.h"
#include "http/joins.h"
#include "http/observer.h"
#include "http/route.h"
#include "http/server.h"
#include "monitor/prediction_recorder.h"
#include "serve/models/answer_share.h"
#include "serve/committed/committed.h"
#include "serve/answer/computation.h"
#include "serve/jobs/desk.h"
#include "serve/answer/ladder.h"
#include "serve/live/live.h"
#include "serve/models/model_set.h"
#include "serve/committed/realised.h"

struct alm_service {
    const alm_env *env;
    const char *version;      /* of almanac */
    atomic_bool is_ready;     /* loaded and warm; false again when it drains */
    alm_instant started;
    alm_access *access;       /* NULL: only routes for anybody answer */
    /* What takes long is worked on here (off_loop.h); NULL: on the event loop. Its threads are
     * workers as the event loops are, with the numbers from `crew_worker` on. */
    alm_crew *crew;
    int crew_worker;
    int workers; /* of both kinds */
    alm_key_checker *keys;    /* NULL: unknown API keys are hashed on the event loop */
    alm_audit *audit;         /* NULL: what changes state is not recorded */
    alm_desk *desk;           /* NULL: nothing is trained or deployed */
    alm_meters *meters;
    alm_observer *observer;
    alm_line_writer *writer; /* of the log; NULL: none */
    _Atomic(alm_server *) server; /* NULL until it runs */
    alm_model_set *models; /* with as many workers as the server; NULL: none are served */
    atomic_int loads;      /* of models that are at work */
    alm_prediction_recorder *recorder; /* with as many workers; NULL: nothing is on record */
    alm_answer_cache *cache;           /* NULL: no answer is kept here */
    alm_shared_store *share;           /* of answers too; NULL: none is shared */
    alm_joins *joins;      /* models whose requests are answered together; NULL: none */
    const alm_buffer *openapi; /* the document, written once */
    const alm_buffer *reference;
    /* Committed runs, renewed by their owner; NULL: no project is served. */
    const alm_project *project;
    uint64_t memory_limit_bytes; /* of committed runs and lines together; 0: none */
    alm_committed *committed;
    const alm_committed_set *replayed; /* instead of the current set, for an answer that is made
                                        * again; NULL when anybody is served */
    alm_epoch *epoch;       /* one of its workers for each event loop */
    alm_ladder_clock clock; /* of deadlines */
    alm_live *live;           /* events, and what is computed; NULL: `live_problem` says why */
    const char *live_problem; /* a sentence without its end; NULL: no project is served */
    alm_computing_breakers *breakers;       /* by deployment of the project; NULL: none */
    const alm_computing_source *computing;  /* instead of `live`; NULL: computed from that */
    alm_epoch_cell realised; /* alm_realised_report; of `epoch`; empty: not compared yet */
};

/* Writes what happens to a job into the service's audit record, as alm_desk_options.note; waits for
 * the disk. `context` is the service. */
ALM_NODISCARD alm_err alm_service_note_job(void *context, alm_job_event event, const alm_job *job,
                                           alm_error *error);

/* The handler over a service, which it borrows. */
alm_server_handler alm_service_handler(alm_service *service);

#endif
