/* access_verdict.c: a refusal as a problem (RFC 9457) and as a challenge (RFC 6750, 3). */
#include "http/access/access_internal.h"

#define REALM "Bearer realm=\"almanac\""
#define PROBLEMS "https://iana.org/assignments/http-problem-types#"
#define MODEL_BYTES_SHOWN 100

static const struct {
    const char *text;
    int status;
} REASONS[ALM_ACCESS_REASON_COUNT] = {
#define REASON(name, text, status) {text, status},
    ALM_ACCESS_REASON_MAP(REASON)
#undef REASON
};

const char *alm_access_reason_text(alm_access_reason reason)
{
    alm_assert(reason < ALM_ACCESS_REASON_COUNT);
    return REASONS[reason].text;
}

/* Only what a quoted string of RFC 6750 may hold. */
static alm_str challenge(alm_arena *arena, const char *error, alm_str description)
{
    char *text = alm_arena_copy_text(arena, description.data, description.size);
    for (size_t i = 0; i < description.size; i++) {
        if (text[i] < ' ' || text[i] > '~' || text[i] == '"' || text[i] == '\\') {
            text[i] = '\'';
        }
    }
    return alm_str_of(alm_arena_printf(arena, REALM ", error=\"%s\", error_description=\"%s\"",
                                       error, text));
}

static void explain_denied(const alm_access_request *request, almi_access_work *work)
{
    alm_access_verdict *verdict = work->verdict;
    switch (verdict->reason) {
    case ALM_ACCESS_TWO_CREDENTIALS:
        verdict->title = "Two credentials";
        verdict->detail = ALM_STR("Authorization and X-API-Key differ; send one of them");
        verdict->challenge = challenge(work->arena, "invalid_request", verdict->detail);
        break;
    case ALM_ACCESS_NO_CREDENTIALS:
        verdict->title = "Credentials are needed";
        verdict->detail = ALM_STR("send a token (Authorization: Bearer) or an API key (X-API-Key)");
        verdict->challenge = ALM_STR(REALM); /* no error: RFC 6750, 3.1 */
        break;
    case ALM_ACCESS_BAD_CREDENTIALS:
        verdict->title = "Credentials are not accepted";
        verdict->challenge = challenge(work->arena, "invalid_token", verdict->detail);
        break;
    case ALM_ACCESS_ROLE: {
        const char *role = alm_role_text(request->needed);
        verdict->title = "Not allowed";
        verdict->detail = alm_str_of(alm_arena_printf(
            work->arena, "this needs the role %s (scope almanac:%s)", role, role));
        verdict->challenge = alm_str_of(alm_arena_printf(
            work->arena, REALM ", error=\"insufficient_scope\", scope=\"almanac:%s\"", role));
        break;
    }
    case ALM_ACCESS_ABOVE_BURST:
        verdict->title = "More than the limit";
        break;
    case ALM_ACCESS_MODEL: {
        alm_str model = alm_str_visible(request->model, work->arena);
        model.size = model.size < MODEL_BYTES_SHOWN ? model.size : MODEL_BYTES_SHOWN;
        verdict->title = "Not allowed";
        verdict->detail = alm_str_of(alm_arena_printf(
            work->arena, "these credentials are not for the model " ALM_STR_FMT,
            ALM_STR_ARG(model)));
        verdict->challenge = challenge(work->arena, "insufficient_scope", verdict->detail);
        break;
    }
    case ALM_ACCESS_FOREIGN_PAGE:
        verdict->title = "Not allowed";
        verdict->detail = ALM_STR("access is off for development, so a page of another site "
                                  "(Origin) may not ask; open this one as http://localhost, or "
                                  "turn access on");
        break;
    default:
        alm_assert(verdict->reason == ALM_ACCESS_NOT_LOCAL);
        verdict->title = "Not allowed";
        verdict->detail = ALM_STR("access is off for development, so only this machine may ask");
        break;
    }
}

static void explain_later(almi_access_work *work)
{
    alm_access_verdict *verdict = work->verdict;
    const char *what = "";
    switch (verdict->reason) {
    case ALM_ACCESS_REQUESTS:
        verdict->type = PROBLEMS "quota-exceeded";
        verdict->title = "Too many requests";
        what = "this client has used up its requests";
        break;
    case ALM_ACCESS_FAILURES:
        verdict->type = PROBLEMS "abnormal-usage-detected";
        verdict->title = "Too many failed attempts";
        what = "credentials from this address have failed too often";
        break;
    case ALM_ACCESS_KEY_CHECKS:
        verdict->type = PROBLEMS "temporary-reduced-capacity";
        verdict->title = "Too many API keys to check";
        what = "the service checks no more unknown API keys for now";
        break;
    default:
        alm_assert(verdict->reason == ALM_ACCESS_NO_MEMORY);
        verdict->type = PROBLEMS "temporary-reduced-capacity";
        verdict->title = "No memory";
        verdict->rate.retry_after_s = 1;
        what = "there is no memory to verify credentials";
        break;
    }
    verdict->detail = alm_str_of(alm_arena_printf(work->arena, "%s; try again in %u s", what,
                                                  verdict->rate.retry_after_s));
}

void almi_access_explain(const alm_access_request *request, almi_access_work *work)
{
    alm_access_verdict *verdict = work->verdict;
    verdict->status = REASONS[verdict->reason].status;
    verdict->type = "about:blank";
    if (verdict->status >= 429) {
        explain_later(work);
    } else if (verdict->status >= 400) {
        explain_denied(request, work);
    }
}
