/* Hierarchies of any size made to add up: seconds, memory, and how well they do.
 *
 *     reconcile_bench means                     1e6 nodes x 28 steps, in memory
 *     reconcile_bench paths {free|bounded} THREADS [PATHS [LEAVES]]
 *                                               1e6 nodes x 28 steps x 100 paths, streamed
 *     reconcile_bench method NAME {tree|crossed} {free|bounded} LEAVES
 *                                               one method beside bench/reconcile_peer.py
 *
 * Means and paths: a tree of nodes with ten children each (900,000 leaves, 100,000 inner nodes),
 * depth first. Paths are made again for every pass, as `almanac run` makes them: a number of path,
 * node and step gives the value; about a sixth of the leaves' values are 0. What comes out is read
 * once: quantiles .5 and .9 of every node and step, and how far the root is from the sum of all
 * leaves. Prints {"name","value","unit"} lines; times of paths are wall time. */
#include "base/rng.h"
#include "bench_measure.h"
#include "decide/reconcile_method.h"
#include "num/reconcile_tree.h"

#include <math.h>
#include <string.h>
#include <sys/resource.h>

#define FAN 10
#define DEPTH 6
#define STEPS 28
#define PERIODS 50 /* errors of the past, for mint_shrink */

static double wall_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static double peak_mib(void)
{
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    return (double)used.ru_maxrss / 1024;
}

/* ---- a tree, depth first ---- */

typedef struct forest {
    alm_arena *arena;
    size_t leaves, nodes;
    uint32_t *parent;
    bool *is_leaf;
    double *mean; /* of a leaf drawn, of an inner node the sum */
    double *variance;
    alm_reconcile_tree *tree;
} forest;

static void grow(forest *f)
{
    uint32_t above[DEPTH + 1];
    size_t nodes = 0;
    for (size_t leaf = 0; leaf < f->leaves; leaf++) {
        size_t size = f->leaves;
        uint32_t parent = ALM_TREE_ROOT;
        for (size_t level = 0; level < DEPTH; level++) {
            if (leaf % size == 0) {
                f->parent[nodes] = parent;
                above[level] = (uint32_t)nodes++;
            }
            parent = above[level];
            size = level == 0 ? 100000 : size / FAN;
        }
        f->is_leaf[nodes] = true;
        f->parent[nodes] = parent;
        double u = alm_rng_uniform(1, ALM_RNG_BENCH, leaf, 0);
        f->mean[nodes++] = 0.5 + 10 * u * u;
    }
    f->nodes = nodes;
    for (size_t i = nodes; i-- > 0;) {
        double deviation = f->is_leaf[i] ? f->mean[i] : 0.1 * f->mean[i];
        f->variance[i] = deviation * deviation;
        if (f->parent[i] != ALM_TREE_ROOT) {
            f->mean[f->parent[i]] += f->mean[i];
        }
    }
}

static forest make_forest(size_t leaves)
{
    forest f = {.arena = alm_arena_create(0), .leaves = leaves};
    size_t room = leaves + leaves / 9 + 2 * DEPTH;
    f.parent = ALM_NEW_ARRAY(f.arena, uint32_t, room);
    f.is_leaf = ALM_NEW_ARRAY(f.arena, bool, room);
    f.mean = ALM_NEW_ARRAY(f.arena, double, room);
    f.variance = ALM_NEW_ARRAY(f.arena, double, room);
    grow(&f);
    alm_error error;
    bench_check(alm_reconcile_tree_create(f.parent, f.variance, f.nodes, &f.tree, &error),
                &error);
    return f;
}

/* Values of one node: leaves are 0 in a sixth of the columns, aggregates lie around 1.02 times
 * their leaves' sum. */
