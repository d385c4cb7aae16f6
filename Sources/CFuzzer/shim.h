/* SPDX-License-Identifier: Apache-2.0
 * The entry of libFuzzer, which has no header of its own. Only a build with -sanitize=fuzzer can link it. */
#ifndef AGENTOS_CFUZZER_H
#define AGENTOS_CFUZZER_H
#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerRunDriver(int *argc, char ***argv, int (*one_input)(const uint8_t *bytes, size_t count));
#endif
