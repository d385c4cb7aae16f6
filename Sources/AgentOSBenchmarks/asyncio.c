/* SPDX-License-Identifier: Apache-2.0 */
/* The row that is measured in Python: the program of the same name beside this file. */
#include "library.h"
#include "report.h"
#include "rows.h"
#include <stdlib.h>
#include <string.h>

void row_asyncio(char *const argv[]) {
  static const char *const names[3] = {"asyncio, a completion", "  of it in the library", "asyncio, the whole call"};
  static const struct budget budgets[3] = {{AT_MOST, 3}, {NO_BOUND, 0}, {NO_BOUND, 0}};
  double values[3][MOST_REPETITIONS];
  char command[8192], folder[4096] = __FILE__;
  int count = 0;
  *(strrchr(folder, '/') ? strrchr(folder, '/') : folder) = 0;
  int length = snprintf(command, sizeof command, "exec python3 '%s/asyncio_completions.py' '%s' %d %d", folder,
                        library_path(), settings.repetitions, (int)(20000 * settings.scale));
  for (int i = 0; argv[i]; i++)
    length += snprintf(command + length, sizeof command - (size_t)length, " '%s'", argv[i]);
  FILE *child = popen(command, "r");
  if (!child) fail("python3");
  while (count < settings.repetitions &&
         fscanf(child, "%lf %lf %lf", &values[0][count], &values[1][count], &values[2][count]) == 3)
    count++;
  pclose(child);
  if (count != settings.repetitions) fail(command);
  for (int i = 0; i < 3; i++) report_values("8", names[i], "us each", values[i], count, budgets[i]);
}
