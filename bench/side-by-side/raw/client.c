/*
 * The load generator of side-by-side.ts: so cheap that the broker is the limit. It knows of Kafka's protocol only what it must;
 * requests come ready-made from frames.ts.
 *
 *   client replay  HOST PORT FILE  connections= inFlight= count= errorAt=
 *       sends the frames of FILE in turn, so many at a time on each connection, until `count` answers have come; each answer must
 *       have 0 in the int16 at byte `errorAt` (negative: not looked at)
 *   client fetch   HOST PORT FILE  consumers= upTo= passes=
 *       FILE is one Fetch request of version 11; each consumer patches its offsets into it and reads all partitions up to `upTo`, so
 *       many times
 *   client latency HOST PORT PRODUCE FETCH  perSecond= count=
 *       an open loop: produce on one connection, a waiting fetch on another; how long each record took to be acknowledged and to arrive
 *   client idle    HOST PORT FILE  connections=
 *       so many connections, each with one answered request; says so, then holds them until its input ends
 *
 * FILE: frames, each with its length in front, as on the wire. Prints one line of JSON.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

static void fail(const char *what) {
  fprintf(stderr, "client: %s: %s\n", what, errno ? strerror(errno) : "wrong answer");
  exit(1);
}

static double now_us(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1e6 + t.tv_nsec / 1e3;
}

static double cpu_seconds(void) {
  struct rusage u;
  getrusage(RUSAGE_SELF, &u);
  return u.ru_utime.tv_sec + u.ru_stime.tv_sec + (u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static uint32_t get32(const uint8_t *p) { return (uint32_t)p[0] << 24 | p[1] << 16 | p[2] << 8 | p[3]; }
static int16_t get16(const uint8_t *p) { return (int16_t)(p[0] << 8 | p[1]); }
static int64_t get64(const uint8_t *p) { return (int64_t)((uint64_t)get32(p) << 32 | get32(p + 4)); }
static void put64(uint8_t *p, int64_t v) {
  for (int i = 7; i >= 0; i--, v >>= 8) p[i] = v & 0xff;
}

static int dial(const char *host, int port) {
  struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port)};
  if (inet_pton(AF_INET, host, &a.sin_addr) != 1) fail(host);
  int s = socket(AF_INET, SOCK_STREAM, 0), one = 1;
  if (s < 0 || connect(s, (struct sockaddr *)&a, sizeof a) < 0) fail("connect");
  setsockopt(s, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  return s;
}

static long option(int argc, char **argv, const char *name, long otherwise) {
  size_t n = strlen(name);
  for (int i = 0; i < argc; i++)
    if (strncmp(argv[i], name, n) == 0 && argv[i][n] == '=') return atol(argv[i] + n + 1);
  return otherwise;
}

/* ---- frames of a file ---- */

struct frames {
  uint8_t *bytes;
  size_t size;
  int count;
  struct { uint8_t *at; size_t length; } *each;
};

static struct frames read_frames(const char *path) {
  struct frames f = {0};
  struct stat st;
  int fd = open(path, O_RDONLY);
  if (fd < 0 || fstat(fd, &st) < 0) fail(path);
  f.size = st.st_size;
  f.bytes = malloc(f.size);
  for (size_t got = 0; got < f.size;) {
    ssize_t n = read(fd, f.bytes + got, f.size - got);
    if (n <= 0) fail(path);
    got += n;
  }
  close(fd);
  for (size_t at = 0; at < f.size; at += 4 + get32(f.bytes + at)) f.count++;
  f.each = calloc(f.count, sizeof *f.each);
  size_t at = 0;
  for (int i = 0; i < f.count; i++) {
    f.each[i].at = f.bytes + at;
    f.each[i].length = 4 + get32(f.bytes + at);
    at += f.each[i].length;
  }
  return f;
}

/* ---- latencies ---- */

