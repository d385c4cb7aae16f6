/* SPDX-License-Identifier: Apache-2.0
 *
 * What the parts of the lifecycle host share. Every part prints lines `name value` for the test to read, and ends
 * with status 1 and a line on stderr where something fails that no case expects to fail. */
#ifndef LIFECYCLE_HOST_H
#define LIFECYCLE_HOST_H

#include <agentos.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECOND ((uint64_t)1000000000)
#define MILLISECOND ((uint64_t)1000000)

/* What a process holds: descriptors, threads, children, and sidecar directories in its temporary directory. */
struct holdings {
  int descriptors, threads, children, directories;
};

struct holdings count_holdings(void);
/* Waits until nothing is held beyond `limit`, 20 s at most, and prints both; `late` after 5 s. 1 when that does not
 * come. */
int settle(const char *name, struct holdings limit);
/* A line of /proc/self/status in KiB: VmRSS, VmHWM. */
long memory_kib(const char *name);
uint64_t now_ns(void);
void pause_ms(long milliseconds);

/* Ends the program with the library's own words unless `status` is AOS_OK. Takes the error. */
void must(const char *what, aos_status status, aos_error *error);
/* Prints `name STATUS message`, and takes the error. */
void report(const char *name, aos_status status, aos_error *error);

/* Options come from the variable HOST_OPTIONS, as JSON; NULL without it. */
aos_sidecar *make_sidecar(void);
aos_id make_vm(aos_sidecar *sidecar);
int file_exists(aos_sidecar *sidecar, aos_id vm, const char *path);
void print_description(const char *name, aos_sidecar *sidecar);
long process_id(aos_sidecar *sidecar);

int run_ends(const char *name, int argc, char **argv);
int run_counts(const char *name, int argc, char **argv);
int run_flow(const char *name, int argc, char **argv);

#endif
