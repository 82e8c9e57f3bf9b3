"""Settings of the project: everything that differs between installations comes from the environment."""

import os
from pathlib import Path
from urllib.parse import urlsplit

from csp.constants import NONE, SELF

from deployer import setting_rules as rules
from deployer import sign_in
from deployer.database import prepared
from deployer.env import BASE_DIR, FILE, HOME, TESTING, env

DEBUG = env.flag("DEBUG")
SECRET_KEY = rules.secret_key(env, strict=not DEBUG and not TESTING, default="only-for-tests" if TESTING else "")
# Keys of before, with which nothing new is signed: sessions outlive a change of SECRET_KEY.
SECRET_KEY_FALLBACKS = env.words("SECRET_KEY_FALLBACKS")
# Fernet keys for values at rest: the first encrypts, all decrypt.
ENCRYPTION_KEYS = rules.encryption_keys(
    env, default=["dGVzdHMtb25seS10ZXN0cy1vbmx5LXRlc3RzLW9ubHk="] if TESTING else []
)

DEPLOYER_URL = rules.own_url(env)
ALLOWED_HOSTS = rules.allowed_hosts(env, url=DEPLOYER_URL, strict=not DEBUG)
CSRF_TRUSTED_ORIGINS = rules.trusted_origins(env, url=DEPLOYER_URL)
# How the local cluster's door is reached: http://{app}.localhost:8001
DEPLOYER_APP_URL = env.text(
    "DEPLOYER_APP_URL",
    fits=lambda value: value.startswith(("http://", "https://")) and "{app}" in value,
    expected="an address with {app} in it",
    example="http://{app}.localhost:8001",
)
DEPLOYER_KUBECONFIG = env.text("DEPLOYER_KUBECONFIG", str(HOME / "kubeconfig"))
# What Kubernetes gives to a process that runs in a cluster.
SERVICE_ACCOUNT_FOLDER = env.text("SERVICE_ACCOUNT_FOLDER", "/var/run/secrets/kubernetes.io/serviceaccount")
KUBERNETES_SERVICE_HOST = env.text("KUBERNETES_SERVICE_HOST")
KUBERNETES_SERVICE_PORT = env.text("KUBERNETES_SERVICE_PORT", "443")
DEPLOYER_IMAGES = str(env.folder("DEPLOYER_IMAGES", HOME / "images"))
DEPLOYER_UPLOADS = str(env.folder("DEPLOYER_UPLOADS", HOME / "uploads"))
DEPLOYER_INSTALLATION = env.text(
    "DEPLOYER_INSTALLATION",
    "local",
    fits=lambda value: bool(rules.LABEL_VALUE.fullmatch(value)),
    expected="a name of at most 63 letters, digits, dots, hyphens and underscores",
    example="acme-production",
)

# Of the API: of each token or session, and of each address of people that are not known (yet). 0: not counted.
API_REQUESTS_PER_MINUTE = env.whole("API_REQUESTS_PER_MINUTE", 3000, least=0)
API_REQUESTS_PER_MINUTE_UNKNOWN = env.whole("API_REQUESTS_PER_MINUTE_UNKNOWN", 600, least=0)
UPLOAD_MAX_BYTES = env.whole("UPLOAD_MAX_BYTES", 512 * 1024**2)
SOURCE_MAX_BYTES = env.whole("SOURCE_MAX_BYTES", 2 * 1024**3)
SOURCE_MAX_FILES = env.whole("SOURCE_MAX_FILES", 100_000)
BUILD_DEADLINE = env.whole("BUILD_DEADLINE", 1800)
BUILD_LOG_MAX_BYTES = env.whole("BUILD_LOG_MAX_BYTES", 64 * 1024**2)

DEPLOYER_BUILDER = env.text(
    "DEPLOYER_BUILDER",
    "auto",
    fits=lambda value: value in ("auto", "docker", "buildkit"),
    expected="auto, docker or buildkit",
    example="auto",
)
# The names and meanings that Docker's own programs give them.
DOCKER_HOST = env.text("DOCKER_HOST", "unix:///var/run/docker.sock")
DOCKER_CERT_PATH = env.text("DOCKER_CERT_PATH")
DOCKER_COMMAND = env.text("DOCKER_COMMAND", "docker").split()
BUILD_PARALLEL = env.whole("BUILD_PARALLEL", 2)
BUILD_CONTEXT_MAX_BYTES = env.whole("BUILD_CONTEXT_MAX_BYTES", 1024**3)
BUILD_MEMORY_BYTES = env.whole("BUILD_MEMORY_BYTES", 0, least=0)
BUILD_NETWORK = env.text("BUILD_NETWORK")
BUILD_PLATFORM = env.text("BUILD_PLATFORM")

