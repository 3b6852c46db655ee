//! Generates the messages and services from the .proto files of Finial's `proto` folder (the npm package @finial/proto).

use std::env;

const CONTRACTS: [&str; 6] = [
    "goplugin/broker.proto",
    "goplugin/controller.proto",
    "goplugin/stdio.proto",
    "plugin/agent/workloadattestor/v1/workloadattestor.proto",
    "plugin/service/config/v1/config.proto",
    "plugin/service/init/v1/init.proto",
];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = env::var("FINIAL_PROTO").map_err(|_| "set FINIAL_PROTO to the folder of the .proto files")?;
    println!("cargo:rerun-if-env-changed=FINIAL_PROTO");
    println!("cargo:rerun-if-changed={folder}");
    // protox needs no protoc.
    let descriptors = protox::compile(CONTRACTS, [folder])?;
    tonic_prost_build::configure().build_client(false).compile_fds(descriptors)?;
    Ok(())
}
