/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BENCHMARKS_RAW_H
#define BENCHMARKS_RAW_H

#include "frames.h"
#include <sys/types.h>

/* What the library is compared with: a client of one thread that sends frames encoded beforehand, patches their ids in
 * place, and only counts answers. Sockets and their buffers are as the library's. */
struct raw {
  pid_t child;
  int in, out;
  int64_t next_id;
  uint8_t *bytes;
  size_t start, end;
};

/* Starts a peer and brings it as far as a VM. A failure ends the program, also in the functions below. */
void raw_open(struct raw *raw, char *const argv[]);
void raw_close(struct raw *raw);

/* One write(2), as long as the socket takes all. */
void raw_send(struct raw *raw, struct buffer *frame);
/* Waits for `count` answers. With `polls` every read(2) has a poll(2) before it. */
void raw_receive(struct raw *raw, int count, int polls);
/* Waits for the next frame of any kind, which lies there until the next call; how long its payload is. */
const uint8_t *raw_next(struct raw *raw, size_t *length);
/* Waits for at least one answer; how many came, at most `most`. */
int raw_receive_some(struct raw *raw, int most);

static inline void raw_call(struct raw *raw, struct buffer *frame, int polls) {
  raw_send(raw, frame);
  raw_receive(raw, 1, polls);
}

#endif
