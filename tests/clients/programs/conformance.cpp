// The conformance script's program in C++: `conformance SOCKET`, commands on stdin. See CONFORMANCE.md.
#include <cstdint>
#include <exception>
#include <iomanip>
#include <iostream>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "gateway.hpp"

namespace {

using Words = std::vector<std::string>;

// A command that cannot be run: the driver's mistake.
struct Mistake : std::runtime_error {
    using std::runtime_error::runtime_error;
};

std::uint64_t number(const std::string &text) { return std::stoull(text); }

std::chrono::milliseconds timeout(const std::string &text) { return std::chrono::milliseconds(number(text)); }

gateway::Wait wait_of(const std::string &text) {
    if (text == "spin") {
        return gateway::Wait::spin();
    }
    if (text == "yield") {
        return gateway::Wait::yield();
    }
    if (text == "block") {
        return gateway::Wait::block();
    }
    if (text.rfind("sleep:", 0) == 0) {
        return gateway::Wait::sleep(std::chrono::microseconds(number(text.substr(6))));
    }
    throw Mistake(text);
}

gateway::SubscribeOptions options_of(const Words &words) {
    gateway::SubscribeOptions options;
    std::uint64_t run = 0;
    for (auto word = words.begin() + 2; word != words.end(); ++word) {
        const std::size_t equals = word->find('=');
        const std::string key = word->substr(0, equals), value = word->substr(equals + 1);
        if (key == "name") {
            options.name = value;
        } else if (key == "start" && value == "head") {
            options.start = gateway::Start::head();
        } else if (key == "start" && value == "oldest") {
            options.start = gateway::Start::oldest();
        } else if (key == "start" && value == "resync") {
            options.start = gateway::Start::resync();
        } else if (key == "start") {
            options.start = gateway::Start::at(number(value));
        } else if (key == "run") {
            run = number(value);
        } else if (key == "on-lapped" && value == "oldest") {
            options.on_lapped = GATEWAY_ON_LAPPED_OLDEST;
        } else if (key == "on-lapped" && value == "latest") {
            options.on_lapped = GATEWAY_ON_LAPPED_LATEST;
        } else if (key == "on-lapped" && value == "resync") {
            options.on_lapped = GATEWAY_ON_LAPPED_RESYNC;
        } else if (key == "wait") {
            options.wait = wait_of(value);
        } else {
            throw Mistake(*word);
        }
    }
    if (run != 0) {
        options.start = gateway::Start::resuming({run, options.start.position});
    }
    return options;
}

const char *name_of(gateway_status status) {
    switch (status) {
    case GATEWAY_OK:
        break;
    case GATEWAY_ERROR_ARGUMENT:
        return "argument";
    case GATEWAY_ERROR_INTERNAL:
        return "internal";
    case GATEWAY_ERROR_CONNECT:
        return "connect";
    case GATEWAY_ERROR_BROKEN:
        return "broken";
    case GATEWAY_ERROR_PROTOCOL:
        return "protocol";
    case GATEWAY_ERROR_QUEUE:
        return "queue";
    case GATEWAY_ERROR_REFUSED:
        return "refused";
    case GATEWAY_ERROR_UNKNOWN_QUEUE:
        return "unknown-queue";
    case GATEWAY_ERROR_BUSY:
        return "busy";
    case GATEWAY_ERROR_NOT_ENTITLED:
        return "not-entitled";
    // Only of tables and orders, which the script does not open.
    case GATEWAY_ERROR_UNKNOWN_BOOK:
        return "unknown-book";
    case GATEWAY_ERROR_UNKNOWN_INSTRUMENT:
        return "unknown-instrument";
    case GATEWAY_ERROR_CLOSED:
        return "closed";
    case GATEWAY_ERROR_AGAIN:
        return "again";
    case GATEWAY_ERROR_NOT_VALID:
        return "not-valid";
    case GATEWAY_ERROR_LATER:
        return "later";
    }
    return "?";
}

const char *name_of(gateway_closed reason) {
    switch (reason) {
    case GATEWAY_CLOSED_STOPPED:
        return "stopped";
    case GATEWAY_CLOSED_RESTARTED:
        return "restarted";
    case GATEWAY_CLOSED_HUNG_UP:
        return "hung-up";
    case GATEWAY_CLOSED_REVOKED:
        return "revoked";
    }
    return "?";
}

// One function for each thing that a queue brings: the compiler misses none.
struct Printer {
    std::ostream &out;
    std::uint64_t position;

