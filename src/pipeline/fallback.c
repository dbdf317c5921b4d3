#include "pipeline/fallback.h"

#include "base/error.h"

const char *alm_fallback_text(alm_fallback fallback)
{
    static const char *const TEXTS[] = {
#define ALM_FALLBACK_TEXT(name, text, sentence) text,
        ALM_FALLBACK_MAP(ALM_FALLBACK_TEXT)
#undef ALM_FALLBACK_TEXT
    };
    alm_assert((unsigned)fallback < ALM_FALLBACK_COUNT);
    return TEXTS[fallback];
}

const char *alm_fallback_sentence(alm_fallback fallback)
{
    static const char *const SENTENCES[] = {
#define ALM_FALLBACK_SENTENCE(name, text, sentence) sentence,
        ALM_FALLBACK_MAP(ALM_FALLBACK_SENTENCE)
#undef ALM_FALLBACK_SENTENCE
    };
    alm_assert((unsigned)fallback < ALM_FALLBACK_COUNT);
    return SENTENCES[fallback];
}
