#include "load.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ANSWER_MS 30000

/* One HTTP connection with at most one request under way. */
struct probe {
  struct source source;
  int index;
  bool busy;
  uint64_t asked_ns;
  char text[80];
  char *token;
  char answer[16384];
  size_t length;
};

struct histogram *http_latencies;
uint64_t http_answers;
static struct probe *probes;
static int count;
static bool looping;
static uint64_t asked;

static void ask(struct probe *self) {
  size_t body_length;
  snprintf(self->text, sizeof self->text, "message %lu of the load, a text of the usual length", (unsigned long)asked++);
  static char **rooms;
  static int rooms_count;
  if (rooms == NULL) rooms = lines_of(option("rooms", NULL), &rooms_count);
  const char *room = rooms_count == 0 ? "" : rooms[asked % (uint64_t)rooms_count];
  char *body = fill(option("body", ""), "", room, "", self->text, "", &body_length);
  char request[8192];
  int length = snprintf(request, sizeof request,
                        "POST %s HTTP/1.1\r\nHost: 127.0.0.1:%s\r\nContent-Type: application/json\r\n"
                        "Accept: application/json\r\n%s%s%sContent-Length: %zu\r\n\r\n%s",
                        option("http-path", "/graphql"), option("port", ""),
                        self->token == NULL ? "" : "Authorization: Bearer ", self->token == NULL ? "" : self->token,
                        self->token == NULL ? "" : "\r\n", body_length, body);
  free(body);
  self->busy = true;
  self->asked_ns = now_ns();
  self->length = 0;
  if (send(self->source.fd, request, (size_t)length, MSG_NOSIGNAL) != length) die("http: %s", strerror(errno));
}

/* Whether the whole answer is there. */
static bool complete(struct probe *self) {
  self->answer[self->length] = 0;
  char *end = strstr(self->answer, "\r\n\r\n");
  if (end == NULL) return false;
  const char *size = strcasestr(self->answer, "\r\ncontent-length:");
  if (size != NULL && size < end) return self->length >= (size_t)(end + 4 - self->answer) + strtoul(size + 17, NULL, 10);
  return self->length >= 5 && memcmp(self->answer + self->length - 5, "0\r\n\r\n", 5) == 0;
}

static void connect_probe(struct probe *self) {
  self->source.fd = open_socket(option("port", ""), self->index, 0);
  watch(&self->source, EPOLLIN);
}

/* A server may end a connection after so many requests. It says so in its last answer. */
static void reconnect(struct probe *self) {
  close(self->source.fd);
  connect_probe(self);
  struct pollfd connecting = {.fd = self->source.fd, .events = POLLOUT};
  if (poll(&connecting, 1, 1000) != 1) die("http connection %d cannot be opened again", self->index);
}

static void probe_ready(struct source *source, uint32_t events) {
  struct probe *self = (struct probe *)source;
  if (!(events & (EPOLLIN | EPOLLHUP | EPOLLERR))) return;
  /* It was closed for having been quiet too long. */
  if (!self->busy) return reconnect(self);
  ssize_t got = recv(source->fd, self->answer + self->length, sizeof self->answer - 1 - self->length, 0);
  if (got < 0 && errno == EAGAIN) return;
  if (got <= 0) die("http connection %d ended", self->index);
  self->length += (size_t)got;
  if (!complete(self)) return;
  bool echoed = number("echoed", 0) == 0 || strstr(self->answer, self->text) != NULL;
  if (strncmp(self->answer, "HTTP/1.1 200", 12) != 0 || !echoed ||
      strstr(self->answer, option("answer", "\"data\"")) == NULL) {
    die("http: a wrong answer: %.900s", self->answer);
  }
  histogram_add(http_latencies, (now_ns() - self->asked_ns) / 1000);
  http_answers++;
  self->busy = false;
  if (strcasestr(self->answer, "\r\nconnection: close") != NULL) reconnect(self);
  if (looping) ask(self);
}

void http_open(int connections) {
  int tokens_count;
  char **tokens = lines_of(option("tokens", NULL), &tokens_count);
  http_latencies = histogram_new();
  count = connections;
  probes = calloc((size_t)count + 1, sizeof *probes);
  for (int i = 0; i < count; i++) {
    probes[i].source.ready = probe_ready;
    probes[i].index = i;
    if (tokens_count > 0) probes[i].token = tokens[i % tokens_count];
    connect_probe(&probes[i]);
  }
  uint64_t until = now_ns() + 300000000u;
  while (count > 0 && now_ns() < until) turn(20);
}

void http_closed_loop(bool running) {
  looping = running;
  for (int i = 0; running && i < count; i++) {
    if (!probes[i].busy) ask(&probes[i]);
  }
}

void http_probe(int per_second) {
  static uint64_t next_ns;
  if (per_second == 0 || now_ns() < next_ns) return;
  next_ns = now_ns() + 1000000000ull / (uint64_t)per_second;
  for (int i = 0; i < count; i++) {
    if (!probes[i].busy) return ask(&probes[i]);
  }
}

void http_stop(void) {
  looping = false;
  uint64_t until = now_ns() + ANSWER_MS * 1000000ull;
  for (int i = 0; i < count; i++) {
    while (probes[i].busy) {
      if (now_ns() > until) die("http connection %d got no answer", i);
      turn(10);
    }
  }
}
