/* SPDX-License-Identifier: Apache-2.0 */
#include "frames.h"
#include <stdlib.h>
#include <string.h>

void put(struct buffer *buffer, const void *bytes, size_t count) {
  if (buffer->count + count > buffer->room) {
    buffer->room = 2 * (buffer->count + count);
    buffer->bytes = realloc(buffer->bytes, buffer->room);
    if (!buffer->bytes) abort();
  }
  if (count) memcpy(buffer->bytes + buffer->count, bytes, count);
  buffer->count += count;
}

void put_u8(struct buffer *buffer, unsigned value) { put(buffer, &(uint8_t){(uint8_t)value}, 1); }

static void put_little(struct buffer *buffer, uint64_t value, size_t count) {
  uint8_t bytes[8];
  for (size_t i = 0; i < count; i++) bytes[i] = (uint8_t)(value >> 8 * i);
  put(buffer, bytes, count);
}

void put_u16(struct buffer *buffer, unsigned value) { put_little(buffer, value, 2); }
void put_u32(struct buffer *buffer, uint32_t value) { put_little(buffer, value, 4); }
void put_u64(struct buffer *buffer, uint64_t value) { put_little(buffer, value, 8); }

void put_uint(struct buffer *buffer, uint64_t value) {
  for (; value >= 0x80; value >>= 7) put_u8(buffer, (unsigned)(value & 0x7f) | 0x80);
  put_u8(buffer, (unsigned)value);
}

void put_data(struct buffer *buffer, const void *bytes, size_t count) {
  put_uint(buffer, count);
  put(buffer, bytes, count);
}

void put_text(struct buffer *buffer, const char *text) { put_data(buffer, text, strlen(text)); }

void put_owner(struct buffer *buffer, enum owner owner) {
  put_u8(buffer, owner);
  put_text(buffer, CONNECTION_ID);
  if (owner >= OWNER_SESSION) put_text(buffer, SESSION_ID);
  if (owner >= OWNER_VM) put_text(buffer, VM_ID);
}

size_t begin_frame(struct buffer *buffer, enum frame_tag tag, int64_t id) {
  size_t begin = buffer->count;
  put_u32(buffer, 0);
  put_u8(buffer, tag);
  put_text(buffer, "agent-os-sidecar");
  put_u16(buffer, 1);
  if (tag != TAG_EVENT) put_u64(buffer, (uint64_t)id);
  return begin;
}

void end_frame(struct buffer *buffer, size_t begin) {
  size_t length = buffer->count - begin - 4;
  for (int i = 0; i < 4; i++) buffer->bytes[begin + (size_t)i] = (uint8_t)(length >> 8 * (3 - i));
}

static struct buffer begin_request(enum owner owner, enum request_tag request) {
  struct buffer frame = {0};
  begin_frame(&frame, TAG_REQUEST, 1);
  put_owner(&frame, owner);
  put_uint(&frame, request);
  return frame;
}

struct buffer authenticate_frame(void) {
  struct buffer frame = {0};
  begin_frame(&frame, TAG_REQUEST, 1);
  put_u8(&frame, OWNER_CONNECTION);
  put_text(&frame, "client-hint");
  put_uint(&frame, REQUEST_AUTHENTICATE);
  put_text(&frame, "agent-os-client");
  put_text(&frame, "agent-os-client");
  put_u32(&frame, 1);
  end_frame(&frame, 0);
  return frame;
}

struct buffer open_session_frame(void) {
  struct buffer frame = begin_request(OWNER_CONNECTION, REQUEST_OPEN_SESSION);
  put(&frame, "\1\0\0", 3); /* shared, no pool; no metadata */
  end_frame(&frame, 0);
  return frame;
}

static void put_permissions(struct buffer *frame) {
  put_u8(frame, 1);
  for (int domain = 0; domain < 6; domain++) put(frame, "\1\1\1", 3); /* there, a mode, allow */
}

/* `content`: NULL for a directory. */
static void put_entry(struct buffer *frame, const char *path, const char *content) {
  put_text(frame, path);
  put_u8(frame, content ? 1 : 2);
  put_u8(frame, 1), put_u32(frame, content ? 0644 : 0755);
  put_u8(frame, 1), put_u32(frame, 0);
  put_u8(frame, 1), put_u32(frame, 0);
  put_u8(frame, content != NULL);
  if (content) put_text(frame, content);
  put(frame, content ? "\1\1\0\0" : "\0\0\0", content ? 4 : 3); /* UTF-8 or none; no target, not executable */
}

