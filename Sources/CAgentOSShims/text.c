/* SPDX-License-Identifier: Apache-2.0 */
#include "CAgentOSShims.h"
#include <string.h>

size_t aos_shim_strlen(const char *text) { return strlen(text); }

int aos_shim_is_utf8(const uint8_t *bytes, size_t count) {
  size_t i = 0;
  while (i < count) {
    uint64_t eight;
    if (i + 8 <= count) {
      memcpy(&eight, bytes + i, 8);
      if (!(eight & 0x8080808080808080u)) {
        i += 8;
        continue;
      }
    }
    uint8_t first = bytes[i];
    if (first < 0x80) {
      i++;
      continue;
    }
    size_t more;
    uint8_t low = 0x80, high = 0xBF;
    if (first >= 0xC2 && first <= 0xDF) more = 1;
    else if (first >= 0xE0 && first <= 0xEF) {
      more = 2;
      if (first == 0xE0) low = 0xA0;  /* no overlong form */
      if (first == 0xED) high = 0x9F; /* no surrogate */
    } else if (first >= 0xF0 && first <= 0xF4) {
      more = 3;
      if (first == 0xF0) low = 0x90;
      if (first == 0xF4) high = 0x8F; /* nothing above U+10FFFF */
    } else return 0;
    if (count - i <= more) return 0;
    if (bytes[i + 1] < low || bytes[i + 1] > high) return 0;
    for (size_t k = 2; k <= more; k++)
      if ((bytes[i + k] & 0xC0) != 0x80) return 0;
    i += more + 1;
  }
  return 1;
}

size_t aos_shim_json_string_size(const uint8_t *bytes, size_t count) {
  size_t extra = 0;
  for (size_t i = 0; i < count; i++) {
    uint8_t c = bytes[i];
    if (c == '"' || c == '\\') extra += 1;
    else if (c < 0x20) extra += (c == '\n' || c == '\r' || c == '\t' || c == '\b' || c == '\f') ? 1 : 5;
  }
  return count + extra;
}

size_t aos_shim_json_bytes_size(const uint8_t *bytes, size_t count) {
  size_t digits = 0;
  for (size_t i = 0; i < count; i++) digits += bytes[i] < 10 ? 1 : bytes[i] < 100 ? 2 : 3;
  return digits + (count ? count - 1 : 0) + 2;
}
