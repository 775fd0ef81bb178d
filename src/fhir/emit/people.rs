//! Who and what the plans and accesses point to, and the accesses themselves.

use super::{Emit, Sink, never_set};
use fhirbolt_model::r4::resources::{
    AuditEvent, AuditEventAgent, AuditEventAgentNetwork, AuditEventEntity, AuditEventEntityDetail, AuditEventEntityDetailValue,
    AuditEventSource, Device, DeviceDeviceName, Organization, OrganizationContact, Patient, PractitionerRole,
};

impl Emit for Patient {
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
            active,
            name,
            telecom,
            gender,
            birth_date,
            deceased,
            address,
            marital_status,
            multiple_birth,
            photo,
            contact,
            communication,
            general_practitioner,
            managing_organization,
            link,
        } = self;
        never_set!(
            implicit_rules,
            language,
            contained,
            extension,
            modifier_extension,
            active,
            telecom,
            gender,
            deceased,
            address
        );
        never_set!(
            marital_status,
            multiple_birth,
            photo,
            contact,
            communication,
            general_practitioner,
            managing_organization,
            link
        );
        sink.optional("id", id.as_ref());
        sink.optional_complex("meta", meta.as_deref());
        sink.optional_complex("text", text.as_deref());
        sink.complexes("identifier", identifier);
        sink.complexes("name", name);
        sink.optional("birthDate", birth_date.as_ref());
    }
}

impl Emit for Organization {
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
            active,
            r#type,
            name,
            alias,
            telecom,
            address,
            part_of,
            contact,
            endpoint,
        } = self;
        never_set!(
            implicit_rules,
            language,
            contained,
            extension,
            modifier_extension,
            active,
            r#type,
            address,
            part_of,
            endpoint
        );
        debug_assert!(!identifier.is_empty() || name.is_some(), "org-1: an organisation has an identifier or a name");
        sink.optional("id", id.as_ref());
        sink.optional_complex("meta", meta.as_deref());
        sink.optional_complex("text", text.as_deref());
        sink.complexes("identifier", identifier);
        sink.optional("name", name.as_ref());
        sink.primitives("alias", alias);
        sink.complexes("telecom", telecom);
        sink.complexes("contact", contact);
    }
}

impl Emit for OrganizationContact {
    fn emit<S: Sink>(&self, sink: &mut S) {
        let Self { id, extension, modifier_extension, purpose, name, telecom, address } = self;
        never_set!(modifier_extension, address);
        sink.element(id.as_deref(), extension);
        sink.optional_complex("purpose", purpose.as_deref());
        sink.optional_complex("name", name.as_deref());
        sink.complexes("telecom", telecom);
    }
}

impl Emit for PractitionerRole {
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
            active,
            period,
            practitioner,
            organization,
            code,
            specialty,
            location,
            healthcare_service,
            telecom,
            available_time,
            not_available,
            availability_exceptions,
            endpoint,
        } = self;
        never_set!(implicit_rules, language, contained, extension, modifier_extension, active, period, specialty, location);
        never_set!(healthcare_service, telecom, available_time, not_available, availability_exceptions, endpoint);
        sink.optional("id", id.as_ref());
        sink.optional_complex("meta", meta.as_deref());
        sink.optional_complex("text", text.as_deref());
        sink.complexes("identifier", identifier);
        sink.optional_complex("practitioner", practitioner.as_deref());
        sink.optional_complex("organization", organization.as_deref());
        sink.complexes("code", code);
    }
}

impl Emit for Device {
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
            definition,
            udi_carrier,
            status,
            status_reason,
            distinct_identifier,
            manufacturer,
            manufacture_date,
            expiration_date,
            lot_number,
            serial_number,
            device_name,
            model_number,
            part_number,
            r#type,
            specialization,
            version,
            property,
            patient,
            owner,
            contact,
            location,
            url,
            note,
            safety,
            parent,
        } = self;
        never_set!(implicit_rules, language, contained, extension, modifier_extension, definition, udi_carrier, status);
        never_set!(
            status_reason,
            distinct_identifier,
            manufacturer,
            manufacture_date,
            expiration_date,
            lot_number,
            serial_number
        );
        never_set!(model_number, part_number, r#type, specialization, version, property, patient, contact, location, url, note);
        never_set!(safety, parent);
        sink.optional("id", id.as_ref());
        sink.optional_complex("meta", meta.as_deref());
        sink.optional_complex("text", text.as_deref());
        sink.complexes("identifier", identifier);
        sink.complexes("deviceName", device_name);
        sink.optional_complex("owner", owner.as_deref());
    }
}

