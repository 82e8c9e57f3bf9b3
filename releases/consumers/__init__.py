"""Websockets: the live parts of pages, and logs."""

from releases.consumers.app_log import AppLogConsumer
from releases.consumers.log import LogConsumer
from releases.consumers.page import PageConsumer
from releases.consumers.socket import NothingHere
from releases.consumers.toasts import ToastsConsumer

__all__ = ["AppLogConsumer", "LogConsumer", "NothingHere", "PageConsumer", "ToastsConsumer"]
