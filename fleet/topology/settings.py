"""What applying the topology needs to know."""

from pydantic import Field
from pydantic_settings import BaseSettings


class ManagementSettings(BaseSettings):
    """Where RabbitMQ is, for who needs nothing else of a fleet."""

    rabbitmq_management_url: str = Field("", description="http://user:password@host:15672")
    rabbitmq_url: str = Field("", description="its path is the virtual host")
