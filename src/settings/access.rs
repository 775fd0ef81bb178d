//! `access.*`: who may ask, and how they say who they are.

use super::reader::Reader;
use super::table::ALL;
use super::urls::{Scheme, read_web, web};
use super::{certificates, files, identity};
use crate::access::{Allow, Gateway, HeaderEncoding, Issuer, KeySource, KnownOrganisation, Mode, Options};
use crate::cpis::{CareSetting, SdsId};
use std::time::Duration;

/// The modes, before all else: much depends on whether this is a demonstration.
pub(super) fn modes(reader: &mut Reader) -> Option<Vec<Mode>> {
    let words = reader.list("access.modes")?;
    let modes: Vec<Mode> = words
        .iter()
        .filter_map(|word| match word.as_str() {
            "bearer" => Some(Mode::Bearer),
            "gateway" => Some(Mode::Gateway),
            "demo" => Some(Mode::Demo),
            _ => None,
        })
        .collect();
    if modes.is_empty() {
        reader.fault("access.modes", "is empty, so that nobody could ask; wanted at least one of bearer, gateway, demo");
        return None;
    }
    if modes.contains(&Mode::Demo) && modes.len() > 1 {
        reader.fault("access.modes", "holds demo together with another mode; demo asks nobody who they are, and stands alone");
        return None;
    }
    Some(modes)
}

pub(super) fn read(reader: &mut Reader, modes: Option<Vec<Mode>>) -> Option<Options> {
    let issuers: Vec<Option<Issuer>> = (0..reader.items("access.issuers")).map(|at| issuer(reader, at)).collect();
    let issuers: Option<Vec<Issuer>> = issuers.into_iter().collect();
    let gateway = gateway(reader);
    if let (Some(modes), Some(gateway)) = (&modes, &gateway) {
        check_modes(reader, modes, gateway);
    }
    check_repeats(reader, "access.issuers", "issuer", |issuer| issuer);
    check_repeats(reader, "access.organisations", "ods", |ods| ods.to_ascii_uppercase());
    let organisations = organisations(reader);
    let care = care_settings(reader);
    let allow = allow(reader);
    let (care_setting, care_settings) = care?;
    Some(Options {
        modes: modes?,
        issuers: issuers?,
        gateway: gateway?,
        organisations: organisations?,
        care_setting,
        care_settings,
        allow: allow?,
        role_code_system: reader.text("author.role_code_system")?.into(),
        demo_organisation: reader.text("smsp.sender_ods").unwrap_or_default().into(),
    })
}

fn gateway(reader: &mut Reader) -> Option<Gateway> {
    let issuer = reader.text("access.gateway.issuer")?;
    let is_taken = |name: &String| reader.text(name).as_ref() == Some(&issuer);
    let taken = (0..reader.items("access.issuers")).map(|at| format!("access.issuers[{at}].issuer")).find(is_taken);
    if let Some(other) = taken {
        reader.fault("access.gateway.issuer", format!("is also {other}, so that two people with the same id would be one"));
    }
    Some(Gateway {
        certificates: reader.list("access.gateway.certificates").unwrap_or_default(),
        jwt_header: reader.text("access.gateway.headers.jwt"),
        headers: identity::headers(reader, "access.gateway.headers"),
        issuer,
        encoding: reader.choice("access.gateway.encoding", &ENCODINGS)?,
    })
}

const ENCODINGS: [(&str, HeaderEncoding); 2] = [("utf-8", HeaderEncoding::Utf8), ("percent", HeaderEncoding::Percent)];

