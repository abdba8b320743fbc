#include "load.h"

#include <stdlib.h>
#include <string.h>

/* Each power of two is cut into as many parts. */
#define PARTS 64
#define POWERS 40

struct histogram {
  uint64_t count;
  uint64_t buckets[POWERS * PARTS];
};

struct histogram *histogram_new(void) { return calloc(1, sizeof(struct histogram)); }

void histogram_reset(struct histogram *all) { memset(all, 0, sizeof *all); }

static int power_of(uint64_t us) { return us < PARTS ? 0 : 63 - __builtin_clzll(us) - 5; }

void histogram_add(struct histogram *all, uint64_t us) {
  int power = power_of(us);
  size_t part = power == 0 ? us : (us >> power) & (PARTS - 1);
  size_t bucket = (size_t)power * PARTS + part;
  if (bucket >= POWERS * PARTS) bucket = POWERS * PARTS - 1;
  all->buckets[bucket]++;
  all->count++;
}

uint64_t histogram_count(const struct histogram *all) { return all->count; }

uint64_t histogram_at(const struct histogram *all, double share) {
  uint64_t wanted = (uint64_t)((double)all->count * share), seen = 0;
  for (size_t bucket = 0; bucket < POWERS * PARTS; bucket++) {
    seen += all->buckets[bucket];
    if (all->buckets[bucket] > 0 && seen > wanted) return (uint64_t)(bucket % PARTS) << (bucket / PARTS);
  }
  return 0;
}
