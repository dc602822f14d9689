"""RabbitMQ, behind the few verbs that services need: publish with confirm, consume, stop consuming.

The one package that imports aio-pika. What is unusual here answers faults of the libraries below it:

- one bad AMQP timestamp or a property that is not UTF-8 would kill the connection and be redelivered for ever,
  so the decoder is made forgiving (`shared.amqp_decoding`);
- a half-open link would end a publish in a bare `CancelledError`, or hold it for ever, so every call has a deadline
  and such a cancellation counts as an outcome that is not known (`links`);
- `mandatory` alone loses messages silently, so channels raise on returned messages;
- publishing and consuming have a connection each, so that back-pressure on one does not stop the other;
- a robust consumer whose queue is gone or has no leader waits for ever without a word, so a subscription is
  robust by itself: a lost connection is made anew, a queue that cannot be consumed is an error.
"""
