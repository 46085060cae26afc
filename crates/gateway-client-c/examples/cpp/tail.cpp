// Prints a queue's records as they come: `tail SOCKET QUEUE [oldest]`.
#include <iomanip>
#include <iostream>
#include <limits>
#include <sstream>

#include "command_line.hpp"

namespace {

// A price as people write it.
std::string price(std::int64_t price) {
    if (price == std::numeric_limits<std::int64_t>::max()) {
        return "-";
    }
    std::ostringstream text;
    text << std::fixed << std::setprecision(4) << static_cast<double>(price) / 1e9;
    return text.str();
}

// A text field is terminated within its array; exchanges pad it with spaces.
std::string symbol(const char *padded) {
    const std::string text(padded);
    return text.substr(0, text.find_last_not_of(' ') + 1);
}

std::string hex(const std::uint8_t *bytes, std::size_t length) {
    std::ostringstream text;
    text << std::hex << std::setfill('0');
    for (std::size_t i = 0; i < length; i++) {
        text << std::setw(2) << static_cast<unsigned>(bytes[i]);
    }
    return text.str();
}

const char *control_kind(std::uint16_t kind) {
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

// One function for each thing that a queue brings: the compiler misses none.
struct Printer {
    std::ostream &out;

    void operator()(const gateway::Mbo &order) const {
        out << "mbo " << order.hd.instrument_id << ' ' << order.action << order.side << " order " << order.order_id
            << " price " << price(order.price) << " size " << order.size << " flags 0x" << hex(&order.flags, 1)
            << " sequence " << order.sequence << '\n';
    }
    void operator()(const gateway::Mbp1 &best) const { levels(best.hd.instrument_id, best.levels); }
    void operator()(const gateway::Mbp10 &ten) const { levels(ten.hd.instrument_id, ten.levels); }
    void operator()(const gateway::Definition &definition) const {
        out << "definition " << definition.hd.instrument_id << ' ' << symbol(definition.raw_symbol) << '\n';
    }
    void operator()(const gateway::TradingStatus &status) const {
        out << "status " << status.hd.instrument_id << " action " << status.action << " reason " << status.reason
            << " trading " << status.is_trading << " quoting " << status.is_quoting << '\n';
    }
    void operator()(const gateway::Imbalance &imbalance) const {
        out << "imbalance " << imbalance.hd.instrument_id << ' ' << imbalance.side << " reference "
            << price(imbalance.ref_price) << " paired " << imbalance.paired_qty << " imbalance "
            << imbalance.total_imbalance_qty << '\n';
    }
    void operator()(const gateway::Trade &trade) const {
        out << "trade " << trade.hd.instrument_id << ' ' << trade.side << " price " << price(trade.price) << " size "
            << trade.size << " sequence " << trade.sequence << '\n';
    }
    void operator()(const gateway::Statistics &statistic) const {
        out << "statistic " << statistic.hd.instrument_id << " type " << statistic.stat_type << " price "
            << price(statistic.price) << " quantity " << statistic.quantity << '\n';
    }
    void operator()(const gateway::Control &control) const {
        out << "control " << control_kind(control.kind);
        if (control.instrument_id != 0) {
            out << " of " << control.instrument_id;
        }
        out << " sequence " << control.sequence << " count " << control.count << '\n';
    }
    void operator()(const gateway::Native &native) const {
        out << "native " << native.header.instrument_id << ' ' << hex(native.message, native.length) << '\n';
    }
    void operator()(const gateway::Other &other) const { out << "other " << other.bytes << " bytes\n"; }
    void operator()(gateway::Lost lost) const { out << "lost " << lost.slots << " slots\n"; }
    void operator()(gateway::Closed closed) const { out << closed.text() << '\n'; }
    // Nothing new for a while: show what there is.
    void operator()(gateway::Empty) const { out << std::flush; }

    // The levels of a book: bid and ask, each with its size.
    template <std::size_t Count> void levels(std::uint32_t instrument_id, const gateway::Level (&levels)[Count]) const {
        out << "levels " << instrument_id;
        for (const gateway::Level &level : levels) {
            out << "  " << level.bid_sz << " x " << price(level.bid_px) << " / " << price(level.ask_px) << " x "
                << level.ask_sz;
        }
        out << '\n';
    }
};

} // namespace

int main(int argc, char **argv) {
    const auto wait = gateway::Wait::sleep(std::chrono::microseconds(100));
    return run(argc, argv, "tail", wait, [](gateway::Subscription subscription) {
        while (!subscription.closed() && std::cout) {
            subscription.wait(std::chrono::milliseconds(50)).visit(Printer{std::cout});
        }
    });
}
