/* SPDX-License-Identifier: Apache-2.0 */
/* The calls that rows share, each as the `run` of a work. */
#ifndef BENCHMARKS_CALLS_H
#define BENCHMARKS_CALLS_H

#include "library.h"
#include "raw.h"

/* A small request that both sides send. The last one goes by its JSON form, which costs the library more. */
enum request { EXISTS, READ_DIR, ZOMBIE_TIMERS };
#define SMALL_PATH "/tmp"

/* One peer for the library and one of the same kind for the raw client. */
struct pair {
  struct session session;
  struct raw raw;
  enum request request;
  struct buffer frame; /* what the raw client sends */
  aos_queue *queue;
};

void pair_open(struct pair *pair, char *const argv[], enum request request);
void pair_close(struct pair *pair);

/* One call at a time; context: the pair. */
void raw_ping_pong(void *context, int calls);
void raw_ping_pong_polling(void *context, int calls);
void call_blocking(void *context, int calls);
void call_by_queue(void *context, int calls);
void call_by_thread(void *context, int calls);

/* Submits one request whose event goes to the pair's queue. */
void submit(struct pair *pair);
/* Takes at least one event of the queue and releases what it took; how many. */
int take_events(struct pair *pair);

#endif
