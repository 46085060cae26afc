/* gateway.hpp: C++17 on top of gateway.h. Header-only; link libgateway_client.
 *
 *     gateway::Client client("/run/gateway/broker.sock");
 *     gateway::Subscription subscription = client.subscribe("all", {"my-strategy"});
 *     for (const gateway::Event& event : subscription) {
 *         event.visit(gateway::overloaded{
 *             [](const gateway::Mbo& order) { std::printf("%" PRId64 " %" PRIu32 "\n", order.price, order.size); },
 *             [](gateway::Lost lost) { std::printf("too slow: %" PRIu64 " slots lost\n", lost.slots); },
 *             [](const auto&) {},
 *         });
 *     }
 *
 * Handles are owned by objects that can be moved and not copied; what a moved-from object is asked fails.
 *
 * Errors: whatever asks the gateway (connect, subscribe, reattach, queues, status) throws gateway::Error, because a
 * strategy does so before it trades and can do nothing else with the answer. Polling returns what happened as a value
 * and throws only where the library itself failed. Compiled without exceptions, the program says the error's words on
 * stderr and aborts.
 */
#ifndef GATEWAY_HPP
#define GATEWAY_HPP

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <iterator>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "gateway.h"

namespace gateway {

using Mbo = gateway_mbo;
using Mbp1 = gateway_mbp1;
using Mbp10 = gateway_mbp10;
using Definition = gateway_definition;
using TradingStatus = gateway_trading_status;
using Imbalance = gateway_imbalance;
using Trade = gateway_trade;
using Statistics = gateway_statistics;
using Control = gateway_control;
using Level = gateway_level;
using Best = gateway_best;
using Book = gateway_book;
using Instrument = gateway_instrument;

/// A call that failed: what() has the cause and what to do.
class Error : public std::runtime_error {
  public:
    Error(gateway_status status, const std::string &text) : std::runtime_error(text), status_(status) {}

    /// The cause as a number.
    gateway_status status() const noexcept { return status_; }

  private:
    gateway_status status_;
};

namespace detail {

[[noreturn]] inline void fail(gateway_status status, const char *text) {
#if defined(__cpp_exceptions)
    throw Error(status, text);
#else
    std::fprintf(stderr, "gateway: %s (%d)\n", text, static_cast<int>(status));
    std::abort();
#endif
}

inline void check(gateway_status status) {
    if (status != GATEWAY_OK) {
        fail(status, gateway_last_error());
    }
}

struct Close {
    void operator()(gateway_client *client) const noexcept { gateway_client_close(client); }
    void operator()(gateway_subscription *subscription) const noexcept { gateway_subscription_close(subscription); }
    void operator()(gateway_multi_subscriber *queues) const noexcept { gateway_multi_subscriber_close(queues); }
    void operator()(gateway_queues *queues) const noexcept { gateway_queues_free(queues); }
    void operator()(gateway_books *books) const noexcept { gateway_books_close(books); }
    void operator()(gateway_book_list *books) const noexcept { gateway_book_list_free(books); }
    void operator()(gateway_orders *orders) const noexcept { gateway_orders_free(orders); }
    void operator()(gateway_instruments *instruments) const noexcept { gateway_instruments_free(instruments); }
    void operator()(gateway_text *text) const noexcept { gateway_text_free(text); }
};

template <class Handle> using Owned = std::unique_ptr<Handle, Close>;

} // namespace detail

/// Several lambdas as one visitor.
template <class... Functions> struct overloaded : Functions... {
    using Functions::operator()...;
};
template <class... Functions> overloaded(Functions...) -> overloaded<Functions...>;

/// Nothing new.
struct Empty {};

/// This reader was overtaken: so many slots passed unread. A record takes one for each 56 bytes begun.
struct Lost {
    std::uint64_t slots;
};

/// The queue ended, and everything in it was read.
struct Closed {
    gateway_closed reason;
    /// When the queue that took this one's place was made, nanoseconds since the Unix epoch; 0 unless restarted.
    std::uint64_t successor_epoch;

    /// The reason in words.
    const char *text() const noexcept { return gateway_closed_text(reason); }
};

/// A message as the exchange sent it.
struct Native {
    const gateway_native &header;
    const std::uint8_t *message;
    std::size_t length;
};

/// A record of a type that this header does not know.
struct Other {
    const gateway_record_header *header;
    std::size_t bytes;
};

/// What a poll brought. A record lies in the subscription's buffer: it is valid until the subscription's next call.
class Event {
  public:
    explicit Event(const gateway_event &event) noexcept : event_(event) {}

