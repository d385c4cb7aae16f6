/* SPDX-License-Identifier: Apache-2.0 */
/* What it costs to have the library: each figure from a process of its own that does nothing else. */
#include "library.h"
#include "report.h"
#include "rows.h"
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PROCESSES = 15 };

static long status_kilobytes(const char *name) {
  char line[256];
  long value = -1;
  FILE *file = fopen("/proc/self/status", "r");
  if (!file) fail("/proc/self/status");
  while (fgets(line, sizeof line, file))
    if (!strncmp(line, name, strlen(name))) value = atol(line + strlen(name));
  fclose(file);
  return value;
}

static int entries(const char *folder) {
  int count = 0;
  DIR *directory = opendir(folder);
  if (!directory) fail(folder);
  while (readdir(directory)) count++;
  closedir(directory);
  return count;
}

/* Prints milliseconds, KiB of RSS and of it anonymous, threads and descriptors, each as what was added. */
int row_load_child(void) {
  aos_sidecar *sidecar;
  aos_error *error = NULL;
  int threads = entries("/proc/self/task"), descriptors = entries("/proc/self/fd");
  long resident = status_kilobytes("VmRSS:"), anonymous = status_kilobytes("RssAnon:");
  double begin = microseconds();
  library_load();
  check(library.sidecar_create(NULL, 0, &sidecar, &error), error, "create a handle");
  double time = (microseconds() - begin) / 1e3;
  printf("%f %ld %ld %d %d\n", time, status_kilobytes("VmRSS:") - resident, status_kilobytes("RssAnon:") - anonymous,
         entries("/proc/self/task") - threads, entries("/proc/self/fd") - descriptors);
  library.sidecar_release(sidecar);
  return 0;
}

void row_load(const char *self) {
  double time[PROCESSES], resident[PROCESSES], anonymous[PROCESSES], threads[PROCESSES], descriptors[PROCESSES];
  char command[4200];
  struct stat status;
  snprintf(command, sizeof command, "exec '%s' --load", self);
  for (int i = 0; i < PROCESSES; i++) {
    FILE *child = popen(command, "r");
    if (!child || fscanf(child, "%lf %lf %lf %lf %lf", &time[i], &resident[i], &anonymous[i], &threads[i],
                         &descriptors[i]) != 5)
      fail(command);
    pclose(child);
    resident[i] /= 1024;
    anonymous[i] /= 1024;
  }
  if (stat(library_path(), &status)) fail(library_path());
  double size = (double)status.st_size / (1 << 20);
  report_values("9", "load and first handle", "ms", time, PROCESSES, (struct budget){AT_MOST, 3});
  report_values("9", "RSS added by it", "MiB", resident, PROCESSES, (struct budget){AT_MOST, 5});
  report_values("9", "  of it anonymous", "MiB", anonymous, PROCESSES, (struct budget){NO_BOUND, 0});
  report_values("9", "size of the library", "MiB", &size, 1, (struct budget){AT_MOST, 8});
  report_values("9", "threads of an idle handle", "threads", threads, PROCESSES, (struct budget){AT_MOST, 0});
  report_values("9", "descriptors of an idle handle", "descriptors", descriptors, PROCESSES,
                (struct budget){AT_MOST, 0});
}
