/* SPDX-License-Identifier: Apache-2.0
 *
 * What is exactly counted: events of operations in flight when the sidecar dies, and what the process holds after. */
#include "host.h"

#include <signal.h>

enum { OPERATIONS = 1000 };

/* Takes events until every operation has ended, and a little longer for those that must not come. */
static int drain(aos_queue *queue, int *ends, int *good, aos_status *status, char *message, size_t room) {
  uint64_t deadline = now_ns() + 30 * SECOND;
  int ended = 0, extra = 0;
  while (now_ns() < deadline) {
    aos_event events[64];
    int32_t count = aos_queue_drain(queue, events, 64, 0, ended < OPERATIONS ? SECOND : 300 * MILLISECOND);
    if (count < 0) return -1;
    if (count == 0 && ended >= OPERATIONS) break;
    for (int32_t i = 0; i < count; i++) {
      if (events[i].kind != AOS_EV_COMPLETE || events[i].tag >= OPERATIONS) extra++;
      else if (ends[events[i].tag]++ == 0) ended++;
      if (events[i].status == AOS_OK) (*good)++;
      else *status = events[i].status;
      if (events[i].error) snprintf(message, room, "%s", aos_error_message(events[i].error, NULL));
    }
    aos_event_release(events, (uint32_t)count, 0);
  }
  return extra;
}

/* One round: `OPERATIONS` in flight that nobody answers, SIGKILL, and every one ends exactly once. */
static int kill_in_flight(aos_sidecar *sidecar, aos_queue *queue, int round) {
  static int ends[OPERATIONS];
  aos_error *error = NULL;
  aos_status last = AOS_OK;
  char message[512] = "";
  aos_id vm = make_vm(sidecar);
  long process = process_id(sidecar);
  int good = 0, once = 0, extra;
  memset(ends, 0, sizeof ends);
  for (int i = 0; i < OPERATIONS; i++) {
    aos_completion completion = AOS_COMPLETION_INIT;
    char path[32];
    completion.deliver = AOS_DELIVER_QUEUE;
    completion.queue = queue;
    completion.tag = (uint64_t)i;
    snprintf(path, sizeof path, "/f%d", i);
    must("submit", aos_fs_exists_async(sidecar, vm, path, AOS_NUL_TERMINATED, &completion, NULL, &error), error);
  }
  if (kill((pid_t)process, SIGKILL)) return 1;
  extra = drain(queue, ends, &good, &last, message, sizeof message);
  for (int i = 0; i < OPERATIONS; i++) once += ends[i] == 1;
  printf("round %d once %d good %d extra %d %s %s\n", round, once, good, extra, aos_status_name(last), message);
  /* The lost VM is let go of without a word to anybody. */
  must("shutdown of a lost VM", aos_vm_shutdown(sidecar, vm, 5 * SECOND, &error), error);
  vm = make_vm(sidecar);
  printf("next process is another %d\n", process_id(sidecar) != process && process_id(sidecar) > 0);
  must("shutdown", aos_vm_shutdown(sidecar, vm, 10 * SECOND, &error), error);
  return once != OPERATIONS || extra != 0;
}

static int in_flight(int rounds) {
  struct holdings start;
  aos_sidecar *sidecar = make_sidecar();
  aos_queue *queue = NULL;
  aos_error *error = NULL;
  int result = 0;
  must("queue", aos_queue_create(0, &queue, &error), error);
  start = count_holdings();
  for (int round = 0; round < rounds; round++) result |= kill_in_flight(sidecar, queue, round);
  result |= settle("after", start);
  must("dispose", aos_sidecar_dispose(sidecar, 10 * SECOND, &error), error);
  aos_sidecar_release(sidecar);
  aos_queue_release(queue);
  return result;
}

/* Start and close again and again: nothing grows. */
static int start_and_close(int rounds) {
  struct holdings start = count_holdings();
  aos_error *error = NULL;
  long early = 0;
  for (int round = 0; round < rounds; round++) {
    aos_sidecar *sidecar = make_sidecar();
    must("connect", aos_sidecar_connect(sidecar, 10 * SECOND, &error), error);
    must("dispose", aos_sidecar_dispose(sidecar, 10 * SECOND, &error), error);
    aos_sidecar_release(sidecar);
    if (round == rounds / 4) early = memory_kib("VmRSS");
  }
  printf("growth %ld KiB\n", memory_kib("VmRSS") - early);
  return settle("after", start);
}

/* One process, used by several VMs in turn: what remains is what the connected process itself needs. */
static int come_and_go(int rounds) {
  aos_sidecar *sidecar = make_sidecar();
  aos_error *error = NULL;
  struct holdings start;
  must("connect", aos_sidecar_connect(sidecar, 10 * SECOND, &error), error);
  start = count_holdings();
  for (int round = 0; round < rounds; round++) {
    aos_id vm = make_vm(sidecar);
    must("shutdown", aos_vm_shutdown(sidecar, vm, 10 * SECOND, &error), error);
  }
  return settle("after", start);
}

int run_counts(const char *name, int argc, char **argv) {
  int rounds = argc > 0 ? atoi(argv[0]) : 1;
  if (!strcmp(name, "in-flight")) return in_flight(rounds);
  if (!strcmp(name, "start-and-close")) return start_and_close(rounds);
  if (!strcmp(name, "come-and-go")) return come_and_go(rounds);
  return -1;
}
