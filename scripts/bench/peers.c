/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Does a fixed list of work through the C interface and prints what each item took, one JSON line an item. Programs on
 * other clients of the same sidecar do the same list in the same order: scripts/bench-peers.sh runs them side by side.
 *
 *   peers bench [--file-guards on|off]
 *   peers calls [--file-guards on|off]   without the handles and VMs that come first in the list
 *
 * AGENT_OS_SIDECAR_BIN names the sidecar, and TMPDIR an empty folder. All file items use one file of one VM, because
 * the sidecar looks through every file of the VM at each read. */
#define _POSIX_C_SOURCE 200809L
#include "peers_report.h"

#include <agentos.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SECOND 1000000000ULL
#define LIMIT (60 * SECOND) /* For one call: a hang becomes an error. */
#define CALLERS 32
#define MAX_CALLS 4000
#define MAX_FILE ((size_t)512 << 10)
#define COUNT_OF(array) (sizeof(array) / sizeof(array)[0])

static const char file_path[] = "/tmp/f";
static const char script_path[] = "/tmp/big.mjs";

/* Writes 160 blocks, and waits wherever its stdout is full. */
static const char script[] =
    "const b='x'.repeat(65535)+'\\n';let i=0;(function f(){while(i<160){i++;if(!process.stdout.write(b))"
    "{process.stdout.once('drain',f);return}}})();";
#define SCRIPT_OUTPUT (160 * UINT64_C(65536))
static const char script_argv[] = "[\"node\",\"/tmp/big.mjs\"]";

/* Goes on only after AOS_OK. Takes the address of the error: the call that sets it is another argument of this one. */
static void must(const char *what, aos_status status, aos_error *const *error) {
  char why[1024];
  if (status == AOS_OK) return;
  snprintf(why, sizeof why, "%s: %s", aos_status_name(status), aos_error_message(*error, NULL));
  stop(what, why);
}

/* ---- Many calls ---- */

/* What the calls of an item work on. */
struct target {
  const char *options; /* Of every handle. */
  aos_sidecar *sidecar;
  aos_id vm;
  const unsigned char *data; /* What is written, and must be read. */
  size_t size;
};

typedef void (*call_fn)(const struct target *target, size_t index);

/* Measures an item: one call after another. */
static void measure(const char *item, size_t calls, call_fn call, const struct target *target) {
  static double us[MAX_CALLS];
  struct phase phase = begin(item);
  for (size_t i = 0; i < calls; i++) {
    double start = now_us();
    call(target, i);
    us[i] = now_us() - start;
  }
  end(&phase, us, calls, NULL);
}

/* Submits a call that reports to the queue of the completion. */
typedef void (*submit_fn)(const struct target *target, const aos_completion *completion);
/* Looks at the result of one. */
typedef void (*check_fn)(const struct target *target, const aos_event *event);

/* Measures an item with 32 callers, as tasks on one thread: a caller submits its next call as soon as its last is
 * answered, until none is left. */
static void measure_wide(const char *item, size_t calls, submit_fn submit, check_fn check,
                         const struct target *target) {
  static double us[MAX_CALLS];
  aos_completion completion = AOS_COMPLETION_INIT;
  aos_error *error = NULL;
  aos_event events[CALLERS];
  must("create a queue", aos_queue_create(0, &completion.queue, &error), &error);
  completion.deliver = AOS_DELIVER_QUEUE;
  struct phase phase = begin(item);
  for (size_t next = 0, done = 0; done < calls;) {
    for (; next < calls && next - done < CALLERS; next++) {
      completion.tag = next;
      us[next] = now_us();
      submit(target, &completion);
    }
    int32_t count = aos_queue_drain(completion.queue, events, CALLERS, 0, LIMIT);
    if (count <= 0) stop(item, "no answer came");
    for (int32_t i = 0; i < count; i++) {
      const aos_event *event = &events[i];
      if (event->status != AOS_OK) stop(item, aos_error_message(event->error, NULL));
      us[event->tag] = now_us() - us[event->tag];
      check(target, event);
    }
    aos_event_release(events, (uint32_t)count, 0);
    done += (size_t)count;
  }
  end(&phase, us, calls, NULL);
  aos_queue_release(completion.queue);
}

/* ---- Handles and VMs ---- */

static aos_sidecar *new_handle(const struct target *target) {
  aos_sidecar *sidecar;
  aos_error *error = NULL;
  must("create a handle", aos_sidecar_create(target->options, AOS_NUL_TERMINATED, &sidecar, &error), &error);
  return sidecar;
}

