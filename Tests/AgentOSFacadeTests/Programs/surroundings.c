/* SPDX-License-Identifier: Apache-2.0
 *
 * What the library brings into a process: descriptors that close on exec, threads named aos-* that block every signal,
 * and nothing of either before first use or after the end. */
#include "program.h"
#include <dirent.h>

static int threads_seen;

static int blocks_all(const char *status) {
  unsigned long long mask = 0;
  const char *line = strstr(status, "SigBlk:");
  EXPECT(line && sscanf(line, "SigBlk: %llx", &mask) == 1);
  /* KILL and STOP cannot be blocked; 32 and 33 are glibc's own. */
  return (mask | 1ULL << 8 | 1ULL << 18 | 3ULL << 31) == ~0ULL;
}

/* Threads that are not ours, by name; all of the library's are looked at. */
static int check_threads(void) {
  int others = 0;
  DIR *directory = opendir("/proc/self/task");
  EXPECT(directory != NULL);
  threads_seen = 0;
  for (struct dirent *entry; (entry = readdir(directory));) {
    char path[300], text[4096], name[64] = "";
    if (entry->d_name[0] == '.') continue;
    snprintf(path, sizeof path, "/proc/self/task/%s/status", entry->d_name);
    FILE *file = fopen(path, "r");
    if (!file) continue;
    size_t length = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[length] = 0;
    /* One that ended between opening and reading has no mask any more. */
    if (strstr(text, "State:\tX")) continue;
    EXPECT(sscanf(text, "Name: %63s", name) == 1);
    if (strncmp(name, "aos-", 4) != 0) {
      others++;
      continue;
    }
    threads_seen++;
    if (!blocks_all(text)) fprintf(stderr, "%s:\n%s", name, text);
    EXPECT(blocks_all(text));
  }
  closedir(directory);
  return others;
}

static int check_descriptors(void) {
  int count = 0;
  for (int fd = 0; fd < 1024; fd++) {
    int flags = fcntl(fd, F_GETFD);
    if (flags < 0) continue;
    count++;
    if (fd > 2) EXPECT(flags & FD_CLOEXEC);
  }
  return count;
}

static _Atomic int called;
static void on_event(void *user_data, const aos_event *event) {
  (void)user_data;
  if (event->kind == AOS_EV_COMPLETE) called++;
}

int main(int count, char **arguments) {
  EXPECT(count == 2);
  for (int fd = 3; fd < 1024; fd++) close(fd);
  EXPECT(check_descriptors() == 3 && check_threads() == 1 && threads_seen == 0);

  /* A handle alone costs nothing. */
  aos_sidecar *sidecar = make_sidecar(arguments[1]);
  EXPECT(check_descriptors() == 3 && check_threads() == 1 && threads_seen == 0);

  aos_queue *queue;
  aos_id vm = make_vm(sidecar);
  EXPECT_STATUS(AOS_OK, aos_queue_create(0, &queue, NULL));
  aos_completion completion = AOS_COMPLETION_INIT;
  completion.deliver = AOS_DELIVER_THREAD;
  completion.fn = on_event;
  EXPECT_STATUS(AOS_OK, aos_process_spawn(sidecar, vm, "[\"many\"]", AOS_NUL_TERMINATED, NULL, 0, &completion, NULL, NULL,
                                          NULL));
  uint64_t end = now_ns() + LIMIT;
  while (!called && now_ns() < end) pause_ms(1);
  EXPECT(called == 1);
  EXPECT(check_descriptors() > 3);
  EXPECT(check_threads() == 1 && threads_seen >= 2);

  EXPECT_STATUS(AOS_OK, aos_sidecar_dispose(sidecar, LIMIT, NULL));
  aos_queue_release(queue);
  aos_sidecar_release(sidecar);
  end = now_ns() + LIMIT;
  while ((check_descriptors() > 3 || (check_threads(), threads_seen) > 0) && now_ns() < end) pause_ms(20);
  EXPECT(check_descriptors() == 3);
  EXPECT(threads_seen == 0);
  return 0;
}
