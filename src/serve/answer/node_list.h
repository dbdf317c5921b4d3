/* node_list.h: pages of a run's nodes: those of a level, the parts of a node, those with a text in
 * their names, or the series that run out of stock first.
 *
 * Like a reading of one node this is what the run in force of the release holds, however old; there
 * is no ladder, because nothing else can stand in for it.
 *
 * A page looks at no more than ALM_NODE_LOOKS_MAX nodes, so that a search costs the worker some
 * milliseconds at most; it may therefore have fewer rows than asked for, or none, and a next page
 * all the same. A cursor is good for the run that it came from.
 *
 * Errors: as alm_online_target_of; ALM_ERR_UNAVAILABLE: the release has no run in force, or parts
 * are not known; ALM_ERR_NOT_FOUND: no such node or level; ALM_ERR_CONFLICT: the cursor is of
 * another run; ALM_ERR_INVALID. */
#ifndef ALM_SERVE_NODE_LIST_H
#define ALM_SERVE_NODE_LIST_H

#include "serve/answer/online.h"
#include "serve/answer/stockout_answer.h"

#define ALM_NODE_ROWS_MAX 1000
#define ALM_NODE_LOOKS_MAX 20000

typedef struct alm_node_query {
    alm_online_ask ask;  /* route and release; with a node its parts are listed */
    alm_str level;       /* nodes of this level only; empty: all */
    alm_str search;      /* a part of the name, without regard to the case of ASCII letters */
    alm_str cursor;      /* of the page before; empty: the first page */
    int32_t limit;       /* rows, 1 to ALM_NODE_ROWS_MAX */
    alm_severity severity; /* of risks: at least this */
} alm_node_query;

typedef struct alm_node_row {
    alm_committed_node node;
    double demand;        /* mean, over all days of the run */
    bool has_parts;
    double probability;   /* of running out by the end of the run; NaN: no stock position */
    double expected_days; /* restricted mean, as in stockout_answer.h */
    double shortfall;
    alm_severity severity;
} alm_node_row;

typedef struct alm_node_page {
    alm_str asked_release;
    const alm_committed_route *route;
    const alm_committed_source *source; /* with a run */
    const alm_committed_facts *run;
    const alm_node_tree *tree;
    uint32_t of; /* the node whose parts are listed; ALM_NODE_NONE: no one's */
    const alm_node_row *row;
    size_t rows;
    alm_str next; /* cursor of the next page; empty: this was the last */
} alm_node_page;

ALM_NODISCARD alm_err alm_list_nodes(const alm_online *online, const alm_node_query *query,
                                     alm_arena *arena, alm_node_page *out, alm_error *error);
/* Series with a stock position, the most at risk first; `ask` names no node. */
ALM_NODISCARD alm_err alm_list_risks(const alm_online *online, const alm_node_query *query,
                                     alm_arena *arena, alm_node_page *out, alm_error *error);

#endif