static int by_value(const void *a, const void *b) {
  double d = *(const double *)a - *(const double *)b;
  return d < 0 ? -1 : d > 0;
}

static void print_quantiles(const char *name, double *us, long n) {
  qsort(us, n, sizeof *us, by_value);
  const double parts[] = {0.5, 0.99, 0.999};
  const char *names[] = {"p50", "p99", "p999"};
  for (int i = 0; i < 3; i++) {
    long at = (long)(n * parts[i]);
    printf("\"%s%sUs\":%.1f,", name, names[i], n ? us[at < n ? at : n - 1] : 0);
  }
}

static void print_end(double started, double cpu) {
  printf("\"seconds\":%.6f,\"cpuSeconds\":%.6f}\n", (now_us() - started) / 1e6, cpu_seconds() - cpu);
}

/* ---- replay ---- */

struct lane {
  int socket;
  long next, sent, answered, quota;
  size_t offset; /* of what is being sent */
  uint8_t *in;
  size_t held;
  double *sent_us; /* ring of inFlight */
};

enum { inBytes = 1 << 16 };

static int replay(int argc, char **argv) {
  struct frames f = read_frames(argv[4]);
  long connections = option(argc, argv, "connections", 1), in_flight = option(argc, argv, "inFlight", 5);
  long count = option(argc, argv, "count", 1000), error_at = option(argc, argv, "errorAt", -1);
  struct lane *lanes = calloc(connections, sizeof *lanes);
  struct pollfd *polls = calloc(connections, sizeof *polls);
  double *took = malloc(sizeof(double) * count);
  long done = 0;
  double cpu = cpu_seconds(), started = now_us();
  for (long c = 0; c < connections; c++) {
    struct lane *l = &lanes[c];
    l->socket = dial(argv[2], atoi(argv[3]));
    fcntl(l->socket, F_SETFL, O_NONBLOCK);
    l->in = malloc(inBytes);
    l->sent_us = malloc(sizeof(double) * in_flight);
    l->quota = count / connections + (c < count % connections);
    l->next = c * (f.count / connections);
  }
  while (done < count) {
    for (long c = 0; c < connections; c++) {
      struct lane *l = &lanes[c];
      short events = l->answered < l->quota ? POLLIN : 0;
      while (l->sent < l->quota && l->sent - l->answered < in_flight) {
        /* All that the window allows goes in one call. */
        struct iovec parts[64];
        int n = 0;
        for (long i = l->sent; i < l->quota && i - l->answered < in_flight && n < 64; i++, n++) {
          long at = (l->next + (i - l->sent)) % f.count;
          size_t skip = n == 0 ? l->offset : 0;
          parts[n] = (struct iovec){f.each[at].at + skip, f.each[at].length - skip};
        }
        ssize_t wrote = writev(l->socket, parts, n);
        if (wrote < 0) {
          if (errno != EAGAIN) fail("write");
          events |= POLLOUT;
          break;
        }
        double t = now_us();
        for (size_t left = wrote; left > 0;) {
          size_t rest = f.each[l->next % f.count].length - l->offset;
          if (l->offset == 0) l->sent_us[l->sent % in_flight] = t;
          if (left < rest) {
            l->offset += left;
            break;
          }
          left -= rest;
          l->offset = 0;
          l->next = (l->next + 1) % f.count;
          l->sent++;
        }
      }
      polls[c] = (struct pollfd){l->socket, events, 0};
    }
    if (poll(polls, connections, 60000) <= 0) fail("no answer in 60 s");
    for (long c = 0; c < connections; c++) {
      if (!(polls[c].revents & (POLLIN | POLLHUP | POLLERR))) continue;
      struct lane *l = &lanes[c];
      ssize_t n = read(l->socket, l->in + l->held, inBytes - l->held);
      if (n == 0) errno = ECONNRESET;
      if (n <= 0) fail("read");
      l->held += n;
      size_t at = 0;
      double t = now_us();
      while (l->held - at >= 4 && l->held - at >= 4 + get32(l->in + at)) {
        if (error_at >= 0 && get16(l->in + at + 4 + error_at) != 0) {
          fprintf(stderr, "client: error code %d\n", get16(l->in + at + 4 + error_at));
          exit(1);
        }
        took[done++] = t - l->sent_us[l->answered++ % in_flight];
        at += 4 + get32(l->in + at);
      }
      if (at == 0 && l->held == inBytes) fail("an answer is too long");
      memmove(l->in, l->in + at, l->held - at);
      l->held -= at;
    }
  }
  printf("{\"requests\":%ld,", count);
  print_quantiles("", took, count);
  print_end(started, cpu);
  return 0;
}

