/* Decompositions by STL of many series, one thread: how long they take, and what they are.
 *
 *     stl_bench < INPUT
 *
 * INPUT is lines of words: `series ID SEASON N y..`. Output is a line of JSON for the usual options
 * with a window of 7 cycles (stl.h), `plain` and `robust`: processor time in seconds, and the sums
 * of the absolute values of all seasonal and trend parts, by which bench/forecast_peers.py sees
 * that a peer has decomposed the same. */
#include <time.h>

#include "model/statistical/decomposition/stl.h"
#include "series_lines.h"

#define WINDOW 7

static double seconds_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static void measure(const series *all, size_t count, bool is_robust)
{
    alm_arena *scratch = alm_arena_create(0);
    double seconds = 0;
    double season = 0;
    double trend = 0;
    for (size_t i = 0; i < count; i++) {
        alm_stl_options options = alm_stl_usual(all[i].past.season, WINDOW, is_robust);
        const alm_past *past = &all[i].past;
        alm_stl_parts parts;
        alm_error error;
        alm_arena_reset(scratch);
        double start = seconds_now();
        if (alm_stl(past->y, past->count, &options, scratch, &parts, &error) != ALM_OK) {
            die(error.message);
        }
        seconds += seconds_now() - start;
        for (size_t t = 0; t < past->count; t++) {
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
    series_list list = {.arena = alm_arena_create(0)};
    char *line = malloc(LINE_BYTES);
    while (line && fgets(line, (int)LINE_BYTES, stdin)) {
        alm_str rest = alm_str_trim(alm_str_of(line));
        if (!alm_str_is(alm_str_split(&rest, ' '), "series")) {
            die("a line of a series was expected");
        }
        add_series(&list, &rest);
    }
    measure(list.series, list.count, false);
    measure(list.series, list.count, true);
    free(line);
    alm_arena_destroy(list.arena);
    return 0;
}