    bool is_empty() const noexcept { return event_.kind == GATEWAY_EVENT_EMPTY; }
    bool is_record() const noexcept { return event_.kind == GATEWAY_EVENT_RECORD; }

    /// The record if it is of that type, else null.
    const Mbo *mbo() const noexcept { return is(GATEWAY_RECORD_MBO) ? event_.record.mbo : nullptr; }
    const Mbp1 *mbp1() const noexcept { return is(GATEWAY_RECORD_MBP1) ? event_.record.mbp1 : nullptr; }
    const Mbp10 *mbp10() const noexcept { return is(GATEWAY_RECORD_MBP10) ? event_.record.mbp10 : nullptr; }
    const Definition *definition() const noexcept {
        return is(GATEWAY_RECORD_DEFINITION) ? event_.record.definition : nullptr;
    }
    const TradingStatus *trading_status() const noexcept {
        return is(GATEWAY_RECORD_TRADING_STATUS) ? event_.record.trading_status : nullptr;
    }
    const Imbalance *imbalance() const noexcept {
        return is(GATEWAY_RECORD_IMBALANCE) ? event_.record.imbalance : nullptr;
    }
    const Trade *trade() const noexcept { return is(GATEWAY_RECORD_TRADE) ? event_.record.trade : nullptr; }
    const Statistics *statistics() const noexcept {
        return is(GATEWAY_RECORD_STATISTICS) ? event_.record.statistics : nullptr;
    }
    const Control *control() const noexcept { return is(GATEWAY_RECORD_CONTROL) ? event_.record.control : nullptr; }
    std::optional<Native> native() const noexcept {
        if (!is(GATEWAY_RECORD_NATIVE)) {
            return std::nullopt;
        }
        return Native{*event_.record.native, gateway_native_message(event_.record.native),
                      event_.record.native->message_length};
    }

    /// The loss, if this is one.
    std::optional<Lost> lost() const noexcept {
        return event_.kind == GATEWAY_EVENT_LOST ? std::optional(Lost{event_.lost_slots}) : std::nullopt;
    }
    /// The end, if this is it.
    std::optional<Closed> closed() const noexcept {
        if (event_.kind != GATEWAY_EVENT_CLOSED) {
            return std::nullopt;
        }
        return Closed{static_cast<gateway_closed>(event_.closed), event_.successor_epoch};
    }
    /// Of a record, the position of its first slot in the queue; else of the slot to be read next.
    std::uint64_t position() const noexcept { return event_.position; }

    /// Calls `visitor` with what this is: Mbo, Mbp1, Mbp10, Trade, Definition, TradingStatus, Imbalance, Statistics,
    /// Control, Native, Other, Empty, Lost or Closed.
    template <class Visitor> void visit(Visitor &&visitor) const {
        switch (event_.kind) {
        case GATEWAY_EVENT_RECORD:
            return visit_record(visitor);
        case GATEWAY_EVENT_LOST:
            return static_cast<void>(visitor(Lost{event_.lost_slots}));
        case GATEWAY_EVENT_CLOSED:
            return static_cast<void>(visitor(*closed()));
        case GATEWAY_EVENT_EMPTY:
            break;
        }
        visitor(Empty{});
    }

    /// As C has it.
    const gateway_event &raw() const noexcept { return event_; }

  private:
    bool is(gateway_record_type type) const noexcept { return is_record() && event_.record_type == type; }

    template <class Visitor> void visit_record(Visitor &visitor) const {
        switch (event_.record_type) {
        case GATEWAY_RECORD_MBO:
            return static_cast<void>(visitor(*event_.record.mbo));
        case GATEWAY_RECORD_MBP1:
            return static_cast<void>(visitor(*event_.record.mbp1));
        case GATEWAY_RECORD_MBP10:
            return static_cast<void>(visitor(*event_.record.mbp10));
        case GATEWAY_RECORD_DEFINITION:
            return static_cast<void>(visitor(*event_.record.definition));
        case GATEWAY_RECORD_TRADING_STATUS:
            return static_cast<void>(visitor(*event_.record.trading_status));
        case GATEWAY_RECORD_IMBALANCE:
            return static_cast<void>(visitor(*event_.record.imbalance));
        case GATEWAY_RECORD_TRADE:
            return static_cast<void>(visitor(*event_.record.trade));
        case GATEWAY_RECORD_STATISTICS:
            return static_cast<void>(visitor(*event_.record.statistics));
        case GATEWAY_RECORD_CONTROL:
            return static_cast<void>(visitor(*event_.record.control));
        case GATEWAY_RECORD_NATIVE:
            return static_cast<void>(visitor(*native()));
        case GATEWAY_RECORD_OTHER:
            break;
        }
        visitor(Other{event_.record.other, event_.record_bytes});
    }

