/* SPDX-License-Identifier: Apache-2.0
 *
 * A prompt inside a VM. The sidecar has no terminals: no prompt, no echo, no line editing. So the editing is the host's
 * own terminal's, and the prompt is printed here, when the shell has done what it was told: behind each line goes an
 * `echo` of a mark, and what comes before the mark is the line's output.
 *
 *   shell
 *
 * Ctrl-C ends the shell of the VM, which cannot be told from its programs, and a new one is opened.
 * AGENTOS_TEST_PACKS names the folder with the command packs (scripts/env.sh sets it). */
#define _GNU_SOURCE /* memmem */
#include <agentos.h>

#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SECOND 1000000000ULL
#define MARK "\001agentos:"
/* A line that opens a quote swallows the mark: then the next line is asked for without one. */
#define PATIENCE_MS 1500

typedef struct {
  aos_sidecar *sidecar;
  aos_queue *queue;
  aos_id vm, shell;
  int is_open, is_busy, exit_code;
  char line[65536]; /* output that may be the beginning of a mark */
  size_t length;
} session;

static aos_queue *interrupted_queue;
static volatile sig_atomic_t interrupted;

static void on_interrupt(int number) {
  (void)number;
  interrupted = 1;
  aos_queue_wake(interrupted_queue);
}

static int failed(const char *what, aos_error *error) {
  fprintf(stderr, "shell: %s: %s\n", what, aos_error_message(error, NULL));
  aos_error_release(error);
  return 1;
}

static int open_shell(session *s) {
  aos_completion events = AOS_COMPLETION_INIT;
  aos_error *error;
  events.deliver = AOS_DELIVER_QUEUE;
  events.queue = s->queue;
  if (aos_shell_open(s->sidecar, s->vm, NULL, 0, &events, &s->shell, NULL, &error) != AOS_OK)
    return failed("cannot open a shell", error);
  s->is_open = 1;
  s->is_busy = 0;
  s->length = 0;
  return 0;
}

/* Prints what is no mark, and takes the mark out. */
static void print_output(session *s, const char *data, size_t length) {
  if (length > sizeof s->line - s->length) {
    fwrite(s->line, 1, s->length, stdout);
    s->length = 0;
  }
  if (length > sizeof s->line) {
    fwrite(data, 1, length, stdout);
    return;
  }
  memcpy(s->line + s->length, data, length);
  s->length += length;
  char *mark = memmem(s->line, s->length, MARK, sizeof MARK - 1);
  char *end = mark ? memchr(mark, '\n', s->length - (size_t)(mark - s->line)) : NULL;
  if (end) {
    fwrite(s->line, 1, (size_t)(mark - s->line), stdout);
    s->length = 0;
    s->is_busy = 0;
  } else if (!memchr(s->line, '\001', s->length)) {
    fwrite(s->line, 1, s->length, stdout);
    s->length = 0;
  }
  fflush(stdout);
}

/* The sidecar's own remark on every program that a shell starts; nobody typed for it. */
static int is_noise(const char *data, size_t length) {
  return memmem(data, length, "could not retrieve pid for child process", 40) != NULL;
}

static void take_events(session *s) {
  aos_event events[32];
  int32_t count = aos_queue_drain(s->queue, events, 32, 0, 0);
  for (int32_t i = 0; i < count; i++) {
    const aos_event *event = &events[i];
    if (event->object != s->shell) continue; /* of one that was closed */
    if (event->kind == AOS_EV_STDOUT) print_output(s, event->data, (size_t)event->data_len);
    if (event->kind == AOS_EV_STDERR && !is_noise(event->data, (size_t)event->data_len))
      fwrite(event->data, 1, (size_t)event->data_len, stderr);
    if (event->kind != AOS_EV_COMPLETE) continue;
    if (event->status != AOS_OK) fprintf(stderr, "shell: %s\n", aos_error_message(event->error, NULL));
    s->exit_code = event->status == AOS_OK ? (int)event->value : 1;
    s->is_open = 0;
  }
  if (count > 0) aos_event_release(events, (uint32_t)count, 0);
}

