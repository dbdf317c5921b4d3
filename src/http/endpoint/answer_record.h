/* answer_record.h: answers of endpoints to the prediction log (monitor/prediction_recorder.h), when
 * the service has one and the request's id is among the chosen. Nothing of a header, a credential
 * or a peer goes there. */
#ifndef ALM_HTTP_ENDPOINT_ANSWER_RECORD_H
#define ALM_HTTP_ENDPOINT_ANSWER_RECORD_H

#include "http/endpoint/answer.h"
#include "serve/models/inference.h"

/* Is this request to be on record? Cheap; false in a service without a log. */
bool almi_record_wants(const alm_call *call);

/* What a loaded model answered. */
void almi_record_inference(const alm_call *call, const alm_served_info *model,
                           const alm_inference_input *input, const alm_inference_answer *answer);

/* What a model was given for an answer of the product that was computed, so that it can be computed
 * again without the state of that moment. */
typedef struct almi_record_computed {
    alm_str model_hash; /* digest text */
    alm_str model, version;
    const alm_str *column;
    size_t columns;
    size_t rows;
    const double *value; /* rows x columns */
    size_t outputs;
    const double *answer; /* rows x outputs */
} almi_record_computed;

/* The body of the request and the reply, which is whole. `computed` NULL: from the committed run of
 * the label, or by a rule. */
void almi_record_answer(const almi_answering *answering, const alm_online_label *label,
                        const almi_record_computed *computed, const alm_reply *reply);

#endif