static void end_handle(aos_sidecar *sidecar) {
  aos_error *error = NULL;
  must("dispose a handle", aos_sidecar_dispose(sidecar, LIMIT, &error), &error);
  aos_sidecar_release(sidecar);
}

static void describe(aos_sidecar *sidecar) {
  aos_bytes *text;
  aos_error *error = NULL;
  must("describe a handle", aos_sidecar_describe_json(sidecar, &text, &error), &error);
  aos_bytes_release(text);
}

static void call_explicit_handle(const struct target *target, size_t index) {
  aos_sidecar *sidecar = new_handle(target);
  (void)index;
  describe(sidecar);
  end_handle(sidecar);
}

static void call_shared_handle(const struct target *target, size_t index) {
  char pool[32];
  aos_sidecar *sidecar;
  aos_error *error = NULL;
  snprintf(pool, sizeof pool, "p%zu", index);
  must("get a shared handle", aos_sidecar_get_shared(pool, target->options, AOS_NUL_TERMINATED, &sidecar, &error),
       &error);
  describe(sidecar);
  end_handle(sidecar);
}

static aos_id new_vm(aos_sidecar *sidecar) {
  aos_id vm;
  aos_error *error = NULL;
  must("create a VM", aos_vm_create(sidecar, NULL, 0, LIMIT, &vm, &error), &error);
  return vm;
}

static void end_vm(aos_sidecar *sidecar, aos_id vm) {
  aos_error *error = NULL;
  must("shut down a VM", aos_vm_shutdown(sidecar, vm, LIMIT, &error), &error);
}

/* Creates a VM and shuts it down, and times each. */
static void time_vm(aos_sidecar *sidecar, double *create_us, double *shutdown_us) {
  double start = now_us();
  aos_id vm = new_vm(sidecar);
  double created = now_us();
  end_vm(sidecar, vm);
  *create_us = created - start;
  *shutdown_us = now_us() - created;
}

/* Each VM on a handle of its own: it starts the process, and its end is the end of the process. */
static void measure_fresh_vms(const struct target *target) {
  double create_us[10], shutdown_us[10];
  struct phase phase = begin("vm create, fresh process");
  for (size_t i = 0; i < COUNT_OF(create_us); i++) {
    aos_sidecar *sidecar = new_handle(target);
    time_vm(sidecar, &create_us[i], &shutdown_us[i]);
    end_handle(sidecar);
  }
  end(&phase, create_us, COUNT_OF(create_us), NULL);
  end_second("vm shutdown, last on process", shutdown_us, COUNT_OF(shutdown_us));
}

/* Each VM beside the one of the target, which keeps the process alive. */
static void measure_warm_vms(const struct target *target) {
  double create_us[10], shutdown_us[10];
  struct phase phase = begin("vm create, warm process");
  for (size_t i = 0; i < COUNT_OF(create_us); i++) time_vm(target->sidecar, &create_us[i], &shutdown_us[i]);
  end(&phase, create_us, COUNT_OF(create_us), NULL);
  end_second("vm shutdown, warm process", shutdown_us, COUNT_OF(shutdown_us));
}

/* ---- Files ---- */

static void call_exists(const struct target *target, size_t index) {
  int32_t exists;
  aos_error *error = NULL;
  (void)index;
  must("exists",
       aos_fs_exists(target->sidecar, target->vm, "/tmp", AOS_NUL_TERMINATED, LIMIT, &exists, &error), &error);
  if (!exists) stop("exists", "/tmp is not there");
}

static void write_file(const struct target *target, const char *path, const void *data, size_t size) {
  aos_error *error = NULL;
  must("write", aos_fs_write(target->sidecar, target->vm, path, AOS_NUL_TERMINATED, data, size, LIMIT, &error), &error);
}

static void call_write(const struct target *target, size_t index) {
  (void)index;
  write_file(target, file_path, target->data, target->size);
}

static void call_read(const struct target *target, size_t index) {
  aos_bytes *bytes;
  aos_error *error = NULL;
  size_t length;
  (void)index;
  must("read", aos_fs_read(target->sidecar, target->vm, file_path, AOS_NUL_TERMINATED, LIMIT, &bytes, &error), &error);
  const void *data = aos_bytes_data(bytes, &length);
  if (length != target->size || memcmp(data, target->data, length) != 0) stop("read", "other bytes than were written");
  aos_bytes_release(bytes);
}

