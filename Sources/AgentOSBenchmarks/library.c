/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "library.h"
#include "report.h"
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct library library;

const char *library_path(void) {
  const char *path = getenv("AGENTOS_LIBRARY");
  return path ? path : "build/libagentos.so";
}

static void *function(void *handle, const char *name) {
  void *found = dlsym(handle, name);
  if (!found) fail(dlerror());
  return found;
}

void library_load(void) {
  void *handle = dlopen(library_path(), RTLD_NOW);
  if (!handle) fail(dlerror());
#define LIBRARY_FIND(name) *(void **)&library.name = function(handle, "aos_" #name);
  LIBRARY_FUNCTIONS(LIBRARY_FIND)
}

void check(aos_status status, aos_error *error, const char *what) {
  if (status == AOS_OK) return;
  const char *message = error ? library.error_message(error, NULL) : "";
  fprintf(stderr, "benchmarks: %s: status %d: %s\n", what, (int)status, message);
  exit(1);
}

void session_open(struct session *session, char *const argv[]) {
  char options[8192];
  int length = snprintf(options, sizeof options, "{\"fileGuards\":\"off\",\"command\":[");
  aos_error *error = NULL;
  aos_bytes *text;
  for (int i = 0; argv[i]; i++)
    length += snprintf(options + length, sizeof options - (size_t)length, "%s\"%s\"", i ? "," : "", argv[i]);
  snprintf(options + length, sizeof options - (size_t)length, "]}");
  check(library.sidecar_create(options, AOS_NUL_TERMINATED, &session->sidecar, &error), error, "create a handle");
  check(library.vm_create(session->sidecar, NULL, 0, AOS_NO_TIMEOUT, &session->vm, &error), error, "create a VM");
  check(library.sidecar_diagnostics_json(session->sidecar, &text, &error), error, "diagnostics");
  const char *found = strstr(library.bytes_data(text, NULL), "\"processId\":");
  session->peer = found ? (pid_t)atol(found + strlen("\"processId\":")) : 0;
  library.bytes_release(text);
}

void session_close(struct session *session) {
  aos_error *error = NULL;
  check(library.sidecar_dispose(session->sidecar, AOS_NO_TIMEOUT, &error), error, "dispose");
  library.sidecar_release(session->sidecar);
}
