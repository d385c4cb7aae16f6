/* SPDX-License-Identifier: Apache-2.0
 *
 * The first job: a sidecar, a VM with the WebAssembly commands, a real file written into it, commands run on it with
 * their output streamed, and the file read back byte for byte.
 *
 *   first_job FILE
 *
 * AGENTOS_TEST_PACKS names the folder with the command packs (scripts/env.sh sets it). */
#include <agentos.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECOND 1000000000ULL

/* Says what failed, and why, in the library's own words. */
static int failed(const char *what, aos_error *error) {
  size_t length;
  fprintf(stderr, "first_job: %s: %s: %s\n", what, aos_status_name(aos_error_status(error)),
          aos_error_message(error, &length));
  fprintf(stderr, "  %s\n", aos_error_detail_json(error, NULL));
  aos_error_release(error);
  return 1;
}

static int read_host_file(const char *path, unsigned char **data, size_t *length) {
  FILE *file = fopen(path, "rb");
  size_t room = 1 << 20;
  if (!file) return perror(path), 1;
  *data = malloc(room);
  *length = *data ? fread(*data, 1, room, file) : 0;
  fclose(file);
  return *data == NULL;
}

static int describe(aos_sidecar *sidecar) {
  aos_bytes *text;
  aos_error *error;
  if (aos_sidecar_describe_json(sidecar, &text, &error) != AOS_OK) return failed("describe", error);
  printf("sidecar: %s\n", (const char *)aos_bytes_data(text, NULL));
  aos_bytes_release(text);
  return 0;
}

/* Runs a command line and prints what it wrote. */
static int run(aos_sidecar *sidecar, aos_id vm, const char *command) {
  aos_bytes *out, *err;
  aos_error *error;
  int32_t code;
  size_t length;
  if (aos_process_exec(sidecar, vm, command, AOS_NUL_TERMINATED, NULL, 0, NULL, 0, 60 * SECOND, &code, &out, &err, NULL,
                       &error) != AOS_OK)
    return failed(command, error);
  const char *text = aos_bytes_data(out, &length);
  printf("$ %s\n%.*s(exit code %" PRId32 ")\n", command, (int)length, text, code);
  aos_bytes_release(out);
  aos_bytes_release(err);
  return code != 0;
}

/* Starts a program and prints its output as it comes. */
static int stream(aos_sidecar *sidecar, aos_id vm, const char *argv_json) {
  aos_id op;
  aos_error *error;
  aos_event event;
  int code = 1;
  if (aos_process_spawn(sidecar, vm, argv_json, AOS_NUL_TERMINATED, NULL, 0, NULL, NULL, &op, &error) != AOS_OK)
    return failed(argv_json, error);
  printf("$ %s\n", argv_json);
  for (;;) {
    event.struct_size = sizeof event;
    if (aos_op_take(sidecar, op, 60 * SECOND, &event) != AOS_OK) return 1;
    if (event.kind == AOS_EV_STDOUT) fwrite(event.data, 1, (size_t)event.data_len, stdout);
    if (event.kind == AOS_EV_COMPLETE) break;
    aos_event_release(&event, 1, 0);
  }
  if (event.status != AOS_OK) fprintf(stderr, "first_job: %s\n", aos_error_message(event.error, NULL));
  else printf("(exit code %" PRId64 ")\n", event.value), code = event.value != 0;
  aos_event_release(&event, 1, 0);
  return code;
}

static int job(aos_sidecar *sidecar, aos_id vm, const unsigned char *data, size_t length) {
  aos_bytes *back;
  aos_error *error;
  size_t back_length;
  int same;
  if (aos_fs_write(sidecar, vm, "/tmp/input.txt", AOS_NUL_TERMINATED, data, length, 60 * SECOND, &error) != AOS_OK)
    return failed("write", error);
  if (run(sidecar, vm, "sha256sum /tmp/input.txt && wc -c /tmp/input.txt")) return 1;
  if (stream(sidecar, vm,
             "[\"node\",\"-e\",\"const f = require('fs').readFileSync('/tmp/input.txt');"
             "for (let i = 1; i <= 3; i++) console.log(`line ${i}: ${f.length} bytes`)\"]"))
    return 1;
  if (aos_fs_read(sidecar, vm, "/tmp/input.txt", AOS_NUL_TERMINATED, 60 * SECOND, &back, &error) != AOS_OK)
    return failed("read", error);
  const void *bytes = aos_bytes_data(back, &back_length);
  same = back_length == length && memcmp(bytes, data, length) == 0;
  printf("read back %zu bytes: %s\n", back_length, same ? "identical" : "DIFFERENT");
  aos_bytes_release(back);
  return !same || describe(sidecar);
}

int main(int argc, char **argv) {
  const char *packs = getenv("AGENTOS_TEST_PACKS");
  unsigned char *data;
  size_t length;
  char config[4096];
  aos_sidecar *sidecar;
  aos_error *error;
  aos_id vm;
  int status = 1;
  if (argc != 2 || !packs) return fprintf(stderr, "usage: AGENTOS_TEST_PACKS=FOLDER first_job FILE\n"), 2;
  if (read_host_file(argv[1], &data, &length)) return 1;
  snprintf(config, sizeof config, "{\"software\":[{\"package\":\"%s/agent-os-coreutils\"}]}", packs);
  if (aos_sidecar_create(NULL, 0, &sidecar, &error) != AOS_OK) return failed("create", error);
  if (aos_vm_create(sidecar, config, AOS_NUL_TERMINATED, 60 * SECOND, &vm, &error) != AOS_OK)
    failed("vm_create", error);
  else
    status = job(sidecar, vm, data, length);
  if (aos_sidecar_dispose(sidecar, 60 * SECOND, &error) != AOS_OK) status = failed("dispose", error);
  if (!status) status = describe(sidecar);
  aos_sidecar_release(sidecar);
  free(data);
  return status;
}
