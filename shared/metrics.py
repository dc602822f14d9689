"""Every metric of the fleet, a line each. Names follow Prometheus' conventions; labels have few values."""

from typing import Final

from prometheus_client import Counter, Gauge, Histogram

_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)

# Consumers
MESSAGES = Counter("farelark_messages", "Messages settled", ["queue", "outcome"])
IN_HAND = Gauge("farelark_messages_in_hand", "Messages received and not settled yet", ["queue"])
HANDLING_SECONDS = Histogram(
    "farelark_handling_seconds", "Time to handle what one handler call took", ["queue"], buckets=_SECONDS
)
RETRIES = Counter("farelark_retries", "Messages sent to a retry queue", ["queue", "reason"])
DEAD_LETTERS = Counter("farelark_dead_letters", "Messages sent to the dead letters", ["queue", "reason"])
SET_ASIDE = Counter("farelark_set_aside_documents", "Single invalid documents left out", ["queue", "reason"])
WAITING = Counter("farelark_unavailable", "Times that work waited for a server", ["server"])

# Price stage
FARES = Counter("farelark_fares", "Valid fares compared with their boards")
CHANGES = Counter("farelark_changes", "Changes published and confirmed")
RATES_DATE = Gauge("farelark_rates_date_seconds", "Date of the exchange rates in use, in seconds since 1970")
BOARD_CONFLICTS = Counter("farelark_board_conflicts", "Boards merged again because another worker wrote them")

# Alert stage
CHANGES_MATCHED = Counter("farelark_changes_matched", "Changes looked up among the alerts")
CLAIMS = Counter("farelark_claims", "Claims committed", ["shard"])
SWEEPS_PUT_OFF = Counter("farelark_sweeps_put_off", "Sweeps of a shard left to the next round", ["sweep"])

# Notifier
NOTIFICATIONS = Counter("farelark_notifications", "Notifications by outcome", ["outcome"])
PUSHES = Counter("farelark_pushes", "Pushes to single devices by outcome", ["outcome"])

# Alerts API
EVALUATIONS_UNSENT = Counter("farelark_evaluations_unsent", "Commands to evaluate an alert left to its check_at")
HTTP_REQUESTS = Counter("farelark_http_requests", "Requests answered", ["method", "route", "status"])
HTTP_SECONDS = Histogram("farelark_http_seconds", "Time to answer a request", ["route"], buckets=_SECONDS)
