//! The form of a scenario file. `read` checks the values, so that it can report all faults together.

use super::{DefaultAnswer, behaviour};
use serde::Deserialize;
use std::collections::BTreeMap;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ScenarioFile {
    #[serde(default)]
    pub default: DefaultAnswer,
    #[serde(default = "yes")]
    pub same_author_once: bool,
    #[serde(default)]
    pub contract: ContractTable,
    /// Each entry is parsed separately, so that one bad entry does not hide the next.
    #[serde(default)]
    pub authorities: BTreeMap<String, toml::Value>,
    #[serde(default)]
    pub people: BTreeMap<String, toml::Value>,
    #[serde(default)]
    pub systems: BTreeMap<String, toml::Value>,
    #[serde(default)]
    pub children: Vec<toml::Value>,
}

fn yes() -> bool {
    true
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct ContractTable {
    pub action: Option<String>,
    pub profile_ids: Option<Vec<String>>,
    pub interaction_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AuthorityTable {
    #[serde(default)]
    pub ods: String,
    #[serde(default)]
    pub name: String,
    #[serde(default)]
    pub site: bool,
    #[serde(default)]
    pub numbers: Vec<NumberTable>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NumberTable {
    pub number: String,
    /// A list of codes, separated by spaces: `WP`, `EC`, others.
    #[serde(default, rename = "use")]
    pub uses: String,
}

/// A person who made an access, or one responsible for a system that did.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PersonTable {
    /// The SDS user id; only for a smartcard user.
    pub user_id: Option<String>,
    pub role_profile_id: Option<String>,
    /// Only for a system.
    pub asid: Option<String>,
    pub role_code: String,
    pub role_name: String,
    pub prefix: Option<String>,
    pub given: Option<String>,
    pub family: Option<String>,
    pub ods: String,
    pub organisation: String,
    #[serde(default)]
    pub site: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ChildTable {
    pub nhs_number: String,
    pub title: String,
    #[serde(default)]
    pub records: Vec<RecordTable>,
    #[serde(default)]
    pub accesses: Vec<AccessTable>,
    pub generated_accesses: Option<GeneratedAccesses>,
    #[serde(default)]
    pub behaviour: BehaviourTable,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RecordTable {
    pub authority: Option<String>,
    #[serde(default)]
    pub subjects: Vec<SubjectTable>,
    #[serde(default)]
    pub plans: Vec<PlanTable>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SubjectTable {
    pub kind: SubjectKindName,
    /// `asked`, or ten digits.
    #[serde(default = "asked")]
    pub nhs_numbers: Vec<String>,
    #[serde(default)]
    pub local_ids: Vec<LocalIdTable>,
    #[serde(default)]
    pub given: Vec<String>,
    pub family: Option<String>,
    pub born: Option<String>,
}

fn asked() -> Vec<String> {
    vec!["asked".to_owned()]
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum SubjectKindName {
    Child,
    Mother,
    Unknown,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LocalIdTable {
    pub value: String,
    #[serde(default)]
    pub assigning_authority: String,
}

/// Either `type` and `start`, or `unreadable`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PlanTable {
    #[serde(rename = "type")]
    pub kind: Option<PlanTypeName>,
    pub start: Option<String>,
    pub end: Option<String>,
    pub unreadable: Option<UnreadableName>,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "kebab-case")]
pub(super) enum PlanTypeName {
    ChildProtection,
    LookedAfter,
    UnbornChildProtection,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "kebab-case")]
pub(super) enum UnreadableName {
    UnknownTemplate,
    StartDate,
    EndDate,
    NoPlan,
    MissingRecord,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AccessTable {
    pub when: String,
    /// A key of `people` or `systems`.
    pub by: String,
    /// `asked`, or ten digits.
    pub about: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct GeneratedAccesses {
    pub count: u32,
    /// Keys of `people` or `systems`, taken in turn.
    pub by: Vec<String>,
    pub every_hours: u32,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct BehaviourTable {
    pub code: Option<String>,
    /// A text, or `absent`.
    pub total_records: Option<String>,
    pub total_accesses: Option<String>,
    #[serde(default)]
    pub hides_accesses: bool,
    #[serde(default)]
    pub reply: behaviour::ReplyShape,
    pub fault: Option<String>,
    pub http_status: Option<u16>,
    #[serde(default)]
    pub relates_to: behaviour::RelatesTo,
    pub answers_about: Option<String>,
    #[serde(default)]
    pub transport: behaviour::Transport,
    pub delay: Option<String>,
    pub drip_interval: Option<String>,
    pub reaches_cpis: Option<bool>,
}
