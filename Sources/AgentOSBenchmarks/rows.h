/* SPDX-License-Identifier: Apache-2.0 */
/* The rows of the table of budgets; each measures and reports. `argv` starts a peer. */
#ifndef BENCHMARKS_ROWS_H
#define BENCHMARKS_ROWS_H

enum { FILE_SIZE = 512 * 1024 };

/* One call at a time: blocking, by queue, by callback thread; against a raw ping-pong. */
void row_blocking(char *const argv[]);
void row_deliveries(char *const argv[]);
void row_real_sidecar(char *const argv[]);
/* Many at a time. */
void row_in_flight(char *const argv[]);
void row_threads(char *const argv[]);
/* The parts of a call: submission, its allocations, decoding and dispatch. */
void row_parts(char *const argv[]);
void row_files(char *const argv[]);
void row_asyncio(char *const argv[]);
/* What a user does, on the real sidecar alone. */
void row_real_files(char *const argv[]);
void row_real_programs(char *const argv[]);
void row_real_output(char *const argv[]);
void row_real_fetch(char *const argv[]);
/* `self` is this program, which does row_load_child() in a process of its own. */
void row_load(const char *self);
int row_load_child(void);

#endif
