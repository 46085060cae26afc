/* Measures how long records take from the gateway's receipt of their packet to this process, and prints a line each
 * second: `latency SOCKET QUEUE`. At the end comes a line for the whole run.
 *
 * It spins: give it a core of its own, or the numbers are those of the scheduler.
 */
#include "common.h"

/* Each doubling has 64 steps: a bucket is at most 1/64 of its value wide. */
enum { STEPS_LOG2 = 6, STEPS = 1 << STEPS_LOG2, BUCKETS = (64 - STEPS_LOG2 + 1) * STEPS };

typedef struct histogram {
    uint64_t counts[BUCKETS];
    uint64_t total;
    uint64_t max;
    uint64_t lost;
} histogram;

static void record_latency(histogram *histogram, uint64_t nanoseconds) {
    unsigned bucket = (unsigned)nanoseconds;
    if (nanoseconds >= STEPS) {
        unsigned shift = 0;
        while (nanoseconds >> shift >= 2 * STEPS) {
            shift++;
        }
        bucket = (shift + 1) * STEPS + (unsigned)(nanoseconds >> shift) - STEPS;
    }
    histogram->counts[bucket]++;
    histogram->total++;
    if (nanoseconds > histogram->max) {
        histogram->max = nanoseconds;
    }
}

/* The upper edge of the bucket below which `permille` of all latencies lie; 0 where there are none. */
static uint64_t quantile(const histogram *histogram, uint64_t permille) {
    const uint64_t wanted = (histogram->total * permille + 999) / 1000;
    uint64_t seen = 0;
    for (unsigned bucket = 0; bucket < BUCKETS; bucket++) {
        seen += histogram->counts[bucket];
        if (seen >= wanted && seen > 0) {
            const unsigned shift = bucket < STEPS ? 0 : bucket / STEPS - 1;
            const uint64_t step = bucket < STEPS ? bucket : bucket % STEPS + STEPS;
            const uint64_t edge = ((step + 1) << shift) - 1;
            return edge < histogram->max ? edge : histogram->max;
        }
    }
    return histogram->max;
}

static void print_latency(const histogram *histogram) {
    printf("%" PRIu64 " records, %" PRIu64 " slots lost, p50 %" PRIu64 " ns, p99 %" PRIu64 " ns, p99.9 %" PRIu64
           " ns, max %" PRIu64 " ns\n",
           histogram->total, histogram->lost, quantile(histogram, 500), quantile(histogram, 990),
           quantile(histogram, 999), histogram->max);
    fflush(stdout);
}

/* When the gateway received the packet, nanoseconds since the Unix epoch; 0 where the record does not say. */
static uint64_t received(const gateway_event *event) {
    switch (event->record_type) {
    case GATEWAY_RECORD_MBO:
        return event->record.mbo->ts_recv;
    case GATEWAY_RECORD_DEFINITION:
        return event->record.definition->ts_recv;
    case GATEWAY_RECORD_TRADING_STATUS:
        return event->record.trading_status->ts_recv;
    case GATEWAY_RECORD_IMBALANCE:
        return event->record.imbalance->ts_recv;
    case GATEWAY_RECORD_MBP1:
        return event->record.mbp1->ts_recv;
    case GATEWAY_RECORD_MBP10:
        return event->record.mbp10->ts_recv;
    case GATEWAY_RECORD_TRADE:
        return event->record.trade->ts_recv;
    case GATEWAY_RECORD_STATISTICS:
        return event->record.statistics->ts_recv;
    case GATEWAY_RECORD_NATIVE:
        return event->record.native->ts_recv;
    default:
        return 0;
    }
}

int main(int argc, char **argv) {
    gateway_subscription *subscription = subscribe(argc, argv, "latency", GATEWAY_WAIT_SPIN);
    static histogram second, whole;
    uint64_t next_line = gateway_clock_now_ns() + 1000 * MILLISECOND;
    gateway_event event;
    do {
        check(gateway_subscription_wait(subscription, 20 * MILLISECOND, &event), "latency");
        const uint64_t now = gateway_clock_now_ns();
        if (event.kind == GATEWAY_EVENT_RECORD && received(&event) != 0) {
            /* The same clock as the gateway's; a stamp of the future is one of a clock that was set. */
            const uint64_t latency = now > received(&event) ? now - received(&event) : 0;
            record_latency(&second, latency);
            record_latency(&whole, latency);
        }
        second.lost += event.lost_slots;
        whole.lost += event.lost_slots;
        if (now >= next_line) {
            print_latency(&second);
            memset(&second, 0, sizeof second);
            next_line += 1000 * MILLISECOND;
        }
    } while (event.kind != GATEWAY_EVENT_CLOSED);
    printf("%s; in all:\n", gateway_closed_text(event.closed));
    print_latency(&whole);
    gateway_subscription_close(subscription);
    return EXIT_SUCCESS;
}
