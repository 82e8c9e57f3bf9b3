#!/bin/sh
# Git asks here for a user name and a password, naming the server: nobody but the one meant is answered.
case "$1" in
  "Username for '$DEPLOYER_GIT_ORIGIN': ") printf '%s\n' "$DEPLOYER_GIT_USER" ;;
  "Password for '$DEPLOYER_GIT_ORIGIN_AS_USER': " | "Password for '$DEPLOYER_GIT_ORIGIN_ENCODED': ") printf '%s\n' "$DEPLOYER_GIT_TOKEN" ;;
  *) exit 1 ;;
esac
