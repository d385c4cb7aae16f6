/* SPDX-License-Identifier: Apache-2.0 */
#include "CAgentOSShims.h"
#include <errno.h>
#include <sched.h>
#include <stdatomic.h>
#include <unistd.h>

enum { CAPACITY = 4096, RINGING = 1, CHANGED = 2, UNNAMED = 1 };

struct doorbell {
  _Atomic uint64_t key;    /* 0: free; UNNAMED: not to be found */
  _Atomic uint32_t users;  /* wakers inside: the descriptor must not be closed under them */
  _Atomic uint32_t state;
  _Atomic int32_t items;
  _Atomic uint32_t wakes;
  int fd;
  int readable; /* only the ringer touches it */
};
static struct doorbell bells[CAPACITY];
static _Atomic int highest; /* no bell at or above this index was ever used */

/* Brings the descriptor in line with items and wakes. Whoever comes while another is at it only leaves a mark:
 * so a signal handler that interrupts a ringer never waits for it. */
static void ring(struct doorbell *bell) {
  uint32_t before = atomic_fetch_or(&bell->state, CHANGED | RINGING);
  if (before & RINGING) return;
  for (;;) {
    atomic_fetch_and(&bell->state, ~(uint32_t)CHANGED);
    int wanted = atomic_load(&bell->items) > 0 || atomic_load(&bell->wakes) != 0;
    if (wanted != bell->readable) {
      uint64_t one = 1;
      ssize_t done;
      int saved = errno;
      do done = wanted ? write(bell->fd, &one, 8) : read(bell->fd, &one, 8);
      while (done < 0 && errno == EINTR);
      errno = saved;
      bell->readable = wanted;
    }
    uint32_t expected = RINGING;
    if (atomic_compare_exchange_strong(&bell->state, &expected, 0)) return;
  }
}

int aos_shim_doorbell_capacity(void) { return CAPACITY; }

int aos_shim_doorbell_create(void) {
  for (int i = 0; i < CAPACITY; i++) {
    uint64_t free_key = 0;
    if (!atomic_compare_exchange_strong(&bells[i].key, &free_key, UNNAMED)) continue;
    int fd = aos_shim_eventfd();
    if (fd < 0) {
      atomic_store(&bells[i].key, 0);
      return -1;
    }
    bells[i].fd = fd;
    bells[i].readable = 0;
    atomic_store(&bells[i].state, 0);
    atomic_store(&bells[i].items, 0);
    atomic_store(&bells[i].wakes, 0);
    int seen = atomic_load(&highest);
    while (seen < i + 1 && !atomic_compare_exchange_weak(&highest, &seen, i + 1)) {
    }
    return i;
  }
  return -2;
}

void aos_shim_doorbell_set_key(int index, uint64_t key) { atomic_store(&bells[index].key, key); }

int aos_shim_doorbell_fd(int index) { return bells[index].fd; }

void aos_shim_doorbell_add(int index, int32_t items) {
  /* Only the step between none and some moves the descriptor: all others cost no system call. Below none: items that
   * were taken before their pusher has counted them. */
  int32_t before = atomic_fetch_add(&bells[index].items, items);
  if ((before > 0) == (before + items > 0)) return;
  ring(&bells[index]);
  /* Who has taken the last item may look at the descriptor at once: a pusher that is still at it finishes first. */
  while (items < 0 && (atomic_load(&bells[index].state) & RINGING)) sched_yield();
}

int aos_shim_doorbell_take_wake(int index) {
  if (atomic_exchange(&bells[index].wakes, 0) == 0) return 0;
  ring(&bells[index]);
  return 1;
}

void aos_shim_doorbell_forget_all(void) {
  int count = atomic_load(&highest);
  for (int i = 0; i < count; i++) {
    if (atomic_load(&bells[i].key) <= UNNAMED) continue;
    atomic_store(&bells[i].key, UNNAMED);
    /* Shared with the parent: what is written here would wake the hosts of its queues. */
    close(bells[i].fd);
    bells[i].fd = -1;
  }
}

void aos_shim_doorbell_wake(uint64_t key) {
  if (key <= UNNAMED) return;
  int count = atomic_load(&highest);
  for (int i = 0; i < count; i++) {
    struct doorbell *bell = &bells[i];
    if (atomic_load(&bell->key) != key) continue;
    atomic_fetch_add(&bell->users, 1);
    if (atomic_load(&bell->key) == key) {
      atomic_store(&bell->wakes, 1);
      ring(bell);
    }
    atomic_fetch_sub(&bell->users, 1);
    return;
  }
}

void aos_shim_doorbell_destroy(int index) {
  struct doorbell *bell = &bells[index];
  atomic_store(&bell->key, UNNAMED);
  while (atomic_load(&bell->users) != 0) sched_yield();
  close(bell->fd);
  bell->fd = -1;
  atomic_store(&bell->key, 0);
}
