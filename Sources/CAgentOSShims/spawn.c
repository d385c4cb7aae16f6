/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "CAgentOSShims.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

int aos_shim_spawn(char *const argv[], char *const envp[], const char *directory, const int standard[3],
                   pid_t *pid, int *pidfd) {
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  sigset_t none, all;
  int error = posix_spawn_file_actions_init(&actions);
  if (error) return error;
  error = posix_spawnattr_init(&attributes);
  if (error) {
    posix_spawn_file_actions_destroy(&actions);
    return error;
  }
  sigemptyset(&none);
  sigfillset(&all);
  /* Our own threads block every signal; a child that inherited that could not be terminated. */
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &all);
  posix_spawnattr_setflags(&attributes,
                           POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSID);
  /* Above the three targets first: a source that is itself 0, 1 or 2 would be overwritten half way. */
  int high[3] = {-1, -1, -1};
  for (int i = 0; i < 3 && !error; i++) {
    high[i] = fcntl(standard[i], F_DUPFD_CLOEXEC, 3);
    if (high[i] < 0) error = errno;
  }
  for (int i = 0; i < 3 && !error; i++) error = posix_spawn_file_actions_adddup2(&actions, high[i], i);
  if (!error) error = posix_spawn_file_actions_addclosefrom_np(&actions, 3);
  if (!error && directory) error = posix_spawn_file_actions_addchdir_np(&actions, directory);
  if (!error) error = posix_spawn(pid, argv[0], &actions, &attributes, argv, envp);
  for (int i = 0; i < 3; i++)
    if (high[i] >= 0) close(high[i]);
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  if (!error) *pidfd = (int)syscall(SYS_pidfd_open, *pid, 0);
  return error;
}

int aos_shim_kill(pid_t pid, int pidfd, int signal) {
  if (pidfd >= 0) return syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, 0) == 0 ? 0 : errno;
  return kill(pid, signal) == 0 ? 0 : errno;
}

int aos_shim_reap(pid_t pid, int *code, int *signal) {
  siginfo_t info;
  int result;
  info.si_pid = 0;
  do result = waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG);
  while (result < 0 && errno == EINTR);
  if (result < 0) return -1;
  if (info.si_pid == 0) return 0;
  *code = info.si_code == CLD_EXITED ? info.si_status : 0;
  *signal = info.si_code == CLD_EXITED ? 0 : info.si_status;
  return 1;
}

const char *aos_shim_strerror(int error, char *buffer, size_t count) {
  /* Not strerror: that follows the host's locale, and our texts must not. */
  const char *text = strerrordesc_np(error);
  if (!text) text = "Unknown error";
  strncpy(buffer, text, count - 1);
  buffer[count - 1] = 0;
  return buffer;
}