    gateway_event event_;
};

/// Where a reader begins.
struct Start {
    gateway_start from = GATEWAY_START_HEAD;
    std::uint64_t position = 0;
    std::uint64_t run = 0;

    /// With the next record published.
    static Start head() noexcept { return {}; }
    /// With the oldest record that the queue still holds.
    static Start oldest() noexcept { return {GATEWAY_START_OLDEST, 0, 0}; }
    /// At `position`: at the oldest record (and the difference reported lost) where it is gone, with the next one
    /// where it is yet to come.
    static Start at(std::uint64_t position) noexcept { return {GATEWAY_START_AT, position, 0}; }
    /// Where state can be rebuilt: with the last session start, reset or snapshot; at the oldest record (and the difference
    /// reported lost) where that is gone.
    static Start resync() noexcept { return {GATEWAY_START_RESYNC, 0, 0}; }
    /// Where a reader left off, after a restart of the strategy: Subscription::checkpoint.
    static Start resuming(gateway_checkpoint checkpoint) noexcept {
        return {GATEWAY_START_AT, checkpoint.position, checkpoint.run};
    }
};

/// What Subscription::wait does while there is no record.
struct Wait {
    gateway_wait how = GATEWAY_WAIT_SPIN;
    std::chrono::nanoseconds pause{};

    /// Polls without pause: lowest latency, one core.
    static Wait spin() noexcept { return {}; }
    /// Lets others run between polls: a core shared with other work.
    static Wait yield() noexcept { return {GATEWAY_WAIT_YIELD, {}}; }
    /// Sleeps between polls: next to no processor time.
    static Wait sleep(std::chrono::nanoseconds pause) noexcept { return {GATEWAY_WAIT_SLEEP, pause}; }
    /// Sleeps in the kernel until the gateway rings: no processor time while nothing comes.
    static Wait block() noexcept { return {GATEWAY_WAIT_BLOCK, {}}; }
};

/// How to read a queue.
struct SubscribeOptions {
    /// What the reader calls itself in the gateway's metrics and status; up to 31 bytes.
    std::string name = "unnamed";
    Start start = {};
    Wait wait = {};
    gateway_on_lapped on_lapped = GATEWAY_ON_LAPPED_OLDEST;
};

/// A reader of one queue. One thread at a time may use it; which one may change.
class Subscription {
  public:
    /// Takes over a handle of the C interface.
    explicit Subscription(gateway_subscription *handle) noexcept : handle_(handle) {}

    /// Takes the next record, if there is one, and returns at once.
    Event poll() {
        gateway_event event;
        return took(gateway_subscription_poll(handle_.get(), &event), event);
    }

    /// Waits for the next event as the options say, no longer than `timeout`, after which it is empty.
    Event wait(std::chrono::nanoseconds timeout) {
        gateway_event event;
        const auto limit = timeout.count() < 0 ? 0 : static_cast<std::uint64_t>(timeout.count());
        return took(gateway_subscription_wait(handle_.get(), limit, &event), event);
    }

    /// Subscribes to the queue of the same name again, after it closed: after the last record read where the gateway is
    /// still the same, else from the first record of its successor. After an Error the subscription is as it was.
    void reattach() {
        detail::check(gateway_subscription_reattach(handle_.get()));
        closed_.reset();
    }

