#include "http/access_reply.h"

void almi_access_reply(const alm_access_verdict *verdict, const alm_request *request,
                       alm_reply *reply)
{
    char text[ALM_RATE_TEXT_BYTES];
    if (verdict->reason != ALM_ACCESS_ALLOWED) {
        alm_problem what = {.status = verdict->status,
                            .type = verdict->type,
                            .title = verdict->title,
                            .detail = verdict->detail};
        alm_reply_problem(reply, request, &what);
    }
    if (verdict->challenge.size > 0) {
        alm_reply_header(reply, "WWW-Authenticate", verdict->challenge);
    }
    if (verdict->has_rate) {
        alm_reply_drop_header(reply, "RateLimit-Policy");
        alm_reply_drop_header(reply, "RateLimit");
        alm_reply_headerf(reply, request, "RateLimit-Policy", "%s",
                          alm_rate_policy_text(&verdict->rate, text));
        alm_reply_headerf(reply, request, "RateLimit", "%s",
                          alm_rate_state_text(&verdict->rate, text));
        if (verdict->rate.retry_after_s > 0) {
            alm_reply_headerf(reply, request, "Retry-After", "%u",
                              (unsigned)verdict->rate.retry_after_s);
        }
    }
}