struct buffer create_vm_frame(void) {
  struct buffer frame = begin_request(OWNER_SESSION, REQUEST_CREATE_VM);
  put(&frame, "\1\0", 2);     /* JavaScript, no metadata */
  put(&frame, "\1\0\0\0", 4); /* ephemeral, with the base layer, no lowers, no entries */
  put_permissions(&frame);
  end_frame(&frame, 0);
  return frame;
}

struct buffer bootstrap_frame(void) {
  char instructions[800];
  struct buffer frame = begin_request(OWNER_VM, REQUEST_BOOTSTRAP);
  memset(instructions, 'x', sizeof instructions - 1);
  instructions[sizeof instructions - 1] = 0;
  put_u8(&frame, 2);
  put_entry(&frame, "/etc/agentos", NULL);
  put_entry(&frame, "/etc/agentos/instructions.md", instructions);
  end_frame(&frame, 0);
  return frame;
}

struct buffer configure_vm_frame(void) {
  struct buffer frame = begin_request(OWNER_VM, REQUEST_CONFIGURE_VM);
  put(&frame, "\0\0", 2); /* no mounts, no software */
  put_permissions(&frame);
  put(&frame, "\0\0\0\0\0\0", 6);
  end_frame(&frame, 0);
  return frame;
}

struct buffer zombie_timers_frame(void) {
  struct buffer frame = begin_request(OWNER_VM, REQUEST_ZOMBIE_TIMERS);
  end_frame(&frame, 0);
  return frame;
}

struct buffer file_frame(enum file_operation operation, const char *path, const struct buffer *content) {
  struct buffer frame = begin_request(OWNER_VM, REQUEST_FILES);
  put_u8(&frame, operation);
  put_text(&frame, path);
  put(&frame, "\0\0", 2); /* no destination, no target */
  put_u8(&frame, content != NULL);
  if (content) put_data(&frame, content->bytes, content->count);
  put(&frame, "\1\2", content ? 2 : 0); /* base64 */
  if (!content) put_u8(&frame, 0);
  put(&frame, "\0\0\0\0\0\0\0", 7); /* not recursive; no mode, owner, group, times, length */
  end_frame(&frame, 0);
  return frame;
}

struct buffer execute_frame(const char *process, const char *const argv[]) {
  struct buffer frame = begin_request(OWNER_VM, REQUEST_EXECUTE);
  size_t count = 0;
  while (argv[1 + count]) count++;
  put_text(&frame, process);
  put_u8(&frame, 1), put_text(&frame, argv[0]);
  put(&frame, "\0\0", 2); /* no runtime, no entry point */
  put_uint(&frame, count);
  for (size_t i = 0; i < count; i++) put_text(&frame, argv[1 + i]);
  put(&frame, "\0\0\0", 3); /* no environment, no directory, no tier */
  end_frame(&frame, 0);
  return frame;
}

struct buffer close_stdin_frame(const char *process) {
  struct buffer frame = begin_request(OWNER_VM, REQUEST_CLOSE_STDIN);
  put_text(&frame, process);
  end_frame(&frame, 0);
  return frame;
}

struct buffer fetch_frame(uint16_t port, const char *path) {
  struct buffer frame = begin_request(OWNER_VM, REQUEST_FETCH);
  put_u16(&frame, port);
  put_text(&frame, "GET");
  put_text(&frame, path);
  put_text(&frame, "{}");
  put_u8(&frame, 0); /* no body */
  end_frame(&frame, 0);
  return frame;
}

struct buffer noise(size_t count) {
  struct buffer bytes = {0};
  uint64_t state = 0x9E3779B97F4A7C15;
  for (size_t i = 0; i < count; i++) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    put_u8(&bytes, (unsigned)(state >> 32) & 0xff);
  }
  return bytes;
}

struct buffer base64(const struct buffer *bytes) {
  static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  struct buffer text = {0};
  for (size_t i = 0; i < bytes->count; i += 3) {
    size_t left = bytes->count - i;
    uint32_t three = (uint32_t)bytes->bytes[i] << 16;
    if (left > 1) three |= (uint32_t)bytes->bytes[i + 1] << 8;
    if (left > 2) three |= bytes->bytes[i + 2];
    char four[4] = {alphabet[three >> 18], alphabet[three >> 12 & 63], left > 1 ? alphabet[three >> 6 & 63] : '=',
                    left > 2 ? alphabet[three & 63] : '='};
    put(&text, four, 4);
  }
  return text;
}