    /// Why the queue ended, once a poll said so.
    const std::optional<Closed> &closed() const noexcept { return closed_; }
    /// Position of the next slot to be read.
    std::uint64_t position() const noexcept { return gateway_subscription_position(handle_.get()); }
    /// Slots lost so far.
    std::uint64_t lost_slots() const noexcept { return gateway_subscription_lost_slots(handle_.get()); }
    /// When the queue was made, nanoseconds since the Unix epoch.
    std::uint64_t epoch() const noexcept { return gateway_subscription_epoch(handle_.get()); }
    /// Where this reader is, to begin there again: Start::resuming.
    gateway_checkpoint checkpoint() const {
        gateway_checkpoint checkpoint;
        detail::check(gateway_subscription_checkpoint(handle_.get(), &checkpoint));
        return checkpoint;
    }
    /// Where it began when it subscribed or last re-attached, and what was possible.
    gateway_joined joined() const {
        gateway_joined joined;
        detail::check(gateway_subscription_joined(handle_.get(), &joined));
        return joined;
    }
    /// The publisher's signs of life.
    gateway_health health() const {
        gateway_health health;
        detail::check(gateway_subscription_health(handle_.get(), &health));
        return health;
    }
    /// The handle, for what only the C interface has. It stays this object's.
    gateway_subscription *handle() const noexcept { return handle_.get(); }
    /// Gives the handle away; what this object is asked afterwards fails.
    gateway_subscription *release() noexcept { return handle_.release(); }

    /// The end of a range of events.
    struct Sentinel {};

    /// Goes through events; an event's record is valid until the iterator moves on.
    class Iterator {
      public:
        using iterator_category = std::input_iterator_tag;
        using value_type = Event;
        using difference_type = std::ptrdiff_t;
        using pointer = const Event *;
        using reference = const Event &;

        Iterator(Subscription &subscription, bool waits)
            : subscription_(&subscription), waits_(waits), event_(subscription.next(waits)) {}

        reference operator*() const noexcept { return event_; }
        pointer operator->() const noexcept { return &event_; }
        Iterator &operator++() {
            event_ = subscription_->next(waits_);
            return *this;
        }
        void operator++(int) { ++*this; }

        friend bool operator==(const Iterator &iterator, Sentinel) noexcept {
            return iterator.event_.is_empty() || iterator.event_.closed().has_value();
        }
        friend bool operator!=(const Iterator &iterator, Sentinel end) noexcept { return !(iterator == end); }

      private:
        Subscription *subscription_;
        bool waits_;
        Event event_;
    };

    /// Records and losses that are there already.
    class Drain {
      public:
        explicit Drain(Subscription &subscription) noexcept : subscription_(&subscription) {}
        Iterator begin() const { return {*subscription_, false}; }
        Sentinel end() const noexcept { return {}; }

      private:
        Subscription *subscription_;
    };

    /// Records and losses, waiting for each as the options say, until the queue ends; then closed() tells why.
    Iterator begin() { return {*this, true}; }
    Sentinel end() const noexcept { return {}; }

    /// Records and losses that are there already: `for (const Event &event : subscription.drain())`. The range ends
    /// where nothing is left to read; closed() tells whether the queue ended.
    Drain drain() noexcept { return Drain(*this); }

  private:
    Event took(std::int32_t result, const gateway_event &event) {
        if (result < 0) {
            detail::fail(static_cast<gateway_status>(result), gateway_last_error());
        }
        Event taken(event);
        if (event.kind == GATEWAY_EVENT_CLOSED) {
            closed_ = taken.closed();
        }
        return taken;
    }

    Event next(bool waits) {
        if (!waits) {
            return poll();
        }
        Event event = wait(std::chrono::seconds(1));
        while (event.is_empty()) {
            event = wait(std::chrono::seconds(1));
        }
        return event;
    }

    detail::Owned<gateway_subscription> handle_;
    std::optional<Closed> closed_;
};

/// An event of one of several queues.
struct QueueEvent {
    /// The queue's number.
    std::size_t queue;
    /// A record in it is valid until the multi-subscriber's next call.
    Event event;
};

/// Reads several queues, each in its own order and in no order between them. Fair: after an event of one queue all others
/// are asked before it is asked again. One thread at a time may use it; which one may change.
class MultiSubscriber {
  public:
    /// Reads no queue yet, and waits as `how` says, whatever the options of the subscriptions say.
    explicit MultiSubscriber(Wait how = {}) {
        gateway_multi_subscriber *handle = nullptr;
        detail::check(gateway_multi_subscriber_open(how.how, static_cast<std::uint64_t>(how.pause.count()), &handle));
        handle_.reset(handle);
    }

    /// Reads one more queue; returns the number under which its events come: 0 for the first, and so on.
    std::size_t add(Subscription subscription) {
        std::size_t queue = 0;
        detail::check(gateway_multi_subscriber_add(handle_.get(), subscription.handle(), &queue));
        // The handle went with it.
        static_cast<void>(subscription.release());
        return queue;
    }

