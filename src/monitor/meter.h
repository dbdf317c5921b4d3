/* meter.h: counters, gauges and histograms, made for one event loop per core.
 *
 * A family (name, kind, unit, labels) is a line of one static table. A meter is one series of a
 * family: its labels have values. It is found once, by those, and then moved from any thread
 * without a lock: a meter has a cache line (a histogram some lines) per worker, so that event loops
 * do not fight over one. `worker` is a hint, not a promise: any number is good, two threads with
 * the same one are slower, never wrong.
 *
 * Values are whole numbers in the smallest unit (nanoseconds, bytes), so that sums are exact; a
 * gauge is a double. What is shown in seconds is that number with its point moved.
 *
 * Labels cannot blow memory: a family holds at most `series_max` meters. Values beyond that, values
 * of more than ALM_LABEL_BYTES_MAX bytes, values that are not UTF-8, and values for which there is
 * no memory all share one meter whose labels are "other". Retired meters make place again.
 *
 * Reading while others count gives each value as it was at some moment of the reading; a
 * histogram's count is always the sum of its buckets. When the writers have been joined, everything
 * they counted is there.
 *
 * Thread safety: all functions but create and destroy, from any thread. */
#ifndef ALM_MONITOR_METER_H
#define ALM_MONITOR_METER_H

#include "base/str.h"

#define ALM_METER_LABELS_MAX 4
#define ALM_METER_BOUNDS_MAX 24
#define ALM_METER_SERIES_MAX 4096
#define ALM_METER_FAMILIES_MAX 256
#define ALM_METER_WORKERS_MAX 1024
#define ALM_LABEL_BYTES_MAX 128
#define ALM_LABEL_OTHER "other"

typedef enum alm_meter_kind {
    ALM_METER_COUNTER,   /* only grows; name ends in _total */
    ALM_METER_LEVEL,     /* moves up and down: a gauge that is the sum over the workers */
    ALM_METER_GAUGE,     /* is set: the last value counts */
    ALM_METER_INFO,      /* always 1, says something by its labels; name ends in _info */
    ALM_METER_HISTOGRAM  /* how many values are at most a bound, for each bound */
} alm_meter_kind;

typedef enum alm_meter_unit {
    ALM_UNIT_NONE,
    ALM_UNIT_SECONDS, /* counted in nanoseconds; a gauge is set in seconds */
    ALM_UNIT_BYTES
} alm_meter_unit;

typedef struct alm_meter_family {
    const char *name;      /* [a-z][a-z0-9_]*, with its unit and suffix as it is shown */
    const char *help;      /* one sentence */
    const char *labels;    /* names separated by blanks, "" = none; never "le" */
    const uint64_t *bounds; /* of a histogram: ascending, in the smallest unit */
    size_t bound_count;
    uint32_t series_max; /* without "other"; ignored when there are no labels */
    alm_meter_kind kind;
    alm_meter_unit unit;
} alm_meter_family;

/* Latencies from 50 microseconds to 10 seconds, in nanoseconds. */
#define ALM_LATENCY_BOUND_COUNT 17
extern const uint64_t ALM_LATENCY_BOUNDS[ALM_LATENCY_BOUND_COUNT];

typedef struct alm_meters alm_meters; /* all families of a table with their meters */
typedef struct alm_meter alm_meter;

/* `family` must outlive the result. ALM_ERR_USAGE names the first family that breaks the rules
 * above, ALM_ERR_LIMIT too many of something, ALM_ERR_MEMORY. `workers`: how many event loops. */
ALM_NODISCARD alm_err alm_meters_create(const alm_meter_family *family, size_t family_count,
                                        int workers, alm_meters **out, alm_error *error);
void alm_meters_destroy(alm_meters *meters); /* takes NULL */
size_t alm_meters_family_count(const alm_meters *meters);
const alm_meter_family *alm_meters_family(const alm_meters *meters, size_t family);
size_t alm_meters_label_count(const alm_meters *meters, size_t family);
alm_str alm_meters_label_name(const alm_meters *meters, size_t family, size_t label);

/* The meter of these label values (as many as the family has labels, in its order), made when it is
 * new. Never NULL: "other" where it must be. Without a lock when it is there; a new one waits for
 * others that are being made. The meter lives as long as `meters`. */
alm_meter *alm_meters_find(alm_meters *meters, size_t family, const alm_str *label);
/* The same for texts: alm_meters_get(m, F, "GET", "200"), as many as there are labels. */
#define alm_meters_get(meters, family, ...)                                                  \
    alm_meters_find_texts((meters), (family), (const char *const[]){__VA_ARGS__},            \
                          sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *))
alm_meter *alm_meters_find_texts(alm_meters *meters, size_t family, const char *const *text,
                                 size_t count);
/* Shows the meter no more and makes place for another; a later find with the same labels shows it
 * again, with what it had counted. For what comes and goes, as versions of models do: whoever still
 * holds the meter may move it. Its memory is kept until the end. "other" is never retired. */
void alm_meters_retire(alm_meters *meters, alm_meter *meter);
/* Retires all meters of a family whose first `count` labels have these values. */
void alm_meters_retire_all(alm_meters *meters, size_t family, const alm_str *label, size_t count);

/* Moves; which of them are allowed depends on the kind (a programmer error otherwise). */
void alm_meter_add(alm_meter *meter, int worker, uint64_t amount);     /* COUNTER */
void alm_meter_move(alm_meter *meter, int worker, int64_t amount);     /* LEVEL */
void alm_meter_set(alm_meter *meter, double value);                    /* GAUGE */
void alm_meter_observe(alm_meter *meter, int worker, uint64_t value);  /* HISTOGRAM */
/* A counter that somebody else counts, as the kernel does the processor's time: to this value. */
void alm_meter_follow(alm_meter *meter, uint64_t total);               /* COUNTER */

/* What a meter shows, added up over the workers. */
typedef struct alm_meter_reading {
    uint64_t total;                             /* COUNTER */
    int64_t level;                              /* LEVEL */
    double gauge;                               /* GAUGE */
    uint64_t bucket[ALM_METER_BOUNDS_MAX + 1];  /* HISTOGRAM: each alone; the last is +Inf's */
    uint64_t count;                             /* HISTOGRAM */
    uint64_t sum;                               /* HISTOGRAM: modulo 2^64 */
} alm_meter_reading;

void alm_meter_read(const alm_meter *meter, alm_meter_reading *out);
alm_str alm_meter_label(const alm_meter *meter, size_t label);

/* The meters of a family that are shown, ordered by their labels' bytes, in `arena`. */
ALM_NODISCARD alm_err alm_meters_list(const alm_meters *meters, size_t family, alm_arena *arena,
                                      const alm_meter *const **out, size_t *count,
                                      alm_error *error);

#endif
