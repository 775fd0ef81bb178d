//! `audit verify`: one line for each finding, and a last line that says whether the trail is whole.

use super::results::cannot;
use crate::audit::archive::{Manifest, verify_archive};
use crate::audit::{self, Chain, HeadVerdict, ReadOnlyTrail, Seal, Tip, Verdict};
use crate::clock;
use crate::commands::CommandError;
use jiff::SignedDuration;
use serde_json::{Value, json};
use std::io::Write;
use std::path::{Path, PathBuf};
use tokio::runtime::Handle;

#[derive(Debug, clap::Args)]
pub struct VerifyOptions {
    /// One JSON object a line
    #[arg(long)]
    pub json: bool,
    /// Check this archive too, by its manifest, and whether it joins the others and the store. May be repeated
    #[arg(long, value_name = "MANIFEST")]
    pub archive: Vec<PathBuf>,
}

/// One line of the result.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct TrailFinding {
    kind: FindingKind,
    /// The trail's line that it is about.
    seq: Option<u64>,
    text: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FindingKind {
    /// The trail is not whole.
    Fault,
    /// A look without a known outcome: the authority may have been notified.
    UnknownOutcome,
    Note,
}

impl FindingKind {
    fn name(self) -> &'static str {
        match self {
            Self::Fault => "fault",
            Self::UnknownOutcome => "unknown-outcome",
            Self::Note => "note",
        }
    }
}

/// A look asked longer ago than this has its outcome on the trail, or none is known: no timeout can be set as long.
const SETTLED_AFTER: SignedDuration = SignedDuration::from_mins(10);

/// Checks the store, its head file and the archives that are named.
///
/// # Errors
/// [`CommandError::Failed`]: not whole. [`CommandError::Settings`]: it cannot be checked.
pub async fn run(audit: &audit::Options, options: &VerifyOptions, out: &mut dyn Write) -> Result<(), CommandError> {
    let opened = audit::open_read_only(audit, Handle::current()).await.map_err(|error| cannot(&error))?;
    let ReadOnlyTrail { reader, chain, seal, head, lost_heads } = opened;
    let settled = clock::now() - SETTLED_AFTER;
    let verdict = audit::verify::verify(&*reader, &chain, &seal, head, settled).await.map_err(|error| cannot(&error))?;
    let mut findings = archives(&options.archive, &chain, &seal, verdict.base)?;
    findings.extend(of_store(&verdict));
    findings.extend(lost_heads.iter().map(|path| lost_head(path)));
    let is_whole = verdict.is_whole() && findings.iter().all(|finding| finding.kind != FindingKind::Fault);
    tell(&findings, &verdict, is_whole, options.json, out);
    if is_whole {
        return Ok(());
    }
    Err(CommandError::Failed(
        "THE TRAIL IS NOT WHOLE. Keep the store, the head file and the service's log as they are, and see docs/audit.md"
            .to_owned(),
    ))
}

/// A closed pipe is the reader's choice and does not change the verdict.
fn tell(findings: &[TrailFinding], verdict: &Verdict, is_whole: bool, as_json: bool, out: &mut dyn Write) {
    for finding in findings {
        let line = if as_json { finding.json().to_string() } else { finding.to_string() };
        let _ = writeln!(out, "{line}");
    }
    let Verdict { base, tip, lines, .. } = verdict;
    let line = if as_json {
        json!({
            "kind": "verdict", "whole": is_whole, "first_bad": verdict.first_bad(), "lines": lines,
            "base": base.seq, "tip": tip.seq, "tip_mac": tip.mac.to_string(),
        })
        .to_string()
    } else {
        let whole = if is_whole { "WHOLE" } else { "NOT WHOLE" };
        let first = verdict.first_bad().map(|seq| format!(", first bad line {seq}")).unwrap_or_default();
        format!("{whole}: {lines} lines, {} to {}{first}; ends with {}", base.seq + 1, tip.seq, tip.mac)
    };
    let _ = writeln!(out, "{line}");
}