    /// Takes the next event of any queue; nothing where there is none. A queue's end is told once.
    std::optional<QueueEvent> poll() {
        std::size_t queue = 0;
        gateway_event event;
        const std::int32_t result = gateway_multi_subscriber_poll(handle_.get(), &queue, &event);
        return took(result, queue, event);
    }

    /// Waits for the next event of any queue, no longer than `timeout`, after which there is none.
    std::optional<QueueEvent> wait(std::chrono::nanoseconds timeout) {
        std::size_t queue = 0;
        gateway_event event;
        const auto limit = timeout.count() < 0 ? 0 : static_cast<std::uint64_t>(timeout.count());
        const std::int32_t result = gateway_multi_subscriber_wait(handle_.get(), limit, &queue, &event);
        return took(result, queue, event);
    }

    /// Whether every queue has ended, and every end was told. Without any queue it is.
    bool is_over() const noexcept { return gateway_multi_subscriber_is_over(handle_.get()); }
    /// How many queues there are, ended ones too.
    std::size_t size() const noexcept { return gateway_multi_subscriber_count(handle_.get()); }

    /// Subscribes to that queue again, after it closed, as Subscription::reattach does.
    void reattach(std::size_t queue) { detail::check(gateway_subscription_reattach(at(queue))); }
    /// Position of the next slot of that queue to be read.
    std::uint64_t position(std::size_t queue) const noexcept { return gateway_subscription_position(at(queue)); }
    /// Slots of that queue lost so far.
    std::uint64_t lost_slots(std::size_t queue) const noexcept { return gateway_subscription_lost_slots(at(queue)); }
    /// Where this reader is in that queue, to begin there again: Start::resuming.
    gateway_checkpoint checkpoint(std::size_t queue) const {
        gateway_checkpoint checkpoint;
        detail::check(gateway_subscription_checkpoint(at(queue), &checkpoint));
        return checkpoint;
    }
    /// Where it began in that queue when it subscribed or last re-attached, and what was possible.
    gateway_joined joined(std::size_t queue) const {
        gateway_joined joined;
        detail::check(gateway_subscription_joined(at(queue), &joined));
        return joined;
    }
    /// That queue's publisher's signs of life.
    gateway_health health(std::size_t queue) const {
        gateway_health health;
        detail::check(gateway_subscription_health(at(queue), &health));
        return health;
    }
    /// The handle, for what only the C interface has. It stays this object's.
    gateway_multi_subscriber *handle() const noexcept { return handle_.get(); }

    /// Goes through events; an event's record is valid until the iterator moves on.
    class Iterator {
      public:
        using iterator_category = std::input_iterator_tag;
        using value_type = QueueEvent;
        using difference_type = std::ptrdiff_t;
        using pointer = const QueueEvent *;
        using reference = const QueueEvent &;

        explicit Iterator(MultiSubscriber &queues) : queues_(&queues), found_(queues.next()) {}

        reference operator*() const noexcept { return *found_; }
        pointer operator->() const noexcept { return &*found_; }
        Iterator &operator++() {
            found_ = queues_->next();
            return *this;
        }
        void operator++(int) { ++*this; }

        friend bool operator==(const Iterator &iterator, Subscription::Sentinel) noexcept {
            return !iterator.found_.has_value();
        }
        friend bool operator!=(const Iterator &iterator, Subscription::Sentinel end) noexcept {
            return !(iterator == end);
        }

      private:
        MultiSubscriber *queues_;
        std::optional<QueueEvent> found_;
    };

    /// Events of all queues, waiting for each, until every queue has ended and every end was told.
    Iterator begin() { return Iterator(*this); }
    Subscription::Sentinel end() const noexcept { return {}; }

  private:
    gateway_subscription *at(std::size_t queue) const noexcept {
        return gateway_multi_subscriber_at(handle_.get(), queue);
    }

    static std::optional<QueueEvent> took(std::int32_t result, std::size_t queue, const gateway_event &event) {
        if (result < 0) {
            detail::fail(static_cast<gateway_status>(result), gateway_last_error());
        }
        if (event.kind == GATEWAY_EVENT_EMPTY) {
            return std::nullopt;
        }
        return QueueEvent{queue, Event(event)};
    }

    std::optional<QueueEvent> next() {
        std::optional<QueueEvent> found;
        while (!found && !is_over()) {
            found = wait(std::chrono::seconds(1));
        }
        return found;
    }

