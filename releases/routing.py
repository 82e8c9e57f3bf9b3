"""Websocket addresses."""

from django.urls import re_path

from releases.consumers import AppLogConsumer, LogConsumer, NothingHere, PageConsumer, ToastsConsumer

websocket_urlpatterns = [
    re_path(r"^ws/pages/toasts$", ToastsConsumer.as_asgi()),
    re_path(r"^ws/pages/(?P<topic>[a-z]+(\.[A-Za-z0-9.-]{1,80})?)$", PageConsumer.as_asgi()),
    re_path(r"^ws/logs/app/(?P<name>[A-Za-z0-9-]{1,80})$", AppLogConsumer.as_asgi()),
    re_path(r"^ws/logs/(?P<kind>build|rollout)/(?P<name>[A-Za-z0-9.-]{1,80})$", LogConsumer.as_asgi()),
    re_path(r"", NothingHere.as_asgi()),
]
