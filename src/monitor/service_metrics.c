#include "monitor/service_metrics.h"

#include <math.h>

#include "base/build_info.h"

#define BOUNDS_COUNTER .bounds = NULL
#define BOUNDS_LEVEL .bounds = NULL
#define BOUNDS_GAUGE .bounds = NULL
#define BOUNDS_INFO .bounds = NULL
#define BOUNDS_HISTOGRAM .bounds = ALM_LATENCY_BOUNDS, .bound_count = ALM_LATENCY_BOUND_COUNT

static const alm_meter_family FAMILY[ALM_SERVICE_METRICS] = {
#define ALM_SERVICE_METRIC_ROW(what, kind_, unit_, name_, labels_, series_max_, help_)        \
    [ALM_SERVICE_##what] = {.name = name_, .help = help_, .labels = labels_, BOUNDS_##kind_,  \
                            .series_max = series_max_, .kind = ALM_METER_##kind_,             \
                            .unit = ALM_UNIT_##unit_},
    ALM_SERVICE_METRIC_MAP(ALM_SERVICE_METRIC_ROW)
#undef ALM_SERVICE_METRIC_ROW
};

alm_err alm_service_meters_create(int workers, alm_meters **out, alm_error *error)
{
    alm_meters *meters = NULL;
    ALM_TRY(alm_meters_create(FAMILY, ALM_SERVICE_METRICS, workers, &meters, error));
    (void)alm_meters_get(meters, ALM_SERVICE_BUILD, ALM_ENGINE_VERSION, ALM_ENGINE_COMMIT,
                         ALM_ENGINE_COMPILER);
    *out = meters;
    return ALM_OK;
}

static void set(alm_meters *meters, alm_service_metric family, double value)
{
    alm_meter_set(alm_meters_find(meters, (size_t)family, NULL), value);
}

void alm_service_meters_take_process(alm_meters *meters, const alm_process_usage *usage)
{
    alm_meter_follow(alm_meters_find(meters, ALM_SERVICE_PROCESS_CPU, NULL), usage->cpu_ns);
    set(meters, ALM_SERVICE_PROCESS_RESIDENT, (double)usage->resident_bytes);
    set(meters, ALM_SERVICE_PROCESS_VIRTUAL, (double)usage->virtual_bytes);
    set(meters, ALM_SERVICE_PROCESS_FDS, (double)usage->open_files);
    bool unlimited = usage->open_files_max == UINT64_MAX;
    set(meters, ALM_SERVICE_PROCESS_FDS_MAX, unlimited ? INFINITY : (double)usage->open_files_max);
    set(meters, ALM_SERVICE_PROCESS_START, usage->start_seconds);
    set(meters, ALM_SERVICE_HEAP_HELD, (double)alm_heap_held_bytes());
}

void alm_service_meters_forget_model(alm_meters *meters, alm_str model, alm_str version)
{
    alm_str label[] = {model, version};
    for (size_t i = 0; i < ALM_SERVICE_METRICS; i++) {
        if (alm_str_starts_with(alm_str_of(FAMILY[i].labels), "model version")) {
            alm_meters_retire_all(meters, i, label, 2);
        }
    }
}

static const char *kind_text(alm_meter_kind kind)
{
    switch (kind) {
    case ALM_METER_COUNTER: return "counter";
    case ALM_METER_HISTOGRAM: return "histogram";
    case ALM_METER_INFO: return "info";
    default: return "gauge";
    }
}

void alm_service_metrics_table(alm_buffer *out)
{
    alm_buffer_text(out, "| name | kind | labels | series | what |\n|---|---|---|---|---|\n");
    for (size_t i = 0; i < ALM_SERVICE_METRICS; i++) {
        const alm_meter_family *family = &FAMILY[i];
        alm_buffer_printf(out, "| `%s` | %s | ", family->name, kind_text(family->kind));
        for (alm_str rest = alm_str_of(family->labels); rest.data && rest.size > 0;) {
            alm_str label = alm_str_split(&rest, ' ');
            alm_buffer_printf(out, "`" ALM_STR_FMT "` ", ALM_STR_ARG(label));
        }
        if (family->labels[0]) {
            alm_buffer_printf(out, "| %u | %s |\n", family->series_max, family->help);
        } else {
            alm_buffer_printf(out, "| 1 | %s |\n", family->help);
        }
    }
}
