/* SPDX-License-Identifier: Apache-2.0 */
/* What a user does, end to end: files, programs, their output, and fetches, each on a real sidecar of its own, in turn
 * with the raw client on another. The sidecar looks at every file of a VM for each request about one, so both VMs hold
 * the same few. */
#define _GNU_SOURCE
#include "calls.h"
#include "report.h"
#include "rows.h"
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { IN_FLIGHT = 32, MIB = 1 << 20, FLOOD = 64 * MIB, BLOCK = 65536, MOST_FLOODS = 3, PORT = 8080 };

static const struct budget none = {NO_BOUND, 0};
static const char path[] = "/tmp/f";

static void sleep_for(long microseconds) { nanosleep(&(struct timespec){0, microseconds * 1000}, NULL); }

/* ---- Files */

/* A pair, and what is written and read. */
struct files {
  struct pair pair;
  struct buffer content, write, read;
};

static void raw_write(void *context, int calls) {
  struct files *files = context;
  while (calls--) raw_call(&files->pair.raw, &files->write, 0);
}

static void raw_read(void *context, int calls) {
  struct files *files = context;
  while (calls--) raw_call(&files->pair.raw, &files->read, 0);
}

static void our_write(void *context, int calls) {
  struct files *files = context;
  aos_error *error = NULL;
  while (calls--)
    check(library.fs_write(files->pair.session.sidecar, files->pair.session.vm, path, sizeof path - 1,
                           files->content.bytes, files->content.count, AOS_NO_TIMEOUT, &error),
          error, "write");
}

static void our_read(void *context, int calls) {
  struct files *files = context;
  aos_error *error = NULL;
  aos_bytes *bytes;
  size_t length;
  while (calls--) {
    check(library.fs_read(files->pair.session.sidecar, files->pair.session.vm, path, sizeof path - 1, AOS_NO_TIMEOUT,
                          &bytes, &error),
          error, "read");
    library.bytes_data(bytes, &length);
    if (length != files->content.count) fail("another content came back");
    library.bytes_release(bytes);
  }
}

static void raw_wide(struct raw *raw, struct buffer *frame, int calls) {
  for (int sent = 0, done = 0; done < calls;) {
    for (; sent < calls && sent - done < IN_FLIGHT; sent++) raw_send(raw, frame);
    done += raw_receive_some(raw, calls - done);
  }
}

static void raw_write_wide(void *context, int calls) {
  struct files *files = context;
  raw_wide(&files->pair.raw, &files->write, calls);
}

static void raw_read_wide(void *context, int calls) {
  struct files *files = context;
  raw_wide(&files->pair.raw, &files->read, calls);
}

static void our_wide(struct files *files, int calls, int is_write) {
  aos_completion completion = AOS_COMPLETION_INIT;
  aos_error *error = NULL;
  struct session *session = &files->pair.session;
  completion.deliver = AOS_DELIVER_QUEUE;
  completion.queue = files->pair.queue;
  for (int sent = 0, done = 0; done < calls;) {
    for (; sent < calls && sent - done < IN_FLIGHT; sent++) {
      aos_status status =
          is_write ? library.fs_write_async(session->sidecar, session->vm, path, sizeof path - 1, files->content.bytes,
                                            files->content.count, &completion, NULL, &error)
                   : library.fs_read_async(session->sidecar, session->vm, path, sizeof path - 1, &completion, NULL,
                                           &error);
      check(status, error, "a submission");
    }
    done += take_events(&files->pair);
  }
}

static void our_write_wide(void *context, int calls) { our_wide(context, calls, 1); }
static void our_read_wide(void *context, int calls) { our_wide(context, calls, 0); }

void row_real_files(char *const argv[]) {
  static const struct {
    size_t size;
    const char *name;
    int calls;
  } sizes[] = {{1024, "1 KiB", 500}, {64 * 1024, "64 KiB", 300}, {512 * 1024, "512 KiB", 100}};
  static const struct {
    const char *name;
    void (*ours)(void *, int), (*raw)(void *, int);
  } ways[] = {{"write %s", our_write, raw_write},
              {"read %s", our_read, raw_read},
              {"write %s, 32 in flight", our_write_wide, raw_write_wide},
              {"read %s, 32 in flight", our_read_wide, raw_read_wide}};
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    struct files files;
    struct series all[2];
    char name[64];
    files.content = noise(sizes[i].size);
    struct buffer text = base64(&files.content);
    files.write = file_frame(FILE_WRITE, path, &text);
    files.read = file_frame(FILE_READ, path, NULL);
    pair_open(&files.pair, argv, EXISTS);
    raw_write(&files, 1);
    our_write(&files, 1);
    for (size_t way = 0; way < sizeof ways / sizeof *ways; way++) {
      measure((struct work[]){{ways[way].raw, &files}, {ways[way].ours, &files}}, 2, sizes[i].calls, all);
      snprintf(name, sizeof name, ways[way].name, sizes[i].name);
      report_ratio("10", name, "raw C, real sidecar", &all[1], &all[0], none);
    }
    pair_close(&files.pair);
    free(text.bytes);
    free(files.content.bytes);
    free(files.write.bytes);
    free(files.read.bytes);
  }
}

/* ---- Programs */

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
