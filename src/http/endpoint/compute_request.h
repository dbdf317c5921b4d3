/* compute_request.h: what the endpoints of predictions share about computations: the `features` of
 * a request, its purpose, and what the answer says about them. */
#ifndef ALM_HTTP_ENDPOINT_COMPUTE_REQUEST_H
#define ALM_HTTP_ENDPOINT_COMPUTE_REQUEST_H

#include "http/endpoint/answer.h"
#include "http/problem_schema.h"
#include "serve/answer/computing_live.h"
#include "serve/answer/stock_given.h"

/* ---- requests ---- */

/* Members for the schema of a body. */
#define ALMI_COMPUTE_MEMBERS                                                                      \
    {"features", &almi_schema_features, false, "Compute, from the state of this moment with "     \
                                               "these; `{}`: as it is. Default: the committed "   \
                                               "numbers."},                                       \
    {"purpose", &alm_schema_name, false, "What a computation is for; needed with `features`."}
extern const alm_schema almi_schema_features;
/* A list of values of columns by day: {"column","date","to","value"}. */
extern const alm_schema almi_schema_planned;
extern const alm_schema almi_schema_receipts; /* {"day","units"} */
extern const alm_schema almi_schema_stock;    /* {"on_hand","on_order"} */

/* Room for ALM_OVERLAY_COLUMNS_MAX changes of columns. */
void almi_compute_room(alm_arena *arena, alm_changes *out);
/* Appends the values of a list to the columns of `out`, which has room: a change for each column,
 * in the order in which they are named. NULL: no list. */
typedef struct almi_planned_rule {
    const char *what;   /* the list, for errors */
    const char *column; /* where an entry names none; NULL: it must */
    double value;       /* where an entry says none; NaN: it must */
} almi_planned_rule;
ALM_NODISCARD alm_err almi_compute_read_planned(const alm_json *list, const almi_planned_rule *rule,
                                                alm_arena *arena, alm_changes *out,
                                                alm_error *error);
/* `features` of a body; NULL: none. With room for more columns. */
ALM_NODISCARD alm_err almi_compute_read(const alm_json *features, alm_arena *arena,
                                        alm_changes *out, alm_error *error);
/* `on_hand` and `on_order` of an object; what it does not have stays. */
void almi_compute_read_stock(const alm_json *object, alm_arena *arena, alm_stock_given *out);

/* ---- computing ---- */

typedef struct almi_computing { /* stays where it is */
    alm_str purpose;
    const char *approved[1];
    alm_variant variant;
    alm_computation_request request;
    alm_computing_live live;
    alm_computation *computation; /* NULL: the request asks for none */
} almi_computing;

/* Where computations enter. NULL: nothing is computed here. `live` is the caller's memory. */
const alm_computing_source *almi_compute_source(const alm_call *call, alm_computing_live *live);
/* Is something to be computed for this body? As alm_route.is_dear. */
bool almi_compute_is_asked(const alm_json *body);
/* Begins the computation that the body asks for by `features`; `approved` is the endpoint's own
 * purpose. A purpose without `features` is checked all the same. `ask` and `answering` stay. */
ALM_NODISCARD alm_err almi_compute_begin(const almi_answering *answering,
                                         const alm_online_ask *ask, const char *approved,
                                         bool explain, almi_computing *out, alm_error *error);

/* ---- replies ---- */

/* What a computation may answer besides, of a route without it. */
#define ALMI_COMPUTE_RESPONSES                                                                    \
    {501, ALM_TYPE_PROBLEM, &almi_problem_schema,                                                 \
     "The model's features cannot be carried on by what was told."}

#define ALMI_COMPUTED_MEMBERS                                                                     \
    {"computation", &almi_schema_computation, true, "Null: the request asked for none."}
extern const alm_schema almi_schema_computation;

/* NULL: nothing was asked to be computed. */
void almi_compute_put(const almi_computing *computing, const alm_online_label *label,
                      alm_json_writer *json);
typedef struct almi_compute_said {
    alm_str purpose;
    const alm_changes *changes;
    const alm_computed *computed; /* NULL: a run or a rule answered */
} almi_compute_said;
void almi_compute_put_said(const almi_compute_said *said, alm_json_writer *json);

#endif
