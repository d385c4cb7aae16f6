/* SPDX-License-Identifier: Apache-2.0 */
/* Preloaded into a program under Valgrind: lets its threads settle before it is looked for leaks, which comes last. */
#define _POSIX_C_SOURCE 200809L
#include <stdlib.h>
#include <time.h>

/* Programs that it starts are to end as they always do. */
__attribute__((constructor)) static void keep_from_children(void) { unsetenv("LD_PRELOAD"); }

__attribute__((destructor)) static void settle(void) {
  nanosleep(&(struct timespec){.tv_nsec = 500 * 1000 * 1000}, NULL);
}