static void make_row(const forest *f, size_t node, size_t width, double *row)
{
    double scale = f->is_leaf[node] ? 2.4 : 0.4;
    double shift = f->is_leaf[node] ? -0.4 : 0.82;
    for (size_t c = 0; c < width; c += 4) {
        uint32_t counter[4] = {(uint32_t)node, (uint32_t)(c / 4), 0, 0};
        uint32_t key[2] = {7, 11};
        alm_rng_block block = alm_rng_philox(counter, key);
        for (size_t k = 0; k < 4 && c + k < width; k++) {
            double value = f->mean[node] * (shift + scale * 0x1p-32 * block.word[k]);
            row[c + k] = value > 0 ? value : 0;
        }
    }
}

/* ---- means ---- */

static void measure_means(void)
{
    forest f = make_forest(900000);
    double *values = NULL;
    alm_error error;
    void *memory;
    bench_check(alm_heap_try(f.nodes * STEPS * sizeof(double), &memory, &error), &error);
    values = memory;
    alm_tree_options options = {0};
    for (int bounded = 0; bounded < 2; bounded++) {
        double seconds[3];
        options.non_negative = bounded;
        for (int round = 0; round < 3; round++) {
            for (size_t i = 0; i < f.nodes; i++) {
                make_row(&f, i, STEPS, values + i * STEPS);
            }
            double start = bench_seconds();
            bench_check(alm_reconcile_tree_solve(f.tree, &options, values, STEPS, NULL, &error),
                        &error);
            seconds[round] = bench_seconds() - start;
        }
        bench_print(bounded ? "reconcile_means_1e6x28_non_negative" : "reconcile_means_1e6x28",
                    bench_median(seconds, 3), "s");
    }
    bench_print("reconcile_means_peak", peak_mib(), "MiB");
    alm_heap_free(memory);
    alm_reconcile_tree_destroy(f.tree);
    alm_arena_destroy(f.arena);
}

/* ---- paths ---- */

typedef struct tape {
    const forest *f;
    alm_pool *pool;
    size_t width, paths;
    size_t first; /* of the range at hand */
    double *values;
    double *sums; /* width: of all leaves */
    double *root;
    double *quantiles; /* 2: summed over nodes and steps, so that nothing is left out */
    double lowest;
    size_t reads;
} tape;

static alm_err make_task(void *context, size_t task, int worker, alm_error *error)
{
    (void)worker;
    (void)error;
    tape *t = context;
    make_row(t->f, t->first + task, t->width, t->values + task * t->width);
    return ALM_OK;
}

static alm_err read_rows(void *context, size_t first, size_t count, double *values,
                         alm_error *error)
{
    tape *t = context;
    t->first = first;
    t->values = values;
    t->reads += count;
    return alm_pool_run(t->pool, count, make_task, t, error);
}

/* Value number `rank` of `count`; moves them about (Hoare's selection). */
static double select_rank(double *values, size_t count, size_t rank)
{
    size_t low = 0;
    size_t high = count - 1;
    while (low < high) {
        double pivot = values[(low + high) / 2];
        size_t i = low;
        size_t j = high;
        while (i <= j) {
            for (; values[i] < pivot; i++) {
            }
            for (; values[j] > pivot; j--) {
            }
            if (i <= j) {
                double held = values[i];
                values[i++] = values[j];
                values[j] = held;
                if (j-- == 0) {
                    break;
                }
            }
        }
        if (rank <= j && j < count) {
            high = j;
        } else if (rank >= i) {
            low = i;
        } else {
            break;
        }
    }
    return values[rank];
}

static alm_err write_rows(void *context, size_t first, size_t count, const double *values,
                          alm_error *error)
{
    (void)error;
    tape *t = context;
    double column[1024];
    for (size_t i = 0; i < count; i++) {
        const double *row = values + i * t->width;
        for (size_t c = 0; c < t->width; c++) {
            t->sums[c] += t->f->is_leaf[first + i] ? row[c] : 0;
            t->lowest = row[c] < t->lowest ? row[c] : t->lowest;
        }
        for (size_t step = 0; step < STEPS; step++) {
            for (size_t p = 0; p < t->paths; p++) {
                column[p] = row[p * STEPS + step];
            }
            t->quantiles[1] += select_rank(column, t->paths, t->paths * 9 / 10);
            t->quantiles[0] += select_rank(column, t->paths, t->paths / 2);
        }
        if (first + i == 0) {
            memcpy(t->root, row, t->width * sizeof *row);
        }
    }
    return ALM_OK;
}

