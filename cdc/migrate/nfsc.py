"""The task `nfsc_task`."""

from cdc.migrate.task import Task
from cdc.models.information import INFORMATION


class NfscTask(Task):
    """News and research items into NFSC."""

    data_type = INFORMATION
    target = "mysql://127.0.0.1/nfsc"