    detail::Owned<gateway_multi_subscriber> handle_;
};

/// A book table that is read: the books of all instruments of a queue, as they are now. One thread at a time may use it; which
/// one may change.
///
/// What cannot be read throws: with status GATEWAY_ERROR_CLOSED where the table ended (reattach goes on where there is a
/// gateway), with GATEWAY_ERROR_UNKNOWN_INSTRUMENT where the instrument is of another table.
class BookTable {
  public:
    /// Takes over a handle of the C interface.
    explicit BookTable(gateway_books *handle) noexcept : handle_(handle) {}

    /// The instrument of that symbol; nothing where it was not announced yet.
    std::optional<Instrument> find(const std::string &symbol) {
        Instrument instrument;
        return found(gateway_books_find(handle_.get(), symbol.c_str(), &instrument), instrument);
    }
    /// The instrument that records name so; nothing where there were none about it.
    std::optional<Instrument> find(std::uint32_t id) {
        Instrument instrument;
        return found(gateway_books_find_id(handle_.get(), id, &instrument), instrument);
    }
    /// Every instrument there is.
    std::vector<Instrument> instruments() const {
        std::vector<Instrument> instruments;
        const std::size_t count = gateway_books_count(handle_.get());
        instruments.reserve(count);
        for (std::size_t index = 0; index < count; index++) {
            Instrument instrument;
            if (gateway_books_at(handle_.get(), index, &instrument) == GATEWAY_OK) {
                instruments.push_back(instrument);
            }
        }
        return instruments;
    }

    /// Best bid and ask, whole, of one moment; nothing where it was replaced during every attempt to copy it: read again.
    std::optional<Best> best(Instrument instrument) {
        Best best;
        return copied(gateway_books_best(handle_.get(), instrument, &best), best);
    }
    /// Ten levels, last trade and status, likewise.
    std::optional<Book> read(Instrument instrument) {
        Book book;
        return copied(gateway_books_read(handle_.get(), instrument, &book), book);
    }

    /// Where in the queue a reader goes on that reads books now: Start::resuming. Take it before the books.
    gateway_checkpoint checkpoint() const {
        gateway_checkpoint checkpoint;
        detail::check(gateway_books_checkpoint(handle_.get(), &checkpoint));
        return checkpoint;
    }
    /// The builder's signs of life.
    gateway_health health() const {
        gateway_health health;
        detail::check(gateway_books_health(handle_.get(), &health));
        return health;
    }
    /// Opens the table of the same name again, after it closed. Instruments found before are of another table. After an
    /// Error the table is as it was.
    void reattach() { detail::check(gateway_books_reattach(handle_.get())); }
    /// The handle, for what only the C interface has. It stays this object's.
    gateway_books *handle() const noexcept { return handle_.get(); }

  private:
    static std::optional<Instrument> found(gateway_status status, const Instrument &instrument) {
        if (status == GATEWAY_ERROR_UNKNOWN_INSTRUMENT) {
            return std::nullopt;
        }
        detail::check(status);
        return instrument;
    }

    template <class Copy> static std::optional<Copy> copied(gateway_status status, const Copy &copy) {
        if (status == GATEWAY_ERROR_AGAIN) {
            return std::nullopt;
        }
        detail::check(status);
        return copy;
    }

    detail::Owned<gateway_books> handle_;
};

/// Every order that rested in a book at a position of its queue, as records: for each instrument a Clear, then an Add for each
/// order, bids first, best price first, oldest first.
///
/// To go on from there, subscribe to the queue with Start::resuming(orders.checkpoint()) and skip what it has(). If that begins
/// later (GATEWAY_JOINED_LATER), the queue has overwritten what lies between: ask again.
class Orders {
  public:
    /// Takes over a handle of the C interface.
    explicit Orders(gateway_orders *handle) : handle_(handle) {
        detail::check(gateway_orders_summarise(handle_.get(), &summary_));
    }

    const Mbo *begin() const noexcept { return gateway_orders_records(handle_.get()); }
    const Mbo *end() const noexcept { return begin() + size(); }
    std::size_t size() const noexcept { return gateway_orders_count(handle_.get()); }

    /// Where in the queue a reader goes on.
    gateway_checkpoint checkpoint() const noexcept { return summary_.checkpoint; }
    /// Whether what the record at that position of the queue says is in here.
    bool has(std::uint64_t position) const noexcept { return position < summary_.checkpoint.position; }
    /// How many instruments it has.
    std::uint32_t instruments() const noexcept { return summary_.instruments; }
    /// How many it lacks because their books could not be trusted.
    std::uint32_t invalid() const noexcept { return summary_.invalid; }

