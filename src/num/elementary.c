#include "num/elementary.h"

#include <math.h>
#include <sleef.h>

double alm_exp(double x)
{
    return Sleef_cinz_expd1_u10purec(x);
}

double alm_log(double x)
{
    return Sleef_cinz_logd1_u10purec(x);
}

double alm_log1p(double x)
{
    return Sleef_cinz_log1pd1_u10purec(x);
}

double alm_pow(double x, double y)
{
    return Sleef_cinz_powd1_u10purec(x, y);
}

double alm_tanh(double x)
{
    return Sleef_cinz_tanhd1_u10purec(x);
}

double alm_erfc(double x)
{
    return Sleef_cinz_erfcd1_u15purec(x);
}

double alm_log_gamma(double x)
{
    return Sleef_cinz_lgammad1_u10purec(x);
}

float alm_logf_c(float x)
{
    return logf(x);
}
