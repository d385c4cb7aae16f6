/* SPDX-License-Identifier: Apache-2.0 */
/* The few frames that the benchmarks need, in BARE: only the raw client and the instant peer use them. */
#ifndef BENCHMARKS_FRAMES_H
#define BENCHMARKS_FRAMES_H

#include <stddef.h>
#include <stdint.h>

/* Where the request id stands in a frame, its length prefix counted. */
enum { FRAME_ID = 24, FRAME_OWNER = 32 };

enum frame_tag { TAG_REQUEST = 1, TAG_RESPONSE = 2, TAG_EVENT = 3 };
enum request_tag {
  REQUEST_AUTHENTICATE = 1,
  REQUEST_OPEN_SESSION = 2,
  REQUEST_CREATE_VM = 3,
  REQUEST_DISPOSE_VM = 8,
  REQUEST_BOOTSTRAP = 9,
  REQUEST_CONFIGURE_VM = 10,
  REQUEST_FILES = 17,
  REQUEST_EXECUTE = 19,
  REQUEST_CLOSE_STDIN = 21,
  REQUEST_ZOMBIE_TIMERS = 27,
  REQUEST_FETCH = 32
};
enum response_tag { RESPONSE_REJECTED = 32 };
enum event_tag { EVENT_OUTPUT = 2, EVENT_EXITED = 3 };
enum file_operation { FILE_READ = 1, FILE_WRITE = 2, FILE_EXISTS = 5, FILE_READ_DIR = 8 };
enum owner { OWNER_CONNECTION = 1, OWNER_SESSION = 2, OWNER_VM = 3 };

#define CONNECTION_ID "conn-1"
#define SESSION_ID "session-1"
#define VM_ID "vm-1"

/* Where the tag of the payload stands in what the sidecar says of the VM. */
enum { VM_OWNER_SIZE = 1 + sizeof CONNECTION_ID + sizeof SESSION_ID + sizeof VM_ID };
enum { RESPONSE_PAYLOAD = FRAME_OWNER + VM_OWNER_SIZE, EVENT_PAYLOAD = FRAME_ID + VM_OWNER_SIZE };

/* A buffer that grows. Out of memory ends the program. */
struct buffer {
  uint8_t *bytes;
  size_t count, room;
};

void put(struct buffer *buffer, const void *bytes, size_t count);
void put_u8(struct buffer *buffer, unsigned value);
void put_u16(struct buffer *buffer, unsigned value);
void put_u32(struct buffer *buffer, uint32_t value);
void put_u64(struct buffer *buffer, uint64_t value);
void put_uint(struct buffer *buffer, uint64_t value);
void put_data(struct buffer *buffer, const void *bytes, size_t count);
void put_text(struct buffer *buffer, const char *text);
void put_owner(struct buffer *buffer, enum owner owner);

/* Everything before the owner: a length to be filled in, the kind of frame, the schema and, but for events, the id.
 * Returns where the frame begins, for end_frame(). */
size_t begin_frame(struct buffer *buffer, enum frame_tag tag, int64_t id);
void end_frame(struct buffer *buffer, size_t begin);

/* Complete requests, whose ids are patched in when they are sent. The VM is as the library makes it, with as many
 * files: the real sidecar looks at all of them for each request about one. */
struct buffer authenticate_frame(void);
struct buffer open_session_frame(void);
struct buffer create_vm_frame(void);
struct buffer bootstrap_frame(void);
struct buffer configure_vm_frame(void);
struct buffer zombie_timers_frame(void);
/* `content`: NULL, or base64. */
struct buffer file_frame(enum file_operation operation, const char *path, const struct buffer *content);

/* `argv`: the program and its arguments, and NULL. */
struct buffer execute_frame(const char *process, const char *const argv[]);
struct buffer close_stdin_frame(const char *process);
struct buffer fetch_frame(uint16_t port, const char *path);

/* Bytes that are no text, always the same, and their base64. */
struct buffer noise(size_t count);
struct buffer base64(const struct buffer *bytes);

/* The length of the payload of the frame at `bytes`. */
static inline size_t frame_length(const uint8_t *bytes) {
  return (size_t)bytes[0] << 24 | (size_t)bytes[1] << 16 | (size_t)bytes[2] << 8 | bytes[3];
}

#endif
