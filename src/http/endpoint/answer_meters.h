/* answer_meters.h: what /metrics says of answers and of models; for http/endpoint/ only. */
#ifndef ALM_HTTP_ENDPOINT_ANSWER_METERS_H
#define ALM_HTTP_ENDPOINT_ANSWER_METERS_H

#include "http/endpoint/answer.h"
#include "http/endpoint/serving.h"

/* An answer of the product that is given out: a prediction by its step, a fallback when that was
 * not the first one, and what policies changed. */
void almi_count_answer(const almi_answering *answering, const alm_online_label *label);
/* The rows that a loaded model answered, and how long it took; nothing when it refused. */
void almi_count_inference(const almi_visit *visit);

/* What a load or an unload is about: the version that answers for the name, and its content. */
typedef struct almi_loading {
    alm_str model, version; /* in the request's arena; empty: there is none of this name */
    char digest[ALM_DIGEST_TEXT_BYTES]; /* "": none is loaded */
    uint64_t begun_ns;
} almi_loading;

/* Before the load, on a worker. */
almi_loading almi_loading_begin(const alm_call *call);
/* After it, on a worker. Series of what is not loaded any more are not shown any more. */
void almi_loading_count(const alm_call *call, const almi_loading *loading, bool is_unload,
                        bool is_done);
/* For a scrape: one almanac_model_info for each model that is loaded; the states of breakers. */
void almi_show_models(const alm_call *call);
void almi_show_breakers(const alm_call *call);

#endif