    void operator()(const gateway::Mbo &order) const {
        out << "mbo " << position << ' ' << order.hd.instrument_id << ' ' << order.order_id << ' ' << order.action
            << ' ' << order.side << ' ' << order.price << ' ' << order.size << ' '
            << static_cast<unsigned>(order.flags) << ' ' << order.sequence << ' ' << order.hd.ts_event << '\n';
    }
    void operator()(const gateway::Mbp1 &best) const { levels("mbp1", best); }
    void operator()(const gateway::Mbp10 &ten) const { levels("mbp10", ten); }
    void operator()(const gateway::Definition &definition) const {
        const std::string symbol(definition.raw_symbol);
        out << "definition " << position << ' ' << definition.hd.instrument_id << ' '
            << symbol.substr(0, symbol.find_last_not_of(' ') + 1) << '\n';
    }
    void operator()(const gateway::TradingStatus &status) const {
        out << "status " << position << ' ' << status.hd.instrument_id << ' ' << status.action << '\n';
    }
    void operator()(const gateway::Imbalance &imbalance) const {
        out << "imbalance " << position << ' ' << imbalance.hd.instrument_id << ' ' << imbalance.paired_qty << ' '
            << imbalance.total_imbalance_qty << ' ' << imbalance.side << '\n';
    }
    void operator()(const gateway::Trade &trade) const {
        out << "trade " << position << ' ' << trade.hd.instrument_id << ' ' << trade.side << ' ' << trade.price << ' '
            << trade.size << ' ' << trade.sequence << '\n';
    }
    void operator()(const gateway::Statistics &statistic) const {
        out << "statistic " << position << ' ' << statistic.hd.instrument_id << ' ' << statistic.stat_type << ' '
            << statistic.price << ' ' << statistic.quantity << '\n';
    }
    void operator()(const gateway::Control &control) const {
        out << "control " << position << ' ' << control.kind << ' ' << static_cast<unsigned>(control.channel_id)
            << ' ' << control.sequence << ' ' << control.count << '\n';
    }
    void operator()(const gateway::Native &native) const {
        std::ostringstream hex;
        hex << std::hex << std::setfill('0');
        for (std::size_t i = 0; i < native.length; i++) {
            hex << std::setw(2) << static_cast<unsigned>(native.message[i]);
        }
        out << "native " << position << ' ' << native.header.instrument_id << ' ' << hex.str() << '\n';
    }
    void operator()(const gateway::Other &other) const {
        out << "other " << position << ' ' << static_cast<unsigned>(other.header->rtype) << '\n';
    }
    void operator()(gateway::Lost lost) const { out << "lost " << lost.slots << '\n'; }
    void operator()(gateway::Closed closed) const { out << "closed " << name_of(closed.reason) << '\n'; }
    void operator()(gateway::Empty) const { out << "empty\n"; }

    template <class Record> void levels(const char *name, const Record &record) const {
        out << name << ' ' << position << ' ' << record.hd.instrument_id << ' ' << static_cast<unsigned>(record.flags)
            << ' ' << record.sequence;
        for (const gateway::Level &level : record.levels) {
            out << ' ' << level.bid_px << ' ' << level.bid_sz << ' ' << level.bid_ct << ' ' << level.ask_px << ' '
                << level.ask_sz << ' ' << level.ask_ct;
        }
        out << '\n';
    }
};

void print(const gateway::Event &event) { event.visit(Printer{std::cout, event.position()}); }

void print(const gateway_joined &joined) {
    static const char *const outcomes[] = {"as-asked", "later", "not-yet", "other-run"};
    std::cout << "joined " << outcomes[joined.outcome] << " position " << joined.position << " head " << joined.head
              << " lost " << joined.lost_slots << '\n';
}

class Program {
  public:
    explicit Program(std::string path) : path_(std::move(path)) {}

