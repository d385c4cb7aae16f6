/* SPDX-License-Identifier: Apache-2.0 */
/* Programs, what they write, and what they serve, on a real sidecar, in turn with the raw client on another. */
#define _GNU_SOURCE
#include "calls.h"
#include "report.h"
#include "rows.h"
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MIB = 1 << 20, FLOOD = 64 * MIB, BLOCK = 65536, MOST_FLOODS = 3, PORT = 8080 };

static const struct budget none = {NO_BOUND, 0};

static void sleep_for(long microseconds) { nanosleep(&(struct timespec){0, microseconds * 1000}, NULL); }

/* Starts a program under a name that was not used before. */
static void raw_start(struct raw *raw, const char *const argv[], int closes_stdin) {
  static int number;
  char name[32];
  snprintf(name, sizeof name, "bench-%d", ++number);
  struct buffer execute = execute_frame(name, argv), close = close_stdin_frame(name);
  raw_send(raw, &execute);
  if (closes_stdin) raw_send(raw, &close);
  free(execute.bytes);
  free(close.bytes);
}

static size_t get_uint(const uint8_t **at) {
  size_t value = 0;
  for (int shift = 0;; shift += 7) {
    value |= (size_t)(**at & 0x7f) << shift;
    if (!(*(*at)++ & 0x80)) return value;
  }
}

/* Until the one program that runs has ended: the bytes that it wrote. `pause_us` after each event. */
static size_t raw_finish(struct raw *raw, long pause_us) {
  size_t written = 0, length;
  for (;;) {
    const uint8_t *frame = raw_next(raw, &length);
    if (frame[4] != TAG_EVENT) continue;
    const uint8_t *at = frame + EVENT_PAYLOAD;
    size_t kind = get_uint(&at);
    if (kind == EVENT_EXITED) return written;
    if (kind != EVENT_OUTPUT) continue;
    size_t name = get_uint(&at);
    at += name + 1; /* and the channel */
    written += get_uint(&at);
    if (pause_us) sleep_for(pause_us);
  }
}

static const char *const short_program[] = {"node", "-e", "1", NULL};

static void raw_run(void *context, int calls) {
  struct pair *pair = context;
  while (calls--) {
    raw_start(&pair->raw, short_program, 1);
    raw_finish(&pair->raw, 0);
  }
}

static void our_run(void *context, int calls) {
  static const char words[] = "[\"node\",\"-e\",\"1\"]";
  struct pair *pair = context;
  aos_error *error = NULL;
  int32_t code;
  while (calls--) {
    check(library.process_exec_argv(pair->session.sidecar, pair->session.vm, words, AOS_NUL_TERMINATED, NULL, 0, NULL,
                                    0, AOS_NO_TIMEOUT, &code, NULL, NULL, NULL, &error),
          error, "run a program");
    if (code) fail("a program failed");
  }
}

void row_real_programs(char *const argv[]) {
  struct pair pair;
  struct series all[2];
  pair_open(&pair, argv, EXISTS);
  measure((struct work[]){{raw_run, &pair}, {our_run, &pair}}, 2, 10, all);
  report_ratio("12", "node -e 1, start to exit", "raw C, real sidecar", &all[1], &all[0], none);
  pair_close(&pair);
}

/* ---- Output */

static const char flood_path[] = "/tmp/flood.mjs";
static const char flood_format[] =
    "const b='x'.repeat(%d)+'\\n';let i=0;(function f(){while(i<%d){i++;if(!process.stdout.write(b))"
    "{process.stdout.once('drain',f);return}}})();";

static size_t raw_flood(struct pair *pair, long pause_us) {
  raw_start(&pair->raw, (const char *const[]){"node", flood_path, NULL}, 1);
  return raw_finish(&pair->raw, pause_us);
}

static size_t our_flood(struct pair *pair, long pause_us) {
  static const char words[] = "[\"node\",\"/tmp/flood.mjs\"]";
  struct session *session = &pair->session;
  aos_completion completion = AOS_COMPLETION_INIT;
  aos_event events[64];
  aos_error *error = NULL;
  aos_id process;
  size_t written = 0;
  completion.deliver = AOS_DELIVER_QUEUE;
  completion.queue = pair->queue;
  check(library.process_spawn(session->sidecar, session->vm, words, AOS_NUL_TERMINATED, NULL, 0, &completion, &process,
                              NULL, &error),
        error, "spawn a program");
  check(library.process_close_stdin(session->sidecar, process, AOS_NO_TIMEOUT, &error), error, "close stdin");
  for (int is_over = 0; !is_over;) {
    int32_t count = library.queue_drain(pair->queue, events, 64, 0, AOS_NO_TIMEOUT);
    if (count <= 0) fail("the queue gave no event");
    for (int32_t i = 0; i < count; i++) {
      check(events[i].status, events[i].error, "a program");
      if (events[i].kind == AOS_EV_STDOUT) written += events[i].data_len;
      if (events[i].kind == AOS_EV_COMPLETE) is_over = 1;
      if (pause_us && events[i].kind == AOS_EV_STDOUT) sleep_for(pause_us);
    }
    library.event_release(events, (uint32_t)count, 0);
  }
  return written;
}

