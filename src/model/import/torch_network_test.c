/* torch_network_test.c: nets of PyTorch beside what PyTorch said (tests/golden/torch/generate.py),
 * and what is wrong with safetensors files and descriptions. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/fs.h"
#include "base/rng.h"
#include "model/import/safetensors.h"
#include "model/import/torch_network.h"

static alm_str fixture(alm_arena *arena, const char *name, const char *ending)
{
    alm_fs *fs = NULL;
    alm_error error;
    alm_str bytes;
    char path[120];
    (void)snprintf(path, sizeof path, "tests/golden/torch/%s.%s", name, ending);
    assert_int_equal(alm_fs_real_create(&fs, &error), ALM_OK);
    if (alm_fs_read_all(fs, path, 1 << 20, arena, &bytes, &error) != ALM_OK) {
        fail_msg("%s", error.message);
    }
    alm_fs_destroy(fs);
    return bytes;
}

static alm_network *import(alm_arena *arena, const char *name)
{
    alm_network *network = NULL;
    alm_error error;
    if (alm_network_import_torch(fixture(arena, name, "safetensors"), fixture(arena, name, "json"),
                                 name, &network, &error) != ALM_OK) {
        fail_msg("%s", error.message);
    }
    return network;
}

static size_t numbers(alm_str *rest, double *out, size_t limit)
{
    alm_str line = alm_str_split(rest, '\n');
    size_t count = 0;
    while (line.size > 0) {
        assert_true(count < limit);
        assert_true(alm_str_to_double(alm_str_split(&line, ' '), &out[count++]));
    }
    return count;
}

/* ---- answers ---- */

/* Our largest error against the same weights in double, and PyTorch's own in float. */
typedef struct errors {
    double ours, torch;
} errors;

static errors compare(const char *name)
{
    alm_arena *arena = alm_arena_create(0);
    alm_network *network = import(arena, name);
    alm_str text = fixture(arena, name, "txt");
    double shape[4], x[200], single[8], whole[8], out[8];
    errors largest = {0, 0};
    alm_error error;
    assert_int_equal(numbers(&text, shape, 4), 4);
    size_t steps = (size_t)shape[1], features = (size_t)shape[2], outputs = (size_t)shape[3];
    const alm_network_spec *spec = alm_network_describe(network);
    assert_true(spec->feature_count == features && spec->output_count == outputs);
    for (size_t i = 0; i < (size_t)shape[0]; i++) {
        alm_network_windows window = {x, 1, steps};
        assert_int_equal(numbers(&text, x, 200), steps * features);
        assert_int_equal(numbers(&text, single, 8), outputs);
        assert_int_equal(numbers(&text, whole, 8), outputs);
        assert_int_equal(alm_network_predict(network, &window, arena, out, &error), ALM_OK);
        for (size_t k = 0; k < outputs; k++) {
            largest.ours = fmax(largest.ours, fabs(out[k] - whole[k]));
            largest.torch = fmax(largest.torch, fabs(single[k] - whole[k]));
        }
    }
    alm_network_destroy(network);
    alm_arena_destroy(arena);
    return largest;
}

/* Both compute in float (2^-24 a step of sums of up to 20 terms, exp within 2e-7) over 20 steps, in
 * different orders; outputs are of size 1. Ours may err by 2e-6, and by 8 times PyTorch's error. */
static void nets_answer_as_in_pytorch(void **state)
{
    (void)state;
    static const char *const NETS[] = {"lstm",  "gru",  "tcn",   "mixed",
                                       "plain", "half", "brain", "double"};
    for (size_t i = 0; i < sizeof NETS / sizeof *NETS; i++) {
        errors e = compare(NETS[i]);
        print_message("%s: %.2g from the answer in double, PyTorch's float %.2g\n", NETS[i], e.ours,
                      e.torch);
        assert_true(e.ours < 2e-6 && e.ours < 8 * e.torch + 1e-7);
    }
}

