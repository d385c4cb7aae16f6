/* SPDX-License-Identifier: Apache-2.0
 *
 * Loads, uses, disposes and unloads the library 200 times: it stays mapped under its own threads, and nothing piles up.
 * Not linked with it: its argument is the library's file. */
#include "program.h"
#include <dirent.h>
#include <dlfcn.h>

static int count_files(const char *folder) {
  int count = 0;
  DIR *directory = opendir(folder);
  EXPECT(directory != NULL);
  while (readdir(directory)) count++;
  closedir(directory);
  return count;
}

#define LOAD(name) __typeof__(&name) p_##name = (__typeof__(&name))dlsym(library, #name); EXPECT(p_##name != NULL)

int main(int count, char **arguments) {
  char options[20000];
  int first_files = 0;
  EXPECT(count == 3);
  write_options(options, sizeof options, arguments[1], NULL, NULL);
  for (int round = 0; round < 200; round++) {
    void *library = dlopen(arguments[2], RTLD_NOW | RTLD_LOCAL);
    if (!library) fprintf(stderr, "%s\n", dlerror());
    EXPECT(library != NULL);
    LOAD(aos_sidecar_create);
    LOAD(aos_sidecar_dispose);
    LOAD(aos_sidecar_release);
    LOAD(aos_vm_create);
    LOAD(aos_fs_exists);
    aos_sidecar *sidecar = NULL;
    aos_id vm = 0;
    int32_t exists = -1;
    EXPECT(AOS_OK == p_aos_sidecar_create(options, AOS_NUL_TERMINATED, &sidecar, NULL));
    EXPECT(AOS_OK == p_aos_vm_create(sidecar, NULL, 0, LIMIT, &vm, NULL));
    EXPECT(AOS_OK == p_aos_fs_exists(sidecar, vm, "/a", 2, LIMIT, &exists, NULL));
    EXPECT(exists == 1);
    /* Every other round it is unloaded while the library still disposes. */
    if (round % 2 == 0) EXPECT(AOS_OK == p_aos_sidecar_dispose(sidecar, LIMIT, NULL));
    p_aos_sidecar_release(sidecar);
    EXPECT(dlclose(library) == 0);
    if (round == 20) first_files = count_files("/proc/self/fd");
  }
  uint64_t end = now_ns() + 10 * SECOND;
  while ((count_files("/proc/self/task") > 3 || count_files("/proc/self/fd") > first_files) && now_ns() < end) pause_ms(5);
  EXPECT(count_files("/proc/self/task") == 3);
  EXPECT(count_files("/proc/self/fd") <= first_files);
  return 0;
}
