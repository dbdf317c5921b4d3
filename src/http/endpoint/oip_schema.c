#include "http/endpoint/oip_schema.h"

static const alm_schema texts = {.kind = ALM_SCHEMA_ARRAY, .items = &alm_schema_string};
static const alm_schema sizes = {.kind = ALM_SCHEMA_ARRAY, .items = &alm_schema_integer};
static const alm_schema values = {.kind = ALM_SCHEMA_ARRAY, .items = &alm_schema_any,
                                  .count_max = (size_t)1 << 24};
static const alm_schema parameters = {.kind = ALM_SCHEMA_OBJECT, .is_open = true};

static const alm_schema_member server_members[] = {
    {"name", &alm_schema_string, true, NULL},
    {"version", &alm_schema_string, true, NULL},
    {"extensions", &texts, true, "Of the protocol, that are there."},
};
const alm_schema almi_oip_server_schema = {
    .name = "OipServer", .kind = ALM_SCHEMA_OBJECT, ALM_MEMBERS(server_members)};

static const alm_schema_member tensor_members[] = {
    {"name", &alm_schema_string, true, NULL},
    {"datatype", &alm_schema_string, true, "FP64 or INT64."},
    {"shape", &sizes, true, "-1: any number of rows."},
    {"parameters", &parameters, false, "Names of columns, labels and horizons."},
};
static const alm_schema tensor = {
    .name = "OipTensorFacts", .kind = ALM_SCHEMA_OBJECT, ALM_MEMBERS(tensor_members)};
static const alm_schema tensors = {.kind = ALM_SCHEMA_ARRAY, .items = &tensor};
static const alm_schema_member model_members[] = {
    {"name", &alm_schema_string, true, NULL},
    {"versions", &texts, true, "That are READY."},
    {"platform", &alm_schema_string, true, NULL},
    {"inputs", &tensors, true, NULL},
    {"outputs", &tensors, true, NULL},
    {"parameters", &parameters, true, "Version, format, SHA-256, and whether it is approved."},
};
const alm_schema almi_oip_model_schema = {
    .name = "OipModel", .kind = ALM_SCHEMA_OBJECT, ALM_MEMBERS(model_members)};

static const alm_schema_member ready_members[] = {
    {"name", &alm_schema_string, false, NULL},
    {"ready", &alm_schema_boolean, true, NULL},
};
const alm_schema almi_oip_ready_schema = {
    .name = "OipReady", .kind = ALM_SCHEMA_OBJECT, ALM_MEMBERS(ready_members)};

static const alm_schema_member live_members[] = {{"live", &alm_schema_boolean, true, NULL}};
const alm_schema almi_oip_live_schema = {
    .name = "OipLive", .kind = ALM_SCHEMA_OBJECT, ALM_MEMBERS(live_members)};

static const alm_schema_member output_members[] = {
    {"name", &alm_schema_string, true, NULL},
    {"datatype", &alm_schema_string, true, NULL},
    {"shape", &sizes, true, NULL},
    {"parameters", &parameters, false, "`binary_data_size` of a binary tensor."},
    {"data", &values, false, "Row after row; not of a binary tensor."},
};
static const alm_schema output = {
    .name = "OipTensor", .kind = ALM_SCHEMA_OBJECT, ALM_MEMBERS(output_members)};
static const alm_schema outputs = {.kind = ALM_SCHEMA_ARRAY, .items = &output};
static const alm_schema_member reply_members[] = {
    {"model_name", &alm_schema_string, true, NULL},
    {"model_version", &alm_schema_string, true, NULL},
    {"id", &alm_schema_string, false, "As it was asked."},
    {"parameters", &parameters, true, "`approved`, and with false a `notice`."},
    {"outputs", &outputs, true, NULL},
};
const alm_schema almi_oip_reply_schema = {
    .name = "OipReply", .kind = ALM_SCHEMA_OBJECT, ALM_MEMBERS(reply_members)};

static const char *const states[] = {"READY", "LOADING", "UNAVAILABLE", NULL};
static const alm_schema state = {.kind = ALM_SCHEMA_STRING, .choices = states};
static const alm_schema_member index_members[] = {
    {"name", &alm_schema_string, true, NULL},
    {"version", &alm_schema_string, true, NULL},
    {"state", &state, true, NULL},
    {"reason", &alm_schema_string, true, "Why it is not READY, or why its last load failed."},
};
static const alm_schema index_entry = {
    .name = "OipIndexEntry", .kind = ALM_SCHEMA_OBJECT, ALM_MEMBERS(index_members)};
const alm_schema almi_oip_index_schema = {.kind = ALM_SCHEMA_ARRAY, .items = &index_entry};

static const alm_schema_member timing_members[] = {
    {"count", &alm_schema_integer, true, NULL},
    {"ns", &alm_schema_integer, true, "All of them together."},
};
static const alm_schema timing = {
    .name = "OipTiming", .kind = ALM_SCHEMA_OBJECT, ALM_MEMBERS(timing_members)};
static const alm_schema timings = {.kind = ALM_SCHEMA_MAP, .items = &timing};
static const alm_schema batches = {.kind = ALM_SCHEMA_ARRAY, .items = &alm_schema_any};
static const alm_schema_member statistics_members[] = {
    {"name", &alm_schema_string, true, NULL},
    {"version", &alm_schema_string, true, NULL},
    {"last_inference", &alm_schema_integer, true, "Milliseconds since 1970; 0: none yet."},
    {"inference_count", &alm_schema_integer, true, "Rows."},
    {"execution_count", &alm_schema_integer, true, "Calls of the model."},
    {"inference_stats", &timings, true, NULL},
    {"batch_stats", &batches, true, NULL},
};
static const alm_schema statistics = {
    .name = "OipStatistics", .kind = ALM_SCHEMA_OBJECT, ALM_MEMBERS(statistics_members)};
static const alm_schema statistics_list = {.kind = ALM_SCHEMA_ARRAY, .items = &statistics};
static const alm_schema_member all_members[] = {{"model_stats", &statistics_list, true, NULL}};
const alm_schema almi_oip_statistics_schema = {
    .name = "OipAllStatistics", .kind = ALM_SCHEMA_OBJECT, ALM_MEMBERS(all_members)};

const alm_schema almi_oip_empty_schema = {.kind = ALM_SCHEMA_OBJECT};