/* ---- numbers of safetensors ---- */

static alm_str small_file(alm_arena *arena, const char *header, alm_str data)
{
    size_t size = strlen(header);
    char *bytes = alm_arena_alloc(arena, 8 + size + data.size + 1);
    bytes[0] = (char)(size & 0xFF);
    bytes[1] = (char)(size >> 8);
    memcpy(bytes + 8, header, size);
    memcpy(bytes + 8 + size, data.data, data.size);
    return (alm_str){bytes, 8 + size + data.size};
}

static void numbers_are_exact(void **state)
{
    (void)state;
    alm_arena *arena = alm_arena_create(0);
    alm_safetensors file;
    alm_error error;
    double out[6];
    /* binary16: 1, the smallest, the largest, -0, -inf, 1/3 rounded; bfloat16: 1, -2, 2^-133 */
    alm_str data = {"\x00\x3c\x01\x00\xff\x7b\x00\x80\x00\xfc\x55\x35" "\x80\x3f\x00\xc0\x01\x00",
                    18};
    alm_str bytes = small_file(arena,
                               "{\"__metadata__\":{\"a\":\"b\"},"
                               "\"b\":{\"dtype\":\"BF16\",\"shape\":[3],"
                               "\"data_offsets\":[12,18]},\"h\":{\"dtype\":\"F16\","
                               "\"shape\":[2,3],\"data_offsets\":[0,12]}}  ",
                               data);
    assert_int_equal(alm_safetensors_open(bytes, "m", arena, &file, &error), ALM_OK);
    assert_int_equal(file.count, 2);
    const alm_safetensor *half = alm_safetensors_find(&file, ALM_STR("h"));
    assert_true(half == &file.tensor[0] && half->rank == 2 && half->shape[1] == 3);
    assert_true(alm_safetensor_read(half, out));
    assert_true(out[0] == 1 && out[1] == 0x1p-24 && out[2] == 65504 && out[4] == (double)-INFINITY);
    assert_true(out[3] == 0 && signbit(out[3]) && out[5] == 0x1.554p-2);
    assert_true(alm_safetensor_read(alm_safetensors_find(&file, ALM_STR("b")), out));
    assert_true(out[0] == 1 && out[1] == -2 && out[2] == 0x1p-133);
    assert_null(alm_safetensors_find(&file, ALM_STR("c")));
    alm_arena_destroy(arena);
}

static void refused_file(const char *header, size_t data, alm_err code, const char *words)
{
    static const char ZEROS[64];
    alm_arena *arena = alm_arena_create(0);
    alm_safetensors file;
    alm_error error = {0};
    alm_err got = alm_safetensors_open(small_file(arena, header, (alm_str){ZEROS, data}), "m",
                                       arena, &file, &error);
    if (got != code || !strstr(error.message, words)) {
        fail_msg("%s: '%s' lacks '%s'", alm_err_name(got), error.message, words);
    }
    alm_arena_destroy(arena);
}

#define F32(name, shape, from, to) \
    "\"" name "\":{\"dtype\":\"F32\",\"shape\":" shape ",\"data_offsets\":[" from "," to "]}"

