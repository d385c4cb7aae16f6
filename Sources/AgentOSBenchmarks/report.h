/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BENCHMARKS_REPORT_H
#define BENCHMARKS_REPORT_H

#include <stdio.h>

enum { MOST_REPETITIONS = 64 };

/* How much is measured: set once from the command line. */
struct settings {
  int repetitions;
  double scale; /* of the calls of a repetition */
};
extern struct settings settings;

/* Something to do `calls` times. */
struct work {
  void (*run)(void *context, int calls);
  void *context;
};

/* Microseconds a call, for each repetition: on the clock (median of its parts), and of the CPU time of this process. */
struct series {
  int count;
  double wall[MOST_REPETITIONS], cpu[MOST_REPETITIONS];
};

/* Measures all of `works` in turn, in small parts, as often as the settings say. The machine may be shared: only what
 * is measured in turn may be compared, and the median of the parts leaves out what others got in between. */
void measure(const struct work works[], int count, int calls, struct series results[]);

double microseconds(void);
double cpu_microseconds(void);
double thread_cpu_microseconds(void);

enum bound { NO_BOUND, AT_MOST, AT_LEAST };
struct budget {
  enum bound bound;
  double value;
};

void report_open(void);
void report_close(void);
/* Time of `ours` by time of `theirs`; with AT_LEAST the inverse, which is that of the throughputs. `quiet` in the
 * output is the same of the best repetition of each: what a machine with nothing else to do would show. */
void report_ratio(const char *row, const char *what, const char *against, const struct series *ours,
                  const struct series *theirs, struct budget budget);
void report_values(const char *row, const char *what, const char *unit, const double *values, int count,
                   struct budget budget);

/* Ends the program with a message: something could not be measured at all. */
_Noreturn void fail(const char *what);

#endif
