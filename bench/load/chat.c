#include "load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Order of the newest messages of a room, by which every subscriber is held to the same order. */
#define KEPT_ORDER (1 << 16)
#define MARK "@@"
#define SKIPPED "\"skippedCount\":"
#define CONNECTING_AT_ONCE 100
#define QUIET_MS 700
#define TEXT_BYTES 100
#define PONG_MS 6000

struct room {
  char *id;
  uint64_t sent, received;
  uint32_t *order;
  int members, senders;
};

struct member {
  struct connection connection;
  int room;
  bool ready, paused;
  char id[37];
  uint64_t received;
};

struct chat_figures chat;
struct histogram *chat_latencies;
static int members_count, senders_count, rooms_count, ready_count, paused_count;
static struct member *members, *senders;
static struct room *rooms;
static uint64_t expected, last_frame_ns, next_op;
static const char *init, *subscription, *sending, *marker, *receipt, *ack, *ping, *pong, *agreed;
static char **cursors;
static int cursors_count;
static bool ids_checked, rooms_checked, over_http, as_lines, by_lines, skips;

static void make_ready(struct member *self) {
  self->ready = true;
  ready_count++;
}

static void on_open(struct connection *connection) {
  if (*init == 0 || connection->plain) return make_ready((struct member *)connection);
  connection_queue(connection, init, strlen(init));
  connection_flush(connection);
}

/* How many messages directly before this one its subscriber is told to have missed. */
static uint64_t skipped(const char *text, size_t length) {
  const char *at = skips ? memmem(text, length, SKIPPED, strlen(SKIPPED)) : NULL;
  return at == NULL ? 0 : strtoull(at + strlen(SKIPPED), NULL, 10);
}

/* Reads `@@run room seq ns ...`, as `chat_send` wrote it. */
static void take_message(struct member *self, const char *text, size_t length) {
  const char *at = memmem(text, length, MARK, 2);
  last_frame_ns = now_ns();
  char *end;
  if (at == NULL || strtol(at + 2, &end, 10) != getpid()) return; /* Sent before this run. */
  if (ids_checked && memmem(text, (size_t)(at - text), self->id, 36) == NULL) {
    die("subscriber %d received a frame of another subscription: %.300s", self->connection.index, text);
  }
  const char *name = rooms[self->room].id;
  if (rooms_checked && memmem(text, (size_t)(at - text), name, strlen(name)) == NULL) {
    die("subscriber %d received a frame of another room: %.300s", self->connection.index, text);
  }
  unsigned long room_index = strtoul(end, &end, 10);
  unsigned long seq = strtoul(end, &end, 10);
  uint64_t sent_ns = strtoull(end, &end, 10);
  if ((int)room_index != self->room) die("subscriber %d received another room's message", self->connection.index);
  size_t padding = TEXT_BYTES - (size_t)(end - at);
  if (end + padding > text + length || end[0] != ' ' || end[padding - 1] != '.' || end[padding] != '"') {
    die("subscriber %d received a changed text: %.300s", self->connection.index, text);
  }
  struct room *room = &rooms[self->room];
  self->received += skipped(text, (size_t)(at - text));
  uint32_t *slot = &room->order[self->received % KEPT_ORDER];
  if (self->received == room->received) {
    *slot = (uint32_t)seq;
    room->received++;
  } else if (self->received + KEPT_ORDER > room->received && *slot != (uint32_t)seq) {
    die("subscriber %d of room %d: message %u was due, %lu came", self->connection.index, self->room, *slot, seq);
  }
  self->received++;
  chat.deliveries++;
  chat.bytes += length;
  histogram_add(chat_latencies, (last_frame_ns - sent_ns) / 1000);
}

static bool holds(const char *text, size_t length, const char *words) {
  return memmem(text, length, words, strlen(words)) != NULL;
}

