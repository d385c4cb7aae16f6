/* SPDX-License-Identifier: Apache-2.0
 *
 * Memory and waiting: a sidecar that stands still, a frame of a size that nobody means. */
#include "host.h"

#include <pthread.h>
#include <signal.h>

enum { PIECE = 64 * 1024 };

struct writer {
  aos_sidecar *sidecar;
  aos_id vm;
  const unsigned char *piece;
  volatile int is_done;
  aos_status status;
};

static void *write_blocking(void *argument) {
  struct writer *writer = argument;
  writer->status = aos_fs_write(writer->sidecar, writer->vm, "/blocking", AOS_NUL_TERMINATED, writer->piece, PIECE,
                                60 * SECOND, NULL);
  writer->is_done = 1;
  return NULL;
}

/* Asks for 1 GiB of writes while the sidecar is stopped: refused past the bound, without blocking; a blocking write
 * waits; and after SIGCONT everything ends in order. */
static int stopped(void) {
  static unsigned char piece[PIECE];
  aos_sidecar *sidecar = make_sidecar();
  aos_queue *queue = NULL;
  aos_error *error = NULL;
  aos_id vm = make_vm(sidecar);
  struct writer writer = {sidecar, vm, piece, 0, AOS_OK};
  uint64_t accepted = 0, refused = 0, longest = 0, next = 0, good = 0;
  pthread_t thread;
  aos_status refusal = AOS_OK;
  long process = process_id(sidecar), before;
  int is_in_order = 1;
  must("queue", aos_queue_create(0, &queue, &error), error);
  file_exists(sidecar, vm, "/warm");
  before = memory_kib("VmRSS");
  if (kill((pid_t)process, SIGSTOP)) return 1;
  for (int i = 0; i < (1 << 30) / PIECE; i++) {
    aos_completion completion = AOS_COMPLETION_INIT;
    char path[32];
    uint64_t start = now_ns(), time;
    aos_status status;
    completion.deliver = AOS_DELIVER_QUEUE;
    completion.queue = queue;
    completion.tag = accepted;
    snprintf(path, sizeof path, "/f%" PRIu64, accepted);
    status = aos_fs_write_async(sidecar, vm, path, AOS_NUL_TERMINATED, piece, PIECE, &completion, NULL, NULL);
    time = now_ns() - start;
    if (time > longest) longest = time;
    if (status == AOS_OK) accepted++;
    else refused++, refusal = status;
  }
  printf("accepted %" PRIu64 " KiB\nrefused %" PRIu64 " %s\n", accepted * PIECE / 1024, refused,
         aos_status_name(refusal));
  printf("growth %ld KiB\nlongest %" PRIu64 " ms\n", memory_kib("VmHWM") - before, longest / MILLISECOND);
  if (pthread_create(&thread, NULL, write_blocking, &writer)) return 1;
  pause_ms(300);
  printf("blocking-waits %d\n", !writer.is_done);
  if (kill((pid_t)process, SIGCONT)) return 1;
  while (next < accepted) {
    aos_event events[64];
    int32_t count = aos_queue_drain(queue, events, 64, 0, 20 * SECOND);
    if (count <= 0) break;
    for (int32_t i = 0; i < count; i++) {
      is_in_order &= events[i].tag == next++;
      good += events[i].status == AOS_OK;
    }
    aos_event_release(events, (uint32_t)count, 0);
  }
  pthread_join(thread, NULL);
  printf("completed %d good %d in-order %d blocking %s\n", next == accepted, good == accepted, is_in_order,
         writer.status == AOS_OK ? "AOS_OK" : aos_status_name(writer.status));
  must("dispose", aos_sidecar_dispose(sidecar, 20 * SECOND, &error), error);
  return 0;
}

/* A prefix of 4 GiB: refused within a second, with next to no memory. */
static int huge_prefix(void) {
  aos_sidecar *sidecar = make_sidecar();
  aos_error *error = NULL;
  aos_id vm = make_vm(sidecar);
  int32_t exists = -1;
  uint64_t start = now_ns();
  file_exists(sidecar, vm, "/warm");
  long before = memory_kib("VmHWM"), process = process_id(sidecar);
  aos_status status = aos_fs_exists(sidecar, vm, "/huge", AOS_NUL_TERMINATED, 10 * SECOND, &exists, &error);
  printf("milliseconds %" PRIu64 "\ngrowth %ld KiB\n", (now_ns() - start) / MILLISECOND, memory_kib("VmHWM") - before);
  report("exists", status, error);
  printf("process %ld\n", process);
  struct holdings none = count_holdings();
  none.children = 0;
  return settle("after", none);
}

/* A process that floods its stderr, behind one that does not: what it costs to hold the end of the flood. */
static int stderr_flood(const char *quiet_options) {
  aos_sidecar *quiet = NULL, *loud;
  aos_error *error = NULL;
  must("create", aos_sidecar_create(quiet_options, AOS_NUL_TERMINATED, &quiet, &error), error);
  must("connect", aos_sidecar_connect(quiet, 30 * SECOND, &error), error);
  long before = memory_kib("VmHWM");
  loud = make_sidecar();
  must("connect", aos_sidecar_connect(loud, 30 * SECOND, &error), error);
  printf("growth %ld KiB\n", memory_kib("VmHWM") - before);
  must("dispose", aos_sidecar_dispose(loud, 30 * SECOND, &error), error);
  must("dispose", aos_sidecar_dispose(quiet, 30 * SECOND, &error), error);
  return 0;
}

int run_flow(const char *name, int argc, char **argv) {
  if (!strcmp(name, "stderr-flood")) return argc == 1 ? stderr_flood(argv[0]) : 2;
  if (!strcmp(name, "stopped")) return stopped();
  if (!strcmp(name, "huge-prefix")) return huge_prefix();
  return -1;
}
