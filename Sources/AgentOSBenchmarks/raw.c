/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "raw.h"
#include "report.h"
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ROOM = 4 << 20, SOCKET_BUFFER = 1 << 20 };

static void make_pair(int pair[2]) {
  int size = SOCKET_BUFFER;
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair)) fail("socketpair");
  for (int i = 0; i < 2; i++) {
    setsockopt(pair[i], SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    setsockopt(pair[i], SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
  }
}

void raw_send(struct raw *raw, struct buffer *frame) {
  int64_t id = raw->next_id++;
  memcpy(frame->bytes + FRAME_ID, &id, 8);
  for (size_t done = 0; done < frame->count;) {
    ssize_t count = send(raw->in, frame->bytes + done, frame->count - done, MSG_NOSIGNAL);
    if (count < 0 && errno != EINTR) fail("send to the peer");
    if (count > 0) done += (size_t)count;
  }
}

static void fill(struct raw *raw, int polls) {
  if (raw->start == raw->end) raw->start = raw->end = 0;
  if (raw->end > ROOM / 2) {
    memmove(raw->bytes, raw->bytes + raw->start, raw->end - raw->start);
    raw->end -= raw->start;
    raw->start = 0;
  }
  if (polls) poll(&(struct pollfd){.fd = raw->out, .events = POLLIN}, 1, -1);
  ssize_t count = recv(raw->out, raw->bytes + raw->end, ROOM - raw->end, 0);
  if (count < 0 && errno == EINTR) return;
  if (count <= 0) fail("receive from the peer");
  raw->end += (size_t)count;
}

/* The answers that have come, at most `most`. */
static int take(struct raw *raw, int most) {
  int taken = 0;
  while (taken < most && raw->end - raw->start >= 4) {
    const uint8_t *frame = raw->bytes + raw->start;
    size_t length = frame_length(frame);
    if (raw->end - raw->start - 4 < length) break;
    taken += frame[4] == TAG_RESPONSE;
    raw->start += 4 + length;
  }
  return taken;
}

const uint8_t *raw_next(struct raw *raw, size_t *length) {
  for (;;) {
    const uint8_t *frame = raw->bytes + raw->start;
    size_t there = raw->end - raw->start;
    if (there >= 4 && there - 4 >= frame_length(frame)) {
      *length = frame_length(frame);
      raw->start += 4 + *length;
      return frame;
    }
    fill(raw, 0);
  }
}

void raw_receive(struct raw *raw, int count, int polls) {
  for (count -= take(raw, count); count > 0; count -= take(raw, count)) fill(raw, polls);
}

int raw_receive_some(struct raw *raw, int most) {
  int taken = take(raw, most);
  while (!taken) {
    fill(raw, 0);
    taken = take(raw, most);
  }
  return taken;
}

void raw_open(struct raw *raw, char *const argv[]) {
  int in[2], out[2];
  struct buffer frames[] = {authenticate_frame(), open_session_frame(), create_vm_frame(), bootstrap_frame(),
                            configure_vm_frame()};
  make_pair(in);
  make_pair(out);
  raw->child = fork();
  if (raw->child < 0) fail("fork");
  if (raw->child == 0) {
    dup2(in[0], STDIN_FILENO);
    dup2(out[1], STDOUT_FILENO);
    execv(argv[0], argv);
    _exit(127);
  }
  close(in[0]);
  close(out[1]);
  raw->in = in[1];
  raw->out = out[0];
  raw->next_id = 1;
  raw->start = raw->end = 0;
  raw->bytes = malloc(ROOM);
  if (!raw->bytes) fail("memory");
  for (size_t i = 0; i < sizeof frames / sizeof *frames; i++) {
    raw_call(raw, &frames[i], 0);
    free(frames[i].bytes);
  }
}

void raw_close(struct raw *raw) {
  close(raw->in);
  waitpid(raw->child, NULL, 0);
  close(raw->out);
  free(raw->bytes);
}
