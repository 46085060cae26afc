/* The conformance script's program in C: `conformance SOCKET`, commands on stdin. See CONFORMANCE.md. */
#define _POSIX_C_SOURCE 200809L
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway.h"

#define WORDS_MAX 16
#define MILLISECOND UINT64_C(1000000)
#define MICROSECOND UINT64_C(1000)

/* What is open. */
static const char *path;
static gateway_client *client;
static gateway_subscription *subscription;
static gateway_multi_subscriber *queues;

/* A command that cannot be run: the driver's mistake. */
static _Noreturn void mistake(const char *what) {
    fprintf(stderr, "conformance: %s\n", what);
    exit(EXIT_FAILURE);
}

static uint64_t number(const char *text) {
    char *end = NULL;
    const uint64_t value = strtoull(text, &end, 10);
    if (end == text || *end != '\0') {
        mistake(text);
    }
    return value;
}

static void set_wait(const char *wait, uint32_t *how, uint64_t *sleep_ns) {
    if (strcmp(wait, "spin") == 0) {
        *how = GATEWAY_WAIT_SPIN;
    } else if (strcmp(wait, "yield") == 0) {
        *how = GATEWAY_WAIT_YIELD;
    } else if (strcmp(wait, "block") == 0) {
        *how = GATEWAY_WAIT_BLOCK;
    } else if (strncmp(wait, "sleep:", 6) == 0) {
        *how = GATEWAY_WAIT_SLEEP;
        *sleep_ns = number(wait + 6) * MICROSECOND;
    } else {
        mistake(wait);
    }
}

static void set_option(gateway_subscribe_options *options, char *key) {
    char *value = strchr(key, '=');
    if (value == NULL) {
        mistake(key);
    }
    *value++ = '\0';
    if (strcmp(key, "name") == 0) {
        options->name = value;
    } else if (strcmp(key, "start") == 0 && strcmp(value, "head") == 0) {
        options->start = GATEWAY_START_HEAD;
    } else if (strcmp(key, "start") == 0 && strcmp(value, "oldest") == 0) {
        options->start = GATEWAY_START_OLDEST;
    } else if (strcmp(key, "start") == 0 && strcmp(value, "resync") == 0) {
        options->start = GATEWAY_START_RESYNC;
    } else if (strcmp(key, "start") == 0) {
        options->start = GATEWAY_START_AT;
        options->start_position = number(value);
    } else if (strcmp(key, "run") == 0) {
        options->start_run = number(value);
    } else if (strcmp(key, "on-lapped") == 0 && strcmp(value, "oldest") == 0) {
        options->on_lapped = GATEWAY_ON_LAPPED_OLDEST;
    } else if (strcmp(key, "on-lapped") == 0 && strcmp(value, "latest") == 0) {
        options->on_lapped = GATEWAY_ON_LAPPED_LATEST;
    } else if (strcmp(key, "on-lapped") == 0 && strcmp(value, "resync") == 0) {
        options->on_lapped = GATEWAY_ON_LAPPED_RESYNC;
    } else if (strcmp(key, "wait") == 0) {
        set_wait(value, &options->wait, &options->sleep_ns);
    } else {
        mistake(key);
    }
}

static const char *status_name(gateway_status status) {
    switch (status) {
    case GATEWAY_OK:
        break;
    case GATEWAY_ERROR_ARGUMENT:
        return "argument";
    case GATEWAY_ERROR_INTERNAL:
        return "internal";
    case GATEWAY_ERROR_CONNECT:
        return "connect";
    case GATEWAY_ERROR_BROKEN:
        return "broken";
    case GATEWAY_ERROR_PROTOCOL:
        return "protocol";
    case GATEWAY_ERROR_QUEUE:
        return "queue";
    case GATEWAY_ERROR_REFUSED:
        return "refused";
    case GATEWAY_ERROR_UNKNOWN_QUEUE:
        return "unknown-queue";
    case GATEWAY_ERROR_BUSY:
        return "busy";
    case GATEWAY_ERROR_NOT_ENTITLED:
        return "not-entitled";
    // Only of tables and orders, which the script does not open.
    case GATEWAY_ERROR_UNKNOWN_BOOK:
        return "unknown-book";
    case GATEWAY_ERROR_UNKNOWN_INSTRUMENT:
        return "unknown-instrument";
    case GATEWAY_ERROR_CLOSED:
        return "closed";
    case GATEWAY_ERROR_AGAIN:
        return "again";
    case GATEWAY_ERROR_NOT_VALID:
        return "not-valid";
    case GATEWAY_ERROR_LATER:
        return "later";
    }
    return "?";
}

