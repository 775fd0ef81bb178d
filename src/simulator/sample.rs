//! A request from a correct client (wire.md 2.7, 2.8, 5.4.2), which tests send or spoil.

use super::http::HttpRequest;
use crate::clock;
use crate::cpis::MessageIds;
use jiff::{SignedDuration, Timestamp};

pub(super) const CLIENT: &str = "cpis-client.rx1.example.nhs.uk";
pub(super) const ACTION: &str = "urn:nhs-itk:services:201005:sendRecvDistEnvelope";

pub(super) struct SampleRequest {
    pub ids: MessageIds,
    pub nhs_number: String,
    /// The host and port of the URL.
    pub host: String,
    pub user: String,
    pub person: bool,
    pub tms: bool,
}

impl SampleRequest {
    pub fn about(nhs_number: &str) -> Self {
        Self {
            ids: MessageIds::fresh(),
            nhs_number: nhs_number.to_owned(),
            host: "localhost".to_owned(),
            user: "555000111222".to_owned(),
            person: true,
            tms: false,
        }
    }

    pub fn xml(&self) -> String {
        let Self { ids, host, .. } = self;
        let now = clock::now();
        let second = |at: Timestamp| at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        let (created, expires) = (second(now), second(now + SignedDuration::from_mins(10)));
        let payload = if self.tms { self.wrapped() } else { self.stub() };
        format!(
            r#"<?xml version="1.0" encoding="UTF-8"?>
<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/" xmlns:wsa="http://www.w3.org/2005/08/addressing" xmlns:wsse="http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd" xmlns:wsu="http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd" xmlns:itk="urn:nhs-itk:ns:201005">
<soap:Header><wsa:MessageID>{message}</wsa:MessageID><wsa:Action>{ACTION}</wsa:Action><wsa:To>https://{host}/smsp/cpis</wsa:To>
<wsse:Security><wsu:Timestamp wsu:Id="uuid_{timestamp}"><wsu:Created>{created}</wsu:Created><wsu:Expires>{expires}</wsu:Expires></wsu:Timestamp>
<wsse:UsernameToken><wsse:Username>{CLIENT}</wsse:Username></wsse:UsernameToken></wsse:Security></soap:Header>
<soap:Body><itk:DistributionEnvelope><itk:header service="{ACTION}" trackingid="{tracking}">
<itk:addresslist><itk:address type="2.16.840.1.113883.2.1.3.2.4.18.22" uri="urn:nhs-uk:addressing:ods:SMSPORG"/></itk:addresslist>
<itk:auditIdentity><itk:id type="2.16.840.1.113883.2.1.3.2.4.18.27" uri="urn:nhs-uk:identity:ods:RX1:user.12345"/></itk:auditIdentity>
<itk:manifest count="1"><itk:manifestitem id="uuid_{payload_id}" mimetype="text/xml" profileid="urn:nhs-en:profile:CP-ISNHSQuery-v2-0"/></itk:manifest>
<itk:senderAddress type="2.16.840.1.113883.2.1.3.2.4.18.22" uri="urn:nhs-uk:addressing:ods:RX1"/>
<itk:handlingSpecification><itk:spec key="urn:nhs-itk:ns:201005:interaction" value="urn:nhs-itk:interaction:CP-ISNHSQuery-v1-0"/></itk:handlingSpecification></itk:header>
<itk:payloads count="1"><itk:payload id="uuid_{payload_id}">{payload}</itk:payload></itk:payloads></itk:DistributionEnvelope></soap:Body></soap:Envelope>"#,
            message = ids.message,
            timestamp = ids.timestamp,
            tracking = ids.tracking,
            payload_id = ids.payload,
        )
    }

    fn stub(&self) -> String {
        let author = if self.person { self.person_author() } else { SYSTEM_AUTHOR.to_owned() };
        format!(
            r#"<CP-ISQueryStub xmlns="urn:hl7-org:v3" xmlns:npfitlc="NPFIT:HL7:Localisation"><cP-ISNHSQuery><effectiveTime value="20260115093015+0000"/><id root="{query}"/><author>{author}</author><queryByParameter><person.NHSnumber><value extension="{number}"/></person.NHSnumber></queryByParameter></cP-ISNHSQuery></CP-ISQueryStub>"#,
            query = self.ids.query,
            number = self.nhs_number,
        )
    }