/* Bytes that are no text, so that every client sends them as base64. */
static void fill(unsigned char *data, size_t size) {
  uint64_t state = UINT64_C(0x9E3779B97F4A7C15);
  for (size_t i = 0; i < size; i++) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    data[i] = (unsigned char)(state >> 32);
  }
}

struct file_item {
  const char *size_name;
  size_t size, calls, wide_calls;
};

static const struct file_item file_items[] = {
    {"1K", (size_t)1 << 10, 500, 2000},
    {"64K", (size_t)64 << 10, 200, 320},
    {"512K", MAX_FILE, 40, 64},
};

static void submit_exists(const struct target *target, const aos_completion *completion) {
  aos_error *error = NULL;
  must("exists", aos_fs_exists_async(target->sidecar, target->vm, "/tmp", AOS_NUL_TERMINATED, completion, NULL, &error),
       &error);
}

static void check_exists(const struct target *target, const aos_event *event) {
  (void)target;
  if (event->value != 1) stop("exists", "/tmp is not there");
}

static void submit_write(const struct target *target, const aos_completion *completion) {
  aos_error *error = NULL;
  must("write",
       aos_fs_write_async(target->sidecar, target->vm, file_path, AOS_NUL_TERMINATED, target->data, target->size,
                          completion, NULL, &error),
       &error);
}

static void check_write(const struct target *target, const aos_event *event) {
  (void)target;
  (void)event;
}

static void submit_read(const struct target *target, const aos_completion *completion) {
  aos_error *error = NULL;
  must("read",
       aos_fs_read_async(target->sidecar, target->vm, file_path, AOS_NUL_TERMINATED, completion, NULL, &error), &error);
}

static void check_read(const struct target *target, const aos_event *event) {
  if (event->data_len != target->size || memcmp(event->data, target->data, target->size) != 0)
    stop("read", "other bytes than were written");
}

static void measure_files(struct target *target, int wide) {
  char item[32];
  for (size_t i = 0; i < COUNT_OF(file_items); i++) {
    const struct file_item *file = &file_items[i];
    target->size = file->size;
    snprintf(item, sizeof item, "write %s%s", file->size_name, wide ? " x32" : "");
    if (wide) measure_wide(item, file->wide_calls, submit_write, check_write, target);
    else measure(item, file->calls, call_write, target);
    snprintf(item, sizeof item, "read %s%s", file->size_name, wide ? " x32" : "");
    if (wide) measure_wide(item, file->wide_calls, submit_read, check_read, target);
    else measure(item, file->calls, call_read, target);
  }
}

/* ---- Programs ---- */

/* Runs a program to its end with its stdin closed. Gives what it wrote to stdout: aos_bytes_release(). */
static aos_bytes *exec(const struct target *target, const char *argv) {
  aos_bytes *out;
  aos_error *error = NULL;
  int32_t code;
  must("exec",
       aos_process_exec_argv(target->sidecar, target->vm, argv, AOS_NUL_TERMINATED, NULL, 0, NULL, 0, LIMIT, &code,
                             &out, NULL, NULL, &error),
       &error);
  if (code != 0) stop("exec", "the program ended with another exit code than 0");
  return out;
}

static void call_exec(const struct target *target, size_t index) {
  (void)index;
  aos_bytes_release(exec(target, "[\"node\",\"-e\",\"1\"]"));
}

/* Adds what an event of the program brought; 1 at its end. */
static int count_event(const aos_event *event, uint64_t *bytes) {
  if (event->kind == AOS_EV_STDOUT) *bytes += event->data_len;
  if (event->kind != AOS_EV_COMPLETE) return 0;
  must("spawn", event->status, &event->error);
  if (event->value != 0) stop("spawn", "the program ended with another exit code than 0");
  return 1;
}

/* Takes the events of a program until its end. Gives how many bytes it wrote to stdout. */
static uint64_t drain_to_end(aos_queue *queue) {
  aos_event events[64];
  uint64_t bytes = 0;
  for (int ended = 0; !ended;) {
    int32_t count = aos_queue_drain(queue, events, COUNT_OF(events), 0, LIMIT);
    if (count <= 0) stop("aos_queue_drain", count == 0 ? "no event came" : aos_status_name(count));
    for (int32_t i = 0; i < count; i++) ended |= count_event(&events[i], &bytes);
    aos_event_release(events, (uint32_t)count, 0);
  }
  return bytes;
}

