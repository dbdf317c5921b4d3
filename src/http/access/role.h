/* role.h: who somebody is and what they may do.
 *
 * Five roles. admin implies all others; predictor, trainer and approver each imply viewer, and
 * nothing of each other: whoever trains does not approve by that. A set of roles is always closed
 * under these rules, so that a check is one bit.
 *
 * An identity may be limited to some models by patterns over model names: `*` stands for any text,
 * everything else for itself.
 *
 * Thread safety: values and pure functions. */
#ifndef ALM_HTTP_ACCESS_ROLE_H
#define ALM_HTTP_ACCESS_ROLE_H

#include "base/date.h"

/* X(name, text) */
#define ALM_ROLE_MAP(X)       \
    X(VIEWER, "viewer")       \
    X(PREDICTOR, "predictor") \
    X(TRAINER, "trainer")     \
    X(APPROVER, "approver")   \
    X(ADMIN, "admin")

typedef enum alm_role {
#define ALM_ROLE_ENUM(name, text) ALM_ROLE_##name,
    ALM_ROLE_MAP(ALM_ROLE_ENUM)
#undef ALM_ROLE_ENUM
        ALM_ROLE_COUNT
} alm_role;

typedef uint32_t alm_roles; /* bit i: role i */

#define ALM_ROLES_TEXT_BYTES 48
#define ALM_PATTERN_BYTES_MAX 128
#define ALM_PATTERNS_MAX 64
#define ALM_SUBJECT_BYTES_MAX 256

const char *alm_role_text(alm_role role);
bool alm_role_parse(alm_str text, alm_role *out);
alm_roles alm_roles_of(alm_role role); /* with all that it implies */
bool alm_roles_include(alm_roles roles, alm_role role);
/* "viewer predictor", in the order above; empty for none. Returns `out`. */
const char *alm_roles_text(alm_roles roles, char out[ALM_ROLES_TEXT_BYTES]);

/* 1 to ALM_PATTERN_BYTES_MAX bytes, printable ASCII without blanks. */
bool alm_pattern_is_valid(alm_str pattern);
bool alm_pattern_matches(alm_str pattern, alm_str name);

typedef enum alm_identity_kind {
    ALM_IDENTITY_NONE,       /* nobody: no credentials, or refused ones */
    ALM_IDENTITY_TOKEN,      /* subject: `sub` of the token */
    ALM_IDENTITY_API_KEY,    /* subject: id of the key */
    ALM_IDENTITY_DEVELOPMENT /* access is off */
} alm_identity_kind;

typedef struct alm_identity {
    alm_identity_kind kind;
    alm_str subject; /* 1 to ALM_SUBJECT_BYTES_MAX bytes of UTF-8 without control characters */
    alm_roles roles;
    bool every_model; /* not limited; else only what `models` match, which may be nothing */
    const alm_str *models;
    size_t model_count;
    alm_instant expires; /* INT64_MAX: never. It is not valid at that instant any more */
} alm_identity;

const char *alm_identity_kind_text(alm_identity_kind kind); /* "token", "api_key", … */
bool alm_identity_may_use(const alm_identity *identity, alm_str model);
/* A copy whose texts lie in `arena`. */
alm_identity alm_identity_copy(const alm_identity *identity, alm_arena *arena);

#endif
