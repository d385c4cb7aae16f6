/* SPDX-License-Identifier: Apache-2.0
 *
 * Functions that a program has already, called as they are: a shape lists what they take, and libffi does the rest.
 * No trampoline, no change to the functions. With AOS_DELIVER_CALL they run on this thread, inside the dispatch.
 *
 * AGENTOS_TEST_PACKS is not needed: `node` is built into the sidecar. */
#include <agentos.h>

#include <inttypes.h>
#include <stdio.h>

#define SECOND 1000000000ULL

/* ---- What the program had before it met the library ---- */

struct counter {
  const char *name;
  int lines;
  int done;
};

static void on_chunk(const void *bytes, uint64_t length, struct counter *counter) {
  const char *text = bytes;
  for (uint64_t i = 0; i < length; i++) counter->lines += text[i] == '\n';
}

/* Called for every event; only the exit is of interest. */
static void on_event(uint32_t kind, struct counter *counter, const void *bytes, uint64_t length, int64_t exit_code) {
  if (kind == AOS_EV_STDOUT) on_chunk(bytes, length, counter);
  if (kind != AOS_EV_COMPLETE) return;
  printf("%s: %d lines, exit code %" PRId64 "\n", counter->name, counter->lines, exit_code);
  counter->done = 1;
}

/* In the manner of Fortran: everything by reference, a 32-bit number in the place of ours. */
static void store_result_(const int32_t *status, const int64_t *value, struct counter *counter) {
  printf("%s: status %d, value %" PRId64 "\n", counter->name, (int)*status, *value);
  counter->done = 1;
}

static void not_needed_any_more(void *counter) { printf("%s: dropped\n", ((struct counter *)counter)->name); }

/* ---- Joining the two ---- */

static int failed(const char *what, aos_error *error) {
  fprintf(stderr, "callbacks: %s: %s\n", what, aos_error_message(error, NULL));
  aos_error_release(error);
  return 1;
}

static aos_completion shaped(aos_queue *queue, aos_any_fn function, const char *shape, struct counter *counter) {
  aos_completion completion = AOS_COMPLETION_INIT;
  completion.deliver = AOS_DELIVER_CALL;
  completion.queue = queue;
  completion.shaped_fn = function;
  completion.shape = shape;
  completion.drop = not_needed_any_more;
  completion.user_data = counter;
  return completion;
}

static int work(aos_sidecar *sidecar, aos_id vm, aos_queue *queue) {
  struct counter process = {"node", 0, 0}, question = {"exists", 0, 0};
  aos_completion on_process = shaped(queue, (aos_any_fn)on_event, "kind,ud,data,len,value", &process);
  aos_completion on_answer = shaped(queue, (aos_any_fn)store_result_, "&status,&value,ud", &question);
  aos_error *error;
  if (aos_process_spawn(sidecar, vm, "[\"node\",\"-e\",\"for (let i = 0; i < 100; i++) console.log(i)\"]",
                        AOS_NUL_TERMINATED, NULL, 0, &on_process, NULL, NULL, &error) != AOS_OK)
    return failed("spawn", error);
  if (aos_fs_exists_async(sidecar, vm, "/etc/hostname", AOS_NUL_TERMINATED, &on_answer, NULL, &error) != AOS_OK)
    return failed("exists", error);
  while (!process.done || !question.done)
    if (aos_queue_dispatch(queue, 0, 60 * SECOND) < 0) return 1;
  return process.lines != 100;
}

int main(void) {
  aos_sidecar *sidecar;
  aos_queue *queue;
  aos_error *error;
  aos_id vm;
  int status = 1;
  if (aos_sidecar_create(NULL, 0, &sidecar, &error) != AOS_OK) return failed("create", error);
  if (aos_queue_create(0, &queue, &error) != AOS_OK) return failed("queue_create", error);
  if (aos_vm_create(sidecar, NULL, 0, 60 * SECOND, &vm, &error) != AOS_OK)
    failed("vm_create", error);
  else
    status = work(sidecar, vm, queue);
  if (aos_sidecar_dispose(sidecar, 60 * SECOND, &error) != AOS_OK) status = failed("dispose", error);
  aos_queue_release(queue);
  aos_sidecar_release(sidecar);
  return status;
}
