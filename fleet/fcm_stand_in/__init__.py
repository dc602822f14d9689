"""A stand-in for Google's servers, and nothing more: it takes messages as FCM does, and no device ever gets one.

Speaks FCM's `messages:send` and the OAuth token exchange over HTTP/1.1 and HTTP/2, answers as it is told to, and
records what arrived. For tests and benchmarks.
"""
