# SPDX-License-Identifier: Apache-2.0
"""JSON Schemas of the files in deploy/: as much of each platform's format as they use.

They are closed: a key that is not here is an error, so that a slip of the pen is one.
What must not change (no retries, read-only, blocking logs) is a constant.
"""

TEXT = {"type": "string", "minLength": 1}
TEXTS = {"type": "array", "items": TEXT, "minItems": 1}
WORDS = {"type": "object", "additionalProperties": TEXT, "minProperties": 1}
COUNT = {"type": "integer", "minimum": 1}
YES, NO = {"const": True}, {"const": False}
USER = {"const": "65532:65532"}


def closed(required, **optional):
    """An object with these keys; a key that no keyword can spell goes into `required`."""
    return {
        "type": "object", "properties": {**required, **optional},
        "required": list(required), "additionalProperties": False,
    }


def several(item):
    return {"type": "array", "items": item, "minItems": 1}


def either(*shapes):
    return {"anyOf": list(shapes)}


# Kubernetes, and Cloud Run in its words -----------------------------------------

METADATA = closed({"name": TEXT}, labels=WORDS)
LABELS = closed({"labels": WORDS})
VARIABLE = closed({"name": TEXT, "value": {"type": "string"}})
FIELD_VARIABLE = closed({
    "name": TEXT, "valueFrom": closed({"fieldRef": closed({"fieldPath": TEXT})})})
SECRET_FILE = closed({"name": TEXT, "mountPath": TEXT}, readOnly=YES)

LOCKED_DOWN = closed({
    "allowPrivilegeEscalation": NO, "readOnlyRootFilesystem": YES,
    "capabilities": closed({"drop": {"const": ["ALL"]}}),
})
CONTAINER = closed(
    {"name": TEXT, "image": TEXT, "securityContext": LOCKED_DOWN},
    args=TEXTS, env=several(either(VARIABLE, FIELD_VARIABLE)),
    terminationMessagePolicy={"const": "FallbackToLogsOnError"}, volumeMounts=several(SECRET_FILE),
    resources=closed({}, requests=WORDS, limits=WORDS),
)
POD = {
    "automountServiceAccountToken": NO,
    "enableServiceLinks": NO,
    "securityContext": closed({
        "runAsNonRoot": YES, "runAsUser": {"const": 65532}, "runAsGroup": {"const": 65532},
        "fsGroup": {"const": 65532}, "seccompProfile": closed({"type": {"const": "RuntimeDefault"}}),
    }),
    "containers": several(CONTAINER),
    "volumes": several(closed({"name": TEXT, "secret": closed(
        {"secretName": TEXT, "defaultMode": {"const": 0o440}})})),
}
KUBERNETES_JOB = closed({
    "apiVersion": {"const": "batch/v1"}, "kind": {"const": "Job"}, "metadata": METADATA,
    "spec": closed({
        "backoffLimit": {"const": 0}, "activeDeadlineSeconds": COUNT,
        "ttlSecondsAfterFinished": COUNT,
        "template": closed({"metadata": LABELS, "spec": closed({
            **POD, "restartPolicy": {"const": "Never"},
            "terminationGracePeriodSeconds": {"type": "integer", "minimum": 10},
        })}),
    }),
})
KUBERNETES_DEPLOYMENT = closed({
    "apiVersion": {"const": "apps/v1"}, "kind": {"const": "Deployment"}, "metadata": METADATA,
    "spec": closed({
        "replicas": COUNT, "selector": closed({"matchLabels": WORDS}),
        "template": closed({"metadata": LABELS, "spec": closed({
            **POD, "initContainers": several(CONTAINER)})}),
    }),
})

CLOUD_RUN_ANNOTATIONS = {
    "type": "object", "additionalProperties": False,
    "properties": {f"run.googleapis.com/{name}": TEXT for name in (
        "execution-environment", "cloudsql-instances", "network-interfaces", "vpc-access-egress")},
}
SECRET_VARIABLE = closed({
    "name": TEXT,
    "valueFrom": closed({"secretKeyRef": closed({"name": TEXT, "key": TEXT})}),
})
CLOUD_RUN_JOB = closed({
    "apiVersion": {"const": "run.googleapis.com/v1"}, "kind": {"const": "Job"},
    "metadata": METADATA,
    "spec": closed({"template": closed({
        "metadata": closed({"annotations": CLOUD_RUN_ANNOTATIONS}),
        "spec": closed({
            "taskCount": {"const": 1}, "parallelism": {"const": 1},
            "template": closed({"spec": closed(
                {
                    "serviceAccountName": TEXT, "maxRetries": {"const": 0},
                    "timeoutSeconds": COUNT,
                    "containers": several(closed(
                        {"image": TEXT, "args": TEXTS, "env": several(
                            either(VARIABLE, SECRET_VARIABLE))},
                        volumeMounts=several(SECRET_FILE),
                        resources=closed({"limits": WORDS}),
                    )),
                },
                volumes=several(closed({"name": TEXT, "secret": closed({
                    "secretName": TEXT, "items": several(closed({"key": TEXT, "path": TEXT}))})})),
            )}),
        }),
    })}),
})

# Amazon -----------------------------------------------------------------------

