"""A subset of the Kubernetes API in one process, which runs pods as processes of this machine.

For development and tests only: nothing isolates the programs that it runs.
"""