static const char *closed_name(uint32_t closed) {
    switch (closed) {
    case GATEWAY_CLOSED_STOPPED:
        return "stopped";
    case GATEWAY_CLOSED_RESTARTED:
        return "restarted";
    case GATEWAY_CLOSED_HUNG_UP:
        return "hung-up";
    case GATEWAY_CLOSED_REVOKED:
        return "revoked";
    default:
        return "?";
    }
}

static gateway_status print_joined(const gateway_subscription *of) {
    static const char *const outcomes[] = {"as-asked", "later", "not-yet", "other-run"};
    gateway_joined joined;
    const gateway_status status = gateway_subscription_joined(of, &joined);
    if (status == GATEWAY_OK) {
        printf("joined %s position %" PRIu64 " head %" PRIu64 " lost %" PRIu64 "\n", outcomes[joined.outcome],
               joined.position, joined.head, joined.lost_slots);
    }
    return status;
}

static void print_definition(uint64_t position, const gateway_definition *definition) {
    int length = (int)strnlen(definition->raw_symbol, sizeof definition->raw_symbol);
    while (length > 0 && definition->raw_symbol[length - 1] == ' ') {
        length--;
    }
    printf("definition %" PRIu64 " %" PRIu32 " %.*s\n", position, definition->hd.instrument_id, length,
           definition->raw_symbol);
}

static void print_native(uint64_t position, const gateway_native *native) {
    printf("native %" PRIu64 " %" PRIu32 " ", position, native->instrument_id);
    const uint8_t *message = gateway_native_message(native);
    for (unsigned i = 0; i < native->message_length; i++) {
        printf("%02x", message[i]);
    }
    printf("\n");
}

static void print_levels(const gateway_level *levels, size_t count) {
    for (; count > 0; count--, levels++) {
        printf(" %" PRId64 " %" PRIu32 " %" PRIu32 " %" PRId64 " %" PRIu32 " %" PRIu32, levels->bid_px, levels->bid_sz,
               levels->bid_ct, levels->ask_px, levels->ask_sz, levels->ask_ct);
    }
    printf("\n");
}

static void print_record(const gateway_event *event) {
    const gateway_record record = event->record;
    const uint64_t position = event->position;
    switch (event->record_type) {
    case GATEWAY_RECORD_MBO:
        printf("mbo %" PRIu64 " %" PRIu32 " %" PRIu64 " %c %c %" PRId64 " %" PRIu32 " %u %" PRIu32 " %" PRIu64 "\n",
               position, record.mbo->hd.instrument_id, record.mbo->order_id, record.mbo->action, record.mbo->side,
               record.mbo->price, record.mbo->size, record.mbo->flags, record.mbo->sequence, record.mbo->hd.ts_event);
        break;
    case GATEWAY_RECORD_MBP1:
        printf("mbp1 %" PRIu64 " %" PRIu32 " %u %" PRIu32, position, record.mbp1->hd.instrument_id, record.mbp1->flags,
               record.mbp1->sequence);
        print_levels(record.mbp1->levels, 1);
        break;
    case GATEWAY_RECORD_MBP10:
        printf("mbp10 %" PRIu64 " %" PRIu32 " %u %" PRIu32, position, record.mbp10->hd.instrument_id,
               record.mbp10->flags, record.mbp10->sequence);
        print_levels(record.mbp10->levels, 10);
        break;
    case GATEWAY_RECORD_DEFINITION:
        print_definition(position, record.definition);
        break;
    case GATEWAY_RECORD_TRADING_STATUS:
        printf("status %" PRIu64 " %" PRIu32 " %u\n", position, record.trading_status->hd.instrument_id,
               record.trading_status->action);
        break;
    case GATEWAY_RECORD_IMBALANCE:
        printf("imbalance %" PRIu64 " %" PRIu32 " %" PRIu32 " %" PRIu32 " %c\n", position,
               record.imbalance->hd.instrument_id, record.imbalance->paired_qty,
               record.imbalance->total_imbalance_qty, record.imbalance->side);
        break;
    case GATEWAY_RECORD_TRADE:
        printf("trade %" PRIu64 " %" PRIu32 " %c %" PRId64 " %" PRIu32 " %" PRIu32 "\n", position,
               record.trade->hd.instrument_id, record.trade->side, record.trade->price, record.trade->size,
               record.trade->sequence);
        break;
    case GATEWAY_RECORD_STATISTICS:
        printf("statistic %" PRIu64 " %" PRIu32 " %u %" PRId64 " %" PRId64 "\n", position,
               record.statistics->hd.instrument_id, record.statistics->stat_type, record.statistics->price,
               record.statistics->quantity);
        break;
    case GATEWAY_RECORD_CONTROL:
        printf("control %" PRIu64 " %u %u %" PRIu64 " %" PRIu64 "\n", position, record.control->kind,
               record.control->channel_id, record.control->sequence, record.control->count);
        break;
    case GATEWAY_RECORD_NATIVE:
        print_native(position, record.native);
        break;
    case GATEWAY_RECORD_OTHER:
        printf("other %" PRIu64 " %u\n", position, record.other->rtype);
        break;
    }
}