DEPLOYER_GIT_CACHE = str(env.folder("DEPLOYER_GIT_CACHE", HOME / "git"))
GIT_CACHE_BYTES = env.whole("GIT_CACHE_BYTES", 10 * 1024**3)
GIT_FETCH_BYTES = env.whole("GIT_FETCH_BYTES", 2 * 1024**3)
GIT_FETCH_SECONDS = env.number("GIT_FETCH_SECONDS", 600.0)
GIT_TRANSPORTS = rules.transports(env)
GIT_NETWORKS = rules.networks(env, "GIT_NETWORKS", rules.PRIVATE)
GITHUB_API_URL = env.url(
    "GITHUB_API_URL", "https://api.github.com", schemes=("https", "http"), example="https://github.example.com/api/v3"
)
GITHUB_APP_ID = env.text("GITHUB_APP_ID")
GITHUB_APP_PRIVATE_KEY = env.text("GITHUB_APP_PRIVATE_KEY", secret=True).replace("\\n", "\n")
WEBHOOK_MAX_BYTES = env.whole("WEBHOOK_MAX_BYTES", 25 * 1024**2)
DELIVERIES_KEPT = env.whole("DELIVERIES_KEPT", 1000)
RECONCILE_SECONDS = env.number("RECONCILE_SECONDS", 180.0)
CHECKS_SECONDS = env.number("CHECKS_SECONDS", 60.0)
CHECKS_DEADLINE = env.number("CHECKS_DEADLINE", 6 * 3600.0)

REGISTRY_NETWORKS = rules.networks(env, "REGISTRY_NETWORKS", rules.PRIVATE + rules.OWN)
# `host[:port]` of those that may speak HTTP without TLS; loopback always may.
REGISTRY_PLAIN_HTTP = [word.lower() for word in env.words("REGISTRY_PLAIN_HTTP")]
# Of each app: builds that run and wait; and what retention leaves of those that are over.
BUILDS_PER_APP = env.whole("BUILDS_PER_APP", 20)
KEPT_RELEASES = env.whole("KEPT_RELEASES", 10)
KEPT_BUILDS = env.whole("KEPT_BUILDS", 50)
KEPT_DAYS = env.number("KEPT_DAYS", 30.0)
RETENTION_SECONDS = env.number("RETENTION_SECONDS", 600.0)

HEARTBEAT_SECONDS, HEARTBEAT_OLD_SECONDS = rules.heartbeats(env)
QUEUED_WITHOUT_JOB_SECONDS = env.number("QUEUED_WITHOUT_JOB_SECONDS", 5.0)
REAPER_SECONDS = env.number("REAPER_SECONDS", 1.0)
CLUSTER_CHECK_SECONDS = env.number("CLUSTER_CHECK_SECONDS", 15.0)

