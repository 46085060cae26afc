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
    return records + client.queues().size() + client.status().size() > 0 ? 0 : 1;
}
