/* SPDX-License-Identifier: Apache-2.0 */
/* What a call is made of. The peer stands still while requests are submitted, so that send(2) wakes nobody and the
 * two sides do the same system call; then it answers them all at once, and what the library's thread uses is the cost
 * of reading, decoding and dispatch. */
#include "allocations.h"
#include "calls.h"
#include "report.h"
#include "rows.h"
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <time.h>

enum { BATCH = 256, ROUNDS = 20 };

static void stop(pid_t process) {
  char path[64], text[512] = "";
  kill(process, SIGSTOP);
  snprintf(path, sizeof path, "/proc/%d/stat", (int)process);
  for (;;) {
    FILE *file = fopen(path, "r");
    if (!file) fail(path);
    size_t count = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[count] = 0;
    const char *state = strrchr(text, ')');
    if (state && state[2] == 'T') return;
  }
}

static void pause_for(long milliseconds) { nanosleep(&(struct timespec){0, milliseconds * 1000000}, NULL); }

/* All of them, by then: the peer answers in one write. */
static void wait_for_answers(struct pair *pair) {
  poll(&(struct pollfd){.fd = library.queue_fd(pair->queue), .events = POLLIN}, 1, -1);
  pause_for(10);
}

/* One figure for each round, a request. */
struct parts {
  double send[MOST_REPETITIONS], submit[MOST_REPETITIONS], beyond[MOST_REPETITIONS], dispatch[MOST_REPETITIONS];
  double take[MOST_REPETITIONS];
};

static void raw_round(struct pair *pair, struct parts *parts, int round) {
  stop(pair->raw.child);
  double begin = thread_cpu_microseconds();
  for (int i = 0; i < BATCH; i++) raw_send(&pair->raw, &pair->frame);
  parts->send[round] = (thread_cpu_microseconds() - begin) / BATCH;
  kill(pair->raw.child, SIGCONT);
  raw_receive(&pair->raw, BATCH, 0);
}

static void submit_batch(struct pair *pair) {
  for (int i = 0; i < BATCH; i++) submit(pair);
}

static void take_batch(struct pair *pair) {
  for (int taken = 0; taken < BATCH;) taken += take_events(pair);
}

static void our_round(struct pair *pair, struct parts *parts, int round) {
  stop(pair->session.peer);
  pause_for(3); /* the library's thread takes the reader's role back, and sleeps */
  double begin = thread_cpu_microseconds();
  submit_batch(pair);
  parts->submit[round] = (thread_cpu_microseconds() - begin) / BATCH;
  double process = cpu_microseconds(), thread = thread_cpu_microseconds();
  kill(pair->session.peer, SIGCONT);
  wait_for_answers(pair);
  thread = thread_cpu_microseconds() - thread;
  parts->dispatch[round] = (cpu_microseconds() - process - thread) / BATCH;
  begin = thread_cpu_microseconds();
  take_batch(pair);
  parts->take[round] = (thread_cpu_microseconds() - begin) / BATCH;
}

static void count_allocations(struct pair *pair) {
  double value;
  struct budget three = {AT_MOST, 3}, none = {NO_BOUND, 0};
  stop(pair->session.peer);
  pause_for(3);
  allocations_begin();
  submit_batch(pair);
  value = (double)allocations_end() / BATCH;
  report_values("6", "allocations of a submission", "each", &value, 1, three);
  allocations_begin();
  kill(pair->session.peer, SIGCONT);
  wait_for_answers(pair);
  value = (double)allocations_end() / BATCH;
  report_values("6", "allocations of decoding and dispatch", "each", &value, 1, none);
  take_batch(pair);
  allocations_begin();
  call_blocking(pair, BATCH);
  value = (double)allocations_end() / BATCH;
  report_values("6", "allocations of a blocking call", "each", &value, 1, none);
}

void row_parts(char *const argv[]) {
  struct pair pair;
  struct parts parts;
  struct budget half = {AT_MOST, 0.5}, none = {NO_BOUND, 0};
  pair_open(&pair, argv, EXISTS);
  raw_round(&pair, &parts, 0);
  our_round(&pair, &parts, 0);
  for (int round = 0; round < ROUNDS; round++) {
    raw_round(&pair, &parts, round);
    our_round(&pair, &parts, round);
    parts.beyond[round] = parts.submit[round] - parts.send[round];
  }
  report_values("6", "raw send(2), nobody woken", "CPU us each", parts.send, ROUNDS, none);
  report_values("6", "submission beyond that", "CPU us each", parts.beyond, ROUNDS, half);
  report_values("6", "reading, decoding and dispatch", "CPU us each", parts.dispatch, ROUNDS, half);
  report_values("6", "taking events from the queue", "CPU us each", parts.take, ROUNDS, none);
  count_allocations(&pair);
  pair_close(&pair);
}