pub(super) fn of_store(verdict: &Verdict) -> Vec<TrailFinding> {
    let mut findings = of_lines(verdict);
    let (kind, seq, text) = match verdict.head {
        HeadVerdict::Same => (FindingKind::Note, None, "the head file ends where the store does".to_owned()),
        HeadVerdict::Behind { by } => (
            FindingKind::Note,
            None,
            format!("the store has {by} lines more than the head file: as after a crash, or while a service writes"),
        ),
        HeadVerdict::Absent => {
            (FindingKind::Note, None, "there is no head file: lines removed from the end cannot be noticed".to_owned())
        }
        HeadVerdict::Truncated { head } => (
            FindingKind::Fault,
            Some(verdict.tip.seq + 1),
            format!("removed, with all lines after it up to {head}, which the head file knows"),
        ),
        HeadVerdict::Replaced { seq } => (FindingKind::Fault, Some(seq), "is not the line that the head file names".to_owned()),
        HeadVerdict::Unreadable => {
            (FindingKind::Fault, None, "the head file was changed, or written with another key".to_owned())
        }
    };
    findings.push(TrailFinding { kind, seq, text });
    findings.extend(outcomes(verdict));
    findings.extend(notes(verdict));
    findings
}

/// A start of the service found that the head did not match the store. The proof stays until somebody removes it.
fn lost_head(path: &Path) -> TrailFinding {
    let text = format!("{}: a head file that did not match the store: lines that it knew are gone", path.display());
    TrailFinding { kind: FindingKind::Fault, seq: None, text }
}

fn of_lines(verdict: &Verdict) -> Vec<TrailFinding> {
    let fault =
        |fault: &audit::Fault| TrailFinding { kind: FindingKind::Fault, seq: Some(fault.seq), text: fault.what.to_string() };
    let mut findings: Vec<TrailFinding> = verdict.faults.iter().map(fault).collect();
    let listed = findings.len() as u64;
    let search = |fault: &audit::SearchFault| TrailFinding { kind: FindingKind::Fault, seq: None, text: fault.to_string() };
    findings.extend(verdict.searches.iter().map(search));
    if verdict.fault_count > listed {
        let text = format!("{} further faults are not listed", verdict.fault_count - listed);
        findings.push(TrailFinding { kind: FindingKind::Fault, seq: None, text });
    }
    findings
}

fn outcomes(verdict: &Verdict) -> Vec<TrailFinding> {
    let outcomes = &verdict.outcomes;
    let open = "asked, and no outcome follows: the service ended in between, and the authority may have been notified";
    let unknown = "the outcome is unknown: the query may have been delivered, and the authority notified";
    let mut findings = Vec::new();
    for (listed, text) in [(&outcomes.open, open), (&outcomes.unknown, unknown)] {
        let finding = |seq: &u64| TrailFinding { kind: FindingKind::UnknownOutcome, seq: Some(*seq), text: text.to_owned() };
        findings.extend(listed.first.iter().map(finding));
        let rest = listed.count.saturating_sub(listed.first.len() as u64);
        if rest > 0 {
            findings.push(TrailFinding {
                kind: FindingKind::UnknownOutcome,
                seq: None,
                text: format!("{rest} further looks: {text}"),
            });
        }
    }
    if outcomes.is_incomplete {
        let text = "too many looks were open at once to follow all: there may be more without an outcome".to_owned();
        findings.push(TrailFinding { kind: FindingKind::UnknownOutcome, seq: None, text });
    }
    findings
}

