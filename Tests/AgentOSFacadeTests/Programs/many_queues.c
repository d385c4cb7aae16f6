/* SPDX-License-Identifier: Apache-2.0
 *
 * 4,096 queues are possible; one more is AOS_E_NOMEM, as is one without a descriptor; a released one makes room. */
#include "program.h"
#include <sys/resource.h>

enum { COUNT = 4096 };
static aos_queue *queues[COUNT];

int main(int count, char **arguments) {
  struct rlimit limit;
  aos_queue *one = NULL;
  aos_error *error = NULL;
  (void)arguments;
  EXPECT(count == 2);
  EXPECT(getrlimit(RLIMIT_NOFILE, &limit) == 0);
  EXPECT(limit.rlim_max >= COUNT + 64);
  limit.rlim_cur = COUNT + 64;
  EXPECT(setrlimit(RLIMIT_NOFILE, &limit) == 0);
  for (int i = 0; i < COUNT; i++) EXPECT_STATUS(AOS_OK, aos_queue_create(0, &queues[i], NULL));
  EXPECT_STATUS(AOS_E_NOMEM, aos_queue_create(0, &one, &error));
  EXPECT(one == NULL && aos_error_status(error) == AOS_E_NOMEM);
  aos_error_release(error);
  for (int i = 0; i < COUNT; i++) EXPECT(aos_queue_fd(queues[i]) > 2 && !is_readable(aos_queue_fd(queues[i])));
  for (int i = 0; i < COUNT; i += 2) aos_queue_release(queues[i]);
  for (int i = 0; i < COUNT; i += 2) {
    EXPECT(aos_queue_fd(queues[i]) == -1);
    EXPECT_STATUS(AOS_OK, aos_queue_create(0, &queues[i], NULL));
  }
  for (int i = 0; i < COUNT; i++) aos_queue_release(queues[i]);
  limit.rlim_cur = 8;
  EXPECT(setrlimit(RLIMIT_NOFILE, &limit) == 0);
  int made = 0;
  while (made < 16 && aos_queue_create(0, &queues[made], NULL) == AOS_OK) made++;
  EXPECT(made < 8);
  EXPECT_STATUS(AOS_E_NOMEM, aos_queue_create(0, &one, NULL));
  while (made > 0) aos_queue_release(queues[--made]);
  EXPECT_STATUS(AOS_OK, aos_queue_create(0, &one, NULL));
  aos_queue_release(one);
  return 0;
}
