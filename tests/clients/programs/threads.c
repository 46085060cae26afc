/* Two threads share a connection and read the same queue, each by a subscription of its own, as the interface allows:
 * `threads SOCKET`. With a third word they also share a counter, which ThreadSanitizer must catch.
 */
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "gateway.h"

enum { THREADS = 2 };

typedef struct reader {
    const gateway_client *client;
    uint64_t *records;
    pthread_t thread;
} reader;

static void *read_all(void *argument) {
    const reader *self = argument;
    const gateway_subscribe_options options = {.struct_bytes = sizeof options, .start = GATEWAY_START_OLDEST};
    gateway_subscription *subscription = NULL;
    if (gateway_client_subscribe(self->client, "all", &options, &subscription) != GATEWAY_OK) {
        fprintf(stderr, "no subscription: %s\n", gateway_last_error());
        exit(2);
    }
    gateway_event event;
    while (gateway_subscription_poll(subscription, &event) == GATEWAY_EVENT_RECORD) {
        *self->records += event.record.mbo->size == 100;
    }
    gateway_subscription_close(subscription);
    return NULL;
}

int main(int argc, char **argv) {
    const bool race = argc == 3;
    gateway_client *client = NULL;
    if (argc < 2 || gateway_client_connect(argv[1], &client) != GATEWAY_OK) {
        fprintf(stderr, "no client: %s\n", gateway_last_error());
        return 2;
    }
    uint64_t records[THREADS] = {0};
    reader readers[THREADS];
    for (int i = 0; i < THREADS; i++) {
        readers[i].client = client;
        readers[i].records = &records[race ? 0 : i];
        if (pthread_create(&readers[i].thread, NULL, read_all, &readers[i]) != 0) {
            return 2;
        }
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(readers[i].thread, NULL);
    }
    printf("%llu %llu\n", (unsigned long long)records[0], (unsigned long long)records[1]);
    gateway_client_close(client);
    return 0;
}