fn notes(verdict: &Verdict) -> Vec<TrailFinding> {
    let mut notes = Vec::new();
    if verdict.base.seq > 0 {
        notes.push(format!("lines 1 to {} are in archives (--archive checks them)", verdict.base.seq));
    }
    if verdict.outcomes.pending > 0 {
        notes.push(format!("{} looks were asked a moment ago and wait for their outcome", verdict.outcomes.pending));
    }
    if let Some(backwards) = verdict.backwards {
        notes.push(format!(
            "{} lines have a time before that of an earlier line, by up to {}; the first is line {}",
            backwards.count, backwards.most, backwards.first
        ));
    }
    if verdict.sealed > 0 {
        notes.push(format!("{} lines hold an NHS number that no given key opens: their index is not checked", verdict.sealed));
    }
    let versions: Vec<String> = verdict.software.iter().map(|(version, lines)| format!("{version} ({lines} lines)")).collect();
    if !versions.is_empty() {
        notes.push(format!("written by version {}", versions.join(", ")));
    }
    let note = |text: String| TrailFinding { kind: FindingKind::Note, seq: None, text };
    notes.into_iter().map(note).collect()
}

/// Checks each archive by itself, and whether they join each other and the store.
fn archives(manifests: &[PathBuf], chain: &Chain, seal: &Seal, base: Tip) -> Result<Vec<TrailFinding>, CommandError> {
    let (mut findings, mut spans) = (Vec::new(), Vec::new());
    for path in manifests {
        let of = |error: &dyn std::fmt::Display| CommandError::Settings(format!("--archive {}: {error}", path.display()));
        let manifest = Manifest::read(path).map_err(|error| of(&error))?;
        let verdict = match verify_archive(path, chain, seal) {
            Ok(verdict) => verdict,
            Err(audit::archive::ArchiveError::Manifest) => {
                let text = format!("{}: the manifest is not attested with a chain key", path.display());
                findings.push(TrailFinding { kind: FindingKind::Fault, seq: None, text });
                continue;
            }
            Err(error) => return Err(of(&error)),
        };
        findings.extend(of_lines(&verdict));
        if let Some(seq) = verdict.first_bad().filter(|_| verdict.faults.is_empty()) {
            let text = format!("{}: the archive does not hold what its manifest says", path.display());
            findings.push(TrailFinding { kind: FindingKind::Fault, seq: Some(seq), text });
        }
        findings.extend(outcomes(&verdict));
        let text = format!("{}: {} lines, {} to {}", path.display(), verdict.lines, verdict.base.seq + 1, verdict.tip.seq);
        findings.push(TrailFinding { kind: FindingKind::Note, seq: None, text });
        spans.push((manifest.begins_after(), manifest.ends_with()));
    }
    findings.extend(joins(spans, base));
    Ok(findings)
}

/// The next archive or the store begins where an archive ends, unless archives in between were not named.
pub(super) fn joins(mut spans: Vec<(Tip, Tip)>, base: Tip) -> Vec<TrailFinding> {
    spans.sort_by_key(|(after, _)| after.seq);
    let begins = spans.iter().skip(1).map(|(after, _)| *after).chain([base]);
    let mut findings = Vec::new();
    for ((_, end), begin) in spans.iter().zip(begins) {
        if begin.seq > end.seq {
            let text = format!("lines {} to {} are in archives that were not named", end.seq + 1, begin.seq);
            findings.push(TrailFinding { kind: FindingKind::Note, seq: None, text });
        } else if begin != *end {
            let text = "what follows the archive does not continue it".to_owned();
            findings.push(TrailFinding { kind: FindingKind::Fault, seq: Some(begin.seq + 1), text });
        }
    }
    findings
}

impl TrailFinding {
    fn json(&self) -> Value {
        json!({ "kind": self.kind.name(), "seq": self.seq, "text": self.text })
    }
}

impl std::fmt::Display for TrailFinding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let kind = match self.kind {
            FindingKind::Fault => "FAULT",
            FindingKind::UnknownOutcome => "UNKNOWN OUTCOME",
            FindingKind::Note => "note",
        };
        match self.seq {
            Some(seq) => write!(f, "{kind}: line {seq}: {}", self.text),
            None => write!(f, "{kind}: {}", self.text),
        }
    }
}
