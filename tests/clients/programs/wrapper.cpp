// What gateway.hpp does beyond the examples: ownership, errors, ranges. `wrapper SOCKET`. The gateway has one queue,
// `all`, of 1,024 slots, in which 2,000 orders were published, so that the oldest are gone.
#undef NDEBUG
#include <cassert>
#include <cinttypes>
#include <cstring>
#include <thread>
#include <type_traits>

#include "gateway.hpp"

static_assert(!std::is_copy_constructible_v<gateway::Client> && std::is_nothrow_move_constructible_v<gateway::Client>);
static_assert(!std::is_copy_constructible_v<gateway::Subscription> &&
              std::is_nothrow_move_assignable_v<gateway::Subscription>);

namespace {

template <class Call> gateway_status thrown(Call call, const char *words) {
    try {
        call();
    } catch (const gateway::Error &error) {
        assert(std::strstr(error.what(), words) != nullptr);
        return error.status();
    }
    return GATEWAY_OK;
}

void errors(const gateway::Client &client) {
    assert(thrown([] { gateway::Client("/nowhere"); }, "no gateway at /nowhere") == GATEWAY_ERROR_CONNECT);
    assert(thrown([&] { client.subscribe("al"); }, "there are: all") == GATEWAY_ERROR_UNKNOWN_QUEUE);
    assert(thrown([&] { client.books("none", "me"); }, "there is no book") == GATEWAY_ERROR_UNKNOWN_BOOK);
    assert(thrown([&] { client.orders("none"); }, "there is no book") == GATEWAY_ERROR_UNKNOWN_BOOK);
    assert(client.book_list().empty());
    gateway::Subscription subscription = client.subscribe("all");
    gateway::Subscription moved = std::move(subscription);
    assert(thrown([&] { subscription.poll(); }, "`subscription` is null") == GATEWAY_ERROR_ARGUMENT);
    assert(moved.poll().is_empty());
}

void ranges(const gateway::Client &client) {
    gateway::Subscription subscription = client.subscribe("all", {"wrapper", gateway::Start::at(0)});
    std::uint64_t lost = 0, next = 0, records = 0;
    for (const gateway::Event &event : subscription.drain()) {
        event.visit(gateway::overloaded{
            [&](gateway::Lost loss) { lost += loss.slots; },
            [&](const gateway::Mbo &order) {
                assert(next == 0 || order.order_id == next);
                next = order.order_id + 1;
                records++;
            },
            [](const auto &) { assert(!"nothing else was published"); },
        });
    }
    assert(lost > 0 && records > 0 && lost + records == 2000 && next == 2042);
    assert(subscription.joined().outcome == GATEWAY_JOINED_LATER && subscription.joined().lost_slots == lost);
    const auto resumed = client.subscribe("all", {"wrapper", gateway::Start::resuming(subscription.checkpoint())});
    assert(resumed.joined().outcome == GATEWAY_JOINED_AS_ASKED && resumed.position() == 2000);
    const gateway_checkpoint other = {subscription.checkpoint().run + 1, 7};
    const auto restarted = client.subscribe("all", {"wrapper", gateway::Start::resuming(other)});
    assert(restarted.joined().outcome == GATEWAY_JOINED_OTHER_RUN && restarted.position() == lost);
    // Nobody said where state begins: at the first record, which is gone.
    const auto resync = client.subscribe("all", {"wrapper", gateway::Start::resync()});
    assert(resync.joined().outcome == GATEWAY_JOINED_LATER && resync.joined().lost_slots == lost);
    assert(lost == subscription.lost_slots() && subscription.position() == 2000);
    assert(!subscription.closed() && subscription.health().live);
}

void several(const gateway::Client &client) {
    gateway::MultiSubscriber queues(gateway::Wait::yield());
    assert(queues.is_over() && !queues.poll());
    for (const auto &start : {gateway::Start::oldest(), gateway::Start::at(1990)}) {
        gateway::Subscription subscription = client.subscribe("all", {"wrapper", start});
        const std::size_t queue = queues.add(std::move(subscription));
        assert(queue + 1 == queues.size());
    }
    std::uint64_t next[2] = {queues.position(0), queues.position(1)};
    assert(next[1] == 1990 && queues.joined(1).head == 2000);
    std::size_t last = 1;
    while (const std::optional<gateway::QueueEvent> found = queues.poll()) {
        // By turns as long as both have something.
        assert(found->queue != last || next[1 - last] == 2000);
        last = found->queue;
        assert(found->event.position() == next[last]++);
        assert(found->event.mbo()->order_id == 42 + found->event.position());
    }
    assert(next[0] == 2000 && next[1] == 2000 && !queues.is_over());
    assert(queues.checkpoint(0).position == 2000 && queues.lost_slots(1) == 0 && queues.health(1).live);
    queues.reattach(1);
    assert(!queues.wait(std::chrono::milliseconds(1)));
    assert(thrown([&] { queues.reattach(2); }, "`subscription` is null") == GATEWAY_ERROR_ARGUMENT);
}

// A subscription may move to another thread.
void threads(const gateway::Client &client) {
    gateway::Subscription subscription = client.subscribe("all", {"wrapper", gateway::Start::oldest()});
    std::uint64_t records = 0;
    std::thread reader([&records, mine = std::move(subscription)]() mutable {
        for (const gateway::Event &event : mine.drain()) {
            records += event.mbo() != nullptr;
        }
    });
    reader.join();
    assert(records > 0);
}

} // namespace

int main(int argc, char **argv) {
    assert(argc == 2);
    const gateway::Client client(argv[1]);
    assert(client.queues().size() == 1 && client.queues()[0].name == "all" && client.queues()[0].head == 2000);
    assert(client.status() == "{}" && client.gateway_pid() != 0);
    errors(client);
    ranges(client);
    several(client);
    threads(client);
    std::puts("done");
    return 0;
}