static void print_event(const gateway_event *event) {
    switch (event->kind) {
    case GATEWAY_EVENT_EMPTY:
        puts("empty");
        break;
    case GATEWAY_EVENT_RECORD:
        print_record(event);
        break;
    case GATEWAY_EVENT_LOST:
        printf("lost %" PRIu64 "\n", event->lost_slots);
        break;
    case GATEWAY_EVENT_CLOSED:
        printf("closed %s\n", closed_name(event->closed));
        break;
    }
}

static gateway_status list_queues(void) {
    gateway_queues *list = NULL;
    const gateway_status status = gateway_client_queues(client, &list);
    for (size_t i = 0; i < gateway_queues_count(list); i++) {
        const gateway_queue *queue = gateway_queues_at(list, i);
        printf("queue %s %" PRIu64 "\n", queue->name, queue->slots);
    }
    gateway_queues_free(list);
    return status;
}

static gateway_status subscribe(const char *queue, char **keys, gateway_subscription **opened) {
    gateway_subscribe_options options = {.struct_bytes = sizeof options};
    for (; *keys != NULL; keys++) {
        set_option(&options, *keys);
    }
    return gateway_client_subscribe(client, queue, &options, opened);
}

static gateway_status read_events(uint64_t count, uint64_t timeout_ns) {
    for (; count > 0; count--) {
        gateway_event event;
        const int32_t kind = gateway_subscription_wait(subscription, timeout_ns, &event);
        if (kind < 0) {
            return (gateway_status)kind;
        }
        print_event(&event);
        if (kind == GATEWAY_EVENT_EMPTY || kind == GATEWAY_EVENT_CLOSED) {
            break;
        }
    }
    return GATEWAY_OK;
}

static gateway_status drain(void) {
    for (;;) {
        gateway_event event;
        const int32_t kind = gateway_subscription_poll(subscription, &event);
        if (kind < 0) {
            return (gateway_status)kind;
        }
        if (kind == GATEWAY_EVENT_EMPTY || kind == GATEWAY_EVENT_CLOSED) {
            return GATEWAY_OK;
        }
        print_event(&event);
    }
}

static gateway_status add(const char *queue, char **keys) {
    gateway_subscription *member = NULL;
    gateway_status status = subscribe(queue, keys, &member);
    size_t index = 0;
    if (status == GATEWAY_OK) {
        status = gateway_multi_subscriber_add(queues, member, &index);
    }
    if (status == GATEWAY_OK) {
        printf("added %zu\n", index);
        status = print_joined(gateway_multi_subscriber_at(queues, index));
    }
    return status;
}

static gateway_status read_any(uint64_t count, uint64_t timeout_ns) {
    for (; count > 0; count--) {
        gateway_event event;
        size_t index = 0;
        const int32_t kind = gateway_multi_subscriber_wait(queues, timeout_ns, &index, &event);
        if (kind < 0) {
            return (gateway_status)kind;
        }
        if (kind == GATEWAY_EVENT_EMPTY) {
            puts("empty");
            break;
        }
        printf("%zu ", index);
        print_event(&event);
    }
    return GATEWAY_OK;
}

static void close_subscription(void) {
    gateway_subscription_close(subscription);
    subscription = NULL;
}

