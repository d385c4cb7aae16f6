/* SPDX-License-Identifier: Apache-2.0 */
/* Files on a real sidecar, in turn with the raw client on another. The sidecar looks at every file of a VM for each
 * request about one, so both VMs hold the same few. */
#include "calls.h"
#include "report.h"
#include "rows.h"
#include <stdio.h>
#include <stdlib.h>

enum { IN_FLIGHT = 32 };

static const struct budget none = {NO_BOUND, 0};
static const char path[] = "/tmp/f";

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
