/* Decompositions by STL of many series, one thread: how long they take, and what they are.
 *
 *     stl_bench < INPUT
 *
 * INPUT is lines of words: `series ID SEASON N y..`. Output is a line of JSON for the usual options
 * with a window of 7 cycles (stl.h), `plain` and `robust`: processor time in seconds, and the sums
 * of the absolute values of all seasonal and trend parts, by which bench/forecast_peers.py sees
 * that a peer has decomposed the same. */
#include "base/json.h"
#include "model/statistical/decomposition/stl.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define LINE_BYTES ((size_t)1 << 20)
#define SERIES_MAX 4096
#define WINDOW 7

typedef struct series {
    double *y;
    size_t count, season;
} series;

static void die(const char *why)
{
    fprintf(stderr, "stl_bench: %s\n", why);
    exit(2);
}

static double seconds_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static double number(alm_str *rest)
{
    double value = 0;
    if (!alm_str_to_double(alm_str_split(rest, ' '), &value)) {
        die("a number was expected");
    }
    return value;
}

static series read_series(alm_str rest, alm_arena *arena)
{
    (void)alm_str_split(&rest, ' ');
    (void)alm_str_split(&rest, ' ');
    series s = {.season = (size_t)number(&rest)};
    s.count = (size_t)number(&rest);
    s.y = ALM_NEW_ARRAY(arena, double, s.count);
    for (size_t t = 0; t < s.count; t++) {
        s.y[t] = number(&rest);
    }
    return s;
}

static void measure(const series *all, size_t count, bool is_robust)
{
    alm_arena *scratch = alm_arena_create(0);
    double seconds = 0;
    double season = 0;
    double trend = 0;
    for (size_t i = 0; i < count; i++) {
        alm_stl_options options = alm_stl_usual(all[i].season, WINDOW, is_robust);
        alm_stl_parts parts;
        alm_error error;
        alm_arena_reset(scratch);
        double start = seconds_now();
        if (alm_stl(all[i].y, all[i].count, &options, scratch, &parts, &error) != ALM_OK) {
            die(error.message);
        }
        seconds += seconds_now() - start;
        for (size_t t = 0; t < all[i].count; t++) {
            season += fabs(parts.season[t]);
            trend += fabs(parts.trend[t]);
        }
    }
    printf("{\"method\":\"%s\",\"series\":%zu,\"seconds\":%.9g,\"season\":%.17g,\"trend\":%.17g}\n",
           is_robust ? "robust" : "plain", count, seconds, season, trend);
    alm_arena_destroy(scratch);
}

int main(void)
{
    alm_arena *arena = alm_arena_create(0);
    series *all = ALM_NEW_ARRAY(arena, series, SERIES_MAX);
    char *line = malloc(LINE_BYTES);
    size_t count = 0;
    while (line && count < SERIES_MAX && fgets(line, (int)LINE_BYTES, stdin)) {
        all[count++] = read_series(alm_str_trim(alm_str_of(line)), arena);
    }
    measure(all, count, false);
    measure(all, count, true);
    free(line);
    alm_arena_destroy(arena);
    return 0;
}