  private:
    detail::Owned<gateway_orders> handle_;
    gateway_orders_summary summary_ = {};
};

/// A queue's instruments, as of the last update. One thread at a time.
class Instruments {
  public:
    /// Takes over a handle of the C interface.
    explicit Instruments(gateway_instruments *handle) noexcept : handle_(handle) {}

    /// Takes what the queue has had since the last update, but nothing that comes meanwhile; where that is nothing, waits for it
    /// no longer than `timeout`, asleep in the kernel: a negative one is 0. Throws GATEWAY_ERROR_CLOSED once the queue has ended.
    void update(std::chrono::nanoseconds timeout = {}) {
        const auto limit = timeout.count() < 0 ? 0 : static_cast<std::uint64_t>(timeout.count());
        detail::check(gateway_instruments_update(handle_.get(), limit));
    }
    /// The instrument of that symbol; nothing where there is none, or where several venues or channels have one. What it points
    /// to is valid until the next update.
    std::optional<gateway_instrument_definition> find(const std::string &symbol) const {
        gateway_instrument_definition found;
        return checked(gateway_instruments_find(handle_.get(), symbol.c_str(), &found), found);
    }
    /// The instrument that records of a venue call so, likewise.
    std::optional<gateway_instrument_definition> find(std::uint16_t publisher_id, std::uint32_t instrument_id) const {
        gateway_instrument_definition found;
        return checked(gateway_instruments_find_id(handle_.get(), publisher_id, instrument_id, &found), found);
    }
    /// All of them, likewise.
    std::vector<gateway_instrument_definition> all() const {
        std::vector<gateway_instrument_definition> all;
        all.reserve(size());
        gateway_instrument_definition next;
        const gateway_instrument_definition *after = nullptr;
        while (gateway_instruments_next(handle_.get(), after, &next)) {
            all.push_back(next);
            after = &next;
        }
        return all;
    }
    /// How many there are.
    std::size_t size() const noexcept { return gateway_instruments_count(handle_.get()); }
    /// Whether nothing can be missing: see gateway_instruments_is_whole.
    bool is_whole() const noexcept { return gateway_instruments_is_whole(handle_.get()); }
    /// The same number means that all is as it was.
    std::uint64_t changes() const noexcept { return gateway_instruments_changes(handle_.get()); }

    /// The symbol, without the padding of the feed.
    static std::string symbol(const gateway_instrument_definition &instrument) {
        const auto &text = instrument.definition->raw_symbol;
        std::string symbol(std::begin(text), std::find(std::begin(text), std::end(text), '\0'));
        symbol.erase(symbol.find_last_not_of(' ') + 1);
        return symbol;
    }

  private:
    static std::optional<gateway_instrument_definition> checked(gateway_status status,
                                                                const gateway_instrument_definition &found) {
        if (status == GATEWAY_ERROR_UNKNOWN_INSTRUMENT) {
            return std::nullopt;
        }
        detail::check(status);
        return found;
    }

    detail::Owned<gateway_instruments> handle_;
};

/// A book in a list.
struct BookInfo {
    /// That of its table, and of its conflated queue where it has one.
    std::string name;
    /// The queue that it is built from.
    std::string queue;
    /// When its table was made, nanoseconds since the Unix epoch.
    std::uint64_t epoch;
    /// Slots of that queue below which the books have everything.
    std::uint64_t applied;
    /// How many it has, and how many there is room for.
    std::uint32_t instruments;
    std::uint32_t instruments_max;
};

/// A queue in a list.
struct Queue {
    std::string name;
    /// When it was made, nanoseconds since the Unix epoch.
    std::uint64_t epoch;
    /// Its capacity, and how many were published so far.
    std::uint64_t slots;
    std::uint64_t head;
};

/// A connection to a gateway. Any number of threads may use it at the same time.
class Client {
  public:
    /// Connects to the broker's socket at `path` and sees that a gateway of this protocol answers.
    explicit Client(const std::string &path) {
        const std::uint32_t library = gateway_client_abi_version();
        if (library >> 16 != GATEWAY_ABI_VERSION >> 16 || library < GATEWAY_ABI_VERSION) {
            detail::fail(GATEWAY_ERROR_INTERNAL, "libgateway_client is older than the program's gateway.h: install "
                                                 "the library that came with the header");
        }
        gateway_client *handle = nullptr;
        detail::check(gateway_client_connect(path.c_str(), &handle));
        handle_.reset(handle);
    }

