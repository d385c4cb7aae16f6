/* SPDX-License-Identifier: Apache-2.0 */
#include "calls.h"
#include "report.h"
#include <semaphore.h>
#include <stdlib.h>

#define TIMERS_JSON "{\"type\":\"get_zombie_timer_count\"}"

void pair_open(struct pair *pair, char *const argv[], enum request request) {
  aos_error *error = NULL;
  raw_open(&pair->raw, argv);
  session_open(&pair->session, argv);
  pair->request = request;
  switch (request) {
    case EXISTS: pair->frame = file_frame(FILE_EXISTS, SMALL_PATH, NULL); break;
    case READ_DIR: pair->frame = file_frame(FILE_READ_DIR, SMALL_PATH, NULL); break;
    case ZOMBIE_TIMERS: pair->frame = zombie_timers_frame(); break;
  }
  check(library.queue_create(0, &pair->queue, &error), error, "create a queue");
}

void pair_close(struct pair *pair) {
  library.queue_release(pair->queue);
  session_close(&pair->session);
  raw_close(&pair->raw);
  free(pair->frame.bytes);
}

void raw_ping_pong(void *context, int calls) {
  struct pair *pair = context;
  while (calls--) raw_call(&pair->raw, &pair->frame, 0);
}

void raw_ping_pong_polling(void *context, int calls) {
  struct pair *pair = context;
  while (calls--) raw_call(&pair->raw, &pair->frame, 1);
}

/* ---- Blocking */

static void call(aos_sidecar *sidecar, aos_id vm, enum request request) {
  aos_error *error = NULL;
  aos_bytes *answer = NULL;
  aos_status status = AOS_OK;
  int32_t exists;
  switch (request) {
    case EXISTS:
      status = library.fs_exists(sidecar, vm, SMALL_PATH, sizeof SMALL_PATH - 1, AOS_NO_TIMEOUT, &exists, &error);
      break;
    case READ_DIR:
      status = library.fs_read_dir(sidecar, vm, SMALL_PATH, sizeof SMALL_PATH - 1, AOS_NO_TIMEOUT, &answer, &error);
      break;
    case ZOMBIE_TIMERS:
      status = library.request_json(sidecar, vm, TIMERS_JSON, sizeof TIMERS_JSON - 1, AOS_NO_TIMEOUT, &answer, &error);
      break;
  }
  check(status, error, "a blocking call");
  if (answer) library.bytes_release(answer);
}

void call_blocking(void *context, int calls) {
  struct pair *pair = context;
  while (calls--) call(pair->session.sidecar, pair->session.vm, pair->request);
}

/* ---- Asynchronous */

static void submit_with(struct pair *pair, const aos_completion *completion) {
  aos_sidecar *sidecar = pair->session.sidecar;
  aos_id vm = pair->session.vm;
  aos_error *error = NULL;
  aos_status status = AOS_OK;
  switch (pair->request) {
    case EXISTS:
      status = library.fs_exists_async(sidecar, vm, SMALL_PATH, sizeof SMALL_PATH - 1, completion, NULL, &error);
      break;
    case READ_DIR:
      status = library.fs_read_dir_async(sidecar, vm, SMALL_PATH, sizeof SMALL_PATH - 1, completion, NULL, &error);
      break;
    case ZOMBIE_TIMERS:
      status = library.request_json_async(sidecar, vm, TIMERS_JSON, sizeof TIMERS_JSON - 1, completion, NULL, &error);
      break;
  }
  check(status, error, "a submission");
}

void submit(struct pair *pair) {
  aos_completion completion = AOS_COMPLETION_INIT;
  completion.deliver = AOS_DELIVER_QUEUE;
  completion.queue = pair->queue;
  submit_with(pair, &completion);
}

int take_events(struct pair *pair) {
  aos_event events[64];
  int32_t count = library.queue_drain(pair->queue, events, 64, 0, AOS_NO_TIMEOUT);
  if (count <= 0) fail("the queue gave no event");
  for (int32_t i = 0; i < count; i++) check(events[i].status, events[i].error, "an operation");
  library.event_release(events, (uint32_t)count, 0);
  return count;
}

void call_by_queue(void *context, int calls) {
  while (calls--) {
    submit(context);
    take_events(context);
  }
}

static void post(void *semaphore, const aos_event *event) {
  check(event->status, event->error, "an operation");
  sem_post(semaphore);
}

void call_by_thread(void *context, int calls) {
  sem_t done;
  aos_completion completion = AOS_COMPLETION_INIT;
  sem_init(&done, 0, 0);
  completion.deliver = AOS_DELIVER_THREAD;
  completion.fn = post;
  completion.user_data = &done;
  while (calls--) {
    submit_with(context, &completion);
    while (sem_wait(&done)) {
    }
  }
  sem_destroy(&done);
}
