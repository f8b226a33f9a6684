"""An agent in Python: the official client, told no more than another address and its team key."""

import inspect
import sys
import traceback

import openai

import asynchronous
import caching
import failing
import talking
from kit import control

failed = passed = 0
for topic in (talking, caching, failing, asynchronous):
    print(f"{topic.__name__}: {topic.__doc__}")
    for name, behaviour in vars(topic).items():
        # What a topic imports is no behaviour of its own.
        if not inspect.isfunction(behaviour) or behaviour.__module__ != topic.__name__:
            continue
        control("/reset")
        try:
            behaviour()
            passed += 1
            print(f"ok - {name.replace('_', ' ')}")
        except Exception:
            failed += 1
            print(f"not ok - {name.replace('_', ' ')}")
            traceback.print_exc(file=sys.stdout)
print(f"openai {openai.__version__} on Python {sys.version.split()[0]}: {passed} passed, {failed} failed")
sys.exit(1 if failed else 0)
