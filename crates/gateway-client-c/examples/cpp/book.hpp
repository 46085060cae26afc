// Best prices from order records, `full` or `plain`.
//
// A `plain` record says what its message says and no more: an execution or a cancel names an order, not its price. So
// the books remember the orders that they saw added, which serves `full` records as well. Orders added before they
// began, or lost on the way, are not in them: their prices are the best they know.
#ifndef EXAMPLE_BOOK_HPP
#define EXAMPLE_BOOK_HPP

#include <algorithm>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <unordered_map>
#include <utility>

#include "gateway.hpp"

// A price in 1e-9 and the total size that rests at it.
using Level = std::pair<std::int64_t, std::uint64_t>;

// The best bid and ask of an instrument.
using Best = std::pair<std::optional<Level>, std::optional<Level>>;

class Books {
  public:
    // Applies one record.
    void apply(const gateway::Mbo &record) {
        switch (record.action) {
        case 'A':
            return add(record);
        // A fill follows the trade it belongs to, and the cancel that follows both is what changes the order.
        case 'C':
            return cancel(record);
        case 'R':
            return clear(record.hd.instrument_id);
        default:
            return;
        }
    }

    // Forgets everything: what follows a loss or a new session may contradict it.
    void forget() { *this = {}; }

    // No order of the instrument rests any more, or none that is known.
    void clear(std::uint32_t instrument) {
        for (auto order = orders_.begin(); order != orders_.end();) {
            order = order->second.instrument == instrument ? orders_.erase(order) : std::next(order);
        }
        sides_.erase(instrument);
    }

    Best best(std::uint32_t instrument) const {
        const auto found = sides_.find(instrument);
        if (found == sides_.end()) {
            return {};
        }
        Best best;
        if (const Side &bids = found->second.bids; !bids.empty()) {
            best.first = *bids.rbegin();
        }
        if (const Side &asks = found->second.asks; !asks.empty()) {
            best.second = *asks.begin();
        }
        return best;
    }

  private:
    using Side = std::map<std::int64_t, std::uint64_t>;

    struct Sides {
        Side bids;
        Side asks;
        Side &of(bool is_bid) { return is_bid ? bids : asks; }
    };

    struct Order {
        std::uint32_t instrument;
        bool is_bid;
        std::int64_t price;
        std::uint32_t size;
    };

    void add(const gateway::Mbo &record) {
        bool is_bid = record.side == 'B';
        if (record.side != 'B' && record.side != 'A') {
            // A replacement keeps the side of the order it replaces.
            if (!taken_ || taken_->first != record.sequence) {
                return;
            }
            is_bid = taken_->second.is_bid;
        }
        if (record.price == std::numeric_limits<std::int64_t>::max()) {
            return;
        }
        const Order order{record.hd.instrument_id, is_bid, record.price, record.size};
        orders_.insert_or_assign(record.order_id, order);
        Sides &sides = sides_[order.instrument];
        // An order that rests proves that nothing rests opposite at a better price: what is there was executed or
        // cancelled by a message that was lost.
        if (is_bid) {
            sides.asks.erase(sides.asks.begin(), sides.asks.upper_bound(order.price));
        } else {
            sides.bids.erase(sides.bids.lower_bound(order.price), sides.bids.end());
        }
        sides.of(is_bid)[order.price] += order.size;
    }

    void cancel(const gateway::Mbo &record) {
        const auto found = orders_.find(record.order_id);
        if (found == orders_.end()) {
            return;
        }
        const Order before = found->second;
        // Where a record does not say how much is cancelled, all of it is: the undefined size is the largest.
        const std::uint32_t taken = std::min(record.size, before.size);
        found->second.size -= taken;
        if (found->second.size == 0) {
            orders_.erase(found);
            taken_ = {record.sequence, before};
        }
        Side &side = sides_[before.instrument].of(before.is_bid);
        if (const auto level = side.find(before.price); level != side.end()) {
            level->second -= std::min<std::uint64_t>(taken, level->second);
            if (level->second == 0) {
                side.erase(level);
            }
        }
    }

    std::unordered_map<std::uint64_t, Order> orders_;
    std::unordered_map<std::uint32_t, Sides> sides_;
    // The order that the last whole cancel took away, and its message: a replacement follows within the same one.
    std::optional<std::pair<std::uint32_t, Order>> taken_;
};

#endif
