/* SPDX-License-Identifier: Apache-2.0
 *
 * In a forked child every function on an inherited handle says AOS_E_FORKED at once with a NULL error, releases do
 * nothing, errors, bytes and the description stay readable, new handles work, and the parent notices nothing. */
#include "program.h"

#include <errno.h>
#include <fcntl.h>

static aos_sidecar *sidecar, *shared;
static aos_queue *queue;
static aos_bytes *bytes;
static aos_error *error;
static aos_id vm, op, process, process_op;
static int drops, queue_fd;

static void dropped(void *user_data) { (void)user_data, drops++; }
static void called(void *user_data, const aos_event *event) {
  (void)user_data, (void)event;
  EXPECT(!"never called");
}

static aos_error *const poison = (aos_error *)(uintptr_t)0x1234;

#define FORKED(call) \
  do { \
    aos_error *err = poison; \
    uint64_t begin = now_ns(); \
    EXPECT_STATUS(AOS_E_FORKED, call); \
    EXPECT(err == NULL); \
    EXPECT(now_ns() - begin < SECOND); \
  } while (0)

/* For functions without `err`. */
#define FORKED_PLAIN(call) EXPECT_STATUS(AOS_E_FORKED, call)

static void statuses(void) {
  aos_completion completion = AOS_COMPLETION_INIT;
  const aos_completion *wait = &completion;
  aos_bytes *out = NULL, *out2 = NULL;
  aos_id id = 0, id2 = 0;
  int32_t number = 0;
  uint32_t flags = 0, index = 0;
  aos_event event;
  event.struct_size = sizeof event;
#define ZERO AOS_NUL_TERMINATED
  FORKED(aos_sidecar_connect(sidecar, LIMIT, &err));
  FORKED(aos_sidecar_connect_async(sidecar, wait, &id, &err));
  FORKED(aos_sidecar_diagnostics_json(sidecar, &out, &err));
  FORKED(aos_sidecar_dispose(sidecar, LIMIT, &err));
  FORKED(aos_sidecar_dispose_async(sidecar, wait, &id, &err));
  FORKED(aos_sidecar_subscribe(sidecar, 1u << AOS_EV_CLOSED, wait, &id, &err));
  FORKED(aos_vm_create(sidecar, NULL, 0, LIMIT, &id, &err));
  FORKED(aos_vm_create_async(sidecar, NULL, 0, wait, &id, &err));
  FORKED(aos_vm_configure(sidecar, vm, NULL, 0, LIMIT, &err));
  FORKED(aos_vm_configure_async(sidecar, vm, NULL, 0, wait, &id, &err));
  FORKED(aos_vm_shutdown(sidecar, vm, LIMIT, &err));
  FORKED(aos_vm_shutdown_async(sidecar, vm, wait, &id, &err));
  FORKED(aos_fs_read(sidecar, vm, "/a", ZERO, LIMIT, &out, &err));
  FORKED(aos_fs_read_async(sidecar, vm, "/a", ZERO, wait, &id, &err));
  FORKED(aos_fs_write(sidecar, vm, "/a", ZERO, "x", 1, LIMIT, &err));
  FORKED(aos_fs_write_async(sidecar, vm, "/a", ZERO, "x", 1, wait, &id, &err));
  FORKED(aos_fs_stat(sidecar, vm, "/a", ZERO, LIMIT, &out, &err));
  FORKED(aos_fs_stat_async(sidecar, vm, "/a", ZERO, wait, &id, &err));
  FORKED(aos_fs_read_dir(sidecar, vm, "/a", ZERO, LIMIT, &out, &err));
  FORKED(aos_fs_read_dir_async(sidecar, vm, "/a", ZERO, wait, &id, &err));
  FORKED(aos_fs_exists(sidecar, vm, "/a", ZERO, LIMIT, &number, &err));
  FORKED(aos_fs_exists_async(sidecar, vm, "/a", ZERO, wait, &id, &err));
  FORKED(aos_fs_mkdir(sidecar, vm, "/a", ZERO, 0, LIMIT, &err));
  FORKED(aos_fs_mkdir_async(sidecar, vm, "/a", ZERO, 0, wait, &id, &err));
  FORKED(aos_fs_remove(sidecar, vm, "/a", ZERO, 0, LIMIT, &err));
  FORKED(aos_fs_remove_async(sidecar, vm, "/a", ZERO, 0, wait, &id, &err));
  FORKED(aos_process_exec(sidecar, vm, "a", ZERO, NULL, 0, NULL, 0, LIMIT, &number, &out, &out2, &flags, &err));
  FORKED(aos_process_exec_async(sidecar, vm, "a", ZERO, NULL, 0, NULL, 0, wait, &id, &err));
  FORKED(aos_process_exec_argv(sidecar, vm, "[\"a\"]", ZERO, NULL, 0, NULL, 0, LIMIT, &number, &out, &out2, &flags, &err));
  FORKED(aos_process_exec_argv_async(sidecar, vm, "[\"a\"]", ZERO, NULL, 0, NULL, 0, wait, &id, &err));
  FORKED(aos_process_spawn(sidecar, vm, "[\"a\"]", ZERO, NULL, 0, wait, &id2, &id, &err));
  FORKED(aos_process_write_stdin(sidecar, process, "x", 1, LIMIT, &err));
  FORKED(aos_process_write_stdin_async(sidecar, process, "x", 1, wait, &id, &err));
  FORKED(aos_process_close_stdin(sidecar, process, LIMIT, &err));
  FORKED(aos_process_close_stdin_async(sidecar, process, wait, &id, &err));
  FORKED(aos_process_kill(sidecar, process, NULL, LIMIT, &err));
  FORKED(aos_process_kill_async(sidecar, process, NULL, wait, &id, &err));
  FORKED(aos_request_json(sidecar, vm, "{\"type\":\"get_process_snapshot\"}", ZERO, LIMIT, &out, &err));
  FORKED(aos_request_json_async(sidecar, vm, "{\"type\":\"get_process_snapshot\"}", ZERO, wait, &id, &err));
  FORKED_PLAIN(aos_op_wait(sidecar, &op, 1, LIMIT, &index));
  FORKED_PLAIN(aos_op_take(sidecar, op, LIMIT, &event));
  FORKED_PLAIN(aos_op_cancel(sidecar, op));
  FORKED_PLAIN(aos_queue_drain(queue, &event, 1, 0, LIMIT));
  FORKED_PLAIN(aos_queue_dispatch(queue, 0, LIMIT));
  EXPECT(aos_queue_fd(queue) == -1);
  /* Nothing was put out, and an inherited queue refuses a submission on any handle: its drop runs. */
  EXPECT(out == NULL && out2 == NULL && id == 0 && id2 == 0);
  completion.deliver = AOS_DELIVER_CALL;
  completion.queue = queue;
  completion.fn = called;
  completion.drop = dropped;
  FORKED(aos_sidecar_connect_async(sidecar, wait, &id, &err));
  EXPECT(drops == 1);
}