static void damaged_headers_name_the_tensor(void **state)
{
    (void)state;
    const alm_err bad = ALM_ERR_CORRUPT;
    refused_file("{" F32("a", "[2]", "0", "8") "," F32("b", "[2]", "4", "12") "}", 12, bad,
                 "'b': its data overlap");
    refused_file("{" F32("a", "[1]", "0", "4") "," F32("b", "[1]", "8", "12") "}", 12, bad,
                 "'b': there is a gap");
    refused_file("{" F32("a", "[1]", "0", "4") "}", 6, bad, "2 bytes behind");
    refused_file("{" F32("a", "[3]", "0", "8") "}", 8, bad, "'a': 3 values of F32 in 8 bytes");
    refused_file("{" F32("a", "[2]", "0", "12") "}", 8, bad, "'a': its `data_offsets`");
    refused_file("{" F32("a", "[2]", "8", "0") "}", 8, bad, "'a': its `data_offsets`");
    refused_file("{" F32("a", "[-1]", "0", "0") "}", 0, bad, "'a': its shape");
    refused_file("{" F32("a", "[4294967296,4294967296]", "0", "0") "}", 0, bad, "'a': its shape");
    refused_file("{" F32("a", "[1,1,1,1,1,1,1,1,1]", "0", "4") "}", 4, ALM_ERR_LIMIT, "9 dimens");
    refused_file("{\"a\":{\"dtype\":\"F4\",\"shape\":[],\"data_offsets\":[0,0]}}", 0,
                 ALM_ERR_UNSUPPORTED, "'a' has the type 'F4'");
    refused_file("{\"a\":7}", 0, bad, "'a': it has no text `dtype`");
    refused_file("{\"a\":1,\"a\":2}", 0, bad, "header of the safetensors file: m:1");
    refused_file("[]", 0, bad, "not a JSON object");
    alm_safetensors file;
    alm_error error;
    alm_arena *arena = alm_arena_create(0);
    assert_int_equal(alm_safetensors_open(ALM_STR("\xff\0\0\0\0\0\0\0{}"), "m", arena, &file,
                                          &error), bad);
    assert_int_equal(alm_safetensors_open(ALM_STR("short"), "m", arena, &file, &error), bad);
    alm_arena_destroy(arena);
}

/* ---- descriptions ---- */

#define HEAD "\"head\":{\"name\":\"head\",\"outputs\":\"values\"}}"
#define BEGIN "{\"format\":\"almanac network\",\"version\":1,"

static void refused(const char *net, const char *description, alm_err code, const char *words)
{
    alm_arena *arena = alm_arena_create(0);
    alm_network *network = NULL;
    alm_error error = {0};
    alm_err got = alm_network_import_torch(fixture(arena, net, "safetensors"),
                                           alm_str_of(description), "m", &network, &error);
    if (got != code || !strstr(error.message, words) || network) {
        fail_msg("%s: '%s' lacks '%s'", alm_err_name(got), error.message, words);
    }
    alm_arena_destroy(arena);
}

static void what_does_not_fit_is_named(void **state)
{
    (void)state;
    const alm_err bad = ALM_ERR_CORRUPT, invalid = ALM_ERR_INVALID;
    refused("lstm", BEGIN "\"layers\":[{\"kind\":\"lstm\",\"name\":\"b\"}]," HEAD, bad,
            "'b.weight_ih_l0' of the description is not there");
    refused("lstm", BEGIN "\"layers\":[{\"kind\":\"lstm\",\"name\":\"parts.a\"}]," HEAD, bad,
            "'parts.a.bias_hh_l1' belongs to nothing");
    refused("lstm", BEGIN "\"layers\":[{\"kind\":\"gru\",\"name\":\"parts.a\"}]," HEAD, bad,
            "expected: 24 x 3");
    refused("lstm",
            BEGIN "\"layers\":[{\"kind\":\"lstm\",\"name\":\"parts.a\",\"layers\":3}]," HEAD, bad,
            "'parts.a.weight_ih_l2'");
    refused("lstm", BEGIN "\"layers\":[{\"kind\":\"rnn\",\"name\":\"parts.a\"}]," HEAD, invalid,
            "m: description: layer 1: `kind` is 'rnn'");
    refused("lstm", BEGIN "\"layers\":[{\"kind\":\"lstm\",\"name\":\"a\",\"layer\":2}]," HEAD,
            invalid, "unknown key `layer`");
    refused("lstm", BEGIN "\"layers\":[{\"kind\":\"lstm\",\"name\":\"a\",\"layers\":0}]," HEAD,
            invalid, "`layers` is 0");
    refused("lstm", BEGIN "\"layers\":[]," HEAD, invalid, "`layers` is empty");
    refused("lstm", "[1", invalid, "m: description:1:2: not valid JSON");
    refused("lstm", "{\"format\":\"x\",\"version\":1,\"layers\":[]," HEAD, invalid, "`format`");
    refused("lstm", BEGIN "\"layers\":[{\"kind\":\"lstm\",\"name\":\"parts.a\",\"layers\":2}]}",
            invalid, "head");
    refused("tcn", BEGIN "\"layers\":[{\"kind\":\"tcn\",\"name\":\"parts.c\"}]," HEAD, bad,
            "belongs to nothing");
    refused("tcn", BEGIN "\"layers\":[{\"kind\":\"tcn\",\"name\":\"parts.a\",\"layers\":1}]," HEAD,
            invalid, "a layer of kind tcn has no `layers`");
}

