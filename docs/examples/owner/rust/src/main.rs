//! A WorkloadAttestor that knows a process by its owner.

mod attestor;
mod host;

use attestor::Attestor;
use std::sync::Arc;

/// What tonic generates.
mod contract {
    pub mod goplugin {
        tonic::include_proto!("plugin");
    }
    pub mod config {
        tonic::include_proto!("spire.service.common.config.v1");
    }
    pub mod init {
        tonic::include_proto!("spire.service.private.init.v1");
    }
    pub mod workloadattestor {
        tonic::include_proto!("spire.plugin.agent.workloadattestor.v1");
    }
}

const COOKIE: &str = "WorkloadAttestor";

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    if std::env::var(COOKIE).as_deref() != Ok(COOKIE) {
        eprintln!("This program is a plugin: name it in the configuration of an agent.");
        std::process::exit(1);
    }
    host::serve(Arc::new(Attestor::default())).await
}
