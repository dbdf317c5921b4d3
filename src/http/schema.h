/* schema.h: what JSON an endpoint takes and gives, as tables: requests are checked by them, and the
 * OpenAPI document and the reference page are written from them, so that none can drift.
 *
 * A schema is static data. Objects are closed: an unknown key is an error that lists the known
 * ones, unless `is_open`. */
#ifndef ALM_HTTP_SCHEMA_H
#define ALM_HTTP_SCHEMA_H

#include "base/json.h"

typedef enum alm_schema_kind {
    ALM_SCHEMA_OBJECT,
    ALM_SCHEMA_ARRAY,
    ALM_SCHEMA_MAP,     /* an object with any keys whose values are `items` */
    ALM_SCHEMA_STRING,
    ALM_SCHEMA_NAME,    /* a string that is not empty, of printable characters */
    ALM_SCHEMA_DATE,    /* YYYY-MM-DD */
    ALM_SCHEMA_INSTANT, /* RFC 3339 */
    ALM_SCHEMA_NUMBER,
    ALM_SCHEMA_INTEGER,
    ALM_SCHEMA_BOOLEAN,
    ALM_SCHEMA_ANY
} alm_schema_kind;

typedef struct alm_schema alm_schema;

typedef struct alm_schema_member {
    const char *key;
    const alm_schema *schema;
    bool required;
    const char *doc;
} alm_schema_member;

struct alm_schema {
    const char *name; /* a component of the document, "DemandRequest"; NULL: written in place */
    const char *doc;
    alm_schema_kind kind;
    const alm_schema_member *member; /* OBJECT */
    size_t member_count;
    bool is_open;            /* OBJECT: further keys are accepted and not looked at */
    bool is_nullable;
    const alm_schema *items; /* ARRAY, MAP */
    bool or_one; /* ARRAY: or one item, which is an object, as it is */
    bool is_tolerant; /* ARRAY: an item that is not as `items` says is the endpoint's to answer */
    size_t count_min, count_max; /* items; of texts characters. 0 as a maximum: 65536 */
    double min, max;         /* NUMBER, INTEGER; both 0: not bounded */
    const char *const *choices; /* STRING: NULL terminated */
};

/* Of a name, and of a parameter of an address: encoded at its longest it fits into the head of a
 * request. */
#define ALM_NAME_CHARACTERS_MAX 1024
size_t alm_schema_characters(alm_str utf8); /* as they are counted for it */
bool alm_schema_is_plain(alm_str text);     /* no control characters, as in a name */

/* The commonest ones. */
extern const alm_schema alm_schema_string, alm_schema_name, alm_schema_date, alm_schema_instant,
    alm_schema_number, alm_schema_integer, alm_schema_boolean, alm_schema_any;

#define ALM_MEMBERS(array) .member = (array), .member_count = sizeof(array) / sizeof((array)[0])

/* ALM_ERR_INVALID with the place as a JSON pointer in front, which also goes into `pointer` (at
 * most its size, NUL terminated). */
#define ALM_POINTER_BYTES 256
ALM_NODISCARD alm_err alm_schema_check(const alm_schema *schema, const alm_json *value,
                                       char pointer[ALM_POINTER_BYTES], alm_error *error);

/* As JSON Schema 2020-12, named schemas as {"$ref": "#/components/schemas/NAME"}. */
void alm_schema_write(const alm_schema *schema, alm_json_writer *json);
/* The named schema itself. */
void alm_schema_write_component(const alm_schema *schema, alm_json_writer *json);

#endif