/* ---- fetch ---- */

struct fetch_lane {
  int socket;
  uint8_t *request;
  size_t request_bytes;
  int64_t *next; /* offset of each partition */
  uint8_t *in;
  size_t room, held;
  uint64_t bytes;
  int is_done;
  long passes; /* to come, this one included */
};

/* Version 11, one topic: what lies in front of each partition's fields. */
static int partition_count;
static size_t *offset_places;

/* Where the offsets of the template are: replicaId, wait, min, max, isolation, session id and epoch, topics. */
static void find_places(const uint8_t *frame) {
  size_t at = 4 + 8;
  at += 2 + (get16(frame + at) > 0 ? get16(frame + at) : 0); /* client id */
  at += 4 + 4 + 4 + 4 + 1 + 4 + 4;
  if (get32(frame + at) != 1) fail("one topic is expected");
  at += 4;
  at += 2 + get16(frame + at);
  partition_count = get32(frame + at);
  at += 4;
  offset_places = calloc(partition_count, sizeof *offset_places);
  for (int i = 0; i < partition_count; i++) {
    offset_places[i] = at + 8; /* partition, current leader epoch */
    at += 4 + 4 + 8 + 8 + 4;
  }
}

static int64_t next_offset(const uint8_t *records, size_t length, int64_t from) {
  for (size_t at = 0; at + 61 <= length;) {
    size_t bytes = 12 + get32(records + at + 8);
    if (at + bytes > length) break;
    from = get64(records + at) + get32(records + at + 23) + 1;
    at += bytes;
  }
  return from;
}

/* The answer, whole, without its length; the bytes of its records. */
static uint64_t take_fetched(const uint8_t *p, int64_t *next) {
  uint64_t total = 0;
  p += 4 + 4; /* correlation, throttle */
  if (get16(p) != 0) fail("fetch");
  p += 2 + 4;
  uint32_t topics = get32(p);
  p += 4;
  for (; topics > 0; topics--) {
    p += 2 + get16(p);
    uint32_t partitions = get32(p);
    p += 4;
    for (; partitions > 0; partitions--) {
      uint32_t index = get32(p);
      if (get16(p + 4) != 0) {
        fprintf(stderr, "client: partition %u has error %d\n", index, get16(p + 4));
        exit(1);
      }
      p += 4 + 2 + 8 + 8 + 8;
      int32_t aborted = get32(p);
      p += 4 + (aborted > 0 ? aborted * 16 : 0) + 4;
      int32_t length = get32(p);
      p += 4;
      if (length > 0) {
        next[index] = next_offset(p, length, next[index]);
        total += length;
        p += length;
      }
    }
  }
  return total;
}

static void write_all(int s, const uint8_t *p, size_t n) {
  while (n > 0) {
    ssize_t wrote = write(s, p, n);
    if (wrote < 0 && errno == EAGAIN) {
      struct pollfd w = {s, POLLOUT, 0};
      poll(&w, 1, -1);
      continue;
    }
    if (wrote <= 0) fail("write");
    p += wrote;
    n -= wrote;
  }
}