static void child(const char *peer) {
  size_t length = 0;
  aos_bytes *text = NULL;
  aos_error *err = poison;
  /* Shared with the parent, whose host would be woken by what is written to it here. */
  EXPECT(fcntl(queue_fd, F_GETFD) == -1 && errno == EBADF);
  statuses();

  EXPECT(aos_error_status(error) == AOS_E_INVALID);
  EXPECT(strlen(aos_error_message(error, &length)) == length && length > 0);
  EXPECT(strstr(aos_error_detail_json(error, NULL), "\"kind\":\"invalid_argument\"") != NULL);
  EXPECT(memcmp(aos_bytes_data(bytes, &length), "inherited", 9) == 0 && length == 9);
  EXPECT(aos_bytes_retain(bytes) == bytes);
  aos_bytes_release(bytes);
  EXPECT_STATUS(AOS_OK, aos_sidecar_describe_json(sidecar, &text, &err));
  EXPECT(err == NULL);
  EXPECT(strstr(aos_bytes_data(text, NULL), "\"activeVmCount\":1") != NULL);
  aos_bytes_release(text);

  aos_queue_wake(queue);
  use_once(peer);

  aos_sidecar_release(sidecar);
  aos_sidecar_release(shared);
  aos_queue_release(queue);
  aos_queue_release(queue);
  aos_error_release(error);
  aos_bytes_release(bytes);
  EXPECT_STATUS(AOS_E_FORKED, aos_sidecar_connect(sidecar, LIMIT, NULL));

  aos_sidecar *pooled = NULL;
  EXPECT_STATUS(AOS_OK, aos_sidecar_get_shared("fork", NULL, 0, &pooled, NULL));
  EXPECT(pooled != shared);
  aos_sidecar_release(pooled);
  EXPECT_STATUS(AOS_OK, aos_sidecar_dispose_all_shared(LIMIT, NULL));
  use_once(peer);
}

