#include "load.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define EVENTS 512

int poller = -1;
static uint8_t buffer[READ_BYTES + 1];

void watch(struct source *source, uint32_t events) {
  struct epoll_event event = {.events = events, .data.ptr = source};
  if (epoll_ctl(poller, EPOLL_CTL_ADD, source->fd, &event) != 0) die("epoll: %s", strerror(errno));
}

void rewatch(struct source *source, uint32_t events) {
  struct epoll_event event = {.events = events, .data.ptr = source};
  if (epoll_ctl(poller, EPOLL_CTL_MOD, source->fd, &event) != 0) die("epoll: %s", strerror(errno));
}

void turn(int wait_ms) {
  struct epoll_event events[EVENTS];
  int count = epoll_wait(poller, events, EVENTS, wait_ms);
  for (int i = 0; i < count; i++) {
    struct source *source = events[i].data.ptr;
    source->ready(source, events[i].events);
  }
}

static void update(struct connection *self) {
  uint32_t reading = self->reading ? EPOLLIN : 0;
  rewatch(&self->source, reading | (self->unsent_length > 0 ? EPOLLOUT : 0));
}

void connection_flush(struct connection *self) {
  if (self->unsent_length == 0) return;
  ssize_t written = send(self->source.fd, self->unsent, self->unsent_length, MSG_NOSIGNAL);
  if (written < 0 && errno != EAGAIN && errno != ENOTCONN) die("socket %d: %s", self->index, strerror(errno));
  if (written > 0) {
    self->unsent_length -= (size_t)written;
    memmove(self->unsent, self->unsent + written, self->unsent_length);
  }
  update(self);
}

void connection_queue_bytes(struct connection *self, const void *bytes, size_t length) {
  self->unsent = realloc(self->unsent, self->unsent_length + length);
  memcpy(self->unsent + self->unsent_length, bytes, length);
  self->unsent_length += length;
}

/* Clients mask; a mask of zeros leaves the payload as it is. */
static void queue_frame(struct connection *self, uint8_t opcode, const char *text, size_t length) {
  uint8_t header[14] = {(uint8_t)(0x80 | opcode)};
  size_t size = 2;
  if (length < 126) {
    header[1] = (uint8_t)(0x80 | length);
  } else if (length < 65536) {
    header[1] = 0x80 | 126;
    header[2] = (uint8_t)(length >> 8);
    header[3] = (uint8_t)length;
    size = 4;
  } else {
    die("a frame of %zu bytes is too large for this client", length);
  }
  connection_queue_bytes(self, header, size + 4);
  connection_queue_bytes(self, text, length);
}

void connection_queue(struct connection *self, const char *text, size_t length) {
  queue_frame(self, 1, text, length);
}

void connection_pause(struct connection *self, bool paused) {
  self->reading = !paused;
  update(self);
}

void connection_pong(struct connection *self) {
  queue_frame(self, 10, "", 0);
  connection_flush(self);
}

/* Handles whole frames; returns how many bytes they took. */
static size_t take_frames(struct connection *self, uint8_t *bytes, size_t length) {
  size_t at = 0;
  while (length - at >= 2) {
    const uint8_t *head = bytes + at;
    uint64_t payload = head[1] & 0x7f;
    size_t size = 2;
    if (head[1] & 0x80) die("socket %d: a masked frame", self->index);
    if (payload == 126) {
      if (length - at < 4) break;
      payload = (uint64_t)head[2] << 8 | head[3];
      size = 4;
    } else if (payload == 127) {
      if (length - at < 10) break;
      payload = 0;
      for (int i = 2; i < 10; i++) payload = payload << 8 | head[i];
      size = 10;
    }
    if (length - at < size + payload) break;
    char *text = (char *)bytes + at + size;
    if (head[0] == 0x81) {
      self->on_text(self, text, payload);
    } else if (head[0] == 0x89) {
      queue_frame(self, 10, text, payload);
      connection_flush(self);
    } else if (head[0] == 0x88) {
      int code = payload >= 2 ? (uint8_t)text[0] << 8 | (uint8_t)text[1] : 0;
      die("socket %d was closed with %d %.*s", self->index, code, payload > 2 ? (int)payload - 2 : 0, text + 2);
    } else if (head[0] != 0x8a) {
      die("socket %d: a frame that begins with %02x", self->index, head[0]);
    }
    at += size + payload;
  }
  return at;
}