static struct output spawn_output(const struct target *target, aos_queue *queue) {
  struct output output = {.expected = SCRIPT_OUTPUT};
  aos_completion completion = AOS_COMPLETION_INIT;
  aos_error *error = NULL;
  double start = now_us();
  completion.deliver = AOS_DELIVER_QUEUE;
  completion.queue = queue;
  completion.deadline_ns = LIMIT;
  must("spawn",
       aos_process_spawn(target->sidecar, target->vm, script_argv, AOS_NUL_TERMINATED, NULL, 0, &completion, NULL, NULL,
                         &error),
       &error);
  output.bytes = drain_to_end(queue);
  output.seconds = (now_us() - start) / 1e6;
  return output;
}

/* Other clients may bring output after the exit; this one must not. */
static void expect_silence(aos_queue *queue) {
  aos_event event;
  nanosleep(&(struct timespec){.tv_nsec = 300 * 1000 * 1000}, NULL);
  if (aos_queue_drain(queue, &event, 1, 0, 0) != 0) stop("spawn", "an event came after the end");
}

static void end_output(const struct phase *phase, const struct output *output) {
  double us = output->seconds * 1e6;
  end(phase, &us, 1, output);
  if (output->bytes != output->expected) stop(phase->item, "output is missing");
}

static void measure_spawn(const struct target *target) {
  aos_queue *queue;
  aos_error *error = NULL;
  must("create a queue", aos_queue_create(0, &queue, &error), &error);
  for (int round = 0; round < 3; round++) {
    struct phase phase = begin("spawn 10 MiB stdout");
    struct output output = spawn_output(target, queue);
    expect_silence(queue);
    end_output(&phase, &output);
  }
  aos_queue_release(queue);
}

static void measure_exec(const struct target *target) {
  for (int round = 0; round < 3; round++) {
    struct phase phase = begin("exec 10 MiB stdout");
    double start = now_us();
    aos_bytes *out = exec(target, script_argv);
    struct output output = {.expected = SCRIPT_OUTPUT, .seconds = (now_us() - start) / 1e6};
    size_t length;
    aos_bytes_data(out, &length);
    output.bytes = length;
    end_output(&phase, &output);
    aos_bytes_release(out);
  }
}

/* ---- All of it ---- */

static void bench(const char *options, int calls_only) {
  static unsigned char data[MAX_FILE];
  struct target target = {.options = options, .data = data};
  fill(data, sizeof data);
  if (!calls_only) {
    measure("handle create+describe+dispose", 1000, call_explicit_handle, &target);
    measure("handle shared+describe+dispose", 1000, call_shared_handle, &target);
    measure_fresh_vms(&target);
  }
  target.sidecar = new_handle(&target);
  target.vm = new_vm(target.sidecar);
  if (!calls_only) measure_warm_vms(&target);
  for (size_t i = 0; i < 100; i++) call_exists(&target, i); /* Warm-up. */
  measure("exists", 2000, call_exists, &target);
  measure_files(&target, 0);
  measure_wide("exists x32", 4000, submit_exists, check_exists, &target);
  measure_files(&target, 1);
  measure("exec node -e 1", 10, call_exec, &target);
  write_file(&target, script_path, script, sizeof script - 1);
  measure_spawn(&target);
  measure_exec(&target);
  end_vm(target.sidecar, target.vm);
  report_process();
  end_handle(target.sidecar);
}

int main(int argc, char **argv) {
  int guards_on = argc == 2 || (argc == 4 && strcmp(argv[3], "on") == 0);
  int guards_off = argc == 4 && strcmp(argv[3], "off") == 0;
  int calls_only = (guards_on || guards_off) && strcmp(argv[1], "calls") == 0;
  if ((!guards_on && !guards_off) || (!calls_only && strcmp(argv[1], "bench") != 0) ||
      (argc == 4 && strcmp(argv[2], "--file-guards") != 0)) {
    fputs("usage: peers bench|calls [--file-guards on|off]\n", stderr);
    return 2;
  }
  if (aos_abi_check(AOS_ABI_MAJOR, AOS_ABI_MINOR) != AOS_OK) stop("agentos", "the library is older than the header");
  setvbuf(stdout, NULL, _IOLBF, 0); /* What was measured is kept, whatever follows. */
  bench(guards_off ? "{\"fileGuards\":\"off\"}" : NULL, calls_only);
  return 0;
}
