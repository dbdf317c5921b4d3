/* job_output.h: what a child says, as jobs.h describes it: progress, last words, one document. */
#ifndef ALM_SERVE_JOB_OUTPUT_H
#define ALM_SERVE_JOB_OUTPUT_H

#include "serve/jobs/jobs.h"

/* Init with {0}. What is kept is bounded, however much a child writes. */
typedef struct almi_job_output {
    alm_buffer document; /* standard output */
    alm_buffer line;     /* of standard error, not ended yet */
    alm_buffer words;
    bool is_cut;         /* the document was longer than is kept */
    bool has_progress;
    char stage[ALM_JOB_NAME_BYTES];
    uint64_t done, total;
} almi_job_output;

/* Takes what the child wrote since. True, and *end, when it has ended. Never waits. */
bool almi_job_output_look(almi_job_output *output, alm_child *child, alm_child_end *end);
/* The text `member` of the document; false: there is none that fits. */
bool almi_job_output_result(const almi_job_output *output, const char *member,
                            char result[ALM_JOB_NAME_BYTES]);
/* Why it failed: the document's error, else how it ended and its last words. */
void almi_job_output_why(const almi_job_output *output, alm_child_end end, alm_error *out);
void almi_job_output_deinit(almi_job_output *output);

#endif
