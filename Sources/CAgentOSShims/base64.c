/* SPDX-License-Identifier: Apache-2.0
 * Base64 at memory speed. File content crosses the wire in this form, so it is on the byte path. */
#include "CAgentOSShims.h"
#include <string.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

#if defined(__x86_64__)
/* 24 input bytes of a 32-byte load become 32 letters. The bytes are spread so that each 32-bit lane holds one
 * group of three, two multiplications cut it into four 6-bit values, and one table look-up adds the offset of
 * the range (A-Z, a-z, 0-9, +, /) that each value falls in. */
__attribute__((target("avx2"))) static size_t encode_avx2(const uint8_t *in, size_t count, uint8_t *out) {
  size_t done = 0;
  const __m256i spread = _mm256_setr_epi8(5, 4, 6, 5, 8, 7, 9, 8, 11, 10, 12, 11, 14, 13, 15, 14,
                                          1, 0, 2, 1, 4, 3, 5, 4, 7, 6, 8, 7, 10, 9, 11, 10);
  const __m256i offsets = _mm256_setr_epi8(65, 71, -4, -4, -4, -4, -4, -4, -4, -4, -4, -4, -19, -16, 0, 0,
                                           65, 71, -4, -4, -4, -4, -4, -4, -4, -4, -4, -4, -19, -16, 0, 0);
  if (count < 36) return 0;
  /* The load begins 4 bytes early, so the first group is left to the caller's scalar loop by starting at 12. */
  while (done + 4 <= count && done < 12) {
    uint32_t group = (uint32_t)in[done] << 16 | (uint32_t)in[done + 1] << 8 | in[done + 2];
    out[0] = (uint8_t)alphabet[group >> 18];
    out[1] = (uint8_t)alphabet[group >> 12 & 63];
    out[2] = (uint8_t)alphabet[group >> 6 & 63];
    out[3] = (uint8_t)alphabet[group & 63];
    out += 4;
    done += 3;
  }
  while (done + 28 <= count) {
    __m256i bytes = _mm256_loadu_si256((const __m256i *)(const void *)(in + done - 4));
    bytes = _mm256_shuffle_epi8(bytes, spread);
    __m256i high = _mm256_mulhi_epu16(_mm256_and_si256(bytes, _mm256_set1_epi32(0x0FC0FC00)),
                                      _mm256_set1_epi32(0x04000040));
    __m256i low = _mm256_mullo_epi16(_mm256_and_si256(bytes, _mm256_set1_epi32(0x003F03F0)),
                                     _mm256_set1_epi32(0x01000010));
    __m256i six = _mm256_or_si256(high, low);
    __m256i range = _mm256_subs_epu8(six, _mm256_set1_epi8(51));
    range = _mm256_sub_epi8(range, _mm256_cmpgt_epi8(six, _mm256_set1_epi8(25)));
    _mm256_storeu_si256((__m256i *)(void *)out, _mm256_add_epi8(six, _mm256_shuffle_epi8(offsets, range)));
    out += 32;
    done += 24;
  }
  return done;
}

/* The way back: classify each letter by its two nibbles, refuse the block if any is outside the alphabet, add
 * the offset of its range, and join four 6-bit values to three bytes. Stops at the first odd block: the scalar
 * loop then finds the exact fault. */
__attribute__((target("avx2"))) static size_t decode_avx2(const uint8_t *in, size_t count, uint8_t *out) {
  size_t done = 0;
  const __m256i low_table = _mm256_setr_epi8(
      0x15, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x13, 0x1A, 0x1B, 0x1B, 0x1B, 0x1A,
      0x15, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x13, 0x1A, 0x1B, 0x1B, 0x1B, 0x1A);
  const __m256i high_table = _mm256_setr_epi8(
      0x10, 0x10, 0x01, 0x02, 0x04, 0x08, 0x04, 0x08, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10,
      0x10, 0x10, 0x01, 0x02, 0x04, 0x08, 0x04, 0x08, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10);
  const __m256i roll_table = _mm256_setr_epi8(0, 16, 19, 4, -65, -65, -71, -71, 0, 0, 0, 0, 0, 0, 0, 0,
                                              0, 16, 19, 4, -65, -65, -71, -71, 0, 0, 0, 0, 0, 0, 0, 0);
  const __m256i slash = _mm256_set1_epi8(0x2F);
  const __m256i pack = _mm256_setr_epi8(2, 1, 0, 6, 5, 4, 10, 9, 8, 14, 13, 12, -1, -1, -1, -1,
                                        2, 1, 0, 6, 5, 4, 10, 9, 8, 14, 13, 12, -1, -1, -1, -1);
  /* 32 bytes are stored for 24 decoded: stay far enough from the end of the output. */
  while (done + 48 <= count) {
    __m256i text = _mm256_loadu_si256((const __m256i *)(const void *)(in + done));
    __m256i high = _mm256_and_si256(_mm256_srli_epi32(text, 4), slash);
    __m256i low = _mm256_and_si256(text, slash);
    __m256i high_class = _mm256_shuffle_epi8(high_table, high);
    __m256i low_class = _mm256_shuffle_epi8(low_table, low);
    if (!_mm256_testz_si256(low_class, high_class)) break;
    __m256i roll = _mm256_shuffle_epi8(roll_table, _mm256_add_epi8(_mm256_cmpeq_epi8(text, slash), high));
    __m256i six = _mm256_add_epi8(text, roll);
    __m256i twelve = _mm256_maddubs_epi16(six, _mm256_set1_epi32(0x01400140));
    __m256i bytes = _mm256_madd_epi16(twelve, _mm256_set1_epi32(0x00011000));
    bytes = _mm256_shuffle_epi8(bytes, pack);
    bytes = _mm256_permutevar8x32_epi32(bytes, _mm256_setr_epi32(0, 1, 2, 4, 5, 6, -1, -1));
    _mm256_storeu_si256((__m256i *)(void *)out, bytes);
    out += 24;
    done += 32;
  }
  return done;
}
#endif

