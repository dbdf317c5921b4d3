#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "app/cli.h"

/* LightGBM's OpenMP threads spin while they wait, and on a busy machine that makes training twenty
 * times slower. The runtime reads its policy once, when the library is loaded, so it can only be
 * set before the program starts: commands that train start themselves again with it set. A user's
 * own setting is kept, and no result depends on it. */
static void let_training_threads_sleep(int argc, char **argv)
{
    static const char *const TRAINING[] = {"train", "backtest", "rebuild"};
    bool trains = false;
    for (int i = 1; i < argc; i++) {
        for (size_t k = 0; k < sizeof TRAINING / sizeof TRAINING[0]; k++) {
            trains = trains || strcmp(argv[i], TRAINING[k]) == 0;
        }
    }
    if (trains && !getenv("OMP_WAIT_POLICY") && setenv("OMP_WAIT_POLICY", "passive", 0) == 0) {
        execv("/proc/self/exe", argv);
        /* Not started again: as correct, only slower. */
    }
}

/* A run sorts every step's rows in files of their own, so a horizon of a year has hundreds of them
 * open. Systems grant 1024 unless asked, and many more when asked. */
static void ask_for_open_files(void)
{
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < files.rlim_max) {
        files.rlim_cur = files.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &files); /* else the sort says which file did not open */
    }
}

int main(int argc, char **argv)
{
    ask_for_open_files();
    let_training_threads_sleep(argc, argv);
    return almi_cli_main(argc, argv);
}
