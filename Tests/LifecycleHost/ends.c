/* SPDX-License-Identifier: Apache-2.0
 *
 * How hosts begin and end: the environment of a start, exit without disposal, being killed, fork, SIGCHLD. */
#include "host.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

/* Starts and ends one process; prints what came of it, and whether descriptors are as before. */
static int connect_once(void) {
  aos_sidecar *sidecar;
  aos_error *error = NULL;
  struct holdings before;
  aos_status status;
  sidecar = make_sidecar();
  before = count_holdings();
  status = aos_sidecar_connect(sidecar, 30 * SECOND, &error);
  report("connect", status, error);
  error = NULL;
  status = aos_sidecar_dispose(sidecar, 30 * SECOND, &error);
  report("dispose", status, error);
  aos_sidecar_release(sidecar);
  return settle("after", before);
}

/* A host with everything that a child must not inherit: blocked and ignored signals, descriptors without
 * close-on-exec. */
static int connect_from_a_rough_host(void) {
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, NULL);
  signal(SIGINT, SIG_IGN);
  signal(SIGTERM, SIG_IGN);
  signal(SIGPIPE, SIG_IGN);
  signal(SIGUSR1, SIG_IGN);
  for (int i = 0; i < 8; i++)
    if (open("/dev/null", O_RDONLY) < 0) return 1;
  return connect_once();
}

/* A VM, and then nothing: the test ends this process, or it ends by itself without disposing. */
static int leave(int is_kept_running) {
  aos_sidecar *sidecar = make_sidecar();
  aos_id vm = make_vm(sidecar);
  printf("exists %d\nprocess %ld\n", file_exists(sidecar, vm, "/x"), process_id(sidecar));
  fflush(stdout);
  while (is_kept_running) pause_ms(1000);
  return 0;
}

/* What the child of a fork may and may not do with what its parent made. */
static int child_of_fork(aos_sidecar *sidecar, aos_id vm, aos_sidecar *shared) {
  aos_sidecar *fresh = NULL;
  aos_error *error = (aos_error *)1;
  aos_id new_vm = 0;
  int32_t exists = -1;
  aos_status status;
  uint64_t start = now_ns();
  print_description("child-describe", sidecar);
  status = aos_vm_create(sidecar, NULL, 0, 5 * SECOND, &new_vm, &error);
  printf("child-create %s error %s\n", aos_status_name(status), error ? "set" : "NULL");
  status = aos_fs_exists(sidecar, vm, "/x", 2, 5 * SECOND, &exists, &error);
  printf("child-exists %s error %s\n", aos_status_name(status), error ? "set" : "NULL");
  status = aos_sidecar_dispose(sidecar, 5 * SECOND, &error);
  printf("child-dispose %s error %s\n", aos_status_name(status), error ? "set" : "NULL");
  aos_sidecar_release(sidecar);
  printf("child-quick %d\n", now_ns() - start < 2 * SECOND);
  error = NULL;
  must("get shared", aos_sidecar_get_shared("pool", getenv("HOST_OPTIONS"), AOS_NUL_TERMINATED, &fresh, &error), error);
  printf("child-pool %s\n", fresh != shared ? "is its own" : "is the parent's");
  new_vm = make_vm(fresh);
  printf("child-own %d process %ld\n", file_exists(fresh, new_vm, "/x"), process_id(fresh));
  must("dispose", aos_sidecar_dispose(fresh, 10 * SECOND, &error), error);
  aos_sidecar_release(fresh);
  fflush(stdout);
  return 0;
}

static int fork_with_a_vm(void) {
  aos_sidecar *sidecar = make_sidecar(), *shared = NULL;
  aos_error *error = NULL;
  aos_id vm = make_vm(sidecar);
  int status = 0;
  pid_t child;
  must("get shared", aos_sidecar_get_shared("pool", getenv("HOST_OPTIONS"), AOS_NUL_TERMINATED, &shared, &error),
       error);
  print_description("parent-describe", sidecar);
  printf("parent-before %d process %ld\n", file_exists(sidecar, vm, "/x"), process_id(sidecar));
  fflush(stdout);
  child = fork();
  if (child == 0) _exit(child_of_fork(sidecar, vm, shared));
  if (child < 0 || waitpid(child, &status, 0) != child) return 1;
  printf("child-status %d\n", WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status));
  printf("parent-after %d process %ld\n", file_exists(sidecar, vm, "/x"), process_id(sidecar));
  fflush(stdout);
  must("shutdown", aos_vm_shutdown(sidecar, vm, 10 * SECOND, &error), error);
  printf("parent-shutdown 1\n");
  return 0;
}

/* A child of a fork that lives on must not keep the sidecar of its parent alive. */
static int die_with_a_forked_child(void) {
  aos_sidecar *sidecar = make_sidecar();
  make_vm(sidecar);
  pid_t child = fork();
  if (child == 0) {
    fclose(stdout);
    close(1);
    close(2);
    pause_ms(3000);
    _exit(0);
  }
  printf("process %ld child %ld\n", process_id(sidecar), (long)child);
  fflush(stdout);
  _exit(0);
}

static int ignore_sigchld(void) {
  signal(SIGCHLD, SIG_IGN);
  aos_sidecar *sidecar = make_sidecar();
  aos_error *error = NULL;
  struct holdings before = count_holdings();
  for (int round = 0; round < 3; round++) {
    aos_id vm = make_vm(sidecar);
    printf("exists %d\n", file_exists(sidecar, vm, "/x"));
    must("shutdown", aos_vm_shutdown(sidecar, vm, 10 * SECOND, &error), error);
  }
  must("dispose", aos_sidecar_dispose(sidecar, 10 * SECOND, &error), error);
  return settle("after", before);
}

/* Disposes pools a, b and c, each with a VM. */
static int dispose_all_shared(int argc, char **argv) {
  static const char *const names[] = {"a", "b", "c"};
  aos_sidecar *pools[3], *again = NULL;
  aos_error *error = NULL;
  aos_status status;
  if (argc != 3) return 2;
  for (int i = 0; i < 3; i++) {
    must("get shared", aos_sidecar_get_shared(names[i], argv[i], AOS_NUL_TERMINATED, &pools[i], &error), error);
    make_vm(pools[i]);
  }
  status = aos_sidecar_dispose_all_shared(30 * SECOND, &error);
  report("dispose-all", status, error);
  error = NULL;
  for (int i = 0; i < 3; i++) {
    print_description("old", pools[i]);
    must("get shared", aos_sidecar_get_shared(names[i], argv[i], AOS_NUL_TERMINATED, &again, &error), error);
    printf("new %d\n", again != pools[i]);
    print_description("new", again);
  }
  return 0;
}

int run_ends(const char *name, int argc, char **argv) {
  if (!strcmp(name, "connect")) return connect_once();
  if (!strcmp(name, "connect-rough")) return connect_from_a_rough_host();
  if (!strcmp(name, "exit")) return leave(0);
  if (!strcmp(name, "stay")) return leave(1);
  if (!strcmp(name, "fork")) return fork_with_a_vm();
  if (!strcmp(name, "fork-and-die")) return die_with_a_forked_child();
  if (!strcmp(name, "sigchld")) return ignore_sigchld();
  if (!strcmp(name, "dispose-all")) return dispose_all_shared(argc, argv);
  return -1;
}