INSTALLED_APPS = [
    # Loaded by the addresses: the workers, which have none, do without it.
    "django.contrib.admin.apps.SimpleAdminConfig",
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
    "allauth.account",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.github",
    "allauth.socialaccount.providers.openid_connect",
    "releases",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "deployer.packed.PackedPages",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "releases.middleware.ActorMiddleware",
    "axes.middleware.AxesMiddleware",
    "releases.middleware.SlashMiddleware",
    "releases.middleware.MethodMiddleware",
    "releases.middleware.DatabaseMiddleware",
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

DATABASES = {"default": prepared(rules.database(env, default=HOME / "deployer.sqlite3"))}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

REDIS_URL = rules.redis(env)
# A build's or rollout's time is bounded by its own deadline in the database; RQ's limit is only a last resort.
RQ_QUEUES = {
    name: {
        "URL": REDIS_URL,
        "DEFAULT_TIMEOUT": 24 * 3600,
        "DEFAULT_RESULT_TTL": 0,
        "REDIS_CLIENT_KWARGS": {"socket_connect_timeout": 3},
    }
    for name in ("builds", "rollouts", "webhooks")
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
AXES_LOCKOUT_CALLABLE = "releases.views.access.locked_out"
# Who is told how long it still lasts must be able to believe it: tries meanwhile make it no longer.
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_RESET_ON_SUCCESS = True
# Of a form that was refused axes keeps all but these.
AXES_SENSITIVE_PARAMETERS = ["username", "password", "current", "wanted", "again", "csrfmiddlewaretoken"]
AXES_VERBOSE = False

# Of allauth only how one speaks with GitHub and OpenID Connect: who may come is for `releases.actions.sign_ins` to say.
SIGN_IN_PROVIDERS, SOCIALACCOUNT_PROVIDERS = sign_in.providers(env)
SIGN_IN_DOMAINS, SIGN_IN_ROLE = sign_in.guests(env)
SOCIALACCOUNT_ADAPTER = "releases.views.providers.Adapter"
SOCIALACCOUNT_QUERY_EMAIL = True
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_DEFAULT_HTTP_PROTOCOL = "https" if urlsplit(DEPLOYER_URL).scheme == "https" else "http"

LANGUAGE_CODE = "en-gb"
TIME_ZONE = "UTC"
USE_TZ = True

STATIC_URL = "/static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATIC_ROOT = HOME / "static"
WHITENOISE_USE_FINDERS = True
# By its plain name a file is served from where it lies, not packed.
WHITENOISE_KEEP_ONLY_HASHED_FILES = True
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "deployer.static_files.Hashed"},
}
FILE_UPLOAD_MAX_MEMORY_SIZE = 1024**2
# On the disk where uploads end up, rather than in a /tmp that may be memory.
FILE_UPLOAD_TEMP_DIR = DEPLOYER_UPLOADS if Path(DEPLOYER_UPLOADS).is_dir() else None

SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
HTTPS = urlsplit(DEPLOYER_URL).scheme == "https"
# Only a proxy that overwrites the header may be believed: else anybody could say so.
if env.flag("TRUST_PROXY_HEADERS"):
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_SSL_REDIRECT = env.flag("SSL_REDIRECT", HTTPS)
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$", r"^metrics$"]  # asked for inside, past the proxy
SECURE_HSTS_SECONDS = env.whole("HSTS_SECONDS", 30 * 24 * 3600 if HTTPS else 0, least=0)
SECURE_HSTS_INCLUDE_SUBDOMAINS = env.flag("HSTS_SUBDOMAINS")
SECURE_HSTS_PRELOAD = env.flag("HSTS_PRELOAD")
# Whether the hosts below ours, apps perhaps, speak HTTPS is not for us to say; nor what browsers are shipped with.
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]
SESSION_ENGINE = "deployer.sessions"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
# Cookies know no ports: two servers on one host must not sign each other's people out.
SESSION_COOKIE_NAME = rules.cookie_name(env, "SESSION_COOKIE_NAME", "deployer_session")
CSRF_COOKIE_NAME = rules.cookie_name(env, "CSRF_COOKIE_NAME", "deployer_csrf")
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

LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
LOG_LEVEL = env.text(
    "LOG_LEVEL",
    "INFO",
    fits=lambda value: value.upper() in LEVELS,
    expected=f"one of {', '.join(LEVELS)}",
    example="INFO",
).upper()
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"plain": {"format": "%(levelname)s %(name)s: %(message)s"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "plain"}},
    "root": {"handlers": ["console"], "level": LOG_LEVEL},
    "loggers": {
        "rq": {"level": "WARNING"},
        "rq.worker": {"level": "WARNING"},
        "axes": {"level": "WARNING"},
        # Redis may go and come back: followers look by themselves meanwhile, and a page of traceback helps nobody.
        "channels_redis": {"level": "CRITICAL"},
        "django.request": {"level": "ERROR"},
        # Each request with its address, which may have in it what is nobody's business.
        "httpx": {"level": "WARNING"},
    },
}

if not TESTING:
    rules.unknown(env, os.environ, FILE.values)
env.done()
# The file may also have what the programs and libraries that we use look for, such as a proxy. Settings of our own, and
# secrets above all, are nothing for the programs that we start.
for name in FILE.values.keys() - os.environ.keys() - env.names - rules.OF_MAKE_UP:
    os.environ[name] = FILE.values[name]
