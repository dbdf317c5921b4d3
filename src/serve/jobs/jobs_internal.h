/* jobs_internal.h: the list of jobs as jobs.c keeps it and jobs_file.c records it. */
#ifndef ALM_SERVE_JOBS_INTERNAL_H
#define ALM_SERVE_JOBS_INTERNAL_H

#include "serve/jobs/jobs.h"

#define ALMI_JOBS_FILE "jobs.json"
#define ALMI_JOBS_FILE_BYTES_MAX ((size_t)32 << 20)

/* "job-NUMBER" */
void almi_job_name(alm_job *job);
/* Copies; false (and nothing) when it does not fit. */
bool almi_job_text(char *out, size_t size, alm_str text);

typedef struct almi_job_list {
    alm_job *job; /* numbers rise */
    size_t count;
    int64_t next; /* the first number that was never used */
} almi_job_list;

/* Replaces FOLDER/jobs.json durably. */
ALM_NODISCARD alm_err almi_jobs_save(alm_fs *fs, const char *folder, const almi_job_list *list,
                                     alm_error *error);
/* In `arena`; an empty list when there is no file. Of more than `max` the newest. */
ALM_NODISCARD alm_err almi_jobs_load(alm_fs *fs, const char *folder, size_t max, alm_arena *arena,
                                     almi_job_list *out, alm_error *error);

#endif
