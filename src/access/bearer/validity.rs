//! When a token is valid, by the service's own clock.

use super::Refusal;
use serde_json::{Map, Value};

/// Seconds reach this value in the year 5138; milliseconds exceed it today.
const NOT_SECONDS: u64 = 100_000_000_000;

/// The end of a token's validity in seconds since 1970, leeway included.
///
/// # Errors
/// [`Refusal`] if the token has expired, is not valid yet, or has a time that cannot be read. A time in milliseconds is refused: as
/// an expiry time it would be thousands of years away.
pub(super) fn until(claims: &Map<String, Value>, now: u64, leeway: u64) -> Result<u64, Refusal> {
    time(claims, "iat")?;
    let begin = time(claims, "nbf")?;
    let until = time(claims, "exp")?.ok_or(Refusal::ClaimMissing("exp"))?.saturating_add(leeway);
    if until < now {
        return Err(Refusal::TokenExpired);
    }
    if begin.is_some_and(|begin| begin > now.saturating_add(leeway)) {
        return Err(Refusal::TokenNotYetValid);
    }
    Ok(until)
}

/// A NumericDate (RFC 7519): a number, rounded.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked to be in range; `as` saturates")]
fn time(claims: &Map<String, Value>, name: &'static str) -> Result<Option<u64>, Refusal> {
    let Some(value) = claims.get(name).filter(|value| !value.is_null()) else { return Ok(None) };
    let fraction = || value.as_f64().filter(|time| time.is_finite() && *time >= 0.0).map(|time| time.round() as u64);
    let time = value.as_u64().or_else(fraction).ok_or(Refusal::ClaimMissing(name))?;
    if time >= NOT_SECONDS { Err(Refusal::NotInSeconds(name)) } else { Ok(Some(time)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const NOW: u64 = 1_764_424_800;

    fn until(claims: &Value) -> Result<u64, Refusal> {
        super::until(claims.as_object().unwrap(), NOW, 30)
    }

    #[test]
    fn a_token_is_good_from_its_beginning_to_its_end_and_for_the_leeway() {
        for (claims, wanted) in [
            (json!({"exp": NOW}), Ok(NOW + 30)),
            (json!({"exp": NOW - 30}), Ok(NOW)),
            (json!({"exp": NOW - 31}), Err(Refusal::TokenExpired)),
            (json!({"exp": 0}), Err(Refusal::TokenExpired)),
            (json!({"exp": NOW, "nbf": NOW + 30, "iat": NOW}), Ok(NOW + 30)),
            (json!({"exp": NOW, "nbf": NOW + 31}), Err(Refusal::TokenNotYetValid)),
            (json!({"exp": 1_764_424_800.4, "nbf": null}), Ok(NOW + 30)),
        ] {
            assert_eq!(until(&claims), wanted, "{claims}");
        }
    }

    #[test]
    fn what_is_no_time_is_refused_by_its_name() {
        for wrong in [json!("tomorrow"), json!(-1), json!([NOW]), json!(true)] {
            for name in ["exp", "nbf", "iat"] {
                let mut claims = json!({"exp": NOW});
                claims[name] = wrong.clone();
                assert_eq!(until(&claims), Err(Refusal::ClaimMissing(name)), "{claims}");
            }
        }
        assert_eq!(until(&json!({})), Err(Refusal::ClaimMissing("exp")));
    }

    #[test]
    fn a_time_in_milliseconds_is_told_apart_and_never_believed() {
        for name in ["exp", "nbf", "iat"] {
            for time in [json!(NOW * 1000), json!(1e12), json!(u64::MAX), json!(1e300)] {
                let mut claims = json!({"exp": NOW});
                claims[name] = time;
                assert_eq!(until(&claims), Err(Refusal::NotInSeconds(name)), "{claims}");
            }
        }
    }
}
