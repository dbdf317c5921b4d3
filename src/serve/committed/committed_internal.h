/* committed_internal.h: what a committed run is made of; committed_run.c and committed_load.c. */
#ifndef ALM_SERVE_COMMITTED_INTERNAL_H
#define ALM_SERVE_COMMITTED_INTERNAL_H

#include <stdatomic.h>

#include "serve/committed/committed_run.h"

/* Texts by number, each once. */
typedef struct almi_dictionary {
    alm_arena *arena; /* borrowed */
    alm_str *text;
    size_t count, capacity;
    uint32_t *slot; /* number + 1; 0: free */
    size_t slots;   /* a power of two, at least twice the capacity */
} almi_dictionary;

/* Room for `capacity` different texts, in `arena`. */
ALM_NODISCARD alm_err almi_dictionary_init(almi_dictionary *names, size_t capacity,
                                           alm_arena *arena, alm_error *error);
/* The number of the text, which is added when it is new; UINT32_MAX: there is no room. */
uint32_t almi_dictionary_add(almi_dictionary *names, alm_str text);
/* UINT32_MAX: it is not there. */
uint32_t almi_dictionary_find(const almi_dictionary *names, alm_str text);

#define ALMI_LEVELS_MAX 64
#define ALMI_METHODS_MAX 256
#define ALMI_FEATURES_MAX 4096

struct alm_committed_run {
    atomic_size_t references;
    alm_arena *arena; /* holds the struct too */
    alm_committed_facts facts;
    /* The name of a node is its level's number as two bytes, then its text: node names are unique
     * within a level only. Numbers are in the order of the file. */
    almi_dictionary nodes;
    almi_dictionary levels, methods, features;
    uint16_t *method;   /* nodes */
    alm_str *fallback;  /* nodes */
    double *mean, *base_mean;        /* nodes x steps */
    double *quantile;                /* nodes x quantiles x steps */
    double *probability, *days, *shortfall; /* nodes x steps, or NULL */
    /* Lines of row r (node x steps + step): line_count[r] from line_first[r] on. */
    uint32_t *line_first;
    uint8_t *line_count;
    uint32_t *line_feature;
    double *line_contribution;
    alm_node_tree tree;
    alm_path_file *paths;  /* NULL: `paths_problem` says why there are none */
    alm_str paths_problem;
    alm_err paths_code;
};

#define ALMI_LEVEL_BYTES 2
#define ALMI_NODE_NAME_BYTES_MAX 4096

/* The key of a node in `nodes`; its size, or 0 when the name is too long. */
size_t almi_node_key(uint32_t level, alm_str node, char out[ALMI_NODE_NAME_BYTES_MAX]);

#endif
