"""A WorkloadAttestor that knows a process by its owner."""

import os
import sys

import grpc
import hcl
from plugin.agent.workloadattestor.v1 import workloadattestor_pb2 as messages
from plugin.agent.workloadattestor.v1 import workloadattestor_pb2_grpc as workloadattestor
from plugin.service.config.v1 import config_pb2
from plugin.service.config.v1 import config_pb2_grpc as config

import host


class ConfigurationError(Exception):
    """What is wrong with a configuration, in a sentence."""


def parse(request):
    """Reads `with_group = true`; the whole text is checked before anything changes."""
    if not request.core_configuration.trust_domain:
        raise ConfigurationError("core configuration must contain trust_domain")
    text = request.hcl_configuration
    try:
        settings = hcl.loads(text) if text.strip() else {}
    except Exception as error:
        raise ConfigurationError(f"plugin_data: {error}") from error
    for key in settings:
        if key != "with_group":
            raise ConfigurationError(f'unknown key "{key}"')
    with_group = settings.get("with_group", True)
    if not isinstance(with_group, bool):
        raise ConfigurationError("with_group must be true or false")
    return {"with_group": with_group}


class Owner(workloadattestor.WorkloadAttestorServicer, config.ConfigServicer):
    def __init__(self):
        self.settings = None

    def Configure(self, request, context):
        try:
            self.settings = parse(request)
        except ConfigurationError as error:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
        return config_pb2.ConfigureResponse()

    def Validate(self, request, context):
        try:
            parse(request)
        except ConfigurationError as error:
            return config_pb2.ValidateResponse(valid=False, notes=[str(error)])
        return config_pb2.ValidateResponse(valid=True)

    def Attest(self, request, context):
        # The old settings or the new ones, never a part of each.
        settings = self.settings
        if settings is None:
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, "not configured")
        if request.pid <= 0:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "pid must be positive")
        try:
            process = os.stat(f"/proc/{request.pid}")
        except OSError as error:
            context.abort(grpc.StatusCode.NOT_FOUND, f"cannot look at process {request.pid}: {error.strerror}")
        values = [f"uid:{process.st_uid}"]
        if settings["with_group"]:
            values.append(f"gid:{process.st_gid}")
        return messages.AttestResponse(selector_values=values)


def main():
    host.require_cookie("WorkloadAttestor")
    owner = Owner()

    def add_services(server):
        workloadattestor.add_WorkloadAttestorServicer_to_server(owner, server)
        config.add_ConfigServicer_to_server(owner, server)

    host.serve(
        add_services,
        [
            "spire.plugin.agent.workloadattestor.v1.WorkloadAttestor",
            "spire.service.common.config.v1.Config",
        ],
    )


if __name__ == "__main__":
    sys.exit(main())
