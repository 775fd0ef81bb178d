//! The one table of what can be searched. It drives parsing, the strict-mode check, the self link, `/metadata`, `/SearchParameter/[id]`
//! and the OpenAPI document. Each searchable resource type has one row.

use crate::fhir::graph::{Edge, ResourceShape, ResourceType};

/// One searchable view: a resource type, or its shape in the Patient flags API.
#[derive(Debug)]
pub struct Searchable {
    /// The name in the path: the name of the type, except for `PatientFlag`.
    pub name: &'static str,
    pub resource: ResourceType,
    pub shape: ResourceShape,
    /// The parameters of this type only; [`Searchable::parameters`] adds those of all types.
    pub own: &'static [Parameter],
    pub common: &'static [Parameter],
    /// Includes that the view adds if a parameter is given: the parameter's name, then the include parameters.
    pub implied: Option<(&'static str, &'static [(&'static str, &'static str)])>,
}

/// One search parameter of a resource type.
#[derive(Debug)]
pub struct Parameter {
    pub name: &'static str,
    pub kind: ParameterKind,
    /// Where its SearchParameter is defined, if it has one.
    pub definition: Option<ParameterDefinition>,
    /// A description for people.
    pub documentation: &'static str,
}

/// How a parameter is parsed, and what it compares with a node of the graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParameterKind {
    /// Names the child: a reference to the Patient, its identifier, or the bare NHS number.
    Child,
    /// The resource's id.
    Id,
    Token(TokenElement),
    /// The period of a plan or the time of an access.
    Date,
    /// The targets of an edge.
    Reference(Edge),
    Include(Direction),
    /// The part of each match that is shown, and the number of matches on a page.
    Result(ResultParameter),
    /// `_format` and `_pretty`: the form of the answer.
    Presentation,
}

/// The element that a token parameter compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenElement {
    /// `Flag.code`
    FlagCode,
    /// `Flag.category`
    FlagCategory,
    /// `EpisodeOfCare.type`
    EpisodeType,
    /// `category` of CarePlan and CareTeam.
    PlanCategory,
    /// `status` of the four resources of a plan.
    Status,
}

/// Whether a reference is followed from its source or to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    Forward,
    Reverse,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResultParameter {
    Count,
    Summary,
    Elements,
    Total,
    Sort,
}

/// The codes of R4's SearchParamType that are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SearchParamType {
    Reference,
    Token,
    Date,
    Special,
}

impl SearchParamType {
    /// The code in `SearchParameter.type` and `CapabilityStatement.rest.resource.searchParam.type`.
    pub fn code(self) -> &'static str {
        match self {
            Self::Reference => "reference",
            Self::Token => "token",
            Self::Date => "date",
            Self::Special => "special",
        }
    }
}

impl ParameterKind {
    pub fn fhir_type(self) -> SearchParamType {
        match self {
            Self::Child | Self::Reference(_) => SearchParamType::Reference,
            Self::Id | Self::Token(_) => SearchParamType::Token,
            Self::Date => SearchParamType::Date,
            Self::Include(_) | Self::Result(_) | Self::Presentation => SearchParamType::Special,
        }
    }

    /// Whether it narrows the matches. The others (`_include`, `_count` and so on) belong to the search itself and are not listed in
    /// `CapabilityStatement.rest.resource.searchParam`.
    pub fn is_filter(self) -> bool {
        matches!(self, Self::Child | Self::Id | Self::Token(_) | Self::Date | Self::Reference(_))
    }
}

/// Where a search parameter is defined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParameterDefinition {
    /// By HL7 or NHS England: the canonical URL.
    Published(&'static str),
    /// By us, with its FHIRPath: published under `[base]/SearchParameter/[id]`.
    Own { id: &'static str, expression: &'static str },
}

impl ParameterDefinition {
    /// The canonical URL; `base` is absolute, without a trailing slash.
    pub fn url(&self, base: &str) -> String {
        match self {
            Self::Published(url) => (*url).to_owned(),
            Self::Own { id, .. } => format!("{base}/SearchParameter/{id}"),
        }
    }
}

