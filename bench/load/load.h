/* The load client of the benchmarks: one thread, epoll, every frame checked. See README.md. */
#ifndef MADANG_LOAD_H
#define MADANG_LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>

#define READ_BYTES (256 * 1024)
#define MAX_TEXT 512
#define LOCAL_ADDRESSES 50

/* util.c */
uint64_t now_ns(void);
void die(const char *format, ...);
const char *option(const char *name, const char *fallback);
long number(const char *name, long fallback);
void options_from(int argc, char **argv);
char **lines_of(const char *file, int *count);
/* The words of a text between commas. At least one. */
char **words_of(const char *text, int *count);
/* Fills a template: %I op id, %R room id, %A cursor, %T text, %K token. The result is allocated. */
char *fill(const char *template, const char *id, const char *room, const char *after, const char *text,
           const char *token, size_t *length);
/* Connects without blocking from 127.0.0.(1 + index % LOCAL_ADDRESSES). With `receive_bytes` both kernels keep as
   little as between machines, and no more than that much here. */
int open_socket(const char *port, int index, int receive_bytes);
/* User and system time of a process with all its threads, in microseconds. */
uint64_t cpu_us(long pid);

/* histogram.c: latencies in microseconds, to within 2 %. */
struct histogram;
struct histogram *histogram_new(void);
void histogram_reset(struct histogram *all);
void histogram_add(struct histogram *all, uint64_t us);
uint64_t histogram_at(const struct histogram *all, double share);
uint64_t histogram_count(const struct histogram *all);

/* Anything that epoll reports. */
struct source {
  void (*ready)(struct source *self, uint32_t events);
  int fd;
};
extern int poller;
void watch(struct source *source, uint32_t events);
void rewatch(struct source *source, uint32_t events);
/* Handles what is ready, waiting at most so long. */
void turn(int wait_ms);

/* frames.c: one WebSocket. */
struct connection {
  struct source source;
  int index;
  bool open;
  bool reading;
  /* Requests or lines instead of frames, one behind the other without waiting. */
  bool plain;
  char *kept;
  size_t kept_length;
  char *unsent;
  size_t unsent_length;
  void (*on_open)(struct connection *self);
  void (*on_text)(struct connection *self, const char *text, size_t length);
};
void connection_start(struct connection *self, const char *port, const char *path, const char *protocol,
                      int receive_bytes);
/* Begins without an upgrade, to be written to with `connection_queue_request`, or with bytes alone. */
void connection_start_plain(struct connection *self, const char *port);
void connection_queue_request(struct connection *self, const char *body, size_t length);
void connection_queue_bytes(struct connection *self, const void *bytes, size_t length);
/* Queues a masked text frame; `connection_flush` writes what is queued in one write. */
void connection_queue(struct connection *self, const char *text, size_t length);
void connection_flush(struct connection *self);
void connection_pause(struct connection *self, bool paused);
/* An answer to no ping: that the client lives. */
void connection_pong(struct connection *self);

/* chat.c: subscribers and senders, and what each must receive. */
struct chat_figures {
  uint64_t sent, acknowledged, deliveries, bytes;
};
extern struct chat_figures chat;
extern struct histogram *chat_latencies;
void chat_open(void);
void chat_subscribe(void);
/* Sends so many messages to one room, in one write. */
void chat_send(int burst);
/* Deliveries that are still to come. */
int64_t chat_outstanding(void);
uint64_t chat_members_per_event(void);
/* Everybody who reads has received every message that was sent. Fails after the time given. */
void chat_settle(long limit_ms, const char *when);
void chat_pause(int count, bool paused);
/* Says now and then that those who have stopped reading are there: they cannot answer pings that they do not read. */
void chat_keep_paused(void);
/* Fails unless every subscriber stands where its room stands. */
void chat_check_whole(void);

/* probes.c: HTTP requests, in a closed loop or some a second. */
extern struct histogram *http_latencies;
extern uint64_t http_answers;
void http_open(int connections);
void http_closed_loop(bool running);
void http_probe(int per_second);
void http_stop(void);

#endif
