/* What the examples share: their command line, and how they fail. */
#ifndef EXAMPLE_COMMON_H
#define EXAMPLE_COMMON_H

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway.h"

#define UNDEF_PRICE INT64_MAX
#define UNDEF_ORDER_SIZE UINT32_MAX
#define FLAG_LAST 0x80
#define MILLISECOND UINT64_C(1000000)

/* Ends the program where a call failed, with the library's words. */
static inline void check(int32_t result, const char *what) {
    if (result < 0) {
        fprintf(stderr, "%s: %s\n", what, gateway_last_error());
        exit(EXIT_FAILURE);
    }
}

/* Subscribes as the command line `SOCKET QUEUE [oldest]` says. */
static inline gateway_subscription *subscribe(int argc, char **argv, const char *name, gateway_wait wait) {
    const int oldest = argc == 4 && strcmp(argv[3], "oldest") == 0;
    if (argc != 3 && !oldest) {
        fprintf(stderr, "usage: %s SOCKET QUEUE [oldest]\n", name);
        exit(EXIT_FAILURE);
    }
    if (gateway_client_abi_version() >> 16 != GATEWAY_ABI_VERSION >> 16 ||
        gateway_client_abi_version() < GATEWAY_ABI_VERSION) {
        fprintf(stderr, "%s: the library is older than this program: install its libgateway_client.so\n", name);
        exit(EXIT_FAILURE);
    }
    gateway_client *client = NULL;
    check(gateway_client_connect(argv[1], &client), argv[1]);
    const gateway_subscribe_options options = {
        .struct_bytes = sizeof options,
        .start = oldest ? GATEWAY_START_OLDEST : GATEWAY_START_HEAD,
        .wait = (uint32_t)wait,
        .sleep_ns = 100000,
        .name = name,
    };
    gateway_subscription *subscription = NULL;
    check(gateway_client_subscribe(client, argv[2], &options, &subscription), argv[2]);
    /* A subscription has a connection of its own. */
    gateway_client_close(client);
    return subscription;
}

#endif