size_t aos_shim_base64_encode(const uint8_t *in, size_t count, uint8_t *out) {
  size_t done = 0;
  uint8_t *start = out;
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2")) {
    done = encode_avx2(in, count, out);
    out += done / 3 * 4;
  }
#endif
  for (; done + 3 <= count; done += 3, out += 4) {
    uint32_t group = (uint32_t)in[done] << 16 | (uint32_t)in[done + 1] << 8 | in[done + 2];
    out[0] = (uint8_t)alphabet[group >> 18];
    out[1] = (uint8_t)alphabet[group >> 12 & 63];
    out[2] = (uint8_t)alphabet[group >> 6 & 63];
    out[3] = (uint8_t)alphabet[group & 63];
  }
  if (done < count) {
    uint32_t group = (uint32_t)in[done] << 16 | (done + 1 < count ? (uint32_t)in[done + 1] << 8 : 0);
    out[0] = (uint8_t)alphabet[group >> 18];
    out[1] = (uint8_t)alphabet[group >> 12 & 63];
    out[2] = done + 1 < count ? (uint8_t)alphabet[group >> 6 & 63] : '=';
    out[3] = '=';
    out += 4;
  }
  return (size_t)(out - start);
}

static int value_of(uint8_t letter) {
  if (letter >= 'A' && letter <= 'Z') return letter - 'A';
  if (letter >= 'a' && letter <= 'z') return letter - 'a' + 26;
  if (letter >= '0' && letter <= '9') return letter - '0' + 52;
  return letter == '+' ? 62 : letter == '/' ? 63 : -1;
}

int64_t aos_shim_base64_decode(const uint8_t *in, size_t count, uint8_t *out) {
  if (count % 4) return -1;
  if (!count) return 0;
  uint8_t *start = out;
  size_t done = 0;
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2")) {
    done = decode_avx2(in, count, out);
    out += done / 4 * 3;
  }
#endif
  for (; done + 4 < count; done += 4, out += 3) {
    int a = value_of(in[done]), b = value_of(in[done + 1]), c = value_of(in[done + 2]), d = value_of(in[done + 3]);
    if ((a | b | c | d) < 0) return -1;
    uint32_t group = (uint32_t)a << 18 | (uint32_t)b << 12 | (uint32_t)c << 6 | (uint32_t)d;
    out[0] = (uint8_t)(group >> 16);
    out[1] = (uint8_t)(group >> 8);
    out[2] = (uint8_t)group;
  }
  int a = value_of(in[done]), b = value_of(in[done + 1]);
  if ((a | b) < 0) return -1;
  uint32_t group = (uint32_t)a << 18 | (uint32_t)b << 12;
  if (in[done + 3] == '=') {
    if (in[done + 2] == '=') {
      if (b & 15) return -1;
      *out++ = (uint8_t)(group >> 16);
      return out - start;
    }
    int c = value_of(in[done + 2]);
    if (c < 0 || (c & 3)) return -1;
    group |= (uint32_t)c << 6;
    *out++ = (uint8_t)(group >> 16);
    *out++ = (uint8_t)(group >> 8);
    return out - start;
  }
  int c = value_of(in[done + 2]), d = value_of(in[done + 3]);
  if ((c | d) < 0) return -1;
  group |= (uint32_t)c << 6 | (uint32_t)d;
  *out++ = (uint8_t)(group >> 16);
  *out++ = (uint8_t)(group >> 8);
  *out++ = (uint8_t)group;
  return out - start;
}
