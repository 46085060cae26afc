/* What the C interface says to wrong and right calls: `abi SOCKET`. The gateway has one queue, `all`, with one order. */
#undef NDEBUG
#include <assert.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "gateway.h"

#define SAYS(words) assert(strstr(gateway_last_error(), words) != NULL)

static void *fails_elsewhere(void *unused) {
    (void)unused;
    assert(strcmp(gateway_last_error(), "") == 0);
    assert(gateway_client_connect(NULL, NULL) == GATEWAY_ERROR_ARGUMENT);
    SAYS("`client` is null");
    return NULL;
}

static void connecting(const char *path) {
    gateway_client *client = (gateway_client *)&client;
    assert(gateway_client_connect(NULL, &client) == GATEWAY_ERROR_ARGUMENT);
    SAYS("`path` is null");
    assert(client == NULL);
    assert(gateway_client_connect("\xFF", &client) == GATEWAY_ERROR_ARGUMENT);
    assert(gateway_client_connect("/nowhere/broker.sock", &client) == GATEWAY_ERROR_CONNECT);
    SAYS("no gateway at /nowhere/broker.sock");
    pthread_t other;
    assert(pthread_create(&other, NULL, fails_elsewhere, NULL) == 0);
    assert(pthread_join(other, NULL) == 0);
    SAYS("no gateway at /nowhere/broker.sock");
    assert(gateway_client_connect(path, NULL) == GATEWAY_ERROR_ARGUMENT);
}

static void asking(gateway_client *client) {
    assert(gateway_client_gateway_pid(client) != 0);
    assert(gateway_client_gateway_pid(NULL) == 0);

    gateway_queues *queues = NULL;
    assert(gateway_client_queues(NULL, &queues) == GATEWAY_ERROR_ARGUMENT);
    assert(gateway_client_queues(client, NULL) == GATEWAY_ERROR_ARGUMENT);
    assert(gateway_client_queues(client, &queues) == GATEWAY_OK);
    assert(gateway_queues_count(queues) == 1);
    assert(strcmp(gateway_queues_at(queues, 0)->name, "all") == 0);
    assert(gateway_queues_at(queues, 0)->head == 1);
    assert(gateway_queues_at(queues, 1) == NULL);
    assert(gateway_queues_at(NULL, 0) == NULL && gateway_queues_count(NULL) == 0);
    gateway_queues_free(queues);

    gateway_text *status = NULL;
    assert(gateway_client_status(client, &status) == GATEWAY_OK);
    assert(strcmp(gateway_text_bytes(status), "{}") == 0);
    gateway_text_free(status);
}

static void subscribing(gateway_client *client) {
    gateway_subscription *subscription = NULL;
    assert(gateway_client_subscribe(NULL, "all", NULL, &subscription) == GATEWAY_ERROR_ARGUMENT);
    assert(gateway_client_subscribe(client, NULL, NULL, &subscription) == GATEWAY_ERROR_ARGUMENT);
    assert(gateway_client_subscribe(client, "all", NULL, NULL) == GATEWAY_ERROR_ARGUMENT);
    assert(gateway_client_subscribe(client, "al", NULL, &subscription) == GATEWAY_ERROR_UNKNOWN_QUEUE);
    SAYS("there are: all");
    gateway_subscribe_options options = {.struct_bytes = sizeof options};
    options.start = 99;
    assert(gateway_client_subscribe(client, "all", &options, &subscription) == GATEWAY_ERROR_ARGUMENT);
    SAYS("options.start is 99");
    options.struct_bytes = 0;
    assert(gateway_client_subscribe(client, "all", &options, &subscription) == GATEWAY_ERROR_ARGUMENT);
    assert(subscription == NULL);
    options = (gateway_subscribe_options){.struct_bytes = sizeof options, .start = GATEWAY_START_RESYNC};
    assert(gateway_client_subscribe(client, "all", &options, &subscription) == GATEWAY_OK);
    gateway_joined joined;
    assert(gateway_subscription_joined(subscription, &joined) == GATEWAY_OK);
    assert(joined.outcome == GATEWAY_JOINED_AS_ASKED && joined.position == 0);
    gateway_subscription_close(subscription);
}

