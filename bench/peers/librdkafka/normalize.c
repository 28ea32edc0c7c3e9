/*
 * "vgm normalize" on librdkafka, exactly once, as somebody writes it who knows the shape of the rows.
 *
 *     normalize --brokers B --shape SHAPE --input TOPIC --output TOPIC --group G --model FILE --rows N
 *               --compression CODEC [--threads N]
 *
 * A row keeps its partition, order and key; librdkafka sends no timestamps with many rows at once: they get new ones.
 * Prints {"rows": N, "seconds": S}, from the first rows to the last commit.
 */

#include <inttypes.h>
#include <librdkafka/rdkafka.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
  MOST_COLUMNS = 10,
  MOST_MODES = 63, /* their zigzag numbers take a byte */
  CELLS = 16384,
  UNRESOLVED = 255,
  FRAMING_BYTES = 5,
  /* More than a row grows by: two bytes of a model's version, nine for each modelled column. */
  GROWTH_BYTES = 128,
  BATCH_ROWS = 10000,
  CHUNK_BYTES = 4 << 20,
  MOST_CHUNKS = 1024,
};

/* As long as a transaction of "vgm normalize". */
static const double TRANSACTION_SECONDS = 0.5;

static void fail(const char *format, ...) {
  va_list values;
  va_start(values, format);
  vfprintf(stderr, format, values);
  va_end(values);
  fputc('\n', stderr);
  exit(1);
}

static double seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec + now.tv_nsec / 1e9;
}

/* ---- the model ---- */

struct column {
  int modes;
  double low, cells_per_unit;
  double mean[MOST_MODES], scale[MOST_MODES], offset[MOST_MODES], precision[MOST_MODES];
  uint8_t cells[CELLS];
};

static struct column columns[MOST_COLUMNS];
static uint8_t raw_head[FRAMING_BYTES], normalized_head[FRAMING_BYTES + 2];
static size_t normalized_head_bytes;

static double number(FILE *file) {
  double value;
  if (fscanf(file, "%lf", &value) != 1) fail("The model is cut off");
  return value;
}

static void put_framing(uint8_t *head, uint32_t id) {
  head[0] = 0;
  for (int i = 0; i < 4; i++) head[1 + i] = id >> (24 - 8 * i);
}

static void read_model(const char *path) {
  FILE *file = fopen(path, "r");
  if (file == NULL) fail("Cannot open %s", path);
  uint32_t version = number(file) * 2;
  put_framing(raw_head, number(file));
  put_framing(normalized_head, number(file));
  normalized_head_bytes = FRAMING_BYTES;
  if (version > 0x3fff) fail("The version of the model takes more than two bytes");
  if (version > 0x7f) normalized_head[normalized_head_bytes++] = (version & 0x7f) | 0x80, version >>= 7;
  normalized_head[normalized_head_bytes++] = version;
  int count = number(file);
  if (count > MOST_COLUMNS) fail("More columns than there is room for");
  for (int c = 0; c < count; c++) {
    struct column *column = &columns[c];
    column->modes = number(file);
    column->low = number(file);
    column->cells_per_unit = number(file);
    if (column->modes > MOST_MODES || number(file) != CELLS) fail("A table of another size");
    for (int k = 0; k < column->modes; k++) {
      column->mean[k] = number(file);
      column->scale[k] = 4 * number(file);
      column->offset[k] = number(file);
      column->precision[k] = number(file);
    }
    for (int i = 0; i < CELLS; i++) column->cells[i] = number(file);
  }
  fclose(file);
}

static int likeliest(const struct column *column, double x) {
  int mode = 0;
  double best = -1e308;
  for (int k = 0; k < column->modes; k++) {
    double d = x - column->mean[k];
    double score = column->offset[k] - 0.5 * column->precision[k] * d * d;
    if (score > best) best = score, mode = k;
  }
  return mode;
}

/* Writes {value, mode}. */
static inline uint8_t *put_number(const struct column *column, double x, uint8_t *out) {
  double place = (x - column->low) * column->cells_per_unit;
  place = place < 0 ? 0 : place > CELLS - 1 ? CELLS - 1 : place;
  int mode = column->cells[(int)place];
  if (mode == UNRESOLVED) mode = likeliest(column, x);
  double value = (x - column->mean[mode]) / column->scale[mode];
  memcpy(out, &value, sizeof value);
  out[8] = mode << 1;
  return out + 9;
}

/* ---- the shapes: each turns a body into a normalized one ---- */

struct place {
  const uint8_t *in;
  uint8_t *out;
};

