// Measures how long records take from the gateway's receipt of their packet to this process, and prints a line each
// second: `latency SOCKET QUEUE`. At the end comes a line for the whole run.
//
// It spins: give it a core of its own, or the numbers are those of the scheduler.
#include <algorithm>
#include <array>
#include <iostream>

#include "command_line.hpp"

namespace {

// Counts durations in fixed memory, to 1.6 % of their value: each doubling has 64 steps.
class Histogram {
  public:
    void record(std::uint64_t nanoseconds) {
        counts_[bucket(nanoseconds)]++;
        total_++;
        max_ = std::max(max_, nanoseconds);
    }
    void lose(std::uint64_t slots) { lost_ += slots; }

    void print() const {
        std::cout << total_ << " records, " << lost_ << " slots lost, p50 " << quantile(500) << " ns, p99 "
                  << quantile(990) << " ns, p99.9 " << quantile(999) << " ns, max " << max_ << " ns" << std::endl;
    }

  private:
    static constexpr unsigned STEPS_LOG2 = 6;
    static constexpr unsigned STEPS = 1U << STEPS_LOG2;

    static unsigned bucket(std::uint64_t value) {
        unsigned shift = 0;
        while (value >> shift >= 2 * STEPS) {
            shift++;
        }
        return shift * STEPS + static_cast<unsigned>(value >> shift);
    }

    // The upper edge of the bucket below which `permille` of all durations lie.
    std::uint64_t quantile(std::uint64_t permille) const {
        const std::uint64_t wanted = std::max<std::uint64_t>(1, (total_ * permille + 999) / 1000);
        std::uint64_t seen = 0;
        for (unsigned bucket = 0; bucket < counts_.size(); bucket++) {
            seen += counts_[bucket];
            if (seen >= wanted) {
                const unsigned shift = bucket < 2 * STEPS ? 0 : bucket / STEPS - 1;
                const std::uint64_t step = bucket - shift * STEPS;
                return std::min(max_, ((step + 1) << shift) - 1);
            }
        }
        return max_;
    }

    std::array<std::uint64_t, (64 - STEPS_LOG2 + 1) * STEPS> counts_{};
    std::uint64_t total_ = 0;
    std::uint64_t max_ = 0;
    std::uint64_t lost_ = 0;
};

// When the gateway received the packet, nanoseconds since the Unix epoch; 0 where the record does not say.
std::uint64_t received(const gateway::Event &event) {
    std::uint64_t ts_recv = 0;
    event.visit(gateway::overloaded{
        [&](const gateway::Mbo &order) { ts_recv = order.ts_recv; },
        [&](const gateway::Definition &definition) { ts_recv = definition.ts_recv; },
        [&](const gateway::TradingStatus &status) { ts_recv = status.ts_recv; },
        [&](const gateway::Imbalance &imbalance) { ts_recv = imbalance.ts_recv; },
        [&](const gateway::Mbp1 &best) { ts_recv = best.ts_recv; },
        [&](const gateway::Mbp10 &levels) { ts_recv = levels.ts_recv; },
        [&](const gateway::Trade &trade) { ts_recv = trade.ts_recv; },
        [&](const gateway::Statistics &statistic) { ts_recv = statistic.ts_recv; },
        [&](const gateway::Native &native) { ts_recv = native.header.ts_recv; },
        [](const auto &) {},
    });
    return ts_recv;
}

void measure(gateway::Subscription subscription) {
    constexpr std::uint64_t SECOND = 1000000000;
    Histogram second, whole;
    std::uint64_t next_line = gateway::now_ns() + SECOND;
    while (!subscription.closed()) {
        const gateway::Event event = subscription.wait(std::chrono::milliseconds(20));
        const std::uint64_t now = gateway::now_ns();
        if (const std::uint64_t ts_recv = received(event); ts_recv != 0) {
            // The same clock as the gateway's; a stamp of the future is one of a clock that was set.
            const std::uint64_t latency = now > ts_recv ? now - ts_recv : 0;
            second.record(latency);
            whole.record(latency);
        }
        if (const auto lost = event.lost()) {
            second.lose(lost->slots);
            whole.lose(lost->slots);
        }
        if (now >= next_line) {
            second.print();
            second = {};
            next_line += SECOND;
        }
    }
    std::cout << subscription.closed()->text() << "; in all:\n";
    whole.print();
}

} // namespace

int main(int argc, char **argv) { return run(argc, argv, "latency", gateway::Wait::spin(), measure); }
