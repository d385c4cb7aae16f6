/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L
#include "peers_report.h"

#include <dirent.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

/* ---- Failure ---- */

/* Of several callers that fail at once the first speaks: exit() may run only once. */
void stop(const char *what, const char *why) {
  static pthread_mutex_t first = PTHREAD_MUTEX_INITIALIZER;
  pthread_mutex_lock(&first);
  fprintf(stderr, "peers: %s: %s\n", what, why);
  exit(1);
}

/* ---- Measures ---- */

double now_us(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static double seconds(struct timeval time) { return (double)time.tv_sec + (double)time.tv_usec / 1e6; }

/* Processor time of this process alone: what the sidecar uses is the same for every client. */
static struct rusage cpu_used(void) {
  struct rusage usage;
  if (getrusage(RUSAGE_SELF, &usage) != 0) stop("getrusage", "failed");
  return usage;
}

static double cpu_us(void) {
  struct rusage usage = cpu_used();
  return (seconds(usage.ru_utime) + seconds(usage.ru_stime)) * 1e6;
}

/* A number of /proc/self/status, such as `VmHWM:`. */
static long own_status(const char *key) {
  char line[256];
  long number = 0;
  FILE *file = fopen("/proc/self/status", "r");
  if (!file) stop("/proc/self/status", "cannot be read");
  while (fgets(line, sizeof line, file)) {
    if (strncmp(line, key, strlen(key)) != 0) continue;
    number = strtol(line + strlen(key), NULL, 10);
    break;
  }
  fclose(file);
  return number;
}

static int open_descriptors(void) {
  int count = 0;
  DIR *folder = opendir("/proc/self/fd");
  if (!folder) stop("/proc/self/fd", "cannot be read");
  for (const struct dirent *entry; (entry = readdir(folder));) count += entry->d_name[0] != '.';
  closedir(folder);
  return count;
}

/* Lets VmHWM begin again at what is resident now. Without that, each peak would be the largest so far. */
static void reset_peak(void) {
  FILE *file = fopen("/proc/self/clear_refs", "w");
  if (!file || fputs("5", file) < 0 || fclose(file) != 0) stop("/proc/self/clear_refs", "cannot be written");
}

/* ---- Report ---- */

struct phase begin(const char *item) {
  struct phase phase = {.item = item};
  reset_peak();
  phase.cpu_us = cpu_us();
  phase.start_us = now_us();
  return phase;
}

static int by_size(const void *a, const void *b) {
  double left = *(const double *)a, right = *(const double *)b;
  return (left > right) - (left < right);
}

static double percentile(const double *sorted, size_t count, double share) {
  return sorted[(size_t)((double)(count - 1) * share + 0.5)];
}

/* Opens the line of an item with the sample's figures, which it sorts. */
static void print_sample(const char *item, double *us, size_t count) {
  qsort(us, count, sizeof *us, by_size);
  printf("{\"item\":\"%s\",\"calls\":%zu,\"p50_us\":%.1f,\"p99_us\":%.1f,\"min_us\":%.1f,\"max_us\":%.1f", item, count,
         percentile(us, count, 0.5), percentile(us, count, 0.99), us[0], us[count - 1]);
}

void end(const struct phase *phase, double *us, size_t count, const struct output *output) {
  double wall_s = (now_us() - phase->start_us) / 1e6, cpu = cpu_us() - phase->cpu_us;
  print_sample(phase->item, us, count);
  printf(",\"wall_s\":%.4f,\"per_s\":%.1f,\"cpu_us_per_call\":%.1f", wall_s, (double)count / wall_s,
         cpu / (double)count);
  printf(",\"peak_rss_kb\":%ld,\"threads\":%ld", own_status("VmHWM:"), own_status("Threads:"));
  if (output)
    printf(",\"bytes\":%" PRIu64 ",\"expected\":%" PRIu64 ",\"mb_per_s\":%.2f", output->bytes, output->expected,
           (double)output->bytes / 1e6 / output->seconds);
  puts("}");
}

void end_second(const char *item, double *us, size_t count) {
  double sum = 0;
  for (size_t i = 0; i < count; i++) sum += us[i];
  print_sample(item, us, count);
  printf(",\"wall_s\":%.4f,\"per_s\":null,\"cpu_us_per_call\":null,\"peak_rss_kb\":%ld,\"threads\":%ld}\n", sum / 1e6,
         own_status("VmHWM:"), own_status("Threads:"));
}

void report_process(void) {
  struct rusage usage = cpu_used();
  printf("{\"item\":\"process\",\"cpu_user_s\":%.3f,\"cpu_sys_s\":%.3f,\"threads\":%ld,\"fds\":%d,\"rss_kb\":%ld}\n",
         seconds(usage.ru_utime), seconds(usage.ru_stime), own_status("Threads:"), open_descriptors(),
         own_status("VmRSS:"));
}
