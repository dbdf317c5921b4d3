/* Runs a fuzz target over the files of the given folders or files, so that ordinary
 * builds replay the corpus without libFuzzer. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay_file(const char *path) {
    FILE *file = fopen(path, "rb");
    if (!file) {
        fprintf(stderr, "%s: cannot open\n", path);
        return 1;
    }
    uint8_t *data = malloc(1 << 20);
    size_t size = data ? fread(data, 1, 1 << 20, file) : 0;
    fclose(file);
    LLVMFuzzerTestOneInput(data, size);
    free(data);
    return 0;
}

static int replay(const char *path, int *count) {
    DIR *folder = opendir(path);
    if (!folder) {
        ++*count;
        return replay_file(path);
    }
    int failed = 0;
    const struct dirent *entry;
    while ((entry = readdir(folder))) {
        char name[4096];
        if (entry->d_name[0] == '.') continue;
        int length = snprintf(name, sizeof name, "%s/%s", path, entry->d_name);
        failed |= length < 0 || (size_t)length >= sizeof name || replay(name, count);
    }
    closedir(folder);
    return failed;
}

int main(int argc, char **argv) {
    int failed = 0, count = 0;
    for (int i = 1; i < argc; ++i) failed |= replay(argv[i], &count);
    printf("%d inputs replayed\n", count);
    /* An empty corpus would pass without having tested anything. */
    return failed || count == 0;
}
