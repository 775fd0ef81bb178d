//! The listener: mutual TLS, one task for each connection, one request after another.

use super::{
    StartError, Tls,
    http::{RequestError, RequestReader},
    provider::Provider,
    reply::{HttpReply, send},
};
use rustls::{
    RootCertStore, ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::WebPkiClientVerifier,
};
use std::{sync::Arc, time::Duration};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    task::JoinSet,
    time::{sleep, timeout},
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use x509_parser::prelude::{FromDer, X509Certificate};

const MOST_CONNECTIONS: usize = 512;
const HANDSHAKE_DEADLINE: Duration = Duration::from_secs(10);

/// TLS 1.2 and 1.3. A client certificate from the given CA is always required.
pub(super) fn acceptor(tls: &Tls) -> Result<TlsAcceptor, StartError> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut roots = RootCertStore::empty();
    for ca in certificates(&tls.client_ca_pem, "the client CA")? {
        roots.add(ca)?;
    }
    let chain = certificates(&tls.cert_pem, "the certificate")?;
    let key = PrivateKeyDer::from_pem_slice(&tls.key_pem).map_err(|_| StartError::Pem { what: "the key" })?;
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider)).build()?;
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_client_cert_verifier(verifier)
        .with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

fn certificates(pem: &[u8], what: &'static str) -> Result<Vec<CertificateDer<'static>>, StartError> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    found.ok().filter(|found| !found.is_empty()).ok_or(StartError::Pem { what })
}

/// Serves until it is dropped. Dropping it closes every connection.
pub(super) async fn serve(listener: TcpListener, acceptor: TlsAcceptor, provider: Arc<Provider>) {
    let permits = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let Ok(permit) = Arc::clone(&permits).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, _)) => {
                let (acceptor, provider) = (acceptor.clone(), Arc::clone(&provider));
                connections.spawn(async move {
                    connection(stream, &acceptor, &provider).await;
                    drop(permit);
                });
            }
            // Probably out of file descriptors: wait for some connections to end.
            Err(_) => sleep(Duration::from_millis(50)).await,
        }
    }
}

async fn connection(stream: TcpStream, acceptor: &TlsAcceptor, provider: &Provider) {
    // Small answers must not wait for an acknowledgement. If this fails, they are only slower.
    let _slower = stream.set_nodelay(true);
    let Ok(Ok(mut stream)) = timeout(HANDSHAKE_DEADLINE, acceptor.accept(stream)).await else { return };
    provider.connected();
    let client = common_name(&stream).unwrap_or_default();
    let mut reader = RequestReader::new();
    loop {
        let (reply, keep) = match reader.next(&mut stream).await {
            Ok(request) => (provider.reply(&request, &client), request.keep_alive),
            Err(RequestError::Gone) => return,
            Err(RequestError::Malformed(why)) => (HttpReply::plain(400, why), false),
            Err(RequestError::TooLarge) => (HttpReply::plain(413, "the request is over the limit"), false),
        };
        match send(stream, &reply, keep).await {
            Some(kept) => stream = kept,
            None => return,
        }
    }
}

/// The subject CN of the client's certificate.
fn common_name(stream: &TlsStream<TcpStream>) -> Option<String> {
    let leaf = stream.get_ref().1.peer_certificates()?.first()?;
    let (_, certificate) = X509Certificate::from_der(leaf).ok()?;
    certificate.subject().iter_common_name().next()?.as_str().ok().map(str::to_owned)
}