    /// The gateway's process id, in its own namespace.
    std::uint32_t gateway_pid() const noexcept { return gateway_client_gateway_pid(handle_.get()); }

    /// The queues there are.
    std::vector<Queue> queues() const {
        gateway_queues *handle = nullptr;
        detail::check(gateway_client_queues(handle_.get(), &handle));
        const detail::Owned<gateway_queues> list(handle);
        std::vector<Queue> queues;
        queues.reserve(gateway_queues_count(handle));
        for (std::size_t index = 0; index < gateway_queues_count(handle); index++) {
            const gateway_queue *queue = gateway_queues_at(handle, index);
            queues.push_back({queue->name, queue->epoch, queue->slots, queue->head});
        }
        return queues;
    }

    /// The gateway's status, a JSON object.
    std::string status() const {
        gateway_text *handle = nullptr;
        detail::check(gateway_client_status(handle_.get(), &handle));
        const detail::Owned<gateway_text> text(handle);
        return gateway_text_bytes(handle);
    }

    /// Begins to read a queue. The subscription has a connection of its own and may outlive this one.
    Subscription subscribe(const std::string &queue, const SubscribeOptions &options = {}) const {
        gateway_subscribe_options raw = {};
        raw.struct_bytes = sizeof raw;
        raw.start = options.start.from;
        raw.start_position = options.start.position;
        raw.start_run = options.start.run;
        raw.on_lapped = options.on_lapped;
        raw.wait = options.wait.how;
        raw.sleep_ns = static_cast<std::uint64_t>(options.wait.pause.count());
        raw.name = options.name.c_str();
        gateway_subscription *handle = nullptr;
        detail::check(gateway_client_subscribe(handle_.get(), queue.c_str(), &raw, &handle));
        return Subscription(handle);
    }

    /// The books that this user may read.
    std::vector<BookInfo> book_list() const {
        gateway_book_list *handle = nullptr;
        detail::check(gateway_client_book_list(handle_.get(), &handle));
        const detail::Owned<gateway_book_list> list(handle);
        std::vector<BookInfo> books;
        books.reserve(gateway_book_list_count(handle));
        for (std::size_t index = 0; index < gateway_book_list_count(handle); index++) {
            const gateway_book_info *book = gateway_book_list_at(handle, index);
            books.push_back(
                {book->name, book->queue, book->epoch, book->applied, book->instruments, book->instruments_max});
        }
        return books;
    }

    /// Begins to read the table of `book` under the name `reader`. It has a connection of its own and may outlive this one.
    BookTable books(const std::string &book, const std::string &reader) const {
        gateway_books *handle = nullptr;
        detail::check(gateway_books_open(handle_.get(), book.c_str(), reader.c_str(), &handle));
        return BookTable(handle);
    }

    /// Begins to read the instruments that `queue` defines, under the name `reader`, from its oldest record on. They have a
    /// connection of their own and may outlive this one.
    Instruments instruments(const std::string &queue, const std::string &reader) const {
        gateway_instruments *handle = nullptr;
        detail::check(gateway_client_instruments(handle_.get(), queue.c_str(), reader.c_str(), &handle));
        return Instruments(handle);
    }

    /// Every order that rests in `book`.
    Orders orders(const std::string &book) const {
        gateway_orders *handle = nullptr;
        detail::check(gateway_client_orders(handle_.get(), book.c_str(), nullptr, &handle));
        return Orders(handle);
    }
    /// The orders of the instrument of that symbol.
    Orders orders(const std::string &book, const std::string &symbol) const {
        gateway_orders *handle = nullptr;
        detail::check(gateway_client_orders(handle_.get(), book.c_str(), symbol.c_str(), &handle));
        return Orders(handle);
    }
    /// The orders of the instrument that records name so.
    Orders orders(const std::string &book, std::uint32_t id) const {
        gateway_orders *handle = nullptr;
        detail::check(gateway_client_orders_of_id(handle_.get(), book.c_str(), id, &handle));
        return Orders(handle);
    }

  private:
    detail::Owned<gateway_client> handle_;
};

/// Nanoseconds since the Unix epoch by the gateway's clock: what `ts_recv` is to be compared with.
inline std::uint64_t now_ns() noexcept { return gateway_clock_now_ns(); }

} // namespace gateway

#endif // GATEWAY_HPP
