//! The exporters: OTLP over HTTP with protobuf, or over gRPC. TLS by rustls and aws-lc-rs only.
//!
//! They are built before the service's runtimes and used on the SDK's threads.

use super::options::{self, Protocol, Signal};
use opentelemetry_otlp::{LogExporter, MetricExporter, SpanExporter, WithExportConfig, WithHttpConfig};
use reqwest::blocking::Client;

/// Why a signal is not exported. Never shows what the variables hold: an endpoint may contain a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum ExporterError {
    #[error("a file of OTEL_EXPORTER_OTLP_CERTIFICATE, _CLIENT_CERTIFICATE or _CLIENT_KEY cannot be read as PEM")]
    Certificate,
    #[error("an HTTP client cannot be set up")]
    Client,
    #[error("its OTEL_EXPORTER_OTLP_ variables cannot be used: endpoint, headers, compression or timeout")]
    Variables,
}

pub(super) fn spans(protocol: Protocol) -> Result<SpanExporter, ExporterError> {
    let builder = SpanExporter::builder();
    match protocol {
        Protocol::Http => over_http(builder.with_http(), Signal::Traces)?.build(),
        #[cfg(feature = "otlp-grpc")]
        Protocol::Grpc => grpc::over(builder.with_tonic(), Signal::Traces)?.build(),
        #[cfg(not(feature = "otlp-grpc"))]
        Protocol::Grpc => return Err(ExporterError::Variables),
    }
    .map_err(|_| ExporterError::Variables)
}

pub(super) fn metrics(protocol: Protocol) -> Result<MetricExporter, ExporterError> {
    let builder = MetricExporter::builder();
    match protocol {
        Protocol::Http => over_http(builder.with_http(), Signal::Metrics)?.build(),
        #[cfg(feature = "otlp-grpc")]
        Protocol::Grpc => grpc::over(builder.with_tonic(), Signal::Metrics)?.build(),
        #[cfg(not(feature = "otlp-grpc"))]
        Protocol::Grpc => return Err(ExporterError::Variables),
    }
    .map_err(|_| ExporterError::Variables)
}

pub(super) fn logs(protocol: Protocol) -> Result<LogExporter, ExporterError> {
    let builder = LogExporter::builder();
    match protocol {
        Protocol::Http => over_http(builder.with_http(), Signal::Logs)?.build(),
        #[cfg(feature = "otlp-grpc")]
        Protocol::Grpc => grpc::over(builder.with_tonic(), Signal::Logs)?.build(),
        #[cfg(not(feature = "otlp-grpc"))]
        Protocol::Grpc => return Err(ExporterError::Variables),
    }
    .map_err(|_| ExporterError::Variables)
}

fn over_http<B: WithHttpConfig + WithExportConfig>(builder: B, signal: Signal) -> Result<B, ExporterError> {
    let client = client(signal)?;
    Ok(builder.with_http_client(client).with_protocol(opentelemetry_otlp::Protocol::HttpBinary))
}

/// The blocking client of one signal. Its CAs are those of `OTEL_EXPORTER_OTLP_CERTIFICATE`, or else this machine's.
fn client(signal: Signal) -> Result<Client, ExporterError> {
    // Only this client takes the process's default provider: the SMSP's, and the listeners', name their own. A second call fails
    // and changes nothing.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let mut builder =
        Client::builder().timeout(options::timeout(signal)).redirect(reqwest::redirect::Policy::none()).referer(false);
    if let Some(authorities) = pem(signal, "CERTIFICATE")? {
        let authorities = reqwest::Certificate::from_pem_bundle(&authorities).map_err(|_| ExporterError::Certificate)?;
        builder = builder.tls_certs_only(authorities);
    }
    if let Some(mut identity) = pem(signal, "CLIENT_KEY")? {
        identity.push(b'\n');
        identity.extend(pem(signal, "CLIENT_CERTIFICATE")?.ok_or(ExporterError::Certificate)?);
        builder = builder.identity(reqwest::Identity::from_pem(&identity).map_err(|_| ExporterError::Certificate)?);
    }
    builder.build().map_err(|_| ExporterError::Client)
}

fn pem(signal: Signal, what: &str) -> Result<Option<Vec<u8>>, ExporterError> {
    options::file(signal, what).transpose().map_err(|_| ExporterError::Certificate)
}

#[cfg(feature = "otlp-grpc")]
mod grpc {
    use super::{ExporterError, Signal, pem};
    use opentelemetry_otlp::WithTonicConfig;
    use opentelemetry_otlp::tonic_types::transport::{Certificate, ClientTlsConfig, Identity};

    /// Call it inside the runtime that is to run the connection.
    pub(super) fn over<B: WithTonicConfig>(builder: B, signal: Signal) -> Result<B, ExporterError> {
        if !speaks_tls(signal) {
            return Ok(builder);
        }
        let mut tls = match pem(signal, "CERTIFICATE")? {
            Some(authorities) => ClientTlsConfig::new().ca_certificate(Certificate::from_pem(authorities)),
            None => ClientTlsConfig::new().with_enabled_roots(),
        };
        if let Some(key) = pem(signal, "CLIENT_KEY")? {
            let certificate = pem(signal, "CLIENT_CERTIFICATE")?.ok_or(ExporterError::Certificate)?;
            tls = tls.identity(Identity::from_pem(certificate, key));
        }
        Ok(builder.with_tls_config(tls))
    }

    /// Without an endpoint: this machine, unencrypted. Without a scheme: https unless `OTEL_EXPORTER_OTLP_INSECURE`.
    fn speaks_tls(signal: Signal) -> bool {
        let own = format!("OTEL_EXPORTER_OTLP_{}_ENDPOINT", signal.name().to_ascii_uppercase());
        let endpoint = std::env::var(own).or_else(|_| std::env::var("OTEL_EXPORTER_OTLP_ENDPOINT")).unwrap_or_default();
        !endpoint.is_empty() && !endpoint.starts_with("http://")
    }
}
