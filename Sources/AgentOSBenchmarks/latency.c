/* SPDX-License-Identifier: Apache-2.0 */
/* One call at a time, and one call at a time on each of many threads. */
#include "calls.h"
#include "report.h"
#include "rows.h"
#include <pthread.h>

enum { CALLS = 5000, REAL_CALLS = 1000, THREADS = 16 };

void row_blocking(char *const argv[]) {
  struct pair pair;
  struct series all[3];
  pair_open(&pair, argv, EXISTS);
  struct work works[] = {{raw_ping_pong, &pair}, {call_blocking, &pair}, {raw_ping_pong_polling, &pair}};
  measure(works, 3, CALLS, all);
  report_ratio("1", "blocking round trip", "raw C ping-pong", &all[1], &all[0], (struct budget){AT_MOST, 1.15});
  report_ratio("1", "  for comparison: raw C with poll(2)", "raw C ping-pong", &all[2], &all[0],
               (struct budget){NO_BOUND, 0});
  pair_close(&pair);
}

void row_deliveries(char *const argv[]) {
  struct pair pair;
  struct series all[3];
  pair_open(&pair, argv, EXISTS);
  measure((struct work[]){{raw_ping_pong, &pair}, {call_by_queue, &pair}, {call_by_thread, &pair}}, 3, CALLS, all);
  report_ratio("2", "round trip by QUEUE", "raw C ping-pong", &all[1], &all[0], (struct budget){AT_MOST, 1.6});
  report_ratio("2", "round trip by THREAD", "raw C ping-pong", &all[2], &all[0], (struct budget){AT_MOST, 1.6});
  pair_close(&pair);
}

static void real(char *const argv[], enum request request, const char *name) {
  static const struct {
    void (*run)(void *context, int calls);
    const char *suffix;
    double budget;
  } forms[3] = {
      {call_blocking, "blocking", 1.05}, {call_by_queue, "by QUEUE", 1.2}, {call_by_thread, "by THREAD", 1.2}};
  struct pair pair;
  struct series all[4];
  struct work works[4] = {{raw_ping_pong, &pair}};
  char what[64];
  pair_open(&pair, argv, request);
  for (int i = 0; i < 3; i++) works[i + 1] = (struct work){forms[i].run, &pair};
  measure(works, 4, REAL_CALLS, all);
  for (int i = 0; i < 3; i++) {
    snprintf(what, sizeof what, "%s %s", name, forms[i].suffix);
    report_ratio("3", what, "raw C, real sidecar", &all[i + 1], &all[0], (struct budget){AT_MOST, forms[i].budget});
  }
  pair_close(&pair);
}

void row_real_sidecar(char *const argv[]) {
  real(argv, READ_DIR, "read_dir");
  real(argv, EXISTS, "exists");
  real(argv, ZOMBIE_TIMERS, "request_json (timers)");
}

struct share {
  struct pair *pair;
  int calls;
};

static void *work_on_share(void *argument) {
  struct share *share = argument;
  call_blocking(share->pair, share->calls);
  return NULL;
}

static void calls_on_threads(void *context, int calls) {
  pthread_t threads[THREADS];
  struct share share = {context, calls / THREADS + 1};
  for (int i = 0; i < THREADS; i++)
    if (pthread_create(&threads[i], NULL, work_on_share, &share)) fail("a thread");
  for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
}

void row_threads(char *const argv[]) {
  struct pair pair;
  struct series all[2];
  pair_open(&pair, argv, EXISTS);
  measure((struct work[]){{call_blocking, &pair}, {calls_on_threads, &pair}}, 2, 4 * CALLS, all);
  report_ratio("5", "16 threads, blocking", "one thread, the library", &all[1], &all[0], (struct budget){AT_MOST, 1.5});
  pair_close(&pair);
}
