/* SPDX-License-Identifier: Apache-2.0
 *
 * A command for people.
 *
 *   agentos run [OPTION]... -- COMMAND [ARGUMENT]...
 *     --pack DIR          a command pack (may be repeated); default: coreutils of AGENTOS_TEST_PACKS, if that is set
 *     --mount HOST:GUEST  a directory of the host, read-only; HOST:GUEST:rw lets the command write there
 *     --cwd DIR           the working directory in the VM
 *     --env NAME=VALUE    a variable of the command (may be repeated)
 *     --stdin             gives standard input to the command (without it the command's input is empty)
 *   agentos doctor        says which sidecar is found, where, what it speaks, and what to do if there is none
 *
 * `run` starts a sidecar and a VM, passes what the command writes on as it comes, passes INT, TERM and HUP to it, and
 * ends with its exit code; 125 if there is none to give, 2 for wrong usage. */
#include <agentos.h>

#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SECOND 1000000000ULL
enum { COMMAND = 1, OTHER = 2, FAILED = 125, USAGE = 2 };

static aos_queue *queue;
static volatile sig_atomic_t received;

static void on_signal(int number) {
  received = number;
  aos_queue_wake(queue);
}

static int failed(const char *what, aos_error *error) {
  fprintf(stderr, "agentos: %s: %s\n", what, aos_error_message(error, NULL));
  aos_error_release(error);
  return FAILED;
}

/* ---- JSON, written by hand: texts are all that it is made of. */

typedef struct {
  char *text;
  size_t length, room;
} buffer;

static void put(buffer *b, const char *text, size_t length) {
  if (b->length + length + 1 > b->room) {
    b->room = (b->length + length + 1) * 2;
    b->text = realloc(b->text, b->room);
    if (!b->text) perror("agentos"), exit(FAILED);
  }
  memcpy(b->text + b->length, text, length);
  b->length += length;
  b->text[b->length] = 0;
}

static void put_text(buffer *b, const char *text) { put(b, text, strlen(text)); }

static void put_string(buffer *b, const char *text, size_t length) {
  put(b, "\"", 1);
  for (size_t i = 0; i < length; i++) {
    unsigned char c = (unsigned char)text[i];
    char escaped[8];
    if (c == '"' || c == '\\' || c < 0x20) {
      snprintf(escaped, sizeof escaped, "\\u%04x", c);
      put_text(b, escaped);
    } else {
      put(b, text + i, 1);
    }
  }
  put(b, "\"", 1);
}

static void put_list_mark(buffer *b) {
  if (b->length > 0) put(b, ",", 1);
}

/* ---- The command line */

typedef struct {
  buffer software, mounts, environment, argv;
  const char *directory;
  int passes_input;
} request;

static int usage(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  fputs("agentos: ", stderr);
  vfprintf(stderr, format, arguments);
  va_end(arguments);
  fputs("\nusage: agentos run [--pack DIR] [--mount HOST:GUEST[:rw]] [--cwd DIR] [--env NAME=VALUE] [--stdin] -- "
        "COMMAND [ARGUMENT]...\n       agentos doctor\n",
        stderr);
  return USAGE;
}

static void add_pack(request *r, const char *path) {
  put_list_mark(&r->software);
  put_text(&r->software, "{\"package\":");
  put_string(&r->software, path, strlen(path));
  put_text(&r->software, "}");
}

static int add_mount(request *r, const char *text) {
  const char *colon = strchr(text, ':');
  if (!colon || colon == text || colon[1] != '/') return usage("--mount: expected HOST:GUEST, found %s", text);
  size_t guest = strlen(colon + 1);
  int writes = guest > 3 && strcmp(colon + 1 + guest - 3, ":rw") == 0;
  char *given = strndup(text, (size_t)(colon - text));
  char *path = given ? realpath(given, NULL) : NULL;
  if (path) {
    put_list_mark(&r->mounts);
    put_text(&r->mounts, "{\"path\":");
    put_string(&r->mounts, colon + 1, writes ? guest - 3 : guest);
    put_text(&r->mounts, ",\"plugin\":{\"id\":\"host_dir\",\"config\":{\"hostPath\":");
    put_string(&r->mounts, path, strlen(path));
    put_text(&r->mounts, writes ? ",\"readOnly\":false}}}" : ",\"readOnly\":true}},\"readOnly\":true}");
  } else {
    fprintf(stderr, "agentos: --mount: ");
    perror(given);
  }
  int status = path ? 0 : USAGE;
  free(given);
  free(path);
  return status;
}

