"""Registries over the HTTP API of the OCI distribution specification: no Docker Engine is needed for this."""

from releases.clients.images.plan import Login as Login
from releases.clients.registry.door import Policy as Policy
from releases.clients.registry.registry import Registry as Registry
from releases.clients.registry.where import checked as checked
from releases.clients.registry.where import full as full
