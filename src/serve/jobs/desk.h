/* desk.h: what a service with a project can be told to do: train a model, deploy a release. Both
 * are jobs (jobs.h), recorded with who asked.
 *
 * Training is `almanac train` as a process of its own; its release is registered and no more: it is
 * compared, approved and deployed like any other. Deploying is `almanac models promote`: the alias
 * points to the release from then on. The rules are the ledger's and hold in the transaction that
 * writes the entry. They are asked before, too, so that whoever asks learns at once what is
 * missing: some reads of a local database that wait for no lock (a millisecond); when somebody is
 * writing just then it is left to the job.
 *
 * Errors: ALM_ERR_NOT_FOUND (no such model or release), ALM_ERR_DENIED (a rule of the ledger),
 * ALM_ERR_EXISTS (the alias points there already), ALM_ERR_INVALID, ALM_ERR_LIMIT (too many jobs
 * wait). Thread safety: train and deploy from any thread. */
#ifndef ALM_SERVE_DESK_H
#define ALM_SERVE_DESK_H

#include "serve/jobs/jobs.h"

typedef struct alm_project alm_project; /* project/project.h */
typedef struct alm_desk alm_desk;

typedef struct alm_desk_options {
    const alm_project *project; /* borrowed, as everything here */
    alm_children *children;     /* of almanac itself */
    void *context; /* of `note` */
    alm_err (*note)(void *context, alm_job_event event, const alm_job *job, alm_error *error);
} alm_desk_options;

/* Jobs are kept in the project's state folder, jobs/. Nothing runs before alm_desk_start. */
ALM_NODISCARD alm_err alm_desk_create(const alm_env *env, const alm_desk_options *options,
                                      alm_desk **out, alm_error *error);
ALM_NODISCARD alm_err alm_desk_start(alm_desk *desk, alm_error *error);
void alm_desk_destroy(alm_desk *desk); /* as alm_jobs_destroy; takes NULL */
alm_jobs *alm_desk_jobs(alm_desk *desk);

/* `snapshot`: 4 to 64 hexadecimal digits that its id begins with. */
ALM_NODISCARD alm_err alm_desk_train(alm_desk *desk, alm_str model, alm_str snapshot,
                                     const alm_job_asker *asker, alm_job *out, alm_error *error);

typedef struct alm_desk_deployment {
    alm_str release; /* "demand-3", no alias */
    alm_str alias;
    alm_str reason; /* kept in the ledger for good; at most ALM_DESK_REASON_BYTES_MAX */
} alm_desk_deployment;

#define ALM_DESK_REASON_BYTES_MAX 500

/* "demand" of "demand-3"; false when it is no name of a release. */
bool alm_release_model(alm_str release, alm_str *model);
ALM_NODISCARD alm_err alm_desk_deploy(alm_desk *desk, const alm_desk_deployment *deployment,
                                      const alm_job_asker *asker, alm_job *out, alm_error *error);

#endif
