#include "base/env.h"

#include <stdarg.h>
#include <stdio.h>

alm_instant alm_env_now(const alm_env *env)
{
    return env->now(env->context);
}

uint64_t alm_env_monotonic_ns(const alm_env *env)
{
    return env->monotonic_ns ? env->monotonic_ns(env->context) : 0;
}

const char *alm_env_variable(const alm_env *env, const char *name)
{
    return env->variable ? env->variable(env->context, name) : NULL;
}

void alm_env_log(const alm_env *env, alm_log_level level, const char *format, ...)
{
    if (!env->log) {
        return;
    }
    char message[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    env->log(env->context, level, message);
}

void alm_env_tell(const alm_env *env, const alm_progress *progress)
{
    if (env->progress) {
        env->progress(env->context, progress);
    }
}

void alm_env_progress(const alm_env *env, const char *stage, uint64_t done, uint64_t total)
{
    alm_env_tell(env, &(alm_progress){.stage = stage, .done = done, .total = total});
}
