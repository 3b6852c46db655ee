//! The other end is the host: the handshake, go-plugin's services, and the end of the process.

use crate::attestor::Attestor;
use crate::contract::config::config_server::ConfigServer;
use crate::contract::goplugin::{
    ConnInfo, Empty, StdioData, grpc_broker_server::GrpcBroker, grpc_broker_server::GrpcBrokerServer,
    grpc_controller_server::GrpcController, grpc_controller_server::GrpcControllerServer,
    grpc_stdio_server::GrpcStdio, grpc_stdio_server::GrpcStdioServer,
};
use crate::contract::init::{
    DeinitRequest, DeinitResponse, InitRequest, InitResponse, init_server::Init, init_server::InitServer,
};
use crate::contract::workloadattestor::workload_attestor_server::WorkloadAttestorServer;
use std::io::Write;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::UnixListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Notify;
use tokio_stream::{Stream, StreamExt, wrappers::UnixListenerStream};
use tonic::{Request, Response, Status, Streaming, transport::Server};

/// Serves until the host asks for the end.
pub async fn serve(attestor: Arc<Attestor>) -> Result<(), Box<dyn std::error::Error>> {
    let parent = std::env::var_os("PLUGIN_UNIX_SOCKET_DIR").map_or_else(std::env::temp_dir, Into::into);
    // Of mode 0700, and removed with all that is in it when it is dropped.
    let folder = tempfile::Builder::new().prefix("plugin").tempdir_in(parent)?;
    let socket = folder.path().join("s");
    let listener = UnixListener::bind(&socket)?;

    let (health, health_service) = tonic_health::server::health_reporter();
    health.set_service_status("plugin", tonic_health::ServingStatus::Serving).await;
    let end = Arc::new(Notify::new());
    let server = Server::builder()
        .add_service(health_service)
        .add_service(GrpcBrokerServer::new(Broker))
        .add_service(GrpcControllerServer::new(Controller { end: end.clone() }))
        .add_service(GrpcStdioServer::new(Stdio))
        .add_service(InitServer::new(Hello))
        .add_service(ConfigServer::new(attestor.clone()))
        .add_service(WorkloadAttestorServer::new(attestor))
        .serve_with_incoming(UnixListenerStream::new(listener));

    // Standard output is for this one line.
    println!("1|1|unix|{}|grpc", socket.display());
    std::io::stdout().flush()?;

    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::pin!(server);
    loop {
        tokio::select! {
            result = &mut server => return Ok(result?),
            // A Ctrl-C at the host's terminal is for the host.
            _ = interrupt.recv() => {}
            _ = terminate.recv() => return Ok(()),
            // The broker's stream never ends: nothing to wait for but the answer's way out.
            _ = end.notified() => {
                let _ = tokio::time::timeout(Duration::from_millis(50), &mut server).await;
                return Ok(());
            }
        }
    }
}

struct Hello;

#[tonic::async_trait]
impl Init for Hello {
    async fn init(&self, _: Request<InitRequest>) -> Result<Response<InitResponse>, Status> {
        let names = ["spire.plugin.agent.workloadattestor.v1.WorkloadAttestor", "spire.service.common.config.v1.Config"];
        Ok(Response::new(InitResponse { plugin_service_names: names.map(String::from).to_vec() }))
    }

    async fn deinit(&self, _: Request<DeinitRequest>) -> Result<Response<DeinitResponse>, Status> {
        Ok(Response::new(DeinitResponse {}))
    }
}

struct Broker;

#[tonic::async_trait]
impl GrpcBroker for Broker {
    type StartStreamStream = Pin<Box<dyn Stream<Item = Result<ConnInfo, Status>> + Send>>;

    /// The host says on it where its own services listen, under id 1; this plugin needs none.
    async fn start_stream(
        &self,
        request: Request<Streaming<ConnInfo>>,
    ) -> Result<Response<Self::StartStreamStream>, Status> {
        let announced = request.into_inner().filter_map(|_| None);
        Ok(Response::new(Box::pin(announced)))
    }
}

struct Stdio;

#[tonic::async_trait]
impl GrpcStdio for Stdio {
    type StreamStdioStream = Pin<Box<dyn Stream<Item = Result<StdioData, Status>> + Send>>;

    /// Stays open and says nothing: what there is to say goes to standard error.
    async fn stream_stdio(&self, _: Request<()>) -> Result<Response<Self::StreamStdioStream>, Status> {
        Ok(Response::new(Box::pin(tokio_stream::pending())))
    }
}

struct Controller {
    end: Arc<Notify>,
}

#[tonic::async_trait]
impl GrpcController for Controller {
    async fn shutdown(&self, _: Request<Empty>) -> Result<Response<Empty>, Status> {
        self.end.notify_one();
        Ok(Response::new(Empty {}))
    }
}
