#include "load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define ETHERNET_SEGMENT 1448

static int options_count;
static char **options;

uint64_t now_ns(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

void die(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vfprintf(stderr, format, arguments);
  va_end(arguments);
  fputc('\n', stderr);
  exit(1);
}

void options_from(int argc, char **argv) {
  options_count = argc;
  options = argv;
}

const char *option(const char *name, const char *fallback) {
  size_t length = strlen(name);
  for (int i = 1; i < options_count; i++) {
    if (strncmp(options[i], name, length) == 0 && options[i][length] == '=') return options[i] + length + 1;
  }
  return fallback;
}

long number(const char *name, long fallback) {
  const char *text = option(name, NULL);
  return text == NULL ? fallback : strtol(text, NULL, 10);
}

char **lines_of(const char *file, int *count) {
  *count = 0;
  if (file == NULL) return NULL;
  FILE *stream = fopen(file, "r");
  if (stream == NULL) die("%s cannot be read", file);
  char **lines = NULL;
  char *line = NULL;
  size_t room = 0;
  ssize_t length;
  while ((length = getline(&line, &room, stream)) > 0) {
    if (line[length - 1] == '\n') line[length - 1] = 0;
    lines = realloc(lines, sizeof(char *) * (size_t)(*count + 1));
    lines[(*count)++] = strdup(line);
  }
  free(line);
  fclose(stream);
  return lines;
}

char **words_of(const char *text, int *count) {
  char **words = NULL;
  *count = 0;
  for (char *rest = strdup(text), *word; (word = strsep(&rest, ",")) != NULL;) {
    words = realloc(words, sizeof(char *) * (size_t)(*count + 1));
    words[(*count)++] = word;
  }
  return words;
}

char *fill(const char *template, const char *id, const char *room, const char *after, const char *text,
           const char *token, size_t *length) {
  const char *values[128] = {0};
  values['I'] = id;
  values['R'] = room;
  values['A'] = after;
  values['T'] = text;
  values['K'] = token;
  size_t size = strlen(template) + 1;
  for (const char *at = template; *at != 0; at++) {
    const char *value = at[0] == '%' && at[1] > 0 ? values[(int)at[1]] : NULL;
    if (value != NULL) size += strlen(value);
  }
  char *made = malloc(size), *end = made;
  for (const char *at = template; *at != 0; at++) {
    const char *value = at[0] == '%' && at[1] > 0 ? values[(int)at[1]] : NULL;
    if (value == NULL) {
      *end++ = *at;
      continue;
    }
    size_t bytes = strlen(value);
    memcpy(end, value, bytes);
    end += bytes;
    at++;
  }
  *end = 0;
  *length = (size_t)(end - made);
  return made;
}

int open_socket(const char *port, int index, int receive_bytes) {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  if (fd < 0) die("no socket: %s", strerror(errno));
  int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  setsockopt(fd, IPPROTO_IP, 24 /* IP_BIND_ADDRESS_NO_PORT */, &on, sizeof on);
  if (receive_bytes > 0) {
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_bytes, sizeof receive_bytes);
    /* For the 64 kB of loopback the other side's kernel would keep 2.6 MB. */
    int segment = ETHERNET_SEGMENT;
    setsockopt(fd, IPPROTO_TCP, TCP_MAXSEG, &segment, sizeof segment);
  }
  struct sockaddr_in local = {.sin_family = AF_INET};
  local.sin_addr.s_addr = htonl(INADDR_LOOPBACK + (uint32_t)(index % LOCAL_ADDRESSES));
  if (bind(fd, (struct sockaddr *)&local, sizeof local) != 0) die("bind: %s", strerror(errno));
  struct sockaddr_in remote = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))};
  remote.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (connect(fd, (struct sockaddr *)&remote, sizeof remote) != 0 && errno != EINPROGRESS) {
    die("connect: %s", strerror(errno));
  }
  return fd;
}

uint64_t cpu_us(long pid) {
  if (pid <= 0) return 0;
  char file[64], line[1024];
  snprintf(file, sizeof file, "/proc/%ld/stat", pid);
  FILE *stream = fopen(file, "r");
  if (stream == NULL) die("the server is gone");
  if (fgets(line, sizeof line, stream) == NULL) die("%s cannot be read", file);
  fclose(stream);
  unsigned long user = 0, system = 0;
  const char *rest = strrchr(line, ')');
  if (rest == NULL ||
      sscanf(rest + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system) != 2) {
    die("%s cannot be understood", file);
  }
  return (uint64_t)(user + system) * 1000000u / (uint64_t)sysconf(_SC_CLK_TCK);
}
