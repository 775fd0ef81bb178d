//! The four resources of a plan.

use super::{Emit, Sink, never_set};
use fhirbolt_model::r4::resources::{CarePlan, CareTeam, EpisodeOfCare, Flag};

impl Emit for Flag {
    fn emit<S: Sink>(&self, sink: &mut S) {
        let Self {
            id,
            meta,
            implicit_rules,
            language,
            text,
            contained,
            extension,
            modifier_extension,
            identifier,
            status,
            category,
            code,
            subject,
            period,
            encounter,
            author,
        } = self;
        never_set!(implicit_rules, language, contained, modifier_extension, identifier, encounter);
        sink.optional("id", id.as_ref());
        sink.optional_complex("meta", meta.as_deref());
        sink.optional_complex("text", text.as_deref());
        sink.complexes("extension", extension);
        sink.primitive("status", status);
        sink.complexes("category", category);
        sink.complex("code", &**code);
        sink.complex("subject", &**subject);
        sink.optional_complex("period", period.as_deref());
        sink.optional_complex("author", author.as_deref());
    }
}

impl Emit for EpisodeOfCare {
    fn emit<S: Sink>(&self, sink: &mut S) {
        let Self {
            id,
            meta,
            implicit_rules,
            language,
            text,
            contained,
            extension,
            modifier_extension,
            identifier,
            status,
            status_history,
            r#type,
            diagnosis,
            patient,
            managing_organization,
            period,
            referral_request,
            care_manager,
            team,
            account,
        } = self;
        never_set!(implicit_rules, language, contained, extension, modifier_extension, identifier, status_history, diagnosis);
        never_set!(referral_request, care_manager, account);
        sink.optional("id", id.as_ref());
        sink.optional_complex("meta", meta.as_deref());
        sink.optional_complex("text", text.as_deref());
        sink.primitive("status", status);
        sink.complexes("type", r#type);
        sink.complex("patient", &**patient);
        sink.optional_complex("managingOrganization", managing_organization.as_deref());
        sink.optional_complex("period", period.as_deref());
        sink.complexes("team", team);
    }
}

impl Emit for CarePlan {
    fn emit<S: Sink>(&self, sink: &mut S) {
        let Self {
            id,
            meta,
            implicit_rules,
            language,
            text,
            contained,
            extension,
            modifier_extension,
            identifier,
            instantiates_canonical,
            instantiates_uri,
            based_on,
            replaces,
            part_of,
            status,
            intent,
            category,
            title,
            description,
            subject,
            encounter,
            period,
            created,
            author,
            contributor,
            care_team,
            addresses,
            supporting_info,
            goal,
            activity,
            note,
        } = self;
        never_set!(implicit_rules, language, contained, extension, modifier_extension, identifier, instantiates_canonical);
        never_set!(instantiates_uri, based_on, replaces, part_of, description, encounter, created, contributor, addresses);
        never_set!(supporting_info, goal, activity, note);
        sink.optional("id", id.as_ref());
        sink.optional_complex("meta", meta.as_deref());
        sink.optional_complex("text", text.as_deref());
        sink.primitive("status", status);
        sink.primitive("intent", intent);
        sink.complexes("category", category);
        sink.optional("title", title.as_ref());
        sink.complex("subject", &**subject);
        sink.optional_complex("period", period.as_deref());
        sink.optional_complex("author", author.as_deref());
        sink.complexes("careTeam", care_team);
    }
}

impl Emit for CareTeam {
    fn emit<S: Sink>(&self, sink: &mut S) {
        let Self {
            id,
            meta,
            implicit_rules,
            language,
            text,
            contained,
            extension,
            modifier_extension,
            identifier,
            status,
            category,
            name,
            subject,
            encounter,
            period,
            participant,
            reason_code,
            reason_reference,
            managing_organization,
            telecom,
            note,
        } = self;
        never_set!(implicit_rules, language, contained, extension, modifier_extension, identifier, encounter, participant);
        never_set!(reason_code, reason_reference, note);
        sink.optional("id", id.as_ref());
        sink.optional_complex("meta", meta.as_deref());
        sink.optional_complex("text", text.as_deref());
        sink.optional("status", status.as_ref());
        sink.complexes("category", category);
        sink.optional("name", name.as_ref());
        sink.optional_complex("subject", subject.as_deref());
        sink.optional_complex("period", period.as_deref());
        sink.complexes("managingOrganization", managing_organization);
        sink.complexes("telecom", telecom);
    }
}
