"""Every metric of the fleet, a line each. Names follow Prometheus' conventions; labels have few values.

`docs/metrics.md` has a row for each, and says what the labels' values are.
"""

from typing import Final

from prometheus_client import REGISTRY, Counter, Gauge, Histogram, disable_created_metrics

# Else each counter and histogram has a further series, which nobody asks for.
disable_created_metrics()  # type: ignore[no-untyped-call]  # the library leaves this one without annotations

_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_UP_TO_TEN_MINUTES: Final = (1, 2, 5, 10, 20, 30, 60, 120, 300, 600)

# Every process
READY = Gauge("farelark_ready", "1 while the process can do its work, 0 while it waits for something")
EVENT_LOOP_LAG_SECONDS = Histogram(
    "farelark_event_loop_lag_seconds", "How late a task woke up that had slept for a moment", buckets=_SECONDS
)
POOL_CONNECTIONS = Gauge(
    "farelark_pool_connections", "Connections of a pool: those in use, and the most there may be", ["pool", "state"]
)
SWEEPS_PUT_OFF = Counter("farelark_sweeps_put_off", "Rounds of periodic work left to the next one", ["sweep"])

# Consumers
MESSAGES = Counter("farelark_messages", "Messages settled", ["queue", "outcome"])
IN_HAND = Gauge("farelark_messages_in_hand", "Messages received and not settled yet", ["queue"])
HANDLING_SECONDS = Histogram(
    "farelark_handling_seconds", "Time to handle what one handler call took", ["queue"], buckets=_SECONDS
)
RETRIES = Counter("farelark_retries", "Messages sent to a retry queue or a waiting queue", ["queue", "reason"])
DEAD_LETTERS = Counter("farelark_dead_letters", "Messages sent to the dead letters", ["queue", "reason"])
OLDEST_PRICE_AGE_SECONDS = Gauge(
    "farelark_oldest_price_age_seconds",
    "Age of the oldest observation in the messages in work, 0 while there is none",
    ["queue"],
)
OBSERVATION_AGE_SECONDS = Histogram(
    "farelark_observation_age_seconds",
    "Age of a message's oldest observation when it was done",
    ["queue"],
    buckets=_UP_TO_TEN_MINUTES,
)
SET_ASIDE = Counter("farelark_set_aside_documents", "Single invalid documents left out", ["queue", "reason"])
WAITING = Counter("farelark_unavailable", "Times that work waited for a server", ["server"])

# Publishing
PUBLISHES = Counter("farelark_publishes", "Messages that left for the broker", ["exchange", "outcome"])
PUBLISH_SECONDS = Histogram(
    "farelark_publish_seconds", "Time until the broker confirmed or refused a message", buckets=_SECONDS
)
BROKER_BLOCKED = Gauge("farelark_broker_blocked", "1 while the broker, for an alarm, takes nothing that we publish")

# Circuit breakers
BREAKER_STATE = Gauge("farelark_breaker_state", "1 for the state that a breaker is in", ["breaker", "state"])
BREAKER_CHANGES = Counter("farelark_breaker_changes", "Times that a breaker went into a state", ["breaker", "state"])

# Ingest gateway
INGESTED_FARES = Counter("farelark_ingested_fares", "Fares that are safe, by where they are", ["lane", "stored"])
INGEST_SET_ASIDE = Counter("farelark_ingest_set_aside", "Fares that the gateway did not take", ["reason"])
SPOOLED_BATCHES = Gauge("farelark_spooled_batches", "Batches that wait in the spool until the broker takes them")
SPOOL_AGE_SECONDS = Gauge("farelark_spool_age_seconds", "Age of the oldest batch in the spool, 0 while there is none")
SPOOL_USED_RATIO = Gauge("farelark_spool_used_ratio", "Share of SPOOL_MEGABYTES that the batches in the spool take up")
SOURCE_REQUESTS = Counter("farelark_source_requests", "Requests to a source", ["source", "outcome"])
SOURCE_CYCLES = Counter("farelark_source_cycles", "Cycles of a source, by how they ended", ["source", "outcome"])
SOURCE_STOPPED = Gauge(
    "farelark_source_stopped",
    "1 while a source is left alone because it refused us: for a time it named, or for good",
    ["source"],
)
SOURCE_LAST_CYCLE_SECONDS = Gauge(
    "farelark_source_last_cycle_seconds", "When a source's last complete cycle ended, in seconds since 1970", ["source"]
)
SOURCE_DUE_SECONDS = Gauge(
    "farelark_source_due_seconds", "When a source's next complete cycle is due, in seconds since 1970", ["source"]
)

# Price stage
FARES = Counter("farelark_fares", "Valid fares compared with their boards")
CHANGES = Counter("farelark_changes", "Changes published and confirmed")
RATES_DATE = Gauge("farelark_rates_date_seconds", "Date of the exchange rates in use, in seconds since 1970")
BOARD_CONFLICTS = Counter("farelark_board_conflicts", "Boards merged again because another worker wrote them")

