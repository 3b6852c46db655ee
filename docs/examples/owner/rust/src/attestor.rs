//! What this plugin is there for: the calls of its type, and its configuration.

use crate::contract::config::{
    ConfigureRequest, ConfigureResponse, CoreConfiguration, ValidateRequest, ValidateResponse, config_server::Config,
};
use crate::contract::workloadattestor::{
    AttestReferenceRequest, AttestReferenceResponse, AttestRequest, AttestResponse,
    workload_attestor_server::WorkloadAttestor,
};
use std::os::unix::fs::MetadataExt;
use std::sync::{Arc, RwLock};
use tonic::{Request, Response, Status};

/// Its configuration: `with_group = true`.
#[derive(Clone, Debug)]
struct Settings {
    with_group: bool,
}

#[derive(Default)]
pub struct Attestor {
    settings: RwLock<Option<Settings>>,
}

impl Settings {
    fn parse(core: Option<CoreConfiguration>, text: &str) -> Result<Settings, Status> {
        if core.is_none_or(|core| core.trust_domain.is_empty()) {
            return Err(Status::invalid_argument("core configuration must contain trust_domain"));
        }
        let body = hcl::parse(text).map_err(|error| Status::invalid_argument(format!("plugin_data: {error}")))?;
        let mut settings = Settings { with_group: true };
        for structure in body {
            match structure.as_attribute() {
                Some(attribute) if attribute.key() == "with_group" => match attribute.expr() {
                    hcl::Expression::Bool(value) => settings.with_group = *value,
                    _ => return Err(Status::invalid_argument("with_group must be true or false")),
                },
                Some(attribute) => {
                    return Err(Status::invalid_argument(format!("unknown key {:?}", attribute.key())));
                }
                None => return Err(Status::invalid_argument("plugin_data takes no blocks")),
            }
        }
        Ok(settings)
    }
}

#[tonic::async_trait]
impl WorkloadAttestor for Arc<Attestor> {
    async fn attest(&self, request: Request<AttestRequest>) -> Result<Response<AttestResponse>, Status> {
        let settings = self.settings.read().expect("nobody panics with it").clone();
        let settings = settings.ok_or_else(|| Status::failed_precondition("not configured"))?;
        let pid = request.into_inner().pid;
        if pid <= 0 {
            return Err(Status::invalid_argument("pid must be positive"));
        }
        let process = std::fs::metadata(format!("/proc/{pid}"))
            .map_err(|error| Status::not_found(format!("cannot look at process {pid}: {error}")))?;
        let mut selector_values = vec![format!("uid:{}", process.uid())];
        if settings.with_group {
            selector_values.push(format!("gid:{}", process.gid()));
        }
        Ok(Response::new(AttestResponse { selector_values }))
    }

    async fn attest_reference(
        &self,
        _: Request<AttestReferenceRequest>,
    ) -> Result<Response<AttestReferenceResponse>, Status> {
        Err(Status::unimplemented("processes are known by their pid here"))
    }
}

#[tonic::async_trait]
impl Config for Arc<Attestor> {
    async fn configure(&self, request: Request<ConfigureRequest>) -> Result<Response<ConfigureResponse>, Status> {
        let ConfigureRequest { core_configuration, hcl_configuration } = request.into_inner();
        let settings = Settings::parse(core_configuration, &hcl_configuration)?;
        *self.settings.write().expect("nobody panics with it") = Some(settings);
        Ok(Response::new(ConfigureResponse {}))
    }

    async fn validate(&self, request: Request<ValidateRequest>) -> Result<Response<ValidateResponse>, Status> {
        let ValidateRequest { core_configuration, hcl_configuration } = request.into_inner();
        Ok(Response::new(match Settings::parse(core_configuration, &hcl_configuration) {
            Ok(_) => ValidateResponse { valid: true, notes: vec![] },
            Err(status) => ValidateResponse { valid: false, notes: vec![status.message().to_owned()] },
        }))
    }
}
