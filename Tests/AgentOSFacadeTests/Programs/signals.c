/* SPDX-License-Identifier: Apache-2.0
 *
 * A good guest among signals: `SIGPIPE` stays at its default and a peer that closes its stdin under a write does not
 * kill us; masks and dispositions are as before; the child's mask is empty; a storm of SIGALRM changes nothing.
 * Its argument is where the peer may keep its log. */
#include "program.h"
#include <sys/time.h>

static volatile sig_atomic_t alarms;
static void on_alarm(int number) { (void)number, alarms++; }

struct surroundings {
  sigset_t mask;
  struct sigaction actions[65];
};

static void look(struct surroundings *found) {
  memset(found, 0, sizeof *found);
  pthread_sigmask(SIG_SETMASK, NULL, &found->mask);
  for (int number = 1; number < 65; number++) sigaction(number, NULL, &found->actions[number]);
}

static void same(const struct surroundings *a, const struct surroundings *b) {
  for (int number = 1; number < 65; number++) {
    EXPECT(sigismember(&a->mask, number) == sigismember(&b->mask, number));
    EXPECT(a->actions[number].sa_handler == b->actions[number].sa_handler);
    /* But for SA_RESTORER, which glibc adds when this program puts one back. */
    EXPECT((a->actions[number].sa_flags & ~0x04000000) == (b->actions[number].sa_flags & ~0x04000000));
  }
}

/* The peer closes its stdin, and we go on writing into it. */
static void closed_input(const char *peer) {
  char options[20000];
  aos_sidecar *sidecar = NULL;
  aos_id vm;
  int failed = 0;
  static char block[262144];
  memset(block, 'x', sizeof block);
  write_options(options, sizeof options, peer, NULL,
                "{\"on\":\"guest_filesystem_call\",\"where\":{\"path\":\"/close\"},\"do\":[{\"closeStdin\":true}]}");
  EXPECT_STATUS(AOS_OK, aos_sidecar_create(options, AOS_NUL_TERMINATED, &sidecar, NULL));
  vm = make_vm(sidecar);
  aos_id ops[64];
  EXPECT_STATUS(AOS_OK, aos_fs_read_async(sidecar, vm, "/close", 6, NULL, &ops[0], NULL));
  for (int i = 1; i < 64; i++) {
    ops[i] = 0;
    aos_status status = aos_fs_write_async(sidecar, vm, "/a", 2, block, sizeof block, NULL, &ops[i], NULL);
    EXPECT(status == AOS_OK || status == AOS_E_BUSY || status == AOS_E_SIDECAR || status == AOS_E_DISPOSED);
    pause_ms(i < 8 ? 5 : 0);
  }
  for (int i = 0; i < 64; i++) {
    aos_event event;
    if (!ops[i]) continue;
    event.struct_size = sizeof event;
    aos_status status = aos_op_take(sidecar, ops[i], SECOND, &event);
    if (status == AOS_E_TIMEOUT) {
      EXPECT_STATUS(AOS_OK, aos_op_cancel(sidecar, ops[i]));
      status = aos_op_take(sidecar, ops[i], LIMIT, &event);
    }
    EXPECT_STATUS(AOS_OK, status);
    failed += event.status != AOS_OK;
    aos_event_release(&event, 1, 0);
  }
  EXPECT(failed > 0);
  aos_sidecar_dispose(sidecar, LIMIT, NULL);
  aos_sidecar_release(sidecar);
}

