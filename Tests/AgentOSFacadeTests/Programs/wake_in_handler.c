/* SPDX-License-Identifier: Apache-2.0
 *
 * aos_queue_wake() in a signal handler, at any moment: of a drain, of a dispatch, of a submission that holds a lock, of
 * another wake. Nothing hangs, no event is lost, and the descriptor is right at the end. */
#include "program.h"
#include <sys/time.h>

static aos_queue *queue;
static volatile sig_atomic_t wakes;

static void on_alarm(int number) {
  int saved = errno;
  (void)number;
  aos_queue_wake(queue);
  wakes++;
  errno = saved;
}

int main(int count, char **arguments) {
  struct itimerval fast = {{0, 200}, {0, 200}}, off = {{0, 0}, {0, 0}};
  struct sigaction action = {0};
  long submitted = 0, taken = 0;
  int empty = 0;
  EXPECT(count == 2);
  EXPECT_STATUS(AOS_OK, aos_queue_create(0, &queue, NULL));

  /* A wake ends a wait that would last for ever, and the fd is readable until it is met. */
  aos_queue_wake(queue);
  aos_queue_wake(queue);
  EXPECT(is_readable(aos_queue_fd(queue)));
  aos_event event;
  uint64_t begin = now_ns();
  EXPECT(aos_queue_drain(queue, &event, 1, 0, 10 * SECOND) == 0);
  EXPECT(now_ns() - begin < 5 * SECOND);
  EXPECT(!is_readable(aos_queue_fd(queue)));

  aos_sidecar *sidecar = make_sidecar(arguments[1]);
  aos_id vm = make_vm(sidecar);
  action.sa_handler = on_alarm;
  action.sa_flags = SA_RESTART;
  sigaction(SIGALRM, &action, NULL);
  setitimer(ITIMER_REAL, &fast, NULL);
  uint64_t end = now_ns() + 2 * SECOND;
  while (now_ns() < end) {
    aos_completion completion = AOS_COMPLETION_INIT;
    completion.deliver = AOS_DELIVER_QUEUE;
    completion.queue = queue;
    EXPECT_STATUS(AOS_OK, aos_fs_exists_async(sidecar, vm, submitted % 5 ? "/a" : "/late", AOS_NUL_TERMINATED, &completion,
                                              NULL, NULL));
    submitted++;
    int32_t found = aos_queue_drain(queue, &event, 1, 0, LIMIT);
    EXPECT(found >= 0);
    if (found) aos_event_release(&event, 1, 0);
    taken += found;
    empty += found == 0;
  }
  setitimer(ITIMER_REAL, &off, NULL);
  begin = now_ns();
  while (taken < submitted && now_ns() - begin < LIMIT) {
    int32_t found = aos_queue_drain(queue, &event, 1, 0, SECOND);
    EXPECT(found >= 0);
    if (found) aos_event_release(&event, 1, 0);
    taken += found;
  }
  EXPECT(taken == submitted);
  EXPECT(wakes > 100 && empty > 0);
  while (aos_queue_drain(queue, &event, 1, 0, 0) > 0) {
  }
  EXPECT(!is_readable(aos_queue_fd(queue)));
  EXPECT_STATUS(AOS_OK, aos_sidecar_dispose(sidecar, LIMIT, NULL));
  aos_queue_release(queue);
  aos_queue_wake(queue);
  aos_sidecar_release(sidecar);
  return 0;
}
