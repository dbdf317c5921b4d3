/* global_kinds.c: all kinds of global forecasters. */
#include "train/global/global_kind.h"

const alm_global_kind *const *alm_global_kinds(size_t *count)
{
    static const alm_global_kind *const KINDS[] = {
        &alm_global_lstm, &alm_global_gru, &alm_global_tcn, &alm_global_gbm, &alm_global_gbm_local,
    };
    *count = sizeof KINDS / sizeof KINDS[0];
    return KINDS;
}