static void ask(struct fetch_lane *l) {
  for (int i = 0; i < partition_count; i++) put64(l->request + offset_places[i], l->next[i]);
  write_all(l->socket, l->request, l->request_bytes);
}

/* Reads what is there; non-zero when the answer is whole. */
static int receive(struct fetch_lane *l) {
  size_t want = l->held < 4 ? l->room - l->held : 4 + get32(l->in) - l->held;
  if (l->held >= 4 && 4 + get32(l->in) > l->room) {
    l->room = 4 + get32(l->in);
    l->in = realloc(l->in, l->room);
    if (!l->in) fail("memory");
  }
  ssize_t n = read(l->socket, l->in + l->held, want);
  if (n < 0 && errno == EAGAIN) return 0;
  if (n == 0) errno = ECONNRESET;
  if (n <= 0) fail("read");
  l->held += n;
  return l->held >= 4 && l->held >= 4 + get32(l->in);
}

static int fetch(int argc, char **argv) {
  struct frames f = read_frames(argv[4]);
  long consumers = option(argc, argv, "consumers", 1), up_to = option(argc, argv, "upTo", 1);
  long passes = option(argc, argv, "passes", 1);
  find_places(f.each[0].at);
  struct fetch_lane *lanes = calloc(consumers, sizeof *lanes);
  struct pollfd *polls = calloc(consumers, sizeof *polls);
  for (long c = 0; c < consumers; c++) {
    struct fetch_lane *l = &lanes[c];
    l->socket = dial(argv[2], atoi(argv[3]));
    fcntl(l->socket, F_SETFL, O_NONBLOCK);
    l->request_bytes = f.each[0].length;
    l->request = malloc(l->request_bytes);
    memcpy(l->request, f.each[0].at, l->request_bytes);
    l->next = calloc(partition_count, sizeof *l->next);
    l->passes = passes;
    l->room = 2 << 20;
    l->in = malloc(l->room);
  }
  double cpu = cpu_seconds(), started = now_us();
  for (long c = 0; c < consumers; c++) ask(&lanes[c]);
  for (long open = consumers; open > 0;) {
    for (long c = 0; c < consumers; c++)
      polls[c] = (struct pollfd){lanes[c].is_done ? -1 : lanes[c].socket, POLLIN, 0};
    if (poll(polls, consumers, 60000) <= 0) fail("no answer in 60 s");
    for (long c = 0; c < consumers; c++) {
      struct fetch_lane *l = &lanes[c];
      if (l->is_done || !polls[c].revents || !receive(l)) continue;
      l->bytes += take_fetched(l->in + 4, l->next);
      l->held = 0;
      l->is_done = 1;
      for (int i = 0; i < partition_count; i++)
        if (l->next[i] < up_to) l->is_done = 0;
      if (l->is_done && --l->passes > 0) {
        memset(l->next, 0, partition_count * sizeof *l->next);
        l->is_done = 0;
      }
      if (l->is_done) open--;
      else ask(l);
    }
  }
  uint64_t bytes = 0;
  for (long c = 0; c < consumers; c++) bytes += lanes[c].bytes;
  printf("{\"bytes\":%llu,", (unsigned long long)bytes);
  print_end(started, cpu);
  return 0;
}

/* ---- latency ---- */

