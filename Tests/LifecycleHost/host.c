/* SPDX-License-Identifier: Apache-2.0
 *
 * A host of the library that is a process of its own: what a test inside a test runner cannot do to itself, such as
 * to be killed, to fork, to ignore SIGCHLD, or to count every descriptor.
 *
 *   lifecycle-host CASE [ARGUMENT ..] */
#include "host.h"

#include <dirent.h>
#include <time.h>
#include <unistd.h>

static int entries(const char *path, const char *prefix) {
  DIR *folder = opendir(path);
  struct dirent *entry;
  int count = 0;
  if (!folder) return -1;
  while ((entry = readdir(folder)))
    if (entry->d_name[0] != '.' && !strncmp(entry->d_name, prefix, strlen(prefix))) count++;
  closedir(folder);
  return count;
}

static int children_of_thread(const char *thread) {
  char path[300], text[4096];
  size_t length;
  int count = 0;
  FILE *file;
  snprintf(path, sizeof path, "/proc/self/task/%s/children", thread);
  file = fopen(path, "r");
  if (!file) return 0;
  length = fread(text, 1, sizeof text, file);
  fclose(file);
  for (size_t i = 0; i < length; i++) count += text[i] == ' ';
  return count;
}

/* Children that are not reaped, too: each thread has those that it started. */
static int children(void) {
  DIR *folder = opendir("/proc/self/task");
  struct dirent *entry;
  int count = 0;
  if (!folder) return -1;
  while ((entry = readdir(folder)))
    if (entry->d_name[0] != '.') count += children_of_thread(entry->d_name);
  closedir(folder);
  return count;
}

struct holdings count_holdings(void) {
  const char *temporary = getenv("TMPDIR");
  struct holdings held;
  held.descriptors = entries("/proc/self/fd", "") - 1; /* without the one that lists them */
  held.threads = entries("/proc/self/task", "");
  held.children = children();
  held.directories = entries(temporary ? temporary : "/tmp", "agentos-sidecar-");
  return held;
}

int settle(const char *name, struct holdings limit) {
  uint64_t start = now_ns(), deadline = start + 20 * SECOND;
  struct holdings held;
  int is_settled;
  do {
    held = count_holdings();
    is_settled = held.descriptors <= limit.descriptors && held.threads <= limit.threads &&
                 held.children <= limit.children && held.directories <= limit.directories;
    if (!is_settled) pause_ms(2);
  } while (!is_settled && now_ns() < deadline);
  printf("%s descriptors %d of %d, threads %d of %d, children %d of %d, directories %d of %d: %s\n", name,
         held.descriptors, limit.descriptors, held.threads, limit.threads, held.children, limit.children,
         held.directories, limit.directories, !is_settled ? "too many" : now_ns() - start > 5 * SECOND ? "settled late" : "settled");
  return !is_settled;
}

long memory_kib(const char *name) {
  char line[256];
  long value = -1;
  FILE *file = fopen("/proc/self/status", "r");
  if (!file) return -1;
  while (fgets(line, sizeof line, file))
    if (!strncmp(line, name, strlen(name))) value = strtol(line + strlen(name) + 1, NULL, 10);
  fclose(file);
  return value;
}

uint64_t now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * SECOND + (uint64_t)now.tv_nsec;
}

void pause_ms(long milliseconds) {
  struct timespec time = {milliseconds / 1000, milliseconds % 1000 * 1000000};
  nanosleep(&time, NULL);
}

void report(const char *name, aos_status status, aos_error *error) {
  printf("%s %s %s\n", name, status == AOS_OK ? "AOS_OK" : aos_status_name(status), aos_error_message(error, NULL));
  fflush(stdout);
  aos_error_release(error);
}

void must(const char *what, aos_status status, aos_error *error) {
  if (status == AOS_OK) return;
  fprintf(stderr, "lifecycle-host: %s: %s: %s\n", what, aos_status_name(status), aos_error_message(error, NULL));
  exit(1);
}

aos_sidecar *make_sidecar(void) {
  aos_sidecar *sidecar = NULL;
  aos_error *error = NULL;
  must("create", aos_sidecar_create(getenv("HOST_OPTIONS"), AOS_NUL_TERMINATED, &sidecar, &error), error);
  return sidecar;
}

aos_id make_vm(aos_sidecar *sidecar) {
  aos_id vm = 0;
  aos_error *error = NULL;
  must("create a VM", aos_vm_create(sidecar, NULL, 0, 30 * SECOND, &vm, &error), error);
  return vm;
}

int file_exists(aos_sidecar *sidecar, aos_id vm, const char *path) {
  int32_t exists = -1;
  aos_error *error = NULL;
  must("exists", aos_fs_exists(sidecar, vm, path, AOS_NUL_TERMINATED, 30 * SECOND, &exists, &error), error);
  return exists;
}

void print_description(const char *name, aos_sidecar *sidecar) {
  aos_bytes *text = NULL;
  aos_error *error = NULL;
  must("describe", aos_sidecar_describe_json(sidecar, &text, &error), error);
  printf("%s %s\n", name, (const char *)aos_bytes_data(text, NULL));
  fflush(stdout);
  aos_bytes_release(text);
}

long process_id(aos_sidecar *sidecar) {
  aos_bytes *text = NULL;
  aos_error *error = NULL;
  const char *place;
  long id = -1;
  must("diagnostics", aos_sidecar_diagnostics_json(sidecar, &text, &error), error);
  place = strstr(aos_bytes_data(text, NULL), "\"processId\":");
  if (place) id = strtol(place + strlen("\"processId\":"), NULL, 10);
  aos_bytes_release(text);
  return id;
}

int main(int argc, char **argv) {
  static int (*const parts[])(const char *, int, char **) = {run_ends, run_counts, run_flow};
  if (argc < 2) return 2;
  for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
    int result = parts[i](argv[1], argc - 2, argv + 2);
    if (result >= 0) {
      fflush(stdout);
      return result;
    }
  }
  fprintf(stderr, "lifecycle-host: no case %s\n", argv[1]);
  return 2;
}