static inline struct place double_(const struct column *column, struct place at) {
  double x;
  memcpy(&x, at.in, sizeof x);
  return (struct place){at.in + 8, put_number(column, x, at.out)};
}

static inline struct place nullable_double(const struct column *column, struct place at) {
  *at.out++ = *at.in;
  return *at.in++ == 0 ? at : double_(column, at);
}

static inline uint64_t varint(const uint8_t **in) {
  uint64_t bits = 0;
  for (int shift = 0;; shift += 7) {
    uint8_t byte = *(*in)++;
    bits |= (uint64_t)(byte & 0x7f) << shift;
    if (byte < 0x80) return bits;
  }
}

static inline struct place long_(const struct column *column, struct place at) {
  uint64_t bits = varint(&at.in);
  double x = (int64_t)(bits >> 1) ^ -(int64_t)(bits & 1);
  return (struct place){at.in, put_number(column, x, at.out)};
}

static inline const uint8_t *after_varint(const uint8_t *in) {
  while (*in++ >= 0x80) {
  }
  return in;
}

static inline const uint8_t *after_text(const uint8_t *in) {
  uint64_t length = varint(&in);
  return in + (length >> 1);
}

/* Copies what lies between `at` and `end`. */
static inline struct place copied(struct place at, const uint8_t *end) {
  size_t bytes = end - at.in;
  memcpy(at.out, at.in, bytes);
  return (struct place){end, at.out + bytes};
}

static struct place one_double(struct place at) { return double_(&columns[0], at); }

static struct place ten_columns(struct place at) {
  for (int c = 0; c < 10; c++) at = double_(&columns[c], at);
  return at;
}

/* date, delay, distance, origin, destination */
static struct place flights(struct place at) {
  at = copied(at, after_varint(at.in));
  at = long_(&columns[0], at);
  at = long_(&columns[1], at);
  return copied(at, after_text(after_text(at.in)));
}

/* As src/bench/orders.ts has them. */
static struct place orders(struct place at) {
  const uint8_t *in = after_text(after_text(at.in));         /* order_id, customer_id */
  in = after_varint(after_varint(in));                       /* ordered_at, status */
  in = after_varint(after_text(after_text(in)));             /* product, category, quantity */
  at = copied(at, in);
  at = nullable_double(&columns[0], at);                     /* price */
  at = nullable_double(&columns[1], at);                     /* discount */
  at = nullable_double(&columns[2], at);                     /* tax */
  at = copied(at, after_text(after_text(after_text(at.in)))); /* channel, country, city */
  at = nullable_double(&columns[3], at);                     /* shipping */
  at = nullable_double(&columns[4], at);                     /* weight */
  at = copied(at, after_varint(after_varint(at.in) + 1));    /* shipped_at, is_gift, points */
  at = long_(&columns[5], at);                               /* session_ms */
  return copied(at, after_text(at.in));                      /* note */
}

typedef struct place (*shape)(struct place);

static shape shape_named(const char *name) {
  if (strcmp(name, "oneDouble") == 0) return one_double;
  if (strcmp(name, "tenColumns") == 0) return ten_columns;
  if (strcmp(name, "flights") == 0) return flights;
  if (strcmp(name, "orders") == 0) return orders;
  fail("No shape %s", name);
  return NULL;
}

/* ---- Kafka ---- */

static const char *brokers, *input, *output, *group, *compression;
static shape body;
static int threads = 1, partitions;
static int64_t rows;
static atomic_llong processed;
static pthread_mutex_t clock_lock = PTHREAD_MUTEX_INITIALIZER;
static double first_second, last_second;

static rd_kafka_t *client(rd_kafka_type_t type, const char *settings[][2], size_t count) {
  char error[512];
  rd_kafka_conf_t *conf = rd_kafka_conf_new();
  for (size_t i = 0; i < count; i++)
    if (rd_kafka_conf_set(conf, settings[i][0], settings[i][1], error, sizeof error) != RD_KAFKA_CONF_OK)
      fail("%s: %s", settings[i][0], error);
  rd_kafka_t *rk = rd_kafka_new(type, conf, error, sizeof error);
  if (rk == NULL) fail("%s", error);
  return rk;
}

static void check(rd_kafka_error_t *error, const char *what) {
  if (error != NULL) fail("%s: %s", what, rd_kafka_error_string(error));
}

