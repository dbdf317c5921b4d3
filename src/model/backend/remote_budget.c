#include "model/backend/remote_budget.h"

#define FULL ((uint64_t)ALMI_RETRY_TOKENS * 100)

void almi_budget_init(almi_budget *budget, uint32_t retry_percent)
{
    budget->retry_percent = retry_percent;
    atomic_init(&budget->hundredths, FULL);
}

void almi_budget_call(almi_budget *budget)
{
    uint64_t now = atomic_load(&budget->hundredths);
    uint64_t next;
    do {
        next = now + budget->retry_percent;
        next = next > FULL ? FULL : next;
    } while (!atomic_compare_exchange_weak(&budget->hundredths, &now, next));
}

bool almi_budget_may_retry(almi_budget *budget)
{
    uint64_t now = atomic_load(&budget->hundredths);
    while (now >= 100) {
        if (atomic_compare_exchange_weak(&budget->hundredths, &now, now - 100)) {
            return true;
        }
    }
    return false;
}
