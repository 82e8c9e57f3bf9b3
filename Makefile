# PYTHON chooses which Python makes .venv: make up PYTHON=python3.12
PYTHON ?= python3
IN_VENV = $(PYTHON) deployer/bootstrap.py
# Tests and checks must not meet the settings, the Redis and the database of a Deployer that runs in this checkout.
NO_HOME = $(CURDIR)/.test-home
ALONE = env -u DATABASE_URL -u REDIS_URL
# One more than the smallest machine has cores: tests wait for facts, too. With four, all of them take longer.
WORKERS = 3
# Minutes of many objects, many streams and a kill: `make faults` runs it, not `make test`.
ENDURANCE = tests/localcluster/test_endurance.py
NO_KEY = Y2hlY2tzLW9ubHktY2hlY2tzLW9ubHktY2hlY2tzLW8=

.PHONY: help up password link test faults cluster-tests check format docs bench lock schema clean

help:
	@echo 'make up        install what is missing, then serve http://127.0.0.1:8000 until Ctrl-C'
	@echo '               (PORT moves the address, DEPLOYER_HOME the state)'
	@echo 'make password  set a new password for the administrator'
	@echo 'make link      print a one-time sign-in link'
	@echo 'make test      run the tests, those of the database on PostgreSQL first, then all on SQLite'
	@echo '               (TESTS="tests/test_up.py -k port" runs some of them)'
	@echo 'make faults    kill workers and trouble the cluster at each step of rollouts, wear localcluster out, for minutes'
	@echo '               (FAULTS="-k doom" runs some of them)'
	@echo 'make cluster-tests  the journeys on the cluster of TEST_KUBECONFIG, else on one that is started for them'
	@echo '               (CLUSTER_TESTS="-k volumes" runs some of them)'
	@echo 'make check     style, types, the floors of the design, migrations'
	@echo 'make format    let ruff lay out the code'
	@echo 'make docs      write docs/command.md, docs/api.md, docs/diagnostics.md anew'
	@echo 'make bench     measure; prints figures'
	@echo 'make schema    some ten thousand random requests against the API, compared with its document (SCHEMA="--seed 7")'
	@echo 'make lock      choose versions anew and lock them in requirements/'
	@echo 'make clean     remove what is installed and cached; the state in .deployer/ stays'

up:
	@exec $(IN_VENV) run -- -m deployer.up

password:
	@exec $(IN_VENV) run -- manage.py password

link:
	@exec $(IN_VENV) run -- manage.py password --link

test:
	@$(IN_VENV) dev -- -m tests.chromium
	@$(IN_VENV) dev -- -m tests.docker_engine
	@$(ALONE) DEPLOYER_HOME=$(NO_HOME) $(IN_VENV) dev -- -m tests.postgres -m pytest -n $(WORKERS) --dist loadfile -m database $(TESTS)
	@exec $(ALONE) -u TEST_DATABASE_URL DEPLOYER_HOME=$(NO_HOME) $(IN_VENV) dev -- -m pytest -n $(WORKERS) --dist loadfile --ignore $(ENDURANCE) $(TESTS)

faults:
	@DEPLOYER_HOME=$(NO_HOME) exec $(IN_VENV) dev -- -m pytest tests/faults $(ENDURANCE) --numprocesses 2 --dist worksteal --tb short $(FAULTS)

cluster-tests:
	@$(IN_VENV) dev -- -m tests.docker_engine
	@exec $(ALONE) DEPLOYER_HOME=$(NO_HOME) $(IN_VENV) dev -- -m tests.cluster --numprocesses 2 --dist worksteal $(CLUSTER_TESTS)

check:
	@$(IN_VENV) dev -- -m ruff check
	@$(IN_VENV) dev -- -m ruff format --check
	@$(IN_VENV) dev -- -m mypy
	@$(IN_VENV) dev -- -c 'from importlinter.cli import lint_imports_command; lint_imports_command()'
	@DEBUG=true SECRET_KEY=check ENCRYPTION_KEYS=$(NO_KEY) DEPLOYER_HOME=$(NO_HOME) DATABASE_URL=sqlite://:memory: $(IN_VENV) dev -- manage.py makemigrations --check --dry-run

format:
	@$(IN_VENV) dev -- -m ruff check --fix
	@$(IN_VENV) dev -- -m ruff format

docs:
	@DEBUG=true SECRET_KEY=docs ENCRYPTION_KEYS=$(NO_KEY) DEPLOYER_HOME=$(NO_HOME) DATABASE_URL=sqlite://:memory: exec $(IN_VENV) dev -- -m deployer.reference

bench:
	@exec $(IN_VENV) dev -- -m tests.bench

schema:
	@$(ALONE) DEPLOYER_HOME=$(NO_HOME) $(IN_VENV) dev -- -m tests.api_schema $(SCHEMA)

# Hashes, and no word of where packages come from: that is for each machine to say.
COMPILE = .venv/bin/python -m uv pip compile pyproject.toml --group pyproject.toml:build --universal --python-version 3.11 \
	--generate-hashes --no-emit-index-url --custom-compile-command 'make lock' --quiet $(LOCK_OPTIONS)

lock:
	@$(IN_VENV) dev -- -c ''
	@.venv/bin/python -m uv --version >/dev/null 2>&1 || .venv/bin/python -m pip install --quiet uv
	@$(COMPILE) --output-file requirements/run.txt
	@$(COMPILE) --group pyproject.toml:dev --constraints requirements/run.txt --output-file requirements/dev.txt

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis build *.egg-info
	find . -name __pycache__ -type d -not -path './.deployer/*' -prune -exec rm -rf {} +