static rd_kafka_t *new_consumer(void) {
  const char *settings[][2] = {
      {"bootstrap.servers", brokers},
      {"group.id", group},
      {"auto.offset.reset", "earliest"},
      {"enable.auto.commit", "false"},
      {"enable.auto.offset.store", "false"},
      {"isolation.level", "read_committed"},
      {"check.crcs", "true"},
      /* A partition with more rows ahead is not fetched for a second (before librdkafka 2.2): fewer would run out. */
      {"queued.min.messages", "1000000"},
      {"queued.max.messages.kbytes", "1048576"},
      {"fetch.message.max.bytes", "1048576"},
      {"fetch.max.bytes", "8388608"},
      {"fetch.min.bytes", "65536"},
      {"fetch.wait.max.ms", "50"},
      {"socket.nagle.disable", "true"},
  };
  return client(RD_KAFKA_CONSUMER, settings, sizeof settings / sizeof *settings);
}

static rd_kafka_t *new_producer(const char *transactional_id) {
  const char *settings[][2] = {
      {"bootstrap.servers", brokers},
      {"transactional.id", transactional_id},
      {"compression.type", compression},
      {"linger.ms", "20"},
      {"batch.size", "524288"},
      {"batch.num.messages", "1000000"},
      {"queue.buffering.max.messages", "4000000"},
      {"queue.buffering.max.kbytes", "1048576"},
      {"socket.nagle.disable", "true"},
  };
  return client(RD_KAFKA_PRODUCER, settings, sizeof settings / sizeof *settings);
}

/* The rows of a transaction: librdkafka sends them from here, and has them acknowledged when it is committed. */
struct arena {
  uint8_t *chunks[MOST_CHUNKS];
  int chunk;
  size_t used;
};

static uint8_t *reserve(struct arena *arena, size_t bytes) {
  if (arena->used + bytes > CHUNK_BYTES) {
    if (bytes > CHUNK_BYTES || ++arena->chunk == MOST_CHUNKS) fail("A transaction has more bytes than there is room for");
    arena->used = 0;
  }
  uint8_t **chunk = &arena->chunks[arena->chunk];
  if (*chunk == NULL && (*chunk = malloc(CHUNK_BYTES)) == NULL) fail("No memory");
  return *chunk + arena->used;
}

/* One of `threads` members, each with partitions, a consumer and a producer of its own. */
struct member {
  int number;
  rd_kafka_t *consumer, *producer;
  rd_kafka_topic_t *topic;
  rd_kafka_topic_partition_list_t *positions;
  struct arena arena;
  rd_kafka_message_t out[BATCH_ROWS];
};

static void normalize_row(struct member *member, const rd_kafka_message_t *in, rd_kafka_message_t *out) {
  const uint8_t *row = in->payload;
  if (in->err) fail("%s", rd_kafka_message_errstr(in));
  if (in->len < FRAMING_BYTES || memcmp(row, raw_head, FRAMING_BYTES) != 0) fail("A row of another schema");
  uint8_t *value = reserve(&member->arena, in->len + GROWTH_BYTES);
  memcpy(value, normalized_head, sizeof normalized_head);
  struct place end = body((struct place){row + FRAMING_BYTES, value + normalized_head_bytes});
  if (end.in != row + in->len) fail("A row that is no row of its schema");
  *out = (rd_kafka_message_t){.payload = value, .len = end.out - value, .key = in->key, .key_len = in->key_len};
  member->arena.used += out->len;
}

/* Rows of one partition; their keys are copied, their values are not. */
static void produce(struct member *member, int32_t partition, rd_kafka_message_t *out, int count) {
  for (int sent = 0; sent < count;) {
    int accepted = rd_kafka_produce_batch(member->topic, partition, 0, out + sent, count - sent);
    for (int i = sent; accepted < count - sent && i < count; i++)
      if (out[i].err && out[i].err != RD_KAFKA_RESP_ERR__QUEUE_FULL) fail("%s", rd_kafka_err2str(out[i].err));
    sent += accepted;
    rd_kafka_poll(member->producer, sent < count ? 5 : 0);
  }
}

static void commit(struct member *member) {
  rd_kafka_consumer_group_metadata_t *metadata = rd_kafka_consumer_group_metadata(member->consumer);
  check(
      rd_kafka_send_offsets_to_transaction(member->producer, member->positions, metadata, 60000),
      "send_offsets_to_transaction");
  rd_kafka_consumer_group_metadata_destroy(metadata);
  check(rd_kafka_commit_transaction(member->producer, 60000), "commit_transaction");
  member->arena.chunk = 0;
  member->arena.used = 0;
}

static void take(struct member *member, rd_kafka_message_t **in, ssize_t count) {
  for (ssize_t from = 0; from < count;) {
    int32_t partition = in[from]->partition;
    ssize_t to = from;
    while (to < count && in[to]->partition == partition) {
      normalize_row(member, in[to], &member->out[to - from]);
      to++;
    }
    produce(member, partition, member->out, to - from);
    rd_kafka_topic_partition_list_find(member->positions, input, partition)->offset = in[to - 1]->offset + 1;
    from = to;
  }
  for (ssize_t i = 0; i < count; i++) rd_kafka_message_destroy(in[i]);
  atomic_fetch_add(&processed, count);
}