static void take_text(struct connection *connection, const char *text, size_t length) {
  struct member *self = (struct member *)connection;
  if (!self->ready) {
    if (!holds(text, length, ack)) die("no ack: %.300s", text);
    return make_ready(self);
  }
  if (strncmp(text, ping, strlen(ping)) == 0) {
    connection_queue(connection, pong, strlen(pong));
    return connection_flush(connection);
  }
  if (self >= senders && self < senders + senders_count) {
    if (holds(text, length, receipt)) chat.acknowledged++;
    else if (!holds(text, length, "\"complete\"")) die("a send was refused: %.400s", text);
  } else if (holds(text, length, marker)) {
    take_message(self, text, length);
  } else if (*agreed == 0 || !holds(text, length, agreed)) {
    die("subscriber %d received %.400s", connection->index, text);
  }
}

/* A frame is one message, or several with a line each. */
static void on_text(struct connection *connection, const char *text, size_t length) {
  const char *end;
  while (by_lines && (end = memchr(text, '\n', length)) != NULL) {
    take_text(connection, text, (size_t)(end - text));
    length -= (size_t)(end + 1 - text);
    text = end + 1;
  }
  if (length > 0) take_text(connection, text, length);
}

static void make_id(char *id) {
  next_op++;
  snprintf(id, 37, "%08lx-0000-4000-8000-%012lx", (unsigned long)(next_op * 2654435761u) & 0xffffffff,
           (unsigned long)next_op);
}

/* Senders talk to one server, subscribers to several in turn. */
static const char *port_for(const struct member *self, int index) {
  static char **ports;
  static int count;
  if (ports == NULL) ports = words_of(option("port", ""), &count);
  bool sends = self >= senders && self < senders + senders_count;
  return sends ? option("send-port", ports[0]) : ports[index % count];
}

static void start(struct member *self, int index, int room, int receive_bytes) {
  self->connection = (struct connection){.index = index, .on_open = on_open, .on_text = on_text};
  self->room = room;
  make_id(self->id);
  if ((over_http || as_lines) && self >= senders && self < senders + senders_count) {
    return connection_start_plain(&self->connection, port_for(self, index));
  }
  connection_start(&self->connection, port_for(self, index), option("path", "/graphql"),
                   option("protocol", "graphql-transport-ws"), receive_bytes);
  while (index - ready_count > CONNECTING_AT_ONCE) turn(100);
}

void chat_open(void) {
  chat_latencies = histogram_new();
  members_count = (int)number("subscribers", 0);
  senders_count = (int)number("senders", 1);
  init = option("init", "");
  subscription = option("subscription", "");
  sending = option("sending", "");
  marker = option("marker", "\"next\"");
  receipt = option("receipt", "\"next\"");
  ack = option("ack", "\"connection_ack\"");
  ping = option("ping", "{\"type\":\"ping\"");
  pong = option("pong", "{\"type\":\"pong\"}");
  agreed = option("agreed", "");
  over_http = number("send-over-http", 0) == 1;
  as_lines = number("send-lines", 0) == 1;
  ids_checked = number("check-ids", 1) == 1;
  rooms_checked = number("check-rooms", 0) == 1;
  by_lines = number("by-lines", 0) == 1;
  skips = number("skips", 0) == 1;
  char **room_ids = lines_of(option("rooms", NULL), &rooms_count);
  cursors = lines_of(option("cursors", NULL), &cursors_count);
  if (rooms_count == 0) die("no rooms");
  rooms = calloc((size_t)rooms_count, sizeof *rooms);
  members = calloc((size_t)members_count + 1, sizeof *members);
  senders = calloc((size_t)senders_count + 1, sizeof *senders);
  for (int i = 0; i < rooms_count; i++) {
    rooms[i].id = room_ids[i];
    rooms[i].order = calloc(KEPT_ORDER, sizeof(uint32_t));
  }
  int stalling = (int)number("stalling", 0);
  for (int i = 0; i < members_count; i++) {
    rooms[i % rooms_count].members++;
    start(&members[i], i, i % rooms_count, i < stalling ? (int)number("stalled-buffer", 4096) : 0);
  }
  for (int i = 0; i < senders_count; i++) start(&senders[i], members_count + i, 0, 0);
  while (ready_count < members_count + senders_count) turn(100);
}

