/* SPDX-License-Identifier: Apache-2.0
 *
 * Forks while other threads hammer the library: each child finds its inherited handle forked, works with a new one
 * and ends; no thread of the parent notices. */
#include "program.h"

enum { THREADS = 4, FORKS = 30 };

static aos_sidecar *sidecar;
static aos_id vm;
static _Atomic int stop;
static _Atomic long rounds;

static void *hammer(void *argument) {
  aos_queue *queue = NULL;
  uintptr_t number = (uintptr_t)argument;
  EXPECT_STATUS(AOS_OK, aos_queue_create(0, &queue, NULL));
  while (!stop) {
    int32_t exists = -1;
    aos_id op = 0, process = 0;
    aos_event event;
    aos_completion completion = AOS_COMPLETION_INIT;
    EXPECT_STATUS(AOS_OK, aos_fs_exists(sidecar, vm, "/a", 2, LIMIT, &exists, NULL));
    completion.deliver = AOS_DELIVER_QUEUE;
    completion.queue = queue;
    EXPECT_STATUS(AOS_OK, aos_fs_exists_async(sidecar, vm, "/late", 5, &completion, &op, NULL));
    if (number % 2) EXPECT(aos_op_cancel(sidecar, op) == AOS_OK || 1);
    EXPECT(aos_queue_drain(queue, &event, 1, 0, LIMIT) == 1);
    EXPECT(event.op == op);
    aos_event_release(&event, 1, 0);
    EXPECT_STATUS(AOS_OK, aos_process_spawn(sidecar, vm, "[\"many\"]", AOS_NUL_TERMINATED, NULL, 0, NULL, &process, &op,
                                            NULL));
    for (int is_last = 0; !is_last;) {
      event.struct_size = sizeof event;
      EXPECT_STATUS(AOS_OK, aos_op_take(sidecar, op, LIMIT, &event));
      is_last = event.kind == AOS_EV_COMPLETE;
      EXPECT(!is_last || (event.status == AOS_OK && event.value == 3 && event.seq == 21));
      aos_event_release(&event, 1, 0);
    }
    aos_bytes_release(aos_bytes_copy("block", 5));
    rounds++;
  }
  aos_queue_release(queue);
  return NULL;
}

int main(int count, char **arguments) {
  EXPECT(count == 2);
  pthread_t threads[THREADS];
  sidecar = make_sidecar(arguments[1]);
  vm = make_vm(sidecar);
  for (uintptr_t i = 0; i < THREADS; i++) start_thread(&threads[i], hammer, (void *)i);
  while (rounds < THREADS) pause_ms(1);
  for (int i = 0; i < FORKS; i++) {
    pid_t pid = fork();
    EXPECT(pid >= 0);
    if (pid == 0) {
      int32_t exists = -1;
      aos_error *error = (aos_error *)(uintptr_t)1;
      EXPECT_STATUS(AOS_E_FORKED, aos_fs_exists(sidecar, vm, "/a", 2, LIMIT, &exists, &error));
      EXPECT(error == NULL && exists == -1);
      use_once(arguments[1]);
      aos_sidecar_release(sidecar);
      if (i % 2) _exit(0);
      exit(0);
    }
    int status = wait_child(pid, 20 * SECOND);
    if (status != 0) fprintf(stderr, "child %d of %d: wait status %d (-1: it hung)\n", i, FORKS, status);
    EXPECT(status == 0);
    pause_ms(i % 7);
  }
  long before = rounds;
  uint64_t end = now_ns() + LIMIT;
  while (rounds < before + 2 * THREADS && now_ns() < end) pause_ms(1);
  EXPECT(rounds >= before + 2 * THREADS);
  stop = 1;
  for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
  EXPECT_STATUS(AOS_OK, aos_sidecar_dispose(sidecar, LIMIT, NULL));
  aos_sidecar_release(sidecar);
  return 0;
}
