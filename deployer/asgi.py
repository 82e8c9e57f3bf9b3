"""The ASGI application: HTTP to Django, websockets to Channels."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "deployer.settings")

from django.core.asgi import get_asgi_application

http = get_asgi_application()

from channels.auth import AuthMiddlewareStack
from channels.routing import ProtocolTypeRouter, URLRouter
from channels.security.websocket import AllowedHostsOriginValidator
from django.conf import settings

from deployer.body_limit import BodyLimit
from releases.routing import websocket_urlpatterns

application = ProtocolTypeRouter(
    {
        "http": BodyLimit(http, largest=settings.UPLOAD_MAX_BYTES),
        "websocket": AllowedHostsOriginValidator(AuthMiddlewareStack(URLRouter(websocket_urlpatterns))),
    }
)
