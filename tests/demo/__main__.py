"""`python -m tests.demo`."""

import sys

from tests.demo.main import main

sys.exit(main())
