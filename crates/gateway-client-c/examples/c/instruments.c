/* Prints every instrument that a queue defines: instruments SOCKET QUEUE */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway.h"

static void check(gateway_status status) {
    if (status != GATEWAY_OK) {
        fprintf(stderr, "%s\n", gateway_last_error());
        exit(1);
    }
}

/* Symbols of some feeds are padded with spaces. */
static int symbol_length(const gateway_definition *definition) {
    const char *end = memchr(definition->raw_symbol, 0, sizeof definition->raw_symbol);
    size_t length = end == NULL ? sizeof definition->raw_symbol : (size_t)(end - definition->raw_symbol);
    while (length > 0 && definition->raw_symbol[length - 1] == ' ') {
        length--;
    }
    return (int)length;
}

static void print(const gateway_instrument_definition *instrument) {
    const gateway_definition *definition = instrument->definition;
    printf("%.*s is %" PRIu32 " of publisher %u channel %u: tick %" PRId64 " lot %" PRId32 " multiplier %" PRId32
           " trading %c\n",
           symbol_length(definition), definition->raw_symbol, definition->hd.instrument_id,
           (unsigned)definition->hd.publisher_id, (unsigned)definition->channel_id, definition->min_price_increment,
           definition->min_lot_size_round_lot, definition->contract_multiplier,
           instrument->status == NULL ? '?' : instrument->status->is_trading);
}

int main(int argc, char **argv) {
    if (argc != 3) {
        fprintf(stderr, "usage: instruments SOCKET QUEUE\n");
        return 2;
    }
    gateway_client *client = NULL;
    check(gateway_client_connect(argv[1], &client));
    gateway_instruments *instruments = NULL;
    check(gateway_client_instruments(client, argv[2], "instruments", &instruments));
    /* What was defined since. A strategy does this now and then, and looks at gateway_instruments_changes. */
    check(gateway_instruments_update(instruments, 0));
    gateway_instrument_definition instrument;
    const gateway_instrument_definition *after = NULL;
    while (gateway_instruments_next(instruments, after, &instrument)) {
        print(&instrument);
        after = &instrument;
    }
    printf("%zu instruments, %s\n", gateway_instruments_count(instruments),
           gateway_instruments_is_whole(instruments) ? "all" : "not all");
    gateway_instruments_free(instruments);
    gateway_client_close(client);
    return 0;
}
