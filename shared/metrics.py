"""Every metric of the fleet, a line each. Names follow Prometheus' conventions; labels have few values."""

from typing import Final

from prometheus_client import Counter, Gauge, Histogram

_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_UP_TO_TEN_MINUTES: Final = (1, 2, 5, 10, 20, 30, 60, 120, 300, 600)

# Consumers
MESSAGES = Counter("farelark_messages", "Messages settled", ["queue", "outcome"])
IN_HAND = Gauge("farelark_messages_in_hand", "Messages received and not settled yet", ["queue"])
HANDLING_SECONDS = Histogram(
    "farelark_handling_seconds", "Time to handle what one handler call took", ["queue"], buckets=_SECONDS
)
RETRIES = Counter("farelark_retries", "Messages sent to a retry queue or a waiting queue", ["queue", "reason"])
DEAD_LETTERS = Counter("farelark_dead_letters", "Messages sent to the dead letters", ["queue", "reason"])
SET_ASIDE = Counter("farelark_set_aside_documents", "Single invalid documents left out", ["queue", "reason"])
WAITING = Counter("farelark_unavailable", "Times that work waited for a server", ["server"])

# Circuit breakers
BREAKER_STATE = Gauge("farelark_breaker_state", "1 for the state that a breaker is in", ["breaker", "state"])
BREAKER_CHANGES = Counter("farelark_breaker_changes", "Times that a breaker went into a state", ["breaker", "state"])

# Price stage
FARES = Counter("farelark_fares", "Valid fares compared with their boards")
CHANGES = Counter("farelark_changes", "Changes published and confirmed")
RATES_DATE = Gauge("farelark_rates_date_seconds", "Date of the exchange rates in use, in seconds since 1970")
BOARD_CONFLICTS = Counter("farelark_board_conflicts", "Boards merged again because another worker wrote them")

# Alert stage
CHANGES_MATCHED = Counter("farelark_changes_matched", "Changes looked up among the alerts")
CLAIMS = Counter("farelark_claims", "Claims committed", ["shard"])
SWEEPS_PUT_OFF = Counter("farelark_sweeps_put_off", "Rounds of periodic work left to the next one", ["sweep"])

# Notifier
NOTIFICATIONS = Counter("farelark_notifications", "Notifications by outcome", ["outcome"])
NOTIFICATIONS_KEPT_BACK = Counter(
    "farelark_notifications_kept_back", "Notifications held, suppressed or dropped", ["outcome", "reason"]
)
NOTIFICATIONS_IN_DEFAULT_PARTITION = Gauge(
    "farelark_notifications_in_default_partition", "Notifications of days that have no partition: there must be none"
)
OBSERVATION_TO_PUSH_SECONDS = Histogram(
    "farelark_observation_to_push_seconds",
    "Age of a fare's observation when its push had left, unless it had waited for its hour",
    buckets=_UP_TO_TEN_MINUTES,
)
DEVICES_RETIRED = Counter("farelark_devices_retired", "Devices that nothing is sent to any more", ["reason"])
PUSHES = Counter("farelark_pushes", "Pushes to single devices by outcome", ["outcome"])
FCM_ANSWERS = Counter("farelark_fcm_answers", "Answers of FCM by HTTP status, `timeout` and `lost`", ["code"])
FCM_SECONDS = Histogram("farelark_fcm_seconds", "Time until FCM answered a push", buckets=_SECONDS)
FCM_IN_FLIGHT = Gauge("farelark_fcm_in_flight", "Pushes that FCM has not answered yet")
PUSH_RATE = Gauge("farelark_push_rate", "Pushes a second that the whole fleet may send at present")
PLATFORM_HELD = Gauge(
    "farelark_platform_held", "1 while FCM cannot push to a platform for want of its key", ["platform"]
)

# Alerts API
EVALUATIONS_UNSENT = Counter("farelark_evaluations_unsent", "Commands to evaluate an alert left to its check_at")
HTTP_REQUESTS = Counter("farelark_http_requests", "Requests answered", ["method", "route", "status"])
HTTP_SECONDS = Histogram("farelark_http_seconds", "Time to answer a request", ["route"], buckets=_SECONDS)
