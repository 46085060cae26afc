// Keeps order books and prints an instrument's best prices when they change: `best_bid_ask SOCKET QUEUE [oldest]`.
//
// It shows what a strategy has to do with losses: after one it forgets its books and builds them anew.
#include <iomanip>
#include <iostream>

#include "book.hpp"
#include "command_line.hpp"

namespace {

constexpr std::uint8_t FLAG_LAST = 0x80;

class Strategy {
  public:
    void operator()(const gateway::Mbo &order) {
        books_.apply(order);
        // One message may become several records: the book is consistent after the last.
        if (order.flags & FLAG_LAST) {
            show(order.hd.instrument_id);
        }
    }
    void operator()(const gateway::Definition &definition) {
        const std::string padded(definition.raw_symbol);
        symbols_[definition.hd.instrument_id] = padded.substr(0, padded.find_last_not_of(' ') + 1);
    }
    void operator()(const gateway::Control &control) {
        const std::uint32_t instrument = control.instrument_id;
        if (control.kind == GATEWAY_CONTROL_GAP && instrument != 0) {
            // What was lost is one instrument's alone: nothing is missing of the others.
            std::cout << "gap of " << symbol_of(instrument) << ": its book begins anew\n";
            books_.clear(instrument);
        } else if (control.kind == GATEWAY_CONTROL_GAP) {
            std::cout << "gap of " << control.count << " messages: the books begin anew\n";
            books_.forget();
        } else if (control.kind == GATEWAY_CONTROL_SESSION_START || control.kind == GATEWAY_CONTROL_RESET) {
            books_.forget();
        }
    }
    void operator()(gateway::Lost lost) {
        std::cout << "lost " << lost.slots << " slots: the books begin anew\n";
        books_.forget();
    }
    // Whatever else there is.
    template <class Rest> void operator()(const Rest &) {}

  private:
    std::string symbol_of(std::uint32_t instrument) const {
        const auto symbol = symbols_.find(instrument);
        return symbol == symbols_.end() ? "?" : symbol->second;
    }

    void show(std::uint32_t instrument) {
        const Best best = books_.best(instrument);
        const auto [printed, is_new] = printed_.try_emplace(instrument, best);
        if (!is_new && printed->second == best) {
            return;
        }
        printed->second = best;
        std::cout << symbol_of(instrument) << " bid ";
        print(best.first);
        std::cout << " ask ";
        print(best.second);
        std::cout << '\n';
    }

    static void print(const std::optional<Level> &level) {
        if (!level) {
            std::cout << '-';
            return;
        }
        std::cout << level->second << " @ " << std::fixed << std::setprecision(4)
                  << static_cast<double>(level->first) / 1e9;
    }

    Books books_;
    std::unordered_map<std::uint32_t, std::string> symbols_;
    std::unordered_map<std::uint32_t, Best> printed_;
};

} // namespace

int main(int argc, char **argv) {
    return run(argc, argv, "best_bid_ask", gateway::Wait::yield(), [](gateway::Subscription subscription) {
        Strategy strategy;
        for (const gateway::Event &event : subscription) {
            event.visit(strategy);
        }
        std::cout << subscription.closed()->text() << '\n';
    });
}
