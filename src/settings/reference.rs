//! The reference for operators, `docs/settings.md`, made from the table of keys.

use super::key::{Initial, Row};
use super::names::variable;
use super::table::ROWS;
use std::fmt::Write as _;

const HEAD: &str = "\
# Settings

<!-- Made from src/settings/table.rs; `UPDATE_DOCS=1 cargo test --lib settings::` writes it anew. -->

Settings come from one TOML file (`--config FILE`, or the variable `CPIS_FHIR_CONFIG`) and from environment variables;
where both set a key, the variable wins. `smsp.breaker.failures` is

```toml
[smsp.breaker]
failures = 5
```

in the file and `CPIS_FHIR__SMSP__BREAKER__FAILURES=5` in the environment: the prefix `CPIS_FHIR__`, then the parts of the
key with `__` between them, in any letter case. The service does not start with an unknown key, a missing file or keys that
contradict each other: one message names every fault, and the exit code is 2. `cpis-fhir check` reads the settings without
starting the service.

- **Durations** are a whole number with a unit: `250ms`, `20s`, `5m`, `1h`. A number without a unit is refused, save 0. None
  is longer than 24h.
- **Days** are a whole number with `d`: `1096d`.
- **Sizes** are bytes, or a whole number with `KiB`, `MiB` or `GiB`.
- **Lists** are arrays; in a variable the text of one (`[\"demo\"]`) or words with commas (`B0107,B0170`).
- **Lists of tables** (`access.issuers[]`, `access.organisations[]`) are arrays of tables in the file; in the environment
  the text of one, in TOML (`[{ods=\"X26\", name=\"Example\"}]`) or JSON, or key by key with a number from 0:
  `CPIS_FHIR__ACCESS__ORGANISATIONS__0__ODS=X26`. The text replaces the file's list, a single key changes one item of it.
- **Secrets** are files, never values, and a secret's file should be readable by its owner only.
- **Key files** hold 32 bytes as 64 hex digits or base64, for example from `openssl rand -hex 32`. Several lines are several
  keys: the first one writes, all of them read, which is how keys are changed.
- **Demo** means `access.modes = [\"demo\"]`: both listeners must be on loopback, and key files that are not named are random
  keys that are gone after a restart.
- **Paths of claims** are names with dots between them: `trust.role`. After a name that holds a list, `[field=path]` takes the one item
  whose `field` is what `path`, from the top of the token, says: `nhsid_nrbac_roles[person_roleid=selected_roleid].role_code`. Where
  `path` is not in the token, or no selector is given, the list must have one item: a user with two roles of which none is selected
  is refused, never guessed. A claim whose own name is the whole path, dots and all, comes first.
- **SMART scopes** (`scope` or `scp`): a token with any of `patient/`, `user/` or `system/` is limited to the types that they name, `s` for
  searches, `r` for reads and for every type that an include could add; version 1's `.read` is both. The contexts count alike. Without
  any there is no limit.
- **Files are read again while the service runs**: whenever one that a setting names (certificate, key, CA, key file, password) changes,
  and at SIGHUP. No request is dropped. Each part (`smsp`, `server.tls`, `admin.tls`, `access.issuers`, `fhir.id_key_file`, `audit`, `lookup`)
  is taken or left by itself: where it cannot be used, or a certificate of ours is outside its validity, the one before stays, an error in
  the log says why, and it is counted. A key file must go on holding the key that writes, below the new one. Any other setting that
  changed is named in the log at SIGHUP and holds from the next start on.
- A certificate that is expired, not valid yet or about to expire is a warning at the start: a service that is up can say that CP-IS
  could not be asked, and takes a new certificate as soon as there is one.

The OpenTelemetry SDK's own variables (`OTEL_...`) are honoured as well.
";

const SECTIONS: [(&str, &str); 11] = [
    ("server", "The FHIR listener"),
    ("admin", "The admin listener"),
    ("smsp", "The Spine mini service"),
    ("author", "In whose name a query is made"),
    ("cpis", "CP-IS"),
    ("access", "Who may ask"),
    ("lookup", "One look, one notification"),
    ("audit", "The trail"),
    ("fhir", "The FHIR API"),
    ("limits", "Limits"),
    ("telemetry", "Telemetry"),
];

/// `docs/settings.md`: every key with its variable, form, default and meaning.
#[must_use]
pub fn reference() -> String {
    let mut text = HEAD.to_owned();
    for (section, title) in SECTIONS {
        // Writing to a String cannot fail.
        let _ = write!(text, "\n## {title}: `{section}`\n\n| Key | Value | Default | Meaning |\n|---|---|---|---|\n");
        for row in ROWS.iter().filter(|row| row.name.split('.').next() == Some(section)) {
            text.push_str(&line(row));
        }
    }
    text
}

fn line(row: &Row) -> String {
    let default = match &row.default {
        Initial::Required => "**required**".to_owned(),
        Initial::Is(value) => format!("`{value}`"),
        Initial::Otherwise(words) => words.to_string(),
    };
    let cells = [row.kind.wanted(), default, row.meaning.to_string()].map(|cell| cell.replace('|', "\\|"));
    format!("| `{}`<br>`{}` | {} |\n", row.name, variable(&row.name), cells.join(" | "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reference_in_docs_is_up_to_date() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/settings.md");
        if std::env::var_os("UPDATE_DOCS").is_some() {
            std::fs::create_dir_all(concat!(env!("CARGO_MANIFEST_DIR"), "/docs")).unwrap();
            std::fs::write(path, reference()).unwrap();
        }
        let written = std::fs::read_to_string(path).unwrap_or_default();
        assert!(written == reference(), "docs/settings.md is not what the table says; write it anew with UPDATE_DOCS=1");
    }

    #[test]
    fn every_key_has_its_row() {
        let text = reference();
        for row in ROWS.iter() {
            assert!(text.contains(&format!("| `{}`<br>`{}` |", row.name, variable(&row.name))), "{}", row.name);
        }
    }
}
