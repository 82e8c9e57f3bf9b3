"""Settings of the project: everything that differs between installations comes from the environment."""

from pathlib import Path

from csp.constants import NONE, SELF

from deployer.env import BASE_DIR, HOME, TESTING, env

DEBUG = env.bool("DEBUG", default=False)
SECRET_KEY = env("SECRET_KEY", default="only-for-tests" if TESTING else "")
# Fernet keys for values at rest: the first encrypts, all decrypt.
ENCRYPTION_KEYS = env.list(
    "ENCRYPTION_KEYS", default=["dGVzdHMtb25seS10ZXN0cy1vbmx5LXRlc3RzLW9ubHk="] if TESTING else []
)
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["127.0.0.1", "localhost"])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])

DEPLOYER_URL = env("DEPLOYER_URL", default="http://127.0.0.1:8000")
DEPLOYER_APP_URL = env(
    "DEPLOYER_APP_URL", default=""
)  # how the local cluster's door is reached: http://{app}.localhost:8001
DEPLOYER_KUBECONFIG = env("DEPLOYER_KUBECONFIG", default=str(HOME / "kubeconfig"))
DEPLOYER_IMAGES = env("DEPLOYER_IMAGES", default=str(HOME / "images"))
DEPLOYER_UPLOADS = env("DEPLOYER_UPLOADS", default=str(HOME / "uploads"))
DEPLOYER_INSTALLATION = env("DEPLOYER_INSTALLATION", default="local")

UPLOAD_MAX_BYTES = env.int("UPLOAD_MAX_BYTES", default=512 * 1024**2)
SOURCE_MAX_BYTES = env.int("SOURCE_MAX_BYTES", default=2 * 1024**3)
SOURCE_MAX_FILES = env.int("SOURCE_MAX_FILES", default=100_000)
BUILD_DEADLINE = env.int("BUILD_DEADLINE", default=1800)

HEARTBEAT_SECONDS = env.float("HEARTBEAT_SECONDS", default=1.0)
HEARTBEAT_OLD_SECONDS = env.float("HEARTBEAT_OLD_SECONDS", default=8.0)
QUEUED_WITHOUT_JOB_SECONDS = env.float("QUEUED_WITHOUT_JOB_SECONDS", default=5.0)
REAPER_SECONDS = env.float("REAPER_SECONDS", default=1.0)

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "channels",
    "ninja",
    "django_rq",
    "django_htmx",
    "axes",
    "csp",
    "releases",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "releases.middleware.ActorMiddleware",
    "axes.middleware.AxesMiddleware",
]

ROOT_URLCONF = "deployer.urls"
ASGI_APPLICATION = "deployer.asgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

DATABASES = {"default": env.db_url("DATABASE_URL", default=f"sqlite:///{HOME / 'deployer.sqlite3'}")}
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    DATABASES["default"]["OPTIONS"] = {
        "timeout": 20,
        "transaction_mode": "IMMEDIATE",
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA foreign_keys=ON;",
    }
DATABASES["default"]["CONN_MAX_AGE"] = 0
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

REDIS_URL = env("REDIS_URL", default="redis://127.0.0.1:6379/0")
# A build's or rollout's time is bounded by its own deadline in the database; RQ's limit is only a last resort.
RQ_QUEUES = {
    name: {
        "URL": REDIS_URL,
        "DEFAULT_TIMEOUT": 24 * 3600,
        "DEFAULT_RESULT_TTL": 0,
        "REDIS_CLIENT_KWARGS": {"socket_connect_timeout": 3},
    }
    for name in ("builds", "rollouts")
}
CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {"hosts": [{"address": REDIS_URL, "max_connections": 5000}]},
    }
}

AUTH_USER_MODEL = "releases.Person"
AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "django.contrib.auth.backends.ModelBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "sign-in"
LOGIN_REDIRECT_URL = "apps"
LOGOUT_REDIRECT_URL = "sign-in"
AXES_FAILURE_LIMIT = 10
AXES_COOLOFF_TIME = 0.25  # hours
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_LOCKOUT_TEMPLATE = "locked_out.html"
AXES_VERBOSE = False

LANGUAGE_CODE = "en-gb"
TIME_ZONE = "UTC"
USE_TZ = True

STATIC_URL = "/static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATIC_ROOT = HOME / "static"
WHITENOISE_USE_FINDERS = True
FILE_UPLOAD_MAX_MEMORY_SIZE = 1024**2
# On the disk where uploads end up, rather than in a /tmp that may be memory.
FILE_UPLOAD_TEMP_DIR = DEPLOYER_UPLOADS if Path(DEPLOYER_UPLOADS).is_dir() else None

SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
_HTTPS = DEPLOYER_URL.startswith("https://")
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _HTTPS
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
# Cookies know no ports: two servers on one host must not sign each other's people out.
SESSION_COOKIE_NAME = env("SESSION_COOKIE_NAME", default="deployer_session")
CSRF_COOKIE_NAME = env("CSRF_COOKIE_NAME", default="deployer_csrf")
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "connect-src": [SELF],
        "img-src": [SELF, "data:"],
        "object-src": [NONE],
        "base-uri": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    }
}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"plain": {"format": "%(levelname)s %(name)s: %(message)s"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "plain"}},
    "root": {"handlers": ["console"], "level": env("LOG_LEVEL", default="INFO").upper()},
    "loggers": {
        "rq": {"level": "WARNING"},
        "rq.worker": {"level": "WARNING"},
        "axes": {"level": "WARNING"},
        # Redis may go and come back: followers look by themselves meanwhile, and a page of traceback helps nobody.
        "channels_redis": {"level": "CRITICAL"},
        "django.request": {"level": "ERROR"},
    },
}
