//! The data types.

use fhirbolt_model::r4::types::{
    CodeableConcept, Coding, ContactPoint, Extension, ExtensionValue, HumanName, Identifier, Meta, Narrative, Period, Reference,
};

tables! {
    CodeableConcept: Element {
        sent  coding "coding",
        sent  text   "text",
    }

    Coding: Element {
        sent  system        "system",
        sent  version       "version",
        sent  code          "code",
        sent  display       "display",
        sent  user_selected "userSelected",
    }

    ContactPoint: Element {
        sent  system "system",
        sent  value  "value",
        sent  r#use  "use",
        sent  rank   "rank",
        sent  period "period",
    }

    // `url` comes before the children: XML writes it as an attribute.
    Extension {
        sent  id        "id",
        sent  url       "url"       mandatory,
        sent  extension "extension",
        sent  value     "value",
    }

    HumanName: Element {
        sent  r#use  "use",
        sent  text   "text",
        sent  family "family",
        sent  given  "given",
        sent  prefix "prefix",
        sent  suffix "suffix",
        sent  period "period",
    }

    Identifier: Element {
        sent  r#use    "use",
        sent  r#type   "type",
        sent  system   "system",
        sent  value    "value",
        sent  period   "period",
        sent  assigner "assigner",
    }

    Meta: Element {
        sent  version_id   "versionId",
        sent  last_updated "lastUpdated",
        sent  source       "source",
        sent  profile      "profile",
        sent  security     "security",
        sent  tag          "tag",
    }

    Narrative: Element {
        sent  status "status" mandatory,
        sent  div    "div"    mandatory,
    }

    Period: Element {
        sent  start "start",
        sent  end   "end",
    }

    Reference: Element {
        sent  reference  "reference",
        sent  r#type     "type",
        sent  identifier "identifier",
        sent  display    "display",
    }
}

choice! { ExtensionValue { Reference "valueReference", Code "valueCode", String "valueString" } }