/* Sends a line, with the mark behind it unless the shell still waits for the end of an earlier one. */
static int send_line(session *s, const char *line, size_t length) {
  char text[8192 + 64];
  aos_error *error;
  int size = snprintf(text, sizeof text, "%.*s%s", (int)length, line, s->is_busy ? "" : "echo '" MARK "'$?\n");
  aos_status status = aos_shell_write(s->sidecar, s->shell, text, (size_t)size, 60 * SECOND, &error);
  if (status == AOS_E_TOO_LARGE) {
    fprintf(stderr, "shell: this shell has got all the input that it can take: a new one begins\n");
    aos_error_release(error);
    return open_shell(s);
  }
  if (status != AOS_OK) return failed("write", error);
  s->is_busy = 1;
  return 0;
}

static int interrupt(session *s) {
  aos_error *error;
  interrupted = 0;
  if (aos_shell_close(s->sidecar, s->shell, 60 * SECOND, &error) != AOS_OK) return failed("close", error);
  fprintf(stderr, "\nshell: interrupted: a new shell begins\n");
  return open_shell(s);
}

/* Reads a line; 0 at the end of the input. A byte at a time, so that nothing is left in a buffer that poll cannot see. */
static size_t read_line(char *line, size_t room) {
  size_t length = 0;
  while (length < room && read(STDIN_FILENO, line + length, 1) == 1)
    if (line[length++] == '\n') break;
  return length;
}

static int loop(session *s) {
  int is_terminal = isatty(STDIN_FILENO), is_prompted = 0;
  char line[8192];
  if (open_shell(s)) return 1;
  while (s->is_open) {
    if (!s->is_busy && !is_prompted && is_terminal) {
      printf("agentos$ ");
      fflush(stdout);
    }
    is_prompted = 1;
    struct pollfd ready[2] = {{aos_queue_fd(s->queue), POLLIN, 0}, {STDIN_FILENO, POLLIN, 0}};
    /* While a line is at work the next one waits, unless it is the rest of this one. */
    int count = poll(ready, s->is_busy ? 1 : 2, s->is_busy ? PATIENCE_MS : -1);
    if (interrupted) {
      if (interrupt(s)) return 1;
      is_prompted = 0;
      continue;
    }
    if (count < 0) continue;
    if (ready[0].revents) {
      int was_busy = s->is_busy;
      take_events(s);
      is_prompted = was_busy == s->is_busy;
      continue;
    }
    if (count == 0 && poll(&ready[1], 1, 0) <= 0) continue;
    size_t length = read_line(line, sizeof line);
    if (length == 0) {
      aos_error *error;
      if (aos_shell_close_stdin(s->sidecar, s->shell, 60 * SECOND, &error) != AOS_OK) return failed("end", error);
      while (s->is_open && poll(ready, 1, -1) != 0) take_events(s);
      break;
    }
    if (send_line(s, line, length)) return 1;
  }
  return s->exit_code;
}

int main(void) {
  const char *packs = getenv("AGENTOS_TEST_PACKS");
  static session s;
  char config[4096];
  aos_error *error;
  int status = 1;
  if (!packs) return fprintf(stderr, "shell: AGENTOS_TEST_PACKS is not set\n"), 2;
  snprintf(config, sizeof config, "{\"software\":[{\"package\":\"%s/agent-os-coreutils\"}]}", packs);
  if (aos_sidecar_create(NULL, 0, &s.sidecar, &error) != AOS_OK) return failed("create", error);
  if (aos_queue_create(0, &s.queue, &error) != AOS_OK) return failed("queue_create", error);
  interrupted_queue = s.queue;
  struct sigaction action = {.sa_handler = on_interrupt};
  sigaction(SIGINT, &action, NULL);
  if (aos_vm_create(s.sidecar, config, AOS_NUL_TERMINATED, 60 * SECOND, &s.vm, &error) != AOS_OK)
    failed("vm_create", error);
  else
    status = loop(&s);
  signal(SIGINT, SIG_DFL);
  if (aos_sidecar_dispose(s.sidecar, 60 * SECOND, &error) != AOS_OK) status = failed("dispose", error);
  aos_queue_release(s.queue);
  aos_sidecar_release(s.sidecar);
  return status;
}
