"""The settings of a server that strangers ask thousands of times: slow hashes would only make everybody wait."""

from deployer.settings import *  # noqa: F403

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
LOGGING["loggers"]["axes"]["level"] = "ERROR"  # noqa: F405