/// A reference that `_include` and `_revinclude` can follow: `source:name` of the FHIR search parameter.
#[derive(Debug, PartialEq, Eq)]
pub struct IncludePath {
    pub source: ResourceType,
    pub name: &'static str,
    pub edges: &'static [Edge],
    pub targets: &'static [ResourceType],
}

const fn row(
    name: &'static str,
    kind: ParameterKind,
    definition: Option<ParameterDefinition>,
    documentation: &'static str,
) -> Parameter {
    Parameter { name, kind, definition, documentation }
}

macro_rules! hl7 {
    ($id:literal) => {
        Some(ParameterDefinition::Published(concat!("http://hl7.org/fhir/SearchParameter/", $id)))
    };
}

macro_rules! england {
    ($id:literal) => {
        Some(ParameterDefinition::Published(concat!("https://fhir.nhs.uk/England/SearchParameter/England-", $id)))
    };
}

const fn own(id: &'static str, expression: &'static str) -> ParameterDefinition {
    ParameterDefinition::Own { id, expression }
}

const PATIENT_DOC: &str = "The child, or the mother of an unborn child: exactly one per search";
const PATIENT: Parameter = row("patient", ParameterKind::Child, hl7!("clinical-patient"), PATIENT_DOC);
const SUBJECT_DOC: &str = "The same as patient";
const DATE: Parameter = row(
    "date",
    ParameterKind::Date,
    hl7!("clinical-date"),
    "When the plan is in force, an unborn one until 28 days after its planned end: eq ne lt le gt ge sa eb, with partial dates; \
     days are those of England. A plan that could not be read meets every date",
);
const STATUS_DOC: &str = "The status as shown today. A plan that could not be read meets every status";
const CATEGORY_DOC: &str = "The kind of plan, by SNOMED CT code. A plan that could not be read meets every category";

/// The parameters of all types.
pub const COMMON: &[Parameter] = &[
    row("_id", ParameterKind::Id, hl7!("Resource-id"), "The id of the resource"),
    row(
        "_include",
        ParameterKind::Include(Direction::Forward),
        None,
        "Adds what the matches refer to; with :iterate, what the added resources refer to as well",
    ),
    row(
        "_revinclude",
        ParameterKind::Include(Direction::Reverse),
        None,
        "Adds what refers to the matches; with :iterate, what refers to the added resources as well",
    ),
    row("_count", ParameterKind::Result(ResultParameter::Count), None, "Matches on one page; 0 is the same as _summary=count"),
    row("_summary", ParameterKind::Result(ResultParameter::Summary), None, "true, false, text, data or count"),
    row(
        "_elements",
        ParameterKind::Result(ResultParameter::Elements),
        None,
        "The elements of the matches to show, beside the mandatory ones",
    ),
    row(
        "_total",
        ParameterKind::Result(ResultParameter::Total),
        None,
        "none, estimate or accurate: where there is a total it is exact",
    ),
    row(
        "_sort",
        ParameterKind::Result(ResultParameter::Sort),
        None,
        "date or -date; else active, planned and ended plans, newest first",
    ),
    FORMAT,
    PRETTY,
];
const FORMAT: Parameter = row("_format", ParameterKind::Presentation, None, "The media type, instead of Accept");
const PRETTY: Parameter = row("_pretty", ParameterKind::Presentation, None, "true: indented for people");