static void measure_paths(bool bounded, int threads, size_t paths, size_t leaves)
{
    forest f = make_forest(leaves);
    double quantiles[2] = {0};
    tape t = {.f = &f, .width = paths * STEPS, .paths = paths, .quantiles = quantiles};
    t.pool = alm_pool_if_any(threads);
    t.sums = ALM_NEW_ARRAY(f.arena, double, t.width);
    t.root = ALM_NEW_ARRAY(f.arena, double, t.width);
    alm_tree_options options = {.non_negative = bounded, .pool = t.pool};
    alm_tree_stream stream = {read_rows, write_rows, &t, t.width, 0};
    alm_tree_outcome outcome;
    alm_error error;
    double start = wall_seconds();
    double busy = bench_seconds();
    bench_check(alm_reconcile_tree_stream(f.tree, &options, &stream, &outcome, &error), &error);
    double worst = 0;
    for (size_t c = 0; c < t.width; c++) {
        double gap = fabs(t.sums[c] - t.root[c]) / (fabs(t.root[c]) + 1e-300);
        worst = gap > worst ? gap : worst;
    }
    char name[96];
    const char *kind = bounded ? "paths_non_negative" : "paths";
    const struct figure {
        const char *what, *unit;
        double value;
    } figures[] = {{"nodes", "nodes", (double)f.nodes},
                   {"paths", "paths", (double)paths},
                   {"seconds", "s", wall_seconds() - start},
                   {"busy", "s", bench_seconds() - busy},
                   {"peak", "MiB", peak_mib()},
                   {"passes", "passes", (double)t.reads / (double)f.nodes},
                   {"rounds", "rounds", (double)outcome.rounds},
                   {"unsettled", "columns", (double)outcome.unsettled},
                   {"incoherence", "relative", worst},
                   {"lowest", "units", t.lowest},
                   {"median", "units", quantiles[0] / (double)(f.nodes * STEPS)},
                   {"q90", "units", quantiles[1] / (double)(f.nodes * STEPS)}};
    for (size_t i = 0; i < sizeof figures / sizeof *figures; i++) {
        snprintf(name, sizeof name, "reconcile_%s_%s", kind, figures[i].what);
        bench_print(name, figures[i].value, figures[i].unit);
    }
    alm_pool_destroy(t.pool);
    alm_reconcile_tree_destroy(f.tree);
    alm_arena_destroy(f.arena);
}

/* ---- one method, beside a peer ---- */

typedef struct problem {
    alm_arena *arena;
    alm_hierarchy hierarchy;
    alm_hierarchy_level levels[3];
    double *values, *errors;
    size_t all;
} problem;

/* Numbers that bench/reconcile_peer.py makes too, exactly: multiples of 2^-10. */
static double number(uint64_t i, uint64_t j)
{
    return (double)((i * 7919 + j * 104729 + i * j % 1009 * 31) % 1024) / 1024;
}

/* Total; leaf / 100 or leaf mod 10; leaf / 10. Half of the leaves are 0, and the aggregates expect
 * less than their sum, so that the bound matters. */