impl Emit for DeviceDeviceName {
    fn emit<S: Sink>(&self, sink: &mut S) {
        let Self { id, extension, modifier_extension, name, r#type } = self;
        never_set!(modifier_extension);
        sink.element(id.as_deref(), extension);
        sink.primitive("name", name);
        sink.primitive("type", r#type);
    }
}

impl Emit for AuditEvent {
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
            r#type,
            subtype,
            action,
            period,
            recorded,
            outcome,
            outcome_desc,
            purpose_of_event,
            agent,
            source,
            entity,
        } = self;
        never_set!(implicit_rules, language, contained, extension, modifier_extension, period, purpose_of_event);
        debug_assert!(!agent.is_empty(), "AuditEvent.agent is required");
        sink.optional("id", id.as_ref());
        sink.optional_complex("meta", meta.as_deref());
        sink.optional_complex("text", text.as_deref());
        sink.complex("type", &**r#type);
        sink.complexes("subtype", subtype);
        sink.optional("action", action.as_ref());
        sink.primitive("recorded", recorded);
        sink.optional("outcome", outcome.as_ref());
        sink.optional("outcomeDesc", outcome_desc.as_ref());
        sink.complexes("agent", agent);
        sink.complex("source", source);
        sink.complexes("entity", entity);
    }
}

impl Emit for AuditEventAgent {
    fn emit<S: Sink>(&self, sink: &mut S) {
        let Self {
            id,
            extension,
            modifier_extension,
            r#type,
            role,
            who,
            alt_id,
            name,
            requestor,
            location,
            policy,
            media,
            network,
            purpose_of_use,
        } = self;
        never_set!(modifier_extension, location, policy, media, purpose_of_use);
        sink.element(id.as_deref(), extension);
        sink.optional_complex("type", r#type.as_deref());
        sink.complexes("role", role);
        sink.optional_complex("who", who.as_deref());
        sink.optional("altId", alt_id.as_ref());
        sink.optional("name", name.as_ref());
        sink.primitive("requestor", requestor);
        sink.optional_complex("network", network.as_ref());
    }
}

impl Emit for AuditEventAgentNetwork {
    fn emit<S: Sink>(&self, sink: &mut S) {
        let Self { id, extension, modifier_extension, address, r#type } = self;
        never_set!(modifier_extension);
        sink.element(id.as_deref(), extension);
        sink.optional("address", address.as_ref());
        sink.optional("type", r#type.as_ref());
    }
}

impl Emit for AuditEventSource {
    fn emit<S: Sink>(&self, sink: &mut S) {
        let Self { id, extension, modifier_extension, site, observer, r#type } = self;
        never_set!(modifier_extension, site, r#type);
        sink.element(id.as_deref(), extension);
        sink.complex("observer", &**observer);
    }
}

impl Emit for AuditEventEntity {
    fn emit<S: Sink>(&self, sink: &mut S) {
        let Self {
            id,
            extension,
            modifier_extension,
            what,
            r#type,
            role,
            lifecycle,
            security_label,
            name,
            description,
            query,
            detail,
        } = self;
        never_set!(modifier_extension, lifecycle, security_label, query);
        sink.element(id.as_deref(), extension);
        sink.optional_complex("what", what.as_deref());
        sink.optional_complex("type", r#type.as_deref());
        sink.optional_complex("role", role.as_deref());
        sink.optional("name", name.as_ref());
        sink.optional("description", description.as_ref());
        sink.complexes("detail", detail);
    }
}

impl Emit for AuditEventEntityDetail {
    fn emit<S: Sink>(&self, sink: &mut S) {
        let Self { id, extension, modifier_extension, r#type, value } = self;
        never_set!(modifier_extension);
        sink.element(id.as_deref(), extension);
        sink.primitive("type", r#type);
        match value {
            AuditEventEntityDetailValue::String(value) => sink.primitive("valueString", value),
            _ => debug_assert!(false, "a value of a detail that this service does not send"),
        }
    }
}
