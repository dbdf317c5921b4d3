/* body.h: the body of a request as the client meant it; internal to the server.
 *
 * Thread safety: of one exchange. */
#ifndef ALM_HTTP_BODY_H
#define ALM_HTTP_BODY_H

#include "http/exchange.h"

/* Sets request->body to `body`, inflated (into `inflated`) when it came compressed; both outlive
 * the request. Returns 0, or the status of a refusal with its reason: of a body whose memory
 * failed, of a coding that is not known, or beyond `bytes_max` when it is inflated. */
int almi_body_open(alm_request *request, const alm_buffer *body, alm_buffer *inflated,
                   size_t bytes_max, const char **why);

/* Does the head say so? */
bool almi_body_is_too_long(const alm_request *request, size_t bytes_max);
/* Refused before its body came: is it small enough to be read and dropped, so that the connection
 * can go on? Else it ends with the reply. Who asks first (Expect) is told before he sends it. */
bool almi_body_can_be_skipped(const alm_request *request);

#endif