static void reading(gateway_client *client) {
    const gateway_subscribe_options options = {
        .struct_bytes = sizeof options, .start = GATEWAY_START_OLDEST, .name = "abi"};
    gateway_subscription *subscription = NULL;
    assert(gateway_client_subscribe(client, "all", &options, &subscription) == GATEWAY_OK);
    assert(gateway_subscription_epoch(subscription) != 0);

    gateway_event event;
    assert(gateway_subscription_poll(NULL, &event) == GATEWAY_ERROR_ARGUMENT);
    assert(gateway_subscription_poll(subscription, NULL) == GATEWAY_ERROR_ARGUMENT);
    assert(gateway_subscription_position(subscription) == 0);
    assert(gateway_subscription_poll(subscription, &event) == GATEWAY_EVENT_RECORD);
    assert(event.kind == GATEWAY_EVENT_RECORD && event.record_type == GATEWAY_RECORD_MBO);
    assert(event.position == 0 && event.record_bytes == sizeof(gateway_mbo));
    assert(event.record.mbo->order_id == 42 && event.record.mbo->hd.rtype == GATEWAY_RECORD_MBO);
    assert(event.record.mbo->price == INT64_C(12340000000) && event.record.mbo->side == 'B');
    assert(gateway_subscription_position(subscription) == 1);
    assert(gateway_subscription_wait(subscription, 1000000, &event) == GATEWAY_EVENT_EMPTY);
    assert(event.record.mbo == NULL && event.record_bytes == 0 && event.position == 1);
    assert(gateway_subscription_lost_slots(subscription) == 0);

    gateway_checkpoint checkpoint;
    assert(gateway_subscription_checkpoint(subscription, &checkpoint) == GATEWAY_OK);
    assert(checkpoint.position == 1 && checkpoint.run != 0);
    assert(gateway_subscription_checkpoint(subscription, NULL) == GATEWAY_ERROR_ARGUMENT);
    gateway_joined joined;
    assert(gateway_subscription_joined(subscription, &joined) == GATEWAY_OK);
    assert(joined.outcome == GATEWAY_JOINED_AS_ASKED && joined.position == 0 && joined.head == 1);
    assert(gateway_subscription_joined(NULL, &joined) == GATEWAY_ERROR_ARGUMENT);

    gateway_health health;
    assert(gateway_subscription_health(subscription, &health) == GATEWAY_OK && health.live);
    assert(gateway_subscription_health(subscription, NULL) == GATEWAY_ERROR_ARGUMENT);
    assert(gateway_clock_now_ns() > gateway_subscription_epoch(subscription));

    assert(gateway_subscription_reattach(NULL) == GATEWAY_ERROR_ARGUMENT);
    assert(gateway_subscription_reattach(subscription) == GATEWAY_OK);
    assert(gateway_subscription_position(subscription) == 1);
    gateway_subscription_close(subscription);
}

static void reading_several(gateway_client *client) {
    gateway_multi_subscriber *queues = (gateway_multi_subscriber *)&queues;
    assert(gateway_multi_subscriber_open(99, 0, &queues) == GATEWAY_ERROR_ARGUMENT && queues == NULL);
    SAYS("wait is 99");
    assert(gateway_multi_subscriber_open(GATEWAY_WAIT_SPIN, 0, NULL) == GATEWAY_ERROR_ARGUMENT);
    assert(gateway_multi_subscriber_open(GATEWAY_WAIT_SLEEP, 0, &queues) == GATEWAY_OK);
    assert(gateway_multi_subscriber_is_over(queues) && gateway_multi_subscriber_count(queues) == 0);
    assert(gateway_multi_subscriber_is_over(NULL) && gateway_multi_subscriber_count(NULL) == 0);
    gateway_event event;
    size_t queue = 9;
    assert(gateway_multi_subscriber_poll(queues, &queue, &event) == GATEWAY_EVENT_EMPTY);
    assert(queue == 0 && event.kind == GATEWAY_EVENT_EMPTY && event.record.mbo == NULL && event.position == 0);

    const gateway_subscribe_options options = {
        .struct_bytes = sizeof options, .start = GATEWAY_START_OLDEST, .name = "abi"};
    for (size_t number = 0; number < 2; number++) {
        gateway_subscription *subscription = NULL;
        assert(gateway_client_subscribe(client, "all", &options, &subscription) == GATEWAY_OK);
        /* After a failure it is the caller's still. */
        assert(gateway_multi_subscriber_add(NULL, subscription, &queue) == GATEWAY_ERROR_ARGUMENT);
        assert(gateway_subscription_position(subscription) == 0);
        assert(gateway_multi_subscriber_add(queues, subscription, number == 0 ? NULL : &queue) == GATEWAY_OK);
    }
    assert(queue == 1 && gateway_multi_subscriber_count(queues) == 2);
    assert(gateway_multi_subscriber_add(queues, NULL, &queue) == GATEWAY_ERROR_ARGUMENT);
    assert(gateway_multi_subscriber_poll(NULL, &queue, &event) == GATEWAY_ERROR_ARGUMENT);
    assert(gateway_multi_subscriber_poll(queues, NULL, &event) == GATEWAY_ERROR_ARGUMENT);
    assert(gateway_multi_subscriber_poll(queues, &queue, NULL) == GATEWAY_ERROR_ARGUMENT);
    for (size_t number = 0; number < 2; number++) {
        assert(gateway_multi_subscriber_wait(queues, 1000000000, &queue, &event) == GATEWAY_EVENT_RECORD);
        assert(queue == number && event.record.mbo->order_id == 42 && event.position == 0);
        assert(gateway_subscription_position(gateway_multi_subscriber_at(queues, number)) == 1);
    }
    assert(gateway_multi_subscriber_wait(queues, 1000000, &queue, &event) == GATEWAY_EVENT_EMPTY && queue == 0);
    assert(gateway_multi_subscriber_at(queues, 2) == NULL && gateway_multi_subscriber_at(NULL, 0) == NULL);
    assert(gateway_subscription_reattach(gateway_multi_subscriber_at(queues, 1)) == GATEWAY_OK);
    assert(!gateway_multi_subscriber_is_over(queues));
    gateway_multi_subscriber_close(queues);
}