# Alert stage
CHANGES_MATCHED = Counter("farelark_changes_matched", "Changes looked up among the alerts")
CLAIMS = Counter("farelark_claims", "Claims committed", ["shard"])

# History stage
HISTORY_CHANGES = Counter("farelark_history_changes", "Changes worked into the price history, a repeat counted once")
HISTORY_ROWS = Counter("farelark_history_rows", "Rows of the price history written")

# Notifier
NOTIFICATIONS = Counter("farelark_notifications", "Notifications by outcome", ["outcome"])
NOTIFICATIONS_KEPT_BACK = Counter(
    "farelark_notifications_kept_back", "Notifications held, suppressed or dropped", ["outcome", "reason"]
)
NOTIFICATIONS_IN_DEFAULT_PARTITION = Gauge(
    "farelark_notifications_in_default_partition", "Notifications of days that have no partition: there must be none"
)
PUSHES_STOPPED = Gauge("farelark_pushes_stopped", "1 while pushes are stopped by somebody's command")
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

# What answers requests
HTTP_REQUESTS = Counter("farelark_http_requests", "Requests answered", ["method", "route", "status"])
HTTP_SECONDS = Histogram("farelark_http_seconds", "Time to answer a request", ["route"], buckets=_SECONDS)

# Operations: what no service can say of itself
QUEUE_MESSAGES = Gauge("farelark_queue_messages", "Messages in a queue of the broker", ["queue", "state"])
QUEUE_CONSUMERS = Gauge("farelark_queue_consumers", "Consumers of a work queue", ["queue"])
BROKER_ALARMS = Gauge("farelark_broker_alarms", "Nodes of the broker with this alarm in force", ["alarm"])
DEAD_LETTERS_LYING = Gauge(
    "farelark_dead_letters_lying", "Messages that lay among the dead letters at the last round", ["queue", "reason"]
)
REDRIVEN = Counter(
    "farelark_redriven", "Messages brought back from the dead letters by themselves", ["queue", "reason"]
)
SERVER_UP = Gauge("farelark_server_up", "1 while a server answers, 0 while it does not", ["server"])
PARTITIONS_AHEAD_DAYS = Gauge(
    "farelark_partitions_ahead_days", "Days from today on for which a table has partitions", ["database", "table"]
)
CYCLE_DOCUMENTS = Gauge("farelark_cycle_documents", "What the newest cycle has come to, by stage", ["stage"])
CYCLE_AGE_SECONDS = Gauge("farelark_cycle_age_seconds", "Time since the newest cycle began, NaN while there is none")

# What some services alone have, and no other process shows: its zeros would say nothing there, or be wrong.
OWN: Final = {
    "ingest_gateway": (
        INGESTED_FARES,
        INGEST_SET_ASIDE,
        SPOOLED_BATCHES,
        SPOOL_AGE_SECONDS,
        SPOOL_USED_RATIO,
        SOURCE_REQUESTS,
        SOURCE_CYCLES,
        SOURCE_STOPPED,
        SOURCE_LAST_CYCLE_SECONDS,
        SOURCE_DUE_SECONDS,
        HTTP_REQUESTS,
        HTTP_SECONDS,
    ),
    "price_worker": (FARES, CHANGES, RATES_DATE, BOARD_CONFLICTS),
    "alert_worker": (CHANGES_MATCHED, CLAIMS),
    "history_worker": (HISTORY_CHANGES, HISTORY_ROWS),
    "notifier": (
        NOTIFICATIONS,
        NOTIFICATIONS_KEPT_BACK,
        NOTIFICATIONS_IN_DEFAULT_PARTITION,
        PUSHES_STOPPED,
        OBSERVATION_TO_PUSH_SECONDS,
        DEVICES_RETIRED,
        PUSHES,
        FCM_ANSWERS,
        FCM_SECONDS,
        FCM_IN_FLIGHT,
        PUSH_RATE,
        PLATFORM_HELD,
    ),
    "alerts_api": (EVALUATIONS_UNSENT, HTTP_REQUESTS, HTTP_SECONDS),
    "operations": (
        QUEUE_MESSAGES,
        QUEUE_CONSUMERS,
        BROKER_ALARMS,
        DEAD_LETTERS_LYING,
        REDRIVEN,
        SERVER_UP,
        PARTITIONS_AHEAD_DAYS,
        CYCLE_DOCUMENTS,
        CYCLE_AGE_SECONDS,
    ),
}


def show_only_those_of(service: str) -> None:
    """Leave out of this process's metrics what other services alone have."""
    of_others = {metric for own in OWN.values() for metric in own} - {*OWN.get(service, ())}
    for metric in of_others:
        REGISTRY.unregister(metric)
