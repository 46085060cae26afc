/* Reads a record whose subscription is closed: what AddressSanitizer must catch. `use_after_close SOCKET` */
#include <stdio.h>

#include "gateway.h"

int main(int argc, char **argv) {
    gateway_client *client = NULL;
    gateway_subscription *subscription = NULL;
    const gateway_subscribe_options options = {.struct_bytes = sizeof options, .start = GATEWAY_START_OLDEST};
    gateway_event event;
    if (argc != 2 || gateway_client_connect(argv[1], &client) != GATEWAY_OK ||
        gateway_client_subscribe(client, "all", &options, &subscription) != GATEWAY_OK ||
        gateway_subscription_poll(subscription, &event) != GATEWAY_EVENT_RECORD) {
        fprintf(stderr, "no record: %s\n", gateway_last_error());
        return 2;
    }
    gateway_subscription_close(subscription);
    printf("%u\n", (unsigned)event.record.mbo->size);
    gateway_client_close(client);
    return 0;
}