static void measure_flood(struct pair *pair, size_t (*run)(struct pair *, long), long pause_us, struct series *series) {
  double cpu = cpu_microseconds(), begin = microseconds();
  if (run(pair, pause_us) != FLOOD) fail("output was lost");
  series->wall[series->count] = microseconds() - begin;
  series->cpu[series->count++] = cpu_microseconds() - cpu;
}

static void report_throughput(const char *what, const struct series *series) {
  double values[MOST_REPETITIONS];
  for (int i = 0; i < series->count; i++) values[i] = FLOOD / series->wall[i];
  report_values("11", what, "MB/s", values, series->count, none);
}

static void floods(struct pair *pair, const char *name, long pause_us) {
  struct series raw = {0}, ours = {0};
  char what[80];
  int count = settings.repetitions < MOST_FLOODS ? settings.repetitions : MOST_FLOODS;
  for (int i = 0; i < count; i++) {
    measure_flood(pair, raw_flood, pause_us, &raw);
    measure_flood(pair, our_flood, pause_us, &ours);
  }
  snprintf(what, sizeof what, "64 MiB of output, %s", name);
  report_ratio("11", what, "raw C, real sidecar", &ours, &raw, none);
  snprintf(what, sizeof what, "  the library, %s", name);
  report_throughput(what, &ours);
}

void row_real_output(char *const argv[]) {
  struct pair pair;
  struct buffer script = {0};
  char text[512];
  aos_error *error = NULL;
  snprintf(text, sizeof text, flood_format, BLOCK - 1, FLOOD / BLOCK);
  put(&script, text, strlen(text));
  pair_open(&pair, argv, EXISTS);
  struct buffer encoded = base64(&script), frame = file_frame(FILE_WRITE, flood_path, &encoded);
  raw_call(&pair.raw, &frame, 0);
  check(library.fs_write(pair.session.sidecar, pair.session.vm, flood_path, AOS_NUL_TERMINATED, script.bytes,
                         script.count, AOS_NO_TIMEOUT, &error),
        error, "write a program");
  floods(&pair, "a quick consumer", 0);
  floods(&pair, "0.2 ms for each piece", 200);
  pair_close(&pair);
  free(script.bytes);
  free(encoded.bytes);
  free(frame.bytes);
}

/* ---- Fetches */

static const char server[] = "require('http').createServer((q,r)=>r.end('x'.repeat(1024))).listen(8080)";

static void raw_fetch(void *context, int calls) {
  struct pair *pair = context;
  while (calls--) raw_call(&pair->raw, &pair->frame, 0);
}

static void our_fetch(void *context, int calls) {
  struct pair *pair = context;
  aos_error *error = NULL;
  aos_bytes *body;
  size_t length;
  int32_t status;
  while (calls--) {
    check(library.net_fetch(pair->session.sidecar, pair->session.vm, PORT, NULL, 0, NULL, 0, AOS_NO_TIMEOUT, &status,
                            NULL, &body, &error),
          error, "fetch");
    library.bytes_data(body, &length);
    if (status != 200 || length != 1024) fail("another answer came");
    library.bytes_release(body);
  }
}

/* Until the raw client's server answers. */
static void raw_await_server(struct pair *pair) {
  size_t length;
  for (;;) {
    const uint8_t *frame;
    raw_send(&pair->raw, &pair->frame);
    do frame = raw_next(&pair->raw, &length);
    while (frame[4] != TAG_RESPONSE || frame[RESPONSE_PAYLOAD] == REQUEST_EXECUTE);
    /* Fetches have 33 among the answers, refusals 32. */
    if (frame[RESPONSE_PAYLOAD] != RESPONSE_REJECTED) return;
    sleep_for(50000);
  }
}

void row_real_fetch(char *const argv[]) {
  static const char wait[] = "{\"waitForListenerMs\":20000}";
  char words[256];
  struct pair pair;
  struct series all[2];
  aos_completion completion = AOS_COMPLETION_INIT;
  aos_error *error = NULL;
  int32_t status;
  pair_open(&pair, argv, EXISTS);
  free(pair.frame.bytes);
  pair.frame = fetch_frame(PORT, "/");
  raw_start(&pair.raw, (const char *const[]){"node", "-e", server, NULL}, 0);
  raw_await_server(&pair);
  snprintf(words, sizeof words, "[\"node\",\"-e\",\"%s\"]", server);
  completion.deliver = AOS_DELIVER_NONE;
  check(library.process_spawn(pair.session.sidecar, pair.session.vm, words, AOS_NUL_TERMINATED, NULL, 0, &completion,
                              NULL, NULL, &error),
        error, "spawn a server");
  check(library.net_fetch(pair.session.sidecar, pair.session.vm, PORT, wait, AOS_NUL_TERMINATED, NULL, 0,
                          AOS_NO_TIMEOUT, &status, NULL, NULL, &error),
        error, "the first fetch");
  measure((struct work[]){{raw_fetch, &pair}, {our_fetch, &pair}}, 2, 100, all);
  report_ratio("13", "fetch of 1 KiB", "raw C, real sidecar", &all[1], &all[0], none);
  pair_close(&pair);
}