    void run(const Words &words) {
        const std::string &command = words.at(0);
        if (command == "connect") {
            client_.reset();
            client_.emplace(path_);
        } else if (command == "queues") {
            for (const gateway::Queue &queue : client_.value().queues()) {
                std::cout << "queue " << queue.name << ' ' << queue.slots << '\n';
            }
        } else if (command == "subscribe") {
            subscription_.reset();
            subscription_.emplace(client_.value().subscribe(words.at(1), options_of(words)));
            print(subscription_->joined());
        } else if (command == "read") {
            read(number(words.at(1)), timeout(words.at(2)));
        } else if (command == "drain") {
            for (const gateway::Event &event : subscription_.value().drain()) {
                print(event);
            }
        } else if (command == "position") {
            std::cout << "position " << subscription_.value().position() << " lost " << subscription_->lost_slots()
                      << '\n';
        } else if (command == "checkpoint") {
            const gateway_checkpoint checkpoint = subscription_.value().checkpoint();
            std::cout << "checkpoint " << checkpoint.run << ' ' << checkpoint.position << '\n';
        } else if (command == "joined") {
            print(subscription_.value().joined());
        } else if (command == "health") {
            std::cout << (subscription_.value().health().live ? "live\n" : "ended\n");
        } else if (command == "reattach") {
            subscription_.value().reattach();
            print(subscription_->joined());
        } else if (command == "close") {
            subscription_.reset();
            queues_.reset();
        } else if (command == "multi") {
            queues_.emplace(wait_of(words.at(1)));
        } else if (command == "add") {
            const std::size_t index = queues_.value().add(client_.value().subscribe(words.at(1), options_of(words)));
            std::cout << "added " << index << '\n';
            print(queues_->joined(index));
        } else if (command == "read-any") {
            read_any(number(words.at(1)), timeout(words.at(2)));
        } else if (command == "over") {
            std::cout << (queues_.value().is_over() ? "over yes\n" : "over no\n");
        } else if (command == "reattach-any") {
            const std::size_t index = number(words.at(1));
            queues_.value().reattach(index);
            print(queues_->joined(index));
        } else {
            throw Mistake(command);
        }
    }

  private:
    void read(std::uint64_t count, std::chrono::milliseconds limit) {
        for (; count > 0; count--) {
            const gateway::Event event = subscription_.value().wait(limit);
            print(event);
            if (event.is_empty() || event.closed()) {
                break;
            }
        }
    }

    void read_any(std::uint64_t count, std::chrono::milliseconds limit) {
        for (; count > 0; count--) {
            const std::optional<gateway::QueueEvent> found = queues_.value().wait(limit);
            if (!found) {
                std::cout << "empty\n";
                break;
            }
            std::cout << found->queue << ' ';
            print(found->event);
        }
    }

    std::string path_;
    std::optional<gateway::Client> client_;
    std::optional<gateway::Subscription> subscription_;
    std::optional<gateway::MultiSubscriber> queues_;
};

} // namespace

int main(int argc, char **argv) {
    if (argc != 2) {
        std::cerr << "usage: conformance SOCKET\n";
        return EXIT_FAILURE;
    }
    Program program(argv[1]);
    std::string line;
    while (std::getline(std::cin, line)) {
        std::istringstream stream(line);
        Words words;
        for (std::string word; stream >> word;) {
            words.push_back(word);
        }
        try {
            program.run(words);
            std::cout << "ok" << std::endl;
        } catch (const gateway::Error &error) {
            std::cout << "error " << name_of(error.status()) << std::endl;
        } catch (const std::exception &error) {
            std::cerr << "conformance: " << line << ": " << error.what() << '\n';
            return EXIT_FAILURE;
        }
    }
    return EXIT_SUCCESS;
}
