/* How steady the machine is: the same little piece of work again and again on one core, nobody
 * beside it, and how long it took several times as long as at best.
 *
 *     steadiness_bench [SECONDS]
 *
 * The work is what a server does besides thinking: it writes to two megabytes, a page at a time,
 * and sends two kilobytes to itself. On a machine of its own such work never takes three times as
 * long for more than a moment. On a virtual machine that shares caches and memory with others it
 * does, and no scheduler of the guest sees it: nothing is stolen, nobody waits. What a latency at
 * high load says about a program is bounded by this. Prints one JSON object: the best time of a
 * piece in microseconds, the share of the time spent in pieces that took over three times as
 * long, episodes of such pieces that lasted over 4 ms, and the longest. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MEMORY ((size_t)2 << 20)
#define PAGE 4096
#define MESSAGE 2000
#define MESSAGES 5
#define SLOW 3
#define WARM_S .5
#define APART_S .002 /* of two episodes */
#define EPISODE_S .004

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void work(char *memory, const int pair[2])
{
    static char message[MESSAGE];
    for (size_t i = 0; i < MEMORY; i += PAGE) {
        memory[i]++;
    }
    for (int i = 0; i < MESSAGES; i++) {
        if (write(pair[0], message, MESSAGE) != MESSAGE ||
            read(pair[1], message, MESSAGE) != MESSAGE) {
            exit(1);
        }
    }
}

int main(int argc, char **argv)
{
    double seconds = argc > 1 ? strtod(argv[1], NULL) : 5;
    char *memory = malloc(MEMORY);
    int pair[2];
    if (!memory || socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0) {
        return 1;
    }
    memset(memory, 1, MEMORY);
    double start = now(), best = 1, slow = 0, longest = 0;
    double begun = 0, last = 0; /* of the episode at hand */
    int episodes = 0;
    for (double t = start; t < start + seconds; t = now()) {
        work(memory, pair);
        double took = now() - t;
        best = took < best ? took : best;
        if (t < start + WARM_S || took <= SLOW * best) {
            continue;
        }
        slow += took;
        begun = t - last > APART_S ? t : begun;
        bool was_long = last - begun > EPISODE_S;
        last = t + took;
        episodes += !was_long && last - begun > EPISODE_S;
        longest = last - begun > longest ? last - begun : longest;
    }
    printf("{\"best_us\":%.2f,\"slow_share\":%.4f,\"episodes\":%d,\"longest_ms\":%.1f}\n",
           1e6 * best, slow / (seconds - WARM_S), episodes, 1e3 * longest);
    free(memory);
    return 0;
}
