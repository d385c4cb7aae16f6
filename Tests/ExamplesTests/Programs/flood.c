/* SPDX-License-Identifier: Apache-2.0 */
/* 64 MiB of output in C: every byte is compared with what it must be, and the memory that it takes is told.
 * Prints `<right bytes> <exit code> <growth of the resident set in MiB>`. */
#include <agentos.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define MINUTE (60 * 1000000000ULL)
#define BLOCK 65536u

static const char argv_json[] =
    "[\"node\",\"-e\",\"const fs = require('fs'); const block = Buffer.alloc(65536);"
    "for (let i = 0; i < 1024; i++) { block.fill(i % 251); block.writeUInt32LE(i, 0);"
    "for (let at = 0; at < block.length;) at += fs.writeSync(1, block, at); }\"]";

static long resident_mib(void) {
  char line[256];
  long kib = 0;
  FILE *file = fopen("/proc/self/status", "r");
  while (file && fgets(line, sizeof line, file))
    if (sscanf(line, "VmHWM: %ld", &kib) == 1) break;
  if (file) fclose(file);
  return kib / 1024;
}

static unsigned char expected(uint64_t at) {
  uint64_t block = at / BLOCK, place = at % BLOCK;
  return (unsigned char)(place < 4 ? block >> (8 * place) : block % 251);
}

static int failed(aos_error *error) {
  fprintf(stderr, "flood: %s\n", aos_error_message(error, NULL));
  return 1;
}

int main(void) {
  aos_sidecar *sidecar;
  aos_error *error;
  aos_id vm, op;
  aos_event event;
  uint64_t count = 0, right = 0;
  if (aos_sidecar_create(NULL, 0, &sidecar, &error) != AOS_OK) return failed(error);
  if (aos_vm_create(sidecar, NULL, 0, MINUTE, &vm, &error) != AOS_OK) return failed(error);
  long before = resident_mib();
  if (aos_process_spawn(sidecar, vm, argv_json, AOS_NUL_TERMINATED, NULL, 0, NULL, NULL, &op, &error) != AOS_OK)
    return failed(error);
  for (;;) {
    event.struct_size = sizeof event;
    if (aos_op_take(sidecar, op, MINUTE, &event) != AOS_OK) return 1;
    if (event.kind == AOS_EV_COMPLETE) break;
    for (uint64_t i = 0; event.kind == AOS_EV_STDOUT && i < event.data_len; i++, count++)
      right += ((const unsigned char *)event.data)[i] == expected(count);
    aos_event_release(&event, 1, 0);
  }
  printf("%" PRIu64 " %" PRId64 " %ld\n", right, event.status == AOS_OK ? event.value : event.status,
         resident_mib() - before);
  aos_event_release(&event, 1, 0);
  if (aos_sidecar_dispose(sidecar, MINUTE, &error) != AOS_OK) return failed(error);
  aos_sidecar_release(sidecar);
  return 0;
}
