//! `access.*`: who may ask, and how they say who they are.

use super::key::Key;
use super::reader::{Reader, ReportedFault};
use super::table::{CareSettings, access, author, gateway, issuers, organisations, permission, server, smsp};
use super::urls::{Scheme, read_web, web};
use super::{certificates, identity};
use crate::access::{Allow, Gateway, Issuer, KeySource, KnownOrganisation, Mode, Options};
use crate::cpis::CareSetting;
use std::time::Duration;

/// The lists of tables.
pub(super) const ISSUERS: &str = "access.issuers";
pub(super) const ORGANISATIONS: &str = "access.organisations";

/// The modes. Read first, because many defaults and checks depend on whether this is a demonstration.
pub(super) fn modes(reader: &mut Reader) -> Result<Vec<Mode>, ReportedFault> {
    let modes = reader.get(access::MODES)?;
    if modes.is_empty() {
        let problem = "is empty, so that nobody could ask; wanted at least one of bearer, gateway, demo";
        return Err(reader.fault(access::MODES, problem));
    }
    if modes.contains(&Mode::Demo) && modes.len() > 1 {
        let problem = "holds demo together with another mode; demo does not authenticate callers, so it must be the only mode";
        return Err(reader.fault(access::MODES, problem));
    }
    Ok(modes)
}

pub(super) fn read(reader: &mut Reader, modes: Result<Vec<Mode>, ReportedFault>) -> Result<Options, ReportedFault> {
    let issuers: Vec<_> = (0..reader.items(ISSUERS)).map(|at| issuer(reader, at)).collect();
    let gateway = gateway(reader);
    if let (Ok(modes), Ok(gateway)) = (&modes, &gateway) {
        check_modes(reader, modes, gateway);
    }
    check_repeats(reader, ISSUERS, issuers::ISSUER, |issuer| issuer);
    check_repeats(reader, ORGANISATIONS, organisations::ODS, |ods| ods.to_ascii_uppercase());
    let organisations = organisations(reader);
    let care = care_settings(reader);
    let allow = allow(reader);
    let (care_setting, care_settings) = care?;
    Ok(Options {
        modes: modes?,
        issuers: issuers.into_iter().collect::<Result<_, _>>()?,
        gateway: gateway?,
        organisations: organisations?,
        care_setting,
        care_settings,
        allow: allow?,
        role_code_system: reader.get(author::ROLE_CODE_SYSTEM)?.into(),
        demo_organisation: reader.get(smsp::SENDER_ODS).unwrap_or_default().into(),
    })
}

fn gateway(reader: &mut Reader) -> Result<Gateway, ReportedFault> {
    let issuer = reader.get(gateway::ISSUER)?;
    let is_taken = |key: &Key<String>| reader.get(*key).is_ok_and(|other| other == issuer);
    let taken = (0..reader.items(ISSUERS)).map(|at| issuers::ISSUER.at(at)).find(is_taken);
    if let Some(other) = taken {
        reader.fault(gateway::ISSUER, format!("is also {other}, so that two people with the same id would be one"));
    }
    Ok(Gateway {
        certificates: reader.get(gateway::CERTIFICATES).unwrap_or_default(),
        jwt_header: reader.get(gateway::JWT_HEADER).unwrap_or_default(),
        headers: identity::headers(reader),
        issuer,
        encoding: reader.get(gateway::ENCODING)?,
    })
}

fn issuer(reader: &mut Reader, at: usize) -> Result<Issuer, ReportedFault> {
    let keys = key_source(reader, at);
    let audience = reader.get(issuers::AUDIENCE.at(at));
    if audience.as_ref().is_ok_and(Vec::is_empty) {
        reader.fault(issuers::AUDIENCE.at(at), "is empty, so that no token could be meant for this service");
    }
    let algorithms = reader.get(issuers::ALGORITHMS.at(at));
    if algorithms.as_ref().is_ok_and(Vec::is_empty) {
        reader.fault(issuers::ALGORITHMS.at(at), "is empty, so that no token could be believed");
    }
    let leeway = reader.get(issuers::LEEWAY.at(at));
    if leeway.is_ok_and(|leeway| leeway > Duration::from_mins(5)) {
        reader.fault(issuers::LEEWAY.at(at), "is more than 5m, for which tokens would be believed after their end");
    }
    let [refresh, keep_keys] = [issuers::REFRESH, issuers::KEEP_KEYS].map(|key| reader.get(key.at(at)));
    if let (Ok(refresh), Ok(keep_keys)) = (refresh, keep_keys)
        && keep_keys < refresh
    {
        let problem = format!("is shorter than {}, so that good keys would be dropped", issuers::REFRESH.at(at));
        reader.fault(issuers::KEEP_KEYS.at(at), problem);
    }
    let ca_pem = certificates::authorities(reader, issuers::CA.at(at));
    let claims = identity::claims(reader, at);
    Ok(Issuer {
        issuer: reader.get(issuers::ISSUER.at(at))?,
        keys: keys?,
        audience: audience?,
        algorithms: algorithms?,
        leeway: leeway?,
        ca_pem: ca_pem?,
        refresh: refresh?,
        keep_keys: keep_keys?,
        claims: claims?,
    })
}

/// The CAs of every issuer, in the order of the settings.
pub(super) fn issuer_authorities(reader: &mut Reader) -> Result<Vec<Option<Vec<u8>>>, ReportedFault> {
    let keys = (0..reader.items(ISSUERS)).map(|at| issuers::CA.at(at));
    let each: Vec<_> = keys.map(|key| certificates::authorities(reader, key)).collect();
    each.into_iter().collect()
}