    fn person_author(&self) -> String {
        let user = &self.user;
        format!(
            r#"<npfitlc:contentId root="2.16.840.1.113883.2.1.3.2.4.18.16" extension="COCT_TP145102GB01#AssignedAuthor"/><COCT_TP145102GB01.AssignedAuthor><code code="R0260" codeSystem="2.16.840.1.113883.2.1.3.2.4.17.196" displayName="General Medical Practitioner"/><id root="1.2.826.0.1285.0.2.0.65" extension="{user}"/><id root="1.2.826.0.1285.0.2.0.67" extension="555000333444"/><assignedAuthorPerson><name><prefix>Dr</prefix><given>Asha</given><family>Example</family></name></assignedAuthorPerson><representedOrganization><id root="2.16.840.1.113883.2.1.3.2.4.19.1" extension="RX1"/><name>EXAMPLE UNIVERSITY HOSPITALS NHS TRUST</name></representedOrganization></COCT_TP145102GB01.AssignedAuthor>"#
        )
    }

    fn wrapped(&self) -> String {
        let device = r#"<device classCode="DEV" determinerCode="INSTANCE"><id root="1.2.826.0.1285.0.2.0.107" extension="200000000115"/></device>"#;
        format!(
            r#"<QUPC_IN000006GB01 xmlns="urn:hl7-org:v3"><id root="{wrapper}"/><creationTime value="20260115093015"/><versionCode code="v3INF_DMSv5.7:FIN"/><interactionId root="2.16.840.1.113883.2.1.3.2.4.12" extension="QUPC_IN000006GB01"/><processingCode code="P"/><processingModeCode code="T"/><acceptAckCode code="NE"/><communicationFunctionRcv typeCode="RCV">{device}</communicationFunctionRcv><communicationFunctionSnd typeCode="SND">{device}</communicationFunctionSnd><ControlActEvent classCode="CACT" moodCode="EVN"><author1 typeCode="AUT"><AgentSystemSDS classCode="AGNT"><agentSystemSDS classCode="DEV" determinerCode="INSTANCE"><id root="1.2.826.0.1285.0.2.0.107" extension="200000000115"/></agentSystemSDS></AgentSystemSDS></author1><subject typeCode="SUBJ">{stub}</subject></ControlActEvent></QUPC_IN000006GB01>"#,
            wrapper = self.ids.wrapper,
            stub = self.stub(),
        )
    }

    /// The request as the reader returns it.
    pub fn request(&self) -> HttpRequest {
        request_with(&self.xml(), &self.host)
    }

    /// The request as sent over the connection.
    pub fn bytes(&self) -> Vec<u8> {
        let xml = self.xml();
        let (host, length) = (&self.host, xml.len());
        format!(
            "POST /smsp/cpis HTTP/1.1\r\nHost: {host}\r\nContent-Type: text/xml; charset=utf-8\r\nSOAPAction: \"{ACTION}\"\r\nContent-Length: {length}\r\n\r\n{xml}"
        )
        .into_bytes()
    }
}

/// A good HTTP request around any body.
pub(super) fn request_with(xml: &str, host: &str) -> HttpRequest {
    let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    HttpRequest {
        method: "POST".to_owned(),
        target: "/smsp/cpis".to_owned(),
        headers: vec![header("host", host), header("content-type", "text/xml; charset=utf-8"), header("soapaction", ACTION)],
        body: xml.as_bytes().to_vec(),
        keep_alive: true,
    }
}

pub(super) const SYSTEM_AUTHOR: &str = r#"<npfitlc:contentId root="2.16.840.1.113883.2.1.3.2.4.18.16" extension="COCT_TP145104GB01#System"/><COCT_TP145104GB01.System><id root="1.2.826.0.1285.0.2.0.107" extension="200000000115"/><indirectAuthority><superiorAssignedEntity><code code="R0050" codeSystem="2.16.840.1.113883.2.1.3.2.4.17.196" displayName="Consultant"/><assignedPerson><name><prefix>Dr</prefix><given>Asha</given><family>Example</family></name></assignedPerson></superiorAssignedEntity></indirectAuthority><maintainingOrganization><id root="2.16.840.1.113883.2.1.3.2.4.19.1" extension="RX1"/><name>EXAMPLE UNIVERSITY HOSPITALS NHS TRUST</name></maintainingOrganization></COCT_TP145104GB01.System>"#;
