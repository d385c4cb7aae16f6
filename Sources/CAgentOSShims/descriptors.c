/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "CAgentOSShims.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

int aos_shim_eventfd(void) { return eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK); }
int aos_shim_timerfd(void) { return timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK); }

int aos_shim_timerfd_arm(int fd, uint64_t deadline_ns) {
  struct itimerspec when = {{0, 0}, {(time_t)(deadline_ns / 1000000000u), (long)(deadline_ns % 1000000000u)}};
  return timerfd_settime(fd, TFD_TIMER_ABSTIME, &when, NULL);
}

int aos_shim_epoll_create(void) { return epoll_create1(EPOLL_CLOEXEC); }

int aos_shim_epoll_control(int epoll, int operation, int fd, uint32_t events, uint64_t token) {
  struct epoll_event event = {.events = events, .data = {.u64 = token}};
  return epoll_ctl(epoll, operation, fd, &event);
}

int aos_shim_epoll_wait(int epoll, uint64_t *tokens, uint32_t *events, int capacity, int timeout_ms) {
  struct epoll_event ready[64];
  int count = epoll_wait(epoll, ready, capacity < 64 ? capacity : 64, timeout_ms);
  for (int i = 0; i < count; i++) {
    tokens[i] = ready[i].data.u64;
    events[i] = ready[i].events;
  }
  return count;
}

int aos_shim_socketpair(int fds[2]) { return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds); }
int aos_shim_pipe(int fds[2]) { return pipe2(fds, O_CLOEXEC); }

int aos_shim_set_socket_buffers(int fd, int bytes) {
  /* The kernel caps these silently; a smaller buffer costs speed, not correctness. */
  (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
  return setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
}

ssize_t aos_shim_send(int fd, const void *bytes, size_t count) {
  ssize_t sent;
  do sent = send(fd, bytes, count, MSG_NOSIGNAL | MSG_DONTWAIT);
  while (sent < 0 && errno == EINTR);
  return sent;
}

ssize_t aos_shim_receive(int fd, void *bytes, size_t count) {
  ssize_t got;
  do got = recv(fd, bytes, count, MSG_DONTWAIT);
  while (got < 0 && errno == EINTR);
  return got;
}

int aos_shim_poll_readable(int fd, int64_t timeout_ns) {
  struct pollfd entry = {.fd = fd, .events = POLLIN};
  struct timespec limit = {timeout_ns / 1000000000, timeout_ns % 1000000000};
  int count = ppoll(&entry, 1, timeout_ns < 0 ? NULL : &limit, NULL);
  return count > 0 ? 1 : count;
}

int aos_shim_open_lock_file(const char *path) {
  int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) return -1;
  if (flock(fd, LOCK_EX | LOCK_NB) == 0) return fd;
  int error = errno;
  close(fd);
  errno = error;
  return -1;
}
