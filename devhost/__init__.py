"""A local host for a Python function app: stands in for ``func start`` where Core Tools is not installed.

``python -m devhost --app-dir DIR`` loads ``function_app.py``, serves its HTTP triggers, fires its timers and
receives its Event Grid events. It copies what the Functions host does with a request (routes, flat header and
query maps, body limit, status codes); it does not copy scale, throttles, time-outs or extension bundles.
"""
