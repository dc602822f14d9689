"""The topology in the forms that others read: RabbitMQ's definitions and the objects of its Kubernetes operator."""
