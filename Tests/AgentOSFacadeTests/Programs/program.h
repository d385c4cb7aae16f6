/* SPDX-License-Identifier: Apache-2.0
 *
 * What the programs of this folder share. Each is started as `PROGRAM PEER [ARGUMENT]` with the scripted sidecar as
 * PEER, writes nothing while all is well, and ends with status 0; a fault is one line on standard error and status 1. */
#ifndef PROGRAM_H
#define PROGRAM_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <agentos.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MILLISECOND 1000000ULL
#define SECOND 1000000000ULL
#define LIMIT (20 * SECOND)

/* _exit: what is wrong in a child must not run the parent's exit handlers. */
#define EXPECT(condition) \
  do { \
    if (!(condition)) { \
      fprintf(stderr, "%s:%d: not so: %s (errno %d)\n", __FILE__, __LINE__, #condition, errno); \
      _exit(1); \
    } \
  } while (0)

#define EXPECT_STATUS(expected, call) \
  do { \
    aos_status found_ = (call); \
    if (found_ != (expected)) { \
      fprintf(stderr, "%s:%d: %s: found %s, expected %s\n", __FILE__, __LINE__, #call, aos_status_name(found_), \
              aos_status_name(expected)); \
      _exit(1); \
    } \
  } while (0)

/* A path of the guest that is never answered, one that is answered late, and one that ends the sidecar. A program
 * `many` writes lines, then ends; a program `endless` writes one line and stays until it is killed. */
#define RULES \
  "{\"on\":\"guest_filesystem_call\",\"where\":{\"path\":\"/hang\"},\"do\":[{\"nothing\":true}]}," \
  "{\"on\":\"guest_filesystem_call\",\"where\":{\"path\":\"/late\"},\"do\":[{\"delay\":[1,20]},{\"default\":true}]}," \
  "{\"on\":\"guest_filesystem_call\",\"where\":{\"path\":\"/kill\"},\"do\":[{\"signal\":9}]}," \
  "{\"on\":\"execute\",\"where\":{\"command\":\"many\"},\"do\":[{\"default\":true},{\"repeat\":20,\"do\":[{\"event\":" \
  "{\"type\":\"process_output\",\"process_id\":\"$processId\",\"channel\":\"stdout\",\"chunk\":{\"text\":\"line $i\"}}}]}," \
  "{\"event\":{\"type\":\"process_exited\",\"process_id\":\"$processId\",\"exit_code\":3}}]}," \
  "{\"on\":\"execute\",\"where\":{\"command\":\"endless\"},\"do\":[{\"default\":true},{\"event\":{\"type\":" \
  "\"process_output\",\"process_id\":\"$processId\",\"channel\":\"stdout\",\"chunk\":{\"text\":\"here\"}}}]}," \
  "{\"on\":\"kill_process\",\"do\":[{\"default\":true},{\"event\":{\"type\":\"process_exited\",\"process_id\":" \
  "\"$processId\",\"exit_code\":143}}]}"

/* The options of a handle on the peer; `log` is NULL, or where the peer keeps its log; `rules` come before RULES. */
static inline void write_options(char *out, size_t room, const char *peer, const char *log, const char *rules) {
  char script[8192], quoted[16384];
  size_t length = 0;
  snprintf(script, sizeof script, "{\"rules\":[%s%s" RULES "]}", rules ? rules : "", rules ? "," : "");
  for (const char *at = script; *at; at++) {
    if (*at == '"' || *at == '\\') quoted[length++] = '\\';
    quoted[length++] = *at;
  }
  quoted[length] = 0;
  int count = snprintf(out, room,
                       "{\"command\":[\"%s\"],\"stopGraceMs\":500,\"env\":{\"AGENTOS_SCRIPT\":\"%s\"%s%s%s}}", peer, quoted,
                       log ? ",\"AGENTOS_SCRIPT_LOG\":\"" : "", log ? log : "", log ? "\"" : "");
  EXPECT(count > 0 && (size_t)count < room);
}

static inline aos_sidecar *make_sidecar(const char *peer) {
  char options[20000];
  aos_sidecar *sidecar = NULL;
  write_options(options, sizeof options, peer, NULL, NULL);
  EXPECT_STATUS(AOS_OK, aos_sidecar_create(options, AOS_NUL_TERMINATED, &sidecar, NULL));
  return sidecar;
}

static inline aos_id make_vm(aos_sidecar *sidecar) {
  aos_id vm = 0;
  EXPECT_STATUS(AOS_OK, aos_vm_create(sidecar, NULL, 0, LIMIT, &vm, NULL));
  EXPECT(vm != 0 && vm < 1ULL << 53);
  return vm;
}

/* One handle, one VM, one file operation, and the end. */
static inline void use_once(const char *peer) {
  int32_t exists = -1;
  aos_sidecar *sidecar = make_sidecar(peer);
  aos_id vm = make_vm(sidecar);
  EXPECT_STATUS(AOS_OK, aos_fs_exists(sidecar, vm, "/a", 2, LIMIT, &exists, NULL));
  EXPECT(exists == 1);
  EXPECT_STATUS(AOS_OK, aos_sidecar_dispose(sidecar, LIMIT, NULL));
  aos_sidecar_release(sidecar);
}

static inline void start_thread(pthread_t *thread, void *(*body)(void *), void *argument) {
  EXPECT(pthread_create(thread, NULL, body, argument) == 0);
}

static inline uint64_t now_ns(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (uint64_t)time.tv_sec * SECOND + (uint64_t)time.tv_nsec;
}

static inline void pause_ms(long ms) {
  struct timespec time = {ms / 1000, ms % 1000 * 1000000};
  while (nanosleep(&time, &time) != 0 && errno == EINTR) {
  }
}

/* Waits for a child, at most so long; its wait status, or -1 when it hangs (it is killed then). */
static inline int wait_child(pid_t child, uint64_t limit) {
  uint64_t end = now_ns() + limit;
  int status;
  for (;;) {
    pid_t found = waitpid(child, &status, WNOHANG);
    if (found == child) return status;
    EXPECT(found == 0 || errno == EINTR);
    if (now_ns() > end) {
      kill(child, SIGKILL);
      waitpid(child, &status, 0);
      return -1;
    }
    pause_ms(1);
  }
}

static inline int is_readable(int fd) {
  struct pollfd entry = {fd, POLLIN, 0};
  return poll(&entry, 1, 0) == 1 && (entry.revents & POLLIN) != 0;
}

#endif
