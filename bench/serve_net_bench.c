/* serve_net_bench.c: writes a net to be served: an LSTM of 128 units over windows of 64 steps of 40
 * columns, with seeded weights, as a scorer's folder.
 *
 *     serve_net_bench FOLDER */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "model/scorer/scorer.h"
#include "model/sequence/network.h"

#define COLUMNS 40
#define STEPS 64

static void write_file(const char *folder, const char *name, const alm_buffer *text)
{
    char path[4096];
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "wb");
    if (!file || fwrite(text->data, 1, text->size, file) != text->size || fclose(file) != 0) {
        fprintf(stderr, "serve_net_bench: %s cannot be written\n", path);
        exit(1);
    }
}

int main(int argc, char **argv)
{
    alm_network_spec spec = {.feature_count = COLUMNS, .layer_count = 1, .output_count = 3,
                             .head = ALM_HEAD_CLASSES,
                             .layer = {{.kind = ALM_LAYER_LSTM, .units = 128}}};
    alm_network *net = NULL;
    alm_buffer bytes = {0}, text = {0};
    alm_error error;
    if (argc != 2) {
        fprintf(stderr, "serve_net_bench FOLDER\n");
        return 2;
    }
    (void)mkdir(argv[1], 0777);
    if (alm_network_create(&spec, 11, &net, &error) != ALM_OK) {
        fprintf(stderr, "serve_net_bench: %s\n", error.message);
        return 1;
    }
    alm_network_write(net, &bytes);
    alm_buffer_printf(&text, "{\"almanac_scorer\":1,\"task\":\"classes\",\"labels\":[0,1,2],"
                      "\"horizons\":[{\"name\":\"a\",\"members\":[{\"name\":\"net\",\"model\":"
                      "\"net.bin\",\"steps\":%d,\"columns\":[", STEPS);
    for (int i = 0; i < COLUMNS; i++) {
        alm_buffer_printf(&text, "%s\"c%d\"", i ? "," : "", i);
    }
    alm_buffer_text(&text, "]}]}]}");
    write_file(argv[1], "net.bin", &bytes);
    write_file(argv[1], ALM_SCORER_DOCUMENT, &text);
    alm_network_destroy(net);
    alm_buffer_deinit(&bytes);
    alm_buffer_deinit(&text);
    return 0;
}