static void until_quiet(void) {
  last_frame_ns = now_ns();
  while (now_ns() - last_frame_ns < (uint64_t)number("quiet-ms", QUIET_MS) * 1000000u) turn(20);
}

/* Subscribers come all at once, or with `pause-us` between each and the next. */
void chat_subscribe(void) {
  uint64_t pause_ns = (uint64_t)number("pause-us", 0) * 1000u, started_ns = now_ns();
  for (int i = 0; i < members_count; i++) {
    struct member *self = &members[i];
    size_t length;
    const char *cursor = i < cursors_count ? cursors[i] : "";
    char *text = fill(subscription, self->id, rooms[self->room].id, cursor, "", "", &length);
    connection_queue(&self->connection, text, length);
    connection_flush(&self->connection);
    free(text);
    do turn(0);
    while (now_ns() < started_ns + (uint64_t)(i + 1) * pause_ns);
  }
  until_quiet();
}

void chat_send(int burst) {
  static int next_room;
  int room_index = next_room++ % rooms_count;
  struct room *room = &rooms[room_index];
  struct member *sender = &senders[room_index % senders_count];
  /* One room may have many senders; a burst comes from one of them. */
  if (rooms_count < senders_count) sender = &senders[next_room % senders_count];
  for (int i = 0; i < burst; i++) {
    char text[TEXT_BYTES + 1], id[37];
    int length = snprintf(text, sizeof text, MARK "%d %d %lu %lu ", (int)getpid(), room_index, (unsigned long)room->sent,
                          (unsigned long)now_ns());
    memset(text + length, '.', (size_t)(TEXT_BYTES - length));
    text[TEXT_BYTES] = 0;
    make_id(id);
    size_t size;
    char *frame = fill(sending, id, room->id, "", text, "", &size);
    if (over_http) connection_queue_request(&sender->connection, frame, size);
    else if (as_lines) connection_queue_bytes(&sender->connection, frame, size);
    else connection_queue(&sender->connection, frame, size);
    free(frame);
    room->sent++;
    /* Nobody answers a line. */
    if (as_lines) chat.acknowledged++;
    chat.sent++;
    expected += (uint64_t)room->members;
  }
  connection_flush(&sender->connection);
}

int64_t chat_outstanding(void) { return (int64_t)(expected - chat.deliveries); }

uint64_t chat_members_per_event(void) {
  return members_count == 0 ? 0 : (uint64_t)(members_count / rooms_count);
}

static bool whole(bool with_paused) {
  if (chat.acknowledged < chat.sent) return false;
  for (int i = 0; i < members_count; i++) {
    if (members[i].paused && !with_paused) continue;
    if (members[i].received < rooms[members[i].room].sent) return false;
  }
  return true;
}

void chat_settle(long limit_ms, const char *when) {
  uint64_t until = now_ns() + (uint64_t)limit_ms * 1000000u;
  while (!whole(false)) {
    for (int i = 0; i < 50; i++) turn(5);
    if (now_ns() < until) continue;
    die("%s: %lu of %lu messages acknowledged, %ld deliveries missing", when, (unsigned long)chat.acknowledged,
        (unsigned long)chat.sent, (long)chat_outstanding());
  }
}

void chat_pause(int count, bool paused) {
  for (int i = 0; i < count && i < members_count; i++) {
    members[i].paused = paused;
    connection_pause(&members[i].connection, paused);
  }
  paused_count = paused ? count : 0;
}

void chat_keep_paused(void) {
  static uint64_t next_ns;
  static int next;
  if (paused_count == 0 || now_ns() < next_ns) return;
  next_ns = now_ns() + PONG_MS * 1000000ull / (uint64_t)paused_count;
  connection_pong(&members[next++ % paused_count].connection);
}

void chat_check_whole(void) {
  for (int i = 0; i < members_count; i++) {
    uint64_t sent = rooms[members[i].room].sent;
    if (!members[i].paused && members[i].received != sent) {
      die("subscriber %d received %lu of %lu messages", i, (unsigned long)members[i].received,
          (unsigned long)sent);
    }
  }
}