fn key_source(reader: &mut Reader, at: usize) -> Result<KeySource, ReportedFault> {
    let (issuer, jwks, discovery) = (issuers::ISSUER.at(at), issuers::JWKS_URL.at(at), issuers::DISCOVERY.at(at));
    if reader.is_set(jwks) && reader.is_set(discovery) {
        reader.fault(discovery, format!("is set together with {jwks}; wanted one of the two"));
    }
    if let Some(url) = read_web(reader, jwks, Scheme::HttpsOrLoopback)? {
        return Ok(KeySource::Jwks(url));
    }
    if let Some(url) = read_web(reader, discovery, Scheme::HttpsOrLoopback)? {
        return Ok(KeySource::Discovery(url));
    }
    let document = format!("{}/.well-known/openid-configuration", reader.get(issuer)?.trim_end_matches('/'));
    web(&document, Scheme::HttpsOrLoopback).map(KeySource::Discovery).map_err(|_| {
        reader.fault(jwks, format!("required, since {issuer} is not an https URL under which the keys could be discovered"))
    })
}

fn check_modes(reader: &mut Reader, modes: &[Mode], gateway: &Gateway) {
    let has = |mode: Mode| modes.contains(&mode);
    let has_issuers = reader.items(ISSUERS) > 0;
    if has(Mode::Bearer) && !has_issuers {
        reader.fault(ISSUERS, "required while access.modes holds bearer; wanted at least one table with issuer and audience");
    }
    if !has(Mode::Gateway) {
        if reader.is_any_set("access.gateway") {
            reader.warn("access.gateway", "is not used, since access.modes does not hold gateway");
        }
        if has_issuers && !has(Mode::Bearer) {
            reader.warn(ISSUERS, "is not used, since access.modes does not hold bearer");
        }
        return;
    }
    if reader.get(gateway::CERTIFICATES).is_ok_and(|names| names.is_empty()) {
        if reader.is_set(gateway::CERTIFICATES) {
            reader.fault(gateway::CERTIFICATES, "is empty, so that no gateway could be believed");
        } else {
            miss_for_gateway(reader, gateway::CERTIFICATES);
        }
    }
    miss_for_gateway(reader, server::TLS_CLIENT_CA);
    if gateway.jwt_header.is_none() {
        miss_for_gateway(reader, identity::USER_ID_HEADER);
        miss_for_gateway(reader, identity::ORGANISATION_HEADER);
    } else if !has_issuers {
        reader.fault(ISSUERS, "required with access.gateway.headers.jwt, whose tokens nobody could check otherwise");
    }
}

fn miss_for_gateway<T>(reader: &mut Reader, key: Key<T>) {
    if !reader.is_set(key) {
        reader.miss(key, " while access.modes holds gateway");
    }
}

/// Rejects two tables about the same thing: it would be unclear which one applies.
fn check_repeats(reader: &mut Reader, list: &str, key: Key<String>, same: fn(String) -> String) {
    let mut seen: Vec<String> = Vec::new();
    for at in 0..reader.items(list) {
        let Ok(value) = reader.get(key.at(at)).map(same) else { continue };
        if let Some(first) = seen.iter().position(|other| *other == value) {
            reader.fault(key.at(at), format!("repeats an earlier item of the list (number {first} of those named)"));
        }
        seen.push(value);
    }
}

fn organisations(reader: &Reader) -> Result<Vec<KnownOrganisation>, ReportedFault> {
    let organisation = |at| {
        Ok(KnownOrganisation {
            ods: reader.get(organisations::ODS.at(at))?,
            name: reader.get(organisations::NAME.at(at)).unwrap_or_default(),
            asid: reader.get(organisations::ASID.at(at)).unwrap_or_default(),
        })
    };
    (0..reader.items(ORGANISATIONS)).map(organisation).collect()
}

fn care_settings(reader: &mut Reader) -> Result<(CareSetting, Vec<CareSetting>), ReportedFault> {
    let one = reader.get(permission::CARE_SETTING)?;
    let named = reader.get(permission::CARE_SETTINGS)?;
    let is_allowed = |setting: &CareSetting| named.contains(&CareSettings::All) || named.contains(&CareSettings::One(*setting));
    let allowed: Vec<CareSetting> = CareSetting::ALL.into_iter().filter(is_allowed).collect();
    if allowed.is_empty() {
        reader.fault(permission::CARE_SETTINGS, "is empty, so that every request would be refused");
    } else if !allowed.contains(&one) {
        let problem = "is not among access.care_settings, so that requests that name none would be refused";
        reader.fault(permission::CARE_SETTING, problem);
    }
    Ok((one, allowed))
}

fn allow(reader: &mut Reader) -> Result<Allow, ReportedFault> {
    let allow = Allow {
        roles: reader.get(permission::ALLOW_ROLES)?,
        activities: reader.get(permission::ALLOW_ACTIVITIES)?,
        organisations: reader.get(permission::ALLOW_ORGANISATIONS)?,
        audit_roles: reader.get(permission::ALLOW_AUDIT_ROLES)?,
    };
    if allow.roles.is_empty() && allow.activities.is_empty() {
        let problem = "is empty, and so is access.allow.roles, so that nobody may look; wanted at least one code";
        reader.fault(permission::ALLOW_ACTIVITIES, problem);
    }
    Ok(allow)
}
