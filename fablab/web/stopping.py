"""Set when this web process is asked to end: whatever holds a connection open for long looks at it and lets go."""

import threading

FLAG = threading.Event()
