/* serve_records.h: what `almanac serve` keeps of its answers where serve.yaml says so: the
 * prediction log and the caches. */
#ifndef ALM_APP_SERVE_RECORDS_H
#define ALM_APP_SERVE_RECORDS_H

#include "app/cli.h"
#include "http/serve_settings.h"
#include "http/service.h"

typedef struct almi_serve_records {
    alm_line_sink *sink;
    alm_service *service;
    uint64_t lost; /* lines that were said to be lost */
    bool is_unshared; /* and that the shared cache cannot be reached */
} almi_serve_records;

/* Sets service->recorder, for `service->workers`, service->cache and service->share, which need not
 * be reached now; the cache is told when models of the service are gone. */
ALM_NODISCARD alm_err almi_serve_records_open(almi_cli *cli, const alm_serve_settings *settings,
                                              alm_service *service, almi_serve_records *out,
                                              alm_error *error);
/* Logs when lines were lost since it was called last; connects the shared cache, and logs when that
 * fails and when it works again. Any one thread. */
void almi_serve_records_care(almi_serve_records *records);
/* Writes what is left; says it when that fails. Takes one that was not opened, or in part; no
 * request is at work, and the models are destroyed. */
void almi_serve_records_close(almi_serve_records *records);

#endif