const FLAG: &[Parameter] = &[
    PATIENT,
    row("subject", ParameterKind::Child, hl7!("Flag-subject"), SUBJECT_DOC),
    DATE,
    row(
        "author",
        ParameterKind::Reference(Edge::FlagAuthor),
        hl7!("Flag-author"),
        "The responsible local authority, by reference or, with :identifier, by ODS code",
    ),
    FLAG_CODE,
    row("category", ParameterKind::Token(TokenElement::FlagCategory), england!("FlagCategory"), "Flag.category"),
    row(
        "detail",
        ParameterKind::Reference(Edge::FlagDetail),
        england!("FlagDetail"),
        "The EpisodeOfCare or CarePlan of the same plan",
    ),
    row("status", ParameterKind::Token(TokenElement::Status), Some(own("cpis-flag-status", "Flag.status")), STATUS_DOC),
];
const FLAG_CODE: Parameter = row(
    "code",
    ParameterKind::Token(TokenElement::FlagCode),
    england!("FlagCode"),
    "The kind of plan, by SNOMED CT code, or NHS England's child-protection-information-system-flag",
);
const EPISODE_OF_CARE: &[Parameter] = &[
    PATIENT,
    DATE,
    row("status", ParameterKind::Token(TokenElement::Status), hl7!("EpisodeOfCare-status"), STATUS_DOC),
    row(
        "type",
        ParameterKind::Token(TokenElement::EpisodeType),
        hl7!("clinical-type"),
        "The kind of plan, by SNOMED CT or CPIS code",
    ),
    row(
        "organization",
        ParameterKind::Reference(Edge::EpisodeOrganization),
        hl7!("EpisodeOfCare-organization"),
        "The responsible local authority, by reference or, with :identifier, by ODS code",
    ),
    row(
        "team",
        ParameterKind::Reference(Edge::EpisodeTeam),
        Some(own("cpis-episodeofcare-team", "EpisodeOfCare.team")),
        "The CareTeam of the same plan",
    ),
];
const CARE_TEAM: &[Parameter] = &[
    PATIENT,
    row("subject", ParameterKind::Child, hl7!("CareTeam-subject"), SUBJECT_DOC),
    row("category", ParameterKind::Token(TokenElement::PlanCategory), hl7!("CareTeam-category"), CATEGORY_DOC),
    row("status", ParameterKind::Token(TokenElement::Status), hl7!("CareTeam-status"), STATUS_DOC),
    DATE,
];
const CARE_PLAN: &[Parameter] = &[
    PATIENT,
    row("subject", ParameterKind::Child, hl7!("CarePlan-subject"), SUBJECT_DOC),
    row("category", ParameterKind::Token(TokenElement::PlanCategory), hl7!("CarePlan-category"), CATEGORY_DOC),
    row("status", ParameterKind::Token(TokenElement::Status), hl7!("CarePlan-status"), STATUS_DOC),
    DATE,
    row(
        "care-team",
        ParameterKind::Reference(Edge::CarePlanCareTeam),
        hl7!("CarePlan-care-team"),
        "The CareTeam of the same plan",
    ),
];
const AUDIT_EVENT: &[Parameter] = &[
    row("patient", ParameterKind::Child, hl7!("AuditEvent-patient"), PATIENT_DOC),
    row(
        "date",
        ParameterKind::Date,
        hl7!("AuditEvent-date"),
        "When the access was; a date alone counts as its day, and an access of unknown time meets every date",
    ),
    row(
        "agent",
        ParameterKind::Reference(Edge::AuditAgent),
        hl7!("AuditEvent-agent"),
        "Who looked: a PractitionerRole or Device by reference or, with :identifier, by SDS role profile id or ASID",
    ),
    row(
        "entity",
        ParameterKind::Reference(Edge::AuditEntity),
        hl7!("AuditEvent-entity"),
        "The Patient whose record was looked at",
    ),
];

const fn of_type(resource: ResourceType, own: &'static [Parameter]) -> Searchable {
    Searchable { name: resource.name(), resource, shape: ResourceShape::Standard, own, common: COMMON, implied: None }
}

/// Every resource type that can be searched.
pub const SEARCHABLE: &[Searchable] = &[
    of_type(ResourceType::Flag, FLAG),
    of_type(ResourceType::EpisodeOfCare, EPISODE_OF_CARE),
    of_type(ResourceType::CareTeam, CARE_TEAM),
    of_type(ResourceType::CarePlan, CARE_PLAN),
    of_type(ResourceType::AuditEvent, AUDIT_EVENT),
];

/// The shape of the Patient flags API, `GET /PatientFlag` (fhir.md 1, 3): Flags; with `code`, CarePlan and CareTeam "in one request".
pub const PATIENT_FLAG: &Searchable = &Searchable {
    name: "PatientFlag",
    resource: ResourceType::Flag,
    shape: ResourceShape::PatientFlag,
    own: &[PATIENT, FLAG_CODE],
    common: &[FORMAT, PRETTY],
    implied: Some(("code", &[("_include", "Flag:detail:CarePlan"), ("_include:iterate", "CarePlan:care-team")])),
};

