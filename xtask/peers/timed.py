"""Runs a command: its wall, user and system seconds and its largest resident set in bytes, as one line of JSON.

usage: timed.py COMMAND ARGUMENT...
"""

import json
import os
import subprocess
import sys
import time

began = time.perf_counter()
child = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL)
_, status, usage = os.wait4(child.pid, 0)
seconds = time.perf_counter() - began
code = os.waitstatus_to_exitcode(status)
child.returncode = code
if code:
    sys.exit(f"{sys.argv[1]} failed with {code}: its last lines stand above")
print(json.dumps({
    "wall_secs": seconds, "user_secs": usage.ru_utime, "system_secs": usage.ru_stime, "peak_bytes": usage.ru_maxrss * 1024,
}))