static void make_problem(uint32_t leaves, bool is_tree, problem *p)
{
    *p = (problem){.arena = alm_arena_create(0)};
    alm_hierarchy *h = &p->hierarchy;
    uint32_t counts[] = {1, is_tree ? (leaves + 99) / 100 : 10, (leaves + 9) / 10};
    uint32_t *nodes = ALM_NEW_ARRAY(p->arena, uint32_t, (size_t)leaves * 3);
    uint32_t *sizes = ALM_NEW_ARRAY(p->arena, uint32_t, counts[0] + counts[1] + counts[2]);
    for (uint32_t i = 0; i < leaves; i++) {
        uint32_t own[] = {0, is_tree ? i / 100 : i % 10, i / 10};
        uint32_t first = 0;
        for (uint32_t level = 0; level < 3; level++) {
            nodes[i * 3 + level] = first + own[level];
            sizes[first + own[level]]++;
            first += counts[level];
        }
    }
    *h = (alm_hierarchy){.leaf_count = leaves, .level_count = 3, .levels = p->levels,
                         .node_of_leaf = nodes, .leaves_of_node = sizes, .is_tree = is_tree};
    h->node_count = counts[0] + counts[1] + counts[2];
    p->all = (size_t)h->node_count + leaves;
    p->values = ALM_NEW_ARRAY(p->arena, double, p->all * STEPS);
    p->errors = ALM_NEW_ARRAY(p->arena, double, p->all * PERIODS);
    for (size_t a = 0; a < p->all; a++) {
        double size = a < h->node_count ? sizes[a] : 1;
        for (size_t c = 0; c < STEPS; c++) {
            double part = number(a, c);
            p->values[a * STEPS + c] = a < h->node_count ? size * (part / 32 + 0.0625)
                                       : part > 0.5      ? part - 0.5
                                                         : 0;
        }
        for (size_t t = 0; t < PERIODS; t++) {
            p->errors[a * PERIODS + t] =
                (number(a, 100 + t) - 0.5 + number(0, 200 + t)) * (double)(1 + a % 5);
        }
    }
}

static void measure_method(const char *name, bool is_tree, bool bounded, uint32_t leaves)
{
    problem p;
    alm_error error;
    alm_reconcile_request request = {.non_negative = bounded};
    if (!alm_reconcile_method_parse(alm_str_of(name), &request.method)) {
        fprintf(stderr, "reconcile_bench: there is no method '%s'\n", name);
        exit(2);
    }
    make_problem(leaves, is_tree, &p);
    request.past = (alm_reconcile_past){PERIODS, NULL, p.errors};
    double *base = ALM_NEW_ARRAY(p.arena, double, p.all * STEPS);
    memcpy(base, p.values, p.all * STEPS * sizeof(double));
    double seconds = 0;
    int rounds = 0;
    for (; seconds < BENCH_SECONDS_MIN; rounds++) {
        memcpy(p.values, base, p.all * STEPS * sizeof(double));
        alm_reconciliation *r = NULL;
        double start = bench_seconds();
        bench_check(alm_reconciliation_create(&p.hierarchy, &request, &r, &error), &error);
        bench_check(alm_reconciliation_apply(r, p.values, STEPS, NULL, &error), &error);
        seconds += bench_seconds() - start;
        alm_reconciliation_destroy(r);
    }
    bench_print("seconds", seconds / rounds, "s");
    bench_print("peak", peak_mib(), "MiB");
    printf("{\"name\":\"total\",\"value\":%.17g,\"unit\":\"units\"}\n", p.values[0]);
    printf("{\"name\":\"last\",\"value\":%.17g,\"unit\":\"units\"}\n",
           p.values[p.all * STEPS - 1]);
    alm_arena_destroy(p.arena);
}

static size_t whole(const char *text)
{
    int64_t value = 0;
    if (!alm_str_to_i64(alm_str_of(text), &value) || value < 1) {
        fprintf(stderr, "reconcile_bench: '%s' is not a whole number above 0\n", text);
        exit(2);
    }
    return (size_t)value;
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "means") == 0) {
        measure_means();
    } else if (argc >= 4 && strcmp(argv[1], "paths") == 0) {
        measure_paths(strcmp(argv[2], "bounded") == 0, (int)whole(argv[3]),
                      argc > 4 ? whole(argv[4]) : 100,
                      argc > 5 ? whole(argv[5]) : 900000);
    } else if (argc == 6 && strcmp(argv[1], "method") == 0) {
        measure_method(argv[2], strcmp(argv[3], "tree") == 0, strcmp(argv[4], "bounded") == 0,
                       (uint32_t)whole(argv[5]));
    } else {
        fprintf(stderr, "usage: see bench/reconcile_bench.c\n");
        return 2;
    }
    return 0;
}
