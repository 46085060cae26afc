/* Prints a queue's records as they come: `tail SOCKET QUEUE [oldest]`. */
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

static const char *control_kind(uint16_t kind) {
    switch (kind) {
    case GATEWAY_CONTROL_GAP:
        return "gap";
    case GATEWAY_CONTROL_RESET:
        return "reset";
    case GATEWAY_CONTROL_SESSION_START:
        return "session-start";
    case GATEWAY_CONTROL_SESSION_END:
        return "session-end";
    case GATEWAY_CONTROL_RECOVERING:
        return "recovering";
    case GATEWAY_CONTROL_RECOVERED:
        return "recovered";
    case GATEWAY_CONTROL_SNAPSHOT_BEGIN:
        return "snapshot-begin";
    case GATEWAY_CONTROL_SNAPSHOT_END:
        return "snapshot-end";
    case GATEWAY_CONTROL_STALE:
        return "stale";
    case GATEWAY_CONTROL_LIVE:
        return "live";
    default:
        return "?";
    }
}

static void print_mbo(const gateway_mbo *order) {
    printf("mbo %" PRIu32 " %c%c order %" PRIu64 " price %s size %" PRIu32 " flags 0x%02x sequence %" PRIu32 "\n",
           order->hd.instrument_id, order->action, order->side, order->order_id, price(order->price), order->size,
           order->flags, order->sequence);
}

/* A text field is terminated within its array; exchanges pad it with spaces. */
static void print_definition(const gateway_definition *definition) {
    int length = (int)strlen(definition->raw_symbol);
    while (length > 0 && definition->raw_symbol[length - 1] == ' ') {
        length--;
    }
    printf("definition %" PRIu32 " %.*s\n", definition->hd.instrument_id, length, definition->raw_symbol);
}

static void print_trading_status(const gateway_trading_status *status) {
    printf("status %" PRIu32 " action %u reason %u trading %c quoting %c\n", status->hd.instrument_id, status->action,
           status->reason, status->is_trading, status->is_quoting);
}

static void print_imbalance(const gateway_imbalance *imbalance) {
    printf("imbalance %" PRIu32 " %c reference %s paired %" PRIu32 " imbalance %" PRIu32 "\n",
           imbalance->hd.instrument_id, imbalance->side, price(imbalance->ref_price), imbalance->paired_qty,
           imbalance->total_imbalance_qty);
}

static void print_trade(const gateway_trade *trade) {
    printf("trade %" PRIu32 " %c price %s size %" PRIu32 " sequence %" PRIu32 "\n", trade->hd.instrument_id,
           trade->side, price(trade->price), trade->size, trade->sequence);
}

static void print_statistics(const gateway_statistics *statistic) {
    printf("statistic %" PRIu32 " type %u price %s quantity %" PRId64 "\n", statistic->hd.instrument_id,
           statistic->stat_type, price(statistic->price), statistic->quantity);
}

static void print_native(const gateway_native *native) {
    printf("native %" PRIu32 " ", native->instrument_id);
    const uint8_t *message = gateway_native_message(native);
    for (unsigned i = 0; i < native->message_length; i++) {
        printf("%02x", message[i]);
    }
    printf("\n");
}

/* The levels of a book: bid and ask, each with its size. */
static void print_levels(uint32_t instrument_id, const gateway_level *levels, size_t count) {
    printf("levels %" PRIu32, instrument_id);
    for (size_t i = 0; i < count; i++) {
        printf("  %" PRIu32 " x %s / %s x %" PRIu32, levels[i].bid_sz, price(levels[i].bid_px), price(levels[i].ask_px),
               levels[i].ask_sz);
    }
    printf("\n");
}

static void print_record(const gateway_event *event) {
    const gateway_record record = event->record;
    switch (event->record_type) {
    case GATEWAY_RECORD_MBO:
        print_mbo(record.mbo);
        break;
    case GATEWAY_RECORD_MBP1:
        print_levels(record.mbp1->hd.instrument_id, record.mbp1->levels, 1);
        break;
    case GATEWAY_RECORD_MBP10:
        print_levels(record.mbp10->hd.instrument_id, record.mbp10->levels, 10);
        break;
    case GATEWAY_RECORD_DEFINITION:
        print_definition(record.definition);
        break;
    case GATEWAY_RECORD_TRADING_STATUS:
        print_trading_status(record.trading_status);
        break;
    case GATEWAY_RECORD_IMBALANCE:
        print_imbalance(record.imbalance);
        break;
    case GATEWAY_RECORD_TRADE:
        print_trade(record.trade);
        break;
    case GATEWAY_RECORD_STATISTICS:
        print_statistics(record.statistics);
        break;
    case GATEWAY_RECORD_CONTROL:
        printf("control %s", control_kind(record.control->kind));
        if (record.control->instrument_id != 0) {
            printf(" of %" PRIu32, record.control->instrument_id);
        }
        printf(" sequence %" PRIu64 " count %" PRIu64 "\n", record.control->sequence, record.control->count);
        break;
    case GATEWAY_RECORD_NATIVE:
        print_native(record.native);
        break;
    case GATEWAY_RECORD_OTHER:
        printf("other %" PRIu32 " bytes\n", event->record_bytes);
        break;
    }
}

int main(int argc, char **argv) {
    gateway_subscription *subscription = subscribe(argc, argv, "tail", GATEWAY_WAIT_SLEEP);
    gateway_event event;
    do {
        check(gateway_subscription_wait(subscription, 50 * MILLISECOND, &event), "tail");
        switch (event.kind) {
        case GATEWAY_EVENT_RECORD:
            print_record(&event);
            break;
        case GATEWAY_EVENT_LOST:
            printf("lost %" PRIu64 " slots\n", event.lost_slots);
            break;
        case GATEWAY_EVENT_EMPTY:
            /* Nothing new for a while: show what there is. */
            fflush(stdout);
            break;
        case GATEWAY_EVENT_CLOSED:
            printf("%s\n", gateway_closed_text(event.closed));
            break;
        }
    } while (event.kind != GATEWAY_EVENT_CLOSED && !ferror(stdout));
    gateway_subscription_close(subscription);
    return ferror(stdout) ? EXIT_FAILURE : EXIT_SUCCESS;
}
