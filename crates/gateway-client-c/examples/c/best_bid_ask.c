/* Keeps order books and prints an instrument's best prices when they change: `best_bid_ask SOCKET QUEUE [oldest]`.
 *
 * It shows what a strategy has to do with losses: after one it forgets its books and builds them anew.
 */
#include "book.h"
#include "common.h"

/* What was printed last of an instrument, and its symbol. */
typedef struct instrument {
    level best[2];
    bool has[2];
    bool printed;
    char symbol[71];
} instrument;

typedef struct strategy {
    books *books;
    instrument *instruments;
} strategy;

static void print_level(const level *level) {
    if (level == NULL) {
        printf("-");
    } else {
        printf("%" PRIu64 " @ %.4f", level->size, (double)level->price / 1e9);
    }
}

static bool same(const level *now, bool had, const level *before) {
    if (now == NULL || !had) {
        return (now != NULL) == had;
    }
    return now->price == before->price && now->size == before->size;
}

static const char *symbol_of(const strategy *strategy, uint32_t number) {
    const bool known = number < BOOK_INSTRUMENTS && strategy->instruments[number].symbol[0] != 0;
    return known ? strategy->instruments[number].symbol : "?";
}

static void show(strategy *strategy, uint32_t number) {
    if (number >= BOOK_INSTRUMENTS) {
        return;
    }
    instrument *instrument = &strategy->instruments[number];
    const level *best[2] = {
        books_best(strategy->books, number, BOOK_ASKS),
        books_best(strategy->books, number, BOOK_BIDS),
    };
    bool changed = !instrument->printed;
    for (int which = 0; which < 2; which++) {
        changed |= !same(best[which], instrument->has[which], &instrument->best[which]);
    }
    if (!changed) {
        return;
    }
    for (int which = 0; which < 2; which++) {
        instrument->has[which] = best[which] != NULL;
        if (best[which] != NULL) {
            instrument->best[which] = *best[which];
        }
    }
    instrument->printed = true;
    printf("%s bid ", symbol_of(strategy, number));
    print_level(best[BOOK_BIDS]);
    printf(" ask ");
    print_level(best[BOOK_ASKS]);
    printf("\n");
}

static void define(strategy *strategy, const gateway_definition *definition) {
    if (definition->hd.instrument_id >= BOOK_INSTRUMENTS) {
        return;
    }
    char *symbol = strategy->instruments[definition->hd.instrument_id].symbol;
    memcpy(symbol, definition->raw_symbol, sizeof definition->raw_symbol);
    for (size_t length = strlen(symbol); length > 0 && symbol[length - 1] == ' '; length--) {
        symbol[length - 1] = 0;
    }
}

static void control(strategy *strategy, const gateway_control *control) {
    const uint32_t number = control->instrument_id;
    if (control->kind == GATEWAY_CONTROL_GAP && number != 0) {
        /* What was lost is one instrument's alone: nothing is missing of the others. */
        printf("gap of %s: its book begins anew\n", symbol_of(strategy, number));
        books_clear(strategy->books, number);
    } else if (control->kind == GATEWAY_CONTROL_GAP) {
        printf("gap of %" PRIu64 " messages: the books begin anew\n", control->count);
        books_forget(strategy->books);
    } else if (control->kind == GATEWAY_CONTROL_SESSION_START || control->kind == GATEWAY_CONTROL_RESET) {
        books_forget(strategy->books);
    }
}

static void take(strategy *strategy, const gateway_event *event) {
    const gateway_record record = event->record;
    switch (event->record_type) {
    case GATEWAY_RECORD_MBO:
        books_apply(strategy->books, record.mbo);
        /* One message may become several records: the book is consistent after the last. */
        if (record.mbo->flags & FLAG_LAST) {
            show(strategy, record.mbo->hd.instrument_id);
        }
        break;
    case GATEWAY_RECORD_DEFINITION:
        define(strategy, record.definition);
        break;
    case GATEWAY_RECORD_CONTROL:
        control(strategy, record.control);
        break;
    default:
        break;
    }
}

int main(int argc, char **argv) {
    gateway_subscription *subscription = subscribe(argc, argv, "best_bid_ask", GATEWAY_WAIT_YIELD);
    strategy strategy = {
        .books = books_new(),
        .instruments = calloc(BOOK_INSTRUMENTS, sizeof *strategy.instruments),
    };
    if (strategy.instruments == NULL) {
        fprintf(stderr, "best_bid_ask: out of memory\n");
        return EXIT_FAILURE;
    }
    gateway_event event;
    do {
        check(gateway_subscription_wait(subscription, 50 * MILLISECOND, &event), "best_bid_ask");
        switch (event.kind) {
        case GATEWAY_EVENT_RECORD:
            take(&strategy, &event);
            break;
        case GATEWAY_EVENT_LOST:
            printf("lost %" PRIu64 " slots: the books begin anew\n", event.lost_slots);
            books_forget(strategy.books);
            break;
        case GATEWAY_EVENT_EMPTY:
            fflush(stdout);
            break;
        case GATEWAY_EVENT_CLOSED:
            printf("%s\n", gateway_closed_text(event.closed));
            break;
        }
    } while (event.kind != GATEWAY_EVENT_CLOSED && !ferror(stdout));
    free(strategy.instruments);
    books_free(strategy.books);
    gateway_subscription_close(subscription);
    return ferror(stdout) ? EXIT_FAILURE : EXIT_SUCCESS;
}
