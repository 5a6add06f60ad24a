"""Every option: from flags, environment, file and defaults, checked before anything is connected."""

from cdc.config.data_types import find as find_data_type
from cdc.config.kafka import KafkaSettings
from cdc.config.load import Loaded, Row, load
from cdc.config.mongo import MongoSettings
from cdc.config.settings import Settings
from cdc.config.sources import SETTINGS, Stated, describe, env_name
from cdc.config.sql import SqlSettings

__all__ = [
    "SETTINGS",
    "KafkaSettings",
    "Loaded",
    "MongoSettings",
    "Row",
    "Settings",
    "SqlSettings",
    "Stated",
    "describe",
    "env_name",
    "find_data_type",
    "load",
]
