/* serving.h: what the endpoints of loaded models share; for http/endpoint/ only.
 *
 * A visit is the stay of a request in the set of models: everything that the snapshot names is
 * valid until almi_visit_end. A caller whose credentials are limited to some models sees no others,
 * also where an address names none. Replies of a model that nobody approved have
 * X-Almanac-Notice. */
#ifndef ALM_HTTP_ENDPOINT_SERVING_H
#define ALM_HTTP_ENDPOINT_SERVING_H

#include "http/service.h"
#include "serve/models/inference_cache.h"

typedef struct almi_visit {
    const alm_call *call;
    alm_reply *reply;
    const alm_model_snapshot *snapshot;
    /* of an answer */
    const alm_served_model *model; /* NULL until it is found */
    uint64_t begun_ns, read_ns, answered_ns;
    alm_inference_input input; /* and its answer, when there are rows */
    alm_inference_answer answer;
    alm_cache_use use;
    uint64_t cache_ns;
    size_t rows;
} almi_visit;

almi_visit almi_visit_begin(const alm_call *call, alm_reply *reply);
void almi_visit_end(almi_visit *visit);
/* A stay in what the worker has entered already, and leaves itself. `all` NULL: no models. */
almi_visit almi_visit_within(const alm_call *call, alm_reply *reply, const alm_model_snapshot *all);

/* The model that the path names, with its version or the default: `value` of the call. */
ALM_NODISCARD alm_err almi_visit_entry(const almi_visit *visit, const alm_model_entry **out,
                                       alm_error *error);
ALM_NODISCARD alm_err almi_visit_model(almi_visit *visit, alm_error *error);
/* The only model, where a protocol names none: the one READY default, else ALM_ERR_NOT_FOUND. */
ALM_NODISCARD alm_err almi_visit_only(almi_visit *visit, alm_error *error);

/* Answers `input`, which lives as long as the request, in the request's arena. */
ALM_NODISCARD alm_err almi_visit_run(almi_visit *visit, const alm_inference_input *input,
                                     alm_inference_answer *out, alm_error *error);
/* The reply is a body of this type. Where the service has a cache, Cache-Status (RFC 9211) says
 * whether the answer was a kept one. */
void almi_visit_reply(const almi_visit *visit, const char *content_type);
/* ... or what went wrong: 503 of a model that is not there yet, 400 of what is not supported. */
void almi_visit_fail(const almi_visit *visit, const alm_error *error);
/* Counts the request, by the reply's status, and puts its answer on record. */
void almi_visit_count(const almi_visit *visit);

#endif
