// tasks.c - what an empty task costs: nanoseconds a task of gwt_parallel_for.
//
//     tasks [TASKS [WORKERS]]
//
// Prints the wall time of a loop of TASKS tasks that do nothing, divided by TASKS; a tenth of them
// runs before, so that the workers are awake. Defaults 1000000 tasks, 2 workers.
//
//     cc -std=c11 -O3 -o tasks tasks.c -ltiff -lz -lm -pthread

#define GWT_IMPLEMENTATION
#include "../../gwt.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void nothing(size_t index, void *user)
{
    (void)index, (void)user;
}

int main(int argc, char **argv)
{
    long tasks = argc > 1 ? atol(argv[1]) : 1000000;
    int workers = argc > 2 ? atoi(argv[2]) : 2;
    if (argc > 3 || tasks < 1 || workers < 1) {
        fputs("usage: tasks [TASKS [WORKERS]]\n", stderr);
        return 2;
    }
    gwt *g = gwt_begin(.num_workers = workers);
    gwt_parallel_for(g, (size_t)tasks / 10, nothing, NULL);
    double begin = now();
    gwt_parallel_for(g, (size_t)tasks, nothing, NULL);
    printf("%.3f\n", (now() - begin) * 1e9 / (double)tasks);
    return gwt_end(g);
}
