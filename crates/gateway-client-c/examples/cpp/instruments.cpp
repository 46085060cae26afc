/// Prints every instrument that a queue defines: instruments SOCKET QUEUE

#include <cstdio>
#include <exception>

#include "gateway.hpp"

namespace {

void print(const gateway_instrument_definition &instrument) {
    const gateway_definition &definition = *instrument.definition;
    std::printf("%s is %lu of publisher %u channel %u: tick %lld lot %d multiplier %d trading %c\n",
                gateway::Instruments::symbol(instrument).c_str(),
                static_cast<unsigned long>(definition.hd.instrument_id), unsigned{definition.hd.publisher_id},
                unsigned{definition.channel_id}, static_cast<long long>(definition.min_price_increment),
                definition.min_lot_size_round_lot, definition.contract_multiplier,
                instrument.status == nullptr ? '?' : instrument.status->is_trading);
}

} // namespace

int main(int argc, char **argv) {
    if (argc != 3) {
        std::fprintf(stderr, "usage: instruments SOCKET QUEUE\n");
        return 2;
    }
    try {
        const gateway::Client client(argv[1]);
        gateway::Instruments instruments = client.instruments(argv[2], "instruments");
        // What was defined since. A strategy does this now and then, and looks at changes().
        instruments.update();
        for (const gateway_instrument_definition &instrument : instruments.all()) {
            print(instrument);
        }
        std::printf("%zu instruments, %s\n", instruments.size(), instruments.is_whole() ? "all" : "not all");
    } catch (const std::exception &error) {
        std::fprintf(stderr, "%s\n", error.what());
        return 1;
    }
    return 0;
}
