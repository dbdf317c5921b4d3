/* What the programs that measure beside peers share: processor time, medians, results. */
#ifndef ALM_BENCH_BENCH_MEASURE_H
#define ALM_BENCH_BENCH_MEASURE_H

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/error.h"

#define BENCH_ROUNDS_MAX 99
#define BENCH_SECONDS_MIN 0.01 /* of one measurement */

/* Processor time of the process: other work on the machine disturbs it least. */
static inline double bench_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* Ends the program with the message of a failure. */
static inline void bench_check(alm_err code, const alm_error *error)
{
    if (code != ALM_OK) {
        fprintf(stderr, "bench: %s\n", error->message);
        exit(alm_err_exit_status(code));
    }
}

static inline void bench_print(const char *name, double value, const char *unit)
{
    printf("{\"name\":\"%s\",\"value\":%.6g,\"unit\":\"%s\"}\n", name, value, unit);
    fflush(stdout);
}

static inline int bench_by_value(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Sorts `values`. */
static inline double bench_median(double *values, int count)
{
    qsort(values, (size_t)count, sizeof *values, bench_by_value);
    return values[count / 2];
}

#endif
