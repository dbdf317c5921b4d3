/* order_terms.h: the terms of an order in a request: lead time, review, goal, costs and rules. */
#ifndef ALM_HTTP_ENDPOINT_ORDER_TERMS_H
#define ALM_HTTP_ENDPOINT_ORDER_TERMS_H

#include "decide/replenish.h"
#include "http/endpoint/answer.h"

#define ALMI_ORDER_TERM_MEMBERS                                                                    \
    {"lead_time_days", &almi_schema_lead_days, false, "Until an order arrives; this, or "          \
                                                      "`lead_times`."},                            \
    {"lead_times", &almi_schema_leads, false, "Several, with their probabilities."},               \
    {"review_days", &almi_schema_lead_days, false, "Until one can order again; default 1, 0: at "  \
                                                   "any time."},                                   \
    {"service_level", &almi_schema_share, false, "Goal: the chance that the protection interval "  \
                                                 "has no stock-out."},                             \
    {"fill_rate", &almi_schema_share, false, "Goal: the share of demand that is met from stock."}, \
    {"holding_cost", &almi_schema_units, false, "Of a unit and day. Without a share above the "    \
                                                "goal is least cost."},                            \
    {"shortage_cost", &almi_schema_units, false, "Of a unit that is missing."},                    \
    {"order_cost", &almi_schema_units, false, "Of an order, whatever its size."},                  \
    {"multiple", &almi_schema_units, false, "Pack size; default: 1 for what is counted."},         \
    {"minimum", &almi_schema_units, false, "Smallest order."},                                     \
    {"maximum", &almi_schema_units, false, "Largest order."},                                      \
    {"capacity", &almi_schema_units, false, "Room for stock and orders together."},                \
    {"lost_sales", &alm_schema_boolean, false, "Missing units are lost; default: backordered."}
extern const alm_schema almi_schema_lead_days, almi_schema_leads, almi_schema_share,
    almi_schema_units;

typedef struct almi_order_terms {
    alm_replenish_terms terms;
    bool has_goal; /* a share, or both costs of least cost */
    bool any;      /* something was said, here or before */
} almi_order_terms;

/* Over what `out` holds: what the object does not say stays (zero: nothing is said yet; a review of
 * a day). *says: it says something. ALM_ERR_INVALID: two goals, or two kinds of lead time. */
ALM_NODISCARD alm_err almi_order_terms_read(const alm_json *object, alm_arena *arena,
                                            almi_order_terms *out, bool *says, alm_error *error);
/* ALM_ERR_INVALID: lead time or goal are missing. */
ALM_NODISCARD alm_err almi_order_terms_check(const almi_order_terms *terms, alm_error *error);
/* The members that every advice begins with: the order within the project's limits, why it is that
 * and which policy changed it, and the levels that it comes from. */
void almi_order_put_advice(const alm_replenish_advice *advice, double order, alm_str limited_by,
                           alm_json_writer *json);

#endif