static void *run(void *argument) {
  struct member *member = argument;
  rd_kafka_message_t **in = malloc(BATCH_ROWS * sizeof *in);
  rd_kafka_topic_partition_list_t *assigned = rd_kafka_topic_partition_list_new(partitions);
  member->positions = rd_kafka_topic_partition_list_new(partitions);
  for (int p = member->number; p < partitions; p += threads) {
    rd_kafka_topic_partition_list_add(assigned, input, p)->offset = RD_KAFKA_OFFSET_STORED;
    rd_kafka_topic_partition_list_add(member->positions, input, p)->offset = RD_KAFKA_OFFSET_INVALID;
  }
  check(rd_kafka_init_transactions(member->producer, 60000), "init_transactions");
  if (rd_kafka_assign(member->consumer, assigned)) fail("assign");
  rd_kafka_queue_t *queue = rd_kafka_queue_get_consumer(member->consumer);
  double begun = 0;
  while (begun > 0 || atomic_load(&processed) < rows) {
    ssize_t count = rd_kafka_consume_batch_queue(queue, 20, in, BATCH_ROWS);
    if (count < 0) fail("consume_batch_queue: %s", rd_kafka_err2str(rd_kafka_last_error()));
    if (count > 0) {
      if (begun == 0) {
        begun = seconds();
        check(rd_kafka_begin_transaction(member->producer), "begin_transaction");
        pthread_mutex_lock(&clock_lock);
        if (first_second == 0) first_second = begun;
        pthread_mutex_unlock(&clock_lock);
      }
      take(member, in, count);
    }
    if (begun > 0 && (seconds() - begun > TRANSACTION_SECONDS || atomic_load(&processed) >= rows)) {
      commit(member);
      begun = 0;
    }
  }
  pthread_mutex_lock(&clock_lock);
  if (seconds() > last_second) last_second = seconds();
  pthread_mutex_unlock(&clock_lock);
  return NULL;
}

static int partitions_of(rd_kafka_t *rk, const char *name) {
  const struct rd_kafka_metadata *metadata;
  rd_kafka_topic_t *topic = rd_kafka_topic_new(rk, name, NULL);
  rd_kafka_resp_err_t error = rd_kafka_metadata(rk, 0, topic, &metadata, 10000);
  if (error) fail("metadata: %s", rd_kafka_err2str(error));
  int count = metadata->topics[0].partition_cnt;
  rd_kafka_metadata_destroy(metadata);
  rd_kafka_topic_destroy(topic);
  return count;
}

int main(int count, char **strings) {
  const char *model = NULL;
  for (int i = 1; i + 1 < count; i += 2) {
    const char *name = strings[i], *value = strings[i + 1];
    if (strcmp(name, "--brokers") == 0) brokers = value;
    else if (strcmp(name, "--shape") == 0) body = shape_named(value);
    else if (strcmp(name, "--input") == 0) input = value;
    else if (strcmp(name, "--output") == 0) output = value;
    else if (strcmp(name, "--group") == 0) group = value;
    else if (strcmp(name, "--model") == 0) model = value;
    else if (strcmp(name, "--rows") == 0) rows = atoll(value);
    else if (strcmp(name, "--compression") == 0) compression = value;
    else if (strcmp(name, "--threads") == 0) threads = atoi(value);
  }
  if (!brokers || !body || !input || !output || !group || !model || !rows || !compression) fail("A flag is missing");
  char path[4096];
  snprintf(path, sizeof path, "%s.txt", model);
  read_model(path);

  struct member *members = calloc(threads, sizeof *members);
  pthread_t *handles = calloc(threads, sizeof *handles);
  for (int t = 0; t < threads; t++) {
    char transactional_id[256];
    snprintf(transactional_id, sizeof transactional_id, "%s-%d", group, t);
    members[t].number = t;
    members[t].consumer = new_consumer();
    members[t].producer = new_producer(transactional_id);
    members[t].topic = rd_kafka_topic_new(members[t].producer, output, NULL);
  }
  partitions = partitions_of(members[0].consumer, input);
  for (int t = 0; t < threads; t++) pthread_create(&handles[t], NULL, run, &members[t]);
  for (int t = 0; t < threads; t++) pthread_join(handles[t], NULL);
  printf("{\"rows\": %lld, \"seconds\": %.3f}\n", (long long)atomic_load(&processed), last_second - first_second);
  return 0;
}
