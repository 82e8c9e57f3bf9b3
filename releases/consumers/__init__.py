"""Websockets: the live parts of pages, and logs."""

from releases.consumers.log import LogConsumer
from releases.consumers.page import PageConsumer

__all__ = ["LogConsumer", "PageConsumer"]
