/* fallback.h: why a series' forecast is not what its model would have said, as a code that is
 * stored with the forecast. The chain is: the model; level x profile where the class's statistical
 * forecaster does not take the series; a borrowed level where the series is too young; zero. */
#ifndef ALM_PIPELINE_FALLBACK_H
#define ALM_PIPELINE_FALLBACK_H

/* X(name, reason code as stored, sentence) */
#define ALM_FALLBACK_MAP(X)                                                                       \
    X(NONE, "", "the model answered")                                                             \
    X(NO_FOREST, "no_forest", "the release has no trained model: statistical forecast only")      \
    X(NO_DEMAND, "no_demand", "never sold anything: forecast as zero")                            \
    X(COLD_START, "cold_start", "too young for a model: its level is borrowed from analogues")    \
    X(TOO_SHORT, "too_short", "too few known values for its class's forecaster: level by weekday") \
    X(UNSUITED, "unsuited", "its class's forecaster does not take such values: level by weekday") \
    X(NUMERIC, "numeric", "its class's forecaster found no finite forecast: level by weekday")    \
    X(EXPLODES, "explodes", "its class's forecaster ran far beyond all that was seen: level by "  \
                            "weekday")

typedef enum alm_fallback {
#define ALM_FALLBACK_ENUM(name, text, sentence) ALM_FALLBACK_##name,
    ALM_FALLBACK_MAP(ALM_FALLBACK_ENUM)
#undef ALM_FALLBACK_ENUM
        ALM_FALLBACK_COUNT
} alm_fallback;

const char *alm_fallback_text(alm_fallback fallback);
const char *alm_fallback_sentence(alm_fallback fallback);

#endif