/// Every reference that a search can follow (fhir.md 3, decisions.md 25).
pub const INCLUDE_PATHS: &[IncludePath] = &[
    path(ResourceType::Flag, "author", &[Edge::FlagAuthor], &[ResourceType::Organization]),
    path(ResourceType::Flag, "subject", &[Edge::FlagSubject], &[ResourceType::Patient]),
    path(ResourceType::Flag, "patient", &[Edge::FlagSubject], &[ResourceType::Patient]),
    path(ResourceType::Flag, "detail", &[Edge::FlagDetail], &[ResourceType::EpisodeOfCare, ResourceType::CarePlan]),
    path(ResourceType::EpisodeOfCare, "organization", &[Edge::EpisodeOrganization], &[ResourceType::Organization]),
    path(ResourceType::EpisodeOfCare, "patient", &[Edge::EpisodePatient], &[ResourceType::Patient]),
    path(ResourceType::EpisodeOfCare, "team", &[Edge::EpisodeTeam], &[ResourceType::CareTeam]),
    path(ResourceType::CareTeam, "patient", &[Edge::CareTeamSubject], &[ResourceType::Patient]),
    path(ResourceType::CareTeam, "subject", &[Edge::CareTeamSubject], &[ResourceType::Patient]),
    path(ResourceType::CarePlan, "patient", &[Edge::CarePlanSubject], &[ResourceType::Patient]),
    path(ResourceType::CarePlan, "subject", &[Edge::CarePlanSubject], &[ResourceType::Patient]),
    path(ResourceType::CarePlan, "care-team", &[Edge::CarePlanCareTeam], &[ResourceType::CareTeam]),
    path(ResourceType::AuditEvent, "agent", &[Edge::AuditAgent], &[ResourceType::PractitionerRole, ResourceType::Device]),
    path(ResourceType::AuditEvent, "source", &[Edge::AuditSource], &[ResourceType::PractitionerRole, ResourceType::Device]),
    path(ResourceType::AuditEvent, "entity", &[Edge::AuditEntity], &[ResourceType::Patient]),
    path(ResourceType::AuditEvent, "patient", &[Edge::AuditEntity], &[ResourceType::Patient]),
];

const fn path(source: ResourceType, name: &'static str, edges: &'static [Edge], targets: &'static [ResourceType]) -> IncludePath {
    IncludePath { source, name, edges, targets }
}

/// The names of the searchable resource types, as a list in a sentence.
pub fn names() -> String {
    let names: Vec<_> = SEARCHABLE.iter().map(|row| row.name).collect();
    match names.split_last() {
        Some((last, others)) => format!("{} and {last}", others.join(", ")),
        None => String::new(),
    }
}

impl Searchable {
    /// The row of a resource type; `None` if it cannot be searched.
    pub fn of(resource: ResourceType) -> Option<&'static Self> {
        SEARCHABLE.iter().find(|row| row.resource == resource)
    }

    /// Every parameter, its own first.
    pub fn parameters(&self) -> impl Iterator<Item = &'static Parameter> + use<> {
        self.own.iter().chain(self.common)
    }

    pub fn parameter(&self, name: &str) -> Option<&'static Parameter> {
        self.parameters().find(|parameter| parameter.name == name)
    }

    /// The values of `_include` that start from this type, for `/metadata`.
    pub fn includes(&self) -> impl Iterator<Item = String> + use<> {
        let resource = self.resource;
        INCLUDE_PATHS.iter().filter(move |path| path.source == resource).map(IncludePath::value)
    }

    /// The values of `_revinclude` that lead to this type, for `/metadata`.
    pub fn reverse_includes(&self) -> impl Iterator<Item = String> + use<> {
        let resource = self.resource;
        INCLUDE_PATHS.iter().filter(move |path| path.targets.contains(&resource)).map(IncludePath::value)
    }
}

impl IncludePath {
    /// `Source:name`
    pub fn value(&self) -> String {
        format!("{}:{}", self.source.name(), self.name)
    }
}

/// Our own search parameters with their types, for `[base]/SearchParameter/[id]`.
pub fn own_definitions() -> impl Iterator<Item = (&'static Searchable, &'static Parameter)> {
    SEARCHABLE
        .iter()
        .flat_map(|row| row.own.iter().map(move |parameter| (row, parameter)))
        .filter(|(_, parameter)| matches!(parameter.definition, Some(ParameterDefinition::Own { .. })))
}
