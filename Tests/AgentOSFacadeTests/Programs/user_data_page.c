/* SPDX-License-Identifier: Apache-2.0
 *
 * `user_data` lives on a page of its own that `drop` makes inaccessible, so that whoever touches it afterwards dies of
 * it, under a storm of submissions, cancels, disposals and releases from eight threads. Every page is dropped once. */
#include "program.h"

enum { THREADS = 8, ROUNDS = 60, OPERATIONS = 6 };

struct page {
  _Atomic int calls, inside, is_complete;
  uint64_t last;
};

static const char *peer;
static _Atomic long given, dropped;
static aos_queue *queues[2];
static _Atomic int stop;

static void on_event(void *user_data, const aos_event *event) {
  struct page *page = user_data;
  EXPECT(atomic_fetch_add(&page->inside, 1) == 0);
  EXPECT(!page->is_complete);
  EXPECT(event->seq == page->last + 1);
  page->last = event->seq;
  page->calls++;
  page->is_complete = event->kind == AOS_EV_COMPLETE || event->kind == AOS_EV_CLOSED;
  EXPECT((event->status < 0) == (event->error != NULL));
  atomic_fetch_sub(&page->inside, 1);
}

static void on_drop(void *user_data) {
  EXPECT(((struct page *)user_data)->inside == 0);
  EXPECT(mprotect(user_data, 4096, PROT_NONE) == 0);
  dropped++;
}

static aos_completion fresh(unsigned choice) {
  aos_completion completion = AOS_COMPLETION_INIT;
  void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  EXPECT(page != MAP_FAILED);
  given++;
  completion.deliver = choice % 2 ? AOS_DELIVER_THREAD : AOS_DELIVER_CALL;
  completion.queue = queues[choice / 2 % 2];
  completion.fn = on_event;
  completion.drop = on_drop;
  completion.user_data = page;
  if (choice % 5 == 0) completion.deadline_ns = (choice % 3) * MILLISECOND;
  return completion;
}

static void *storm(void *argument) {
  unsigned seed = (unsigned)(uintptr_t)argument;
  for (int round = 0; round < ROUNDS; round++) {
    aos_sidecar *sidecar = make_sidecar(peer);
    aos_id vm = make_vm(sidecar), ops[OPERATIONS] = {0};
    aos_completion completion = fresh(seed = seed * 1103515245 + 12345);
    aos_sidecar_subscribe(sidecar, 1u << AOS_EV_PROCESS_LOST, &completion, NULL, NULL);
    for (int i = 0; i < OPERATIONS; i++) {
      seed = seed * 1103515245 + 12345;
      unsigned choice = seed >> 16;
      completion = fresh(choice);
      switch (choice % 6) {
      case 0: aos_fs_exists_async(sidecar, vm, "/hang", 5, &completion, &ops[i], NULL); break;
      case 1: aos_fs_exists_async(sidecar, vm, "/late", 5, &completion, &ops[i], NULL); break;
      case 2: aos_fs_exists_async(sidecar, vm, "no path", 7, &completion, &ops[i], NULL); break;
      case 3:
        aos_process_spawn(sidecar, vm, "[\"many\"]", AOS_NUL_TERMINATED, NULL, 0, &completion, NULL, &ops[i], NULL);
        break;
      case 4:
        aos_process_spawn(sidecar, vm, "[\"endless\"]", AOS_NUL_TERMINATED, NULL, 0, &completion, NULL, &ops[i], NULL);
        break;
      default: aos_fs_read_async(sidecar, choice % 7 ? vm : 99, "/kill", 5, &completion, &ops[i], NULL);
      }
      if (choice % 4 == 0) aos_op_cancel(sidecar, ops[choice % (unsigned)(i + 1)]);
    }
    completion = fresh(seed >> 8);
    if (seed % 3) aos_sidecar_dispose_async(sidecar, &completion, NULL, NULL);
    else aos_vm_shutdown_async(sidecar, vm, &completion, NULL, NULL);
    aos_sidecar_release(sidecar);
  }
  return NULL;
}

static void *dispatch(void *argument) {
  while (!stop) aos_queue_dispatch(queues[(uintptr_t)argument % 2], 0, 20 * MILLISECOND);
  return NULL;
}

int main(int count, char **arguments) {
  pthread_t threads[THREADS], dispatchers[3];
  EXPECT(count == 2);
  peer = arguments[1];
  for (int i = 0; i < 2; i++) EXPECT_STATUS(AOS_OK, aos_queue_create(0, &queues[i], NULL));
  for (uintptr_t i = 0; i < 3; i++) start_thread(&dispatchers[i], dispatch, (void *)i);
  for (uintptr_t i = 0; i < THREADS; i++) start_thread(&threads[i], storm, (void *)(i + 1));
  for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
  uint64_t end = now_ns() + 30 * SECOND;
  while (dropped < given && now_ns() < end) pause_ms(5);
  stop = 1;
  for (int i = 0; i < 3; i++) pthread_join(dispatchers[i], NULL);
  /* What is left hangs on the queues: their release is its end. */
  for (int i = 0; i < 2; i++) aos_queue_release(queues[i]);
  if (dropped != given) fprintf(stderr, "%ld given, %ld dropped\n", given, dropped);
  EXPECT(dropped == given);
  return 0;
}
