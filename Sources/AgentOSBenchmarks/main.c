/* SPDX-License-Identifier: Apache-2.0
 *
 * Measures the library against its budgets.
 *
 *   agentos-benchmarks [--only 1,2,...] [--quick] [--repetitions N]
 *
 * Every figure is a ratio to a raw client in C that speaks to the same kind of peer in the same run, or an absolute
 * one where the budget is. Round trips (1 to 3) are measured on one processor, all else on all. The table goes to
 * stdout, and the same as JSON lines to bench.jsonl in AGENTOS_BUILD_DIR. A budget that is missed does not fail the
 * run: the status is 0, unless something could not be measured.
 *
 * With --peer this program is the instant peer, with --load a process that loads the library and says what it cost. */
#define _GNU_SOURCE
#include "library.h"
#include "peer.h"
#include "report.h"
#include "rows.h"
#include <limits.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int usage(void) {
  fprintf(stderr, "usage: agentos-benchmarks [--only 1,2,...] [--quick] [--repetitions N]\n");
  return 2;
}

static int is_chosen(const char *list, int row) {
  if (!list) return 1;
  for (const char *at = list; at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL)
    if (atoi(at) == row) return 1;
  return 0;
}

/* Puts this process, and what it starts from now on, on one processor, or back on all. A call that hops between two
 * costs from 8 to 60 microseconds, as the scheduler likes it, and that would be all there is to see. */
static void use_one_processor(int is_one) {
  static cpu_set_t all;
  cpu_set_t one;
  if (!CPU_COUNT(&all)) sched_getaffinity(0, sizeof all, &all);
  CPU_ZERO(&one);
  CPU_SET(sched_getcpu(), &one);
  if (sched_setaffinity(0, sizeof one, is_one ? &one : &all)) fail("sched_setaffinity");
}

static void run(const char *only, char *self) {
  char *instant[] = {self, "--peer", NULL};
  char *real[] = {getenv("AGENT_OS_SIDECAR_BIN"), NULL};
  static const struct {
    void (*run)(char *const argv[]);
    int number, is_real;
  } rows[] = {{row_blocking, 1, 0},    {row_deliveries, 2, 0},  {row_real_sidecar, 3, 1},   {row_in_flight, 4, 0},
              {row_threads, 5, 0},     {row_parts, 6, 0},       {row_files, 7, 0},          {row_asyncio, 8, 0},
              {row_real_files, 10, 1}, {row_real_output, 11, 1}, {row_real_programs, 12, 1}, {row_real_fetch, 13, 1}};
  if (is_chosen(only, 9)) row_load(self);
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    if (!is_chosen(only, rows[i].number)) continue;
    use_one_processor(rows[i].number <= 3);
    if (!rows[i].is_real) rows[i].run(instant);
    else if (real[0]) rows[i].run(real);
    else printf("%d   left out: AGENT_OS_SIDECAR_BIN names no sidecar\n", rows[i].number);
  }
}

int main(int argc, char **argv) {
  const char *only = NULL;
  char self[PATH_MAX] = "";
  if (argc == 2 && !strcmp(argv[1], "--peer")) return peer();
  if (argc == 2 && !strcmp(argv[1], "--load")) return row_load_child();
  for (int i = 1; i < argc; i++) {
    if (!strcmp(argv[i], "--quick")) settings = (struct settings){5, 0.2};
    else if (!strcmp(argv[i], "--only") && i + 1 < argc) only = argv[++i];
    else if (!strcmp(argv[i], "--repetitions") && i + 1 < argc) settings.repetitions = atoi(argv[++i]);
    else return usage();
  }
  if (settings.repetitions < 1 || settings.repetitions > MOST_REPETITIONS) return usage();
  if (readlink("/proc/self/exe", self, sizeof self - 1) < 0) fail("/proc/self/exe");
  library_load();
  report_open();
  run(only, self);
  report_close();
  return 0;
}
