/* SPDX-License-Identifier: Apache-2.0
 *
 * A program prints 128 MiB that nobody takes, and a ring of 1 MiB is kept: what the process needed at most for that. In
 * a process of its own, for the memory of others would be counted too. */
#include "program.h"

#define CHUNK (64 << 10)
#define CHUNKS "2048"

static const char rules[] =
    "{\"on\":\"execute\",\"where\":{\"command\":\"flood\"},\"do\":[{\"default\":true},{\"repeat\":" CHUNKS ",\"do\":"
    "[{\"event\":{\"type\":\"process_output\",\"process_id\":\"$processId\",\"channel\":\"stdout\",\"chunk\":"
    "{\"bytes\":65536,\"fill\":\"x\"}}}]},{\"event\":{\"type\":\"process_exited\",\"process_id\":\"$processId\","
    "\"exit_code\":5}}]}";

/* The most memory that the process has had, in KiB. */
static long peak_kib(void) {
  char line[256];
  long peak = -1;
  FILE *file = fopen("/proc/self/status", "re");
  EXPECT(file != NULL);
  while (fgets(line, sizeof line, file) && sscanf(line, "VmHWM: %ld kB", &peak) != 1) {
  }
  fclose(file);
  EXPECT(peak > 0);
  return peak;
}

int main(int count, char **arguments) {
  static char options[20000];
  static const char argv[] = "[\"flood\"]", ring[] = "{\"overflow\":\"ring\"}";
  aos_sidecar *sidecar = NULL;
  aos_id process = 0, op = 0;
  int32_t code = -1;
  EXPECT(count == 2);
  write_options(options, sizeof options, arguments[1], NULL, rules);
  EXPECT_STATUS(AOS_OK, aos_sidecar_create(options, AOS_NUL_TERMINATED, &sidecar, NULL));
  aos_id vm = make_vm(sidecar);
  long before = peak_kib();
  EXPECT_STATUS(AOS_OK, aos_process_spawn(sidecar, vm, argv, AOS_NUL_TERMINATED, ring, AOS_NUL_TERMINATED, NULL,
                                          &process, &op, NULL));
  EXPECT_STATUS(AOS_OK, aos_process_wait(sidecar, process, 3 * LIMIT, &code, NULL));
  EXPECT(code == 5);
  EXPECT(peak_kib() - before < 16 << 10);

  /* What is kept: the ring, and what was under way to the consumer. */
  uint64_t bytes = 0;
  aos_event event = {.struct_size = sizeof event};
  do {
    EXPECT_STATUS(AOS_OK, aos_op_take(sidecar, op, LIMIT, &event));
    if (event.kind == AOS_EV_STDOUT) bytes += event.data_len;
    aos_event_release(&event, 1, 0);
  } while (event.kind != AOS_EV_COMPLETE);
  EXPECT(bytes >= 1 << 20 && bytes <= (2 << 20) + 2 * CHUNK);
  EXPECT_STATUS(AOS_OK, aos_sidecar_dispose(sidecar, LIMIT, NULL));
  aos_sidecar_release(sidecar);
  return 0;
}
