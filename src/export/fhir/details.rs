//! What has no element in an AuditEvent: pairs of a name and a text.

use crate::audit::Entry;
use crate::cpis::{AuthorAsSent, Delivery, Text};
use crate::export::plain::shown;
use fhirbolt_model::r4::resources::{AuditEventEntityDetail, AuditEventEntityDetailValue};

/// In the order given; empty ones are left out.
#[derive(Default)]
pub struct Details(Vec<AuditEventEntityDetail>);

impl Details {
    pub fn plain(&mut self, name: &str, value: &str) {
        let value = shown(value.trim());
        if !value.is_empty() {
            let value = AuditEventEntityDetailValue::String(value.into());
            self.0.push(AuditEventEntityDetail { r#type: name.into(), value, ..Default::default() });
        }
    }

    pub fn text(&mut self, name: &str, value: Option<&Text>) {
        if let Some(value) = value {
            self.plain(name, value.as_str());
        }
    }

    /// The HL7 V3 author as sent.
    pub fn author(&mut self, author: Option<&AuthorAsSent>) {
        let Some(author) = author else { return };
        self.plain("author-template", author.template.name());
        self.text("author-id", Some(&author.id));
        self.text("author-role-profile-id", author.role_profile_id.as_ref());
        self.text("author-role-code", Some(&author.role_code));
        self.text("author-role-name", Some(&author.role_name));
        self.text("author-name", Some(&author.name));
        self.text("author-organisation-ods", Some(&author.organisation_ods));
        self.text("author-organisation-name", Some(&author.organisation_name));
        self.plain("author-nominated", if author.nominated { "true" } else { "false" });
    }

    pub fn entry(&mut self, entry: &Entry) {
        self.plain("event", entry.event.name());
        self.plain("look", &entry.look.map(|look| look.to_string()).unwrap_or_default());
        if let Some(who) = &entry.who {
            self.text("issuer", who.issuer.as_ref());
            self.text("sds-user-id", who.sds_user_id.as_ref());
            self.text("care-setting", who.care_setting.as_ref());
        }
        let request = &entry.request;
        self.text("request-id", request.request_id.as_ref());
        self.text("correlation-id", request.correlation_id.as_ref());
        self.text("trace-id", request.trace_id.as_ref());
        self.text("interaction", request.interaction.as_ref());
        self.text("freshness", request.freshness.as_ref());
        if let Some(outcome) = &entry.outcome {
            self.text("response-code", outcome.response_code.as_ref());
            self.plain("delivery", outcome.delivery.map(Delivery::name).unwrap_or_default());
            self.plain("notification-expected", &outcome.notification_expected.map(|is| is.to_string()).unwrap_or_default());
            if let Some(counts) = outcome.shown {
                let counts = [
                    ("records", counts.records),
                    ("plans", counts.plans),
                    ("unreadable", counts.unreadable),
                    ("accesses", counts.accesses),
                ];
                for (name, count) in counts {
                    self.plain(name, &count.to_string());
                }
            }
            self.plain("authorities-named", &outcome.authorities.map(|count| count.to_string()).unwrap_or_default());
            self.plain("age-ms", &outcome.age_ms.map(|age| age.to_string()).unwrap_or_default());
        }
        self.plain("detail", entry.detail.as_deref().unwrap_or_default());
    }
}

impl From<Details> for Vec<AuditEventEntityDetail> {
    fn from(details: Details) -> Self {
        details.0
    }
}