static int add_variable(request *r, const char *text) {
  const char *equals = strchr(text, '=');
  if (!equals || equals == text) return usage("--env: expected NAME=VALUE, found %s", text);
  put_list_mark(&r->environment);
  put_string(&r->environment, text, (size_t)(equals - text));
  put_text(&r->environment, ":");
  put_string(&r->environment, equals + 1, strlen(equals + 1));
  return 0;
}

static int parse(request *r, int argc, char **argv) {
  int i = 2;
  for (; i < argc && strcmp(argv[i], "--") != 0; i++) {
    const char *option = argv[i], *value = i + 1 < argc ? argv[i + 1] : NULL;
    if (strcmp(option, "--stdin") == 0) {
      r->passes_input = 1;
      continue;
    }
    int known = !strcmp(option, "--pack") || !strcmp(option, "--mount") || !strcmp(option, "--cwd") ||
                !strcmp(option, "--env");
    if (!known) return usage("unknown option %s", option);
    if (!value || strcmp(value, "--") == 0) return usage("%s: a value is missing", option);
    int status = 0;
    if (!strcmp(option, "--pack")) add_pack(r, value);
    if (!strcmp(option, "--mount")) status = add_mount(r, value);
    if (!strcmp(option, "--cwd")) r->directory = value;
    if (!strcmp(option, "--env")) status = add_variable(r, value);
    if (status) return status;
    i++;
  }
  if (i + 1 >= argc) return usage("a command is missing behind --");
  for (i++; i < argc; i++) {
    put_list_mark(&r->argv);
    put_string(&r->argv, argv[i], strlen(argv[i]));
  }
  const char *packs = getenv("AGENTOS_TEST_PACKS");
  if (r->software.length == 0 && packs) {
    buffer path = {0};
    put_text(&path, packs);
    put_text(&path, "/agent-os-coreutils");
    add_pack(r, path.text);
    free(path.text);
  }
  return 0;
}

/* ---- run */

static int take_events(int *code) {
  aos_event events[32];
  int32_t count = aos_queue_drain(queue, events, 32, 0, 0);
  int ended = 0;
  for (int32_t i = 0; i < count; i++) {
    const aos_event *event = &events[i];
    FILE *stream = event->kind == AOS_EV_STDOUT ? stdout : event->kind == AOS_EV_STDERR ? stderr : NULL;
    if (stream) fwrite(event->data, 1, (size_t)event->data_len, stream), fflush(stream);
    if (event->kind != AOS_EV_COMPLETE) continue;
    if (event->status != AOS_OK)
      fprintf(stderr, "agentos: %s%s\n", event->tag == OTHER ? "stdin: " : "", aos_error_message(event->error, NULL));
    if (event->tag != COMMAND) continue;
    *code = event->status == AOS_OK ? (int)event->value : FAILED;
    ended = 1;
  }
  if (count > 0) aos_event_release(events, (uint32_t)count, 0);
  return ended;
}

static const char *signal_name(int number) {
  return number == SIGINT ? "INT" : number == SIGTERM ? "TERM" : "HUP";
}

/* Passes on what stands at standard input; 0 at its end. */
static int pass_input(aos_sidecar *sidecar, aos_id process, const aos_completion *done) {
  char text[16384];
  aos_error *error;
  ssize_t length = read(STDIN_FILENO, text, sizeof text);
  aos_status status =
      length > 0 ? aos_process_write_stdin_async(sidecar, process, text, (size_t)length, done, NULL, &error)
                 : aos_process_close_stdin_async(sidecar, process, done, NULL, &error);
  if (status != AOS_OK && status != AOS_E_NOT_FOUND) failed("stdin", error);
  else if (status != AOS_OK) aos_error_release(error);
  return length > 0 && status == AOS_OK;
}

static int run_command(aos_sidecar *sidecar, aos_id vm, const request *r) {
  aos_completion command = AOS_COMPLETION_INIT, other = AOS_COMPLETION_INIT;
  buffer argv = {0}, options = {0};
  aos_error *error;
  aos_id process;
  int code = FAILED, has_input = r->passes_input;
  command.deliver = other.deliver = AOS_DELIVER_QUEUE;
  command.queue = other.queue = queue;
  command.tag = COMMAND;
  other.tag = OTHER;
  put_text(&argv, "[");
  put_text(&argv, r->argv.text);
  put_text(&argv, "]");
  put_text(&options, "{\"env\":{");
  if (r->environment.text) put_text(&options, r->environment.text);
  put_text(&options, "}");
  if (r->directory) {
    put_text(&options, ",\"cwd\":");
    put_string(&options, r->directory, strlen(r->directory));
  }
  put_text(&options, "}");
  aos_status status = aos_process_spawn(sidecar, vm, argv.text, argv.length, options.text, options.length, &command,
                                        &process, NULL, &error);
  free(argv.text);
  free(options.text);
  if (status != AOS_OK) return failed("run", error);
  if (!has_input && aos_process_close_stdin_async(sidecar, process, &other, NULL, &error) != AOS_OK)
    failed("close_stdin", error);
  for (;;) {
    struct pollfd ready[2] = {{aos_queue_fd(queue), POLLIN, 0}, {STDIN_FILENO, POLLIN, 0}};
    int count = poll(ready, has_input ? 2 : 1, -1);
    if (received) {
      int number = received;
      received = 0;
      if (aos_process_kill_async(sidecar, process, signal_name(number), &other, NULL, &error) != AOS_OK)
        failed("signal", error);
    }
    if (count > 0 && ready[0].revents && take_events(&code)) return code;
    if (count > 0 && has_input && ready[1].revents) has_input = pass_input(sidecar, process, &other);
  }
}