static void reading_books(gateway_client *client) {
    gateway_book_list *list = (gateway_book_list *)&list;
    assert(gateway_client_book_list(NULL, &list) == GATEWAY_ERROR_ARGUMENT && list == NULL);
    assert(gateway_client_book_list(client, NULL) == GATEWAY_ERROR_ARGUMENT);
    assert(gateway_client_book_list(client, &list) == GATEWAY_OK && gateway_book_list_count(list) == 0);
    assert(gateway_book_list_at(list, 0) == NULL && gateway_book_list_at(NULL, 0) == NULL);
    assert(gateway_book_list_count(NULL) == 0);
    gateway_book_list_free(list);

    gateway_books *books = (gateway_books *)&books;
    assert(gateway_books_open(client, "none", "abi", &books) == GATEWAY_ERROR_UNKNOWN_BOOK && books == NULL);
    SAYS("there is no book");
    assert(gateway_books_open(client, "none", NULL, &books) == GATEWAY_ERROR_ARGUMENT);
    gateway_instrument instrument = {1, 2};
    gateway_checkpoint checkpoint;
    gateway_health health;
    assert(gateway_books_count(NULL) == 0);
    assert(gateway_books_at(NULL, 0, &instrument) == GATEWAY_ERROR_ARGUMENT && instrument.id == 1);
    assert(gateway_books_checkpoint(NULL, &checkpoint) == GATEWAY_ERROR_ARGUMENT);
    assert(gateway_books_health(NULL, &health) == GATEWAY_ERROR_ARGUMENT);

    gateway_orders *orders = (gateway_orders *)&orders;
    assert(gateway_client_orders(NULL, "none", NULL, &orders) == GATEWAY_ERROR_ARGUMENT && orders == NULL);
    assert(gateway_client_orders(client, NULL, NULL, &orders) == GATEWAY_ERROR_ARGUMENT);
    assert(gateway_client_orders(client, "none", NULL, NULL) == GATEWAY_ERROR_ARGUMENT);
    assert(gateway_client_orders(client, "none", "\xFF", &orders) == GATEWAY_ERROR_ARGUMENT);
    SAYS("`symbol` is not UTF-8");
    assert(gateway_client_orders(client, "none", NULL, &orders) == GATEWAY_ERROR_UNKNOWN_BOOK);
    assert(gateway_client_orders_of_id(client, "none", 7, &orders) == GATEWAY_ERROR_UNKNOWN_BOOK && orders == NULL);
    gateway_orders_summary summary;
    assert(gateway_orders_summarise(NULL, &summary) == GATEWAY_ERROR_ARGUMENT);
    assert(gateway_orders_count(NULL) == 0 && gateway_orders_records(NULL) == NULL);
}

static void reading_instruments(gateway_client *client) {
    gateway_instruments *instruments = (gateway_instruments *)&instruments;
    assert(gateway_client_instruments(NULL, "all", "abi", &instruments) == GATEWAY_ERROR_ARGUMENT && instruments == NULL);
    assert(gateway_client_instruments(client, NULL, "abi", &instruments) == GATEWAY_ERROR_ARGUMENT);
    assert(gateway_client_instruments(client, "all", NULL, &instruments) == GATEWAY_ERROR_ARGUMENT);
    assert(gateway_client_instruments(client, "all", "abi", NULL) == GATEWAY_ERROR_ARGUMENT);
    assert(gateway_client_instruments(client, "none", "abi", &instruments) == GATEWAY_ERROR_UNKNOWN_QUEUE);
    gateway_instrument_definition found = {.position = 7};
    assert(gateway_instruments_update(NULL, 0) == GATEWAY_ERROR_ARGUMENT);
    assert(gateway_instruments_find(NULL, "A", &found) == GATEWAY_ERROR_ARGUMENT && found.position == 7);
    assert(gateway_instruments_find_id(NULL, 2, 1, &found) == GATEWAY_ERROR_ARGUMENT);
    assert(!gateway_instruments_next(NULL, NULL, &found) && gateway_instruments_count(NULL) == 0);
    assert(!gateway_instruments_is_whole(NULL) && gateway_instruments_changes(NULL) == 0);
}

int main(int argc, char **argv) {
    assert(argc == 2);
    assert(gateway_client_abi_version() == GATEWAY_ABI_VERSION);
    connecting(argv[1]);
    gateway_client *client = NULL;
    assert(gateway_client_connect(argv[1], &client) == GATEWAY_OK);
    asking(client);
    subscribing(client);
    reading(client);
    reading_several(client);
    reading_books(client);
    reading_instruments(client);
    gateway_client_close(client);
    /* Null ends nothing. */
    gateway_client_close(NULL);
    gateway_subscription_close(NULL);
    gateway_multi_subscriber_close(NULL);
    gateway_books_close(NULL);
    gateway_book_list_free(NULL);
    gateway_orders_free(NULL);
    gateway_instruments_free(NULL);
    gateway_queues_free(NULL);
    gateway_text_free(NULL);
    puts("done");
    return 0;
}
