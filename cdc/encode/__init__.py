"""Raw BSON to Kafka records: read `encoder.py` first."""

from cdc.compiled import ENCODER
from cdc.encode.encoder import Encoder

__all__ = ["ENCODER", "Encoder"]
