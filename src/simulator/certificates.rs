//! Temporary certificates for a rehearsal: a CA, a server and a client.

use crate::clock;
use jiff::{Span, tz::TimeZone};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose,
    SanType, date_time_ymd,
};
use std::{
    io::{self, Write},
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    path::Path,
};

/// The certificates are valid for this many days, from yesterday.
const LIFETIME_DAYS: i64 = 30;

/// PEM texts: the certificates of a CA, a server (localhost, 127.0.0.1, `::1`) and a client, and two keys (PKCS#8, ECDSA P-256).
#[derive(Clone)]
pub struct Certificates {
    pub ca_pem: String,
    pub server_cert_pem: String,
    pub server_key_pem: String,
    pub client_cert_pem: String,
    pub client_key_pem: String,
}

/// The certificates could not be made.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    #[error("the certificates could not be made: {0}")]
    Generate(#[from] rcgen::Error),
    #[error("the system clock is out of the calendar's range")]
    Clock,
}

impl std::fmt::Debug for Certificates {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Certificates(..)")
    }
}

impl Certificates {
    /// Makes a new CA and two leaf certificates under it, valid for 30 days from yesterday. `wsse:Username` must equal `client_cn`
    /// (wire.md 5.2).
    ///
    /// # Errors
    /// [`CertificateError`] if a name cannot be encoded or the clock is outside the calendar.
    pub fn generate(client_cn: &str) -> Result<Self, CertificateError> {
        let mut ca = params("cpis-fhir rehearsal CA")?;
        ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        ca.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign, KeyUsagePurpose::DigitalSignature];
        let ca = CertifiedIssuer::self_signed(ca, KeyPair::generate()?)?;

        let mut server = params("localhost")?;
        server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        server.subject_alt_names = vec![
            SanType::DnsName("localhost".try_into()?),
            SanType::IpAddress(IpAddr::V4(Ipv4Addr::LOCALHOST)),
            SanType::IpAddress(IpAddr::V6(Ipv6Addr::LOCALHOST)),
        ];
        let (server_cert_pem, server_key_pem) = leaf(server, &ca)?;

        let mut client = params(client_cn)?;
        client.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let (client_cert_pem, client_key_pem) = leaf(client, &ca)?;
        Ok(Self { ca_pem: ca.pem(), server_cert_pem, server_key_pem, client_cert_pem, client_key_pem })
    }

    /// Writes `ca.pem`, `server.pem`, `server-key.pem`, `client.pem` and `client-key.pem` into `dir`. Only the owner can read the keys.
    ///
    /// # Errors
    /// The error of the file system.
    pub fn write_to(&self, dir: &Path) -> io::Result<()> {
        std::fs::create_dir_all(dir)?;
        for (name, pem) in
            [("ca.pem", &self.ca_pem), ("server.pem", &self.server_cert_pem), ("client.pem", &self.client_cert_pem)]
        {
            std::fs::write(dir.join(name), pem)?;
        }
        write_key(&dir.join("server-key.pem"), &self.server_key_pem)?;
        write_key(&dir.join("client-key.pem"), &self.client_key_pem)
    }
}

fn leaf(mut params: CertificateParams, ca: &CertifiedIssuer<'_, KeyPair>) -> Result<(String, String), CertificateError> {
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.use_authority_key_identifier_extension = true;
    let key = KeyPair::generate()?;
    Ok((params.signed_by(&key, ca)?.pem(), key.serialize_pem()))
}

fn params(common_name: &str) -> Result<CertificateParams, CertificateError> {
    let mut params = CertificateParams::new(Vec::new())?;
    params.distinguished_name.push(DnType::CommonName, common_name);
    let today = clock::now().to_zoned_datetime(TimeZone::UTC).date();
    let at = |days: i64| {
        let date = today.checked_add(Span::new().days(days)).map_err(|_| CertificateError::Clock)?;
        let part = |n: i8| u8::try_from(n).map_err(|_| CertificateError::Clock);
        Ok::<_, CertificateError>(date_time_ymd(i32::from(date.year()), part(date.month())?, part(date.day())?))
    };
    params.not_before = at(-1)?;
    params.not_after = at(LIFETIME_DAYS - 1)?;
    Ok(params)
}

fn write_key(path: &Path, pem: &str) -> io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    // Opening an existing file keeps its mode, so set it again.
    #[cfg(unix)]
    file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
    file.write_all(pem.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_readable_by_their_owner_only() {
        let dir = tempfile::tempdir().unwrap();
        let made = Certificates::generate("client.example").unwrap();
        std::fs::write(dir.path().join("client-key.pem"), "old").unwrap();
        made.write_to(dir.path()).unwrap();
        #[cfg(unix)]
        for key in ["server-key.pem", "client-key.pem"] {
            use std::os::unix::fs::PermissionsExt;
            let permissions = std::fs::metadata(dir.path().join(key)).unwrap().permissions().mode();
            assert_eq!(permissions & 0o777, 0o600, "{key}");
        }
        assert_eq!(std::fs::read_to_string(dir.path().join("ca.pem")).unwrap(), made.ca_pem);
        assert!(!format!("{made:?}").contains("PRIVATE"));
    }
}
