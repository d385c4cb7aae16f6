/* SPDX-License-Identifier: Apache-2.0
 * What Swift cannot spell: functions that its Glibc module lacks, variadic system calls, code that must be
 * async-signal-safe, and code that must run between fork and exec. Nothing here knows the protocol. */
#ifndef AGENTOS_SHIMS_H
#define AGENTOS_SHIMS_H
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/types.h>
#include <sys/uio.h>

/* Descriptors (descriptors.c). All are close-on-exec and non-blocking; -1 and errno on failure. */
int aos_shim_eventfd(void);
int aos_shim_epoll_create(void);
int aos_shim_epoll_control(int epoll, int operation, int fd, uint32_t events, uint64_t token);
int aos_shim_epoll_wait(int epoll, uint64_t *tokens, uint32_t *events, int capacity, int timeout_ms);
int aos_shim_socketpair(int fds[2]);
int aos_shim_pipe(int fds[2]);
int aos_shim_set_socket_buffers(int fd, int bytes);
ssize_t aos_shim_send(int fd, const void *bytes, size_t count); /* no SIGPIPE, whatever the host's disposition */
ssize_t aos_shim_send_parts(int fd, const struct iovec *parts, size_t count);   /* the same, of several pieces */
ssize_t aos_shim_receive(int fd, void *bytes, size_t count);
int aos_shim_poll_one(int fd, int64_t timeout_ns); /* > 0 readable, 0 timed out, -1 errno. timeout_ns < 0: no limit. */
/* Waits for any of the descriptors: bit 0 the first, bit 1 the second, bit 2 the third, unless that is -1; 0 timed out,
 * -1 errno. timeout_ns < 0: no limit. */
int aos_shim_poll_three(int first, int second, int third, int64_t timeout_ns);
/* 1 for a terminal, but not for its emulator's side: opening that once more makes another terminal. */
int aos_shim_is_terminal(int fd);
int aos_shim_lock_file(const char *path, int create);           /* opened and locked; EWOULDBLOCK if somebody holds it */
int aos_shim_remove_tree(const char *path);                     /* never follows a link; 0 or -1 */
/* Descriptors that a forked child must not keep open: the sidecar would not see its host's end while it lives. */
void aos_shim_close_in_child(int fd);
void aos_shim_forget_in_child(int fd);
void aos_shim_close_all_in_child(void);
char **aos_shim_environment(void);
#define AOS_SHIM_EPOLL_ADD 1
#define AOS_SHIM_EPOLL_DELETE 2
#define AOS_SHIM_EPOLL_MODIFY 3
#define AOS_SHIM_READABLE 1u
#define AOS_SHIM_WRITABLE 4u
#define AOS_SHIM_FAILED 0x18u /* EPOLLERR | EPOLLHUP */

/* Child processes (spawn.c). */
/* Starts argv[0] with descriptors 0, 1, 2 and nothing else, an empty signal mask, default dispositions and a
 * session of its own. Returns 0 and sets *pid and *pidfd (-1 where the kernel has none), or an errno. */
int aos_shim_spawn(char *const argv[], char *const envp[], const char *directory, const int standard[3],
                   pid_t *pid, int *pidfd);
int aos_shim_kill(pid_t pid, int pidfd, int signal); /* 0 or errno */
/* 1 reaped (*code: exit status, *signal: 0 or the signal), 0 still running, -1 status lost (ECHILD). */
int aos_shim_reap(pid_t pid, int *code, int *signal);
const char *aos_shim_strerror(int error, char *buffer, size_t count);

/* Threads (threads.c). */
/* A detached thread with every signal blocked, named `name` (at most 15 bytes). 0 or errno. */
int aos_shim_thread_start(const char *name, void (*body)(uintptr_t context), uintptr_t context);
void aos_shim_futex_wait(uint32_t *word, uint32_t expected, int64_t timeout_ns); /* < 0: no limit */
void aos_shim_futex_wake(uint32_t *word, int count);
/* What the calling thread is doing for the library: bits of AOS_SHIM_ROLE_*, and the object it does it for. */
#define AOS_SHIM_ROLE_READER 1u
#define AOS_SHIM_ROLE_CALLBACK 2u
uint32_t aos_shim_thread_role(void);
uint64_t aos_shim_thread_subject(void);
void aos_shim_thread_set_role(uint32_t role, uint64_t subject);
/* Registers the three fork handlers once; `child` runs in the child before fork returns there. */
int aos_shim_atfork(void (*prepare)(void), void (*parent)(void), void (*child)(void));

/* Doorbells (doorbell.c): an eventfd that is readable exactly while items or wakes are pending. Lock-free and
 * async-signal-safe: whoever finds the bell being rung by somebody else leaves the work to that one. */
int aos_shim_doorbell_create(void);                   /* index, -1 errno, -2 all are in use */
int aos_shim_doorbell_capacity(void);                 /* as many there may be */
void aos_shim_doorbell_set_key(int index, uint64_t key); /* by which it can be woken; at least 2 */
int aos_shim_doorbell_fd(int index);
void aos_shim_doorbell_add(int index, int32_t items); /* that many more items are pending, or fewer */
int aos_shim_doorbell_take_wake(int index);           /* 1 if a wake was pending; it is gone now */
void aos_shim_doorbell_wake(uint64_t key);            /* by key: an unknown one does nothing */
void aos_shim_doorbell_forget_all(void);              /* in a forked child: the bells are its parent's */
void aos_shim_doorbell_destroy(int index);

/* Base64 (base64.c): standard alphabet, padded; SIMD chosen at run time. */
size_t aos_shim_base64_encode(const uint8_t *in, size_t count, uint8_t *out); /* writes 4 * ceil(count / 3) */
/* Strict: length a multiple of 4, correct padding, zero trailing bits. Returns the byte count or -1. */
int64_t aos_shim_base64_decode(const uint8_t *in, size_t count, uint8_t *out);

/* Text (text.c). */
size_t aos_shim_strlen(const char *text);
static inline int aos_shim_same_bytes(const void *left, const void *right, size_t count) {
  return count == 0 || memcmp(left, right, count) == 0;
}
int aos_shim_is_utf8(const uint8_t *bytes, size_t count);
/* The bytes that a JSON string of this UTF-8 text has between its quotes, by the sidecar's own escaping. */
size_t aos_shim_json_string_size(const uint8_t *bytes, size_t count);
/* The same for a byte array written as JSON numbers with commas. */
size_t aos_shim_json_bytes_size(const uint8_t *bytes, size_t count);
#endif