AWSLOGS = closed({
    "logDriver": {"const": "awslogs"},
    "options": closed({
        "awslogs-group": TEXT, "awslogs-region": TEXT, "awslogs-stream-prefix": TEXT,
        "mode": {"const": "blocking"},
    }),
})
ECS_SECRET = closed({"name": TEXT, "valueFrom": {
    "pattern": r"^arn:aws:(secretsmanager:[^:]+:\d{12}:secret:[^:]+-\w{6}(:\w+::)?"
               r"|ssm:[^:]+:\d{12}:parameter/.+)$"}})
ECS_CONTAINER = closed(
    {
        "name": TEXT, "image": TEXT, "essential": YES, "command": TEXTS, "user": USER,
        "readonlyRootFilesystem": YES, "secrets": several(ECS_SECRET),
        "stopTimeout": {"type": "integer", "minimum": 10, "maximum": 120},
        "linuxParameters": closed({"capabilities": closed({"drop": {"const": ["ALL"]}})}),
        "logConfiguration": AWSLOGS,
    },
    cpu=COUNT, memory=COUNT, privileged=NO, dockerSecurityOptions=TEXTS,
    environment=several(VARIABLE),
)
ECS_TASK = closed(
    {
        "family": TEXT, "requiresCompatibilities": {"enum": [["FARGATE"], ["EC2"]]},
        "networkMode": {"const": "awsvpc"}, "executionRoleArn": TEXT,
        "containerDefinitions": several(ECS_CONTAINER),
    },
    cpu=TEXT, memory=TEXT,
)
BATCH_JOB = closed({
    "jobDefinitionName": TEXT, "type": {"const": "container"},
    "platformCapabilities": {"const": ["FARGATE"]},
    "retryStrategy": closed({"attempts": {"const": 1}}),
    "timeout": closed({"attemptDurationSeconds": {"type": "integer", "minimum": 60}}),
    "containerProperties": closed({
        "image": TEXT, "command": TEXTS, "executionRoleArn": TEXT, "user": USER,
        "resourceRequirements": several(closed({
            "type": {"enum": ["VCPU", "MEMORY"]}, "value": TEXT})),
        "networkConfiguration": closed({"assignPublicIp": {"enum": ["DISABLED", "ENABLED"]}}),
        "readonlyRootFilesystem": YES, "secrets": several(ECS_SECRET), "logConfiguration": AWSLOGS,
    }),
})
ONE_OR_MORE = either(TEXT, TEXTS)
POLICY = closed({
    "Version": {"const": "2012-10-17"},
    "Statement": several(closed(
        {"Effect": {"enum": ["Allow", "Deny"]}, "Action": ONE_OR_MORE},
        Resource=ONE_OR_MORE, Principal=WORDS,
    )),
})
PHASE = closed({"commands": TEXTS})
BUILDSPEC = closed({
    "version": {"const": 0.2},
    "env": closed({"shell": {"const": "bash"}}, **{
        "variables": WORDS, "secrets-manager": WORDS, "parameter-store": WORDS}),
    "phases": closed({"build": PHASE, "post_build": PHASE}, install=PHASE, pre_build=PHASE),
})

# Pipelines and laptops --------------------------------------------------------------

CLOUD_BUILD = closed(
    {
        "steps": several(closed(
            {"id": TEXT, "name": TEXT, "args": TEXTS, "waitFor": TEXTS}, entrypoint=TEXT)),
        "timeout": {"pattern": r"^\d+s$"},
    },
    substitutions={"type": "object", "patternProperties": {"^_[A-Z_]+$": TEXT},
                   "additionalProperties": False},
    options=closed({}, dynamicSubstitutions=YES, logging=TEXT),
)
INPUTS = {"type": "object", "additionalProperties": {"type": ["string", "boolean", "integer"]}}
WORKFLOW_STEP = either(
    closed({"uses": {"pattern": r"^[\w-]+/[\w-]+@v\d+$"}}, **{
        "id": TEXT, "name": TEXT, "with": INPUTS}),
    closed({"run": TEXT}, **{"id": TEXT, "name": TEXT, "env": WORDS}),
)
WORKFLOW = closed(
    {
        "name": TEXT, "on": closed({"push": closed({"branches": TEXTS})}),
        "permissions": WORDS,
        "concurrency": closed({"group": TEXT, "cancel-in-progress": NO}),
        "jobs": {"type": "object", "minProperties": 1, "additionalProperties": closed({
            "runs-on": TEXT, "timeout-minutes": COUNT, "steps": several(WORKFLOW_STEP)})},
    },
    env=WORDS,
)
COMPOSE = closed({
    "name": TEXT,
    "services": {"type": "object", "minProperties": 1, "additionalProperties": closed(
        {},
        image=TEXT, build=closed({"context": TEXT}, dockerfile=TEXT), command=TEXTS,
        environment=WORDS, ports=TEXTS, volumes=TEXTS, user=USER, read_only=YES,
        cap_drop={"const": ["ALL"]}, security_opt=TEXTS, restart={"const": "no"},
        depends_on={"type": "object", "additionalProperties": closed({"condition": {
            "enum": ["service_started", "service_healthy", "service_completed_successfully"]}})},
    )},
    "volumes": {"type": "object", "additionalProperties": closed({})},
})
