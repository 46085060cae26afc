"""What type checkers find, for strategies that misuse the package: every mistake here has to be one for them."""

import gateway_client as gateway

client = gateway.connect(7)  # type: ignore[arg-type]
subscription = client.subscribe("all", start="begin")  # type: ignore[arg-type]
client.subscribe("all", wait="busy", on_lapped="never")  # type: ignore[arg-type]
event = subscription.wait("1")  # type: ignore[arg-type]
print(event.price)  # type: ignore[union-attr]
if isinstance(event, gateway.MBOMsg):
    print(event.prize)  # type: ignore[attr-defined]
    event.price = 1  # type: ignore[misc]
    print(event.action + 1)  # type: ignore[operator]
for record in subscription:
    # Neither an end nor nothing: iteration ends instead.
    never: gateway.Closed = record  # type: ignore[assignment]
for array in subscription.batches():
    print(array.slots)  # type: ignore[union-attr]
index: int = gateway.MultiSubscriber().wait()  # type: ignore[assignment]


class Strategy(gateway.Subscription):  # type: ignore[misc]
    """Rust's classes cannot be derived from."""
