//! An issuer's published keys: which of them may check a signature, and by which algorithms.

use super::Refusal;
use aws_lc_rs::digest::{Context, SHA256};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyOperations, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde_json::Value;

/// Real issuers publish far fewer.
const MOST_KEYS: usize = 100;

/// Most keys that are tried for a token without a `kid`: each costs a signature check, and any caller can cause it.
const MOST_TRIED: usize = 16;

/// Attackers may be able to factor smaller RSA moduli and sign their own tokens.
const LEAST_RSA_BITS: usize = 2048;
const MOST_RSA_BITS: usize = 8192;

const OF_RSA: [Algorithm; 6] =
    [Algorithm::RS256, Algorithm::RS384, Algorithm::RS512, Algorithm::PS256, Algorithm::PS384, Algorithm::PS512];

/// The keys of one issuer that can be used.
#[derive(Debug)]
pub(super) struct KeySet {
    keys: Vec<Key>,
    /// The number of other published keys: for another use, too weak, or of an unknown type.
    pub ignored: usize,
    /// A hash of the usable keys: equal for equal keys.
    pub fingerprint: [u8; 32],
}

#[derive(Debug)]
struct Key {
    id: Option<String>,
    /// The algorithms that the key's type and its own `alg` allow, whatever a token says.
    algorithms: Vec<Algorithm>,
    decoding: DecodingKey,
}

impl KeySet {
    /// Parses a JSON Web Key Set (RFC 7517). Skips keys that cannot be used.
    ///
    /// # Errors
    /// What is wrong with the document as a whole.
    pub(super) fn parse(body: &[u8]) -> Result<Self, &'static str> {
        let mut document: Value = serde_json::from_slice(body).map_err(|_| "the key set is not JSON")?;
        let Some(Value::Array(published)) = document.get_mut("keys").map(Value::take) else {
            return Err("the key set has no list of keys");
        };
        if published.len() > MOST_KEYS {
            return Err("the key set has more than 100 keys");
        }
        let (total, mut hash, mut keys) = (published.len(), Context::new(&SHA256), Vec::new());
        for value in published {
            let text = value.to_string();
            if let Some(key) = serde_json::from_value(value).ok().and_then(|jwk| Key::of(&jwk)) {
                hash.update(text.as_bytes());
                keys.push(key);
            }
        }
        let mut fingerprint = [0; 32];
        fingerprint.copy_from_slice(hash.finish().as_ref());
        Ok(Self { ignored: total - keys.len(), keys, fingerprint })
    }

    pub(super) fn len(&self) -> usize {
        self.keys.len()
    }

    /// The number of keys that can check one of these algorithms.
    pub(super) fn fitting(&self, algorithms: &[Algorithm]) -> usize {
        let fits = |key: &&Key| key.algorithms.iter().any(|algorithm| algorithms.contains(algorithm));
        self.keys.iter().filter(fits).count()
    }

    /// The keys that may have signed a token with this `kid` and `alg`: those with its `kid`. For a token without a `kid` (it is
    /// optional, RFC 7515 4.1.4), all keys that fit; for a `kid` that no key has, all keys without a name. Never empty.
    ///
    /// # Errors
    /// [`Refusal::UnknownKey`], if fetching the keys again may help; otherwise [`Refusal::OtherAlgorithm`] or
    /// [`Refusal::TooManyKeys`].
    pub(super) fn find(&self, id: Option<&str>, algorithm: Algorithm) -> Result<Vec<&DecodingKey>, Refusal> {
        let is_named = self.names(id);
        let may_be = |key: &&Key| if is_named { key.id.as_deref() == id } else { id.is_none() || key.id.is_none() };
        let mut candidates = self.keys.iter().filter(may_be).peekable();
        if candidates.peek().is_none() {
            return Err(Refusal::UnknownKey);
        }
        let fitting: Vec<&DecodingKey> =
            candidates.filter(|key| key.algorithms.contains(&algorithm)).map(|key| &key.decoding).collect();
        match fitting.len() {
            // A newer key of the issuer may fit.
            0 if !is_named && id.is_some() => Err(Refusal::UnknownKey),
            0 => Err(Refusal::OtherAlgorithm),
            1..=MOST_TRIED => Ok(fitting),
            _ => Err(Refusal::TooManyKeys),
        }
    }

    /// Whether a key has this name.
    pub(super) fn names(&self, id: Option<&str>) -> bool {
        id.is_some() && self.keys.iter().any(|key| key.id.as_deref() == id)
    }
}