static size_t take_upgrade(struct connection *self, char *bytes, size_t length) {
  bytes[length] = 0;
  char *end = memmem(bytes, length, "\r\n\r\n", 4);
  if (end == NULL) return 0;
  if (strncmp(bytes, "HTTP/1.1 101", 12) != 0) die("socket %d: %.300s", self->index, bytes);
  self->open = true;
  self->on_open(self);
  return (size_t)(end + 4 - bytes);
}

/* Answers that say how long they are; returns how many bytes they took. */
static size_t take_answers(struct connection *self, char *bytes, size_t length) {
  size_t at = 0;
  bytes[length] = 0;
  for (;;) {
    char *end = strstr(bytes + at, "\r\n\r\n");
    if (end == NULL) return at;
    char *size = strcasestr(bytes + at, "\r\ncontent-length:");
    if (size == NULL || size > end) die("socket %d: an answer without a length", self->index);
    size_t body = strtoul(size + 17, NULL, 10);
    if ((size_t)(end + 4 - bytes) + body > length) return at;
    self->on_text(self, end + 4, body);
    at = (size_t)(end + 4 - bytes) + body;
  }
}

static void receive(struct connection *self) {
  memcpy(buffer, self->kept, self->kept_length);
  ssize_t got = recv(self->source.fd, buffer + self->kept_length, READ_BYTES - self->kept_length, 0);
  if (got < 0 && errno == EAGAIN) return;
  if (got <= 0) die("socket %d ended: %s", self->index, got == 0 ? "closed" : strerror(errno));
  size_t length = self->kept_length + (size_t)got, used = 0;
  if (self->plain) used = take_answers(self, (char *)buffer, length);
  else if (!self->open) used = take_upgrade(self, (char *)buffer, length);
  if (self->open && !self->plain) used += take_frames(self, buffer + used, length - used);
  if (used == 0 && length == READ_BYTES) die("socket %d: a frame is too large", self->index);
  self->kept_length = length - used;
  if (self->kept_length == 0) return;
  self->kept = realloc(self->kept, self->kept_length);
  memcpy(self->kept, buffer + used, self->kept_length);
}

static void connection_ready(struct source *source, uint32_t events) {
  struct connection *self = (struct connection *)source;
  if (events & EPOLLOUT) connection_flush(self);
  if (self->reading && events & (EPOLLIN | EPOLLHUP | EPOLLERR)) receive(self);
}

static void begin(struct connection *self, const char *port, int receive_bytes) {
  self->source = (struct source){.ready = connection_ready, .fd = open_socket(port, self->index, receive_bytes)};
  self->reading = true;
  watch(&self->source, EPOLLIN);
}

void connection_start_plain(struct connection *self, const char *port) {
  self->plain = true;
  begin(self, port, 0);
  self->open = true;
  self->on_open(self);
}

void connection_queue_request(struct connection *self, const char *body, size_t length) {
  char head[300];
  int size = snprintf(head, sizeof head,
                      "POST /graphql HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
                      "Content-Length: %zu\r\n\r\n",
                      length);
  connection_queue_bytes(self, head, (size_t)size);
  connection_queue_bytes(self, body, length);
}

void connection_start(struct connection *self, const char *port, const char *path, const char *protocol,
                      int receive_bytes) {
  char request[512];
  int length = snprintf(request, sizeof request,
                        "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: bWFkYW5nLWJlbmNoLWtleQ==\r\n"
                        "Sec-WebSocket-Protocol: %s\r\n\r\n",
                        path, port, protocol);
  begin(self, port, receive_bytes);
  connection_queue_bytes(self, request, (size_t)length);
  update(self);
}