static void close_queues(void) {
    gateway_multi_subscriber_close(queues);
    queues = NULL;
}

static gateway_status run(int count, char **words) {
    const char *command = words[0];
    gateway_status status = GATEWAY_OK;
    if (count == 1 && strcmp(command, "connect") == 0) {
        gateway_client_close(client);
        return gateway_client_connect(path, &client);
    }
    if (count == 1 && strcmp(command, "queues") == 0) {
        return list_queues();
    }
    if (count >= 2 && strcmp(command, "subscribe") == 0) {
        close_subscription();
        status = subscribe(words[1], words + 2, &subscription);
        return status == GATEWAY_OK ? print_joined(subscription) : status;
    }
    if (count == 3 && strcmp(command, "read") == 0) {
        return read_events(number(words[1]), number(words[2]) * MILLISECOND);
    }
    if (count == 1 && strcmp(command, "drain") == 0) {
        return drain();
    }
    if (count == 1 && strcmp(command, "position") == 0) {
        printf("position %" PRIu64 " lost %" PRIu64 "\n", gateway_subscription_position(subscription),
               gateway_subscription_lost_slots(subscription));
        return GATEWAY_OK;
    }
    if (count == 1 && strcmp(command, "checkpoint") == 0) {
        gateway_checkpoint checkpoint;
        status = gateway_subscription_checkpoint(subscription, &checkpoint);
        if (status == GATEWAY_OK) {
            printf("checkpoint %" PRIu64 " %" PRIu64 "\n", checkpoint.run, checkpoint.position);
        }
        return status;
    }
    if (count == 1 && strcmp(command, "joined") == 0) {
        return print_joined(subscription);
    }
    if (count == 1 && strcmp(command, "health") == 0) {
        gateway_health health;
        status = gateway_subscription_health(subscription, &health);
        if (status == GATEWAY_OK) {
            puts(health.live ? "live" : "ended");
        }
        return status;
    }
    if (count == 1 && strcmp(command, "reattach") == 0) {
        status = gateway_subscription_reattach(subscription);
        return status == GATEWAY_OK ? print_joined(subscription) : status;
    }
    if (count == 1 && strcmp(command, "close") == 0) {
        close_subscription();
        close_queues();
        return GATEWAY_OK;
    }
    if (count == 2 && strcmp(command, "multi") == 0) {
        uint32_t how = GATEWAY_WAIT_SPIN;
        uint64_t sleep_ns = 0;
        set_wait(words[1], &how, &sleep_ns);
        close_queues();
        return gateway_multi_subscriber_open(how, sleep_ns, &queues);
    }
    if (count >= 2 && strcmp(command, "add") == 0) {
        return add(words[1], words + 2);
    }
    if (count == 3 && strcmp(command, "read-any") == 0) {
        return read_any(number(words[1]), number(words[2]) * MILLISECOND);
    }
    if (count == 1 && strcmp(command, "over") == 0) {
        printf("over %s\n", gateway_multi_subscriber_is_over(queues) ? "yes" : "no");
        return GATEWAY_OK;
    }
    if (count == 2 && strcmp(command, "reattach-any") == 0) {
        gateway_subscription *member = gateway_multi_subscriber_at(queues, number(words[1]));
        status = gateway_subscription_reattach(member);
        return status == GATEWAY_OK ? print_joined(member) : status;
    }
    mistake(command);
}

int main(int argc, char **argv) {
    if (argc != 2) {
        mistake("usage: conformance SOCKET");
    }
    path = argv[1];
    char *line = NULL;
    size_t capacity = 0;
    while (getline(&line, &capacity, stdin) > 0) {
        line[strcspn(line, "\n")] = '\0';
        char *words[WORDS_MAX + 1] = {line};
        int count = 0;
        for (char *word = strtok(line, " "); word != NULL && count < WORDS_MAX; word = strtok(NULL, " ")) {
            words[count++] = word;
        }
        words[count] = NULL;
        if (count == 0) {
            mistake("an empty command");
        }
        const gateway_status status = run(count, words);
        if (status == GATEWAY_OK) {
            puts("ok");
        } else {
            printf("error %s\n", status_name(status));
        }
        fflush(stdout);
    }
    free(line);
    close_subscription();
    close_queues();
    gateway_client_close(client);
    return EXIT_SUCCESS;
}