static int latency(int argc, char **argv) {
  struct frames produce = read_frames(argv[4]), template = read_frames(argv[5]);
  long count = option(argc, argv, "count", 1000), per_second = option(argc, argv, "perSecond", 1000);
  long warm = option(argc, argv, "warm", 0), error_at = option(argc, argv, "errorAt", -1);
  long total = count + warm;
  find_places(template.each[0].at);
  struct fetch_lane c = {0};
  c.socket = dial(argv[2], atoi(argv[3]));
  fcntl(c.socket, F_SETFL, O_NONBLOCK);
  c.request_bytes = template.each[0].length;
  c.request = template.each[0].at;
  c.next = calloc(partition_count, sizeof *c.next);
  c.next[0] = option(argc, argv, "from", 0);
  c.room = 1 << 20;
  c.in = malloc(c.room);
  int p = dial(argv[2], atoi(argv[3]));
  double *sent = malloc(sizeof(double) * total), *acked = malloc(sizeof(double) * total),
         *arrived = malloc(sizeof(double) * total);
  uint8_t in[4096];
  size_t held = 0;
  long sends = 0, acks = 0, arrivals = 0;
  int64_t first = c.next[0];
  double cpu = cpu_seconds(), started = now_us();
  ask(&c);
  while (acks < total || arrivals < total) {
    double t = now_us();
    while (sends < total && t >= started + sends * 1e6 / per_second) {
      sent[sends] = started + sends * 1e6 / per_second; /* when it was due: no coordinated omission */
      write_all(p, produce.each[sends % produce.count].at, produce.each[sends % produce.count].length);
      sends++;
    }
    struct pollfd polls[2] = {{p, POLLIN, 0}, {c.socket, POLLIN, 0}};
    /* To the microsecond: a sleep of whole milliseconds would be in every figure. */
    double due = sends < total ? started + sends * 1e6 / per_second - now_us() : 1e6;
    struct timespec wait = {0, due > 0 ? (long)(due * 1e3) % 1000000000 : 0};
    if (sends >= total) wait = (struct timespec){60, 0};
    if (ppoll(polls, 2, &wait, NULL) == 0 && sends >= total) fail("no answer in 60 s");
    t = now_us();
    if (polls[0].revents) {
      ssize_t n = read(p, in + held, sizeof in - held);
      if (n <= 0) fail("read");
      held += n;
      size_t at = 0;
      while (held - at >= 4 && held - at >= 4 + get32(in + at)) {
        if (error_at >= 0 && get16(in + at + 4 + error_at) != 0) fail("produce");
        acked[acks] = t - sent[acks];
        acks++;
        at += 4 + get32(in + at);
      }
      memmove(in, in + at, held - at);
      held -= at;
    }
    if (polls[1].revents && receive(&c)) {
      take_fetched(c.in + 4, c.next);
      c.held = 0;
      while (arrivals < c.next[0] - first && arrivals < total) {
        arrived[arrivals] = t - sent[arrivals];
        arrivals++;
      }
      if (arrivals < total) ask(&c);
    }
  }
  printf("{\"records\":%ld,", count);
  print_quantiles("ack", acked + warm, count);
  print_quantiles("arrival", arrived + warm, count);
  print_end(started, cpu);
  return 0;
}

/* ---- idle connections ---- */

static int idle(int argc, char **argv) {
  struct frames f = read_frames(argv[4]);
  long connections = option(argc, argv, "connections", 1000);
  double cpu = cpu_seconds(), started = now_us();
  for (long i = 0; i < connections; i++) {
    struct fetch_lane l = {.socket = dial(argv[2], atoi(argv[3])), .room = 1 << 16};
    l.in = malloc(l.room);
    write_all(l.socket, f.each[0].at, f.each[0].length);
    while (!receive(&l)) {}
    free(l.in);
  }
  printf("{\"connections\":%ld,", connections);
  print_end(started, cpu);
  fflush(stdout);
  while (getchar() != EOF) {}
  return 0;
}

int main(int argc, char **argv) {
  struct { const char *name; int files; int (*run)(int, char **); } modes[] = {
      {"replay", 1, replay}, {"fetch", 1, fetch}, {"latency", 2, latency}, {"idle", 1, idle}};
  for (size_t i = 0; i < sizeof modes / sizeof *modes; i++)
    if (argc >= 4 + modes[i].files && strcmp(argv[1], modes[i].name) == 0) return modes[i].run(argc, argv);
  fprintf(stderr, "usage: client replay|fetch|latency|idle HOST PORT FILE… [name=value …]\n");
  return 2;
}