impl Key {
    /// `None` if the key is not a public key for checking signatures.
    fn of(jwk: &Jwk) -> Option<Self> {
        let common = &jwk.common;
        let is_for_signatures = matches!(common.public_key_use, None | Some(PublicKeyUse::Signature))
            && common.key_operations.as_ref().is_none_or(|operations| operations.contains(&KeyOperations::Verify));
        if !is_for_signatures {
            return None;
        }
        let mut algorithms = of_type(&jwk.algorithm)?;
        if let Some(own) = common.key_algorithm {
            let own = Algorithm::try_from(own).ok()?;
            algorithms.retain(|algorithm| *algorithm == own);
        }
        let decoding = DecodingKey::from_jwk(jwk).ok()?;
        (!algorithms.is_empty()).then(|| Self { id: common.key_id.clone(), algorithms, decoding })
    }
}

/// The algorithms that a key of this type can check. Shared secrets are not accepted.
fn of_type(parameters: &AlgorithmParameters) -> Option<Vec<Algorithm>> {
    match parameters {
        AlgorithmParameters::RSA(rsa) => {
            let bits = bits(&BASE64_URL_SAFE_NO_PAD.decode(&rsa.n).ok()?);
            (LEAST_RSA_BITS..=MOST_RSA_BITS).contains(&bits).then(|| OF_RSA.to_vec())
        }
        AlgorithmParameters::EllipticCurve(curve) => {
            let (length, algorithm) = match curve.curve {
                EllipticCurve::P256 => (32, Algorithm::ES256),
                EllipticCurve::P384 => (48, Algorithm::ES384),
                _ => return None,
            };
            (has_length(&curve.x, length) && has_length(&curve.y, length)).then(|| vec![algorithm])
        }
        AlgorithmParameters::OctetKeyPair(pair) if pair.curve == EllipticCurve::Ed25519 => {
            has_length(&pair.x, 32).then(|| vec![Algorithm::EdDSA])
        }
        _ => None,
    }
}

fn bits(number: &[u8]) -> usize {
    let Some(first) = number.iter().position(|byte| *byte != 0) else { return 0 };
    (number.len() - first) * 8 - number[first].leading_zeros() as usize
}

