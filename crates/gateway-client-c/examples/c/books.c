/* Prints every book of a table as it is now, and the orders that rest: `books SOCKET BOOK`. */
#include "common.h"

/* A price as people write it; the text lasts until the next call but one. */
static const char *price(int64_t price) {
    static char texts[2][32];
    static unsigned turn;
    char *text = texts[turn++ % 2];
    if (price == UNDEF_PRICE) {
        return "-";
    }
    snprintf(text, sizeof texts[0], "%.4f", (double)price / 1e9);
    return text;
}

static void print_list(const gateway_client *client) {
    gateway_book_list *list = NULL;
    check(gateway_client_book_list(client, &list), "books");
    for (size_t i = 0; i < gateway_book_list_count(list); i++) {
        const gateway_book_info *info = gateway_book_list_at(list, i);
        printf("%s of %s: %" PRIu32 " instruments, room for %" PRIu32 "\n", info->name, info->queue, info->instruments,
               info->instruments_max);
    }
    gateway_book_list_free(list);
}

static void print_book(const gateway_book *book) {
    printf("%s %" PRIu32 " %s since %" PRIu64 " at %" PRIu64 ": %" PRIu32 " bid levels, %" PRIu32
           " ask levels, event %" PRIu64 " received %" PRIu64 " sequence %" PRIu32 "\n",
           book->symbol, book->instrument_id, gateway_book_state_name(book->state), book->state_since, book->position,
           book->bid_levels, book->ask_levels, book->ts_event, book->ts_recv, book->sequence);
    for (size_t i = 0; i < sizeof book->levels / sizeof *book->levels; i++) {
        const gateway_level *level = &book->levels[i];
        if (level->bid_px != UNDEF_PRICE || level->ask_px != UNDEF_PRICE) {
            printf(" %" PRIu32 " in %" PRIu32 " x %s / %s x %" PRIu32 " in %" PRIu32 "\n", level->bid_sz, level->bid_ct,
                   price(level->bid_px), price(level->ask_px), level->ask_sz, level->ask_ct);
        }
    }
    if (book->last_trade_size != 0) {
        printf(" last %" PRIu32 " at %s %c at %" PRIu64 "\n", book->last_trade_size, price(book->last_trade_price),
               book->last_trade_side, book->last_trade_ts_event);
    }
    if (book->status_ts_event != 0) {
        printf(" status %u %u %c%c at %" PRIu64 "\n", book->status_action, book->status_reason, book->is_trading,
               book->is_quoting, book->status_ts_event);
    }
}

/* Best prices and ten levels, read out of shared memory. `first` gets the first symbol that is known. */
static void print_table(const gateway_client *client, const char *name, char first[33]) {
    gateway_books *table = NULL;
    check(gateway_books_open(client, name, "books", &table), name);
    for (size_t i = 0; i < gateway_books_count(table); i++) {
        gateway_instrument instrument;
        gateway_book book;
        gateway_best best;
        check(gateway_books_at(table, i, &instrument), name);
        check(gateway_books_read(table, instrument, &book), name);
        print_book(&book);
        check(gateway_books_best(table, instrument, &best), name);
        printf(" best %s / %s %s\n", price(best.level.bid_px), price(best.level.ask_px),
               gateway_book_state_name(best.state));
        if (first[0] == '\0') {
            memcpy(first, book.symbol, sizeof book.symbol);
        }
    }
    gateway_books_close(table);
}

/* Every order, for whoever keeps books of its own: from here on the queue's records go on. */
static void print_orders(const gateway_client *client, const char *name, const char *first) {
    gateway_orders *orders = NULL;
    gateway_orders_summary summary;
    check(gateway_client_orders(client, name, NULL, &orders), name);
    check(gateway_orders_summarise(orders, &summary), name);
    printf("%zu records of %" PRIu32 " instruments at %" PRIu64 ", %" PRIu32 " left out\n", gateway_orders_count(orders),
           summary.instruments, summary.checkpoint.position, summary.invalid);
    const gateway_mbo *order = gateway_orders_records(orders);
    for (size_t i = 0; i < gateway_orders_count(orders); i++, order++) {
        printf("%" PRIu32 " %c%c order %" PRIu64 " price %s size %" PRIu32 " flags 0x%02x at %" PRIu64 "\n",
               order->hd.instrument_id, order->action, order->side, order->order_id, price(order->price), order->size,
               order->flags, order->hd.ts_event);
    }
    gateway_orders_free(orders);
    if (first[0] != '\0') {
        /* A book that cannot be trusted at the moment is refused. */
        const gateway_status status = gateway_client_orders(client, name, first, &orders);
        if (status == GATEWAY_ERROR_NOT_VALID) {
            printf("%s is refused\n", first);
        } else {
            check(status, first);
            printf("%zu records of %s\n", gateway_orders_count(orders), first);
        }
        gateway_orders_free(orders);
    }
}

int main(int argc, char **argv) {
    if (argc != 3) {
        fprintf(stderr, "usage: books SOCKET BOOK\n");
        return EXIT_FAILURE;
    }
    gateway_client *client = NULL;
    char first[33] = "";
    check(gateway_client_connect(argv[1], &client), argv[1]);
    print_list(client);
    print_table(client, argv[2], first);
    print_orders(client, argv[2], first);
    gateway_client_close(client);
    return EXIT_SUCCESS;
}
