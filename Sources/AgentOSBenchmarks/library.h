/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BENCHMARKS_LIBRARY_H
#define BENCHMARKS_LIBRARY_H

#include "agentos.h"
#include <stdint.h>
#include <sys/types.h>

/* What is measured: the library as it is shipped, loaded at run time and called through its header's types. Not
 * linked, so that this program can also measure its load, and be the instant peer without it. */
#define LIBRARY_FUNCTIONS(X)                                                                        \
  X(sidecar_create) X(sidecar_release) X(sidecar_dispose) X(sidecar_diagnostics_json) X(vm_create)  \
  X(fs_exists) X(fs_exists_async) X(fs_read_dir) X(fs_read_dir_async) X(fs_read) X(fs_read_async)   \
  X(fs_write) X(fs_write_async) X(request_json) X(request_json_async)                               \
  X(process_exec_argv) X(process_spawn) X(process_close_stdin) X(net_fetch)                         \
  X(queue_create) X(queue_fd) X(queue_drain) X(queue_release) X(event_release)                      \
  X(bytes_data) X(bytes_release) X(error_message) X(error_release)

#define LIBRARY_MEMBER(name) __typeof__(&aos_##name) name;
struct library {
  LIBRARY_FUNCTIONS(LIBRARY_MEMBER)
};
extern struct library library;

/* The path of the library: AGENTOS_LIBRARY. */
const char *library_path(void);
void library_load(void);

/* A handle with a VM whose peer is `argv`, without file guards. */
struct session {
  aos_sidecar *sidecar;
  aos_id vm;
  pid_t peer;
};
void session_open(struct session *session, char *const argv[]);
void session_close(struct session *session);

/* Ends the program unless `status` is AOS_OK. */
void check(aos_status status, aos_error *error, const char *what);

#endif