static int run(request *r) {
  buffer config = {0};
  aos_sidecar *sidecar;
  aos_error *error;
  aos_id vm;
  int status;
  put_text(&config, "{\"software\":[");
  if (r->software.text) put_text(&config, r->software.text);
  put_text(&config, "],\"mounts\":[");
  if (r->mounts.text) put_text(&config, r->mounts.text);
  put_text(&config, "]}");
  if (aos_sidecar_create(NULL, 0, &sidecar, &error) != AOS_OK) return failed("create", error);
  if (aos_queue_create(0, &queue, &error) != AOS_OK) return failed("queue", error);
  struct sigaction action = {.sa_handler = on_signal};
  sigaction(SIGINT, &action, NULL);
  sigaction(SIGTERM, &action, NULL);
  sigaction(SIGHUP, &action, NULL);
  if (aos_vm_create(sidecar, config.text, config.length, 60 * SECOND, &vm, &error) != AOS_OK)
    status = failed("cannot make a VM", error);
  else
    status = run_command(sidecar, vm, r);
  free(config.text);
  if (aos_sidecar_dispose(sidecar, 30 * SECOND, &error) != AOS_OK) failed("dispose", error);
  aos_sidecar_release(sidecar);
  return status;
}

/* ---- doctor */

static int doctor(void) {
  aos_sidecar *sidecar;
  aos_error *error;
  aos_bytes *facts;
  aos_id vm;
  printf("libagentos %s, ABI %" PRIu32 ".%" PRIu32 "\n", aos_version_string(), aos_abi_version() >> 16,
         aos_abi_version() & 0xFFFF);
  if (aos_sidecar_create(NULL, 0, &sidecar, &error) != AOS_OK) return failed("create", error);
  if (aos_sidecar_connect(sidecar, 30 * SECOND, &error) != AOS_OK) {
    printf("sidecar: NOT USABLE\n");
    int status = failed("connect", error);
    aos_sidecar_release(sidecar);
    return status;
  }
  if (aos_sidecar_diagnostics_json(sidecar, &facts, &error) != AOS_OK) return failed("diagnostics", error);
  const char *text = aos_bytes_data(facts, NULL), *id = strstr(text, "\"processId\":");
  char link[64], path[4096] = "?";
  if (id) {
    snprintf(link, sizeof link, "/proc/%d/exe", atoi(id + 12));
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length > 0) path[length] = 0;
  }
  printf("sidecar: %s\nfacts: %s\n", path, text);
  aos_bytes_release(facts);
  int status = 0;
  if (aos_vm_create(sidecar, NULL, 0, 30 * SECOND, &vm, &error) != AOS_OK) status = failed("cannot make a VM", error);
  else printf("VM: created and usable\n");
  long processors = sysconf(_SC_NPROCESSORS_ONLN);
  printf("processors: %ld: as many guest programs run at once%s\n", processors,
         processors < 4 ? "; `sh -c 'a | b'` needs three" : "");
  if (aos_sidecar_dispose(sidecar, 30 * SECOND, &error) != AOS_OK) status = failed("dispose", error);
  aos_sidecar_release(sidecar);
  printf(status == 0 ? "all is well\n" : "something is wrong\n");
  return status;
}

int main(int argc, char **argv) {
  request r = {0};
  if (argc == 2 && strcmp(argv[1], "doctor") == 0) return doctor();
  if (argc < 3 || strcmp(argv[1], "run") != 0) return usage("expected run or doctor");
  int status = parse(&r, argc, argv);
  if (status == 0) status = run(&r);
  free(r.software.text);
  free(r.mounts.text);
  free(r.environment.text);
  free(r.argv.text);
  return status;
}
