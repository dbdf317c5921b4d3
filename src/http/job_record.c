/* job_record.c: jobs in the audit record. */
#include "http/service.h"

static alm_identity_kind kind_of(const char *text)
{
    for (alm_identity_kind kind = 0; kind <= ALM_IDENTITY_DEVELOPMENT; kind++) {
        if (alm_str_is(alm_str_of(text), alm_identity_kind_text(kind))) {
            return kind;
        }
    }
    return ALM_IDENTITY_NONE;
}

alm_err alm_service_note_job(void *context, alm_job_event event, const alm_job *job,
                             alm_error *error)
{
    const alm_service *service = context;
    bool is_cancel = event == ALM_JOB_IS_CANCELLED;
    const alm_job_asker *asker = is_cancel ? &job->canceller : &job->asker;
    if (!service->audit) {
        return ALM_OK;
    }
    alm_buffer text = {0};
    alm_buffer_printf(&text, "%s%s%s%s%s", job->id, job->result[0] ? ": " : "", job->result,
                      job->message[0] ? ": " : "", job->message);
    alm_err code = alm_buffer_status(&text, error);
    alm_audit_entry entry = {.when = alm_env_now(service->env),
                             .kind = kind_of(asker->kind),
                             .who = alm_str_of(asker->who),
                             .action = is_cancel ? ALM_STR("cancel") : alm_str_of(job->kind),
                             .object = alm_str_of(job->object),
                             .outcome = event == ALM_JOB_BEGINS ? ALM_STR("begun")
                                        : is_cancel             ? ALM_STR("asked")
                                        : alm_str_of(alm_job_state_text(job->state)),
                             .request_id = alm_str_of(asker->request_id),
                             .detail = alm_buffer_view(&text)};
    if (code == ALM_OK) {
        code = alm_audit_append(service->audit, &entry, error);
    }
    alm_buffer_deinit(&text);
    return code;
}
