"""The services, in the order of the flow: price_worker, alert_worker, notifier, and alerts_api beside them."""
