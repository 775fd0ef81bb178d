//! The subject of the client certificate of a TLS session.

use x509_parser::prelude::{FromDer as _, X509Certificate};

/// One attribute of a name: its type in capitals (`CN`) or as an OID, and its value.
type Attribute = (String, String);

/// The subject of a client certificate that TLS has verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientCertificate {
    /// In the order of the certificate. `None` if the name cannot be compared: an attribute is not text, or one part has several
    /// attributes.
    attributes: Option<Vec<Attribute>>,
}

impl ClientCertificate {
    /// Reads the subject. The subject of an unreadable certificate equals no name.
    #[must_use]
    pub fn from_der(der: &[u8]) -> Self {
        let attributes = X509Certificate::from_der(der).ok().and_then(|(_, certificate)| attributes(&certificate));
        Self { attributes }
    }

    /// Whether `name` is this subject: its only common name, or, if `name` contains an equals sign, the whole subject in the form
    /// of RFC 4514. The order of the certificate, which `openssl` prints by default, is accepted too.
    #[must_use]
    pub fn is(&self, name: &str) -> bool {
        let Some(attributes) = &self.attributes else { return false };
        if !name.contains('=') {
            let mut common = attributes.iter().filter(|(kind, _)| kind == "CN");
            return matches!((common.next(), common.next()), (Some((_, value)), None) if value == name);
        }
        let Some(wanted) = parse(name) else { return false };
        !wanted.is_empty() && (wanted.iter().eq(attributes.iter().rev()) || wanted == *attributes)
    }

    /// The subject in the form of RFC 4514, for the trail.
    #[must_use]
    pub fn subject(&self) -> String {
        let attributes = self.attributes.iter().flatten().rev();
        let written: Vec<String> = attributes.map(|(kind, value)| format!("{kind}={}", escaped(value))).collect();
        written.join(",")
    }
}

fn attributes(certificate: &X509Certificate<'_>) -> Option<Vec<Attribute>> {
    certificate
        .subject()
        .iter()
        .map(|part| {
            let mut attributes = part.iter();
            let (attribute, None) = (attributes.next()?, attributes.next()) else { return None };
            let oid = attribute.attr_type().to_id_string();
            Some((short_name(&oid).map_or(oid.clone(), str::to_owned), attribute.as_str().ok()?.to_owned()))
        })
        .collect()
}

/// The names in RFC 4514 section 3, and two that most tools add.
fn short_name(oid: &str) -> Option<&'static str> {
    Some(match oid {
        "2.5.4.3" => "CN",
        "2.5.4.7" => "L",
        "2.5.4.8" => "ST",
        "2.5.4.10" => "O",
        "2.5.4.11" => "OU",
        "2.5.4.6" => "C",
        "2.5.4.9" => "STREET",
        "0.9.2342.19200300.100.1.25" => "DC",
        "0.9.2342.19200300.100.1.1" => "UID",
        "2.5.4.5" => "SERIALNUMBER",
        "1.2.840.113549.1.9.1" => "EMAILADDRESS",
        _ => return None,
    })
}

/// Splits a name such as `CN=gateway\, one,O=Trust`. `None` if it is not one.
fn parse(name: &str) -> Option<Vec<Attribute>> {
    let mut attributes = Vec::new();
    let mut rest = name.trim();
    while !rest.is_empty() {
        let (kind, after) = rest.split_once('=')?;
        let (value, after) = value(after.trim_start())?;
        attributes.push((kind.trim().to_ascii_uppercase(), value));
        rest = after.trim_start();
    }
    Some(attributes)
}

/// The value up to the next comma that is not escaped, and what follows. A plus sign would join attributes: not supported.
fn value(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut kept = 0;
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => {
                value.push(chars.next().map(|(_, escaped)| escaped).filter(|c| !c.is_ascii_hexdigit())?);
                kept = value.len();
            }
            ',' => {
                value.truncate(value.trim_end().len().max(kept));
                return Some((value, &text[at + 1..]));
            }
            '+' | '"' | ';' => return None,
            c => value.push(c),
        }
    }
    value.truncate(value.trim_end().len().max(kept));
    Some((value, ""))
}

fn escaped(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    for c in value.chars() {
        if matches!(c, ',' | '+' | '"' | '\\' | '<' | '>' | ';' | '=') {
            text.push('\\');
        }
        text.push(if c.is_control() { '?' } else { c });
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair};

    fn certificate(attributes: &[(DnType, &str)]) -> ClientCertificate {
        let mut params = CertificateParams::new(vec!["gateway.example".to_owned()]).unwrap();
        params.distinguished_name = DistinguishedName::new();
        for (kind, value) in attributes {
            params.distinguished_name.push(kind.clone(), *value);
        }
        let der = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
        ClientCertificate::from_der(der.der())
    }

    fn gateway() -> ClientCertificate {
        let attributes =
            [(DnType::CountryName, "GB"), (DnType::OrganizationName, "Trust, North"), (DnType::CommonName, "gateway")];
        certificate(&attributes)
    }

    #[test]
    fn a_gateway_is_known_by_its_common_name_or_by_its_whole_subject() {
        let gateway = gateway();
        for name in [
            "gateway",
            r"CN=gateway,O=Trust\, North,C=GB",
            r"cn = gateway, o = Trust\, North, c = GB",
            r"C=GB, O=Trust\, North, CN=gateway",
        ] {
            assert!(gateway.is(name), "{name}");
        }
        assert_eq!(gateway.subject(), r"CN=gateway,O=Trust\, North,C=GB");
        assert!(gateway.is(&gateway.subject()));
    }

    #[test]
    fn a_part_of_a_subject_or_another_letter_case_is_not_it() {
        let gateway = gateway();
        for name in [
            "",
            "Gateway",
            "gateway ",
            "gate",
            "CN=gateway",
            "=gateway",
            "CN=gateway,",
            "CN=gateway,C=GB",
            "CN=gateway,O=Trust, North,C=GB",
            r"O=Trust\, North,CN=gateway,C=GB",
            r"CN=gateway,O=Trust\, North,C=GB,OU=x",
            r"CN=gateway+O=Trust\, North,C=GB",
        ] {
            assert!(!gateway.is(name), "{name}");
        }
    }

    #[test]
    fn two_common_names_are_none() {
        let two = certificate(&[(DnType::CommonName, "gateway"), (DnType::OrganizationalUnitName, "gateway")]);
        assert!(two.is("gateway"));
        let der = ClientCertificate { attributes: Some(vec![("CN".into(), "gateway".into()), ("CN".into(), "other".into())]) };
        assert!(!der.is("gateway") && !der.is("other"));
    }

    #[test]
    fn what_cannot_be_read_is_nobody() {
        let nobody = ClientCertificate::from_der(b"junk");
        assert!(!nobody.is("") && !nobody.is("CN="));
        assert_eq!(nobody.subject(), "");
    }

    #[test]
    fn a_common_name_that_looks_like_a_subject_does_not_pass_for_one() {
        let sly = certificate(&[(DnType::CommonName, "CN=gateway,O=Trust")]);
        assert!(!sly.is("CN=gateway,O=Trust"));
        assert_eq!(sly.subject(), r"CN=CN\=gateway\,O\=Trust");
        assert!(sly.is(&sly.subject()));
    }
}