/* Doubles are read if floats hold them; 0.1 they do not. */
static void doubles_must_be_floats(void **state)
{
    (void)state;
    static const char HEADER[] =
        "{\"h.weight\":{\"dtype\":\"F64\",\"shape\":[1,1],\"data_offsets\":[0,8]},"
        "\"a.weight_ih_l0\":{\"dtype\":\"F64\",\"shape\":[3,1],\"data_offsets\":[8,32]},"
        "\"a.weight_hh_l0\":{\"dtype\":\"F64\",\"shape\":[3,1],\"data_offsets\":[32,56]}}";
    static const char DESCRIPTION[] = BEGIN "\"layers\":[{\"kind\":\"gru\",\"name\":\"a\"}],"
                                            "\"head\":{\"name\":\"h\",\"outputs\":\"values\"}}";
    alm_arena *arena = alm_arena_create(0);
    double value[7] = {1, 0.5, 0.25, -2, 0.125, 3, 0.0625};
    for (size_t i = 0; i < 2; i++) {
        alm_network *network = NULL;
        alm_error error = {0};
        alm_str file = small_file(arena, HEADER, (alm_str){(const char *)value, sizeof value});
        alm_err code = alm_network_import_torch(file, alm_str_of(DESCRIPTION), "m", &network,
                                                &error);
        assert_int_equal(code, i == 0 ? ALM_OK : ALM_ERR_UNSUPPORTED);
        assert_true(i == 0 || strstr(error.message, "'a.weight_hh_l0': value 1, 0.1"));
        alm_network_destroy(network);
        value[5] = 0.1;
    }
    alm_arena_destroy(arena);
}

/* A changed byte gives a net or a message; the rest is the fuzzer's. */
static void damaged_files_give_a_message(void **state)
{
    (void)state;
    alm_arena *arena = alm_arena_create(0);
    alm_str original = fixture(arena, "gru", "safetensors");
    alm_str description = fixture(arena, "gru", "json");
    alm_rng rng = alm_rng_stream(3, 9);
    char *copy = alm_arena_copy_text(arena, original.data, original.size);
    for (size_t i = 0; i < 3000; i++) {
        size_t at = alm_rng_next_below(&rng, i % 2 ? original.size : 700);
        alm_str damaged = {copy, i % 5 == 0 ? at : original.size};
        alm_network *network = NULL;
        alm_error error = {0};
        copy[at] = (char)alm_rng_next(&rng);
        if (alm_network_import_torch(damaged, description, "m", &network, &error) != ALM_OK) {
            assert_true(error.message[0] != '\0' && network == NULL);
        }
        alm_network_destroy(network);
        copy[at] = original.data[at];
    }
    alm_arena_destroy(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nets_answer_as_in_pytorch),
        cmocka_unit_test(numbers_are_exact),
        cmocka_unit_test(damaged_headers_name_the_tensor),
        cmocka_unit_test(what_does_not_fit_is_named),
        cmocka_unit_test(doubles_must_be_floats),
        cmocka_unit_test(damaged_files_give_a_message),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
