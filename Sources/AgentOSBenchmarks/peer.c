/* SPDX-License-Identifier: Apache-2.0 */
/* The instant peer: what is measured against it is the client's own cost. All answers to what one read(2) brought
 * leave in one write(2), as with the real sidecar under load. `read_file` of /N answers with N bytes. */
#include "peer.h"
#include "frames.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FRAME_LIMIT = 1 << 20, READ_SIZE = 1 << 20 };

static struct buffer answers;
/* The request at hand: its owner and payload. */
static const uint8_t *owner, *payload;
static int64_t request_id;

/* A pointer behind a text. Lengths are trusted: both ends are ours. */
static const uint8_t *skip_text(const uint8_t *at, const uint8_t **text, size_t *length) {
  size_t value = 0;
  for (int shift = 0;; shift += 7) {
    value |= (size_t)(*at & 0x7f) << shift;
    if (!(*at++ & 0x80)) break;
  }
  if (text) *text = at;
  if (length) *length = value;
  return at + value;
}

static size_t begin_answer(unsigned response) {
  size_t begin = begin_frame(&answers, TAG_RESPONSE, request_id);
  if (response == REQUEST_AUTHENTICATE) put_owner(&answers, OWNER_CONNECTION);
  else put(&answers, owner, (size_t)(payload - owner));
  put_uint(&answers, response);
  return begin;
}

static void put_lifecycle(unsigned state) {
  size_t begin = begin_frame(&answers, TAG_EVENT, 0);
  put_owner(&answers, OWNER_VM);
  put(&answers, (uint8_t[]){1, (uint8_t)state}, 2);
  end_frame(&answers, begin);
}

static const struct buffer *content_of(const uint8_t *path, size_t length) {
  static struct buffer content;
  static size_t made;
  char digits[32] = {0};
  memcpy(digits, path + 1, length - 1 < sizeof digits ? length - 1 : sizeof digits - 1);
  size_t wanted = (size_t)atol(digits);
  if (!content.bytes || made != wanted) {
    struct buffer bytes = noise(wanted);
    free(content.bytes);
    content = base64(&bytes);
    free(bytes.bytes);
    made = wanted;
  }
  return &content;
}

static void answer_files(const uint8_t *request) {
  unsigned operation = *request++;
  const uint8_t *path;
  size_t length, begin = begin_answer(REQUEST_FILES);
  skip_text(request, &path, &length);
  put_u8(&answers, operation);
  put_data(&answers, path, length);
  if (operation == FILE_READ) {
    const struct buffer *content = content_of(path, length);
    put_u8(&answers, 1);
    put_data(&answers, content->bytes, content->count);
    put(&answers, "\1\2", 2); /* base64 */
  } else {
    put(&answers, "\0\0", 2);
  }
  put(&answers, "\1\0", operation == FILE_READ_DIR ? 2 : 0); /* entries: none */
  if (operation != FILE_READ_DIR) put_u8(&answers, 0);
  put_u8(&answers, 0); /* no stat */
  if (operation == FILE_EXISTS) put(&answers, "\1\1", 2);
  else put_u8(&answers, 0);
  put_u8(&answers, 0); /* no target */
  end_frame(&answers, begin);
}

/* Answers that have the tag of their request. */
static void answer(const uint8_t *frame) {
  int owner_tag = frame[FRAME_OWNER];
  memcpy(&request_id, frame + FRAME_ID, 8);
  owner = frame + FRAME_OWNER;
  payload = owner + 1;
  for (int i = 0; i < owner_tag; i++) payload = skip_text(payload, NULL, NULL);
  unsigned request = *payload;
  size_t begin;
  if (request == REQUEST_FILES) {
    answer_files(payload + 1);
    return;
  }
  begin = begin_answer(request);
  switch (request) {
    case REQUEST_AUTHENTICATE:
      put_text(&answers, "instant-peer");
      put_text(&answers, CONNECTION_ID);
      put_u32(&answers, FRAME_LIMIT);
      break;
    case REQUEST_OPEN_SESSION:
      put_text(&answers, SESSION_ID);
      put_text(&answers, CONNECTION_ID);
      break;
    case REQUEST_CREATE_VM:
    case REQUEST_DISPOSE_VM: put_text(&answers, VM_ID); break;
    case REQUEST_BOOTSTRAP: put_u32(&answers, 2); break;
    case REQUEST_CONFIGURE_VM: put_u64(&answers, 0); break;
    case REQUEST_ZOMBIE_TIMERS: put_u64(&answers, 0); break;
    default:
      answers.count = begin;
      begin = begin_answer(RESPONSE_REJECTED);
      put_text(&answers, "unsupported");
      put_text(&answers, "the instant peer has no answer to this");
  }
  end_frame(&answers, begin);
  if (request == REQUEST_CREATE_VM) put_lifecycle(1), put_lifecycle(2);
}

static int write_answers(void) {
  for (size_t done = 0; done < answers.count;) {
    ssize_t count = write(STDOUT_FILENO, answers.bytes + done, answers.count - done);
    if (count < 0 && errno != EINTR) return 1;
    if (count > 0) done += (size_t)count;
  }
  answers.count = 0;
  return 0;
}

int peer(void) {
  size_t room = FRAME_LIMIT + 4 + READ_SIZE, start = 0, end = 0;
  uint8_t *bytes = malloc(room);
  if (!bytes) return 1;
  for (;;) {
    if (start == end) start = end = 0;
    if (room - end < READ_SIZE / 2) memmove(bytes, bytes + start, end - start), end -= start, start = 0;
    ssize_t count = read(STDIN_FILENO, bytes + end, room - end);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return count < 0;
    end += (size_t)count;
    while (end - start >= 4 && end - start - 4 >= frame_length(bytes + start)) {
      answer(bytes + start);
      start += 4 + frame_length(bytes + start);
    }
    if (answers.count && write_answers()) return 1;
  }
}
