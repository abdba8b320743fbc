/*
 * load port=…,… rooms=FILE subscribers=N … then phases, in order:
 *   closed:NAME:WINDOW:BURST:WARM_MS:MS   so many messages under way, sent BURST at a time
 *   rate:NAME:PER_SECOND:BURST:WARM_MS:MS  so many messages a second
 *   http:NAME:WARM_MS:MS                   requests in a closed loop
 *   stall:NAME / wake:NAME                 the first `stalling` subscribers stop reading, or read again
 *   hold:NAME                              says so and waits for a line
 * Prints one line of JSON per phase. Exits 1, with the reason, at the first frame that is wrong.
 */
#include "load.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SETTLE_MS 120000
#define MAX_BURST_DEBT 64
#define MAX_UNACKNOWLEDGED 400

static long pid;

static void print_latencies(const char *name, const struct histogram *all) {
  printf(",\"%s\":{\"count\":%" PRIu64 ",\"p50\":%" PRIu64 ",\"p99\":%" PRIu64 ",\"max\":%" PRIu64 "}", name,
         histogram_count(all), histogram_at(all, 0.5), histogram_at(all, 0.99), histogram_at(all, 0.999999));
}

struct load {
  bool by_rate;
  uint64_t amount;
  int burst;
  uint64_t started_ns, due;
};

static void offer(struct load *load) {
  if (load->by_rate) {
    uint64_t due = (now_ns() - load->started_ns) * load->amount / 1000000000u;
    int debt = 0;
    for (; load->due + (uint64_t)load->burst <= due && debt < MAX_BURST_DEBT; load->due += (uint64_t)load->burst, debt++) {
      /* Who sends waits, rather than fill the queue of a server that has fallen behind. */
      if (chat.sent - chat.acknowledged > MAX_UNACKNOWLEDGED) return;
      chat_send(load->burst);
    }
    return;
  }
  uint64_t members = chat_members_per_event();
  for (int sent = 0; sent < 1024; sent++) {
    uint64_t under_way = members == 0 ? chat.sent - chat.acknowledged : (uint64_t)chat_outstanding() / members;
    if (under_way + (uint64_t)load->burst > load->amount) return;
    chat_send(load->burst);
  }
}

static void run_for(struct load *load, long ms) {
  int probes = (int)number("probes", 0);
  uint64_t until = now_ns() + (uint64_t)ms * 1000000u;
  while (now_ns() < until) {
    if (load != NULL) {
      offer(load);
      http_probe(probes);
    }
    chat_keep_paused();
    turn(1);
  }
}

static void chat_phase(const char *name, bool by_rate, uint64_t amount, int burst, long warm_ms, long ms) {
  struct load load = {.by_rate = by_rate, .amount = amount, .burst = burst, .started_ns = now_ns()};
  run_for(&load, warm_ms);
  histogram_reset(chat_latencies);
  if (http_latencies != NULL) histogram_reset(http_latencies);
  struct chat_figures before = chat;
  uint64_t started_ns = now_ns(), cpu = cpu_us(pid);
  run_for(&load, ms);
  double seconds = (double)(now_ns() - started_ns) / 1e9;
  cpu = cpu_us(pid) - cpu;
  struct chat_figures after = chat;
  printf("{\"phase\":\"%s\",\"seconds\":%.3f,\"sent\":%" PRIu64 ",\"acknowledged\":%" PRIu64
         ",\"deliveries\":%" PRIu64 ",\"bytes\":%" PRIu64 ",\"cpuUs\":%" PRIu64,
         name, seconds, after.sent - before.sent, after.acknowledged - before.acknowledged,
         after.deliveries - before.deliveries, after.bytes - before.bytes, cpu);
  print_latencies("latencyUs", chat_latencies);
  if (http_latencies != NULL) print_latencies("httpUs", http_latencies);
  printf(",\"behind\":%" PRId64 "}\n", chat_outstanding());
  fflush(stdout);
  http_stop();
  chat_settle(SETTLE_MS, name);
  chat_check_whole();
}

static void http_phase(const char *name, long warm_ms, long ms) {
  http_closed_loop(true);
  run_for(NULL, warm_ms);
  histogram_reset(http_latencies);
  uint64_t before = http_answers, started_ns = now_ns(), cpu = cpu_us(pid);
  run_for(NULL, ms);
  double seconds = (double)(now_ns() - started_ns) / 1e9;
  printf("{\"phase\":\"%s\",\"seconds\":%.3f,\"answers\":%" PRIu64 ",\"cpuUs\":%" PRIu64, name, seconds,
         http_answers - before, cpu_us(pid) - cpu);
  print_latencies("httpUs", http_latencies);
  printf("}\n");
  fflush(stdout);
  http_stop();
}

static void phase(char *text) {
  char *words[8] = {0};
  int count = 0;
  for (char *word = strtok(text, ":"); word != NULL && count < 8; word = strtok(NULL, ":")) words[count++] = word;
  const char *kind = words[0], *name = words[1];
  if (count == 6 && (strcmp(kind, "closed") == 0 || strcmp(kind, "rate") == 0)) {
    chat_phase(name, kind[0] == 'r', strtoull(words[2], NULL, 10), atoi(words[3]), atol(words[4]), atol(words[5]));
  } else if (count == 4 && strcmp(kind, "http") == 0) {
    http_phase(name, atol(words[2]), atol(words[3]));
  } else if (count == 2 && (strcmp(kind, "stall") == 0 || strcmp(kind, "wake") == 0)) {
    chat_pause((int)number("stalling", 0), kind[0] == 's');
    uint64_t started_ns = now_ns();
    if (kind[0] == 'w') chat_settle(SETTLE_MS, name);
    printf("{\"phase\":\"%s\",\"seconds\":%.3f}\n", name, (double)(now_ns() - started_ns) / 1e9);
    fflush(stdout);
  } else if (count == 2 && strcmp(kind, "hold") == 0) {
    printf("{\"phase\":\"%s\"}\n", name);
    fflush(stdout);
    if (getchar() == EOF) exit(0);
  } else {
    die("there is no phase %s", kind);
  }
}

int main(int argc, char **argv) {
  options_from(argc, argv);
  pid = number("pid", 0);
  poller = epoll_create1(0);
  if (number("subscribers", 0) + number("senders", 1) > 0) {
    uint64_t cpu = cpu_us(pid);
    chat_open();
    uint64_t connected = cpu_us(pid);
    if (number("subscribers", 0) > 0) chat_subscribe();
    printf("{\"phase\":\"connected\",\"connectCpuUs\":%" PRIu64 ",\"subscribeCpuUs\":%" PRIu64 "}\n",
           connected - cpu, cpu_us(pid) - connected);
    fflush(stdout);
    if (number("senders", 1) > 0) {
      for (long i = 0; i < number("first", 1); i++) chat_send(1);
      chat_settle(SETTLE_MS, "first message");
    }
  }
  /* Last: a server does not wait long for the first request of a connection. */
  if (number("http", 0) > 0) http_open((int)number("http", 0));
  for (int i = 1; i < argc; i++) {
    if (strncmp(argv[i], "phase=", 6) == 0) phase(argv[i] + 6);
  }
  return 0;
}
