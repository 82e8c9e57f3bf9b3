"""What is wrong with an app, on its pages: now, and as it was when a rollout failed.

Both are drawn from one shape, that of `Report.as_json()`: as the API gives it and as a rollout stores it.
"""
