/* SPDX-License-Identifier: Apache-2.0 */
#include "report.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { CHUNKS = 20, MOST_WORKS = 4 };

struct settings settings = {11, 1};
static FILE *lines;

struct spread {
  double median, least, most;
};

void fail(const char *what) {
  fprintf(stderr, "benchmarks: error: %s%s%s\n", what, errno ? ": " : "", errno ? strerror(errno) : "");
  exit(1);
}

static double clock_microseconds(clockid_t clock) {
  struct timespec time;
  clock_gettime(clock, &time);
  return (double)time.tv_sec * 1e6 + (double)time.tv_nsec / 1e3;
}

double microseconds(void) { return clock_microseconds(CLOCK_MONOTONIC); }
double cpu_microseconds(void) { return clock_microseconds(CLOCK_PROCESS_CPUTIME_ID); }
double thread_cpu_microseconds(void) { return clock_microseconds(CLOCK_THREAD_CPUTIME_ID); }

static int compare(const void *a, const void *b) {
  double left = *(const double *)a, right = *(const double *)b;
  return (left > right) - (left < right);
}

static struct spread spread_of(const double *values, int count) {
  double sorted[MOST_REPETITIONS];
  memcpy(sorted, values, sizeof *values * (size_t)count);
  qsort(sorted, (size_t)count, sizeof *sorted, compare);
  return (struct spread){sorted[count / 2], sorted[0], sorted[count - 1]};
}

void measure(const struct work works[], int count, int calls, struct series results[]) {
  double wall[MOST_WORKS][CHUNKS];
  int chunk_calls = (int)(calls * settings.scale / CHUNKS);
  if (chunk_calls < 1) chunk_calls = 1;
  if (count > MOST_WORKS) fail("too many works");
  for (int i = 0; i < count; i++) works[i].run(works[i].context, 2 * chunk_calls);
  for (int repetition = 0; repetition < settings.repetitions; repetition++) {
    for (int i = 0; i < count; i++) results[i].cpu[repetition] = 0;
    for (int chunk = 0; chunk < CHUNKS; chunk++) {
      for (int turn = 0; turn < count; turn++) {
        int i = (turn + chunk) % count;
        works[i].run(works[i].context, chunk_calls / 10 + 1);
        double cpu = cpu_microseconds(), begin = microseconds();
        works[i].run(works[i].context, chunk_calls);
        wall[i][chunk] = (microseconds() - begin) / chunk_calls;
        results[i].cpu[repetition] += (cpu_microseconds() - cpu) / chunk_calls / CHUNKS;
      }
    }
    for (int i = 0; i < count; i++) results[i].wall[repetition] = spread_of(wall[i], CHUNKS).median;
  }
  for (int i = 0; i < count; i++) results[i].count = settings.repetitions;
}

static const char *verdict(struct spread spread, struct budget budget) {
  if (budget.bound == NO_BOUND) return "-";
  int is_met = budget.bound == AT_MOST ? spread.median <= budget.value : spread.median >= budget.value;
  return is_met ? "met" : "MISSED";
}

void report_open(void) {
  const char *folder = getenv("AGENTOS_BUILD_DIR");
  char path[4096];
  snprintf(path, sizeof path, "%s/bench.jsonl", folder ? folder : "build");
  lines = fopen(path, "w");
  if (!lines) fail(path);
  printf("%-4s%-46s%-28s%-9s%-8s%-24s%s\n", "row", "what", "against or unit", "budget", "", "median (least-most)",
         "best/best, then us a call: ours/theirs");
}

void report_close(void) { fclose(lines); }

/* The part of a line that all have. */
static void print_row(const char *row, const char *what, const char *unit, struct spread spread,
                      struct budget budget) {
  char bound[32] = "";
  if (budget.bound != NO_BOUND)
    snprintf(bound, sizeof bound, "%s%g", budget.bound == AT_MOST ? "<=" : ">=", budget.value);
  printf("%-4s%-46s%-28s%-9s%-8s%.2f (%.2f-%.2f)", row, what, unit, bound, verdict(spread, budget), spread.median,
         spread.least, spread.most);
  fprintf(lines, "{\"row\":\"%s\",\"what\":\"%s\",\"unit\":\"%s\"", row, what, unit);
  if (budget.bound != NO_BOUND)
    fprintf(lines, ",\"%s\":%g,\"met\":%s", budget.bound == AT_MOST ? "atMost" : "atLeast", budget.value,
            strcmp(verdict(spread, budget), "met") ? "false" : "true");
  fprintf(lines, ",\"median\":%.4f,\"least\":%.4f,\"most\":%.4f", spread.median, spread.least, spread.most);
}

static void finish_row(void) {
  printf("\n");
  fprintf(lines, "}\n");
  fflush(stdout);
  fflush(lines);
}

void report_ratio(const char *row, const char *what, const char *against, const struct series *ours,
                  const struct series *theirs, struct budget budget) {
  double ratios[MOST_REPETITIONS];
  for (int i = 0; i < ours->count; i++) {
    ratios[i] = ours->wall[i] / theirs->wall[i];
    if (budget.bound == AT_LEAST) ratios[i] = 1 / ratios[i];
  }
  print_row(row, what, against, spread_of(ratios, ours->count), budget);
  double wall[2] = {spread_of(ours->wall, ours->count).median, spread_of(theirs->wall, theirs->count).median};
  double cpu[2] = {spread_of(ours->cpu, ours->count).median, spread_of(theirs->cpu, theirs->count).median};
  double quiet = spread_of(ours->wall, ours->count).least / spread_of(theirs->wall, theirs->count).least;
  if (budget.bound == AT_LEAST) quiet = 1 / quiet;
  printf("  quiet %.2f  %.2f/%.2f  CPU %.2f/%.2f", quiet, wall[0], wall[1], cpu[0], cpu[1]);
  fprintf(lines, ",\"quiet\":%.4f", quiet);
  fprintf(lines, ",\"ours_us\":%.3f,\"theirs_us\":%.3f,\"ours_cpu_us\":%.3f,\"theirs_cpu_us\":%.3f", wall[0], wall[1],
          cpu[0], cpu[1]);
  finish_row();
}

void report_values(const char *row, const char *what, const char *unit, const double *values, int count,
                   struct budget budget) {
  print_row(row, what, unit, spread_of(values, count), budget);
  finish_row();
}
