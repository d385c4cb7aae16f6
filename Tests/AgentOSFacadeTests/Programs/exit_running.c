/* SPDX-License-Identifier: Apache-2.0
 *
 * The process ends while operations of every delivery run and threads wait in the library. Its argument says how:
 * `exit`, `_exit`, `return`, `quick_exit`, or `thread` for exit() on another thread than the first. */
#include "program.h"

static aos_sidecar *sidecar;
static aos_queue *queue;
static aos_id vm;
static const char *how;

static void on_event(void *user_data, const aos_event *event) { (void)user_data, (void)event, pause_ms(1); }
static void on_drop(void *user_data) { (void)user_data; }

static void *busy(void *argument) {
  uintptr_t number = (uintptr_t)argument;
  for (;;) {
    int32_t exists;
    aos_event event;
    switch (number % 4) {
    case 0: aos_fs_exists(sidecar, vm, "/hang", 5, AOS_NO_TIMEOUT, &exists, NULL); break;
    case 1: aos_fs_exists(sidecar, vm, "/a", 2, LIMIT, &exists, NULL); break;
    case 2: if (aos_queue_drain(queue, &event, 1, 0, AOS_NO_TIMEOUT) == 1) aos_event_release(&event, 1, 0); break;
    default: aos_queue_dispatch(queue, 0, 10 * MILLISECOND);
    }
  }
  return NULL;
}

static void *end(void *argument) {
  (void)argument;
  exit(0);
}

int main(int count, char **arguments) {
  pthread_t thread;
  EXPECT(count == 3);
  how = arguments[2];
  sidecar = make_sidecar(arguments[1]);
  vm = make_vm(sidecar);
  EXPECT_STATUS(AOS_OK, aos_queue_create(0, &queue, NULL));
  for (int i = 0; i < 40; i++) {
    aos_completion completion = AOS_COMPLETION_INIT;
    completion.deliver = (uint32_t)(i % 5) + 1;
    if (completion.deliver == AOS_DELIVER_QUEUE || completion.deliver == AOS_DELIVER_CALL) completion.queue = queue;
    if (completion.deliver == AOS_DELIVER_CALL || completion.deliver == AOS_DELIVER_THREAD) {
      completion.fn = on_event;
      completion.drop = on_drop;
    }
    EXPECT_STATUS(AOS_OK, aos_fs_exists_async(sidecar, vm, i % 2 ? "/late" : "/hang", 5, &completion, NULL, NULL));
    EXPECT_STATUS(AOS_OK, aos_process_spawn(sidecar, vm, i % 2 ? "[\"many\"]" : "[\"endless\"]", AOS_NUL_TERMINATED, NULL,
                                            0, &completion, NULL, NULL, NULL));
  }
  for (uintptr_t i = 0; i < 8; i++) start_thread(&thread, busy, (void *)i);
  pause_ms(3);
  if (!strcmp(how, "_exit")) _exit(0);
  if (!strcmp(how, "quick_exit")) quick_exit(0);
  if (!strcmp(how, "exit")) exit(0);
  if (!strcmp(how, "thread")) {
    start_thread(&thread, end, NULL);
    for (;;) pause();
  }
  return 0;
}
