"""The other end is the host: the handshake, go-plugin's services, and the end of the process."""

import os
import shutil
import signal
import sys
import tempfile
import threading
from concurrent import futures

import grpc
from goplugin import broker_pb2_grpc, controller_pb2, controller_pb2_grpc, stdio_pb2_grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from plugin.service.init.v1 import init_pb2, init_pb2_grpc

# Each stream that stays open takes one.
THREADS = 32
# Time for the answer to Shutdown to leave; a host waits two seconds.
FAREWELL_SECONDS = 0.05


def require_cookie(plugin_type):
    """Ends the process unless a host has started it."""
    if os.environ.get(plugin_type) != plugin_type:
        sys.exit("This program is a plugin: name it in the configuration of an agent.")


def serve(add_services, names):
    """Serves until the host asks for the end. `names` are the full names of the services added."""
    # Of mode 0700.
    folder = tempfile.mkdtemp(prefix="plugin", dir=os.environ.get("PLUGIN_UNIX_SOCKET_DIR"))
    end = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: end.set())
    # A Ctrl-C at the host's terminal is for the host.
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    server = grpc.server(futures.ThreadPoolExecutor(max_workers=THREADS))
    serving = health.HealthServicer()
    serving.set("plugin", health_pb2.HealthCheckResponse.SERVING)
    health_pb2_grpc.add_HealthServicer_to_server(serving, server)
    broker_pb2_grpc.add_GRPCBrokerServicer_to_server(Broker(), server)
    controller_pb2_grpc.add_GRPCControllerServicer_to_server(Controller(end), server)
    stdio_pb2_grpc.add_GRPCStdioServicer_to_server(Stdio(), server)
    init_pb2_grpc.add_InitServicer_to_server(Hello(names), server)
    add_services(server)
    socket = os.path.join(folder, "s")
    server.add_insecure_port(f"unix:{socket}")
    server.start()

    # Standard output is for this one line; whoever prints later prints to the log.
    sys.stdout.write(f"1|1|unix|{socket}|grpc\n")
    sys.stdout.flush()
    sys.stdout = sys.stderr

    end.wait()
    threading.Event().wait(FAREWELL_SECONDS)
    shutil.rmtree(folder, ignore_errors=True)
    # The broker's stream never ends: a server that stops gracefully would wait for it.
    os._exit(0)


class Hello(init_pb2_grpc.InitServicer):
    def __init__(self, names):
        self.names = names

    def Init(self, request, context):
        return init_pb2.InitResponse(plugin_service_names=self.names)

    def Deinit(self, request, context):
        return init_pb2.DeinitResponse()


class Broker(broker_pb2_grpc.GRPCBrokerServicer):
    def StartStream(self, request_iterator, context):
        """The host says on it where its own services listen, under id 1; this plugin needs none."""
        for _ in request_iterator:
            pass
        yield from ()


class Stdio(stdio_pb2_grpc.GRPCStdioServicer):
    def StreamStdio(self, request, context):
        """Stays open and says nothing: what there is to say goes to standard error."""
        closed = threading.Event()
        context.add_callback(closed.set)
        closed.wait()
        yield from ()


class Controller(controller_pb2_grpc.GRPCControllerServicer):
    def __init__(self, end):
        self.end = end

    def Shutdown(self, request, context):
        self.end.set()
        return controller_pb2.Empty()
