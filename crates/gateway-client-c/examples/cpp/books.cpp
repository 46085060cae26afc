// Prints every book of a table as it is now, and the orders that rest: `books SOCKET BOOK`.
#include <cstdlib>
#include <iomanip>
#include <iostream>
#include <limits>
#include <sstream>

#include "gateway.hpp"

namespace {

constexpr std::int64_t undefined = std::numeric_limits<std::int64_t>::max();

// A price as people write it.
std::string price(std::int64_t price) {
    if (price == undefined) {
        return "-";
    }
    std::ostringstream text;
    text << std::fixed << std::setprecision(4) << static_cast<double>(price) / 1e9;
    return text.str();
}

void print(const gateway::Book &book) {
    std::cout << book.symbol << ' ' << book.instrument_id << ' ' << gateway_book_state_name(book.state) << " since "
              << book.state_since << " at " << book.position << ": " << book.bid_levels << " bid levels, "
              << book.ask_levels << " ask levels, event " << book.ts_event << " received " << book.ts_recv
              << " sequence " << book.sequence << '\n';
    for (const gateway::Level &level : book.levels) {
        if (level.bid_px != undefined || level.ask_px != undefined) {
            std::cout << ' ' << level.bid_sz << " in " << level.bid_ct << " x " << price(level.bid_px) << " / "
                      << price(level.ask_px) << " x " << level.ask_sz << " in " << level.ask_ct << '\n';
        }
    }
    if (book.last_trade_size != 0) {
        std::cout << " last " << book.last_trade_size << " at " << price(book.last_trade_price) << ' '
                  << book.last_trade_side << " at " << book.last_trade_ts_event << '\n';
    }
    if (book.status_ts_event != 0) {
        std::cout << " status " << book.status_action << ' ' << book.status_reason << ' ' << book.is_trading
                  << book.is_quoting << " at " << book.status_ts_event << '\n';
    }
}

// What `read` brings, which is nothing while the book is replaced faster than it is copied.
template <class Read> auto insist(Read read) {
    auto found = read();
    while (!found) {
        found = read();
    }
    return *found;
}

void run(const char *socket, const std::string &name) {
    const gateway::Client client(socket);
    for (const gateway::BookInfo &info : client.book_list()) {
        std::cout << info.name << " of " << info.queue << ": " << info.instruments << " instruments, room for "
                  << info.instruments_max << '\n';
    }

    // Best prices and ten levels, read out of shared memory.
    gateway::BookTable table = client.books(name, "books");
    std::string first;
    for (const gateway::Instrument instrument : table.instruments()) {
        const gateway::Book book = insist([&] { return table.read(instrument); });
        print(book);
        const gateway::Best best = insist([&] { return table.best(instrument); });
        std::cout << " best " << price(best.level.bid_px) << " / " << price(best.level.ask_px) << ' '
                  << gateway_book_state_name(best.state) << '\n';
        if (first.empty()) {
            first = book.symbol;
        }
    }

    // Every order, for whoever keeps books of its own: from here on the queue's records go on.
    const gateway::Orders orders = client.orders(name);
    std::cout << orders.size() << " records of " << orders.instruments() << " instruments at "
              << orders.checkpoint().position << ", " << orders.invalid() << " left out\n";
    for (const gateway::Mbo &order : orders) {
        std::cout << order.hd.instrument_id << ' ' << order.action << order.side << " order " << order.order_id
                  << " price " << price(order.price) << " size " << order.size << " flags 0x" << std::hex
                  << std::setfill('0') << std::setw(2) << static_cast<unsigned>(order.flags) << std::dec << " at "
                  << order.hd.ts_event << '\n';
    }
    if (!first.empty()) {
        try {
            std::cout << client.orders(name, first).size() << " records of " << first << '\n';
        } catch (const gateway::Error &error) {
            // A book that cannot be trusted at the moment is refused.
            if (error.status() != GATEWAY_ERROR_NOT_VALID) {
                throw;
            }
            std::cout << first << " is refused\n";
        }
    }
}

} // namespace

int main(int argc, char **argv) {
    if (argc != 3) {
        std::cerr << "usage: books SOCKET BOOK\n";
        return EXIT_FAILURE;
    }
    try {
        run(argv[1], argv[2]);
    } catch (const gateway::Error &error) {
        std::cerr << "books: " << error.what() << '\n';
        return EXIT_FAILURE;
    }
    return EXIT_SUCCESS;
}
