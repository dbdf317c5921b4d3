/* answer_record.h: answers of endpoints to the prediction log (monitor/prediction_recorder.h), when
 * the service has one and the request's id is among the chosen. Nothing of a header, a credential
 * or a peer goes there. */
#ifndef ALM_HTTP_ENDPOINT_ANSWER_RECORD_H
#define ALM_HTTP_ENDPOINT_ANSWER_RECORD_H

#include "http/endpoint/answer.h"
#include "serve/answer/computation.h"
#include "serve/models/inference.h"

/* Is this request to be on record? Cheap; false in a service without a log. */
bool almi_record_wants(const alm_call *call);

/* What a loaded model answered. */
void almi_record_inference(const alm_call *call, const alm_served_info *model,
                           const alm_inference_input *input, const alm_inference_answer *answer);

/* The body of the request and the reply, which is whole. `computation` NULL: none was asked for;
 * else with the states that it looked at, whoever answered. */
void almi_record_answer(const almi_answering *answering, const alm_online_label *label,
                        const alm_computation *computation, const alm_reply *reply);

#endif