fn issuer(reader: &mut Reader, at: usize) -> Option<Issuer> {
    let name = |part: &str| format!("access.issuers[{at}].{part}");
    let keys = key_source(reader, at);
    let audience = reader.list(&name("audience"));
    if audience.as_ref().is_some_and(Vec::is_empty) {
        reader.fault(&name("audience"), "is empty, so that no token could be meant for this service");
    }
    let algorithms = reader.list(&name("algorithms"));
    if algorithms.as_ref().is_some_and(Vec::is_empty) {
        reader.fault(&name("algorithms"), "is empty, so that no token could be believed");
    }
    let leeway = reader.duration(&name("leeway"));
    if leeway.is_some_and(|leeway| leeway > Duration::from_mins(5)) {
        reader.fault(&name("leeway"), "is more than 5m, for which tokens would be believed after their end");
    }
    let [refresh, keep_keys] = ["refresh", "keep_keys"].map(|part| reader.duration(&name(part)));
    if let (Some(refresh), Some(keep_keys)) = (refresh, keep_keys)
        && keep_keys < refresh
    {
        reader.fault(&name("keep_keys"), format!("is shorter than {}, so that good keys would be dropped", name("refresh")));
    }
    let ca_pem = authorities(reader, at);
    let claims = identity::claims(reader, at);
    Some(Issuer {
        issuer: reader.text(&name("issuer"))?,
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

/// The CAs of the issuer's own, where there are any. The outer `None` is a fault.
#[allow(clippy::option_option)]
fn authorities(reader: &mut Reader, at: usize) -> Option<Option<Vec<u8>>> {
    let name = format!("access.issuers[{at}].ca");
    if !reader.is_set(&name) {
        return Some(None);
    }
    let pem = files::contents(reader, &name)?;
    certificates::check_authorities(reader, &name, &pem)?;
    Some(Some(pem.to_vec()))
}

/// The CAs of every issuer, in the order of the settings.
pub(super) fn issuer_authorities(reader: &mut Reader) -> Option<Vec<Option<Vec<u8>>>> {
    let each: Vec<_> = (0..reader.items("access.issuers")).map(|at| authorities(reader, at)).collect();
    each.into_iter().collect()
}

fn key_source(reader: &mut Reader, at: usize) -> Option<KeySource> {
    let [issuer, jwks, discovery] = ["issuer", "jwks_url", "discovery"].map(|part| format!("access.issuers[{at}].{part}"));
    if reader.is_set(&jwks) && reader.is_set(&discovery) {
        reader.fault(&discovery, format!("is set together with {jwks}; wanted one of the two"));
    }
    if reader.is_set(&jwks) {
        return read_web(reader, &jwks, Scheme::HttpsOrLoopback).map(KeySource::Jwks);
    }
    if reader.is_set(&discovery) {
        return read_web(reader, &discovery, Scheme::HttpsOrLoopback).map(KeySource::Discovery);
    }
    let base = reader.text(&issuer)?;
    let document = format!("{}/.well-known/openid-configuration", base.trim_end_matches('/'));
    let found = web(&document, Scheme::HttpsOrLoopback).ok().map(KeySource::Discovery);
    if found.is_none() {
        reader.fault(&jwks, format!("required, since {issuer} is not an https URL under which the keys could be discovered"));
    }
    found
}

fn check_modes(reader: &mut Reader, modes: &[Mode], gateway: &Gateway) {
    let has = |mode: Mode| modes.contains(&mode);
    let has_issuers = reader.items("access.issuers") > 0;
    if has(Mode::Bearer) && !has_issuers {
        reader.fault(
            "access.issuers",
            "required while access.modes holds bearer; wanted at least one table with issuer and audience",
        );
    }
    if !has(Mode::Gateway) {
        if reader.is_any_set("access.gateway") {
            reader.warn("access.gateway", "is not used, since access.modes does not hold gateway");
        }
        if has_issuers && !has(Mode::Bearer) {
            reader.warn("access.issuers", "is not used, since access.modes does not hold bearer");
        }
        return;
    }
    if gateway.certificates.is_empty() {
        miss_for_gateway(reader, "access.gateway.certificates");
    }
    if !reader.is_set("server.tls.client_ca") {
        miss_for_gateway(reader, "server.tls.client_ca");
    }
    if gateway.jwt_header.is_some() {
        if !has_issuers {
            reader.fault("access.issuers", "required with access.gateway.headers.jwt, whose tokens nobody could check otherwise");
        }
        return;
    }
    for part in ["user_id", "organisation_ods"] {
        let name = format!("access.gateway.headers.{part}");
        if !reader.is_set(&name) {
            miss_for_gateway(reader, &name);
        }
    }
}

fn miss_for_gateway(reader: &mut Reader, name: &str) {
    if !reader.is_set(name) {
        reader.miss(name, " while access.modes holds gateway");
    } else if reader.list(name).is_some() {
        reader.fault(name, "is empty, so that no gateway could be believed");
    }
}

/// Two tables about the same thing leave open which of them holds.
fn check_repeats(reader: &mut Reader, list: &str, part: &str, same: fn(String) -> String) {
    let mut seen: Vec<String> = Vec::new();
    for at in 0..reader.items(list) {
        let name = format!("{list}[{at}].{part}");
        let Some(value) = reader.text(&name).map(same) else { continue };
        if let Some(first) = seen.iter().position(|other| *other == value) {
            reader.fault(&name, format!("repeats an earlier item of the list (number {first} of those named)"));
        }
        seen.push(value);
    }
}

fn organisations(reader: &mut Reader) -> Option<Vec<KnownOrganisation>> {
    (0..reader.items("access.organisations"))
        .map(|at| {
            let name = |part: &str| format!("access.organisations[{at}].{part}");
            Some(KnownOrganisation {
                ods: reader.text(&name("ods"))?,
                name: reader.text(&name("name")),
                asid: reader.text(&name("asid")).and_then(|asid| SdsId::parse(&asid)),
            })
        })
        .collect()
}

fn care_settings(reader: &mut Reader) -> Option<(CareSetting, Vec<CareSetting>)> {
    let one = CareSetting::parse(&reader.text("access.care_setting")?)?;
    let words = reader.list("access.care_settings")?;
    let allowed: Vec<CareSetting> = if words.iter().any(|word| word == ALL) {
        CareSetting::ALL.to_vec()
    } else {
        words.iter().filter_map(|code| CareSetting::parse(code)).collect()
    };
    if allowed.is_empty() {
        reader.fault("access.care_settings", "is empty, so that every request would be refused");
    } else if !allowed.contains(&one) {
        reader
            .fault("access.care_setting", "is not among access.care_settings, so that requests that name none would be refused");
    }
    Some((one, allowed))
}

fn allow(reader: &mut Reader) -> Option<Allow> {
    let allow = Allow {
        roles: reader.list("access.allow.roles")?,
        activities: reader.list("access.allow.activities")?,
        organisations: reader.list("access.allow.organisations")?,
        audit_roles: reader.list("access.allow.audit_roles")?,
    };
    if allow.roles.is_empty() && allow.activities.is_empty() {
        reader.fault(
            "access.allow.activities",
            "is empty, and so is access.allow.roles, so that nobody may look; wanted at least one code",
        );
    }
    Some(allow)
}
