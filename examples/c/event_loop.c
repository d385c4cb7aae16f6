/* SPDX-License-Identifier: Apache-2.0
 *
 * One thread, one poll loop: the queue's descriptor beside standard input. What is typed goes to `cat` inside a VM, and
 * comes back as events. Ends with the end of the input.
 *
 *   printf 'one\ntwo\n' | event_loop
 *
 * AGENTOS_TEST_PACKS names the folder with the command packs (scripts/env.sh sets it). */
#include <agentos.h>

#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define SECOND 1000000000ULL
enum { CAT = 1, OTHER = 2 };

static int failed(const char *what, aos_error *error) {
  fprintf(stderr, "event_loop: %s: %s\n", what, aos_error_message(error, NULL));
  aos_error_release(error);
  return 1;
}

/* Takes what the queue has; 1 when `cat` has ended. */
static int take_events(aos_queue *queue, int *exit_code) {
  aos_event events[16];
  int32_t count = aos_queue_drain(queue, events, 16, 0, 0);
  int ended = 0;
  for (int32_t i = 0; i < count; i++) {
    const aos_event *event = &events[i];
    if (event->kind == AOS_EV_STDOUT) {
      printf("cat says: %.*s", (int)event->data_len, (const char *)event->data);
    } else if (event->kind == AOS_EV_COMPLETE && event->status != AOS_OK) {
      fprintf(stderr, "event_loop: %s\n", aos_error_message(event->error, NULL));
      ended |= event->tag == CAT;
    } else if (event->kind == AOS_EV_COMPLETE && event->tag == CAT) {
      printf("cat ended with %" PRId64 "\n", event->value);
      *exit_code = (int)event->value;
      ended = 1;
    }
  }
  if (count > 0) aos_event_release(events, (uint32_t)count, 0);
  return ended;
}

/* Sends what was typed; 0 at the end of the input, which becomes that of `cat`. */
static int pass_input(aos_sidecar *sidecar, aos_id process, const aos_completion *done) {
  char text[1024];
  ssize_t length = read(STDIN_FILENO, text, sizeof text);
  aos_error *error;
  if (length > 0 && aos_process_write_stdin_async(sidecar, process, text, (size_t)length, done, NULL, &error) != AOS_OK)
    failed("write_stdin", error);
  if (length <= 0 && aos_process_close_stdin_async(sidecar, process, done, NULL, &error) != AOS_OK)
    failed("close_stdin", error);
  return length > 0;
}

static int loop(aos_sidecar *sidecar, aos_id vm, aos_queue *queue) {
  aos_completion cat = AOS_COMPLETION_INIT, other = AOS_COMPLETION_INIT;
  aos_error *error;
  aos_id process;
  int exit_code = 1, has_input = 1;
  cat.deliver = other.deliver = AOS_DELIVER_QUEUE;
  cat.queue = other.queue = queue;
  cat.tag = CAT;
  other.tag = OTHER;
  if (aos_process_spawn(sidecar, vm, "[\"cat\"]", AOS_NUL_TERMINATED, NULL, 0, &cat, &process, NULL, &error) != AOS_OK)
    return failed("spawn", error);
  for (;;) {
    struct pollfd ready[2] = {{aos_queue_fd(queue), POLLIN, 0}, {STDIN_FILENO, POLLIN, 0}};
    if (poll(ready, has_input ? 2 : 1, -1) < 0) continue;
    if (ready[0].revents && take_events(queue, &exit_code)) return exit_code;
    if (has_input && ready[1].revents) has_input = pass_input(sidecar, process, &other);
  }
}

int main(void) {
  const char *packs = getenv("AGENTOS_TEST_PACKS");
  char config[4096];
  aos_sidecar *sidecar;
  aos_queue *queue;
  aos_error *error;
  aos_id vm;
  int status = 1;
  if (!packs) return fprintf(stderr, "event_loop: AGENTOS_TEST_PACKS is not set\n"), 2;
  snprintf(config, sizeof config, "{\"software\":[{\"package\":\"%s/agent-os-coreutils\"}]}", packs);
  if (aos_sidecar_create(NULL, 0, &sidecar, &error) != AOS_OK) return failed("create", error);
  if (aos_queue_create(0, &queue, &error) != AOS_OK) return failed("queue_create", error);
  if (aos_vm_create(sidecar, config, AOS_NUL_TERMINATED, 60 * SECOND, &vm, &error) != AOS_OK)
    failed("vm_create", error);
  else
    status = loop(sidecar, vm, queue);
  if (aos_sidecar_dispose(sidecar, 60 * SECOND, &error) != AOS_OK) status = failed("dispose", error);
  aos_queue_release(queue);
  aos_sidecar_release(sidecar);
  return status;
}
