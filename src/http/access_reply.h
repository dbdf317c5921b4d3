/* access_reply.h: a verdict of access as a reply. */
#ifndef ALM_HTTP_ACCESS_REPLY_H
#define ALM_HTTP_ACCESS_REPLY_H

#include "http/access/access.h"
#include "http/exchange.h"

/* The RateLimit headers, in place of those that the reply has; of a refusal also the problem, with
 * its challenge and Retry-After. */
void almi_access_reply(const alm_access_verdict *verdict, const alm_request *request,
                       alm_reply *reply);

#endif
