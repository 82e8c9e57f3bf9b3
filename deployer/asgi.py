"""The ASGI application: GitHub's deliveries to their inbox, other HTTP to Django, websockets to Channels."""

import gc
import os
import warnings

# What a start makes stays: to look through it for garbage, again and again, would take a quarter of its time.
gc.set_threshold(50_000, 20)

# WhiteNoise streams files from synchronous iterators; Django then reads each whole, which suits our small ones.
warnings.filterwarnings("ignore", message="StreamingHttpResponse must consume synchronous iterators")

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "deployer.settings")

from django.core.asgi import get_asgi_application

http = get_asgi_application()

from channels.auth import AuthMiddlewareStack
from channels.routing import ProtocolTypeRouter, URLRouter
from django.conf import settings

from deployer.body_limit import BodyLimit
from deployer.origin import SameOrigin
from releases.api.authentication import is_somebody
from releases.routing import websocket_urlpatterns
from releases.webhooks import Hooks

application = ProtocolTypeRouter(
    {
        "http": BodyLimit(
            Hooks(http), largest=settings.UPLOAD_MAX_BYTES, knows=is_somebody, delivery=settings.WEBHOOK_MAX_BYTES
        ),
        "websocket": SameOrigin(AuthMiddlewareStack(URLRouter(websocket_urlpatterns))),
    }
)