static void child_mask(const char *peer, const char *log) {
  char options[20000], line[65536];
  aos_sidecar *sidecar = NULL;
  sigset_t all, before;
  write_options(options, sizeof options, peer, log, NULL);
  EXPECT_STATUS(AOS_OK, aos_sidecar_create(options, AOS_NUL_TERMINATED, &sidecar, NULL));
  /* As from a thread that blocks and ignores much. */
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  struct sigaction ignore = {0}, old;
  ignore.sa_handler = SIG_IGN;
  sigaction(SIGTERM, &ignore, &old);
  make_vm(sidecar);
  sigaction(SIGTERM, &old, NULL);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  FILE *file = fopen(log, "r");
  EXPECT(file != NULL && fgets(line, sizeof line, file) != NULL);
  fclose(file);
  EXPECT(strstr(line, "\"blockedSignals\":\"0000000000000000\"") != NULL);
  EXPECT(strstr(line, "\"ignoredSignals\":\"0000000000000000\"") != NULL);
  EXPECT(strstr(line, "\"fds\":[0,1,2]") != NULL);
  EXPECT_STATUS(AOS_OK, aos_sidecar_dispose(sidecar, LIMIT, NULL));
  aos_sidecar_release(sidecar);
}

static void storm(const char *peer) {
  struct itimerval fast = {{0, 300}, {0, 300}}, off = {{0, 0}, {0, 0}};
  struct sigaction action = {0}, old;
  aos_queue *queue;
  action.sa_handler = on_alarm; /* without SA_RESTART */
  sigaction(SIGALRM, &action, &old);
  setitimer(ITIMER_REAL, &fast, NULL);
  aos_sidecar *sidecar = make_sidecar(peer);
  aos_id vm = make_vm(sidecar);
  EXPECT_STATUS(AOS_OK, aos_queue_create(0, &queue, NULL));
  uint64_t end = now_ns() + SECOND;
  for (int i = 0; now_ns() < end; i++) {
    int32_t exists = -1;
    aos_event event;
    aos_completion completion = AOS_COMPLETION_INIT;
    EXPECT_STATUS(AOS_OK, aos_fs_exists(sidecar, vm, i % 4 ? "/a" : "/late", AOS_NUL_TERMINATED, LIMIT, &exists, NULL));
    EXPECT(exists == 1);
    completion.deliver = AOS_DELIVER_QUEUE;
    completion.queue = queue;
    EXPECT_STATUS(AOS_OK, aos_fs_exists_async(sidecar, vm, "/late", 5, &completion, NULL, NULL));
    EXPECT(aos_queue_drain(queue, &event, 1, 0, LIMIT) == 1);
    EXPECT(event.status == AOS_OK);
    aos_event_release(&event, 1, 0);
  }
  /* A wait lasts as long as it was to, however many signals come. */
  uint64_t begin = now_ns();
  aos_event event;
  EXPECT(aos_queue_drain(queue, &event, 1, 0, 200 * MILLISECOND) == 0);
  EXPECT(now_ns() - begin >= 199 * MILLISECOND);
  int32_t exists = -1;
  begin = now_ns();
  EXPECT_STATUS(AOS_E_DEADLINE, aos_fs_exists(sidecar, vm, "/hang", 5, 200 * MILLISECOND, &exists, NULL));
  EXPECT(now_ns() - begin >= 199 * MILLISECOND && now_ns() - begin < 5 * SECOND);
  EXPECT_STATUS(AOS_OK, aos_sidecar_dispose(sidecar, LIMIT, NULL));
  aos_queue_release(queue);
  aos_sidecar_release(sidecar);
  setitimer(ITIMER_REAL, &off, NULL);
  sigaction(SIGALRM, &old, NULL);
  EXPECT(alarms > 100);
}

int main(int count, char **arguments) {
  struct surroundings before, after;
  EXPECT(count == 3);
  sigset_t some;
  sigemptyset(&some);
  sigaddset(&some, SIGUSR2);
  pthread_sigmask(SIG_BLOCK, &some, NULL);
  look(&before);
  EXPECT(before.actions[SIGPIPE].sa_handler == SIG_DFL);
  use_once(arguments[1]);
  look(&after);
  same(&before, &after);
  closed_input(arguments[1]);
  child_mask(arguments[1], arguments[2]);
  storm(arguments[1]);
  look(&after);
  same(&before, &after);
  return 0;
}
