//! The SMART configuration (SMART App Launch 2, `.well-known/smart-configuration`).
//!
//! `token_endpoint`, `grant_types_supported` and `code_challenge_methods_supported` are required there, and belong to the issuer:
//! settings hold none of them. So the document is made from the issuer's own OpenID configuration; without one that has them all
//! there is no document, since a client would take a partial one as complete.

use serde_json::{Map, Value, json};

const REQUIRED: [&str; 4] = ["issuer", "token_endpoint", "grant_types_supported", "code_challenge_methods_supported"];
const OPTIONAL: [&str; 8] = [
    "jwks_uri",
    "authorization_endpoint",
    "token_endpoint_auth_methods_supported",
    "scopes_supported",
    "response_types_supported",
    "introspection_endpoint",
    "revocation_endpoint",
    "management_endpoint",
];

/// The document for an issuer with this OpenID configuration, `None` where it lacks what SMART requires.
pub fn configuration(openid: &Value) -> Option<Value> {
    let mut document = Map::new();
    for name in REQUIRED {
        document.insert(name.to_owned(), openid.get(name).filter(|value| !value.is_null())?.clone());
    }
    // SMART requires S256 and forbids plain.
    let methods = document["code_challenge_methods_supported"].as_array()?;
    if !methods.contains(&json!("S256")) {
        return None;
    }
    document.insert("code_challenge_methods_supported".to_owned(), json!(["S256"]));
    for name in OPTIONAL {
        if let Some(value) = openid.get(name).filter(|value| !value.is_null()) {
            document.insert(name.to_owned(), value.clone());
        }
    }
    // None of SMART's capabilities is promised: launch, scopes and contexts are the issuer's.
    document.insert("capabilities".to_owned(), json!([]));
    Some(Value::Object(document))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn openid() -> Value {
        json!({
            "issuer": "https://id.example.nhs.uk",
            "token_endpoint": "https://id.example.nhs.uk/token",
            "jwks_uri": "https://id.example.nhs.uk/jwks",
            "grant_types_supported": ["authorization_code"],
            "code_challenge_methods_supported": ["plain", "S256"],
            "userinfo_endpoint": "https://id.example.nhs.uk/userinfo",
        })
    }

    #[test]
    fn what_the_issuer_says_of_itself_is_enough() {
        let document = configuration(&openid()).unwrap();
        assert_eq!(document["token_endpoint"], "https://id.example.nhs.uk/token");
        assert_eq!(document["code_challenge_methods_supported"], json!(["S256"]));
        assert_eq!(document["capabilities"], json!([]));
        assert!(document.get("userinfo_endpoint").is_none());
    }

    #[test]
    fn without_what_smart_requires_there_is_no_document() {
        for name in REQUIRED {
            let mut openid = openid();
            openid.as_object_mut().unwrap().remove(name);
            assert!(configuration(&openid).is_none(), "{name}");
        }
        let mut plain = openid();
        plain["code_challenge_methods_supported"] = json!(["plain"]);
        assert!(configuration(&plain).is_none());
    }
}
