"""Private RabbitMQ, Redis and PostgreSQL for one local fleet: child processes with one data folder."""
