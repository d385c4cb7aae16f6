/* SPDX-License-Identifier: Apache-2.0 */
/* Many small requests in flight, and large ones. */
#include "calls.h"
#include "report.h"
#include "rows.h"
#include <stdlib.h>
#include <string.h>

enum { IN_FLIGHT = 64, CALLS = 20000, FILE_CALLS = 100 };

static void raw_in_flight(void *context, int calls) {
  struct pair *pair = context;
  for (int sent = 0, done = 0; done < calls;) {
    for (; sent < calls && sent - done < IN_FLIGHT; sent++) raw_send(&pair->raw, &pair->frame);
    done += raw_receive_some(&pair->raw, calls - done);
  }
}

static void ours_in_flight(void *context, int calls) {
  struct pair *pair = context;
  for (int sent = 0, done = 0; done < calls;) {
    for (; sent < calls && sent - done < IN_FLIGHT; sent++) submit(pair);
    done += take_events(pair);
  }
}

void row_in_flight(char *const argv[]) {
  struct pair pair;
  struct series all[2];
  pair_open(&pair, argv, EXISTS);
  measure((struct work[]){{raw_in_flight, &pair}, {ours_in_flight, &pair}}, 2, CALLS, all);
  report_ratio("4", "64 in flight, by QUEUE", "raw C, one write each", &all[1], &all[0],
               (struct budget){AT_LEAST, 0.8});
  pair_close(&pair);
}

/* ---- Files */

/* The content that goes and comes; the peer's file is named after its size. */
static struct buffer content;
static const char file_path[] = "/524288";

static void file_write(void *context, int calls) {
  struct pair *pair = context;
  aos_error *error = NULL;
  while (calls--)
    check(library.fs_write(pair->session.sidecar, pair->session.vm, file_path, AOS_NUL_TERMINATED, content.bytes,
                           content.count, AOS_NO_TIMEOUT, &error),
          error, "write");
}

static void file_read(void *context, int calls) {
  struct pair *pair = context;
  aos_error *error = NULL;
  aos_bytes *bytes;
  size_t length;
  while (calls--) {
    check(library.fs_read(pair->session.sidecar, pair->session.vm, file_path, AOS_NUL_TERMINATED, AOS_NO_TIMEOUT,
                          &bytes, &error),
          error, "read");
    const void *data = library.bytes_data(bytes, &length);
    if (length != content.count || memcmp(data, content.bytes, 64)) fail("another content came back");
    library.bytes_release(bytes);
  }
}

static void files(char *const argv[], const char *what, struct buffer frame, void (*run)(void *, int)) {
  struct pair pair;
  struct series all[2];
  pair_open(&pair, argv, EXISTS);
  free(pair.frame.bytes);
  pair.frame = frame;
  measure((struct work[]){{raw_ping_pong, &pair}, {run, &pair}}, 2, FILE_CALLS, all);
  report_ratio("7", what, "a raw frame of that size", &all[1], &all[0], (struct budget){AT_LEAST, 0.6});
  pair_close(&pair);
}

void row_files(char *const argv[]) {
  content = noise(FILE_SIZE);
  struct buffer text = base64(&content);
  files(argv, "write 512 KiB, blocking", file_frame(FILE_WRITE, file_path, &text), file_write);
  files(argv, "read 512 KiB, blocking", file_frame(FILE_READ, file_path, NULL), file_read);
  free(text.bytes);
  free(content.bytes);
}
