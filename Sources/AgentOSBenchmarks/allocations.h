/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BENCHMARKS_ALLOCATIONS_H
#define BENCHMARKS_ALLOCATIONS_H

/* Counts the calls of malloc(3), calloc(3) and realloc(3) of the whole process, while it is asked to: this program's
 * own definitions of them come before those of the C library, also for what it loads. */
void allocations_begin(void);
unsigned long allocations_end(void);

#endif