fn has_length(text: &str, length: usize) -> bool {
    BASE64_URL_SAFE_NO_PAD.decode(text).is_ok_and(|bytes| bytes.len() == length)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn rsa(id: &str, bits: usize) -> Value {
        let mut modulus = vec![0xff_u8; bits / 8];
        modulus[0] = 0x80;
        json!({"kty": "RSA", "kid": id, "n": BASE64_URL_SAFE_NO_PAD.encode(modulus), "e": "AQAB"})
    }

    fn ec(id: &str, curve: &str, length: usize) -> Value {
        let coordinate = BASE64_URL_SAFE_NO_PAD.encode(vec![7_u8; length]);
        json!({"kty": "EC", "crv": curve, "kid": id, "x": coordinate, "y": coordinate})
    }

    fn okp(id: &str) -> Value {
        json!({"kty": "OKP", "crv": "Ed25519", "kid": id, "x": BASE64_URL_SAFE_NO_PAD.encode([7_u8; 32])})
    }

    fn with(mut key: Value, name: &str, value: Value) -> Value {
        key[name] = value;
        key
    }

    fn set(keys: &[Value]) -> KeySet {
        KeySet::parse(json!({"keys": keys}).to_string().as_bytes()).unwrap()
    }

    #[test]
    fn the_type_of_a_key_says_which_algorithms_it_checks() {
        let set = set(&[rsa("r", 2048), ec("e", "P-256", 32), ec("f", "P-384", 48), okp("o")]);
        for (id, fitting) in
            [("r", OF_RSA.to_vec()), ("e", vec![Algorithm::ES256]), ("f", vec![Algorithm::ES384]), ("o", vec![Algorithm::EdDSA])]
        {
            for algorithm in OF_RSA.into_iter().chain([Algorithm::ES256, Algorithm::ES384, Algorithm::EdDSA, Algorithm::HS256]) {
                let found = set.find(Some(id), algorithm);
                if fitting.contains(&algorithm) {
                    assert!(found.is_ok(), "{id} {algorithm:?}");
                } else {
                    assert_eq!(found.err(), Some(Refusal::OtherAlgorithm), "{id} {algorithm:?}");
                }
            }
        }
    }

    #[test]
    fn keys_that_fit_none_of_the_algorithms_of_the_settings_are_not_counted() {
        let set = set(&[rsa("r", 2048), ec("e", "P-256", 32), okp("o")]);
        assert_eq!(set.fitting(&[Algorithm::RS256, Algorithm::ES256]), 2);
        assert_eq!(set.fitting(&[Algorithm::ES384]), 0);
    }

    #[test]
    fn a_key_that_names_its_algorithm_checks_no_other() {
        let set = set(&[with(rsa("r", 2048), "alg", json!("PS256"))]);
        assert!(set.find(Some("r"), Algorithm::PS256).is_ok());
        assert_eq!(set.find(Some("r"), Algorithm::RS256).err(), Some(Refusal::OtherAlgorithm));
    }

    #[test]
    fn keys_that_are_weak_secret_or_for_something_else_are_left_out() {
        let left_out = [
            rsa("short", 2040),
            rsa("long", 16_384),
            json!({"kty": "oct", "kid": "secret", "k": "c2VjcmV0"}),
            with(rsa("enc", 2048), "use", json!("enc")),
            with(rsa("odd", 2048), "use", json!("other")),
            with(rsa("sign", 2048), "key_ops", json!(["encrypt"])),
            with(rsa("oaep", 2048), "alg", json!("RSA-OAEP")),
            with(rsa("hmac", 2048), "alg", json!("HS256")),
            with(ec("mixed", "P-256", 32), "alg", json!("ES384")),
            ec("curve", "P-521", 66),
            ec("length", "P-256", 31),
            json!({"kty": "OKP", "crv": "X25519", "kid": "x", "x": BASE64_URL_SAFE_NO_PAD.encode([7_u8; 32])}),
            json!({"kty": "RSA", "kid": "no-n"}),
            json!("junk"),
        ];
        let mut keys = left_out.to_vec();
        keys.push(with(rsa("good", 2048), "use", json!("sig")));
        let set = set(&keys);
        assert_eq!((set.len(), set.ignored), (1, left_out.len()));
        assert!(set.find(Some("good"), Algorithm::RS256).is_ok());
        assert_eq!(set.find(Some("secret"), Algorithm::HS256).err(), Some(Refusal::UnknownKey));
    }

    #[test]
    fn a_token_without_a_key_id_may_mean_every_key_that_fits() {
        let some = set(&[rsa("r", 2048), okp("o"), rsa("s", 3072)]);
        let found = |set: &KeySet, id, algorithm| set.find(id, algorithm).map(|keys| keys.len());
        assert_eq!(found(&some, None, Algorithm::RS256), Ok(2));
        assert_eq!(found(&some, None, Algorithm::EdDSA), Ok(1));
        assert_eq!(found(&some, None, Algorithm::ES256), Err(Refusal::OtherAlgorithm));
        assert_eq!(found(&set(&[]), None, Algorithm::RS256), Err(Refusal::UnknownKey));
        let many: Vec<Value> = (0..=MOST_TRIED).map(|at| okp(&format!("key-{at}"))).collect();
        assert_eq!(found(&set(&many), None, Algorithm::EdDSA), Err(Refusal::TooManyKeys));
        assert_eq!(found(&set(&many[1..]), None, Algorithm::EdDSA), Ok(MOST_TRIED));
    }

    #[test]
    fn a_name_that_no_key_has_may_mean_the_keys_without_one() {
        let nameless = |mut key: Value| {
            key.as_object_mut().unwrap().remove("kid");
            key
        };
        let some = set(&[nameless(rsa("", 2048)), rsa("s", 2048), nameless(okp(""))]);
        let found = |id, algorithm| some.find(Some(id), algorithm).map(|keys| keys.len());
        assert_eq!(found("s", Algorithm::RS256), Ok(1));
        assert_eq!(found("t", Algorithm::RS256), Ok(1));
        assert_eq!(found("t", Algorithm::ES256), Err(Refusal::UnknownKey));
        assert_eq!(found("s", Algorithm::EdDSA), Err(Refusal::OtherAlgorithm));
        assert!(some.names(Some("s")) && !some.names(Some("t")) && !some.names(None));
    }

    #[test]
    fn two_keys_of_one_name_are_both_tried() {
        assert_eq!(set(&[rsa("r", 2048), rsa("r", 3072)]).find(Some("r"), Algorithm::RS256).map(|keys| keys.len()), Ok(2));
    }

    #[test]
    fn the_fingerprint_changes_with_the_keys_and_with_nothing_else() {
        let first = set(&[rsa("r", 2048), okp("o")]);
        assert_eq!(first.fingerprint, set(&[rsa("r", 2048), rsa("short", 1024), okp("o")]).fingerprint);
        assert_ne!(first.fingerprint, set(&[rsa("r", 2048)]).fingerprint);
        assert_ne!(first.fingerprint, set(&[rsa("s", 2048), okp("o")]).fingerprint);
    }

    #[test]
    fn what_is_no_key_set_is_refused() {
        for (body, wanted) in [
            ("<html>", "the key set is not JSON"),
            ("{}", "the key set has no list of keys"),
            ("{\"keys\": {}}", "the key set has no list of keys"),
            ("[]", "the key set has no list of keys"),
        ] {
            assert_eq!(KeySet::parse(body.as_bytes()).err(), Some(wanted));
        }
        let many = json!({"keys": vec![okp("o"); 101]}).to_string();
        assert_eq!(KeySet::parse(many.as_bytes()).err(), Some("the key set has more than 100 keys"));
    }
}