int main(int count, char **arguments) {
  EXPECT(count == 2);
  aos_event event;
  aos_completion on_queue = AOS_COMPLETION_INIT;
  aos_id queued = 0;
  sidecar = make_sidecar(arguments[1]);
  vm = make_vm(sidecar);
  EXPECT_STATUS(AOS_OK, aos_sidecar_get_shared("fork", NULL, 0, &shared, NULL));
  EXPECT_STATUS(AOS_OK, aos_queue_create(0, &queue, NULL));
  queue_fd = aos_queue_fd(queue);
  EXPECT_STATUS(AOS_E_INVALID, aos_queue_create(~0u, &(aos_queue *){NULL}, &error));
  bytes = aos_bytes_copy("inherited", 9);
  EXPECT_STATUS(AOS_OK, aos_fs_exists_async(sidecar, vm, "/hang", 5, NULL, &op, NULL));
  EXPECT_STATUS(AOS_OK, aos_process_spawn(sidecar, vm, "[\"endless\"]", AOS_NUL_TERMINATED, NULL, 0, NULL, &process,
                                          &process_op, NULL));
  on_queue.deliver = AOS_DELIVER_QUEUE;
  on_queue.queue = queue;
  EXPECT_STATUS(AOS_OK, aos_fs_exists_async(sidecar, vm, "/hang", 5, &on_queue, &queued, NULL));

  for (int round = 0; round < 5; round++) {
    pid_t pid = fork();
    EXPECT(pid >= 0);
    if (pid == 0) {
      child(arguments[1]);
      /* Half of them by exit(), with its handlers. */
      if (round % 2) _exit(0);
      exit(0);
    }
    int status = wait_child(pid, 30 * SECOND);
    if (status != 0) fprintf(stderr, "child %d: wait status 0x%x (-1: it hung)\n", round, (unsigned)status);
    EXPECT(status == 0);
  }

  /* The parent: its queue is not touched by the children, and everything goes on. */
  EXPECT(!is_readable(aos_queue_fd(queue)));
  EXPECT(aos_queue_drain(queue, &event, 1, 0, 0) == 0);
  event.struct_size = sizeof event;
  EXPECT_STATUS(AOS_E_TIMEOUT, aos_op_take(sidecar, op, 0, &event));
  EXPECT_STATUS(AOS_OK, aos_op_cancel(sidecar, queued));
  EXPECT(aos_queue_drain(queue, &event, 1, 0, LIMIT) == 1);
  EXPECT(event.op == queued && event.status == AOS_E_CANCELED);
  aos_event_release(&event, 1, 0);
  EXPECT_STATUS(AOS_OK, aos_sidecar_dispose(sidecar, LIMIT, NULL));
  event.struct_size = sizeof event;
  EXPECT_STATUS(AOS_OK, aos_op_take(sidecar, op, LIMIT, &event));
  EXPECT(event.status == AOS_E_DISPOSED);
  aos_event_release(&event, 1, 0);
  EXPECT(aos_error_status(error) == AOS_E_INVALID);
  aos_error_release(error);
  EXPECT(aos_error_status(error) == AOS_E_STALE);
  aos_bytes_release(bytes);
  EXPECT(aos_bytes_data(bytes, NULL) == NULL);
  aos_queue_release(queue);
  EXPECT(aos_queue_fd(queue) == -1);
  aos_sidecar_release(shared);
  aos_sidecar_release(sidecar);
  return 0;
}
