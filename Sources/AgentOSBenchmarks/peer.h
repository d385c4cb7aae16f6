/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BENCHMARKS_PEER_H
#define BENCHMARKS_PEER_H

/* The instant peer: reads requests from stdin and answers on stdout without doing any work, until the end of file. */
int peer(void);

#endif
