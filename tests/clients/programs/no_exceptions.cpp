// A strategy whose compiler has no exceptions: everything of gateway.hpp is instantiated.
#include "gateway.hpp"

int main(int argc, char **argv) {
    const gateway::Client client(argv[argc - 1]);
    gateway::Subscription subscription = client.subscribe("all", {"no_exceptions"});
    std::uint64_t records = 0;
    for (const gateway::Event &event : subscription) {
        event.visit(gateway::overloaded{
            [&](const gateway::Mbo &) { records++; },
            [](const auto &) {},
        });
    }
    subscription.reattach();
    gateway::BookTable books = client.books("book", "no_exceptions");
    for (const gateway::Instrument instrument : books.instruments()) {
        records += books.read(instrument) && books.best(instrument);
    }
    for (const gateway::Mbo &order : client.orders("book")) {
        records += order.size;
    }
    return records + client.queues().size() + client.status().size() > 0 ? 0 : 1;
}
