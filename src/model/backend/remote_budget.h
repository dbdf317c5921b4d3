/* remote_budget.h: whether a server is asked once more; for this folder only.
 *
 * A token bucket: every call puts `retry_percent` hundredths of a token in, a retry takes one. It
 * begins with ALMI_RETRY_TOKENS and holds no more, so in the long run retries are at most that
 * share of the calls: a server that is down is not asked several times as often. Any thread.
 */
#ifndef ALM_MODEL_BACKEND_REMOTE_BUDGET_H
#define ALM_MODEL_BACKEND_REMOTE_BUDGET_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define ALMI_RETRY_TOKENS 10

typedef struct almi_budget {
    uint32_t retry_percent;
    _Atomic uint64_t hundredths; /* of tokens */
} almi_budget;

void almi_budget_init(almi_budget *budget, uint32_t retry_percent);
void almi_budget_call(almi_budget *budget);
bool almi_budget_may_retry(almi_budget *budget); /* takes a token if there is one */

#endif
