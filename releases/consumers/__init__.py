"""Websockets: the live parts of pages, and logs."""

from releases.consumers.log import LogConsumer
from releases.consumers.page import PageConsumer
from releases.consumers.socket import NothingHere

__all__ = ["LogConsumer", "NothingHere", "PageConsumer"]
