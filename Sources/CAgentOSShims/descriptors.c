/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "CAgentOSShims.h"
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

int aos_shim_eventfd(void) { return eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK); }

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

ssize_t aos_shim_send_parts(int fd, const struct iovec *parts, size_t count) {
  struct msghdr message = {.msg_iov = (struct iovec *)parts, .msg_iovlen = count};
  ssize_t sent;
  do sent = sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
  while (sent < 0 && errno == EINTR);
  return sent;
}

ssize_t aos_shim_receive(int fd, void *bytes, size_t count) {
  ssize_t got;
  do got = recv(fd, bytes, count, MSG_DONTWAIT);
  while (got < 0 && errno == EINTR);
  return got;
}

int aos_shim_poll_one(int fd, int64_t timeout_ns) {
  struct pollfd entry = {.fd = fd, .events = POLLIN};
  struct timespec limit = {timeout_ns / 1000000000, timeout_ns % 1000000000};
  return ppoll(&entry, 1, timeout_ns < 0 ? NULL : &limit, NULL);
}

int aos_shim_poll_three(int first, int second, int third, int64_t timeout_ns) {
  struct pollfd entries[3] = {
      {.fd = first, .events = POLLIN}, {.fd = second, .events = POLLIN}, {.fd = third, .events = POLLIN}};
  struct timespec limit = {timeout_ns / 1000000000, timeout_ns % 1000000000};
  int count = ppoll(entries, third < 0 ? 2 : 3, timeout_ns < 0 ? NULL : &limit, NULL);
  if (count <= 0) return count;
  return (entries[0].revents ? 1 : 0) | (entries[1].revents ? 2 : 0) | (entries[2].revents ? 4 : 0);
}

int aos_shim_is_terminal(int fd) {
  char name[256];
  return isatty(fd) && ptsname_r(fd, name, sizeof name) != 0;
}

int aos_shim_lock_file(const char *path, int create) {
  int fd = open(path, O_RDWR | (create ? O_CREAT : 0) | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) return -1;
  if (flock(fd, LOCK_EX | LOCK_NB) == 0) return fd;
  int error = errno;
  close(fd);
  errno = error;
  return -1;
}

static int open_up(const char *path, const struct stat *status, int kind, struct FTW *where) {
  (void)where;
  /* A guest may have left directories that their owner may not enter. */
  if (kind == FTW_D || kind == FTW_DNR) (void)chmod(path, (status->st_mode & 07777) | 0700);
  return 0;
}

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *where) {
  (void)status;
  (void)kind;
  (void)where;
  (void)remove(path);
  return 0;
}

int aos_shim_remove_tree(const char *path) {
  (void)nftw(path, open_up, 16, FTW_PHYS);
  return nftw(path, remove_one, 16, FTW_PHYS | FTW_DEPTH);
}

enum { CHILD_CLOSES = 16384 };
static _Atomic int child_closes[CHILD_CLOSES]; /* descriptor + 1; 0 is free */

void aos_shim_close_in_child(int fd) {
  if (fd < 0) return;
  for (int i = 0; i < CHILD_CLOSES; i++) {
    int nobody = 0;
    if (atomic_compare_exchange_strong(&child_closes[i], &nobody, fd + 1)) return;
  }
}

void aos_shim_forget_in_child(int fd) {
  if (fd < 0) return;
  for (int i = 0; i < CHILD_CLOSES; i++) {
    int mine = fd + 1;
    if (atomic_compare_exchange_strong(&child_closes[i], &mine, 0)) return;
  }
}

void aos_shim_close_all_in_child(void) {
  for (int i = 0; i < CHILD_CLOSES; i++) {
    int fd = atomic_exchange(&child_closes[i], 0);
    if (fd) close(fd - 1);
  }
}

extern char **environ;
char **aos_shim_environment(void) { return environ; }
