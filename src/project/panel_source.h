/* panel_source.h: a snapshot as panels: blocks of leaf series, and the aggregate nodes.
 *
 * `closed` of every panel is filled from the calendar, the `future` periods included.
 * Opening makes one streaming pass over the snapshot: it counts the series (sorted by their keys,
 * which gives every series its number), resolves attributes and hierarchy membership as of
 * `membership_date`, and sums the target over groups and hierarchy nodes. Memory grows with
 * nodes x periods and with a few dozen bytes per series, not with series x periods: leaf blocks
 * stream through. Only rows with event date in [start, end) and known at the end (publication
 * delay, known_at) are visible, so a panel with an earlier `end` is what was known then: the
 * beginning of the later one where nothing is restated, other values where something is. That
 * holds for every observed column by the delay of its own source; of a column that is `observed` in
 * a source known in advance no row at or behind the end is read. */
#ifndef ALM_PROJECT_PANEL_SOURCE_H
#define ALM_PROJECT_PANEL_SOURCE_H

#include "num/hierarchy.h"
#include "project/snapshot.h"

/* The texts behind a static of the panels: text t has the code of its place in `texts`. A bundle
 * keeps those it was trained with and gives them back when it opens panels, so that a new range
 * does not renumber the others. */
typedef struct alm_categories {
    alm_str name;         /* of the attribute or series key */
    const alm_str *texts; /* sorted by bytes; none for an attribute that is a number itself */
    size_t count;
    bool numeric;
} alm_categories;

typedef struct alm_panel_source alm_panel_source;

typedef struct alm_panel_options {
    alm_date start;  /* period 0; ALM_DATE_NONE: the snapshot's start */
    alm_date end;    /* first day not known; ALM_DATE_NONE: the snapshot's end */
    int32_t future;  /* periods of known-in-advance columns behind the end */
    /* Of these, so many must have a value of every such column that is not optional, for every
     * series and day that is not closed: else the block that lacks one is ALM_ERR_INCOMPLETE, with
     * column, series and day. 0: nothing is asked. */
    int32_t planned;
    alm_date membership_date; /* ALM_DATE_NONE: `end` */
    size_t block_series;      /* series per block, the last one may have fewer */
    const alm_categories *categories; /* codes to use; a text that is not in them is NaN */
    size_t category_count;            /* statics without an entry are coded by this snapshot */
    /* The series of this source with their numbers, codes and nodes, BEFORE throughout where they
     * have no visible row; NULL: those that have one. Of the same snapshot, with an end that is not
     * earlier; borrowed until close. */
    const alm_panel_source *series_of;
} alm_panel_options;

/* May a panel with an earlier end differ from the beginning of one with a later end, apart from the
 * target's publication delay? So it is when a source of the panel's columns or calendar has
 * `known_at`, or when stock-outs are published later than the target. */
bool alm_panel_restates(const alm_project *project);

/* The arguments, and the categories of `options`, are borrowed until the source is closed. */
ALM_NODISCARD alm_err alm_panel_source_open(const alm_env *env, const alm_project *project,
                                            alm_objects *objects, const alm_snapshot *snapshot,
                                            const alm_panel_options *options,
                                            alm_panel_source **out, alm_error *error);
void alm_panel_source_close(alm_panel_source *source); /* takes NULL */

size_t alm_panel_source_series(const alm_panel_source *source);
size_t alm_panel_source_blocks(const alm_panel_source *source);
const alm_hierarchy *alm_panel_source_hierarchy(const alm_panel_source *source);
/* Names and roles (values NULL) of the columns of every block, for compiling a plan. */
const alm_feature_schema *alm_panel_source_schema(const alm_panel_source *source);
/* One per static, in their order: the attributes, then the series keys. */
const alm_categories *alm_panel_source_categories(const alm_panel_source *source, size_t *count);
/* Text of attribute or series key `name` of a series (e.g. its range); empty when it has none. */
alm_str alm_panel_source_attribute(const alm_panel_source *source, size_t series,
                                   const char *name);
/* Text of key number `key` of a series; borrowed from the source. */
alm_str alm_panel_source_key(const alm_panel_source *source, size_t series, size_t key);
/* "22423|United_Kingdom" style display key in `arena`. */
alm_str alm_panel_source_node_name(const alm_panel_source *source, size_t series,
                                   alm_arena *arena);

/* The next block of leaves in order, in `arena`; series_count == 0 at the end. `rewind` starts
 * again. Not thread safe: one thread reads, pool tasks work on what was read. */
ALM_NODISCARD alm_err alm_panel_source_next(alm_panel_source *source, alm_arena *arena,
                                            alm_panel *out, alm_error *error);
ALM_NODISCARD alm_err alm_panel_source_rewind(alm_panel_source *source, alm_error *error);

/* All aggregate nodes as one panel (series = nodes in hierarchy order, keys = node names), with the
 * same columns; a column that the series do not share, other than the target, has only missing
 * values. Borrowed from the source. */
const alm_panel *alm_panel_source_aggregates(const alm_panel_source *source);

/* Stock position at the end of the window: on hand of series i by the newest row before the end
 * (NaN: not known) and receipts per future period, for the series of the block last read.
 * receipts: series_count x future. */
ALM_NODISCARD alm_err alm_panel_source_stock(alm_panel_source *source, const alm_panel *block,
                                             alm_arena *arena, double **on_hand,
                                             double **receipts, alm_error *error);

#endif
