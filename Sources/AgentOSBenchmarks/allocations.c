/* SPDX-License-Identifier: Apache-2.0 */
#include "allocations.h"
#include <stdatomic.h>
#include <stdlib.h>

static _Atomic int is_counting;
static _Atomic unsigned long allocations;

void allocations_begin(void) {
  atomic_store(&allocations, 0);
  atomic_store(&is_counting, 1);
}

unsigned long allocations_end(void) {
  atomic_store(&is_counting, 0);
  return atomic_load(&allocations);
}

/* Sanitizers bring their own; nothing is counted under them. */
#if defined(__GLIBC__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
# if defined(__has_feature)
#  if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#   define IS_SANITIZED
#  endif
# endif
# ifndef IS_SANITIZED
/* The package hides the names of C by default, and these must be found by the library. */
# define EXPORTED __attribute__((visibility("default")))

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);

static void count(void) {
  if (atomic_load_explicit(&is_counting, memory_order_relaxed))
    atomic_fetch_add_explicit(&allocations, 1, memory_order_relaxed);
}

EXPORTED void *malloc(size_t size) {
  count();
  return __libc_malloc(size);
}

EXPORTED void *calloc(size_t number, size_t size) {
  count();
  return __libc_calloc(number, size);
}

EXPORTED void *realloc(void *block, size_t size) {
  count();
  return __libc_realloc(block, size);
}
# endif
#endif
