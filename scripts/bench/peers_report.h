/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What peers.c measures with: times, the memory and processor time of this process, and the JSON line of each item. */
#ifndef PEERS_REPORT_H
#define PEERS_REPORT_H

#include <stddef.h>
#include <stdint.h>

/* An item that is being measured. */
struct phase {
  const char *item;
  double cpu_us, start_us;
};

/* What a program wrote, and in which time. */
struct output {
  uint64_t bytes, expected;
  double seconds;
};

/* Says what failed, and ends the program with status 1. */
_Noreturn void stop(const char *what, const char *why);

/* A time that only grows, in microseconds. */
double now_us(void);

/* Starts an item: the peak of the memory, the processor time and the clock count from here. */
struct phase begin(const char *item);

/* Ends an item: prints its line. `us` has the time of each call and is sorted. `output` is NULL where no program
 * writes. */
void end(const struct phase *phase, double *us, size_t count, const struct output *output);

/* Prints the line of what was timed within another item, whose line has the processor time and the rate of both. */
void end_second(const char *item, double *us, size_t count);

/* Prints the last line: what this process used from its start. */
void report_process(void);

#endif
